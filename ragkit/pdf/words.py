"""Undo what typesetting does to words: split at line ends, drawn as one sign with another."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Ligatures and letters drawn in one of their forms, and radicals that stand for characters:
# what a font calls them, and nobody types.
DRAWN = re.compile("[\u2e80-\u2fdf\ufb00-\ufb4f\ufb50-\ufd3d\ufd50-\ufdff\ufe70-\ufefc]")
HYPHENS = "-\u00ad\u2010"
SPLIT = re.compile(rf"[{HYPHENS}][ \t]*\n[ \t]*([^\W\d_]\w*)([^\w\s]*)[ \t]*")
HEAD = re.compile(r"\w*[^\W\d_]\Z")  # what stands before such a hyphen
SPLIT_WHOLE = re.compile(rf"[^{HYPHENS}\s]*{SPLIT.pattern}")
SHORTEST = 4  # letters of a word that may be a part of another: "in", "for" and "the" often are
LONGEST = 60  # characters of it
WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")


def as_typed(text: str) -> str:
    """Return a text with its ligatures resolved.

    >>> as_typed("e\ufb03cient \ufb01le, \u2f00"), as_typed("plain")
    ('efficient file, 一', 'plain')
    """
    if text.isascii():
        return text
    return DRAWN.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def vocabulary(texts: Iterable[str]) -> set[str]:
    """Return the words of texts, those with hyphens as a whole too, but none that are split.

    Where nothing is split none is needed, and none is returned.
    """
    texts = list(texts)
    words: set[str] = set()
    if any(SPLIT.search(text) for text in texts):
        for text in texts:
            words.update(WORD.findall(SPLIT_WHOLE.sub(" ", text).lower()))
    return words


def rejoined(text: str, words: set[str]) -> str:
    r"""Return a text with words joined that were split at the ends of lines.

    Whether the hyphen is a part of the word is told by the other ``words`` of the document: it is
    if the word stands there with it, or if both its parts are words and the whole is not. The line
    then ends after the word. Only what goes on in lower case was split.

    >>> rejoined("the infor-\nmation we have", set())
    'the information\nwe have'
    >>> rejoined("a well-\nknown one. It", {"well-known"}), rejoined("in Baden-\nBaden", set())
    ('a well-known\none. It', 'in Baden-\nBaden')
    """

    def join(found: re.Match[str]) -> str:
        before = HEAD.search(text, max(found.start() - LONGEST, 0), found.start())
        right, behind = found.groups()
        if before is None or not right[0].islower():
            return found[0]
        head, tail = before[0].lower(), right.lower()
        are_words = head in words and tail in words and min(len(head), len(tail)) >= SHORTEST
        is_own = f"{head}-{tail}" in words or are_words
        hyphen = "-" if is_own and head + tail not in words else ""
        return f"{hyphen}{right}{behind}\n"

    return SPLIT.sub(join, text)
