"""Rows of CSV and its kin: each is written with the names of its columns, at its line's number.

A passage holds a few rows of a long file. So that it says what its figures are, a row is written as
"name: Ann | city: Bonn"; the row of names itself comes first, as it stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, islice, zip_longest

from ragkit.loading.delimited import rows
from ragkit.loading.writing import BETWEEN_CELLS
from ragkit.types import Document

BETWEEN_ROWS = "\n\n"  # a passage ends with a row
DELIMITERS = "\t,;|"
SAMPLE = 65_536  # characters that delimiter and names are told from
SAMPLE_ROWS = 200
LONGEST_NAME = 100  # characters
MOST_ABOVE = 5  # rows with a caption, above the one of names
LARGEST = 8  # times the file's own text: with names that make it more, rows are written without
SAID = re.compile(r"sep=([^\"\r\n])\r?\n?$", re.I)  # what Excel writes above all
FIGURE = re.compile(r"[-+(]?[^\w\s]?\s?\d[\d.,:/\s%eE+()-]*\D{0,3}$|https?://|\S+@\S+\.\w+$")
YEAR = re.compile(r"(?:19|20)\d\d$")


def table(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return a table; what parts its cells is told from the text.

    >>> table("name;city\nAnn;Bonn\n", ()).text, table("name\tcity\nAnn\tBonn\n", ()).places
    ('name | city\n\nname: Ann | city: Bonn', ((0, '!1'), (13, '!2')))
    """
    first = text[: text.find("\n", 0, 100) + 1]
    said = SAID.match(first)
    if said:
        notes = (*notes, "its first line says what parts the cells, and is no row")
        return _table(text[len(first) :], said[1], 2, notes)
    return _table(text, _delimiter(text), 1, notes)


def writer(names: Sequence[str]) -> Callable[[Sequence[str]], str]:
    """Return what writes a row in a line: each cell behind its column's name, no blank ones.

    >>> writer(["name", "", "city"])(["Ann", "7", "", "extra"])
    'name: Ann | 7 | extra'
    """
    before = [f"{name}: " if name else "" for name in names]

    def write(cells: Sequence[str]) -> str:
        named = zip_longest(before[: len(cells)], cells, fillvalue="")
        return BETWEEN_CELLS.join([name + said for name, cell in named if (said := cell.strip())])

    return write


def names_of(rows: Sequence[Sequence[str]]) -> tuple[int, list[str]]:
    """Return which of a table's first rows has the names of its columns, -1 for none, and these.

    Names are short, differ, and are no figures; those of a table of words do not come again in
    their columns. A caption above them fills less of its row.

    >>> names_of([["Prices of 2026"], ["item", "price"], ["milk", "1.20"], ["tea", "2.40"]])
    (1, ['item', 'price'])
    >>> names_of([["1", "2"], ["3", "4"]])
    (-1, [])
    """
    filled = [sum(map(bool, map(str.strip, row))) for row in rows]
    usual = Counter(filled).most_common(1)[0][0] if rows else 0
    for i, row in enumerate(rows[: MOST_ABOVE + 1]):
        below = rows[i + 1 :]
        if not below:
            break
        if max(filled[i], 1) * 2 > usual and _are_names(row, below):
            return i, [" ".join(name.split()) for name in row]
    return -1, []


def _are_names(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    names = [" ".join(cell.split()) for cell in row]
    said = [name for name in names if name]
    # The column of what the rows are about often has no name, others do.
    blank = len(names) - len(said) - (names[:1] == [""])
    if not said or blank * 2 > len(names) or len(set(said)) < len(said):
        return False
    if any(len(name) > LONGEST_NAME for name in said):
        return False
    words = [name for name in said if not FIGURE.match(name)]
    if not words or not all(name in words or YEAR.match(name) for name in said):
        return False
    columns = [
        [r[j].strip() for r in below if j < len(r) and r[j].strip()] for j in range(len(row))
    ]
    return not any(name in column for name, column in zip(names, columns, strict=True) if name)


def _delimiter(text: str) -> str:
    """Return what parts the cells: with it most rows are of one width, and that is the largest."""
    sample, is_whole = text[:SAMPLE], len(text) <= SAMPLE
    best, most = ",", (0.0, False, False, 1)
    for delimiter in DELIMITERS:
        if delimiter in sample:
            found = islice(rows(sample, delimiter, is_whole=is_whole), SAMPLE_ROWS)
            some = [row.cells for row in found if row.cells != [""]]
            widths = Counter(map(len, some))
            wide = [  # a comma may be that of decimals: then the names have none, or ";" parts
                (round(n / widths.total(), 1), len(some[0]) == width, delimiter == ";", width)
                for width, n in widths.items()
                if width > 1
            ]
            if wide and max(wide) > most:
                best, most = delimiter, max(wide)
    return best


def _table(text: str, delimiter: str, first: int, notes: tuple[str, ...]) -> Document:
    """Return a table whose first line is that of a number: row by row, as there may be millions."""
    found = rows(text, delimiter)
    head = list(islice(found, SAMPLE_ROWS))
    at, names = names_of([row.cells for row in head if _is_filled(row.cells)])
    lines = text.count("\n") or text.count("\r")
    is_long = sum(map(len, names)) * lines > LARGEST * len(text)
    plain, named = writer(()), writer(() if is_long else names)
    pieces: list[str] = []
    numbers: list[int] = []
    guessed: list[int] = []
    for row in chain(head, found):
        if _is_filled(row.cells):
            pieces.append((named if len(pieces) > at else plain)(row.cells))
            numbers.append(first - 1 + row.number)
            guessed += numbers[-1:] * row.is_guess
    if guessed:
        others = f" (and {len(guessed) - 1:,} more)" if len(guessed) > 1 else ""
        notes = (
            *notes,
            f"the quote in line {guessed[0]}{others} is never closed: read as a character",
        )
    if at < 0 and len(pieces) > 1:
        notes = (*notes, "its columns seem to have no names")
    if is_long:
        notes = (*notes, "the names of its columns are too long to stand in each row")
    starts = accumulate((len(piece) + len(BETWEEN_ROWS) for piece in pieces), initial=0)
    places = tuple((at, f"!{n}") for at, n in zip(starts, numbers))  # noqa: B905
    return Document(BETWEEN_ROWS.join(pieces), "csv", notes=notes, places=places)


def _is_filled(cells: Sequence[str]) -> bool:
    return any(map(str.strip, cells))
