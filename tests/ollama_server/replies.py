"""What a handler returns, and JSON as Go writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

JSON = "application/json; charset=utf-8"
PLAIN_JSON = "application/json"
NDJSON = "application/x-ndjson"
TEXT = "text/plain"

# What Go's encoder escapes and Python's does not; U+0085 is none of them.
ESCAPED = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
CRASHED = "an error was encountered while running the model: unexpected EOF"


@dataclass(frozen=True, slots=True)
class Whole:
    """A reply that is sent at once."""

    body: bytes
    status: int = 200
    content_type: str = JSON  # "": none
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """A reply of records, a line each; its status is known when the first record is."""

    records: Iterable[Any]


class Failure(Exception):  # noqa: N818 - a reply, like the others
    """A request that fails, with a status and what stands at ``error``."""

    def __init__(self, status: int, error: Any, **beside: Any) -> None:  # noqa: ANN401 - any JSON
        super().__init__(error)
        self.status = status
        self.value = {**beside, "error": error}


class Dropped(Exception):  # noqa: N818 - not an error of the server's
    """The connection is to be closed without another word."""


def encoded(value: object) -> bytes:
    r"""Return JSON as Go writes it.

    >>> encoded({"a": "<b>\u2028"})
    b'{"a":"\\u003cb\\u003e\\u2028"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(ESCAPED).encode("utf-8", "replace")


def whole(value: object, status: int = 200) -> Whole:
    return Whole(encoded(value), status)


def text(status: int, words: str) -> Whole:
    return Whole(words.encode(), status, TEXT)


def shape_b(status: int, message: str, kind: str, **facts: int) -> Failure:
    """Return a failure of ``llama-server``, passed on as JSON within the text of an error."""
    inner = {"error": {"code": status, "message": message, "type": kind, **facts}}
    return Failure(status, encoded(inner).decode())


def moment(seconds: float) -> str:
    """Return a time as Go writes it, of seconds since 1970."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)).isoformat()[:26] + "123Z"
