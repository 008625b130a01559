"""The numbers of lists and headings in a Word document, which its text does not contain."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ragkit.loading.xmltree import child, each, local, value, whole

PLACE = re.compile(r"%([1-9])")
ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
LEVELS = 9


@dataclass(frozen=True, slots=True)
class Level:
    """How a level of a list counts."""

    form: str = "decimal"  # "bullet", "none", "lowerLetter" and so on
    text: str = "%1."
    start: int = 1


@dataclass(slots=True)
class Numbering:
    """All lists of a document, and how far each has counted."""

    lists: dict[str, dict[int, Level]] = field(default_factory=dict)  # by the list's id
    counters: dict[str, dict[int, int]] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)  # a list's id -> whose counters it has

    def mark(self, list_id: str, level: int) -> str:
        """Count a paragraph of a list and return what stands before it, such as "2.1. " or "- "."""
        levels = self.lists.get(list_id)
        if levels is None or list_id == "0":
            return ""
        level = min(max(level, 0), LEVELS - 1)
        own = levels.get(level, Level())
        counts = self.counters.setdefault(self.shared.get(list_id, list_id), {})
        counts[level] = counts.get(level, own.start - 1) + 1
        for deeper in [deep for deep in counts if deep > level]:
            del counts[deeper]
        if own.form == "bullet":
            return "- "
        if own.form == "none" or not own.text:
            return ""

        def number(place: re.Match[str]) -> str:
            at = int(place[1]) - 1
            kind = levels.get(at, Level())
            return written(counts.get(at, kind.start), kind.form)

        return PLACE.sub(number, own.text).rstrip() + " "


def numbering(root: Element) -> Numbering:
    """Return the lists that word/numbering.xml defines."""
    found = Numbering()
    abstract = {
        value(one, "abstractNumId"): dict(map(_level, each(one, "lvl")))
        for one in root
        if local(one.tag) == "abstractNum"
    }
    for one in root:
        if local(one.tag) != "num":
            continue
        base = child(one, "abstractNumId")
        own = value(base, "val") if base is not None else ""
        levels = dict(abstract.get(own, {}))
        overrides = [other for other in one if local(other.tag) == "lvlOverride"]
        for override in overrides:
            at = whole(value(override, "ilvl"), 0)
            if (level := child(override, "lvl")) is not None:
                levels[at] = _level(level)[1]
            elif (start := child(override, "startOverride")) is not None:
                old = levels.get(at, Level())
                levels[at] = Level(old.form, old.text, whole(value(start, "val"), 1))
        list_id = value(one, "numId")
        found.lists[list_id] = levels
        if not overrides:  # lists of one definition count on together
            found.shared[list_id] = f"abstract {own}"
    return found


def _level(element: Element) -> tuple[int, Level]:
    def stated(name: str, default: str) -> str:
        one = child(element, name)
        return value(one, "val", default) if one is not None else default

    level = Level(
        stated("numFmt", "decimal"), stated("lvlText", ""), whole(stated("start", "1"), 1)
    )
    return whole(value(element, "ilvl"), 0), level


def written(number: int, form: str) -> str:
    """Return a number as a list writes it.

    >>> [written(n, form) for n, form in ((4, "lowerRoman"), (28, "upperLetter"), (7, "decimal"))]
    ['iv', 'BB', '7']
    """
    if form in ("lowerLetter", "upperLetter") and 0 < number < 1000:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters if form == "lowerLetter" else letters.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < number < 5000:
        roman = ""
        for worth, sign in ROMAN:
            roman += sign * (number // worth)
            number %= worth
        return roman if form == "lowerRoman" else roman.upper()
    return f"{number:02}" if form == "decimalZero" else str(number)
