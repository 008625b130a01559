"""Find what a printed place leads to: ``notes.md:3-8``, ``guide.pdf#page=7``, ``b.xlsx!Sums:17``.

A path is taken for a path first: a name may end as a place does. What stands behind it is then a
page, lines, or a place as the document has them (``Document.places``); of times, the one that runs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from ragkit.catalog import Source
from ragkit.errors import ConfigError, NoSuchPathError
from ragkit.index.folder import Index
from ragkit.types import Span

NEWLINE = re.compile(r"\r\n|\r|\n")
PAGE = re.compile(r"(.+)#page=(\d{1,9})", re.DOTALL)
LINES = re.compile(r"(.+):(\d{1,9})(?:-(\d{1,9}))?", re.DOTALL)
TIME = re.compile(r"@(?:(\d+):)?(\d+):(\d+)(?:[.,](\d+))?")
SHOWN = 60  # characters of a place that an error names


def locate(index: Index, given: str, shown: Callable[[str], str]) -> Span:
    """Return the stretch of a text that a place, or a path alone, leads to.

    Args:
        index: the index that has it.
        given: as it was printed, or as it is stored.
        shown: how the index's paths are printed.

    Raises:
        NoSuchPathError: the index has no such path.
        ConfigError: the file has no such page, line or place.
        IndexDamagedError: the text is not what was written.
    """
    texts = index.catalog.texts
    with index.catalog.snapshot():
        sources, _ = texts.sources()
        for names in (_as_path(index, sources), _as_printed(sources, shown)):
            wrong: ConfigError | None = None
            for stored, rest in _readings(given, names):
                try:
                    return _span(index, sources[stored].content, stored, rest, given)
                except ConfigError as error:
                    wrong = wrong or error
            if wrong:
                raise wrong
        texts.require_sources()  # a damaged row may be the one that was meant
    raise NoSuchPathError(f"the index has no {given}", hint="'ragkit ls' lists what it has")


def relocate(index: Index, path: str, start: int, end: int, text: str) -> Span:
    """Return where a passage stands now: where it stood, or else the nearest place that has it.

    Args:
        index: the index that had it.
        path: as stored.
        start: where it stood.
        end: where it ended, exclusive.
        text: the passage, or its beginning.

    Raises:
        NoSuchPathError: the index has no such path any more, or its text no such passage.
        IndexDamagedError: the text is not what was written.
    """
    texts = index.catalog.texts
    with index.catalog.snapshot():
        source = texts.source(path)
        document = texts.text(source.content) if source else ""
    length = end - start
    if not document.startswith(text, start):
        before, after = document.rfind(text, 0, start), document.find(text, start)
        near = [at for at in (before, after) if at >= 0]
        if not near or source is None:
            told = "its text" if source else "the index"
            hint = "'ragkit search' finds what is there now"
            raise NoSuchPathError(f"the passage is no longer in {told}: {path}", hint=hint)
        start = min(near, key=lambda at: abs(at - start))
    return span_of(document, path, start, min(start + length, len(document)))


def _as_path(index: Index, sources: dict[str, Source]) -> Callable[[str], str | None]:
    def stored(path: str) -> str | None:
        known = (index.stored_path(Path(path)), path)
        return next((name for name in known if name in sources), None)

    return stored


def _as_printed(
    sources: dict[str, Source], shown: Callable[[str], str]
) -> Callable[[str], str | None]:
    """Look paths up as they are printed: control characters in a name are escaped there."""
    found: dict[str, str] = {}

    def stored(path: str) -> str | None:
        if not found:
            found.update({shown(name): name for name in sources})
        return found.get(path)

    return stored


def _readings(given: str, stored: Callable[[str], str | None]) -> Iterator[tuple[str, str]]:
    """Yield the ways to read a place: a path that the index has, and what stands behind it."""
    cuts = [
        len(given),
        *(found.end(1) for found in (PAGE.fullmatch(given), LINES.fullmatch(given)) if found),
    ]
    cuts += [at for at in range(len(given) - 1, 0, -1) if given[at] in "!@"]
    for at in cuts:
        if (path := stored(given[:at])) is not None:
            yield path, given[at:]


def _span(index: Index, content: int, path: str, rest: str, given: str) -> Span:
    texts = index.catalog.texts
    text = texts.text(content)
    shown = given.removesuffix(rest)
    page: int | None = None
    place = ""
    if not rest:
        stretch = 0, len(text)
    elif found := re.fullmatch(r"#page=(\d+)", rest):
        page = int(found[1])
        stretch = page_span(text, texts.page_starts(content), shown, page)
    elif found := re.fullmatch(r":(\d+)(?:-(\d+))?", rest):
        lines = [0, *(end.end() for end in NEWLINE.finditer(text)), len(text)]
        first, last = int(found[1]), int(found[2] or found[1])
        if not 1 <= first <= last < len(lines):
            told = f"{shown} has lines 1 to {len(lines) - 1}, not {rest[1:]}"
            raise ConfigError(told, hint=f"ragkit show {shown}")
        stretch = lines[first - 1], lines[last]
    else:
        found_place = _place(index, content, rest)
        if found_place is None:
            told = f"{shown} has no {rest[:SHOWN]}"
            raise ConfigError(told, hint=f"ragkit show {shown}")
        place, start, end = found_place
        stretch = start, end
    return span_of(text, path, *stretch, page=page, place=place)


def page_span(text: str, starts: Sequence[int], shown: str, page: int) -> tuple[int, int]:
    """Return where a page of a text begins and ends.

    Raises:
        ConfigError: there is no such page.
    """
    from ragkit.loading.pdf import BETWEEN

    if not 1 <= page <= len(starts):
        pages = f"pages 1 to {len(starts)}, not {page}" if starts else "no pages"
        raise ConfigError(f"{shown} has {pages}", hint=f"ragkit show {shown}")
    end = (*starts, len(text) + len(BETWEEN))[page] - len(BETWEEN)
    return starts[page - 1], end


def span_of(
    text: str, path: str, start: int, end: int, *, page: int | None = None, place: str = ""
) -> Span:
    """Return a stretch of a text with the lines it takes."""
    breaks = [found.end() for found in NEWLINE.finditer(text, 0, max(end, start))]
    first = bisect_right(breaks, start) + 1
    last = bisect_right(breaks, max(start, start + len(text[start:end].rstrip()) - 1)) + 1
    return Span(path, start, end, (first, last), page, place, text)


def _place(index: Index, content: int, place: str) -> tuple[str, int, int] | None:
    """Return the place that is meant, where it begins and ends; None if there is none such."""
    marks: list[tuple[int, str]] = []
    end = 0
    for stored in index.catalog.chunks.of(content):
        for at, name in stored.chunk.places:
            if not marks or marks[-1][1] != name:
                marks.append((stored.chunk.start + at, name))
        end = max(end, stored.chunk.end)
    wanted = _seconds(place)
    found: tuple[str, int, int] | None = None
    for (start, name), (following, _) in pairwise([*marks, (end, "")]):
        if name == place:
            return name, start, following
        begun = _seconds(name)
        if wanted is not None and begun is not None and begun <= wanted:
            found = name, start, following  # the last that has begun by then
    return found


def _seconds(place: str) -> float | None:
    """Return the time that a place is.

    >>> _seconds("@00:12:03"), _seconds("@1:30.5"), _seconds("!17")
    (723.0, 90.5, None)
    """
    found = TIME.fullmatch(place)
    if not found:
        return None
    hours, minutes, seconds, part = found.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(f"{seconds}.{part or 0}")
