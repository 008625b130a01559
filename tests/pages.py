"""A server of pages on this machine, some of them hostile: what it says is written by hand."""

from __future__ import annotations

import gzip
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

PAGE = (
    b"<html><head><title>Guide</title></head><body><h1>Bridges</h1>"
    b"<p>The bridge was opened by the mayor.</p></body></html>"
)
Answer = Callable[["Pages", dict[str, str]], Iterator[bytes]]


class Pages(socketserver.ThreadingTCPServer):
    """Answers by path."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer | bytes] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.over = Event()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: Pages

    def handle(self) -> None:
        """Answer one request, then close."""
        path = self.rfile.readline().split()[1].decode()
        headers = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        self.server.asked.append((path, headers))
        answer = self.server.answers.get(path, reply(b"", "404 Not Found"))
        try:
            for piece in [answer] if isinstance(answer, bytes) else answer(self.server, headers):
                self.wfile.write(piece)
        except OSError:  # the other side had enough
            pass


def reply(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole reply; ``content_type`` stands for Content-Type."""
    lines = {"content_length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def moved(to: str) -> bytes:
    """Return a redirect."""
    return reply(b"", "302 Found", location=to)


def endless(pages: Pages, headers: dict[str, str]) -> Iterator[bytes]:
    """Send and send."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    while not pages.over.is_set():
        yield b"and so on " * 10_000


def dripping(pages: Pages, headers: dict[str, str]) -> Iterator[bytes]:
    """Send a body byte by byte."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    while not pages.over.wait(0.02):
        yield b"."


def dripping_headers(pages: Pages, headers: dict[str, str]) -> Iterator[bytes]:
    """Send headers byte by byte."""
    yield b"HTTP/1.1 200 OK\r\nX: "
    while not pages.over.wait(0.02):
        yield b"."


def silent(pages: Pages, headers: dict[str, str]) -> Iterator[bytes]:
    """Say nothing."""
    pages.over.wait()
    yield b""


def known_by(body: bytes, content_type: str = "text/html", **tags: str) -> Answer:
    """Answer with tags, and shortly to who has them."""

    def answer(pages: Pages, headers: dict[str, str]) -> Iterator[bytes]:
        asked = (headers.get("if-none-match"), headers.get("if-modified-since"))
        is_known = set(tags.values()) & set(asked)
        yield (
            reply(b"", "304 Not Modified")
            if is_known
            else reply(body, content_type=content_type, **tags)
        )

    return answer


def bomb(size: int) -> bytes:
    """Return a small body that unpacks to so many bytes."""
    return reply(gzip.compress(bytes(size)), content_type="text/plain", content_encoding="gzip")


@contextmanager
def serving() -> Iterator[Pages]:
    """Serve pages for the block."""
    with Pages() as pages:
        thread = Thread(target=pages.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield pages
        finally:
            pages.over.set()
            pages.shutdown()
            thread.join()
