"""The text of a workbook, sheet by sheet and row by row, read as a stream."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import IO
from xml.etree.ElementTree import Element, ParseError, iterparse

from ragkit.errors import LoadError
from ragkit.loading.numbers import BUILT_IN, format_kind, shown_number
from ragkit.loading.ooxml import (
    alternative,
    chart_or_diagram,
    main_part,
    paragraphs,
    properties,
    related,
    relations,
)
from ragkit.loading.packed import BROKEN, Packed, damaged
from ragkit.loading.raised import Raised, joined
from ragkit.loading.sheets import (
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    Merging,
    Row,
    hidden_note,
    write_sheet,
)
from ragkit.loading.writing import Writer
from ragkit.loading.xmltree import child, each, local, not_xml, value, whole
from ragkit.types import Document

WHAT = "a workbook"
MOST_AT_ONCE = 16_000_000  # bytes of XML between the ends of two rows
MOST_MERGED = 100_000
REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")
MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]{0,99}?\bref=[\"']([A-Z]{1,3}\d+:[A-Z]{1,3}\d+)")
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
PRINTED = re.compile(r"&(?:[LCR]|\"[^\"]*\"|\d+|K[0-9A-F]{6}|[BIUSEXYPNDTAFZG])")
COPY = "tc={"  # the author of a thread's copy
SMALL = frozenset(
    "hyperlink dataValidation conditionalFormatting ignoredError mergeCell ext".split()
)


def xlsx(data: bytes) -> Document:
    """Return a workbook: a heading a sheet, a line a row with its columns' names.

    Formulas show the value that was stored with them, dates are ISO dates. Hidden sheets, rows and
    columns are read like the others, which a note says; cells that are merged downwards show their
    value in each of their rows.

    Raises:
        LoadError: it is encrypted, damaged or too large.
    """
    return _Book(Packed(data, WHAT)).document()


class _Book:
    def __init__(self, package: Packed) -> None:
        self.package = package
        self.part = main_part(package, "xl/workbook.xml")
        self.root = package.xml(self.part)
        settings = child(self.root, "workbookPr")
        self.since_1904 = settings is not None and value(settings, "date1904") in ("1", "true")
        self.kinds = [kind for name in related(package, self.part, "styles") for kind in
                      _kinds(package.xml(name))]  # fmt: skip
        self.strings: list[str] = []
        for name in related(package, self.part, "sharedStrings"):
            self.strings += [_rich(one) for one in _streamed(package, name, "si")]
        self.people = {
            value(one, "id"): value(one, "displayName")
            for name in related(package, self.part, "person")
            for one in package.xml(name)
        }
        self.writer = Writer()

    def document(self) -> Document:
        title, fields = properties(self.package)
        parts = relations(self.package, self.part)
        for sheet in each(self.root, "sheet"):
            name = " ".join(value(sheet, "name").split())
            relation = parts.get(value(sheet, "id"))
            if relation is None or relation.target not in self.package:
                self.writer.notes.append(f"sheet {name} is missing in the file")
                continue
            if value(sheet, "state") in ("hidden", "veryHidden"):
                self.writer.notes.append(f"sheet {name} is hidden, and read too")
            _Sheet(self, name, relation.target).write()
        if any("vbaproject" in name for name in self.package.names()):
            self.writer.notes.append("its macros are neither run nor read")
        return self.writer.document("xlsx", title=title, fields=fields, title_by_heading=False)


class _Sheet:
    def __init__(self, book: _Book, name: str, part: str) -> None:
        self.book, self.name, self.part = book, name, part
        self.package, self.writer = book.package, book.writer
        self.hidden_rows = self.hidden_columns = 0
        self.printed: list[str] = []  # in headers and footers
        self.merged = _merged(self.package, part)

    def write(self) -> None:
        write_sheet(self.writer, self.name, self.rows())
        if note := hidden_note(self.name, self.hidden_rows, self.hidden_columns):
            self.writer.notes.append(note)
        self.writer.next_place = f"!{self.name}"
        for text in dict.fromkeys(self.printed):
            self.writer.block(text)
        for drawing in related(self.package, self.part, "drawing"):
            root = self.package.xml(drawing)
            for box in each(root, "txBody"):
                self.writer.block("\n".join(text for _, text in paragraphs(box)))
            for picture in each(root, "pic"):
                told = alternative(child(picture, "nvPicPr", "cNvPr"))
                self.writer.block(told)
                self.writer.lost["picture| has no text"] += not told
            chart_or_diagram(self.package, drawing, self.writer)

    def rows(self) -> Iterator[Row]:
        comments = self.comments()
        commented = deque(sorted(comments))
        names = self.tables()
        merging = Merging()
        last = 0
        for element in _streamed(self.package, self.part, "row", "col", "headerFooter"):
            kind = local(element.tag)
            if kind == "col":
                self.hidden_columns += value(element, "hidden") in ("1", "true")
            elif kind == "headerFooter":
                self.printed += [PRINTED.sub("", one.text or "").strip() for one in element]
            else:
                number = whole(value(element, "r"), last + 1, digits=7)
                while commented and commented[0] < number:
                    at = commented.popleft()
                    yield Row(at, {}, after=tuple(comments.pop(at, ())))
                last = number
                cells = self.cells(element)
                self.hidden_rows += value(element, "hidden") in ("1", "true") and bool(cells)
                spans = merging.fill(number, cells, self.merged.get(number, ()))
                after = tuple(comments.pop(number, ()))
                yield Row(number, cells, spans, after, *names.get(number, ()))
        for number, told in sorted(comments.items()):
            yield Row(number, {}, after=tuple(told))

    def cells(self, row: Element) -> dict[int, Cell]:
        found: dict[int, Cell] = {}
        column = 0
        for one in row:
            stated = REFERENCE.fullmatch(value(one, "r"))
            column = column_number(stated[1]) if stated else column + 1
            cell = self.cell(one)
            if column > MOST_COLUMNS:
                self.writer.lost["cell| beyond the last column is left out"] += 1
            elif cell.text.strip():
                found[column] = cell
        return found

    def cell(self, element: Element) -> Cell:
        kind = element.get("t", "n")
        if kind == "inlineStr":
            inner = child(element, "is")
            return Cell(_rich(inner) if inner is not None else "")
        stored = formula = ""
        for one in element:
            name = local(one.tag)
            if name == "v":
                stored = one.text or ""
            elif name == "f":
                formula = one.text or "(as the cell beside it)"
        if not stored:
            if formula and kind != "str":
                self.writer.lost["formula| has no stored value, only its own text"] += 1
                return Cell(f"={formula}", is_text=False)
            return Cell("")
        return self.stored(stored, kind, element)

    def stored(self, stored: str, kind: str, element: Element) -> Cell:
        if kind == "s":
            at = whole(stored, -1)
            if 0 <= at < len(self.book.strings):
                return Cell(self.book.strings[at])
            self.writer.lost["cell| has a text that the file lacks"] += 1
            return Cell("")
        if kind == "b":
            return Cell("TRUE" if stored == "1" else "FALSE", is_text=False)
        if kind == "n":
            at = whole(element.get("s", ""), 0)
            shown_as = self.book.kinds[at] if at < len(self.book.kinds) else ""
            text = shown_number(stored, shown_as, since_1904=self.book.since_1904)
            return Cell(text, is_text=False)
        return Cell(unescaped(stored), is_text=kind == "str")

    def comments(self) -> dict[int, list[str]]:
        """Return the lines of comments by the row of their cell.

        Threads have a copy among the notes, for programs that do not know them.
        """
        found: dict[int, list[str]] = {}
        threads = related(self.package, self.part, "threadedComment")
        for part in (*threads, *related(self.package, self.part, "comments")):
            root = self.package.xml(part)
            authors = [one.text or "" for one in each(root, "author")]
            for one in root.iter():
                if local(one.tag) not in ("threadedComment", "comment"):
                    continue
                at = REFERENCE.fullmatch(value(one, "ref"))
                number = whole(value(one, "authorId"), -1)
                author = self.book.people.get(value(one, "personId"), "")
                if 0 <= number < len(authors):
                    author = authors[number]
                if threads and author.startswith(COPY):
                    continue
                inner = child(one, "text")
                text = " ".join((_rich(inner) if inner is not None else "").split())
                if at and text:
                    by = f" by {author}" if author else ""
                    line = f"[Comment at {at[0]}{by}: {text.removeprefix(f'{author}: ')}]"
                    found.setdefault(int(at[2]), []).append(line)
        return found

    def tables(self) -> dict[int, tuple[dict[int, str], int]]:
        """Return the names of columns that tables state, and their last row, by the names' row."""
        found: dict[int, tuple[dict[int, str], int]] = {}
        for part in related(self.package, self.part, "table"):
            root = self.package.xml(part)
            first = REFERENCE.match(value(root, "ref"))
            if first and value(root, "headerRowCount", "1") != "0":
                at = column_number(first[1])
                names = (
                    " ".join(unescaped(value(one, "name")).split())
                    for one in each(root, "tableColumn")
                )
                known, end = found.get(int(first[2]), ({}, 0))
                last = REFERENCE.fullmatch(value(root, "ref").partition(":")[2])
                end = max(end, int(last[2]) if last else MOST_ROWS)
                found[int(first[2])] = ({**known, **dict(enumerate(names, at))}, end)
        return found


@lru_cache(20_000)
def column_number(letters: str) -> int:
    """Return the number of a column.

    >>> column_number("A"), column_number("XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def unescaped(text: str) -> str:
    r"""Return text whose control characters are written as "_x000D_".

    >>> unescaped("a_x000D_b_x005F_c")
    'a\rb_c'
    """
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _rich(element: Element) -> str:
    """Return a text of one or several runs, without what says how it is pronounced."""
    found: list[str] = []
    for one in element:
        name = local(one.tag)
        if name == "t":
            found.append(one.text or "")
        elif name == "r":
            marks = child(one, "rPr", "vertAlign")
            piece = Raised if marks is not None and value(marks, "val") == "superscript" else str
            found += [piece(inner.text or "") for inner in one if local(inner.tag) == "t"]
    return unescaped(joined(found) or (element.text or "").strip())


def _kinds(root: Element) -> list[str]:
    """Return what the numbers of each cell style show."""
    own = {
        value(one, "numFmtId"): format_kind(value(one, "formatCode"))
        for one in each(root, "numFmt")
    }
    found = []
    styles = child(root, "cellXfs")
    for one in styles if styles is not None else ():
        number = value(one, "numFmtId", "0")
        found.append(own.get(number, BUILT_IN.get(whole(number, 0), "")))
    return found


class _Bounded:
    """A stream that ends a parse whose current row has no end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.since = 0  # bytes since the last row's end

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self.since += len(data)
        if self.since > MOST_AT_ONCE:
            raise LoadError(
                f"a row of it has more than {MOST_AT_ONCE / 1e6:.0f} MB, too much for {WHAT}",
                stage="parse",
            )
        return data


def _streamed(package: Packed, part: str, *wanted: str) -> Iterator[Element]:
    """Yield the elements of some names, each whole and let go of after it."""
    with package.stream(part) as stream:
        bounded = _Bounded(stream)
        try:
            for _, element in iterparse(bounded):
                name = local(element.tag)
                if name in wanted:
                    yield element
                if name in wanted or name in SMALL:
                    element.clear()
                    bounded.since = 0
        except ParseError as error:
            raise not_xml(part, error) from error
        except BROKEN as error:
            raise damaged(WHAT, error) from error


def _merged(package: Packed, part: str) -> dict[int, list[tuple[int, int, int]]]:
    """Return the merged cells by their first row: first and last column, last row.

    They stand behind the rows, which are read before; so they are looked for by themselves.
    """
    found: dict[int, list[tuple[int, int, int]]] = {}
    before, count = b"", 0
    with package.open(part) as stream:
        try:
            while piece := stream.read(1_000_000):
                piece = before + piece
                for one in MERGED.finditer(piece) if b"mergeCell" in piece else ():
                    first, last = (REFERENCE.fullmatch(end) for end in one[1].decode().split(":"))
                    count += 1
                    if first and last and count <= MOST_MERGED:
                        columns = column_number(first[1]), column_number(last[1])
                        found.setdefault(int(first[2]), []).append((*columns, int(last[2])))
                before = piece[-200:]
        except BROKEN as error:
            raise damaged(WHAT, error) from error
    return found
