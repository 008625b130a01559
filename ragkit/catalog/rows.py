"""What the tables of sources, contents and chunks hold, a row each, and their columns of lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ragkit.types import Chunk


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was when it was last read."""

    path: str
    content: int
    size: int
    mtime_ns: int
    seen_ns: int  # when it was read
    digest: bytes  # of its bytes


@dataclass(frozen=True, slots=True)
class Content:
    """A text and what is known of it; the text itself is read by ``Catalog.text``."""

    id: int
    type: str
    title: str
    language: str
    pages: int
    pages_without_text: tuple[int, ...]
    notes: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]  # (name, value), as ``Document`` has them


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk with its ids."""

    id: int
    content: int
    vector: int
    chunk: Chunk


def column(values: Sequence[object]) -> str:
    """Return the column of a list, which is empty in nearly all rows."""
    return json.dumps(values) if values else "[]"


def listed(column: str) -> list[Any]:
    """Return what a column of a list holds, which is nothing in nearly all rows."""
    return [] if column == "[]" else list(json.loads(column))


def pairs(column: str) -> tuple[tuple[Any, str], ...]:
    """Return what a column of pairs holds, which is nothing in nearly all rows."""
    return () if column == "[]" else tuple((first, second) for first, second in json.loads(column))
