"""Ollama's releases, and from which on each did what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, total_ordering

RECORDED = ("0.5.13", "0.24.0", "0.33.0-rc2")  # whose replies stand in tests/transcripts
AFTER_0_5 = "0.6.0"  # changed between the first two of these; just where was not seen


@total_ordering
@dataclass(frozen=True, slots=True)
class Release:
    """A release, compared with others as text: ``release >= "0.12.6"``."""

    name: str

    @property
    def number(self) -> tuple[int, ...]:
        """Its number. A build from source calls itself 0.0.0 and is newer than any release."""
        return _number(self.name)

    def __lt__(self, other: Release | str) -> bool:
        return self.number < _release(other).number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Release | str) and self.number == _release(other).number

    def __hash__(self) -> int:
        return hash(self.number)

    def between(self, first: str, end: str) -> bool:
        """Say whether it is at least ``first`` and before ``end``."""
        return first <= self < end


@cache
def _number(name: str) -> tuple[int, ...]:
    number = tuple(int(part) for part in re.findall(r"\d+", name.partition("-")[0]))
    return number if any(number) else (999,)


def _release(value: Release | str) -> Release:
    return value if isinstance(value, Release) else Release(value)
