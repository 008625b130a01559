r"""Where a text may be cut without breaking what a reader sees as one character.

Graphemes are looked for around a cut only: going through a whole text by grapheme costs a hundred
times more than cutting it. Source: UAX #29, as the ``regex`` package implements ``\X``.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

REACH = 64  # characters looked at before a cut; a longer grapheme is cut
# Two characters that are never one grapheme: ASCII, Latin, Cyrillic, kana, ideographs, punctuation.
PLAIN = re.compile(
    "[ -~\t\u00a1-\u00ac\u00ae-\u024f\u0400-\u0481\u2010-\u2027\u3000-\u3029\u3041-\u3096"
    "\u30a1-\u30fa\u4e00-\u9fff\uff01-\uff5e]{2}"
)


@cache
def _grapheme() -> regex.Pattern[str]:
    import regex

    return regex.compile(r"\X")


def floor(text: str, offset: int, *, least: int = 0) -> int:
    """Return the last grapheme boundary at or before ``offset``, but after ``least``.

    Where none lies within the 64 characters before (a text may be one endless pile of combining
    marks), ``offset`` itself is returned.

    >>> family = "a👩‍👩‍👧b"
    >>> [floor(family, offset) for offset in range(len(family) + 1)]
    [0, 1, 1, 1, 1, 1, 6, 7]
    """
    if offset >= len(text) or text[offset - 1] == "\n" or PLAIN.match(text, offset - 1, offset + 1):
        return offset
    begin = max(offset - REACH, 0)
    window = text[begin : offset + REACH]
    best = 0
    for match in _grapheme().finditer(window):
        if match.start() > offset - begin:
            break
        best = match.start()
    return begin + best if begin + best > least else offset
