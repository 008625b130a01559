"""Rows of CSV as they stand in a text, whatever its quotes do.

A quote that begins a cell holds whatever follows, line ends among it, up to the one that ends the
cell. One that was meant as a character (inches, a ditto mark) would hold rows that follow: so it
counts only where the next stands at the end of a cell, and where what it holds is not rows itself.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

LINE = re.compile(r"([^\r\n]*+)(?:\r\n|\r|\n|\Z)")
FITTING = 4  # delimiters, below the first of some lines, that make these rows of one width
MOSTLY = 0.9  # of the lines that a quote holds


class Row(NamedTuple):  # there may be millions
    """The cells of a row."""

    number: int  # of its first line, from 1
    cells: list[str]
    is_guess: bool = False  # a quote in it begins a cell that it does not end


@lru_cache(16)
def _cell(delimiter: str) -> re.Pattern[str]:
    """Match a cell: in quotes, in quotes within a line with more behind these, or without any."""
    end = re.escape(delimiter) + r"\r\n"
    return re.compile(
        rf'"((?:[^"]++|"")*+)"(?=[{end}]|\Z)|("[^"\r\n]*+"[^"{end}]*+(?=[{end}]|\Z)|[^{end}]*+)'
    )


def rows(text: str, delimiter: str, *, is_whole: bool = True) -> Iterator[Row]:
    r"""Yield the rows of a text; of one that is a beginning, those before a cell that is cut off.

    >>> [row.cells for row in rows('a,"1\n2"\n"b,3\nc,"4"\n', ",")]
    [['a', '1\n2'], ['"b', '3'], ['c', '4']]
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    at, number = 0, 1
    while at < len(text):
        line = LINE.match(text, at)
        assert line is not None  # all of it may be absent
        cells = _simple(line[1], delimiter)
        if cells is not None:
            yield Row(number, cells)
            at, number = line.end(), number + 1
            continue
        cells, end, is_guess = _row(text, at, delimiter)
        if is_guess and not is_whole and '"' not in text[end:]:
            return
        lines = [one[0] for one in LINE.finditer(text, at, end) if one[0]]
        if len(lines) > 1 and _are_rows(lines, delimiter):
            for i, one in enumerate(lines):
                cells, _, is_open = _row(one, 0, delimiter)
                yield Row(number + i, cells, is_open)
        else:
            yield Row(number, cells, is_guess)
        at, number = end, number + len(lines)


def _simple(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of a line whose quotes, if any, are as they should be, else None."""
    if '"' not in line:
        return line.split(delimiter)
    if line.count('"') % 2:
        return None
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def _row(text: str, at: int, delimiter: str) -> tuple[list[str], int, bool]:
    """Return the cells of a row, where the next begins, and whether one begins with a stray quote.

    What a stray quote begins is gone through up to the next one: so all rows cost what one does.
    """
    cell = _cell(delimiter)
    cells: list[str] = []
    is_guess = False
    while True:
        found = cell.match(text, at)
        assert found is not None  # all of it may be absent
        if found[1] is None:
            cells.append(found[2])
            is_guess |= found[2].startswith('"') and found[2].count('"') % 2 == 1
        else:
            cells.append(found[1].replace('""', '"'))
        at = found.end()
        if text[at : at + 1] != delimiter:
            at += 2 if text.startswith("\r\n", at) else 1
            return cells, min(at, len(text)), is_guess
        at += 1


def _are_rows(lines: list[str], delimiter: str) -> bool:
    """Say whether lines that a cell holds, and those it begins and ends in, have all one width."""
    usual = lines[0].count(delimiter)
    is_ditto = lines[0].rstrip().endswith(delimiter + '"')  # stands alone in its cell
    if usual * (len(lines) - 1) < (1 if is_ditto else FITTING):
        return False
    if lines[-1].count(delimiter) != usual:
        return False
    return sum(line.count(delimiter) == usual for line in lines) >= MOSTLY * len(lines)
