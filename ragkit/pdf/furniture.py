"""Headers and footers: lines that stand at the edge of page after page, and page numbers.

Only what clearly repeats is one: the same line at the same edge of three pages or more, and of a
good part of the pages between the first and the last of them. A line that differs in its number is
a page number if it is nothing but that, or says so, and counts along with the pages.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

EDGE = 3  # lines at the top and at the bottom of a page that may be one
LEAST_PAGES = 3
MOST = 150  # characters of such a line
NUMBER = re.compile(r"\d{1,5}")
ROMAN = re.compile(r"[ivxlc]{1,8}|[IVXLC]{1,8}")
BARE = re.compile(r"[\W_]*(?:\d{1,5}|[ivxlc]{1,8}|[IVXLC]{1,8})[\W_]*")
# "Page 3 of 12", "Seite 3", "3 / 12", "第 3 页"
SAYS_SO = re.compile(
    r"\b(?:page|pages|pg|seite|página|pagina|pag|sivu|sida|side|strona|str|стр|страница)\b"
    r"|\b[ps]\. ?\d|第\s*\d+\s*[页頁]|ページ|쪽|\d\s*(?:/|of|von|de|sur|di|van|из)\s*\d",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Cleared:
    """Pages without their headers and footers."""

    texts: list[str]
    lines: int = 0  # left out
    pages: int = 0  # on so many pages
    samples: tuple[str, ...] = ()  # of them


def without_furniture(texts: Sequence[str]) -> Cleared:
    r"""Return pages without the headers and footers that repeat on them.

    The first page that has a line keeps it, so that what it says can still be found; page numbers
    go from all. A page that would have nothing left stays as it is.

    >>> pages = [f"ACME Handbook\nText of {word}.\n- {n} -" for n, word in enumerate("abcd", 1)]
    >>> without_furniture(pages).texts
    ['ACME Handbook\nText of a.', 'Text of b.', 'Text of c.', 'Text of d.']
    """
    if sum(bool(text.strip()) for text in texts) < LEAST_PAGES:
        return Cleared(list(texts))
    pages = [text.split("\n") for text in texts]
    edges = [_edges(lines) for lines in pages]
    repeated = _repeated(pages, edges)
    counted = _counted(pages, edges)
    seen: set[tuple[bool, str]] = set()
    out = list(texts)
    dropped: Counter[str] = Counter()
    touched = 0
    for page, (lines, places) in enumerate(zip(pages, edges, strict=True)):
        gone = set()
        for at, is_top in places:
            key = (is_top, _plain(lines[at]))
            if (page, at) in counted:
                gone.add(at)
            elif page in repeated.get(key, ()):
                if key in seen:
                    gone.add(at)
                seen.add(key)
        kept = [line for at, line in enumerate(lines) if at not in gone]
        if gone and any(line.strip() for line in kept):
            out[page] = "\n".join(kept).strip("\n")
            dropped.update(_plain(lines[at]) for at in gone)
            touched += 1
    samples = tuple(line for line, _ in dropped.most_common(2))
    return Cleared(out, dropped.total(), touched, samples)


def _plain(line: str) -> str:
    return " ".join(line.split())


def _edges(lines: Sequence[str]) -> list[tuple[int, bool]]:
    """Return which lines are at the edges of a page, and whether at the top."""
    full = [at for at, line in enumerate(lines) if line.strip()]
    edge = min(EDGE, len(full) // 2 or 1)
    places = [(at, True) for at in full[:edge]] + [(at, False) for at in full[edge:][-edge:]]
    return [(at, is_top) for at, is_top in places if len(lines[at]) <= MOST]


def _is_dense(pages: Sequence[int], count: int) -> bool:
    """Say whether ascending page numbers are those of something that repeats."""
    span = pages[-1] - pages[0] + 1
    few = len(pages) < max(5, LEAST_PAGES) and len(pages) < 0.6 * count
    return len(pages) >= LEAST_PAGES and len(pages) >= 0.4 * span and not few


def _repeated(
    pages: Sequence[Sequence[str]], edges: Sequence[Sequence[tuple[int, bool]]]
) -> dict[tuple[bool, str], set[int]]:
    """Return the lines that repeat as they are, and the pages they stand on."""
    found: defaultdict[tuple[bool, str], list[int]] = defaultdict(list)
    for page, places in enumerate(edges):
        for key in {(is_top, _plain(pages[page][at])) for at, is_top in places}:
            found[key].append(page)
    return {key: set(on) for key, on in found.items() if _is_dense(on, len(pages))}


def _counted(
    pages: Sequence[Sequence[str]], edges: Sequence[Sequence[tuple[int, bool]]]
) -> set[tuple[int, int]]:
    """Return the (page, line) of page numbers."""
    # Those of one kind differ by their number, which is ahead of the page's by the same amount.
    found: defaultdict[tuple[bool, str, int], list[tuple[int, int]]] = defaultdict(list)
    for page, places in enumerate(edges):
        for at, is_top in places:
            line = _plain(pages[page][at])
            if not (BARE.fullmatch(line) or SAYS_SO.search(line)):
                continue
            for match in NUMBER.finditer(line):
                shape = f"{line[: match.start()]}#{line[match.end() :]}"
                found[is_top, shape, int(match[0]) - page].append((page, at))
            if ROMAN.fullmatch(line.strip(" -–.")):
                found[is_top, "roman", _roman(line.strip(" -–.")) - page].append((page, at))
    return {
        one
        for places_of in found.values()
        if _is_dense([page for page, _ in places_of], len(pages))
        for one in places_of
    }


def _roman(text: str) -> int:
    """Return the value of a Roman number.

    >>> _roman("xiv"), _roman("III")
    (14, 3)
    """
    values = [{"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}[letter] for letter in text.lower()]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < after else value for value, after in pairs)
