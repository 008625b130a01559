"""What is read of a PDF, page by page, and how it goes from one process to another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FIRST, SECOND = "pypdf", "pypdfium2"


@dataclass(frozen=True, slots=True)
class Opened:
    """A PDF that could be opened."""

    pages: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    number: int  # from 1, as a viewer counts
    text: str
    reader: str = FIRST  # that made the text
    notes: str = ""  # values of form fields and what annotations say, a line each
    error: str = ""  # why it cannot be read
    is_doubtful: bool = False  # the text is hardly legible, and there was no better


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the outline."""

    title: str
    level: int  # from 1
    page: int  # from 1


@dataclass(frozen=True, slots=True)
class Facts:
    """What a PDF says of itself as a whole."""

    title: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    outline: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as an image."""

    number: int
    base64: str = ""
    error: str = ""  # why there is none


@dataclass(frozen=True, slots=True)
class Refused:
    """A PDF that cannot be read, with what an error says of it."""

    reason: str
    stage: str = "parse"
    hint: str = ""


Found = Opened | Page | Facts | Picture | Refused
KINDS: dict[str, type[Found]] = {
    kind.__name__: kind for kind in (Opened, Page, Facts, Picture, Refused)
}


def packed(found: Found) -> bytes:
    r"""Return what was found as one line of JSON.

    >>> unpacked(packed(Page(3, "a\nb")))
    Page(number=3, text='a\nb', reader='pypdf', notes='', error='', is_doubtful=False)
    """
    return json.dumps([type(found).__name__, asdict(found)]).encode() + b"\n"


def unpacked(line: bytes) -> Found:
    """Return what ``packed`` was given."""
    name, values = json.loads(line)
    if name == "Facts":
        return _facts(values)
    return KINDS[name](**values)


def _facts(values: Mapping[str, Any]) -> Facts:
    return Facts(
        values["title"],
        tuple((name, value) for name, value in values["fields"]),
        tuple(Entry(**entry) for entry in values["outline"]),
        tuple(values["notes"]),
    )
