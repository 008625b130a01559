"""Workbooks: each row says what it means alone, and where it stands."""

import datetime
import io
from collections.abc import Callable, Mapping
from importlib import import_module

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.worksheet.table import Table

from ragkit.errors import LoadError
from ragkit.loading import sheets
from ragkit.loading.numbers import format_kind
from tests.office import CORE, FIELDS, NAMES, NO_PARTS, outline, read, rels, zipped

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def made(fill: Callable[[openpyxl.Workbook], object]) -> bytes:
    book = openpyxl.Workbook()
    fill(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def workbook(
    *sheets: str, more: Mapping[str, str] = NO_PARTS, related: tuple[tuple[str, str], ...] = ()
) -> bytes:
    """Return a workbook of sheets S1, S2 and so on, given as what stands in their roots."""
    count = range(1, len(sheets) + 1)
    listed = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="rId{n}"/>' for n in count)
    members = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" {NAMES}><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": rels(
            *(("worksheet", f"worksheets/sheet{n}.xml") for n in count), *related
        ),
        **{
            f"xl/worksheets/sheet{n}.xml": f'<worksheet xmlns="{MAIN}" {NAMES}>{sheet}</worksheet>'
            for n, sheet in enumerate(sheets, 1)
        },
    }
    return zipped({**members, **more})


def rows(*texts: tuple[str, ...], first: int = 1) -> str:
    """Return rows of text; "" is no cell, what looks like a number is one."""
    found = ""
    for number, row in enumerate(texts, first):
        cells = ""
        for column, text in zip("ABCDEFG", row, strict=False):
            if text.replace(".", "").isdigit():
                cells += f'<c r="{column}{number}"><v>{text}</v></c>'
            elif text:
                cells += f'<c r="{column}{number}" t="inlineStr"><is><t>{text}</t></is></c>'
        found += f'<row r="{number}">{cells}</row>'
    return found


def text_of(*texts: tuple[str, ...], behind: str = "") -> str:
    data = workbook(f"<sheetData>{rows(*texts)}</sheetData>{behind}")
    return read(data, ".xlsx").text.removeprefix("S1\n\n")


def test_rows_have_the_names_of_their_columns_and_their_places() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.title = "Parts"
        sheet.append(["Name", "Price", "In stock", "Since", "Share"])
        sheet.append(["Bolt", 3, True, datetime.date(2024, 1, 2), 0.5])
        sheet.append([None, 0.1 + 0.2, False, datetime.datetime(2024, 1, 2, 3, 4, 5), "none"])
        sheet["E2"].number_format = "0%"
        sheet["A5"] = "Nut"
        sheet["A5"].comment = Comment("Why?\nReally.", "Bob")
        sheet["G9"].comment = Comment("Of an empty cell.", "Bob")
        sheet["B6"] = "=B2*2"
        other = book.create_sheet("Other one")
        other.append([1, 2])

    document = read(made(fill), ".xlsx")
    assert document.text == (
        "Parts\n\nName | Price | In stock | Since | Share\n"
        "Name: Bolt | Price: 3 | In stock: TRUE | Since: 2024-01-02 | Share: 50%\n"
        "Price: 0.3 | In stock: FALSE | Since: 2024-01-02T03:04:05 | Share: none\n"
        "Name: Nut\n[Comment at A5 by Bob: Why? Really.]\nPrice: =B2*2\n"
        "[Comment at G9 by Bob: Of an empty cell.]\n\nOther one\n\n1 | 2"
    )
    assert [(place, document.text[at:][:9]) for at, place in document.places] == [
        ("!Parts:1", "Parts\n\nNa"), ("!Parts:1", "Name | Pr"), ("!Parts:2", "Name: Bol"),
        ("!Parts:3", "Price: 0."), ("!Parts:5", "Name: Nut"), ("!Parts:6", "Price: =B"),
        ("!Parts:9", "[Comment "), ("!Other one:1", "Other one"), ("!Other one:1", "1 | 2"),
    ]  # fmt: skip
    assert outline(document) == [(1, "Parts", "Parts"), (1, "Other one", "Other one")]
    assert document.notes == ("1 formula has no stored value, only its own text",)
    assert (document.title, document.type) == ("", "xlsx")


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ([("Stock of May",), (), ("Name", "Price"), ("a", "1")],
         "Stock of May\nName | Price\nName: a | Price: 1"),
        ([("Title",), ("Name", "Kind"), ("a", "b")], "Title\nName | Kind\nName: a | Kind: b"),
        ([("1", "2"), ("a", "b"), ("c", "d")], "1 | 2\na | b\nc | d"),
        ([("a", "a"), ("b", "1")], "a | a\nb | 1"),
        ([("x" * 101, "b"), ("c", "1")], "x" * 101 + " | b\nc | 1"),
        ([("Name", "Price")], "Name | Price"),
        ([("Name", "Price"), (), ("a", "1")], "Name | Price\na | 1"),
        ([("one",), ("two",)], "one\ntwo"),
        ([("A", "B"), ("a", "1"), (), ("C", "D"), ("c", "2")],
         "A | B\nA: a | B: 1\nC | D\nC: c | D: 2"),
        ([("A", "B"), ("a", "1"), (), ("c", "d"), ("e", "f")],
         "A | B\nA: a | B: 1\nc | d\nc: e | d: f"),  # B had numbers
        ([("A", "B"), ("a", "b"), (), ("c", "d"), ("e", "f")],
         "A | B\nA: a | B: b\nA: c | B: d\nA: e | B: f"),
        ([("A", "B"), ("a", "b"), (), ("C", "D", "E"), ("c", "d", "e")],
         "A | B\nA: a | B: b\nC | D | E\nC: c | D: d | E: e"),
        ([("A", "B", "C"), ("a",)], "A | B | C\na"),
        ([("Two words", "B"), ("a", "1")], "Two words | B\nTwo words: a | B: 1"),
    ],
)  # fmt: skip
def test_which_row_has_the_names(table: list[tuple[str, ...]], text: str) -> None:
    assert text_of(*table) == text


def test_cells_merged_across_and_down() -> None:
    merged = '<mergeCells><mergeCell ref="B1:C1"/><mergeCell ref="A3:A4"/><mergeCell ref="A1:A2"/>'
    merged += '<mergeCell ref="A5:B5"/></mergeCells>'
    table = [
        ("Region", "2024", ""),
        ("", "Q1", "Q2"),
        ("North", "1", "2"),
        ("", "3", "4"),
        ("x", "5"),
        ("", "6"),
    ]
    text = text_of(*((a, f"y{b}" if b == "2024" else b, *c) for a, b, *c in table), behind=merged)
    assert text == (
        "Region | y2024\nRegion | Q1 | Q2\nRegion: North | y2024 Q1: 1 | y2024 Q2: 2\n"
        "Region: North | y2024 Q1: 3 | y2024 Q2: 4\nRegion: x | y2024 Q1: 5\n"
        "y2024 Q1: 6"
    )


def test_names_that_a_table_states() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        for row in (["x", 1], ["Year", "Year2", "Sum"], ["a", "b", 3], ["c", "d", 4]):
            sheet.append(row)
        sheet.add_table(Table(displayName="T", ref="A2:C4"))
        for row in ([], ["Town", "Land"], ["Bonn", "Germany"]):
            sheet.append(row)

    assert read(made(fill), ".xlsx").text.splitlines()[2:] == [
        "x | 1", "Year | Year2 | Sum", "Year: a | Year2: b | Sum: 3", "Year: c | Year2: d | Sum: 4",
        "Town | Land", "Town: Bonn | Land: Germany",
    ]  # fmt: skip


def test_what_is_hidden_is_read_and_told() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.append([1, 2])
        sheet.append([3, 4])
        sheet.row_dimensions[2].hidden = True
        sheet.column_dimensions["B"].hidden = True
        other = book.create_sheet("Secret")
        other["A1"] = "word"
        other.sheet_state = "veryHidden"

    document = read(made(fill), ".xlsx")
    assert document.text == "Sheet\n\n1 | 2\n3 | 4\n\nSecret\n\nword"
    assert document.notes == (
        "sheet Sheet: 1 hidden row and 1 hidden column are read too",
        "sheet Secret is hidden, and read too",
    )
    assert sheets.hidden_note("S", 1, 0) == "sheet S: 1 hidden row is read too"


def test_all_kinds_of_cells() -> None:
    strings = (
        f'<sst xmlns="{MAIN}"><si><t>plain</t></si><si><r><t>rich </t></r><r><t>5</t></r>'
        '<r><rPr><vertAlign val="superscript"/></rPr><t>2</t></r>'
        "<rPh><t>reading</t></rPh></si><si><t>a_x000D_b_x005F_c</t></si></sst>"
    )
    styles = (
        f'<s xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="[h]:mm"/></numFmts>'
        '<cellXfs><xf/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="x"/></cellXfs></s>'
    )
    cells = (
        '<c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>2</v></c><c t="s"><v>9</v></c>'
        '<c t="str"><f>A1</f><v>of a formula</v></c><c t="e"><v>#DIV/0!</v></c>'
        '<c t="b"><v>1</v></c>'
        '<c s="1"><v>45292</v></c><c s="2"><v>1.5</v></c><c s="3"><v>7</v></c>'
        '<c s="99"><v>8</v></c>'
        '<c t="d"><v>2024-01-02</v></c><c><v/></c><c t="str"><f>B1</f><v></v></c><c><f/></c>'
        '<c t="inlineStr"/><c t="s"><v>x</v></c><c r="ZZZ1"><v>9</v></c>'
    )
    data = workbook(
        f'<sheetData><row>{cells}</row><row><c t="b"><v>0</v></c></row></sheetData>',
        more={"xl/sharedStrings.xml": strings, "xl/styles.xml": styles},
        related=(("sharedStrings", "sharedStrings.xml"), ("styles", "styles.xml")),
    )
    document = read(data, ".xlsx")
    assert document.text == (
        "S1\n\nplain | rich 5^2 | a b_c | of a formula | #DIV/0! | TRUE | 2024-01-01 | 36:00:00 | "
        "7 | 8 | 2024-01-02 | =(as the cell beside it)\nFALSE"
    )
    assert document.places[-1] == (len(document.text) - 5, "!S1:2")
    assert document.notes == (
        "2 cells have a text that the file lacks",
        "1 formula has no stored value, only its own text",
        "1 cell beyond the last column is left out",
    )


def test_days_since_1904() -> None:
    sheet = '<sheetData><row><c s="1"><v>1</v></c></row></sheetData>'
    style = f'<s xmlns="{MAIN}"><cellXfs><xf/><xf numFmtId="14"/></cellXfs></s>'
    whole = workbook(sheet, more={
        "xl/styles.xml": style,
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" {NAMES}><workbookPr date1904="1"/><sheets>'
        '<sheet name="S1" r:id="rId1"/><sheet name="Gone" r:id="rId9"/></sheets></workbook>',
    }, related=(("styles", "styles.xml"),))  # fmt: skip
    document = read(whole, ".xlsx")
    assert document.text == "S1\n\n1904-01-02"
    assert document.notes == ("sheet Gone is missing in the file",)


def test_drawings_printed_lines_threads_macros_and_properties() -> None:
    xdr = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"
    drawing = f'<d xmlns:x="{xdr}" {NAMES}><x:txBody><a:p><a:r><a:t>In a box</a:t></a:r></a:p>'
    drawing += '</x:txBody><x:pic/><x:pic><x:nvPicPr><x:cNvPr id="1" descr="A bridge"/></x:nvPicPr>'
    drawing += "</x:pic></d>"
    threads = '<t><threadedComment ref="A1" personId="{1}"><text>Why?</text></threadedComment>'
    threads += '<threadedComment ref="B9"><text>Below.</text></threadedComment>'
    threads += '<threadedComment ref="?"><text>lost</text></threadedComment></t>'
    notes = "<c><author>tc={1}</author><author>Ann</author>"
    for author, text in (("0", "[Threaded comment] Why?"), ("1", "A note.")):
        notes += f'<comment ref="A3" authorId="{author}"><text><t>{text}</t></text></comment>'
    notes += "</c>"
    data = workbook(
        f"<sheetData>{rows(('a',), first=3)}</sheetData>"
        "<headerFooter><oddHeader>&amp;LACME&amp;RPage &amp;P</oddHeader></headerFooter>",
        more={
            "xl/worksheets/_rels/sheet1.xml.rels": rels(
                ("drawing", "../drawings/d.xml"),
                ("threadedComment", "../t.xml"), ("comments", "c.xml")
            ),
            "xl/drawings/d.xml": drawing, "xl/t.xml": threads, "xl/worksheets/c.xml": notes,
            "xl/p.xml": '<p><person id="{1}" displayName="Bob"/></p>',
            "xl/vbaProject.bin": "Shell", "docProps/core.xml": CORE,
        },
        related=(("person", "p.xml"),),
    )  # fmt: skip
    document = read(data, ".xlsm")
    assert (
        document.text == "S1\n\n[Comment at A1 by Bob: Why?]\na\n[Comment at A3 by Ann: A note.]\n"
        "[Comment at B9: Below.]\n\nACMEPage\n\nIn a box\n\nA bridge"
    )
    assert [place for _, place in document.places] == ["!S1:1", "!S1:1", "!S1:3", "!S1:9", "!S1"]
    assert document.notes == (
        "its macros are neither run nor read", "1 picture has no text",
    )  # fmt: skip
    assert (document.title, document.fields) == ("The handbook", FIELDS)


# What is hostile


def test_a_row_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("ragkit.loading.xlsx"), "MOST_AT_ONCE", 100_000)
    data = workbook(f"<sheetData><row>{'<c/>' * 60_000}</row></sheetData>")
    with pytest.raises(LoadError, match="a row of it has more than 0 MB"):
        read(data, ".xlsx")


def test_a_text_that_is_repeated_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.loading.writing.MOST_TEXT", 1_000_000)
    strings = f'<sst xmlns="{MAIN}"><si><t>{"long " * 6000}</t></si></sst>'
    cells = '<c t="s"><v>0</v></c>' * 50
    data = workbook(
        f"<sheetData><row>{cells}</row></sheetData>",
        more={"xl/sharedStrings.xml": strings},
        related=(("sharedStrings", "sharedStrings.xml"),),
    )
    with pytest.raises(LoadError, match="its text would be more than 1 million characters"):
        read(data, ".xlsx")


def test_absurd_rows_columns_and_merged_cells_cost_nothing() -> None:
    sheet = '<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
    sheet += (
        '<row r="99999999"><c r="A9"><v>2</v></c></row><row r="1048576"><c r="XFD1"><v>3</v></c>'
    )
    sheet += '</row></sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    document = read(workbook(sheet), ".xlsx")
    assert document.text == "S1\n\n1\n1 | 2\n1 | 3".replace("1 | 2", "2")
    assert document.places[-1][1] == "!S1:1048576"


def test_no_format_of_numbers_is_as_long_as_a_book() -> None:
    assert format_kind("[" * 500_000) == ""


def test_hundreds_of_sheets_are_read() -> None:
    document = read(
        workbook(*(f"<sheetData>{rows((f'n{n}',))}</sheetData>" for n in range(300))), ".xlsx"
    )
    assert (len(document.headings), document.text[-4:]) == (300, "n299")


def test_a_sheet_without_rows_is_its_name() -> None:
    document = read(workbook("<sheetData/>", f"<sheetData>{rows(('a',))}</sheetData>"), ".xlsx")
    assert (document.text, document.notes) == ("S1\n\nS2\n\na", ("1 sheet has no rows",))
    assert document.places[0] == (0, "!S1")


def test_sheets_that_break_off() -> None:
    with pytest.raises(LoadError, match=r"sheet1\.xml is not well-formed"):
        read(workbook("<sheetData><row><c>"), ".xlsx")
    data = workbook(f"<sheetData>{rows(('word',)) * 3000}</sheetData>")
    at = data.index(b"sheet1.xml") + 400
    with pytest.raises(LoadError, match="a workbook that is damaged"):
        read(data[:at] + b"\xff" * 40 + data[at + 40 :], ".xlsx")
    strings = f"<sst>{'<si><t>word</t></si>' * 9000}</sst>"
    data = workbook("", more={"xl/s.xml": strings}, related=(("sharedStrings", "s.xml"),))
    at = data.rindex(b"xl/s.xml") - 30  # its checksum in the list of members
    with pytest.raises(LoadError, match="a workbook that is damaged: Bad CRC"):
        read(data[:at] + b"\xff" * 4 + data[at + 4 :], ".xlsx")
    assert read(zipped({"xl/workbook.xml": "<w/>"}), ".xlsx").text == ""
