"""Cut a reply's bytes into JSON values, however the network cut them.

Lines end at newline bytes alone: what Ollama sends may hold U+0085 and U+2028, at which other
splitters end a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

import orjson

from ragkit.errors import OllamaReplyError

MOST_BYTES = 512_000_000  # of a whole reply
MOST_LINE_BYTES = 64_000_000
SMALLER = "check what answers at the address, or ask for less at once"


class Framing(Protocol):
    """Takes a reply's bytes, block by block, and gives its values."""

    is_closed: bool  # whether the reply said that it ends here

    def take(self, block: bytes) -> Iterator[Any]:
        """Yield the values that are whole with this block."""
        ...

    def end(self) -> Iterator[Any]:
        """Yield what is left at the end of the reply."""
        ...


class Whole:
    """One value, at the end."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.is_closed = False
        self._most_bytes = most_bytes
        self._data = bytearray()

    def take(self, block: bytes) -> Iterator[Any]:
        """Keep the block."""
        self._data += block
        if len(self._data) > self._most_bytes:
            raise OllamaReplyError(
                f"the reply is longer than {self._most_bytes // 10**6} MB", hint=SMALLER
            )
        return iter(())

    def end(self) -> Iterator[Any]:
        """Yield the value, None for no bytes at all."""
        yield value_of(self._data) if self._data and not self._data.isspace() else None


class Lines:
    """A value a line: NDJSON."""

    def __init__(self) -> None:
        self.is_closed = False
        self._rest = bytearray()

    def take(self, block: bytes) -> Iterator[Any]:
        """Yield the values of the lines that end in this block."""
        searched = len(self._rest)
        self._rest += block
        begin = 0
        while (end := self._rest.find(b"\n", max(begin, searched))) >= 0:
            yield from self._line(bytes(self._rest[begin:end]))
            begin = end + 1
        del self._rest[:begin]
        if len(self._rest) > MOST_LINE_BYTES:
            raise OllamaReplyError(
                f"a line of the reply is longer than {MOST_LINE_BYTES // 10**6} MB", hint=SMALLER
            )

    def end(self) -> Iterator[Any]:
        """Yield the value of a last line that has no end."""
        yield from self._line(bytes(self._rest))

    def _line(self, line: bytes) -> Iterator[Any]:
        if line.strip():
            yield value_of(line)


class Events(Lines):
    """A value an event: server-sent events, as OpenAI's API sends them."""

    def _line(self, line: bytes) -> Iterator[Any]:
        name, _, data = line.partition(b":")
        if name.strip() == b"data":
            if data.strip() == b"[DONE]":
                self.is_closed = True
            else:
                yield value_of(data)


FRAMINGS: dict[str, type[Whole | Lines]] = {"whole": Whole, "ndjson": Lines, "sse": Events}


def value_of(data: bytes | bytearray) -> Any:  # noqa: ANN401 - any JSON
    """Return a JSON value; NaN is one, as Python writes it.

    Raises:
        OllamaReplyError: it is none.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            start = one_line(data[:240].decode("utf-8", "replace"), 60)
            raise OllamaReplyError(
                f"the reply is no JSON: {start}", hint="ask again; it may have been cut on its way"
            ) from error


def one_line(text: str, most: int) -> str:
    r"""Return the start of a server's text, fit to stand in a line of a terminal.

    >>> one_line("busy\n  \x1b[31mnow", 500), one_line("abcdef", 4)
    ('busy �[31mnow', 'abc…')
    """
    line = " ".join(text.split())
    shown = line if len(line) <= most else line[: most - 1] + "…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
