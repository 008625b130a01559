"""Headings of data: the path of a value, such as servers > 0 > name."""

from __future__ import annotations

from ragkit.text.surrogates import encodable
from ragkit.types import Heading

DEEPEST = 6
MOST = 20_000  # headings of a file: levels that make it more have none, the deepest first
LONGEST = 80  # characters of a title


class Paths:
    """Collects the headings of values in the order in which they stand in the text.

    A heading holds until the next of its level. So what follows a value on a higher level is given
    a heading of its own, or that of what it lies in once more.
    """

    def __init__(self) -> None:
        self._found: list[Heading] = []
        self._above: list[str] = []  # titles of what the value in hand lies in
        self.last = 0  # level of the last heading
        self._deepest = DEEPEST

    @property
    def are_too_many(self) -> bool:
        """Say whether even those of the first level are more than a file may have."""
        return not self._deepest

    def enter(self, start: int, level: int, title: str) -> None:
        """Let a value of several parts begin, on a level from 1."""
        if level > self._deepest:
            return
        title = shown(title)
        del self._above[level - 1 :]
        self._above += [""] * (level - 1 - len(self._above)) + [title]
        self._add(start, level, title)

    def scalar(self, start: int, level: int, title: str) -> None:
        """Let a value of one part begin: it has no heading unless it would be under a wrong one."""
        if self.last < level or level > self._deepest + 1:
            return
        if level == 1 <= self._deepest:
            self._add(start, 1, shown(title))
        elif 1 < level <= len(self._above) + 1:
            self._add(start, level - 1, self._above[level - 2])

    def _add(self, start: int, level: int, title: str) -> None:
        self._found.append(Heading(start, level, title))
        self.last = level
        while len(self._found) > MOST and self._deepest:
            self._deepest = min(self._deepest, max(one.level for one in self._found)) - 1
            self._found = [one for one in self._found if one.level <= self._deepest]

    def headings(self) -> tuple[Heading, ...]:
        """Return what was collected."""
        return tuple(self._found)


def shown(title: str) -> str:
    r"""Return a name in one line that is not too long.

    >>> shown(" two\n words "), shown("x" * 99)[-3:]
    ('two words', 'xx…')
    """
    title = " ".join(encodable(title[: LONGEST * 4]).split()) or '""'
    return title if len(title) <= LONGEST else title[: LONGEST - 1] + "…"
