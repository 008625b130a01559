"""What of a web page is not its content: navigation, page headers and footers, cookie notices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ragkit.loading.writing import counted

NOTICE = re.compile(
    r"(?:cookie|gdpr|consent)s?[-_]?(?:banner|notice|bar|popup|modal|overlay|dialog|message|law|info|"
    r"consent|container|wrapper|alert)|onetrust|cybotcookiebot|cc-window|skip-?(?:link|to-content)",
    re.I,
)
LONGEST_NOTICE = 3_000  # characters; what is longer is about cookies
MOST_PARTS = 1_000  # more are no page that a person has laid out
LEAST_CONTENT = 0.2  # of the page: a page that is nearly all navigation is kept whole


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a page's text."""

    kind: str  # "navigation", "page header", "page footer", "notice", "main"
    start: int
    end: int
    has_title: bool = False  # a heading of the first level stands in it


def part_kind(tag: str, attributes: dict[str, str | None]) -> str:
    """Return what an element is for, "" if it is content or says nothing.

    >>> part_kind("nav", {}), part_kind("div", {"role": "main"})
    ('navigation', 'main')
    >>> part_kind("div", {"class": "cookie-banner big"}), part_kind("p", {"id": "cookies"})
    ('notice', '')
    """
    role = (attributes.get("role") or "").lower()
    if tag == "nav" or role == "navigation":
        return "navigation"
    if tag in ("main", "article") or role == "main":
        return "main"
    if tag == "header" or role == "banner":
        return "page header"
    if tag == "footer" or role == "contentinfo":
        return "page footer"
    names = f"{attributes.get('id') or ''} {attributes.get('class') or ''}"
    return "notice" if len(names) > 5 and NOTICE.search(names[:500]) else ""


def left_out(parts: Iterable[Part], length: int) -> list[Part]:
    """Return the parts of a page that are left out, in order, none inside another.

    Navigation and notices always are; headers and footers only those of the page, which stand
    outside its main part, where it names one. If hardly anything would stay, nothing is left out.
    """
    parts = [*parts]
    if len(parts) > MOST_PARTS:
        return []
    parts = sorted(parts, key=lambda part: (part.start, -part.end))
    main = [part for part in parts if part.kind == "main" and part.end > part.start]
    cut: list[Part] = []
    for part in parts:
        inside = any(one.start <= part.start and part.end <= one.end for one in main)
        if part.end <= part.start or (cut and part.start < cut[-1].end) or part.kind == "main":
            continue
        if part.kind.startswith("page ") and (inside or not main or part.has_title):
            continue
        if part.kind == "notice" and part.end - part.start > LONGEST_NOTICE:
            continue
        if any(part.start <= one.start and one.end <= part.end for one in main):
            continue  # the content stands in it
        cut.append(part)
    stays = length - sum(part.end - part.start for part in cut)
    return cut if stays >= LEAST_CONTENT * length else []


def note_of(cut: Iterable[Part]) -> str:
    """Return what is said of the parts that were left out.

    >>> note_of([Part("navigation", 0, 40), Part("navigation", 90, 100), Part("notice", 50, 60)])
    'left out: navigation (50 characters), notice (10 characters)'
    """
    sizes = Counter[str]()
    for part in cut:
        sizes[part.kind] += part.end - part.start
    told = (f"{kind} ({counted(size, 'character')})" for kind, size in sizes.items())
    return f"left out: {', '.join(told)}"
