"""The last answer or search over each index, so that ``show 3`` and ``open 3`` know what 3 is.

A reader never writes to an index. This stands in the user's own folder of state, a small file for
each index, for its owner's eyes only; no answer depends on it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.text.graphemes import floor
from ragkit.text.surrogates import encodable

if TYPE_CHECKING:
    from ragkit.query import Answer
    from ragkit.types import Hit

MOST_FILES = 100  # indexes; the one longest unused is forgotten first
MOST_TEXT = 2_000  # characters of a passage and of a question
MOST_PASSAGES = 500
MOST_BYTES = 8_000_000  # of a file that is read: none of ours is larger


@dataclass(frozen=True, slots=True)
class Passage:
    """What a number leads to."""

    number: int
    path: str  # as stored
    start: int
    end: int
    lines: tuple[int, int]
    page: int | None
    place: str
    text: str  # of a long passage its beginning


@dataclass(frozen=True, slots=True)
class Last:
    """What was printed last over an index."""

    of: str  # "answer" or "search"
    question: str
    at: str  # when, such as "2026-08-21T10:00:00Z"
    passages: tuple[Passage, ...]  # by number; an answer may cite several under one

    def under(self, number: int) -> list[Passage]:
        """Return the passages that a number leads to."""
        return [passage for passage in self.passages if passage.number == number]


def of_answer(answer: Answer) -> Last:
    """Return what an answer cites."""
    cited = sorted(answer.citations, key=lambda citation: citation.marker)
    passages = [
        Passage(c.marker, c.path, c.start, c.end, c.lines, c.page, c.place, _clipped(c.text))
        for c in cited
    ]
    return _last("answer", answer.question, passages)


def of_search(question: str, hits: Iterable[Hit]) -> Last:
    """Return what a search found."""
    passages = [
        Passage(
            hit.rank, hit.path, c.start, c.end, c.lines, c.page, c.place_at(0), _clipped(c.text)
        )
        for hit in hits
        for c in (hit.chunk,)
    ]
    return _last("search", question, passages)


def _last(of: str, question: str, passages: list[Passage]) -> Last:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Last(of, _clipped(question), now, tuple(passages[:MOST_PASSAGES]))


def _clipped(text: str) -> str:
    return text[: floor(text, MOST_TEXT)] if len(text) > MOST_TEXT else text


def state_folder(env: Mapping[str, str] = os.environ) -> Path | None:
    """Return the user's folder for what is kept between runs, None where that is not known.

    >>> state_folder({"XDG_STATE_HOME": "/s"}).as_posix(), state_folder({"HOME": "/h"}).as_posix()
    ('/s/ragkit', '/h/.local/state/ragkit')
    """
    if folder := env.get("XDG_STATE_HOME") or env.get("LOCALAPPDATA"):
        return Path(folder) / "ragkit"
    return Path(env["HOME"]) / ".local" / "state" / "ragkit" if env.get("HOME") else None


def remember(index: Path, last: Last) -> None:
    """Keep what was printed last over an index, in place of what was kept before.

    Raises:
        OSError: no space, no permission. What was kept before is still there.
    """
    file = _file(index)
    if file is None:
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = encodable(json.dumps({"index": str(index), **asdict(last)}, ensure_ascii=False)).encode()
    handle, new = tempfile.mkstemp(dir=file.parent, prefix=".last-")  # for its owner only
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
        Path(new).replace(file)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise
    _forget_oldest(file.parent)


def recall(index: Path) -> Last | None:
    """Return what was printed last over an index, None where nothing is known of that."""
    file = _file(index)
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        if file is not None and file.stat().st_size <= MOST_BYTES:
            found = json.loads(file.read_text("utf-8"))
            passages = tuple(_passage(each) for each in found["passages"])
            return Last(str(found["of"]), str(found["question"]), str(found["at"]), passages)
    return None


def _passage(found: Mapping[str, object]) -> Passage:
    """Return a passage as it was kept.

    Raises:
        ValueError: it is none that we wrote.
    """
    made = Passage(**{**found, "lines": tuple(found["lines"])})  # type: ignore[arg-type]
    numbers = (made.number, made.start, made.end, *made.lines)
    texts = (made.path, made.place, made.text)
    is_ours = all(type(n) is int and n >= 0 for n in numbers) and len(made.lines) == 2
    if not (
        is_ours and all(type(t) is str for t in texts) and type(made.page) in (int, type(None))
    ):
        raise ValueError(found)
    return made


def _file(index: Path) -> Path | None:
    folder = state_folder()
    key = hashlib.sha256(os.fsencode(index.resolve())).hexdigest()[:32]
    return folder / "last" / f"{key}.json" if folder else None


def _forget_oldest(folder: Path) -> None:
    with suppress(OSError):  # another process forgets the same ones
        files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        for file in files[: max(len(files) - MOST_FILES, 0)]:
            file.unlink()
