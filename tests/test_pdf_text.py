"""What a PDF's text is made of: headers, split words, ligatures, forms, outline, properties."""

from __future__ import annotations

import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st

from ragkit.loading.pdf import assembled
from ragkit.pdf import first, reading
from ragkit.pdf.found import Entry, Facts, Found, Opened, Page, Picture, Refused, packed, unpacked
from ragkit.pdf.furniture import without_furniture
from ragkit.pdf.notes_in import notes_in
from ragkit.pdf.second import Second
from ragkit.pdf.words import rejoined, vocabulary
from ragkit.types import Heading
from tests.test_pdf import FONT, no_second, paged, read, shown, stream

__all__ = ["no_second"]  # a fixture

WORDS = "anchor bridge canal delta estuary ferry glacier harbour island jetty".split()


class Handbook(FPDF):
    """A document with a header and a page number on each page."""

    def header(self) -> None:
        self.set_font("Helvetica", size=9)
        self.cell(text="ACME handbook", new_x="LMARGIN", new_y="NEXT")

    def footer(self) -> None:
        self.set_y(-15)
        self.cell(text=f"Page {self.page_no()} of {{nb}}")


def handbook(pages: int) -> bytes:
    document = Handbook()
    for word in WORDS[:pages]:
        document.add_page()
        document.cell(text=f"All about the {word}.", new_x="LMARGIN", new_y="NEXT")
        document.cell(text=f"The {word} is a thing of its own.", new_x="LMARGIN", new_y="NEXT")
    return bytes(document.output())


# -- headers and footers


def test_a_header_stays_once_and_page_numbers_go() -> None:
    document = read(handbook(5))
    assert document.text.count("ACME handbook") == 1
    assert document.text.startswith("ACME handbook\nAll about the anchor.")
    assert "of 5" not in document.text
    assert document.notes == (
        "headers and footers left out on 5 pages, such as 'ACME handbook', 'Page 1 of 5'",
    )
    for start, word in zip(document.page_starts[1:], WORDS[1:5], strict=True):
        assert document.text.startswith(f"All about the {word}.", start)


def test_two_pages_keep_all_they_have() -> None:
    document = read(handbook(2))
    assert document.text.count("ACME handbook") == 2
    assert "Page 2 of 2" in document.text
    assert document.notes == ()


@pytest.mark.parametrize(
    "line",
    [
        "Chapter {n}", "{n}. What follows", "Step {n}", "{n} apples", "item-{n}", "Invoice {n}",
        "{n}{n}", "{word}",
    ],
)  # fmt: skip
def test_lines_that_only_look_alike_stay(line: str) -> None:
    pages = [
        f"{line.format(n=n, word=word)}\nSome text of {word}.\nMore text of {word}, and its end."
        for n, word in enumerate(WORDS, 1)
    ]
    assert without_furniture(pages).texts == pages


@pytest.mark.parametrize(
    "line",
    ["{n}", "- {n} -", "Page {n}", "Seite {n} von 90", "{n} / 10", "第 {n} 页", "p. {n}", "[{n}]"],
)
def test_page_numbers_go_wherever_they_begin_to_count(line: str) -> None:
    pages = [
        f"Some text of {word}.\nMore text of {word}.\n{line.format(n=n)}"
        for n, word in enumerate(WORDS, 7)
    ]
    cleared = without_furniture(pages)
    assert cleared.texts == [page.rpartition("\n")[0] for page in pages]
    assert (cleared.lines, cleared.pages) == (10, 10)


def test_roman_page_numbers_go_too() -> None:
    romans = "i ii iii iv v vi".split()
    pages = [f"Text of {w}.\nMore of {w}.\n{r}" for w, r in zip(WORDS, romans, strict=False)]
    assert not any(page.endswith("\niv") for page in without_furniture(pages).texts)
    assert without_furniture(pages).lines == 6


def test_headers_that_alternate_or_belong_to_a_chapter_go() -> None:
    pages = [
        f"{'Left' if n % 2 else 'Right'} side\n{'One' if n < 5 else 'Two'} as a chapter\n"
        f"Text of {word}.\nMore text of {word}.\nAnd the last of {word}.\nIts end: {word}."
        for n, word in enumerate(WORDS)
    ]
    texts = without_furniture(pages).texts
    assert sum("side" in text for text in texts) == 2
    assert sum("as a chapter" in text for text in texts) == 2


def test_a_page_that_has_nothing_else_stays_as_it_is() -> None:
    pages = ["The same page."] * 6
    assert without_furniture(pages).texts == pages


@given(st.lists(st.text("ab1\n ", max_size=12), max_size=8))
def test_nothing_but_whole_lines_at_the_edges_goes(pages: list[str]) -> None:
    cleared = without_furniture(pages)
    for before, after in zip(pages, cleared.texts, strict=True):
        assert after in before or set(after.split("\n")) <= set(before.split("\n"))
        assert bool(after.strip()) == bool(before.strip())
    gone = sum(len(p.split("\n")) for p in pages) - sum(len(t.split("\n")) for t in cleared.texts)
    assert cleared.lines <= gone


# -- words


def lines(*texts: str) -> bytes:
    """Return a content stream of several lines."""
    shows = b" ".join(b"(%s) Tj T*" % text.encode("latin-1") for text in texts)
    return stream(b"BT /F1 12 Tf 72 700 Td 14 TL %s ET" % shows)


def test_words_split_at_line_ends_are_joined() -> None:
    document = read(paged(lines("The infor-", "mation, they said, was well-",
                                "known. Not so Baden-", "Baden: it has 3-",
                                "4 baths. The well-known ones.")))  # fmt: skip
    assert document.text == (
        "The information,\nthey said, was well-known.\nNot so Baden-\nBaden: it has 3-\n4 baths."
        " The well-known ones.\n"
    )


@pytest.mark.parametrize(
    ("text", "elsewhere", "joined"),
    [
        ("a key-\nvalue store", "key-value stores", "a key-value\nstore"),
        ("a data-\nbase here", "The database. Its data, its base.", "a database\nhere"),
        ("a data-\nbase here", "Its data, its base.", "a data-base\nhere"),
        ("soft\u00ad\nware runs", "", "software\nruns"),
        ("un\u2010\nseen", "", "unseen\n"),
        ("a dash -\nand more", "", "a dash -\nand more"),
        ("x-\n1", "", "x-\n1"),
    ],
)
def test_the_document_says_whether_a_hyphen_is_its_own(
    text: str, elsewhere: str, joined: str
) -> None:
    assert rejoined(text, vocabulary([text, elsewhere])) == joined


@given(st.text("ab-\n .", max_size=30))
def test_joining_words_loses_nothing_but_hyphens_and_spaces(text: str) -> None:
    def bare(text: str) -> str:
        return "".join(text.replace("-", "").split())

    assert bare(rejoined(text, vocabulary([text]))) == bare(text)


def test_ligatures_are_resolved() -> None:
    cmap = stream(b"begincmap 2 beginbfchar <41> <FB01> <42> <FB03> endbfchar endcmap")
    data = paged(shown("Ale, oBce"), extra=(cmap,)).replace(
        b"/BaseFont /Helvetica", b"/ToUnicode 6 0 R /BaseFont /Helvetica"
    )
    assert read(data).text == "file, office"


# -- the outline


def outlined(*entries: tuple[str, int]) -> bytes:
    document = FPDF()
    document.set_font("Helvetica", size=12)
    document.add_page()
    for title, level in entries:
        document.start_section(title, level=level)
        document.multi_cell(0, 8, f"{title}\nSome text of {title.split()[-1].lower()} here.\n\n")
    return bytes(document.output())


def test_a_heading_stands_where_its_line_does() -> None:
    document = read(outlined(("First things", 0), ("Of bridges", 1), ("Last things", 0)))
    assert [document.text[h.start :].split("\n")[0] for h in document.headings] == [
        "First things", "Of bridges", "Last things"
    ]  # fmt: skip
    assert [heading.level for heading in document.headings] == [1, 2, 1]


def test_a_heading_may_be_numbered_split_or_nowhere() -> None:
    outline = (
        b"<< /Type /Outlines /First 7 0 R /Last 9 0 R /Count 3 >>",
        b"<< /Title (Results of the trials) /Parent 6 0 R /Next 8 0 R /Dest [4 0 R /Fit] >>",
        b"<< /Title (2.2 Costs) /Parent 6 0 R /Next 9 0 R /Dest [4 0 R /Fit] >>",
        b"<< /Title (Nowhere) /Parent 6 0 R /Dest [4 0 R /Fit] >>",
    )
    page = lines("Before it.", "2.1 RESULTS OF", "THE TRIALS", "Good.", "Costs", "High.")
    document = read(paged(page, catalog=b"/Outlines 6 0 R", extra=outline))
    assert document.headings == (
        Heading(document.text.index("2.1"), 1, "Results of the trials"),
        Heading(document.text.index("Costs"), 1, "2.2 Costs"),
        Heading(document.text.index("Costs"), 1, "Nowhere"),  # after the one before it
    )


# -- forms and annotations


def annotated(*annotations: bytes, extra: tuple[bytes, ...] = ()) -> bytes:
    numbers = b" ".join(b"%d 0 R" % (6 + n) for n in range(len(annotations)))
    return paged(shown("Page text."), extra=(*annotations, *extra)).replace(
        b"/Type /Page ", b"/Type /Page /Annots [%s] " % numbers
    )


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (b"<< /Subtype /Widget /FT /Tx /T (name) /V (Ann Miller) >>", "name: Ann Miller"),
        (b"<< /Subtype /Widget /FT /Tx /T (n) /TU (Full name) /V (Ann) >>", "Full name: Ann"),
        (b"<< /Subtype /Widget /Parent 7 0 R /T (street) >>", "address.street: Main Road 5"),
        (b"<< /Subtype /Widget /FT /Btn /T (agree) /V /Yes >>", "agree: Yes"),
        (b"<< /Subtype /Widget /FT /Btn /T (agree) /V /Off >>", ""),
        (b"<< /Subtype /Widget /FT /Btn /Ff 65536 /T (send) /V (x) >>", ""),
        (b"<< /Subtype /Widget /FT /Ch /T (towns) /V [(Rome) (Oslo)] >>", "towns: Rome, Oslo"),
        (
            b"<< /Subtype /Widget /FT /Ch /T (sea) /V (b) /Opt [[(a) (Aral)] [(b) (Baltic)]] >>",
            "sea: Baltic",
        ),
        (
            b"<< /Subtype /FileAttachment /FS << /F (a.txt) >> /Contents (Old) >>",
            "Attached: a.txt Old",
        ),
        (b"<< /Subtype /FileAttachment /FS (b.txt) >>", "Attached: b.txt"),
        (b"<< /Subtype /Widget /FT /Tx /V (no name) >>", "no name"),
        (b"<< /Subtype /Widget /FT /Tx /T (blank) >>", ""),
        (b"<< /Subtype /Text /Contents (Check this) /T (Bo) >>", "Bo: Check this"),
        (b"<< /Subtype /FreeText /Contents (On the\\nmargin) >>", "On the margin"),
        (b"<< /Subtype /Highlight /Contents 5 >>", ""),
        (b"<< /Subtype /Link /Contents (go) /A << /S /URI /URI (http://x.example) >> >>", ""),
        (b"<< /Subtype /Widget /Parent 6 0 R /T (loop) /V (round) >>", "round"),
        (b"(none)", ""),
    ],
)
def test_values_and_comments_follow_the_page(annotation: bytes, said: str) -> None:
    parent = b"<< /T (address) /V (Main Road 5) /FT /Tx >>"
    text = read(annotated(annotation, extra=(parent,))).text
    assert text.startswith("Page text.")
    assert text.endswith(said)
    assert (text == "Page text.") == (not said)


def test_bytes_are_text_too() -> None:
    note = {"/Subtype": "/Text", "/Contents": b"caf\xe9"}
    assert notes_in({"/Annots": [note, note]}) == ("café", "")


def test_what_is_more_than_may_be_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.pdf.notes_in.MOST", 1)
    monkeypatch.setattr("ragkit.pdf.first.MOST_ENTRIES", 1)
    note = b"<< /Subtype /Text /Contents (Check) >>"
    ((page, reason),) = read(annotated(note, note)).failed_pages
    assert (page, reason) == (1, "only 1 of its annotations are read")
    document = read(outlined(("First things", 0), ("Second", 0), ("Last things", 0)))
    assert [heading.title for heading in document.headings] == ["First things"]
    assert document.notes == ("its outline has more than 1 entries: no more are read",)


def test_annotations_that_cannot_be_read_name_their_page() -> None:
    data = annotated(b"<< /Subtype /Widget /T (a) /V (b) /FT /Btn /Ff (nonsense) >>")
    document = read(data)
    assert document.text == "Page text."
    ((page, reason),) = document.failed_pages
    assert (page, reason.partition(":")[0]) == (1, "its form fields and annotations cannot be read")


def test_a_form_of_another_kind_is_told() -> None:
    form = (b"<< /Fields [] /XFA 7 0 R >>", stream(b"<xdp/>"))
    data = paged(shown("Please wait..."), catalog=b"/AcroForm 6 0 R", extra=form)
    assert read(data).notes == ("it has a form (XFA) whose own text is not read",)


def test_what_is_attached_is_told() -> None:
    names = b"/Names << /EmbeddedFiles << /Names [(inv.xml) 6 0 R] >> >>"
    file = (b"<< /Type /Filespec /F (inv.xml) /EF << /F 7 0 R >> >>", stream(b"<invoice/>"))
    document = read(paged(shown("See the file."), catalog=names, extra=file))
    assert document.notes == ("what is attached to it is not read: inv.xml",)


def test_a_drawing_that_cannot_be_read_names_its_page() -> None:
    entries = (
        b"/Type /XObject /Subtype /Form /Filter /Unheard /Resources << /Font << /F1 3 0 R >> >>"
    )
    drawing = stream(b"BT ET", entries)
    data = paged(stream(b"BT /F1 12 Tf (Beside it.) Tj ET /X Do"), extra=(drawing,))
    document = read(data.replace(b"/Resources << ", b"/Resources << /XObject << /X 6 0 R >> "))
    assert document.text == "Beside it.\n"
    assert document.failed_pages == ((1, "a drawing on it cannot be read"),)


# -- properties


def test_properties_are_fields() -> None:
    info = (
        b"<< /Author (Ann  Miller) /Subject (How to) /Keywords (howto; index, PDF) "
        b"/CreationDate (D:20240131120000+01'00') /ModDate (D:20240201) >>"
    )
    data = paged(shown("x"), catalog=b"/Lang (en-GB)", extra=(info,), trailer=b"/Info 6 0 R")
    assert read(data).fields == (
        ("author", "Ann Miller"), ("date", "2024-02-01"), ("created", "2024-01-31T12:00:00+01:00"),
        ("tag", "howto"), ("tag", "index"), ("tag", "PDF"), ("description", "How to"),
        ("language", "en-GB"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "fields"),
    [
        (b"/CreationDate (D:20240131)", (("date", "2024-01-31"), ("created", "2024-01-31"))),
        (b"/CreationDate (yesterday) /ModDate (D:2024)", (("date", "2024-01-01"),)),
        (b"/CreationDate (D:20241399) /ModDate (D:00000101)", ()),
        (b"/ModDate (D:20240131250000)", (("date", "2024-01-31"),)),
        (b"/ModDate (D:20240131120000Z)", (("date", "2024-01-31T12:00:00Z"),)),
        (b"/Author << /a 1 >> /Keywords 5", ()),
    ],
)
def test_what_is_no_date_or_text_is_no_field(
    entries: bytes, fields: tuple[tuple[str, str], ...]
) -> None:
    data = paged(shown("x"), catalog=b"/Lang (not a tag!)", extra=(b"<< %s >>" % entries,),
                 trailer=b"/Info 6 0 R")  # fmt: skip
    assert read(data).fields == fields


def test_page_labels_are_told_and_numbers_are_those_of_a_viewer() -> None:
    labels = b"/PageLabels << /Nums [0 << /S /r >> 2 << /S /D /St 1 >>] >>"
    pages = [shown(f"About the {word}.") for word in WORDS[:4]]
    document = read(paged(*pages, catalog=labels))
    assert document.fields == (("page_labels", "1-2: i-ii, 3-4: 1-2"),)
    assert len(document.page_starts) == 4
    plain = b"/PageLabels << /Nums [0 << /S /D >>] >>"
    assert read(paged(*pages, catalog=plain)).fields == ()


# -- the second reader


UNMAPPED = stream(b"begincmap 1 beginbfrange <20> <7e> <E020> endbfrange endcmap")


def unmapped() -> bytes:
    """Return a page whose font maps all its characters to private ones."""
    return paged(shown("Signs that mean nothing."), extra=(UNMAPPED,)).replace(
        b"/BaseFont /Helvetica", b"/ToUnicode 6 0 R /BaseFont /Helvetica"
    )


def test_a_text_that_nobody_can_read_is_told() -> None:
    document = read(unmapped())
    assert "page 1 hardly legible" in document.notes[0]
    assert "'.[formats]'" in document.notes[0]
    assert document.text


def coded(text: bytes, encoding: bytes, ordering: bytes, *, in_drawing: bool = False) -> bytes:
    """Return a PDF with text in a font that is not embedded and does not say what its codes are."""
    font = b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /%s /DescendantFonts [6 0 R] >>"
    inner = (
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /X /CIDSystemInfo "
        b"<< /Registry (Adobe) /Ordering (%s) /Supplement 2 >> >>" % ordering
    )
    drawn = b"BT /F1 12 Tf 72 700 Td <%s> Tj ET" % text.hex().encode()
    resources = b"/Resources << /Font << /F1 3 0 R >> >>"
    drawing = stream(drawn, b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] %s" % resources)
    data = paged(stream(b"/D Do" if in_drawing else drawn), extra=(inner, drawing))
    data = data.replace(FONT, font % encoding)
    if in_drawing:
        data = data.replace(resources + b" /C", b"/Resources << /XObject << /D 7 0 R >> >> /C")
    return data


@pytest.mark.parametrize("in_drawing", [False, True])
@pytest.mark.parametrize(
    ("codec", "encoding", "ordering", "text"),
    [
        ("cp932", b"90msp-RKSJ-H", b"Japan1", "日本語"),
        ("cp949", b"KSCms-UHC-H", b"Korea1", "한국어"),
        ("big5hkscs", b"HKscs-B5-H", b"CNS1", "繁體中"), ("gbk", b"GBKp-EUC-H", b"GB1", "中文测"),
    ],
)  # fmt: skip
def test_codes_that_pypdf_takes_for_others_are_read_by_the_second(
    codec: str, encoding: bytes, ordering: bytes, text: str, in_drawing: bool
) -> None:
    document = read(coded(text.encode(codec), encoding, ordering, in_drawing=in_drawing))
    assert document.text == text
    assert document.notes == ("page 1 read by pypdfium2: pypdf made no sense of them",)


def test_glyphs_of_which_nobody_knows_the_letters_are_told() -> None:
    document = read(coded(b"\0+\0H\0O\0O\0R", b"Identity-H", b"Identity"))
    assert (document.text, document.notes[0][:21]) == ("+HOOR", "page 1 hardly legible")
    known = coded("中文".encode("gbk"), b"GBK-EUC-H", b"GB1", in_drawing=True)
    round_it_goes = known.replace(b"/F1 3 0 R >> >>", b"/F1 3 0 R >> /XObject << /D 7 0 R >> >>")
    assert [read(data).notes for data in (known, round_it_goes)] == [(), ()]  # which pypdf knows
    odd = paged(shown("One.")).replace(b"/Resources << ", b"/Resources << /XObject [1 0 R] ")
    assert (read(odd).text, read(odd).notes) == ("One.", ())


def test_what_pypdf_cannot_open_the_second_reader_may() -> None:
    data = paged(shown("First."), shown("Second.")).replace(b"/Count 2", b"/Count (2)")
    broken = data.replace(b"/Kids [4 0 R 6 0 R]", b"/Kids [4 0 R 6 0 R 99 0 R]")
    assert [read(one).text for one in (data, broken)] == ["First.\n\nSecond."] * 2


def test_without_it_what_pypdf_cannot_open_is_refused_as_before(no_second: None) -> None:
    assert read(paged(shown("Plain."))).text == "Plain."
    assert "hardly legible" in read(unmapped()).notes[0]


def test_what_the_second_reader_cannot_load_is_nothing() -> None:
    second = Second(paged(shown("One.")))
    assert second.has_pages
    assert second.text(9) == ""
    with pytest.raises(ValueError, match="load"):
        second.picture(9)


# -- limits of characters


def test_an_outline_has_no_more_entries_than_a_book(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first, "MOST_ENTRIES", 2)
    assert len(read(outlined(("One", 0), ("Two", 0), ("Three", 0))).headings) == 2


def test_an_entry_is_looked_for_among_the_lines_that_a_page_has() -> None:
    page = Page(1, "\n".join(f"line {number}" for number in range(5_000)))
    entries = (Entry("line 1999", 1, 1), Entry("line 4999", 1, 1))
    found = assembled([Opened(1), page, Facts(outline=entries)]).headings
    assert [page.text[h.start :].partition("\n")[0] for h in found] == ["line 1999"] * 2


def test_more_characters_than_a_page_has_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_OF_A_PAGE", 20)
    document = read(paged(shown("First."), shown("Far too much of it. " * 9), shown("Third.")))
    assert document.text == "First.\n\n\n\nThird."
    assert document.failed_pages == ((2, reading.TOO_MUCH),)


def test_more_characters_than_a_file_has_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CHARACTERS", 20)
    document = read(paged(*[shown(f"The page {word}.") for word in WORDS[:4]]))
    assert document.text.startswith("The page anchor.\n\n")
    ((page, reason),) = document.failed_pages
    assert (page, reason.partition(":")[0]) == (2, "pages 2 to 4 are not read")


# -- between processes


@pytest.mark.parametrize(
    "found",
    [
        Opened(3),
        Page(2, "text\nof 🦒 \ud800", error="broken"),
        Facts("T", (("author", "A"),), (Entry("E", 1, 2),), ("note",)),
        Facts(),
        Picture(4, "YWJj"),
        Refused("why", "decode", "hint"),
    ],
)
def test_what_was_found_goes_through_a_pipe(found: Found) -> None:
    line = packed(found)
    assert line.count(b"\n") == 1
    assert unpacked(line) == found
