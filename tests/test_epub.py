"""E-books: chapters in order under their titles."""

from collections.abc import Mapping

import pytest

from ragkit.errors import LoadError
from ragkit.loading.epub import MOST_CHAPTERS
from tests.office import NO_PARTS, outline, read, zipped

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
METADATA = """<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The  book</dc:title>
<dc:title>Other</dc:title><dc:creator>Ann</dc:creator><dc:creator>Bob</dc:creator>
<dc:subject>bolts</dc:subject><dc:language>en</dc:language><dc:date>2024-01-02</dc:date>
<dc:date event="creation">2023</dc:date><meta property="dcterms:modified">2025-01-01</meta>
<meta name="cover" content="x"/></metadata>"""
PAGE = "application/xhtml+xml"


def page(body: str, title: str = "") -> str:
    return (
        '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "x.dtd">'
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title></head>'
        f"<body>{body}</body></html>"
    )


def book(
    chapters: Mapping[str, str],
    items: str = "",
    spine: str = "",
    more: Mapping[str, str] = NO_PARTS,
) -> bytes:
    listed = "".join(f'<item id="{n}" href="{n}.xhtml" media-type="{PAGE}"/>' for n in chapters)
    order = "".join(f'<itemref idref="{name}"/>' for name in reversed([*chapters]))
    return zipped({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": f"<package>{METADATA}<manifest>{listed}{items}</manifest>"
        f'<spine toc="ncx">{spine or order}</spine></package>',
        **{f"OEBPS/{name}.xhtml": text for name, text in chapters.items()},
        **more,
    })  # fmt: skip


def test_chapters_in_the_order_of_the_spine_with_their_own_headings() -> None:
    data = book({"b": page("<h2>Two</h2><p>Second.</p><h3>Deeper</h3><p>x</p>"),
                 "a": page("<p>First.</p>", "One")})  # fmt: skip
    document = read(data, ".epub")
    assert document.text == "First.\n\nTwo\n\nSecond.\n\nDeeper\n\nx"
    assert outline(document) == [(1, "One", "First."), (1, "Two", "Two"), (2, "Deeper", "Deeper")]
    assert (document.title, document.type, document.notes) == ("The book", "epub", ())
    assert document.fields == (
        ("author", "Ann"), ("author", "Bob"), ("tag", "bolts"), ("language", "en"),
        ("date", "2024-01-02"), ("created", "2023"), ("modified", "2025-01-01"),
    )  # fmt: skip


NCX = """<!DOCTYPE ncx PUBLIC "a" "b"><ncx><navMap><navPoint><navLabel><text>Part</text></navLabel>
<content src="a.xhtml"/><navPoint><navLabel><text>Two</text></navLabel>
<content src="b.xhtml#x"/></navPoint></navPoint><navPoint/></navMap></ncx>"""
NAV = page(
    '<nav><ol><li><a href="../a.xhtml">Part</a><ol><li><a href="../b.xhtml">Two</a></li></ol>'
    '</li></ol></nav><a href="../a.xhtml#later">Later</a>'
)


@pytest.mark.parametrize(
    ("item", "more"),
    [
        ('<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>',
         {"OEBPS/toc.ncx": NCX}),
        (f'<item id="n" href="t/nav.xhtml" properties="x nav" media-type="{PAGE}"/>'
         '<item id="gone" href="gone.ncx"/>', {"OEBPS/t/nav.xhtml": NAV}),
    ],
)  # fmt: skip
def test_titles_of_the_table_of_contents(item: str, more: dict[str, str]) -> None:
    data = book({"b": page("<h1>Two</h1><h2>Deeper</h2><p>x</p>"),
                 "a": page("<p>Before.</p><h1>Inner</h1>")}, item, more=more)  # fmt: skip
    document = read(data, ".epub")
    assert outline(document) == [
        (1, "Part", "Before."), (2, "Inner", "Inner"), (2, "Two", "Two"), (3, "Deeper", "Deeper")
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ['media-type="application/x-dtbncx+xml"', 'properties="nav"'])
def test_a_table_of_contents_that_is_no_xml_costs_its_titles(kind: str) -> None:
    data = book({"a": page("<h1>One</h1><p>A.</p>")}, f'<item id="t" href="t.xml" {kind}/>',
                more={"OEBPS/t.xml": NCX.replace("Part", "Part&nbsp;1")})  # fmt: skip
    document = read(data, ".epub")
    assert outline(document) == [(1, "One", "One")]
    (note,) = document.notes
    assert note.startswith("a table of contents gives no titles: OEBPS/t.xml is not well-formed")


def test_what_is_missing_or_no_text_is_told() -> None:
    items = (
        '<item id="p" href="p%20q.svg" media-type="image/svg+xml"/><item id="g" href="g.xhtml"/>'
    )
    spine = "".join(f'<itemref idref="{name}"/>' for name in ("a", "p", "g", "unknown"))
    spine = '<itemref idref="blank"/>' + spine
    chapters = {"a": page("<p>A.</p>"), "blank": page("<img/>")}
    data = book(chapters, items, spine, {"OEBPS/p q.svg": "<svg/>"})
    document = read(data, ".epub")
    assert document.text == "A."
    assert document.notes == (
        "blank.xhtml: nothing but markup: the page has no text of its own",
        "chapter OEBPS/g.xhtml is missing in the file", "chapter unknown is missing in the file",
        "1 chapter is no text",
    )  # fmt: skip


def test_pages_that_the_order_leaves_out_are_read_last() -> None:
    nav = f'<item id="n" properties="nav" href="nav.xhtml" media-type="{PAGE}"/>'
    lost = f'<item id="l" href="lost.xhtml" media-type="{PAGE}"/>'
    chapters = {"notes": page("<p>1. A note.</p>"), "a": page("<p>A.</p>")}
    data = book(chapters, nav + lost, '<itemref idref="a"/>', {"OEBPS/nav.xhtml": page("x")})
    document = read(data, ".epub")
    assert document.text == "A.\n\n1. A note."
    assert document.notes == ("1 page that its order does not name is read last",)


def test_a_book_may_declare_a_public_type() -> None:
    opf = '<!DOCTYPE package PUBLIC "-//ISBN 0-9673008-1-9//DTD OEB 1.2 Package//EN" "x.dtd">'
    assert read(book({}, more={"OEBPS/book.opf": f"{opf}<package/>"}), ".epub").notes


def test_too_many_chapters() -> None:
    spine = '<itemref idref="x"/>' * (MOST_CHAPTERS + 2)
    assert read(book({}, spine=spine), ".epub").notes[-1] == "2 chapters left out: too many"


def test_books_that_cannot_be_read() -> None:
    def encryption(algorithm: str) -> dict[str, str]:
        inner = f'<EncryptedData><EncryptionMethod Algorithm="{algorithm}"/></EncryptedData>'
        return {"META-INF/encryption.xml": f"<encryption>{inner}</encryption>"}

    chapters = {"a": page("<p>A.</p>")}
    with pytest.raises(LoadError, match="the book is encrypted"):
        read(
            book(chapters, more=encryption("http://www.w3.org/2001/04/xmlenc#aes256-cbc")), ".epub"
        )
    assert read(book(chapters, more=encryption("http://www.idpf.org/2008/embedding")), ".epub").text
    with pytest.raises(LoadError, match="lacks a part"):
        read(book(chapters, more={"META-INF/container.xml": "<container/>"}), ".epub")
    nothing = read(book(chapters, more={"OEBPS/book.opf": "<package/>"}), ".epub")
    assert (nothing.text, nothing.notes) == ("", ("the book lists no chapters",))
    bomb = NCX.replace('PUBLIC "a" "b"', '[<!ENTITY a "aaa">]')
    item = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    with pytest.raises(LoadError, match="declares a document type"):
        read(book(chapters, item, more={"OEBPS/toc.ncx": bomb}), ".epub")
    deep = page("<ol>" * 3000 + "</ol>" * 3000)
    with pytest.raises(LoadError, match="nested too deeply"):
        read(book(chapters, item.replace('id="ncx"', 'id="n" properties="nav"'),
                  more={"OEBPS/toc.ncx": deep}), ".epub")  # fmt: skip
