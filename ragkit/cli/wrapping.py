"""Text broken into lines that fit a terminal, word by word, as it comes in.

Between the letters of Chinese and Japanese a line may end anywhere, but not before a closing mark.
What stands in a fence of code stays as it is, so that it can be copied.
"""

from __future__ import annotations

import os
import sys
import unicodedata

CLOSING = frozenset("，。、；：！？）」』】》〉”’…,.;:!?)]}")  # no line begins with one
FENCE = "```"
LEAST = 20  # columns, below which it is left to the terminal


def terminal_columns() -> int | None:
    """Return how wide the terminal is that standard output goes to, None if it goes elsewhere."""
    if not sys.stdout.isatty():
        return None
    columns = os.get_terminal_size(sys.stdout.fileno()).columns
    return columns if columns >= LEAST else None  # 0 where it does not say


def width(text: str) -> int:
    """Return how many columns a text takes on a terminal.

    >>> width("说明.md"), width("e\u0301")
    (7, 1)
    """
    return sum(map(columns_of, text))


def columns_of(letter: str) -> int:
    """Return how many columns one character takes: 2 for a Chinese one, 0 for an accent."""
    if letter.isascii():
        return 1
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):  # drawn over the one before, or not
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


class Wrapper:
    r"""Breaks a text that comes in pieces; ``feed`` returns what can be printed already.

    >>> wrapper = Wrapper(12)
    >>> wrapper.feed("a model stays loa") + wrapper.feed("ded.") + wrapper.end()
    'a model\nstays\nloaded.'
    """

    def __init__(self, columns: int | None, *, indent: int = 0) -> None:
        self._columns = columns  # None: nothing is broken
        self._indent = indent  # of the lines that it begins; the first is there already
        self._at = indent  # column
        self._space = self._word = ""  # that come next
        self._is_fenced = False
        self._begins = True  # a line of the text, not one of ours

    def feed(self, text: str) -> str:
        """Take the next piece; return what is certain by now."""
        if self._columns is None:
            return text
        return "".join(map(self._next, text))

    def end(self) -> str:
        """Return what was held back."""
        rest = self._flush() + self._space
        self._space = ""
        return rest

    def _next(self, letter: str) -> str:
        if letter == "\n":
            said = self.end() + letter
            self._at, self._begins = 0, True
            return said
        if letter in " \t":
            said = self._flush()
            self._space += letter
            return said
        said = self._flush() if self._may_break(letter) else ""
        self._word += letter
        return said

    def _may_break(self, letter: str) -> bool:
        """Say whether a line may end between the word so far and the next letter."""
        if not self._word or letter in CLOSING or not columns_of(letter):
            return False
        return columns_of(letter) == 2 or columns_of(self._word[-1]) == 2

    def _flush(self) -> str:
        if not self._word:
            return ""
        space, word = self._space, self._word
        self._space = self._word = ""
        if self._begins and word.startswith(FENCE):
            self._is_fenced = not self._is_fenced
        taken = width(word)
        fits = self._at + width(space) + taken <= (self._columns or 0)
        if fits or self._begins or self._is_fenced:
            self._at += width(space) + taken
            self._begins = False
            return space + word
        self._at = self._indent + taken
        return "\n" + " " * self._indent + word


def wrapped(text: str, columns: int | None, *, indent: int = 0) -> str:
    r"""Return a whole text broken into lines, all but the first of them indented.

    >>> print("   " + wrapped("模型默认在内存中保留五分钟。", 20, indent=3))
       模型默认在内存中
       保留五分钟。
    """
    wrapper = Wrapper(columns, indent=indent)
    return wrapper.feed(text) + wrapper.end()
