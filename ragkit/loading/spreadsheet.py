"""Tables of OpenDocument: rows and cells that stand for many, and sheets made of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ragkit.loading.numbers import shown_number
from ragkit.loading.sheets import (
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    Merging,
    Row,
    hidden_note,
    write_sheet,
)
from ragkit.loading.xmltree import child, each, local, value, whole

if TYPE_CHECKING:
    from ragkit.loading.opendocument import Reader

GROUPS = ("table-header-rows", "table-rows", "table-row-group")
CELLS = ("table-cell", "covered-table-cell")


def table_rows(table: Element) -> Iterator[list[Element]]:
    """Yield the cells of each row of a text's table; one that is repeated stands once."""
    for row in _rows(table):
        yield [cell for cell in row if local(cell.tag) in CELLS]


def _rows(parent: Element) -> Iterator[Element]:
    for one in parent:
        name = local(one.tag)
        if name == "table-row":
            yield one
        elif name in GROUPS:
            yield from _rows(one)


def write_tables(reader: Reader, body: Element) -> None:
    """Write each table of a workbook as a sheet, then what is drawn on it."""
    for table in body:
        if local(table.tag) != "table":
            continue
        name = " ".join(value(table, "name").split())
        style = child(reader.styles.get(value(table, "style-name")), "table-properties")
        if style is not None and value(style, "display") == "false":
            reader.writer.notes.append(f"sheet {name} is hidden, and read too")
        hidden = [0, 0]
        write_sheet(reader.writer, name, _sheet_rows(reader, table, hidden))
        if note := hidden_note(name, *hidden):
            reader.writer.notes.append(note)
        reader.writer.next_place = f"!{name}"
        if (shapes := child(table, "shapes")) is not None:
            reader.blocks(shapes)
        reader.told()


def _sheet_rows(reader: Reader, table: Element, hidden: list[int]) -> Iterator[Row]:
    hidden[1] += sum(
        _repeated(one, "number-columns-repeated", MOST_COLUMNS)
        for one in each(table, "table-column")
        if value(one, "visibility") in ("collapse", "filter")
    )
    number = 0
    merging = Merging()
    for row in _rows(table):
        times = _repeated(row, "number-rows-repeated", MOST_ROWS)
        found, merged, after = _cells(reader, row, number + 1)
        if found and value(row, "visibility") in ("collapse", "filter"):
            hidden[0] += times
        for _ in range(times if found else 0):
            if number >= MOST_ROWS:
                break
            number += 1
            shown = dict(found)
            spans = merging.fill(number, shown, merged)
            yield Row(number, shown, spans, after)
            merged, after = [], ()
        if not found:
            if after:
                yield Row(number + 1, {}, after=after)
            number += times


def _cells(
    reader: Reader, row: Element, number: int
) -> tuple[dict[int, Cell], list[tuple[int, int, int]], tuple[str, ...]]:
    """Return a row's cells, those of them that are merged, and its comments and boxes."""
    found: dict[int, Cell] = {}
    merged = []
    column = 1
    for one in row:
        if local(one.tag) not in CELLS:
            continue
        times = _repeated(one, "number-columns-repeated", MOST_COLUMNS)
        cell = _cell(reader, one)
        if cell.text:
            last = min(column + times, MOST_COLUMNS + 1)
            found.update(dict.fromkeys(range(column, last), cell))
            across = _repeated(one, "number-columns-spanned", MOST_COLUMNS)
            down = _repeated(one, "number-rows-spanned", MOST_ROWS)
            if across > 1 or down > 1:
                merged.append((column, column + across - 1, number + down - 1))
        column += times
    after, reader.asides = tuple(reader.asides), []
    return found, merged, after


def _cell(reader: Reader, element: Element) -> Cell:
    kind = value(element, "value-type")
    shown = reader.in_one_line(element)
    if kind == "date" and (date := value(element, "date-value")):
        return Cell(date, is_text=False)
    if kind in ("float", "percentage") and (stored := value(element, "value")):
        if shown[:1] == "0" and shown.isdecimal():  # a postcode
            stored = shown
        return Cell(shown_number(stored, "percent" if kind[0] == "p" else ""), is_text=False)
    if kind == "boolean":
        return Cell(value(element, "boolean-value").upper(), is_text=False)
    return Cell(shown or value(element, "string-value"), is_text=kind in ("", "string"))


def _repeated(element: Element, name: str, most: int) -> int:
    """Return how many an element stands for: at least one, at most what a sheet has."""
    return max(1, min(whole(value(element, name), 1), most))
