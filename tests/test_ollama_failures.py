"""What both clients say of a server that fails, or that is none."""

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ragkit.errors import (
    BadVectorError,
    ContextLengthError,
    ModelCrashError,
    ModelLoadError,
    ModelNotFoundError,
    ModelUnfitError,
    NotOllamaError,
    OllamaAccessError,
    OllamaBusyError,
    OllamaError,
    OllamaReplyError,
    OllamaRequestError,
    OllamaUnreachableError,
)
from ragkit.ollama.said import read
from tests.both_clients import CLIENTS, HELLO, Connect, connecting
from tests.replay import Answer, Server, json_reply, stream_reply, whole

VERSION = json_reply({"version": "1"})


@pytest.fixture(params=CLIENTS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    yield from connecting(request.param)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        yield found


def says(*start: bytes) -> Answer:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"".join(start))

    return answer


# -- the text of an error

NESTED = {
    "error": {
        "code": 400,
        "message": "request (9 tokens) exceeds the available context size (4 tokens)",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 9,
        "n_ctx": 4,
    }
}
DEEP = b'{"error":' + b"[" * 500 + b"1" + b"]" * 500 + b"}"
SAID: list[tuple[str, bytes, type[OllamaError], str]] = [
    ("500 Error", b'{"error":"x"}', OllamaError, "Ollama failed: x"),
    ("500 Error", b'{"error":{}}', OllamaError, "Ollama failed: it does not say why"),
    ("500 Error", b"", OllamaError, "Ollama failed: it does not say why"),
    ("500 Error", b'{"error":""}', OllamaError, "Ollama failed: it does not say why"),
    ("500 Error", b'{"error":null}', OllamaError, "Ollama failed: None"),
    ("500 Error", b'{"error":{"message":"x"}}', OllamaError, "Ollama failed: x"),
    ("500 Error", b'{"error":{"other":1}}', OllamaError, "Ollama failed: {'other': 1}"),
    ("500 Error", b'{"error":["x"]}', OllamaError, "Ollama failed: ['x']"),
    ("500 Error", b'{"error":"{oops"}', OllamaError, "Ollama failed: {oops"),
    ("500 Error", b'{"error":"{\\"a\\":1}"}', OllamaError, 'Ollama failed: {"a":1}'),
    ("500 Error", b'{"error":"a\\n\\u001b[31mb"}', OllamaError, "Ollama failed: a �[31mb"),
    ("500 Error", b'{"error":"\\ud800"}', OllamaError, "Ollama failed: �"),
    ("500 Error", b'{"error":"caf\xe9"}', OllamaError, "Ollama failed: caf�"),
    ("500 Error", b'{"error":"x","n":NaN}', OllamaError, "Ollama failed: x"),
    ("500 Error", b'{"error":"x","n":' + b"9" * 99 + b"}", OllamaError, "Ollama failed: x"),
    ("500 Error", DEEP, OllamaError, "Ollama failed: [[["),
    ("500 Error", b'{"error":' + b"[" * 99_999, NotOllamaError, "not answered as by Ollama: 500"),
    ("500 Error", b'{"error":"' + b"x" * 9999 + b'"}', OllamaError, "Ollama failed: xxx"),
    ("500 Error", b'{"error":"EOF"}', ModelCrashError, "the model 'm' crashed: EOF"),
    ("400 Bad", b'{"error":"embedding contains NaN or Inf values"}', BadVectorError, "NaN or Inf"),
    ("400 Bad", b'{"error":"time: invalid duration \\"NaN\\""}', OllamaRequestError, "duration"),
    ("400 Bad", b'{"error":"x"}', OllamaRequestError, "Ollama refuses the request: x"),
    ("400 Bad", json.dumps({"error": json.dumps(NESTED)}).encode(), ContextLengthError, "9 tokens"),
    ("404 Gone", b'{"error":"model \'m\' not found"}', ModelNotFoundError, "'m' is not installed"),
    ("404 Gone", b'{"detail":"Not Found"}', NotOllamaError, '404 {"detail":"Not Found"}'),
    ("404 Gone", b'{"error":{"message":"File Not Found"}}', NotOllamaError, "404 File Not Found"),
    ("404 Gone", b"404 page not found", NotOllamaError, "as by Ollama: 404 page not found"),
    ("405 No", b"405 method not allowed", NotOllamaError, "405 method not allowed"),
    ("403 No", b"", OllamaAccessError, "refuses access: it does not serve this host name"),
    ("403 No", b'{"error":"ollama cloud is disabled"}', OllamaAccessError, "cloud is disabled"),
    ("401 No", b"<h1>Log in</h1>", OllamaAccessError, "refuses access: Log in"),
    ("401 No", b"", OllamaAccessError, "refuses access: 401"),
    ("429 No", b'{"StatusCode":429,"error":"slow down"}', OllamaBusyError, "is busy: slow down"),
    ("429 No", b"", OllamaBusyError, "is busy: 429"),
    ("502 Bad Gateway", b"<html><style>p{}</style><title>502</title><h1>502 Bad Gateway</h1>",
     NotOllamaError, "as by Ollama: 502 Bad Gateway"),
    ("503 No", b"<p>No server is available", NotOllamaError, "503 No server is available"),
    ("502 Bad", b'{"error":"dial tcp"}', OllamaError, "Ollama failed: dial tcp"),
    ("302 Found", b"", NotOllamaError, "as by Ollama: 302"),
    ("200 OK", b'{"error":"x"}', OllamaError, "Ollama failed: x"),
    ("200 OK", b'{"error":"x","status":400}', OllamaRequestError, "refuses the request: x"),
    ("500 Error", b'{"error":"timed out waiting for llama runner"}', ModelLoadError, "timed out"),
    ("500 Error", b'{"error":"unable to load full model on GPU"}', ModelLoadError, "on GPU"),
    ("500 Error", b'{"error":"x: this model may be incompatible with your version of Ollama"}',
     ModelLoadError, "incompatible"),
    ("400 Bad", b'{"error":"this server cannot run this remote model"}', ModelUnfitError, "remote"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "text"), SAID)
def test_error_has_its_class_and_its_text(
    connect: Connect,
    server: Server,
    status: str,
    body: bytes,
    kind: type[OllamaError],
    text: str,
) -> None:
    server.plays(json_reply(body, status))
    with pytest.raises(kind) as caught:
        connect(server.url, retries=0).embed("m", "t")
    assert type(caught.value) is kind
    assert text in caught.value.message
    assert caught.value.status == int(status[:3])
    assert caught.value.hint
    assert len(caught.value.message) < 450
    assert caught.value.message.isprintable()


def test_sizes_of_what_is_too_long_are_kept(connect: Connect, server: Server) -> None:
    server.plays(json_reply({"error": json.dumps(NESTED)}, "400 Bad Request"))
    with pytest.raises(ContextLengthError) as caught:
        connect(server.url).chat("m", HELLO)
    assert (caught.value.n_ctx, caught.value.n_prompt_tokens) == (4, 9)
    server.plays(
        json_reply({"error": {"message": "maximum context length", "n_ctx": "x"}}, "400 x")
    )
    with pytest.raises(ContextLengthError) as caught:
        connect(server.url).chat("m", HELLO)
    assert caught.value.n_ctx is None


def hint_of(connect: Connect, address: str, reply: str = "version", *given: Any) -> str:  # noqa: ANN401
    with pytest.raises(OllamaError) as caught:
        getattr(connect(address, retries=0), reply)(*given)
    return caught.value.hint


def test_hint_says_what_to_type(connect: Connect, server: Server) -> None:
    sign_in = {"error": "unauthorized", "signin_url": "https://ollama.com/connect?name=x"}
    for status, value, hint in (
        ("401 No", sign_in, "https://ollama.com/connect?name=x"),
        ("401 No", {"error": "unauthorized"}, "OLLAMA_API_KEY"),
        ("403 No", {"error": "cloud is disabled"}, "ollama signin"),
        ("404 No", {"error": "model 'a b' not found"}, "ollama pull 'a b'"),
        ("500 No", {"error": "requires more system memory"}, "a smaller num_ctx"),
        ("500 No", {"error": "timed out waiting for llama"}, "OLLAMA_LOAD_TIMEOUT"),
        ("500 No", {"error": "error loading model"}, "ollama pull 'a b'"),
        ("503 No", {"error": "busy"}, "OLLAMA_MAX_QUEUE"),
    ):
        server.plays(json_reply(value, status))
        assert hint in hint_of(connect, server.url, "chat", "a b", HELLO)


def test_download_that_fails_otherwise_is_told(connect: Connect, server: Server) -> None:
    for text, hint in (("insecure protocol http", "insecure=True"), ("digest mismatch", "log")):
        server.plays(stream_reply({"status": "pulling manifest"}, {"error": text}))
        with pytest.raises(OllamaError, match=f"cannot pull 'm': {text}") as caught:
            list(connect(server.url).pull_stream("m"))
        assert hint in caught.value.hint


# -- no reply


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that nothing listens on, and that nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_refused_connection_says_how_to_start_a_server(connect: Connect, dead_port: int) -> None:
    address = f"http://127.0.0.1:{dead_port}"
    for method in ("version", "chat_stream"):
        given: tuple[Any, ...] = ("m", HELLO) if method == "chat_stream" else ()
        with pytest.raises(OllamaUnreachableError) as caught:
            list(getattr(connect(address), method)(*given))
        assert caught.value.message == f"no Ollama server at {address}"
        assert "ollama serve" in caught.value.hint


def test_host_without_an_address_is_unreachable(connect: Connect) -> None:
    assert "ollama serve" in hint_of(connect, "http://no-such-host.invalid.local:1")


def test_host_elsewhere_has_another_remedy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, dead_port: int
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{dead_port}")
    with pytest.raises(OllamaUnreachableError) as caught:
        connect("http://ollama.example.com").version()
    assert "OLLAMA_HOST=0.0.0.0" in caught.value.hint
    assert "HTTP_PROXY" in caught.value.hint


def test_proxy_that_refuses_is_told(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    server.plays(whole(b"", "407 Proxy Authentication Required"))
    with pytest.raises(NotOllamaError, match=r"proxy on the way .* refuses: 407") as caught:
        connect("https://ollama.example.com").version()
    assert "NO_PROXY" in caught.value.hint


def test_server_without_tls_is_told(connect: Connect, server: Server) -> None:
    server.plays(VERSION)
    with pytest.raises(OllamaUnreachableError, match="no safe connection") as caught:
        connect(server.url.replace("http:", "https:")).version()
    assert "use http://" in caught.value.hint


@pytest.mark.parametrize(
    "start",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"\x15\x03\x01\x00\x02",
        b"\x15\x03\x01\x00\x02\x02\x0a",  # an alert of TLS
        b"220 mail\r\n",
    ],
)
def test_server_that_does_not_speak_http_is_told(
    connect: Connect, server: Server, start: bytes
) -> None:
    server.plays(says(start, b"\r\n\r\n"))
    with pytest.raises(NotOllamaError, match="does not speak HTTP"):
        connect(server.url).version()
    assert len(server.requests) == 1


def test_html_is_not_ollama(connect: Connect, server: Server) -> None:
    server.plays(whole(b"<title>Router</title><h1>Log in", "200 OK", ("Content-Type", "text/html")))
    with pytest.raises(NotOllamaError, match="200 Log in"):
        connect(server.url).version()
    server.plays(whole(b"", "200 OK", ("Content-Type", "text/html")))
    with pytest.raises(NotOllamaError, match="as by Ollama: 200"):
        connect(server.url).version()


def test_redirect_says_where_to(connect: Connect, server: Server) -> None:
    server.plays(whole(b"moved", "301 Moved", ("Location", "https://example.com/x")))
    with pytest.raises(NotOllamaError, match=r"301 go to https://example\.com/x"):
        connect(server.url).version()
    assert len(server.requests) == 1  # the key would go along


@pytest.mark.parametrize("begun", ["<", "<script>", "<title x", "<a", "</style"])
def test_page_of_tags_without_an_end_is_looked_through_once(begun: str) -> None:
    page = f"<style>p {{}}</style><h1>502 Bad</h1> Gateway {begun * (100_000 // len(begun))}"
    assert read(page.encode()).text.startswith("502 Bad Gateway")


def test_compressed_error_is_read(connect: Connect, server: Server) -> None:
    body = gzip.compress(b'{"error":"model is required"}')
    server.plays(whole(body, "400 Bad", ("Content-Encoding", "gzip")))
    with pytest.raises(OllamaRequestError, match="model is required"):
        connect(server.url).show("")


def test_compression_that_is_none_is_told(connect: Connect, server: Server) -> None:
    server.plays(whole(b"oops", "200 OK", ("Content-Encoding", "gzip")))
    with pytest.raises(OllamaReplyError, match="cannot be unpacked"):
        connect(server.url).version()
