"""Rich Text files: all that is text, and nothing that is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.loading.formats import load
from ragkit.types import Document
from tests.office import outline
from tests.office import read as read_bytes

HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}"
    r"{\f1\fcharset204 A{\*\falt B};}"
    r"{\f2\fcharset2 Symbol;}{\f3\fcharset128 MS;}{\f4\fcharset99 X;}}{\colortbl;\red0;}"
    r"{\stylesheet{\ql Normal;}{\s1\b heading 1;}{\s2 heading 2;}{\s9 Title;}{\*\cs10 Default;}}"
)


def read(body: str) -> Document:
    return read_bytes((HEAD + body + "}").encode("latin-1"), ".rtf")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"Plain {\b bold} and {\i italic\par}Next.", "Plain bold and italic\n\nNext."),
        ("in one\r\nline", "in oneline"),
        (r"Caf\'e9 \u8212?\u8212\'97 {\uc0\u20013}{\uc2\u20013ab}x", "Café —— 中中x"),
        (r"\u-10179?\u-8694?", "😊"),
        (r"{\f1\'cf\'f0\'e8} {\f3\'83\'5c\'8ao} {\f4\'e9}", "При ソ覚 é"),
        (r"{\f1\'cf\plain\'e9}", "Пé"),
        (r"\deff1 \'cf{\f0\'cf}\deff2 \'cf", "ПÏÏ"),
        (r"a\~b\_c\-d\{e\}\\ \endash\emdash\lquote\rquote\bullet\tab x\line y",
         "a\xa0b\u2011cd{e}\\ –—‘’•\tx\ny"),
        (r"{\*\unknown{\header x}{\footnote y}}z", "z"),
        (r"{\*\generator Word;}{\*\unknown\foo{\bar x} y}z", "z"),
        (r"{\field{\*\fldinst HYPERLINK {x}}{\fldrslt a link}} here", "a link here"),
        (r"{\upr{plain}{\*\ud{\uc0\u20013}}} x", "中 x"),
        (r"a\bin3 {{{b", "ab"),
        ("a\\\nb", "a\n\nb"),
        (r"a\page b\sect c", "a\n\nb\n\nc"),
        (r"{\deleted gone}stays{\deleted0 too}", "staystoo"),
        (r"{\object{\*\objdata 0102}{\result shown}}", "shown"),
        (r"{\v hidden} is kept", "hidden is kept"),
        (r"\u8212{\b x}", "—x"),
        (r"\u8212\~\u8212\b y\ansicpg936 z", "——yz"),
        (r"a\'zz \unknown99 b\fs", "azz b"),
    ],
)  # fmt: skip
def test_what_is_text(body: str, text: str) -> None:
    assert read(body).text == text


def test_headings_by_style_and_by_outline_level() -> None:
    body = r"\pard\s9 The book\par\pard\s1 One\par\pard\s2 Two\par\pard text\par"
    body += r"\pard\outlinelevel2 Three\par\pard\outlinelevel9 no\par\pard\s7 none"
    document = read(body)
    assert outline(document) == [
        (1, "The book", "The book"), (1, "One", "One"), (2, "Two", "Two"), (3, "Three", "Three")
    ]  # fmt: skip
    assert (document.title, document.type) == ("The book", "rtf")


def test_lists_and_tables() -> None:
    body = r"\pard{\listtext\f2\'b7\tab}first\par\pard{\listtext 2.\tab}second\par"
    body += r"\pard{\pntext 1.\tab}\s1 Numbered\par{\listtext 3.}\par"
    body += r"\pard before\par\trowd\pard\intbl Name\cell Price\par of it\cell\row"
    body += r"\pard\intbl {\listtext -}Bolt\cell in\nestcell ner\nestrow\cell\row\pard after\par"
    body += r"\pard\intbl open\cell"
    assert read(body).text == (
        "· first\n2. second\n\n1. Numbered\n\nbefore\n\nName | Price of it\n- Bolt | in | ner;\n\n"
        "after\n\nopen"
    )


def test_notes_comments_boxes_headers_and_pictures() -> None:
    body = r"{\header ACME\par}{\headerl ACME}{\footer Page {\field{\fldrslt 1}}}{\footer }"
    body += r"Text{\super\chftn}{\footnote\pard {\super\chftn} A\par note.} goes on"
    body += (
        r"{\*\atnid B}{\*\atnauthor Bob}\chatn{\*\annotation{\*\atndate 1}Why?}{\*\annotation No.}"
    )
    body += r"{\shp{\*\shpinst\shpleft1{\sp{\sn x}{\sv y}}{\shptxt Outer {\shp{\*\shpinst{\shptxt"
    body += (
        r" Inner\par}}}}}{\shprslt twice}}{\footnote }.\par{\*\shppict{\pict\pngblip 8950\n 4e47}}"
    )
    body += r"{\nonshppict{\pict 99}}{\pict 00}\trowd\intbl x{\footnote In a cell.}\cell\row"
    body += r"{\header a\cell b}"
    document = read(body)
    assert document.text == (
        "ACME\n\nText[^1] goes on[^2].\n\n[^1]: A note.\n\n[Comment by Bob: Why?]\n\n"
        "[Comment: No.]\n\nOuter\n\nInner\n\nx[^3]\n\n[^3]: In a cell.\n\na | b\n\nPage 1"
    )
    assert document.notes == ("2 pictures have no text",)


def test_properties() -> None:
    info = r"{\info{\title The  handbook}{\author Ann}{\keywords bolts, nuts}{\doccomm What\'e9}"
    info += r"{\creatim\yr2024\mo1\dy2\hr3\min4}{\revtim\yr2025\mo6\dy7}{\printim\yr1}"
    info += r"{\operator\'20}{\*\company ACME}{\buptim}}"
    document = read(info + "Text.")
    assert (document.title, document.text) == ("The handbook", "Text.")
    assert document.fields == (
        ("author", "Ann"), ("tag", "bolts"), ("tag", "nuts"), ("description", "Whaté"),
        ("created", "2024-01-02T03:04:00"), ("date", "2025-06-07"),
    )  # fmt: skip


def test_what_is_doubtful_is_told() -> None:
    assert read(r"{\f2 ab\'b7}").notes == ("2 letters of a symbol font may be another",)
    assert read(r"{\f3\'83}").notes == ("1 letter could not be decoded",)
    assert read(r"{\*\moMath{\mr E=1}}").notes == ("1 formula is left out",)
    document = read(r"{\deleted a}{\deleted b}")
    assert document.notes == ("2 tracked deletions are left out",)


@pytest.mark.parametrize(
    "code", ["mac", "pc", "pca", "ansicpg1251", "ansicpg65001", "ansicpg99999"]
)
def test_code_pages(code: str) -> None:
    data = b"{\\rtf1\\" + code.encode() + b" \\'e9}"
    assert load(data, suffix=".rtf").text


# Broken and hostile


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_file_that_breaks_off_is_read_that_far(share: float) -> None:
    whole = (HEAD + r"{\b Words " * 50 + "}" * 51).encode()
    document = load(whole[: int(len(whole) * share)], suffix=".rtf")
    assert document.text.startswith("Words Words")
    assert document.notes == ("the file breaks off before its end",)


def test_what_is_behind_the_end_is_no_text() -> None:
    assert load(b"{\\rtf1 a}}} junk\0\0", suffix=".rtf").text == "a"


@pytest.mark.parametrize("data", [b"", b"Plain text.", b"{\\rt", b"\0\1"])
def test_what_is_called_rtf_and_is_none(data: bytes) -> None:
    with pytest.raises(LoadError, match="it is not a Rich Text file"):
        load(data, suffix=".rtf")


def test_groups_without_end_are_refused() -> None:
    with pytest.raises(LoadError, match="nested too deeply"):
        load(b"{\\rtf1" + b"{" * 2_000_000, suffix=".rtf")


def test_numbers_may_be_any() -> None:
    assert read(r"a\bin9999999999 b").notes == ("the file breaks off before its end",)
    assert read(r"\uc999999999\u8212?\bin-5 x\f-3\s-1\par").text == "—"


WORDS = r"\par \cell \row \pard \s1 \u-1? \'e9 { } {\* {\footnote \intbl a \bin2 \ \uc3 \f1 \upr"


@given(st.lists(st.sampled_from(WORDS.split()), max_size=40))
def test_no_order_of_words_is_too_odd(words: list[str]) -> None:
    assert load(("{\\rtf1" + "".join(words)).encode(), suffix=".rtf").type == "rtf"


def test_what_lies_behind_the_end_is_told() -> None:
    document = load(b"{\\rtf1\\ansi Hello {\\b there}}\\par More text after.\\par}", suffix=".rtf")
    assert document.notes == ("25 bytes behind its end are left out",)
