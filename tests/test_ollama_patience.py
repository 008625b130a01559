"""How long both clients wait, and when they ask again."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from ragkit.errors import (
    ModelCrashError,
    NotOllamaError,
    OllamaBusyError,
    OllamaError,
    OllamaReplyError,
    OllamaRequestError,
    OllamaTimeoutError,
    OllamaUnreachableError,
)
from ragkit.ollama import AsyncClient, Client, endpoints, files
from ragkit.ollama.address import parse_address
from ragkit.ollama.exchange import Exchange, Policy
from tests.both_clients import CLIENTS, DONE, HELLO, Connect, connecting
from tests.replay import Answer, Reply, Server, json_reply, stream_reply, whole

PAGE = whole(b"<h1>Bad Gateway", "502 Bad Gateway", ("Content-Type", "text/html"))
BUSY = json_reply({"error": "server busy, please try again."}, "503 Service Unavailable")
VERSION = json_reply({"version": "1"})
VECTOR = json_reply({"embeddings": [[1]]})


@pytest.fixture(params=CLIENTS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    yield from connecting(request.param)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        yield found


def drop(connection: socket.socket) -> None:
    """Answer nothing and close."""


def says(*start: bytes) -> Answer:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"".join(start))

    return answer


# -- timeouts


def test_server_that_never_answers_is_too_late(connect: Connect, server: Server) -> None:
    server.plays(server.silence)
    with pytest.raises(OllamaTimeoutError, match=r"/api/chat gave no answer within 0.3 s"):
        connect(server.url, timeout_s=0.3).chat("m", HELLO)
    assert len(server.requests) == 1  # the model would be loaded from the start
    assert server.left.wait(5)


def test_timeout_is_another_within(connect: Connect, server: Server) -> None:
    server.plays(server.silence)
    client = connect(server.url, retries=7)
    with pytest.raises(OllamaTimeoutError, match=r"within 0\.05 s"):
        client.within(0.05).chat("m", HELLO)
    server.plays(VERSION)
    assert client.version() == client.within(5).version() == "1"


def test_host_that_swallows_packets_is_unreachable(connect: Connect) -> None:
    with socket.socket() as full:  # whose queue has no place left: connecting gets no answer
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with pytest.raises(OllamaUnreachableError):
            connect(f"127.0.0.1:{port}", timeout_s=0.1).version()
        for one in waiting:
            one.close()


# -- asking again


def test_busy_server_is_asked_again(connect: Connect, server: Server) -> None:
    server.plays(BUSY, json_reply({"error": "slow down"}, "429 Too Many"), json_reply(DONE))
    assert connect(server.url, backoff_s=0.05).chat("m", HELLO).content == "hi"
    assert len(server.requests) == 3
    assert server.requests[0].body == server.requests[2].body


def test_waits_double_up_to_eight_seconds_and_end_with_the_reply() -> None:
    policy = Policy(retries=6)
    exchange = Exchange(endpoints.version(), parse_address(""), policy, streaming=False)
    waits: list[float] = []
    for attempt in exchange:
        with attempt:
            if len(waits) < 6:
                raise OllamaBusyError("busy")
        waits.append(attempt.wait_s)
    for wait_s, middle_s in zip(waits, [1, 2, 4, 8, 8, 8, 0], strict=True):
        assert middle_s / 2 <= wait_s <= middle_s * 1.5
    assert len(set(waits[3:6])) > 1  # not all clients come back at once


@pytest.mark.parametrize("retries", [0, 2])
def test_server_that_stays_busy_is_told(connect: Connect, server: Server, retries: int) -> None:
    server.plays(BUSY)
    with pytest.raises(OllamaBusyError, match="please try again"):
        connect(server.url, retries=retries).version()
    assert len(server.requests) == retries + 1


def test_busy_stream_is_asked_again(connect: Connect, server: Server) -> None:
    server.plays(BUSY, stream_reply(DONE))
    assert [p.content for p in connect(server.url).chat_stream("m", HELLO)] == ["hi"]


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Unavailable", "504 Timeout"])
@pytest.mark.parametrize("body", [b"<h1>nginx</h1>", b'{"error":"dial tcp: EOF"}', b""])
def test_gateway_that_has_a_bad_moment_is_asked_again(
    connect: Connect, server: Server, status: str, body: bytes
) -> None:
    server.plays(*[whole(body, status, ("Content-Type", "text/html"))] * 4, VECTOR)
    assert connect(server.url).embed("m", "t").embeddings.shape == (1, 1)
    assert len(server.requests) == 5


def test_gateway_that_stays_so_is_told(connect: Connect, server: Server) -> None:
    server.plays(PAGE)
    with pytest.raises(NotOllamaError, match="502 Bad Gateway"):
        connect(server.url, retries=3).embed("m", "t")
    assert len(server.requests) == 4
    with pytest.raises(NotOllamaError):  # rather a proxy in the way: to be told soon
        connect(server.url, retries=3).version()
    assert len(server.requests) == 4 + 2
    with pytest.raises(NotOllamaError):  # it may have been done
        connect(server.url).copy("m", "n")
    assert len(server.requests) == 6 + 1


def test_crashed_model_is_asked_once_more(connect: Connect, server: Server) -> None:
    crash = json_reply({"error": 'Post "http://127.0.0.1:4/embedding": EOF'}, "400 Bad Request")
    server.plays(crash, VECTOR)
    assert connect(server.url).embed("m", "t").embeddings.shape == (1, 1)
    server.plays(crash)
    with pytest.raises(ModelCrashError):
        connect(server.url).embed("m", "t")
    assert len(server.requests) == 2


@pytest.mark.parametrize("broken", [drop, says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")])
def test_connection_that_breaks_before_a_record_is_tried_once_more(
    connect: Connect, server: Server, broken: Answer
) -> None:
    server.plays(broken, VERSION)
    assert connect(server.url).version() == "1"
    server.plays(broken)
    with pytest.raises(OllamaReplyError, match="broke"):
        connect(server.url).version()
    assert len(server.requests) == 2


@pytest.mark.parametrize(("method", "given"), [("copy", ("m", "n")), ("delete", ("m",))])
def test_what_cannot_be_done_twice_is_not_tried_twice(
    connect: Connect, server: Server, method: str, given: tuple[str, ...]
) -> None:
    server.plays(drop)
    with pytest.raises(OllamaReplyError, match="broke"):
        getattr(connect(server.url), method)(*given)
    assert len(server.requests) == 1


def test_refused_request_is_not_tried_twice(connect: Connect, server: Server) -> None:
    server.plays(json_reply({"error": "invalid model name"}, "400 Bad Request"))
    with pytest.raises(OllamaRequestError):
        connect(server.url).embed("a b", "t")
    assert len(server.requests) == 1


def test_cause_of_an_error_is_kept(server: Server) -> None:
    server.plays(drop)
    with Client(server.url, retries=0) as client, pytest.raises(OllamaReplyError) as caught:
        client.version()
    assert "Server disconnected" in str(caught.value.__cause__)


def test_task_that_is_cancelled_ends_the_work_at_the_server(server: Server) -> None:
    server.plays(server.silence)

    async def ask() -> None:
        async with AsyncClient(server.url) as client:
            asking = asyncio.create_task(client.chat("m", HELLO))
            while not server.requests:
                await asyncio.sleep(0.01)
            asking.cancel()
            await asking

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ask())
    assert server.left.wait(5)


def test_task_that_is_cancelled_while_a_file_is_read_is_cancelled(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun, over = Event(), Event()
    file = tmp_path / "model.gguf"
    file.write_bytes(b"x")

    def slow(*_: object) -> Iterator[bytes]:
        begun.set()
        over.wait(5)
        yield b"x"

    monkeypatch.setattr(files, "blocks_of", slow)

    async def send() -> None:
        async with AsyncClient(server.url) as client:
            task = asyncio.create_task(client.send(endpoints.put_blob("sha256:0", file)))
            await asyncio.to_thread(begun.wait, 5)
            task.cancel()
            try:
                with pytest.raises(asyncio.CancelledError):
                    await task
            finally:
                over.set()

    asyncio.run(send())


def test_stream_of_asyncio_that_is_just_left_ends_the_work_at_the_server(server: Server) -> None:
    record = b'{"message":{"content":"x"},"done":false}\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"
    server.plays(server.endless(head, record, pause_s=0.001))

    async def leave() -> bool:
        async with AsyncClient(server.url) as client:
            async for piece in client.chat_stream("m", HELLO):
                assert piece.content == "x"
                break
            return await asyncio.to_thread(server.left.wait, 5)

    assert asyncio.run(leave())


def test_length_that_is_no_number_is_told(connect: Connect, server: Server) -> None:
    server.plays(Reply(headers=[("Content-Length", "oops")]))
    with pytest.raises(OllamaError):
        connect(server.url).version()
