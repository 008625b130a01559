"""A server on a socket that answers byte by byte what it is told to, and the recorded replies.

``with Server() as server: server.plays(reply, ...)`` gives each request the next reply, and the
last one to all that follow. It speaks just enough HTTP to be told wrong things by a test.
"""

from __future__ import annotations

import base64
import inspect
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from ragkit.ollama import endpoints
from ragkit.ollama.endpoints import Call, Endpoint

TRANSCRIPTS = Path(__file__).parent / "transcripts"
RELEASES = ("0.5.13", "0.24.0", "0.33.0-rc2")
Cut = Literal["as recorded", "byte by byte", "all at once"]
JSON_TYPE = ("Content-Type", "application/json; charset=utf-8")
NDJSON_TYPE = ("Content-Type", "application/x-ndjson")
CHUNKED = ("Transfer-Encoding", "chunked")
TLS_HELLO = b"\x16"
CLOSE = ("Connection", "close")


@dataclass(frozen=True)
class Reply:
    """A response as it stands on the wire."""

    status: str = "HTTP/1.1 200 OK"
    headers: Sequence[tuple[str, str]] = ()
    chunks: Sequence[bytes] = ()  # those of a chunked body, or one body
    ended: bool = True  # False: the connection closes before the body is whole

    def cut(self, how: Cut) -> Reply:
        """Return the same body in other chunks."""
        body = b"".join(self.chunks)
        if how == "byte by byte":
            return replace(self, chunks=[body[at : at + 1] for at in range(len(body))])
        return replace(self, chunks=[body] if body else []) if how == "all at once" else self

    def on_the_wire(self) -> bytes:
        """Return the bytes to send."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        start = f"{self.status}\r\n{head}\r\n".encode("latin-1")
        if CHUNKED not in self.headers:
            return start + b"".join(self.chunks)
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in self.chunks)
        return start + body + (b"0\r\n\r\n" if self.ended else b"")


def json_reply(value: object, status: str = "200 OK") -> Reply:
    """Return a reply of one JSON value, or of bytes that say they are."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return whole(body, status, JSON_TYPE)


def whole(body: bytes, status: str = "200 OK", *headers: tuple[str, str]) -> Reply:
    """Return a reply with a Content-Length."""
    length = ("Content-Length", str(len(body)))
    return Reply(f"HTTP/1.1 {status}", [*headers, length, CLOSE], [body])


def stream_reply(*chunks: object, ended: bool = True) -> Reply:
    """Return a stream of JSON values, each a line, or of bytes as they are; a chunk each."""
    lines = [c if isinstance(c, bytes) else json.dumps(c).encode() + b"\n" for c in chunks]
    return Reply(headers=[NDJSON_TYPE, CHUNKED, CLOSE], chunks=lines, ended=ended)


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The body's value, None if there is no body."""
        return json.loads(self.body) if self.body else None


Answer = Reply | Callable[[socket.socket], None]


@dataclass
class Server:
    """A server that plays answers; a context manager. One request a connection."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)  # for answers that wait
    left: threading.Event = field(default_factory=threading.Event)  # a client closed early

    def plays(self, *answers: Answer) -> None:
        """Answer with these from now on, forgetting what was asked before."""
        self.answers = list(answers)
        self.requests.clear()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._tcp.server_address[1]}"

    def __enter__(self) -> Server:
        server = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                with suppress(OSError):
                    if self.rfile.peek(1)[:1] == TLS_HELLO:  # type: ignore[attr-defined]
                        self.connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                        return
                    server.answer(self.connection, asked(self.rfile.readline, self.rfile.read))

        self._tcp = Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._tcp.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._tcp.shutdown()
        self._thread.join()
        self._tcp.server_close()  # waits for the connections

    def answer(self, connection: socket.socket, request: Request) -> None:
        """Answer one request."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Reply):
            connection.sendall(answer.on_the_wire())
        else:
            answer(connection)

    def silence(self, connection: socket.socket) -> None:
        """Never answer."""
        connection.settimeout(0.01)
        while not self.stopping.is_set():
            with suppress(TimeoutError):
                if not connection.recv(1):
                    self.left.set()
                    return

    def endless(self, start: bytes, again: bytes, pause_s: float = 0.0) -> Answer:
        """Return an answer that has no end; ``left`` is set when nobody reads it any more."""

        def answer(connection: socket.socket) -> None:
            try:
                connection.sendall(start)
                while not self.stopping.wait(pause_s) if pause_s else not self.stopping.is_set():
                    connection.sendall(again)
            except OSError:
                self.left.set()

        return answer


class Listener(socketserver.ThreadingTCPServer):
    """Sockets for a ``Server``."""

    request_queue_size = 64


def asked(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> Request:
    """Read a request to its end, so that closing the connection resets nothing."""
    method, path, _ = readline().decode("latin-1").split(" ", 2)
    headers = {}
    while line := readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return Request(method, path, headers, read(int(headers.get("content-length", 0))))


# -- the recorded replies


@dataclass(frozen=True)
class Case:
    """A recorded request and reply."""

    name: str
    request: Mapping[str, Any]
    reply: Reply

    @property
    def is_stream(self) -> bool:
        """Whether the server sent the reply as a stream."""
        kinds = [value for name, value in self.reply.headers if name == "Content-Type"]
        return any("ndjson" in kind or "event-stream" in kind for kind in kinds)


def cases(release: str) -> Iterator[Case]:
    """Yield what was recorded of a release."""
    for path in sorted((TRANSCRIPTS / release).glob("*.json")):
        if path.name != "index.json":
            recorded = json.loads(path.read_text("utf-8"))
            reply = recorded["response"]
            yield Case(
                recorded["name"],
                recorded["request"],
                Reply(
                    reply["status"],
                    [(name, value) for name, value in reply["headers"]],
                    [chunk.encode() for chunk in reply["chunks"]],
                    reply["ended"],
                ),
            )


ENDPOINTS = {(e.method, e.path): e for e in vars(endpoints).values() if isinstance(e, Endpoint)}
FUNCTIONS: dict[str, Callable[..., Call[Any]]] = {
    endpoint.path: getattr(endpoints, name.lower())
    for name, endpoint in vars(endpoints).items()
    if isinstance(endpoint, Endpoint) and not endpoint.path.startswith("/api/blobs")
}


def call_of(request: Mapping[str, Any], folder: Path) -> tuple[Call[Any], bool]:
    """Return the call that makes a recorded request, and whether it asks for a stream.

    The function of the endpoint makes it where it can; where it cannot, as with a wrong type, the
    endpoint is sent the body itself. Bodies that are no JSON cannot be sent by a client at all.
    """
    method, path = request["method"], request["path"]
    if path.startswith("/api/blobs/"):
        digest = path.rpartition("/")[2]
        if method == "HEAD":
            return endpoints.has_blob(digest), False
        file = folder / "blob"
        file.write_text(request["body_bytes"])
        return endpoints.put_blob(digest, file), False
    endpoint = ENDPOINTS.get((method, path)) or Endpoint(method, path, dict)
    body = expanded(request.get("body"))
    if body is None:
        return Call(endpoint), endpoint.framing == "ndjson"
    streaming = endpoint.framing == "ndjson" and body.get("stream", True)
    streaming = streaming or (endpoint.framing == "sse" and body.get("stream", False))
    body = {name: value for name, value in body.items() if name != "stream"}
    return typed(endpoint, body) or Call(endpoint, body), streaming


def typed(endpoint: Endpoint[Any], body: dict[str, Any]) -> Call[Any] | None:
    """Return the call that the endpoint's function makes of a body, if it can make that one."""
    function = FUNCTIONS.get(endpoint.path)
    if function is None:
        return None
    arguments = {{"from": "from_"}.get(name, name): value for name, value in body.items()}
    try:
        inspect.signature(function).bind(**arguments)
        call = function(**with_bytes(arguments))
    except (TypeError, ValueError, AttributeError):
        return None
    return call if call.body == body else None


def with_bytes(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments whose images are bytes; ValueError if they are no base64."""
    messages = arguments.get("messages")
    if not isinstance(messages, list):
        return arguments
    decoded = [
        {**m, "images": [base64.b64decode(image, validate=True) for image in m["images"]]}
        if m.get("images")
        else m
        for m in messages
    ]
    return {**arguments, "messages": decoded}


def expanded(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a recorded body with its repetitions written out."""
    if isinstance(value, list):
        return [expanded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["repeat"]:
        text, times = value["repeat"]
        return text * times
    if list(value) == ["times"]:
        item, times = value["times"]
        return [expanded(item)] * times
    return {name: expanded(item) for name, item in value.items()}
