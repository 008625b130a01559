"""Figures that stand higher: 10 with a small 6 behind it is no 106."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

RAISED = re.compile(r"[-+\u2212]?\d")


class Raised(str):
    """A piece of a line that stands higher than the rest."""

    __slots__ = ()


def joined(pieces: Iterable[str]) -> str:
    """Return a line; a raised number right behind a figure is marked, as in plain text.

    >>> joined(["10", Raised("\u2212"), Raised("6"), " m, the 1", Raised("st")])
    '10^\u22126 m, the 1st'
    """
    line = ""
    for is_raised, group in groupby(pieces, key=lambda piece: isinstance(piece, Raised)):
        text = "".join(group)
        line += "^" * (is_raised and line[-1:].isdecimal() and bool(RAISED.match(text))) + text
    return line
