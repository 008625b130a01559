"""What both clients send, and what they make of the replies that come whole."""

import base64
import hashlib
import inspect
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit.errors import (
    ConfigError,
    NoSuchPathError,
    OllamaReplyError,
    OllamaRequestError,
)
from ragkit.ollama import AsyncClient, ChatReply, Client, Metrics, ToolCall
from ragkit.ollama.clients import _Settings
from ragkit.ollama.files import blocks_of
from tests.both_clients import CLIENTS, DONE, HELLO, Connect, connecting
from tests.replay import Reply, Request, Server, json_reply, stream_reply, whole

SUCCESS = {"status": "success"}
EMPTY = whole(b"")


@pytest.fixture(params=CLIENTS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    yield from connecting(request.param)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        yield found


def asked(
    connect: Connect,
    server: Server,
    reply: Reply,
    method: str,
    **given: Any,  # noqa: ANN401
) -> Request:
    """Return the request that a method sends."""
    server.plays(reply)
    result = getattr(connect(server.url), method)(**given)
    if inspect.isgenerator(result):
        list(result)
    (request,) = server.requests
    return request


# -- requests

REQUESTS: list[tuple[str, dict[str, Any], str, object, Reply]] = [
    ("chat", {"model": "m", "messages": HELLO}, "POST /api/chat",
     {"model": "m", "messages": HELLO, "stream": False}, json_reply(DONE)),
    ("chat_stream", {"model": "m", "messages": HELLO}, "POST /api/chat",
     {"model": "m", "messages": HELLO, "stream": True}, stream_reply(DONE)),
    ("generate", {"model": "m", "prompt": "p"}, "POST /api/generate",
     {"model": "m", "prompt": "p", "stream": False}, json_reply({"response": "r", "done": True})),
    ("generate_stream", {"model": "m"}, "POST /api/generate",
     {"model": "m", "prompt": "", "stream": True}, stream_reply({"response": "r", "done": True})),
    ("embed", {"model": "m", "input": "t"}, "POST /api/embed",
     {"model": "m", "input": "t"}, json_reply({"embeddings": [[1]]})),
    ("embed", {"model": "m", "input": ("t", "u"), "truncate": False, "dimensions": 1},
     "POST /api/embed",
     {"model": "m", "input": ["t", "u"], "truncate": False, "dimensions": 1},
     json_reply({"embeddings": [[1], [2]]})),
    ("embeddings", {"model": "m", "prompt": "t", "keep_alive": 0}, "POST /api/embeddings",
     {"model": "m", "prompt": "t", "keep_alive": 0}, json_reply({"embedding": [1]})),
    ("tags", {}, "GET /api/tags", None, json_reply({"models": []})),
    ("ps", {}, "GET /api/ps", None, json_reply({"models": []})),
    ("version", {}, "GET /api/version", None, json_reply({"version": "1"})),
    ("show", {"model": "m"}, "POST /api/show", {"model": "m"}, json_reply({"details": {}})),
    ("pull", {"model": "m"}, "POST /api/pull", {"model": "m", "stream": False},
     json_reply(SUCCESS)),
    ("pull_stream", {"model": "m", "insecure": True}, "POST /api/pull",
     {"model": "m", "insecure": True, "stream": True}, stream_reply(SUCCESS)),
    ("push", {"model": "m"}, "POST /api/push", {"model": "m", "stream": False},
     json_reply(SUCCESS)),
    ("push_stream", {"model": "m"}, "POST /api/push", {"model": "m", "stream": True},
     stream_reply(SUCCESS)),
    ("create", {"model": "m", "from_": "n", "system": "s"}, "POST /api/create",
     {"model": "m", "from": "n", "system": "s", "stream": False}, json_reply(SUCCESS)),
    ("create_stream", {"model": "m", "files": {"a": "sha256:0"}, "messages": HELLO},
     "POST /api/create",
     {"model": "m", "files": {"a": "sha256:0"}, "messages": HELLO, "stream": True},
     stream_reply(SUCCESS)),
    ("copy", {"source": "m", "destination": "n"}, "POST /api/copy",
     {"source": "m", "destination": "n"}, EMPTY),
    ("delete", {"model": "m"}, "DELETE /api/delete", {"model": "m"}, EMPTY),
    ("v1_chat", {"model": "m", "messages": HELLO, "seed": 1}, "POST /v1/chat/completions",
     {"model": "m", "messages": HELLO, "seed": 1, "stream": False},
     json_reply({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]})),
    ("v1_chat_stream", {"model": "m", "messages": HELLO}, "POST /v1/chat/completions",
     {"model": "m", "messages": HELLO, "stream": True}, stream_reply(b"data: [DONE]\n\n")),
    ("v1_embeddings", {"model": "m", "input": ["t"], "dimensions": 1}, "POST /v1/embeddings",
     {"model": "m", "input": ["t"], "dimensions": 1}, json_reply({"data": []})),
    ("v1_models", {}, "GET /v1/models", None, json_reply({"data": None})),
]  # fmt: skip


@pytest.mark.parametrize(("method", "given", "line", "body", "reply"), REQUESTS)
def test_method_sends_its_request(
    connect: Connect,
    server: Server,
    method: str,
    given: dict[str, Any],
    line: str,
    body: object,
    reply: Reply,
) -> None:
    request = asked(connect, server, reply, method, **given)
    assert f"{request.method} {request.path}" == line
    assert request.json == body
    assert request.headers.get("content-type") == (None if body is None else "application/json")
    assert request.headers["accept-encoding"] == "identity"


def test_both_clients_have_the_same_methods_with_the_signatures_of_the_endpoints() -> None:
    names = {name for name in vars(Client) if name[0] != "_"} | set(vars(_Settings))
    for name in sorted(names - set(vars(_Settings))):
        one, other = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(one).parameters == inspect.signature(other).parameters
        assert one.__doc__ == other.__doc__
        assert one.__name__ == name
    assert list(inspect.signature(Client.chat).parameters)[:4] == [
        "self", "model", "messages", "tools",
    ]  # fmt: skip


def test_all_fields_have_the_names_of_ollama(connect: Connect, server: Server) -> None:
    given: dict[str, Any] = {
        "tools": [{"type": "function"}],
        "format": {"type": "object"},
        "options": {"num_ctx": 8192},
        "keep_alive": "10m",
        "think": "high",
        "truncate": False,
        "shift": False,
        "logprobs": True,
        "top_logprobs": 2,
    }
    request = asked(connect, server, json_reply(DONE), "chat", model="m", messages=HELLO, **given)
    assert request.json == {"model": "m", "messages": HELLO, "stream": False, **given}


@pytest.mark.parametrize(
    ("given", "sent"),
    [("300", 300), ("-1", -1), (-1, -1), (42.5, 42.5), ("10m", "10m"), ("--5", "--5"), (0, 0)],
)
def test_keep_alive_in_seconds_is_sent_as_a_number(
    connect: Connect, server: Server, given: str | float, sent: str | float
) -> None:
    reply = json_reply({"embeddings": []})
    assert asked(connect, server, reply, "embed", model="m", keep_alive=given).json == {
        "model": "m", "input": [], "keep_alive": sent,
    }  # fmt: skip


def test_images_are_sent_as_base64(connect: Connect, server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    images = [tmp_path / "a.png", str(tmp_path / "a.png"), b"\x89PNG"]
    sent = [base64.b64encode(b"\x89PNG").decode()] * 3
    message = {"role": "user", "content": "what is it?", "images": images}
    request = asked(connect, server, json_reply(DONE), "chat", model="m", messages=[message])
    assert request.json["messages"] == [{**message, "images": sent}]
    reply = json_reply({"response": "", "done": True})
    assert (
        asked(connect, server, reply, "generate", model="m", images=images).json["images"] == sent
    )


@pytest.mark.parametrize("image", ["gone.png", "null\x00.png", Path("gone.png")])
def test_image_that_is_not_there_is_told_before_anything_is_sent(
    connect: Connect, image: str | Path
) -> None:
    with pytest.raises(NoSuchPathError, match="no such file"):
        connect("127.0.0.1:1").generate("m", images=[image])


def test_file_that_cannot_be_read_is_told(connect: Connect, tmp_path: Path) -> None:
    for path in (str(tmp_path), "iVBOR" * 1000):
        with pytest.raises(ConfigError, match="cannot read") as caught:
            connect("127.0.0.1:1").generate("m", images=[path])
        assert len(caught.value.message) < 200


def test_text_that_is_no_unicode_is_sent_as_escapes(connect: Connect, server: Server) -> None:
    reply = json_reply({"embeddings": [[1]]})
    assert (
        asked(connect, server, reply, "embed", model="m", input="\ud800").json["input"] == "\ud800"
    )


def test_a_path_before_api_is_kept(connect: Connect, server: Server) -> None:
    server.plays(json_reply({"version": "1"}))
    assert connect(f"{server.url}/ollama/").version() == "1"
    assert server.requests[0].path == "/ollama/api/version"


# -- uploads


def test_model_is_made_from_files_that_are_sent_first(
    connect: Connect, server: Server, tmp_path: Path
) -> None:
    weights, adapter = tmp_path / "a.gguf", tmp_path / "b.gguf"
    weights.write_bytes(b"weights" * 400_000)  # more than one block
    adapter.write_bytes(b"adapter")
    digests = [f"sha256:{hashlib.sha256(p.read_bytes()).hexdigest()}" for p in (weights, adapter)]
    missing, there = whole(b"", "404 Not Found"), whole(b"", "201 Created")
    server.plays(missing, there, EMPTY, json_reply(SUCCESS))
    status = connect(server.url).create_from_files(
        "m", {"model.gguf": weights}, adapters={"adapter.gguf": str(adapter)}, system="s"
    )
    assert status.status == "success"
    assert [(request.method, request.path) for request in server.requests] == [
        ("HEAD", f"/api/blobs/{digests[0]}"),
        ("POST", f"/api/blobs/{digests[0]}"),
        ("HEAD", f"/api/blobs/{digests[1]}"),
        ("POST", "/api/create"),
    ]
    assert server.requests[1].body == weights.read_bytes()
    assert server.requests[1].headers["content-length"] == str(weights.stat().st_size)
    assert server.requests[3].json == {
        "model": "m",
        "files": {"model.gguf": digests[0]},
        "adapters": {"adapter.gguf": digests[1]},
        "system": "s",
        "stream": False,
    }


def test_model_is_made_without_adapters(connect: Connect, server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"weights")
    server.plays(EMPTY, json_reply(SUCCESS))
    connect(server.url).create_from_files("m", {"a.gguf": tmp_path / "a.gguf"})
    assert server.requests[1].json.keys() == {"model", "files", "stream"}


def test_upload_of_a_file_that_is_not_there_is_told(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(NoSuchPathError, match="no such file"):
        connect("127.0.0.1:1").upload(tmp_path / "gone.gguf")


def test_upload_of_a_file_that_goes_away_is_told(
    connect: Connect, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"weights")

    def take_away(connection: socket.socket) -> None:
        file.unlink()
        connection.sendall(whole(b"", "404 Not Found").on_the_wire())

    server.plays(take_away, EMPTY)
    with pytest.raises(NoSuchPathError):
        connect(server.url).upload(file)


def test_file_that_changes_while_it_is_sent_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    assert b"".join(blocks_of(tmp_path / "a", 7)) == b"weights"
    for announced in (3, 9):
        with pytest.raises(ConfigError, match="changes while it is sent"):
            list(blocks_of(tmp_path / "a", announced))


def test_blob_that_is_refused_is_told(connect: Connect, server: Server, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    server.plays(whole(b"", "404 Not Found"), json_reply({"error": "digest mismatch"}, "400 Bad"))
    with pytest.raises(OllamaRequestError, match="digest mismatch"):
        connect(server.url).upload(tmp_path / "a")


# -- replies


def test_reply_is_typed(connect: Connect, server: Server) -> None:
    calls = [{"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}]
    message = {"content": "hi", "thinking": "hm", "tool_calls": calls}
    record = {**DONE, "model": "m", "message": message, "eval_count": 2}
    server.plays(json_reply(record))
    reply = connect(server.url).chat("m", HELLO)
    assert reply == ChatReply(
        "hi", "hm", (ToolCall("f", {"a": 1}, "c"),), (), True, "stop", "m", Metrics(eval_count=2)
    )
    assert reply.message == {"role": "assistant", **message}
    assert ChatReply("x").message == {"role": "assistant", "content": "x"}
    assert ChatReply.joined([]) == ChatReply("")


def test_arguments_of_a_tool_call_may_be_text(connect: Connect, server: Server) -> None:
    calls = [{"function": {"name": "f", "arguments": '{"a": 1}'}}, {"function": {"name": "g"}}]
    choice = {"message": {"content": None, "tool_calls": calls}, "finish_reason": "tool_calls"}
    server.plays(json_reply({"choices": [choice]}))
    reply = connect(server.url).v1_chat("m", HELLO)
    assert reply.tool_calls == (ToolCall("f", {"a": 1}), ToolCall("g", {}))


@pytest.mark.parametrize("value", [b"[[NaN,1]]", b"[[null,1]]"])
def test_number_that_is_none_is_nan(connect: Connect, server: Server, value: bytes) -> None:
    server.plays(json_reply(b'{"embeddings":%b}' % value))
    found = connect(server.url).embed("m", "t").embeddings
    assert np.isnan(found[0, 0])
    assert found[0, 1] == 1


def test_number_too_large_for_float32_is_infinite(connect: Connect, server: Server) -> None:
    server.plays(json_reply({"embeddings": [[1e300]]}))
    assert np.isinf(connect(server.url).embed("m", "t").embeddings).all()


def test_nulls_are_zeros(connect: Connect, server: Server) -> None:
    nulls = dict.fromkeys(["model", "done_reason", "eval_count", "logprobs"])
    server.plays(json_reply({**nulls, "message": None, "done": True}))
    assert connect(server.url).chat("m", HELLO) == ChatReply("", done=True)


def test_context_length_is_that_of_the_text_part(connect: Connect, server: Server) -> None:
    info = {"m.vision.context_length": 1, "m.text.context_length": 2, "m.embedding_length": None}
    server.plays(json_reply({"details": {}, "model_info": info}))
    found = connect(server.url).show("m")
    assert (found.context_length, found.embedding_length, found.num_ctx) == (2, None, None)


BROKEN = {
    "version": [b"", b" ", b"[]", b"{}", b"3", b'"x"', b"null",
                b'{"version":', b"\xff", b"[" * 99_999],
    "embed": [b'{"embeddings":5}', b'{"embeddings":[1]}', b'{"embeddings":[[1],[1,2]]}',
              b'{"embeddings":["x"]}', b'{"embeddings":[[{}]]}', b'{"embeddings":[[[1]]]}'],
    "chat": [b'{"done":true,"message":{"content":[]}}', b'{"done":true,"message":"x"}', b"{}",
             b'{"done":true,"eval_count":Infinity}', b'{"done":true,"eval_count":[1]}',
             b'{"done":true,"message":{"tool_calls":[{"function":{"name":"f","arguments":"{"}}]}}'],
    "show": [b'{"details":null}', b'{"details":{},"model_info":{"x.context_length":[]}}'],
}  # fmt: skip


@pytest.mark.parametrize(("method", "body"), [(m, b) for m, all_ in BROKEN.items() for b in all_])
def test_reply_that_makes_no_sense_is_told(
    connect: Connect, server: Server, method: str, body: bytes
) -> None:
    server.plays(json_reply(body))
    given: dict[str, Any] = {"chat": {"messages": HELLO}, "version": {}}.get(method, {})
    model = {} if method == "version" else {"model": "m"}
    with pytest.raises(OllamaReplyError) as caught:
        getattr(connect(server.url), method)(**model, **given)
    assert caught.value.hint
    assert len(caught.value.message) < 250


@pytest.mark.no_cover
def test_reply_cut_anywhere_is_told(connect: Connect, server: Server) -> None:
    reply = json_reply({"embeddings": [[1.5, 2.5]], "model": "é"})
    body = reply.chunks[0]
    client = connect(server.url, retries=0)
    for at in range(len(body)):
        server.plays(whole(body[:at], "200 OK", *reply.headers[:1]))  # as if it were all
        with pytest.raises(OllamaReplyError, match=r"no JSON|empty"):
            client.embed("m", "t")
        server.plays(Reply(reply.status, reply.headers, [body[:at]]))  # less than was promised
        with pytest.raises(OllamaReplyError, match="broke"):
            client.embed("m", "t")


@pytest.mark.no_cover
def test_reply_of_100_mb_is_read(connect: Connect, server: Server) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for part in (b'{"version":"1","more":"', *[b"x" * 10**6] * 100, b'"}'):
            connection.sendall(part)

    server.plays(answer)
    assert connect(server.url).version() == "1"
