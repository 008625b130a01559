"""Rows of a sheet as text: each with its columns' names, so that a row says what it means alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ragkit.loading.writing import BETWEEN_CELLS, Writer, counted

LONG_NAME = 100  # characters: longer text in a first row is no name of a column
MOST_COLUMNS = 16_384
MOST_ROWS = 1_048_576


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell shows."""

    text: str
    is_text: bool = True  # no number, date or truth value


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row that show anything."""

    number: int  # from 1, as the program shows it
    cells: dict[int, Cell]  # by column, from 1
    spans: dict[int, int] = field(default_factory=dict)  # column -> last one that it is merged with
    after: tuple[str, ...] = ()  # lines that belong to the row, such as comments
    names: dict[int, str] = field(default_factory=dict)  # column -> its name, from this row on
    until: int = MOST_ROWS  # the last row that these names are of


class Merging:
    """Cells that are merged: their value stands in each of their rows, in their first column."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[int, Cell]] = {}  # column -> last row and value

    def fill(
        self, number: int, cells: dict[int, Cell], merged: Iterable[tuple[int, int, int]]
    ) -> dict[int, int]:
        """Put the values of cells above into a row; return which of its own span columns.

        Args:
            number: of the row, from 1.
            cells: of the row, by column; a blank row stays so.
            merged: cells that begin in the row: first column, last column, last row.
        """
        if not cells:
            return {}
        spans = {}
        for first, last_column, last_row in merged:
            if first in cells:
                if last_column > first:
                    spans[first] = last_column
                if last_row > number:
                    self._held[first] = (last_row, cells[first])
        for column, (last_row, cell) in [*self._held.items()]:
            if last_row < number:
                del self._held[column]
            else:
                cells.setdefault(column, cell)
        return spans


def write_sheet(writer: Writer, name: str, rows: Iterable[Row]) -> None:
    """Write a sheet: its name as a heading, a line a row, the place of each such as "!Sheet1:17".

    A row of names is written as it stands, the rows below it as "Name: Bolt | Price: 3". A row is
    taken for one if it is the first or stands apart (a blank row or a title line is above it), has
    two or more cells, all of them short, different text, and a row right below; where names are
    known already, that row has to hold a number, or a table of other columns begins behind a blank
    row. A format's own word (``Row.names``) counts more. A sheet without rows is but its name.
    """
    table = _Table()
    began = False
    for row, following in _with_next(row for row in rows if row.cells or row.after):
        place = f"!{name}:{row.number}"
        if not began:
            writer.next_place = place
            writer.block(name, heading=1)
            began = True
        for text in (*((table.line(row, following),) if row.cells else ()), *row.after):
            writer.line(text, place=place)
            place = ""
    if not began:
        writer.next_place = f"!{name}"
        writer.block(name, heading=1)
        writer.lost["sheet| has no rows"] += 1
    writer.end()


def _with_next(rows: Iterator[Row]) -> Iterator[tuple[Row, Row | None]]:
    before = next(rows, None)
    for row in rows:
        if before is not None:
            yield before, row
        before = row
    if before is not None:
        yield before, None


class _Table:
    """The names of the columns at the row in hand."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.stated: dict[int, int] = {}  # columns with the format's own word -> its last row
        self.numeric: set[int] = set()  # columns with numbers below their names
        self.last = -1  # the last row's number
        self.apart = True  # nothing, or a title line, is above
        self.groups: dict[int, str] = {}  # names in the row above that span columns below

    def line(self, row: Row, following: Row | None) -> str:
        is_below_blank = row.number > self.last + 1
        apart = self.apart or is_below_blank
        self.last, self.apart = row.number, len(row.cells) == 1
        groups, self.groups = self.groups, {}
        for column in [column for column, end in self.stated.items() if end < row.number]:
            del self.stated[column]
            self.names.pop(column, None)
        if row.names:
            self.names = {**self.names, **row.names}
            self.stated |= dict.fromkeys(row.names, row.until)
            return _plain(row)
        if groups and _all_text(row):
            own = {at: cell.text for at, cell in row.cells.items()}
            self.names = {at: _joined(groups.get(at, ""), own.get(at, "")) for at in groups | own}
            return _plain(row)
        if apart and not self.stated:
            is_other = not row.cells.keys() <= self.names.keys() or row.cells.keys() & self.numeric
            if self._is_header(row, following, is_new=is_below_blank and bool(is_other)):
                self.names = {
                    column: _folded(cell.text)
                    for at, cell in row.cells.items()
                    for column in range(at, min(row.spans.get(at, at), MOST_COLUMNS) + 1)
                }
                self.groups = self.names if row.spans else {}
                self.numeric = set()
                return _plain(row)
        self.numeric |= {at for at, cell in row.cells.items() if not cell.is_text}
        return BETWEEN_CELLS.join(
            _joined_pair(self.names.get(at, ""), _folded(cell.text))
            for at, cell in sorted(row.cells.items())
        )

    def _is_header(self, row: Row, following: Row | None, *, is_new: bool) -> bool:
        texts = [cell.text for cell in row.cells.values()]
        return (
            len(texts) > 1
            and _all_text(row)
            and len({*texts}) == len(texts)
            and max(map(len, texts)) <= LONG_NAME
            and following is not None
            and following.number == row.number + 1
            and (len(following.cells) > 1 or len(texts) == 2)
            and (is_new or not (self.names and _all_text(following)))
        )


def _all_text(row: Row) -> bool:
    return all(cell.is_text for cell in row.cells.values())


def _plain(row: Row) -> str:
    return BETWEEN_CELLS.join(_folded(cell.text) for _, cell in sorted(row.cells.items()))


def _joined(group: str, name: str) -> str:
    return group if name == group else f"{group} {_folded(name)}".strip()


def _joined_pair(name: str, text: str) -> str:
    return f"{name}: {text}" if name else text


def _folded(text: str) -> str:
    return " ".join(text.split())


def hidden_note(sheet: str, rows: int, columns: int) -> str:
    """Return what is said of hidden rows and columns, which are read like the rest.

    >>> hidden_note("Parts", 2, 0)
    'sheet Parts: 2 hidden rows are read too'
    """
    told = [counted(n, what) for n, what in ((rows, "hidden row"), (columns, "hidden column")) if n]
    if not told:
        return ""
    return f"sheet {sheet}: {' and '.join(told)} {'is' if rows + columns == 1 else 'are'} read too"
