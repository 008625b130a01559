r"""Where sentences end, in any script.

The rules are those of UAX #29, section 5, in one pass of one expression, but for what tells running
text better (a test counts how often that differs in Unicode's own cases):

* ``.``, ``!`` and ``?`` end a sentence only before white space: ``a!=b`` and addresses have them
* an initial, an abbreviation, the number of a list and a German date go on after their full stop
* the end of a line is none; an empty line is, and so is a line before an item, a row or a quote; a
  row is also what has cells parted by bars
* a mark that opens brackets or quotes begins the next sentence, whatever stands before it
* what follows in lower case is looked for just after blanks and opening marks, not past figures and
  code: "Type it. `num_ctx` is a number" has two sentences
* Tibetan shads end a sentence; in Thai and Lao, which have no marks, a space after a clause does
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragkit.text.abbreviations import ANYWHERE, BEFORE_FIGURES, MONTHS
from ragkit.text.terminators import (
    ATERM,
    CLOSING,
    GOES_ON,
    MARKS,
    OPENING,
    STERM,
    TIBETAN,
    UNENDED,
)

WIDE = f"{STERM}{TIBETAN}{ATERM}"  # end a sentence with no space after them
NARROW = ".!?…"  # end one before white space, or before an ideograph
PARAGRAPH = "\u2029\f"
NEWLINE = r"(?>(?<=\r)\n?|(?<=\n))"  # the rest of one, behind its first character
BLANK = r"[^\S\r\n\f\u2028\u2029]"  # white space within a line
IDEOGRAPHS = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff"

# What is looked for is one class, which the engine scans for; the rest tells what was found. Runs
# are looked at to a few characters, so that an endless one costs no more than its length.
END = re.compile(
    rf"[{NARROW}{WIDE}\r\n{PARAGRAPH}](?:"
    rf"(?<=[{WIDE}])(?P<wide>(?>[{WIDE}!?{MARKS}]{{0,9}}[{CLOSING}{MARKS}]{{0,9}}))"
    rf"(?!{BLANK}*[{GOES_ON}{WIDE}])(?!(?<=[{ATERM}])[0-9０-９])"
    rf"|(?<=[{NARROW}])(?P<narrow>(?>[{NARROW}{WIDE}{MARKS}]{{0,9}}[{CLOSING}{MARKS}]{{0,9}}))"
    rf"(?=\s|[{IDEOGRAPHS}])(?!{BLANK}*[{GOES_ON[3:]}{NARROW}{WIDE}])"
    rf"|(?P<break>{NEWLINE}(?:[ \t]*(?:\r\n?|\n))+"
    rf"|{NEWLINE}(?=[ \t]*(?:[-*+•#>|]|\d{{1,3}}[.)]\s))"
    rf"|{NEWLINE}(?=[^\r\n|]{{0,400}} \| )"
    rf"|(?<=[{PARAGRAPH}])))"
)
_NEXT = re.compile(rf"[\s{MARKS}]*[{OPENING}\"'¿¡{MARKS}]*(\w{{0,20}})")
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_CLAUSE = re.compile(rf"(?<=[{UNENDED}]) +(?=[{UNENDED}])")
LEAST_CLAUSE = 40  # characters of Thai before a space that ends a sentence
NEAR = 200  # characters that a line may be indented by
LONGEST = 12  # characters of an abbreviation


def _goes_on(text: str, start: int, found: re.Match[str]) -> bool:
    """Say whether the sentence from ``start`` goes on after what looks like its end."""
    run = found.group()
    if "!" in run or "?" in run:
        return False
    if not run.strip("…") and not text[found.end() : found.end() + 1].isspace():
        return True
    following = _NEXT.match(text, found.end())[1]  # type: ignore[index] # matches anything
    if following[:1].islower():
        return True
    return run == "." and _is_abbreviation(text, start, found.start(), following)


def _is_abbreviation(text: str, start: int, stop: int, following: str) -> bool:
    """Say whether the full stop at ``stop``, before what does not begin small, is of its word."""
    before = text[max(stop - LONGEST, start) : stop]
    if not before or before[-1].isspace():
        return False
    word = before.split()[-1].lstrip("([\"'“‘„«").lower()
    if len(word) == 1 and word.isalpha() and not _IDEOGRAPH.match(word):  # an initial
        return True
    if word.replace(".", "").isdigit():
        begin = stop - len(word)
        is_first = begin - start < NEAR and not text[start:begin].strip()  # "1." of a list
        return is_first or (len(word) < 3 and following in MONTHS)
    return word in ANYWHERE or (word in BEFORE_FIGURES and following[:1].isdecimal())


def ends(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Yield the offsets in ``text[start:end]`` just after each end of a sentence, in order.

    >>> list(ends("Dr. Li came. 她来了。They left!"))
    [12, 17, 27]
    """
    stop = len(text) if end is None else end
    found = _marked_ends(text, start, stop)
    if text.isascii() or not _CLAUSE.search(text, start, stop):
        return found
    return _with_clauses(text, start, found)


def _marked_ends(text: str, start: int, stop: int) -> Iterator[int]:
    begin = start
    for match in END.finditer(text, start, stop):
        kind = match.lastgroup
        if kind == "narrow" and _goes_on(text, begin, match):
            continue
        at = match.start() if kind == "break" else match.end()
        if at > begin:
            begin = at
            yield begin
    if begin < stop:
        yield stop


def _with_clauses(text: str, begin: int, found: Iterator[int]) -> Iterator[int]:
    """Yield the ends that were found, and those of clauses that only a space ends."""
    for end in found:
        for space in _CLAUSE.finditer(text, begin, end):
            if space.start() - begin >= LEAST_CLAUSE:
                begin = space.start()
                yield begin
        begin = end
        yield end


def last_end(text: str, start: int, end: int) -> int:
    """Return the last end of a sentence inside ``text[start:end]``, 0 if there is none.

    >>> last_end("One. Two, e.g. three", 0, 20), last_end("No end", 0, 6)
    (4, 0)
    """
    for match in reversed(list(END.finditer(text, start, end))):
        stop = match.start() if match.lastgroup == "break" else match.end()
        goes_on = match.lastgroup == "narrow" and _goes_on(text, start, match)
        if start < stop < end and not goes_on:
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
