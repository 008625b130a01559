"""Cut a document into chunks of about 200 tokens, along its structure.

From where the last chunk ended, the furthest place that fits is found by the token estimate, and
the cut goes to the best boundary in the last part of that window: a paragraph's end before a
line's, a line's before a sentence's, then a clause's, a space, and at last any place that breaks no
grapheme. Only the window is looked at, so the cost is one short search a chunk, whatever the text.

Why 200 tokens and no overlap: measured on nine public sets, recall within a budget of context is
flat from 100 to 200 tokens and falls from 300 on (tests/benchmarks/RESULTS.md).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter

from ragkit.text import graphemes, sentences
from ragkit.text.tokens import fits, fitting
from ragkit.types import Chunk, Document

NEWLINE = re.compile(r"\r\n|\r|\n")
PARAGRAPH = re.compile(r"\n[ \t\r]*\n\s*")
LINE = re.compile(  # a line that ends a thought, or before one that begins an item, a row, a quote
    r"(?<=[.!?:;。！？；：…\]})>|,\"'`])[ \t]*\r?\n|\r?\n(?=[ \t]*(?:[-*+•#>|@]|\d{1,3}[.)]\s))"
    r"|\r?\n(?=[^\n|]{0,400} \| )"
)
CLAUSE = re.compile(r"[,;:]\s|[，；、：—]")
HEADING = re.compile(r"[^\n]*\n(?:[=\-~^\"'#*+.]{2,}[ \t]*\r?\n)?\s*")  # a line, its underline
EVENLY = 0.6  # of what two chunks can hold, the share the first one takes at most


@dataclass(frozen=True, slots=True)
class StructureChunker:
    """Chunks along headings, paragraphs, lines, sentences: the default ``Chunker``."""

    chunk_tokens: int = 200

    def __call__(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunks of ``document``, in order; blank stretches are in none."""
        return chunks_of(document, self._spans(document))

    def _spans(self, document: Document) -> Iterator[tuple[int, int]]:
        """Yield the spans that tile the text, before their blank ends are trimmed."""
        text = document.text
        heading_starts = {heading.start for heading in document.headings}
        for start, end in self._sections(document):
            at = start
            while at < end:
                limit = fitting(text, at, self.chunk_tokens)
                stop = end
                if limit < end:
                    if fits(text, limit, end, self.chunk_tokens):  # no crumb is left over
                        limit = min(limit, at + max(int((end - at) * EVENLY), 1))
                    heading = HEADING.match(text, at, limit) if at in heading_starts else None
                    stop = best_cut(text, at, limit, least=heading.end() if heading else at)
                yield at, stop
                at = stop

    def _sections(self, document: Document) -> Iterator[tuple[int, int]]:
        """Yield stretches that no chunk reaches across: pages, and runs of short sections."""
        text = document.text
        walls = {*document.page_starts, len(text)}
        marks = sorted({*(heading.start for heading in document.headings), *walls})
        start = 0
        for i, mark in enumerate(marks):
            if mark <= start:
                continue
            if mark not in walls and fits(text, start, marks[i + 1], self.chunk_tokens):
                continue  # this section and the next fit into one chunk
            yield start, mark
            start = mark


def chunks_of(document: Document, spans: Iterable[tuple[int, int]]) -> Iterator[Chunk]:
    """Yield the chunk of each span, without its blank ends; a blank span has none.

    Args:
        document: what is cut.
        spans: ``(start, end)`` in characters, the end exclusive, ascending.
    """
    text = document.text
    lines = _Lines(text)
    path = _HeadingPath(document)
    for start, end in spans:
        piece = text[start:end]
        left = start + len(piece) - len(piece.lstrip())
        piece = piece.strip()
        if not piece:
            continue
        right = left + len(piece)
        page = bisect_right(document.page_starts, left)
        yield Chunk(
            text=piece,
            start=left,
            end=right,
            lines=(lines.number(left), lines.number(right - 1)),
            page=page or None,
            headings=path.at(left),
            places=_places(document, left, right) if document.places else (),
        )


def _places(document: Document, start: int, end: int) -> tuple[tuple[int, str], ...]:
    """Return the place in force at ``start`` and those that begin before ``end``."""
    first = max(bisect_right(document.places, start, key=itemgetter(0)) - 1, 0)
    last = bisect_left(document.places, end, key=itemgetter(0))
    return tuple((max(at - start, 0), place) for at, place in document.places[first:last])


def best_cut(text: str, start: int, limit: int, *, least: int = 0) -> int:
    r"""Return where to cut ``text`` in ``(start, limit]``: at the best boundary, as late as can be.

    Args:
        text: the whole text.
        start: where the chunk begins.
        limit: the furthest offset at which it may end.
        least: a paragraph or line is not ended at or before it (a heading stays with its text).

    >>> text = "One. Two three.\n\nFour five six."
    >>> text[:best_cut(text, 0, 24)], text[:best_cut(text, 0, 9)]
    ('One. Two three.\n\n', 'One.')
    """
    size = limit - start
    found = (
        (text.find("\n", start, limit) >= 0 and _last_line(text, start, limit, least))
        or _last_sentence(text, start + size * 4 // 10, limit)
        or _last(CLAUSE, text, start + size // 2, limit)
        or _last_space(text, start + size // 4, limit)
        or limit
    )
    return graphemes.floor(text, found, least=start)


def _last_line(text: str, start: int, limit: int, least: int) -> int:
    """Return the last end of a paragraph, else of a line that ends a thought, else 0."""
    size = limit - start
    return _last(PARAGRAPH, text, max(start + size // 10, least + 1), limit) or _last(
        LINE, text, max(start + size * 3 // 10, least + 1), limit
    )


def _last(boundary: re.Pattern[str], text: str, start: int, end: int) -> int:
    """Return the end of the last boundary in ``text[start:end]``, 0 if there is none."""
    for begin in (end - (end - start) // 3, start):  # the cut is nearly always near the end
        if found := list(boundary.finditer(text, begin, end)):
            return found[-1].end()
    return 0


def _last_sentence(text: str, start: int, end: int) -> int:
    """Return the last end of a sentence in ``text[start:end]``, 0 if there is none."""
    for begin in (end - (end - start) // 3, start):
        if last := sentences.last_end(text, begin, end):
            return last
    return 0


def _last_space(text: str, start: int, end: int) -> int:
    last = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
    return (last if last >= 0 else max(text.rfind(s, start, end) for s in "\t\r\u3000")) + 1


class _Lines:
    """Line numbers of offsets that are asked for in ascending order."""

    def __init__(self, text: str) -> None:
        if "\r" in text:
            self._starts = [0, *(match.end() for match in NEWLINE.finditer(text))]
        else:  # the same, several times faster
            lengths = map(len, text.split("\n"))
            self._starts = list(accumulate(map((1).__add__, lengths), initial=0))

    def number(self, offset: int) -> int:
        return bisect_right(self._starts, offset)


class _HeadingPath:
    """The headings above an offset, outermost first."""

    def __init__(self, document: Document) -> None:
        self._starts = [heading.start for heading in document.headings]
        self._paths: list[tuple[str, ...]] = [()]
        above: list[tuple[int, str]] = []
        for heading in document.headings:
            above = [(level, title) for level, title in above if level < heading.level]
            above.append((heading.level, heading.title))
            self._paths.append(tuple(title for _, title in above))

    def at(self, offset: int) -> tuple[str, ...]:
        return self._paths[bisect_right(self._starts, offset)]
