"""OpenDocument texts, workbooks and presentations."""

from collections.abc import Mapping

import pytest

from ragkit.errors import LoadError
from ragkit.loading import sheets
from tests.office import NO_PARTS, outline, read, zipped

NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in "office text table draw style presentation meta number svg-compatible".split()
) + (
    ' xmlns:svg="urn:svg" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:xlink="http://www.w3.org/1999/xlink"'
)
KINDS = {"odt": "text", "ods": "spreadsheet", "odp": "presentation"}


def made(kind: str, body: str, styles: str = "", more: Mapping[str, str] = NO_PARTS) -> bytes:
    name = KINDS[kind]
    return zipped({
        "mimetype": f"application/vnd.oasis.opendocument.{name}",
        "content.xml": f"<office:document-content {NAMES}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:{name}>{body}</office:{name}>"
        "</office:body></office:document-content>",
        **{part: text.replace("NAMES", NAMES) for part, text in more.items()},
    })  # fmt: skip


def text_of(body: str, styles: str = "") -> str:
    return read(made("odt", body, styles), ".odt").text


def p(text: str, style: str = "") -> str:
    return f'<text:p text:style-name="{style}">{text}</text:p>'


def test_headings_paragraphs_and_title() -> None:
    body = p("The book", "P1") + '<text:h text:outline-level="2">Part  <text:span>two</text:span>'
    body += "</text:h>" + p("Words\n  in<text:s text:c='3'/>a<text:tab/>row<text:line-break/>end")
    body += p("x<text:s text:c='999999999'/>y<text:soft-page-break/>") + "<text:h>One</text:h>"
    style = '<style:style style:name="P1" style:parent-style-name="Title"/>'
    document = read(made("odt", body, style), ".odt")
    assert document.text == "The book\n\nPart two\n\nWords in   a\trow\nend\n\nx y\n\nOne"
    assert outline(document) == [
        (1, "The book", "The book"), (2, "Part two", "Part two"), (1, "One", "One")
    ]  # fmt: skip
    assert (document.title, document.type, document.notes) == ("The book", "odt", ())


LISTS = """<text:list-style style:name="L1">
<text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>
<text:list-level-style-number text:level="2" style:num-format="a" style:num-prefix="("
  style:num-suffix=")" text:start-value="3"/>
<text:list-level-style-number text:level="3" style:num-format=""/></text:list-style>
<text:list-style style:name="L2"><text:list-level-style-bullet text:level="1"/></text:list-style>"""


def test_lists_have_their_numbers() -> None:
    deepest = f"<text:list><text:list-item>{p('none')}</text:list-item></text:list>"
    inner = f"<text:list><text:list-item>{p('deeper')}{deepest}</text:list-item></text:list>"
    noted = f"<office:annotation>{p('Why?')}</office:annotation>"
    body = p("before") + '<text:list text:style-name="L1"><text:list-header>' + p("head")
    body += f"</text:list-header><text:list-item>{p('one')}{p('goes on')}{inner}</text:list-item>"
    body += f"<text:list-item>{inner}<text:h>Numbered</text:h></text:list-item><text:list-item>"
    body += (
        f"{p(f'three{noted}')}{p('')}<table:table><table:table-row/></table:table></text:list-item>"
    )
    body += f'</text:list><text:list text:style-name="L2"><text:list-item>{p("x")}</text:list-item>'
    assert text_of(body + "</text:list>" + p("after"), LISTS) == (
        "before\n\nhead\n1. one\n   goes on\n  (c) deeper\n    none\n  (c) deeper\n    none\n\n"
        "Numbered\n\n3. three\n\n[Comment: Why?]\n\n- x\n\nafter"
    )


def row(*cells: str, attributes: str = "") -> str:
    inner = "".join(f"<table:table-cell>{cell}</table:table-cell>" for cell in cells)
    return f"<table:table-row {attributes}>{inner}</table:table-row>"


def test_lists_and_headings_count_on() -> None:
    levels = "".join(
        f'<text:LEVEL text:level="{n}" style:num-format="1" text:display-levels="{n}"/>'
        for n in (1, 2)
    )
    listed = f'<text:list-style style:name="L">{levels}</text:list-style>'
    listed = listed.replace("LEVEL", "list-level-style-number")
    outlined = f"<text:outline-style>{levels}</text:outline-style>"
    outlined = outlined.replace("LEVEL", "outline-level-style")
    styles = f"<office:document-styles NAMES>{listed}{outlined}</office:document-styles>"

    def items(*texts: str, on: str = "", start: str = "") -> str:
        inner = "".join(f"<text:list-item{start}>{p(text)}</text:list-item>" for text in texts)
        return f'<text:list text:style-name="L"{on}>{inner}</text:list>'

    def h(level: int, text: str, more: str = "") -> str:
        return f'<text:h text:outline-level="{level}"{more}>{text}</text:h>'

    deeper = f"<text:list-item>{items('c', 'd')}</text:list-item></text:list>"
    goes_on = ' text:continue-numbering="true"'
    body = (
        items("a", "b", on=' xml:id="one"').replace("</text:list>", deeper)
        + p("between")
        + items("e", on=goes_on)
        + items("f", on=' text:continue-list="one"')
        + items("g", start=' text:start-value="8"')
        + h(1, "One") + h(2, "In one") + h(1, "") + h(1, "Two") + h(2, "In two")
        + h(1, "Not counted", ' text:is-list-header="true"')
    )  # fmt: skip
    document = read(made("odt", body, more={"styles.xml": styles}), ".odt")
    assert document.text == (
        "1 a\n2 b\n  2.1 c\n  2.2 d\n\nbetween\n\n3 e\n\n4 f\n\n8 g\n\n"
        "1 One\n\n1.1 In one\n\n2 Two\n\n2.1 In two\n\nNot counted"
    )


def test_older_programs_declare_types_that_are_harmless_and_forms_have_words() -> None:
    public = '<!DOCTYPE x PUBLIC "-//OpenOffice.org//DTD Manifest 1.0//EN" "x.dtd">'
    formula = "<math><mfrac><mi>a</mi><mi>b</mi></mfrac><annotation>a over b</annotation></math>"
    body = '<office:forms><x label="Name" current-value="Ann"/><option label="no"/></office:forms>'
    body += p('<draw:frame><draw:object xlink:href="Object 1"/></draw:frame>')
    more = {
        "META-INF/manifest.xml": f"{public}<manifest/>",
        "Object 1/content.xml": f"{public}{formula}",
    }
    assert read(made("odt", body, more=more), ".odt").text == "Name: Ann\n\na over b"


def test_a_raised_number_is_no_part_of_the_one_before_it() -> None:
    styles = "".join(
        f'<style:style style:name="{name}"><style:text-properties {more}/></style:style>'
        for name, more in (
            ("up", 'style:text-position="super 58%"'),
            ("by", 'style:text-position="33% 58%"'),
            ("low", 'style:text-position="-33% 58%"'),
        )
    )
    spans = "".join(
        f'1<text:span text:style-name="{name}">2</text:span>, ' for name in ("up", "by", "low", "x")
    )
    assert text_of(p(spans + "end"), styles) == "1^2, 1^2, 12, 12, end"


def test_tables_notes_comments_and_deletions() -> None:
    note = "<text:note><text:note-citation>1</text:note-citation><text:note-body>" + p("A note.")
    note += "</text:note-body></text:note>"
    comment = "<office:annotation><dc:creator>Bob</dc:creator><dc:date>2024</dc:date>" + p("Why?")
    comment += f"<text:list><text:list-item>{p('So.')}</text:list-item></text:list>"
    comment += "</office:annotation>"
    nested = f"<table:table>{row(p('in'), p('ner'))}</table:table>"
    body = "<text:tracked-changes><text:changed-region><text:deletion>" + p("gone")
    body += "</text:deletion></text:changed-region></text:tracked-changes>"
    body += p(f"Text{note} goes{comment} on.<text:note/>")
    body += f"<table:table><table:table-header-rows>{row(p('Name'), p('Price'))}"
    body += f"</table:table-header-rows>{row(p('a') + p('b'), nested)}"
    body += f"{row(p('c'), comment, attributes='table:number-rows-repeated=`9`')}</table:table>"
    document = read(made("odt", body.replace("`", '"')), ".odt")
    told = "[Comment by Bob: Why? So.]"
    assert document.text == (
        f"Text[^1] goes on.[^*]\n\n[^1]: A note.\n\n{told}\n\n"
        f"Name | Price\na b | in | ner\nc\n\n{told}"
    )
    assert document.notes == ("1 tracked deletion is left out",)


def test_frames_objects_ruby_and_sections() -> None:
    def frame(inner: str) -> str:
        return f"<draw:frame>{inner}</draw:frame>"

    described = "<draw:image/><svg:title>Bridge</svg:title><svg:desc>in May</svg:desc>"
    box = f"<draw:text-box>{p('In a box.')}</draw:text-box>"
    table = f"<table:table>{row(p('t'))}</table:table>"
    body = p(f"See{frame(described)}and{frame('<draw:image/>')}.{frame(box)}{frame(table)}")
    body += p("<text:ruby><text:ruby-base>漢</text:ruby-base><text:ruby-text>kan</text:ruby-text>"
              "</text:ruby><text:ruby/><text:a>link</text:a>")  # fmt: skip
    body += p("".join(frame(f'<draw:object xlink:href="./Object {n}"/>') for n in (1, 2, 3)))
    body += f"<text:section>{p('Section.')}<draw:custom-shape>{p('Shape.')}</draw:custom-shape>"
    body += f"</text:section>{frame(box)}<office:forms>{p('no')}</office:forms>"
    body += p(f"<draw:custom-shape>{p('Drawn.')}</draw:custom-shape>")
    body += f"<table:table>{row(frame(described))}</table:table>"
    more = {
        "Object 1/content.xml": "<math><mi>x</mi> <mo>=</mo><mn>1</mn></math>",
        "Object 2/content.xml": f"<office:x NAMES>{p('Sales')}{table}</office:x>",
        "Basic/script.xml": "<s/>",
    }
    document = read(made("odt", body, more=more), ".odt")
    assert document.text == (
        "See Bridge in May and.\n\nIn a box.\n\nt\n\n漢(kan)link\n\nx=1\n\nSales\n\nt\n\n"
        "Section.\n\nShape.\n\nIn a box.\n\nDrawn.\n\nBridge in May"
    )
    assert document.notes == (
        "its macros are neither run nor read",
        "1 picture has no text",
        "1 embedded file is left out",
    )


STYLES = f"""<office:document-styles NAMES><office:master-styles><style:master-page>
<style:header>{p("ACME")}</style:header><style:header-left>{p("ACME")}</style:header-left>
<style:footer>{p("Page <text:page-number>1</text:page-number>")}</style:footer></style:master-page>
</office:master-styles><text:list-style style:name="L"/></office:document-styles>"""
META = """<office:document-meta NAMES><office:meta><meta:initial-creator>Ann</meta:initial-creator>
<dc:creator>Bob</dc:creator><dc:title>The  handbook</dc:title><meta:keyword>bolts</meta:keyword>
<meta:keyword>nuts</meta:keyword><dc:date>2025-06-07T08:09:10</dc:date><dc:language>en</dc:language>
<meta:user-defined meta:name="Project">Bridge</meta:user-defined><meta:generator>x</meta:generator>
</office:meta></office:document-meta>"""


def test_headers_and_properties() -> None:
    data = made("odt", p("Text."), more={"styles.xml": STYLES, "meta.xml": META})
    document = read(data, ".ott")
    assert document.text == "ACME\n\nText.\n\nPage 1"
    assert (document.title, document.fields) == ("The handbook", (
        ("author", "Ann"), ("tag", "bolts"), ("tag", "nuts"), ("date", "2025-06-07T08:09:10"),
        ("language", "en"), ("project", "Bridge"),
    ))  # fmt: skip


# Workbooks


def cell(text: str, attributes: str = "", covered: str = "") -> str:
    name = f"{covered}table-cell"
    inner = p(text) if text else ""
    return f"<table:{name} {attributes}>{inner}</table:{name}>"


def test_sheets_rows_and_places() -> None:
    number = 'office:value-type="float" office:value="{}"'
    body = '<table:table table:name="Parts" table:style-name="ta1"><table:table-column/>'
    body += '<table:table-column table:visibility="collapse" table:number-columns-repeated="2"/>'
    body += f"<table:table-row>{''.join(map(cell, ('Name', 'Price', 'Since', 'Share', 'Ok')))}"
    body += "</table:table-row><table:table-row>" + cell("Bolt") + cell("3,00", number.format(3))
    body += cell("2. Jan", 'office:value-type="date" office:date-value="2024-01-02"')
    body += cell("50 %", 'office:value-type="percentage" office:value="0.5"')
    body += cell("WAHR", 'office:value-type="boolean" office:boolean-value="true"')
    body += '</table:table-row><table:table-row table:number-rows-repeated="3">'
    body += cell("", 'table:number-columns-repeated="16384"') + "</table:table-row>"
    body += '<table:table-row table:number-rows-repeated="2" table:visibility="filter">'
    body += cell("x", 'table:number-columns-repeated="2"') + "</table:table-row><table:table-row>"
    body += "<table:table-cell><office:annotation><text:p>Why?</text:p></office:annotation>"
    body += "</table:table-cell></table:table-row><table:shapes><draw:frame><draw:text-box>"
    body += f"{p('Drawn.')}</draw:text-box></draw:frame></table:shapes></table:table><table:x/>"
    style = '<style:style style:name="ta1"><style:table-properties table:display="false"/>'
    document = read(made("ods", body, style + "</style:style>"), ".ods")
    assert document.text == (
        "Parts\n\nName | Price | Since | Share | Ok\n"
        "Name: Bolt | Price: 3 | Since: 2024-01-02 | Share: 50% | Ok: TRUE\n"
        "Name: x | Price: x\nName: x | Price: x\n[Comment: Why?]\n\nDrawn."
    )
    assert [place for _, place in document.places] == [
        "!Parts:1", "!Parts:1", "!Parts:2", "!Parts:6", "!Parts:7", "!Parts:8", "!Parts"
    ]  # fmt: skip
    assert document.notes == (
        "sheet Parts is hidden, and read too",
        "sheet Parts: 2 hidden rows and 2 hidden columns are read too",
    )
    assert (document.title, document.type) == ("", "ods")


def test_a_postcode_keeps_its_zeros() -> None:
    code = cell("01067", 'office:value-type="float" office:value="1067"')
    body = f"<table:table table:name='A'><table:table-row>{code}</table:table-row></table:table>"
    assert read(made("ods", body), ".ods").text == "A\n\n01067"


def test_merged_cells_and_strings_without_paragraphs() -> None:
    merged = 'table:number-rows-spanned="2" table:number-columns-spanned="1"'
    rows = f"<table:table-row>{cell('North', merged)}{cell('1')}</table:table-row><table:table-row>"
    rows += cell("", covered="covered-") + '<table:table-cell office:string-value="two"/><table:x/>'
    document = read(
        made("ods", f'<table:table table:name="S">{rows}</table:table-row></table:table>'), ".ods"
    )
    assert document.text == "S\n\nNorth | 1\nNorth: North | 1: two"


def test_a_row_that_stands_for_a_million(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.loading.spreadsheet.MOST_ROWS", 100)
    monkeypatch.setattr("ragkit.loading.spreadsheet.MOST_COLUMNS", 5)
    repeated = 'table:number-rows-repeated="999999999"'
    rows = f"<table:table-row {repeated}>{cell('1', 'table:number-columns-repeated=`99999`')}"
    body = f'<table:table table:name="S">{rows}</table:table-row>'.replace("`", '"')
    document = read(
        made("ods", body + body[body.index("<table:table-row") :] + "</table:table>"), ".ods"
    )
    assert document.places[-1][1] == "!S:100"
    assert document.text.endswith("1 | 1 | 1 | 1 | 1")
    assert sheets.MOST_ROWS == 1_048_576


# Presentations


def test_slides() -> None:
    def frame(kind: str, text: str) -> str:
        box = f"<draw:text-box>{p(text)}</draw:text-box>" if text else "<draw:image/>"
        return f'<draw:frame presentation:class="{kind}">{box}</draw:frame>'

    first = frame("outline", "Text") + frame("title", "One") + frame("footer", "ACME")
    first += frame("page-number", "1") + f"<presentation:notes>{frame('notes', 'Say it.')}"
    first += f"{frame('page', 'x')}</presentation:notes>"
    third = frame("footer", "ACME") + f"<draw:g>{frame('', 'In a group')}</draw:g>"
    pages = (
        f"<draw:page>{first}</draw:page><draw:page draw:style-name='h'>{frame('', '')}</draw:page>"
    )
    style = '<style:style style:name="h"><style:drawing-page-properties '
    style += 'presentation:visibility="hidden"/>'
    document = read(
        made("odp", f"{pages}<draw:page>{third}</draw:page>", style + "</style:style>"), ".odp"
    )
    assert document.text == "One\n\nText\n\nACME\n\nNotes:\n\nSay it.\n\n\n\nIn a group"
    assert document.page_starts == (0, 34, 36)
    assert document.pages_without_text == (2,)
    assert outline(document) == [(1, "One", "One")]
    assert document.notes == ("slide 2 is hidden, and read too", "1 picture has no text")


# Broken and hostile


def test_encrypted_empty_and_deep_files() -> None:
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    with pytest.raises(LoadError, match="it is encrypted"):
        read(made("odt", p("x"), more={"META-INF/manifest.xml": manifest}), ".odt")
    with pytest.raises(LoadError, match="a text document without a body"):
        read(made("odt", "", more={"content.xml": "<x><body/></x>"}), ".odt")
    with pytest.raises(LoadError, match="nested too deeply"):
        read(made("odt", "<text:section>" * 3000 + "</text:section>" * 3000), ".odt")
    with pytest.raises(LoadError, match=r"content\.xml declares a document type"):
        read(made("odt", "", more={"content.xml": "<!DOCTYPE x><x/>"}), ".odt")
