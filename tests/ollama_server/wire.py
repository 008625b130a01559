"""HTTP: requests off the socket, replies onto it, and what may happen between."""

from __future__ import annotations

import ipaddress
import itertools
import re
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.ollama_server.catalog import ps, show, tags, version
from tests.ollama_server.chatting import chat
from tests.ollama_server.embedding import embed, embeddings
from tests.ollama_server.managing import copy, create, delete
from tests.ollama_server.models import USUAL, Model
from tests.ollama_server.pulling import pull
from tests.ollama_server.replies import (
    NDJSON,
    PLAIN_JSON,
    TEXT,
    Dropped,
    Failure,
    Stream,
    Whole,
    encoded,
    text,
    whole,
)
from tests.ollama_server.requests import Request, decoded
from tests.ollama_server.server import Server

GET: tuple[str, ...] = ("GET", "HEAD")
METHODS = {
    "/": GET,
    "/api/version": GET,
    "/api/tags": GET,
    "/api/ps": ("GET",),
    "/api/delete": ("DELETE",),
    **dict.fromkeys("/api/copy /api/create".split(), ("POST",)),
    **dict.fromkeys("/api/show /api/embed /api/embeddings /api/chat /api/pull".split(), ("POST",)),
}
HANDLERS: dict[str, Callable[[Server, Request, Callable[[], bool]], Whole | Stream]] = {
    "/": lambda *_: Whole(b"Ollama is running", 200, "text/plain; charset=utf-8"),
    "/api/version": lambda server, *_: version(server),
    "/api/tags": lambda server, *_: tags(server),
    "/api/ps": lambda server, *_: ps(server),
    "/api/show": lambda server, request, _: show(server, request),
    "/api/pull": lambda server, request, _: pull(server, request),
    "/api/copy": lambda server, request, _: copy(server, request),
    "/api/create": lambda server, request, _: create(server, request),
    "/api/delete": lambda server, request, _: delete(server, request),
    "/api/embed": embed,
    "/api/embeddings": embeddings,
    "/api/chat": chat,
}
PORT = re.compile(r":\d+\Z")
WHOLE_BYTES = 2048  # Go sends longer replies in chunks
LOCAL = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")
BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\r\n"
SIGN_IN = {"signin_url": "https://ollama.com/connect?name=test&key=test"}
TOO_MANY = {"StatusCode": 429, "Status": "429 Too Many Requests", "error": "too many requests"}
STANDING = (  # replies of what stands before Ollama, by the fault that turns them on
    ("bad_gateway", Whole(BAD_GATEWAY, 502, "text/html")),
    ("forbidden", Whole(b"", 403, content_type="")),
    ("missing", text(404, "404 page not found")),
    ("unauthorized", whole({"error": "unauthorized", **SIGN_IN}, 401)),
    ("too_many", whole(TOO_MANY, 429)),
)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after another."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ollama: Server  # of the class that ``serve`` makes

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a request of any method."""
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, _body(data), headers, data)
        self.ollama.record(request)
        self._left = False
        try:
            self._answer(request)
        except (Dropped, ConnectionError):
            self.close_connection = True
        if self._left:
            self.ollama.lose(request)

    do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_GET  # noqa: N815

    def _answer(self, request: Request) -> None:
        try:
            reply = self._refused(request) or self._between(request) or self._routed(request)
        except Failure as failure:
            reply = Whole(encoded(failure.value), failure.status)
        if isinstance(reply, Whole):
            self._send_whole(reply)
        else:
            self._send_stream(reply)

    def _refused(self, request: Request) -> Whole | None:
        """Return the reply to a stranger: one who calls this machine by another's name."""
        host = PORT.sub("", request.headers.get("host", ""))
        origin = PORT.sub("", request.headers.get("origin", "").partition("://")[2])
        if _is_here(host) and origin in ("", *LOCAL):
            return None
        return Whole(b"", 403, content_type="")

    def _between(self, request: Request) -> Whole | None:
        """Return the reply of what stands between a client and Ollama, if it is on."""
        faults = self.ollama.faults
        if faults.only and request.path != faults.only:
            return None
        if faults.takes("drop"):
            raise Dropped
        until = time.monotonic() + faults.first_byte_s
        while time.monotonic() < until:
            time.sleep(min(0.01, faults.first_byte_s))
            if self._gone():
                raise Dropped
        return next((reply for name, reply in STANDING if faults.takes(name)), None)

    def _routed(self, request: Request) -> Whole | Stream:
        ollama, path = self.ollama, request.path.partition("?")[0]
        methods = METHODS.get(path, ())
        if not methods or (path == "/api/embed" and ollama.release < "0.2.6"):
            return text(404, "404 page not found")
        if request.method not in methods and ollama.release < "0.7.0":
            return text(404, "404 page not found")
        if request.method not in methods:
            allow = (("Allow", ", ".join(methods)),)
            return Whole(b"405 method not allowed", 405, TEXT, allow)
        return HANDLERS[path](ollama, request, self._gone)

    def _gone(self) -> bool:
        """Say whether the client has closed the connection."""
        with suppress(BlockingIOError):
            if not self._left and select.select([self.connection], [], [], 0)[0]:
                try:
                    self._left = not self.connection.recv(1, socket.MSG_PEEK)
                except ConnectionError:
                    self._left = True
        return self._left

    # -- replies

    def _send_whole(self, reply: Whole) -> None:
        is_head = self.command == "HEAD"
        if len(reply.body) > WHOLE_BYTES and not is_head:
            self._begin(reply.status, reply.content_type, reply.headers)
            self.wfile.write(_chunk(reply.body) + _chunk(b""))
            return
        length = ("Content-Length", str(len(reply.body)))
        head = self._head(reply.status, reply.content_type, (*reply.headers, length))
        self.wfile.write(head + (b"" if is_head else reply.body))

    def _send_stream(self, reply: Stream) -> None:
        """Send records as they come; the status waits for the first."""
        records = iter(reply.records)
        try:
            first = next(records, None)
        except Failure as failure:
            if self.ollama.release >= "0.12.6":
                self._begin(failure.status, PLAIN_JSON)
                self.wfile.write(_chunk(encoded(failure.value)) + _chunk(b""))
                return
            first, records = failure.value, iter(())
        self._begin(200, NDJSON)
        given = [] if first is None else [first]
        for chunk in self._cut(_lines(itertools.chain(given, records))):
            if self._gone():
                raise Dropped
            try:
                self.wfile.write(_chunk(chunk))
            except ConnectionError:
                self._left = True
                raise
        self.wfile.write(_chunk(b""))

    def _cut(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Yield lines as chunks: one each, or as the faults will have it."""
        faults = self.ollama.faults
        if faults.no_last_newline:
            lines = _without_last_newline(lines)
        if faults.chunk_bytes:
            yield from _recut(lines, faults.chunk_bytes)
        while chunk := b"".join(itertools.islice(lines, faults.chunk_records)):
            yield chunk

    def _begin(
        self, status: int, content_type: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        chunked = ("Transfer-Encoding", "chunked")
        self.wfile.write(self._head(status, content_type, (*headers, chunked)))

    def _head(self, status: int, content_type: str, headers: tuple[tuple[str, str], ...]) -> bytes:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        if origin := self.headers.get("Origin"):
            lines += [f"Access-Control-Allow-Origin: {origin}", "Vary: Origin"]
        lines += [f"Content-Type: {content_type}"] if content_type else []
        lines += [f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += ["Connection: close"] if self.close_connection else []
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        if not isinstance(sys.exception(), ConnectionError):  # a client that left
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Close the connections too, which clients keep for another request."""
        self.shutdown()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


@contextmanager
def serve(
    release: str = "0.33.0-rc2",
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    models: Sequence[Model] = USUAL,
) -> Iterator[Server]:
    """Serve as a release of Ollama does, until the ``with`` ends.

    Args:
        release: such as "0.5.13"; any other does what it is known to have done.
        host: the address to listen at.
        port: 0 for any that is free.
        models: what is installed.
    """
    ollama = Server(release, models=models)
    listener = _Listener((host, port), type("Bound", (Handler,), {"ollama": ollama}))
    ollama.url = f"http://{host}:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    try:
        yield ollama
    finally:
        listener.close()
        thread.join()


def _body(data: bytes) -> dict[str, Any] | None:
    try:
        value = decoded(data)
    except Failure:
        return None
    return value if isinstance(value, dict) else None


def _lines(records: Iterator[Any]) -> Iterator[bytes]:
    """Yield a line a record; one that fails is a line, and the last."""
    try:
        for record in records:
            yield encoded(record) + b"\n"
    except Failure as failure:
        yield encoded(failure.value) + b"\n"


def _recut(lines: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes, so many at a time."""
    held = b""
    for line in lines:
        held += line
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if held:
        yield held


def _without_last_newline(lines: Iterator[bytes]) -> Iterator[bytes]:
    held = next(lines, b"")
    for line in lines:
        yield held
        held = line
    yield held.rstrip(b"\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _is_here(host: str) -> bool:
    """Say whether a name may be this machine's."""
    with suppress(ValueError):
        address = ipaddress.ip_address(host.strip("[]"))
        return address.is_loopback or address.is_private or address.is_unspecified
    name = host.lower()
    known = ("", "localhost", socket.gethostname().lower())
    return name in known or name.endswith((".localhost", ".local", ".internal"))
