"""The text of an old workbook (.xls). The only importer of xlrd, of the extra ``formats``."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ragkit.errors import LoadError
from ragkit.loading.decoding import decode
from ragkit.loading.numbers import format_kind, shown_number
from ragkit.loading.ole import OLE, none
from ragkit.loading.optional import needed
from ragkit.loading.sheets import Cell, Merging, Row, hidden_note, write_sheet
from ragkit.loading.tabular import table
from ragkit.loading.writing import Writer
from ragkit.types import Document

if TYPE_CHECKING:
    from xlrd.book import Book
    from xlrd.sheet import Sheet

# What xlrd raises on broken files beside an error of its own.
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError,
    NotImplementedError, OSError, RecursionError, TypeError, ValueError, struct.error,
)  # fmt: skip
BARE = (b"\x09\0", b"\x09\2", b"\x09\4", b"\x09\x08")  # workbooks without a container
EMPTY, TEXT, NUMBER, DATE, BOOLEAN, ERROR, BLANK = range(7)  # xlrd's kinds of cells


def xls(data: bytes) -> Document:
    """Return an old workbook as ``xlsx`` does a new one.

    Raises:
        LoadError: xlrd is not installed, or the file is encrypted or broken.
    """
    if not data.startswith((OLE, *BARE)):
        if not data.strip() or b"\0" in data:
            raise none("a workbook")
        found = table(*decode(data))
        return replace(found, notes=(*found.notes, "it is called a workbook but is text"))
    xlrd = needed("xlrd")
    try:
        book: Book = xlrd.open_workbook(
            file_contents=data, logfile=io.StringIO(), formatting_info=True, ragged_rows=True
        )
        return _read(book)
    except (xlrd.XLRDError, xlrd.compdoc.CompDocError, *BROKEN) as error:
        told = f"{error}" or type(error).__name__
        if "encrypted" in told:
            raise LoadError(
                "it is encrypted", stage="decode", hint="save it without a password"
            ) from error
        raise LoadError(
            f"a workbook that is damaged: {told}", stage="parse", hint="save it as .xlsx"
        ) from error


def _read(book: Book) -> Document:
    writer = Writer()
    for sheet in book.sheets():
        name = " ".join(sheet.name.split())
        if sheet.visibility:
            writer.notes.append(f"sheet {name} is hidden, and read too")
        write_sheet(writer, name, _rows(book, sheet))
        rows = [at for at, row in sheet.rowinfo_map.items() if row.hidden and sheet.row_len(at)]
        columns = [at for at, column in sheet.colinfo_map.items() if column.hidden]
        if note := hidden_note(name, len(rows), len(columns)):
            writer.notes.append(note)
    writer.notes.append(
        "of a file as old as this neither comments nor drawings nor properties are read"
    )
    return writer.document("xls", title_by_heading=False)


def _rows(book: Book, sheet: Sheet) -> Iterator[Row]:
    merged: dict[int, list[tuple[int, int, int]]] = {}
    for first, end, left, right in sheet.merged_cells:
        merged.setdefault(first + 1, []).append((left + 1, right, end))
    merging = Merging()
    for at in range(sheet.nrows):
        found = {}
        for column, cell in enumerate(sheet.row(at), 1):
            shown = _cell(book, cell.ctype, cell.value, cell.xf_index)
            if shown.text.strip():
                found[column] = shown
        spans = merging.fill(at + 1, found, merged.get(at + 1, ()))
        yield Row(at + 1, found, spans)


def _cell(book: Book, kind: int, stored: str | float, style: int | None) -> Cell:
    if kind in (EMPTY, BLANK):
        return Cell("")
    if kind == TEXT:
        return Cell(str(stored))
    if kind == BOOLEAN:
        return Cell("TRUE" if stored else "FALSE", is_text=False)
    if kind == ERROR:
        from xlrd.biffh import error_text_from_code

        return Cell(str(error_text_from_code.get(stored, "#ERROR")), is_text=False)
    code = ""
    if style is not None and style < len(book.xf_list):
        found = book.format_map.get(book.xf_list[style].format_key)
        code = found.format_str if found else ""
    shown_as = format_kind(code) or ("date" if kind == DATE else "")
    since_1904 = bool(book.datemode)
    return Cell(shown_number(f"{stored:.15g}", shown_as, since_1904=since_1904), is_text=False)
