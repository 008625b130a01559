"""Connections: none on import, shared by threads, past proxies, with a key where it belongs."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ragkit.errors import ConfigError, OllamaError
from ragkit.ollama import AsyncClient, Client, endpoints
from tests.both_clients import CLIENTS, DONE, HELLO, Connect, connecting
from tests.ollama_server import Server as Ollama
from tests.replay import Server, json_reply, stream_reply


@pytest.fixture(params=CLIENTS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    yield from connecting(request.param)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        yield found


def test_importing_opens_nothing() -> None:
    program = (
        "import sys\n"
        "def hook(event, arguments):\n"
        "    if event.startswith('socket.'): raise SystemExit(event)\n"
        "sys.addaudithook(hook)\n"
        "import ragkit.ollama as ollama; ollama.Client(); ollama.AsyncClient()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_closed_client_sends_nothing(connect: Connect, server: Server) -> None:
    server.plays(json_reply({"version": "1"}))
    client = connect(server.url)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.version()
    assert not server.requests


def test_eight_threads_share_a_client(server: Server) -> None:
    server.plays(stream_reply(*[{"message": {"content": "x"}, "done": False}] * 50, DONE))
    start = threading.Barrier(8)

    def talk(client: Client) -> str:
        start.wait()
        return "".join(piece.content for _ in range(5) for piece in client.chat_stream("m", HELLO))

    with Client(server.url) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(talk, [client] * 8))
    assert answers == [("x" * 50 + "hi") * 5] * 8


def test_a_forked_process_does_not_share_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with Client("127.0.0.1") as client:
        before, other = client._http, client.within(1)
        assert other._http is before
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert client._http is not before
        assert other._http is client._http
        monkeypatch.undo()
        assert client._http is before


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # as of any loop that is just left
def test_a_client_serves_one_loop_after_another(ollama: Ollama) -> None:
    client = AsyncClient(ollama.url)
    releases = {asyncio.run(client.version()) for _ in range(3)}
    assert releases == {"0.33.0-rc2"}
    asyncio.run(client.close())
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(client.version())
    gc.collect()  # the connections that the first loops left: said here, and not in another test


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "socks5h://127.0.0.1:1", "nonsense://x"])
def test_proxy_settings_do_not_matter_on_this_machine(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy)
    server.plays(json_reply({"version": "1"}))
    assert connect(server.url).version() == "1"


def test_proxy_settings_that_cannot_be_used_are_told(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://x")
    with pytest.raises(ConfigError, match="nonsense") as caught:
        connect("example.com")
    assert "ALL_PROXY" in caught.value.hint


def test_certificates_that_are_not_there_are_told(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(ConfigError, match="cannot connect") as caught:
        connect("https://gpu.local")
    assert "SSL_CERT_FILE" in caught.value.hint


def test_key_is_sent_with_each_request(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "of-the-cloud")
    server.plays(json_reply({"version": "1"}))
    connect(server.url).version()
    connect(server.url, api_key="mine").version()
    sent = [request.headers.get("authorization") for request in server.requests]
    assert sent == [None, "Bearer mine"]


def test_endpoint_of_your_own_is_sent_like_the_others(connect: Connect, server: Server) -> None:
    status = endpoints.Endpoint("GET", "/api/status", dict)
    server.plays(json_reply({"cloud": {}}), json_reply({"error": "x"}, "418 Teapot"))
    client = connect(server.url)
    assert client.send(endpoints.Call(status)) == {"cloud": {}}
    with pytest.raises(OllamaError, match="Ollama failed: x"):
        client.send(endpoints.Call(status))
