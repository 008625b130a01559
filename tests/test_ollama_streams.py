"""Streams: cut anywhere, failing in the middle, never ending, left before their end."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from ragkit.errors import (
    ModelCrashError,
    NotOllamaError,
    OllamaError,
    OllamaReplyError,
    OllamaTimeoutError,
)
from ragkit.ollama import ChatReply, GenerateReply, TokenLogprob
from ragkit.ollama.framing import FRAMINGS, Whole
from tests.both_clients import CLIENTS, DONE, HELLO, Connect, connecting
from tests.replay import CHUNKED, Reply, Server, json_reply, stream_reply, whole

WIDE = "温度 is 0.8; für\N{SLIGHTLY SMILING FACE}\u2028then\x85end"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"


@pytest.fixture(params=CLIENTS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    yield from connecting(request.param)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        yield found


def line(value: object) -> bytes:
    """Return a record as Go writes it: U+0085 and other letters as they are."""
    return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").encode() + b"\n"


def piece(text: str) -> dict[str, object]:
    return {"message": {"role": "assistant", "content": text}, "done": False}


def test_stream_comes_piece_by_piece(connect: Connect, server: Server) -> None:
    records = [piece("a"), {**piece("b"), "logprobs": [{"token": "b", "logprob": -1}]}, DONE]
    server.plays(stream_reply(*records))
    assert list(connect(server.url).chat_stream("m", HELLO)) == [
        ChatReply("a"),
        ChatReply("b", logprobs=(TokenLogprob("b", -1.0),)),
        ChatReply("hi", done=True, done_reason="stop"),
    ]


def test_first_piece_comes_before_the_second_is_sent(connect: Connect, server: Server) -> None:
    seen = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(HEAD + line(piece("a")))
        assert seen.wait(10)
        connection.sendall(line(DONE))

    server.plays(answer)
    pieces = connect(server.url).chat_stream("m", HELLO)
    assert next(pieces).content == "a"
    seen.set()
    assert next(pieces).done


@pytest.mark.no_cover
def test_stream_may_be_cut_anywhere(connect: Connect, server: Server) -> None:
    first = line(piece(WIDE))
    body = first + line(DONE)
    client = connect(server.url)
    for at in range(1, len(first) + 3):
        server.plays(stream_reply(body[:at], body[at:]))
        assert ChatReply.joined(client.chat_stream("m", HELLO)).content == f"{WIDE}hi"


def test_last_line_needs_no_end_and_blank_lines_say_nothing(
    connect: Connect, server: Server
) -> None:
    server.plays(stream_reply(b"\n \n" + line(piece("a")) + b"\r\n" + line(DONE).rstrip()))
    assert ChatReply.joined(connect(server.url).chat_stream("m", HELLO)).content == "ahi"


def test_raw_line_separator_in_a_text_ends_no_line(connect: Connect, server: Server) -> None:
    raw = json.dumps(piece("a\u2028b"), ensure_ascii=False).encode() + b"\n"
    server.plays(stream_reply(raw, DONE))
    assert next(connect(server.url).chat_stream("m", HELLO)).content == "a\u2028b"


def test_thinking_comes_apart_from_the_answer(connect: Connect, server: Server) -> None:
    records = [{"response": "", "thinking": "hm", "done": False}, {"response": "a", "done": True}]
    server.plays(stream_reply(*records))
    assert list(connect(server.url).generate_stream("m", "p")) == [
        GenerateReply("", "hm"),
        GenerateReply("a", done=True),
    ]


# -- streams that fail


def test_error_in_mid_stream_is_raised_after_the_good_parts(
    connect: Connect, server: Server
) -> None:
    error = {"error": "an error was encountered while running the model: unexpected EOF"}
    server.plays(stream_reply(piece("a"), piece("b"), error))
    pieces = connect(server.url).chat_stream("m", HELLO)
    assert [next(pieces).content, next(pieces).content] == ["a", "b"]
    with pytest.raises(ModelCrashError, match="unexpected EOF"):
        next(pieces)
    assert len(server.requests) == 1  # what was emitted would come twice


@pytest.mark.parametrize("records", [[], [piece("a")], [piece("a"), piece("b")]])
def test_stream_without_done_is_told(
    connect: Connect, server: Server, records: list[object]
) -> None:
    server.plays(stream_reply(*records))
    pieces = connect(server.url).chat_stream("m", HELLO)
    assert len([next(pieces) for _ in records]) == len(records)
    with pytest.raises(OllamaReplyError, match="ended before it was done"):
        next(pieces)


def test_whole_reply_that_is_not_done_is_told(connect: Connect, server: Server) -> None:
    server.plays(json_reply(piece("a")))
    with pytest.raises(OllamaReplyError, match="ended before it was done"):
        connect(server.url).chat("m", HELLO)


def test_download_that_ends_without_success_is_told(connect: Connect, server: Server) -> None:
    server.plays(stream_reply({"status": "pulling manifest"}, {"status": "writing manifest"}))
    pieces = connect(server.url).pull_stream("m")
    assert [next(pieces).status, next(pieces).status] == ["pulling manifest", "writing manifest"]
    with pytest.raises(OllamaReplyError, match="ended before it was done"):
        next(pieces)


def test_connection_that_breaks_after_a_piece_is_told(connect: Connect, server: Server) -> None:
    server.plays(stream_reply(piece("a"), ended=False))
    pieces = connect(server.url).chat_stream("m", HELLO)
    assert next(pieces).content == "a"
    with pytest.raises(OllamaReplyError, match="broke"):
        next(pieces)
    assert len(server.requests) == 1


@pytest.mark.parametrize("record", [b"[]\n", b"3\n", b"{}\n", b"{oops}\n", b"[" * 9999 + b"\n"])
def test_record_that_makes_no_sense_is_told(
    connect: Connect, server: Server, record: bytes
) -> None:
    server.plays(stream_reply(piece("a"), record, DONE))
    pieces = connect(server.url).chat_stream("m", HELLO)
    assert next(pieces).content == "a"
    with pytest.raises(OllamaReplyError):
        next(pieces)


# -- the other framing


def events(*values: object) -> Reply:
    chunks = [b"data: " + json.dumps(value).encode() + b"\r\n\r\n" for value in values]
    return Reply(headers=[("Content-Type", "text/event-stream"), CHUNKED], chunks=chunks)


def choice(text: str, reason: str | None = None) -> dict[str, object]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": reason}]}


def test_events_come_as_pieces(connect: Connect, server: Server) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    reply = events(choice("a"), choice("", "stop"), usage)
    reply = Reply(headers=reply.headers, chunks=[b": alive\n\n", *reply.chunks, b"data: [DONE]\n"])
    server.plays(reply.cut("byte by byte"))
    joined = ChatReply.joined(connect(server.url).v1_chat_stream("m", HELLO))
    assert (joined.content, joined.done, joined.done_reason) == ("a", True, "stop")
    assert (joined.metrics.prompt_eval_count, joined.metrics.eval_count) == (3, 2)


def test_events_without_their_end_are_told(connect: Connect, server: Server) -> None:
    server.plays(events(choice("a"), choice("", "stop")))
    with pytest.raises(OllamaReplyError, match="ended before it was done"):
        list(connect(server.url).v1_chat_stream("m", HELLO))


def test_error_among_events_is_told(connect: Connect, server: Server) -> None:
    server.plays(events(choice("a"), {"error": {"message": "out of memory"}}))
    with pytest.raises(OllamaError, match="out of memory"):
        list(connect(server.url).v1_chat_stream("m", HELLO))


# -- streams without end


def test_line_without_end_is_cut_off(connect: Connect, server: Server) -> None:
    server.plays(server.endless(HEAD + b'{"message":"', b"x" * 10**6))
    with pytest.raises(OllamaReplyError, match="a line of the reply is longer than 64 MB"):
        list(connect(server.url).chat_stream("m", HELLO))
    assert server.left.wait(5)


def test_reply_longer_than_a_limit_is_cut_off() -> None:
    framing = Whole(most_bytes=2_000_000)
    list(framing.take(b" " * 2_000_000))
    with pytest.raises(OllamaReplyError, match="the reply is longer than 2 MB"):
        framing.take(b" ")
    assert [*FRAMINGS["whole"]().end()] == [None]


@pytest.mark.parametrize("method", ["chat", "chat_stream"])
@pytest.mark.parametrize("status", [b"200 OK", b"500 Error"])
def test_reply_that_drips_without_end_is_too_late(
    connect: Connect, server: Server, method: str, status: bytes
) -> None:
    server.plays(server.endless(HEAD.replace(b"200 OK", status), b" \n", pause_s=0.01))
    with pytest.raises(OllamaTimeoutError, match=r"gave no answer within 0\.3 s"):
        list(getattr(connect(server.url, timeout_s=0.3), method)("m", HELLO))
    assert server.left.wait(5)


def test_steady_stream_may_take_longer_than_the_timeout(connect: Connect, server: Server) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        for _ in range(10):
            connection.sendall(line(piece("x")))
            time.sleep(0.06)
        connection.sendall(line(DONE))

    server.plays(answer)
    pieces = connect(server.url, timeout_s=0.5).chat_stream("m", HELLO)
    assert [piece.content for piece in pieces] == ["x"] * 10 + ["hi"]


def test_reader_may_take_longer_than_the_timeout(connect: Connect, server: Server) -> None:
    server.plays(stream_reply(piece("a"), DONE))
    pieces = connect(server.url, timeout_s=0.4).chat_stream("m", HELLO)
    assert next(pieces).content == "a"
    time.sleep(0.5)
    assert next(pieces).done


def test_error_without_end_is_cut_off(connect: Connect, server: Server) -> None:
    server.plays(server.endless(b"HTTP/1.1 502 Bad\r\n\r\n", b"<p>no " * 10_000))
    with pytest.raises(NotOllamaError, match="502 no no no"):
        connect(server.url).chat("m", HELLO)
    assert server.left.wait(5)


# -- streams that are left


def test_stream_that_is_left_ends_the_work_at_the_server(connect: Connect, server: Server) -> None:
    server.plays(server.endless(HEAD, line(piece("x")), pause_s=0.001))
    pieces = connect(server.url).chat_stream("m", HELLO)
    assert next(pieces).content == "x"
    assert not server.left.is_set()
    pieces.close()
    assert server.left.wait(5)
    assert list(pieces) == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ValueError])
def test_stream_that_is_broken_off_ends_the_work_at_the_server(
    connect: Connect, server: Server, kind: type[BaseException]
) -> None:
    server.plays(server.endless(HEAD, line(piece("x")), pause_s=0.001))

    def read() -> None:
        for _ in connect(server.url).chat_stream("m", HELLO):
            raise kind

    with pytest.raises(kind):
        read()
    assert server.left.wait(5)


def test_stream_that_is_left_before_it_began_sends_nothing(
    connect: Connect, server: Server
) -> None:
    server.plays(whole(b""))
    connect(server.url).chat_stream("m", HELLO).close()
    assert not server.requests
