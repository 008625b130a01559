"""Word documents: what stands where, and that nothing is lost without a word."""

import pytest

from ragkit.errors import LoadError
from tests.office import CORE, FIELDS, NAMES, docx, outline, p, r, read, rels

STYLES = """
<w:style w:styleId="T"><w:name w:val="Title"/></w:style>
<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="H2"><w:name w:val="Heading 2"/></w:style>
<w:style w:styleId="Mine"><w:name w:val="Chapter"/><w:basedOn w:val="H1"/></w:style>
<w:style w:styleId="Round"><w:name w:val="a"/><w:basedOn w:val="Round"/></w:style>
<w:style w:styleId="Deep"><w:name w:val="Deep"/><w:pPr><w:outlineLvl w:val="3"/></w:pPr></w:style>
<w:style w:styleId="Body"><w:name w:val="b"/><w:basedOn w:val="H1"/>
  <w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>
<w:style w:styleId="Li"><w:name w:val="List Bullet"/>
  <w:pPr><w:numPr><w:numId w:val="2"/></w:numPr></w:pPr></w:style>
"""
NUMBERS = """
<w:abstractNum w:abstractNumId="0">
  <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
  <w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>
  <w:lvl w:ilvl="2"><w:numFmt w:val="none"/><w:lvlText w:val=""/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="1">
  <w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="*"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="0"/>
  <w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>
  <w:lvlOverride w:ilvl="1"><w:lvl w:ilvl="1"><w:numFmt w:val="upperRoman"/>
    <w:lvlText w:val="(%2)"/></w:lvl></w:lvlOverride></w:num>
<w:num w:numId="4"><w:abstractNumId w:val="0"/></w:num>
"""


def text_of(body: str, **parts: str) -> str:
    return read(docx(body, parts), ".docx").text


def item(text: str, number: int, level: int = 0) -> str:
    marks = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    return p(text, inner=marks)


def test_headings_by_style_by_what_it_is_based_on_and_by_outline_level() -> None:
    body = "".join(p(style or "none", style) for style in "T H1 H2 Mine Round Deep Body".split())
    body += p("own", inner='<w:outlineLvl w:val="1"/>') + p("no", "H1", '<w:outlineLvl w:val="9"/>')
    document = read(docx(body, {"styles": STYLES}), ".docx")
    assert [(level, title) for level, title, _ in outline(document)] == [
        (1, "T"), (1, "H1"), (2, "H2"), (1, "Mine"), (4, "Deep"), (2, "own")
    ]  # fmt: skip
    assert all(title == line for _, title, line in outline(document))
    assert (document.title, document.type, document.notes) == ("T", "docx", ())


def test_lists_have_the_numbers_that_are_seen() -> None:
    body = item("one", 1) + item("deeper", 1, 1) + item("more", 1, 1) + item("two", 1)
    body += item("again", 1, 1) + item("plain", 1, 2) + item("goes on", 4) + item("none", 0)
    body += p("bullet", "Li") + item("seven", 3) + item("roman", 3, 1) + item("unknown", 99)
    assert text_of(body, numbering=NUMBERS, styles=STYLES) == (
        "1. one\n  1.a) deeper\n  1.b) more\n2. two\n  2.a) again\n\n"
        "plain\n\n3. goes on\n\nnone\n\n"
        "- bullet\n7. seven\n  (I) roman\n\nunknown"
    )


def test_a_level_that_no_list_has_is_the_deepest() -> None:
    assert text_of(item("far", 1, 10**6), numbering=NUMBERS) == "  " * 8 + "1. far"
    assert text_of(item("none", 1, 10**9), numbering=NUMBERS) == "1. none"


def test_a_numbered_heading_has_its_number() -> None:
    data = docx(p("Scope", "H1", '<w:numPr><w:numId w:val="1"/></w:numPr>'),
                {"styles": STYLES, "numbering": NUMBERS})  # fmt: skip
    assert outline(read(data, ".docx")) == [(1, "1. Scope", "1. Scope")]


def cell(*texts: str, inner: str = "") -> str:
    return f"<w:tc><w:tcPr>{inner}</w:tcPr>{''.join(map(p, texts))}</w:tc>"


def test_a_tables_rows_are_lines_with_cells_parted_by_bars() -> None:
    nested = f"<w:tc><w:tbl><w:tr>{cell('in')}{cell('ner')}</w:tr></w:tbl>{p('after')}</w:tc>"
    wrapped = f"<w:sdt><w:sdtContent><w:tr>{cell('w')}<w:sdt><w:sdtContent>{cell('x')}" + (
        "</w:sdtContent></w:sdt></w:tr></w:sdtContent></w:sdt>"
    )
    gone = f"<w:tr><w:trPr><w:del/></w:trPr>{cell('gone')}</w:tr>"
    body = p("before") + f"<w:tbl><w:tr>{cell('Name', 'of it')}{cell('Price')}</w:tr>"
    body += f"<w:tr>{cell('')}{cell('3')}</w:tr>{wrapped}{gone}<w:tr>{nested}</w:tr></w:tbl>"
    document = read(docx(body + p("after")), ".docx")
    assert document.text == "before\n\nName of it | Price\n | 3\nw | x\nin | ner after\n\nafter"
    assert document.notes == ("1 tracked deletion is left out",)


def test_all_that_stands_in_a_paragraph() -> None:
    inner = (
        r("a") + "<w:hyperlink>" + r("link") + "</w:hyperlink><w:ins>" + r(" new ") + "</w:ins>"
        "<w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:moveFrom>"
        + r("x")
        + "</w:moveFrom>"
        "<w:moveTo>" + r("moved") + "</w:moveTo><w:r><w:tab/><w:br/><w:noBreakHyphen/></w:r>"
        "<w:r><w:instrText>PAGE</w:instrText><w:sym w:char='F0FC'/><w:sym w:char='2713'/>"
        "<w:sym w:char='?'/></w:r><w:fldSimple>" + r("7") + "</w:fldSimple>"
        "<w:ruby><w:rt>" + r("kan") + "</w:rt><w:rubyBase>" + r("漢") + "</w:rubyBase></w:ruby>"
        "<w:sdt><w:sdtContent>" + r(" chosen") + "</w:sdtContent></w:sdt>"
        "<w:ruby/><mc:AlternateContent/>"
    )
    document = read(docx(f"<w:p>{inner}</w:p>"), ".docx")
    assert document.text == "alink new moved\t\n\u2011✓7漢(kan) chosen"
    assert document.notes == (
        "2 tracked deletions are left out",
        "1 letter of a symbol font has no known meaning",
    )


def test_a_raised_number_is_no_part_of_the_one_before_it() -> None:
    def up(text: str) -> str:
        return r(text).replace("<w:r>", "<w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr>")

    inner = r("10") + up("-") + up("6") + r(" m, the 1") + up("st") + r(" of x") + up("2")
    assert read(docx(f"<w:p>{inner}</w:p>"), ".docx").text == "10^-6 m, the 1st of x2"


def test_what_is_shown_of_fields_and_lettering() -> None:
    def field(data: str = "", *instructions: str) -> str:
        said = "".join(f"<w:r><w:instrText>{one}</w:instrText></w:r>" for one in instructions)
        begin = (
            f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{data}</w:ffData></w:fldChar></w:r>'
        )
        return f'{begin}{said}<w:r><w:fldChar w:fldCharType="end"/></w:r>'

    entries = '<w:listEntry w:val="red"/><w:listEntry w:val="blue"/>'
    fields = (
        field("<w:checkBox><w:checked/></w:checkBox>"),
        field('<w:checkBox><w:default w:val="0"/></w:checkBox>'),
        field("<w:checkBox/>"),
        field(f'<w:ddList><w:result w:val="1"/>{entries}</w:ddList>'),
        field(f'<w:ddList><w:default w:val="x"/>{entries}</w:ddList>'),
        field("", " ", " EQ \\f(1,2)"),
        field("", 'EQ \\* jc2 \\* "Font:A" \\o\\ad(\\s\\up 9(kan),', "漢)"),
        field("", " PAGE "),
    )
    body = "".join(f"<w:p>{r(str(n))}{one}</w:p>" for n, one in enumerate(fields))
    body += '<w:p><w:r><w:pict><v:shape><v:textpath/><v:textpath string="DRAFT"/></v:shape>'
    body += "</w:pict></w:r></w:p><m:oMathPara><m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>"
    assert read(docx(body + "</m:oMathPara>"), ".docx").text.split("\n\n") == [
        "0☒", "1☐", "2☐", "3blue", "4", "5\\f(1,2)", "6\\o\\ad(\\s\\up 9(kan),漢)", "7",
        "DRAFT", "x=1",
    ]  # fmt: skip


def test_formulas_are_written_in_a_line() -> None:
    def m(name: str, inner: str) -> str:
        return f"<m:{name}>{inner}</m:{name}>"

    def t(text: str) -> str:
        return m("r", m("t", text))

    inner = m("sSup", m("e", t("x")) + m("sup", t("2"))) + m("r", "<m:t>=</m:t><m:t/>")
    inner += m("f", m("num", t("a+b")) + m("den", t("c"))) + m(
        "sSub", m("e", t("k")) + m("sub", t("10"))
    )
    inner += m("rad", m("deg", t("3")) + m("e", t("y"))) + m("d", m("e", t("z")))
    inner += m("d", '<m:dPr><m:begChr m:val="["/><m:endChr m:val="]"/></m:dPr>' + m("e", t("w")))
    inner += m(
        "nary", '<m:naryPr><m:chr m:val="∑"/></m:naryPr>' + m("sub", t("i")) + m("e", t("i"))
    )
    inner += m("m", m("mr", m("e", t("1"))) + m("mr", m("e", t("2")))) + m("acc", m("e", t("v")))
    body = f"<w:p>{m('oMathPara', m('oMath', inner))}</w:p>"
    assert text_of(body) == "x^2=(a+b)/(c)k_(10)√(3:y)(z)[w]∑_ii1; 2; v\u0302"


def test_notes_and_comments_stand_behind_what_refers_to_them() -> None:
    mark = '<w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:endnoteReference w:id="2"/></w:r>'
    mark += '<w:r><w:commentReference w:id="5"/></w:r>'
    parts = {
        "footnotes": f'<w:footnote w:id="0" w:type="separator">{p("---")}</w:footnote>'
        f'<w:footnote w:id="2">{p("A foot")}{p("note.")}</w:footnote>',
        "endnotes": f'<w:endnote w:id="2">{p("An endnote.")}</w:endnote>',
        "comments": f'<w:comment w:id="5" w:author="Bob">{p("Why?")}</w:comment>'
        f'<w:comment w:id="6">{p("Of a picture.")}</w:comment><w:comment w:id="7"/>',
    }
    body = f"<w:p>{r('Text')}{mark}{r(' goes on.')}</w:p>" + p("Next.")
    assert text_of(body, **parts) == (
        "Text[^2][^e2] goes on.\n\n[^2]: A foot note.\n\n[^e2]: An endnote.\n\n"
        "[Comment by Bob: Why?]\n\nNext.\n\n[Comment: Of a picture.]"
    )
    table = f"<w:tbl><w:tr><w:tc><w:p>{r('cell')}{mark}</w:p></w:tc></w:tr></w:tbl>"
    assert text_of(table, **parts).startswith("cell[^2][^e2]\n\n[^2]: A foot note.")


def test_headers_and_footers_are_written_once() -> None:
    parts = {
        "header1": p("ACME"),
        "header2": p("ACME"),
        "header3": p("Part"),
        "footer1": p("Page 1"),
    }
    assert text_of(p("Text."), **parts) == "ACME\n\nPart\n\nText.\n\nPage 1"


def drawn(inner: str, description: str = "") -> str:
    return (
        f'<w:r><w:drawing><wp:inline><wp:docPr id="1" name="n" descr="{description}"/>'
        f"<a:graphic><a:graphicData>{inner}</a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"
    )


def test_pictures_and_boxes_of_text() -> None:
    picture = '<pic:pic><pic:nvPicPr><pic:cNvPr descr="{}"/></pic:nvPicPr></pic:pic>'
    content = f"<w:txbxContent>{p('In a box.')}</w:txbxContent>"
    box = f"<wps:wsp><wps:txbx>{content}</wps:txbx></wps:wsp>"
    old = f"<w:pict><v:shape><v:textbox>{content}</v:textbox><v:imagedata/></v:shape></w:pict>"
    body = f"<w:p>{r('See')}{drawn(picture.format('x'), 'a bridge')}{r('here.')}"
    body += f"{drawn(picture.format('a boat'))}{drawn(picture.format(''))}</w:p>"
    body += "<w:p><mc:AlternateContent><mc:Choice>" + drawn(box) + "</mc:Choice><mc:Fallback><w:r>"
    body += old + "</w:r></mc:Fallback></mc:AlternateContent></w:p>"
    body += f"<w:p><w:r>{old}</w:r></w:p><mc:AlternateContent><mc:Fallback>{p('Other.')}"
    body += f"</mc:Fallback></mc:AlternateContent><w:sdt><w:sdtContent>{p('Control.')}"
    body += f"</w:sdtContent></w:sdt><w:del>{p('x')}</w:del><w:p>{p('Lost child.')}</w:p>"
    document = read(docx(body), ".docx")
    assert document.text == (
        "See a bridge here. a boat\n\nIn a box.\n\nIn a box.\n\nOther.\n\nControl.\n\nLost child."
    )
    assert document.notes == ("2 pictures have no text", "1 tracked deletion is left out")


def test_what_a_tables_cell_may_hold() -> None:
    mark = '<w:pPr><w:numPr><w:numId w:val="2"/></w:numPr></w:pPr>'
    inner = f"<w:p>{mark}{r('item')}</w:p><w:sdt><w:sdtContent>{p('chosen')}</w:sdtContent></w:sdt>"
    inner += f"<w:del>{p('x')}</w:del><mc:AlternateContent><mc:Choice>{p('form')}</mc:Choice>"
    inner += "</mc:AlternateContent><w:tcPr/>"
    body = f"<w:tbl><w:tr><w:tc>{inner}</w:tc></w:tr></w:tbl>"
    assert text_of(body, numbering=NUMBERS) == "- item chosen form"


CHART = """<c:chartSpace {}><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p>
</c:rich></c:tx></c:title><c:plotArea><c:barChart><c:ser><c:tx><c:v>North</c:v></c:tx><c:cat>
<c:pt><c:v>2024</c:v></c:pt><c:pt><c:v>2025</c:v></c:pt></c:cat><c:val><c:pt><c:v>3</c:v></c:pt>
<c:pt><c:v>5</c:v></c:pt></c:val></c:ser></c:barChart></c:plotArea></c:chart></c:chartSpace>"""


def test_charts_diagrams_and_embedded_files() -> None:
    relations = rels(("chart", "charts/chart1.xml"), ("diagramData", "../word/d.xml"),
                     ("package", "a.xlsx"), ("hyperlink", "http://x", "External"))  # fmt: skip
    new = "<c><chartData><pt>a</pt><pt>b</pt></chartData></c></c:chartSpace>"
    chart = CHART.format(NAMES).replace("</c:chartSpace>", new)
    data = docx(p("Text."), more={
        "word/_rels/document.xml.rels": relations,
        "word/charts/chart1.xml": chart,
        "word/d.xml": f"<d {NAMES}><a:p><a:r><a:t>Step one</a:t></a:r></a:p></d>",
        "word/vbaProject.bin": "Shell",
    })  # fmt: skip
    document = read(data, ".docm")
    assert document.text == "Text.\n\nSales\nNorth | 2024 | 2025 | 3 | 5\na | b\n\nStep one"
    assert document.notes == (
        "its macros are neither run nor read", "1 embedded file is left out",
    )  # fmt: skip


def test_properties_are_title_and_fields() -> None:
    relations = rels(
        ("officeDocument", "/word/document.xml"), ("custom-properties", "docProps/c.xml")
    )
    own = '<P><property name="Project"><lpwstr>Bridge</lpwstr></property></P>'
    more = {"docProps/core.xml": CORE, "_rels/.rels": relations, "docProps/c.xml": own}
    document = read(docx(p("x"), more=more), ".docx")
    assert (document.title, document.fields) == (
        "The handbook", (*FIELDS[:5], ("project", "Bridge"), *FIELDS[5:])
    )  # fmt: skip


def test_a_document_without_a_body() -> None:
    with pytest.raises(LoadError, match="a Word document without a body"):
        read(docx("", more={"word/document.xml": "<document/>"}), ".docx")


def test_parts_nested_too_deeply() -> None:
    body = "<w:sdt>" * 3000 + p("x") + "</w:sdt>" * 3000
    with pytest.raises(LoadError, match="nested too deeply"):
        read(docx(body), ".docx")


def test_a_document_of_another_library_is_read_whole() -> None:
    import io

    import docx as maker

    made = maker.Document()
    made.add_heading("Bolts", 1)
    paragraph = made.add_paragraph("They hold.")
    made.add_comment(paragraph.runs, text="Do they?", author="Bob")
    made.add_paragraph("first", style="List Number")
    table = made.add_table(2, 3)
    for number, one in enumerate(table._cells):
        one.text = f"c{number}"
    table.cell(0, 0).merge(table.cell(0, 1))
    made.core_properties.author = "Ann"
    out = io.BytesIO()
    made.save(out)
    document = read(out.getvalue(), ".docx")
    assert document.text == (
        "Bolts\n\nThey hold.\n\n[Comment by Bob: Do they?]\n\n1. first\n\nc0 c1 | c2\nc3 | c4 | c5"
    )
    assert document.fields[0] == ("author", "Ann")
    assert outline(document) == [(1, "Bolts", "Bolts")]
