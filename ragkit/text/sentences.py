"""Where sentences end, in any script.

Terminators are those of Unicode's Sentence_Terminal property that end sentences in running text;
a full stop ends one only before white space, and not after an initial, a number of a list or a
common abbreviation. Source: UAX #29, section 5, simplified to one pass of one expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

CLOSING = "\"'”’»)\\]}」』）】〉》］｝〞"
WIDE_ENDS = "。！？．｡…؟۔।॥။၏።፧፨᙮។៕᠃᠉‼⁇⁈⁉︒﹒﹖﹗"  # end a sentence with no space after them
ABBREVIATIONS = (
    "e.g i.e etc vs cf al fig figs eq no nos vol pp ed eds dr mr mrs ms prof sr jr st approx dept "
    "inc ltd co corp est jan feb mar apr jun jul aug sep sept oct nov dec z.b d.h bzw usw ca nr "
    "abs art bd hrsg p.ej sra dra núm pág av"
).split()

END = re.compile(
    rf"(?P<wide>[{WIDE_ENDS}]+[{CLOSING}]*)"
    rf"|(?P<narrow>[.!?]+[{CLOSING}]*)(?=\s)"
    r"|(?P<break>\r?\n[ \t]*(?:\r?\n[ \t]*)+|\r?\n(?=[ \t]*(?:[-*+•#>|]|\d{1,3}[.)]\s)))"
)
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘]*\Z")


def _is_abbreviation(text: str, start: int, stop: int) -> bool:
    """Say whether the full stop at ``stop`` belongs to the word before it."""
    found = _WORD_BEFORE.search(text[max(stop - 12, start) : stop])
    word = found.group().lower() if found else ""
    return (
        word in ABBREVIATIONS
        or (len(word) == 1 and word.isalpha())  # an initial
        or (word.isdigit() and not text[start : stop - len(word)].strip())  # "1." of a list
    )


def ends(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Yield the offsets in ``text[start:end]`` just after each end of a sentence, in order.

    >>> list(ends("Dr. Li came. 她来了。They left!"))
    [12, 17, 27]
    """
    stop = len(text) if end is None else end
    begin = start
    for match in END.finditer(text, start, stop):
        if match["narrow"] == "." and _is_abbreviation(text, begin, match.start()):
            continue
        begin = match.start() if match["break"] else match.end()
        yield begin
    if begin < stop:
        yield stop


def last_end(text: str, start: int, end: int) -> int:
    """Return the last end of a sentence inside ``text[start:end]``, 0 if there is none.

    >>> last_end("One. Two, e.g. three", 0, 20), last_end("No end", 0, 6)
    (4, 0)
    """
    for match in reversed(list(END.finditer(text, start, end))):
        stop = match.start() if match["break"] else match.end()
        abbreviated = match["narrow"] == "." and _is_abbreviation(text, start, match.start())
        if start < stop < end and not abbreviated:
            return stop
    return 0


def spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Return the sentences of ``text[start:end]`` as trimmed ``(start, end)``, blank ones left out.

    >>> text = "It works. 很好。  Next line"
    >>> [text[a:b] for a, b in spans(text)]
    ['It works.', '很好。', 'Next line']
    """
    found = []
    begin = start
    for stop in ends(text, start, end):
        sentence = text[begin:stop]
        left = begin + len(sentence) - len(sentence.lstrip())
        right = begin + len(sentence.rstrip())
        if left < right:
            found.append((left, right))
        begin = stop
    return found
