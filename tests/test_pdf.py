"""PDFs, made here byte by byte: pages, titles, outlines, encryption and damage."""

import base64
import importlib.util
import io
import sys
import zlib

import pytest

from ragkit.errors import LoadError
from ragkit.loading.formats import load
from ragkit.types import Document, Heading

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def built(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """Return a PDF of the objects, numbered from 1; the first is the catalog."""
    data = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    xref = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = b"/Size %d /Root 1 0 R" % (len(objects) + 1)
    return bytes(data) + b"trailer << %s %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, xref)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >> stream\n%s\nendstream" % (len(content), entries, content)


def shown(text: str) -> bytes:
    """Return a content stream that shows a line of ASCII text."""
    return stream(b"BT /F1 12 Tf 72 700 Td (%s) Tj ET" % text.encode())


def paged(
    *contents: bytes, catalog: bytes = b"", extra: tuple[bytes, ...] = (), trailer: bytes = b""
) -> bytes:
    """Return a PDF with a page for each content stream.

    Page n is object 2n + 2, its content the one after; ``extra`` objects follow.
    """
    kids = b" ".join(b"%d 0 R" % (2 * n + 4) for n in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(contents)),
        FONT,
    ]
    for n, content in enumerate(contents):
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (2 * n + 5),
            content,
        ]
    return built([*objects, *extra], trailer)


def read(data: bytes) -> Document:
    return load(data, suffix=".pdf")


def encrypted(user_password: str) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(paged(shown("A secret.")))))
    writer.encrypt(user_password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_pages_stand_one_after_the_other() -> None:
    document = read(paged(shown("First page."), shown("Second page."), shown("Third.")))
    assert document.text == "First page.\n\nSecond page.\n\nThird."
    assert [document.text[at:].split(".")[0] for at in document.page_starts] == [
        "First page", "Second page", "Third"
    ]  # fmt: skip
    assert (document.type, document.pages_without_text, document.notes) == ("pdf", (), ())


def test_pages_without_text_are_counted() -> None:
    document = read(paged(shown("One."), stream(b"0 0 100 100 re f"), stream(b""), shown("Four.")))
    assert document.pages_without_text == (2, 3)
    assert len(document.page_starts) == 4
    assert document.text[document.page_starts[3] :] == "Four."


@pytest.mark.parametrize("suffix", [".txt", ".html", ""])
def test_a_pdf_is_one_whatever_it_is_called(suffix: str) -> None:
    assert load(b"\n" + paged(shown("Hello.")), suffix=suffix).text == "Hello."


@pytest.mark.parametrize(
    ("info", "title"),
    [
        (b"<< /Title (The handbook) >>", "The handbook"),
        (b"<< /Title <FEFF4E2D6587> >>", "中文"),
        (b"<< /Title (  ) >>", ""),
        (b"<< /Title (Untitled) >>", ""),
        (b"<< /Title (Microsoft Word - draft.doc) >>", ""),
        (b"<< /Title (in two\\n lines) >>", "in two lines"),
        (b"<< /Title << /A (no text) >> >>", ""),
        (b"<< /Author (Nobody) >>", ""),
        (b"(no dictionary)", ""),
    ],
)
def test_titles(info: bytes, title: str) -> None:
    # After one page: font 3, page 4, content 5.
    assert read(paged(shown("x"), extra=(info,), trailer=b"/Info 6 0 R")).title == title


def test_half_of_a_surrogate_pair_can_still_be_written() -> None:
    cmap = stream(b"begincmap 1 beginbfchar <41> <D800> endbfchar endcmap")
    data = paged(shown("B A B"), extra=(cmap,)).replace(
        b"/BaseFont /Helvetica", b"/ToUnicode 6 0 R /BaseFont /Helvetica"
    )
    assert read(data).text == "B \ufffd B"


def test_an_outline_gives_headings_at_their_pages() -> None:
    outline = (
        b"<< /Type /Outlines /First 11 0 R /Last 12 0 R /Count 2 >>",
        b"<< /Title (Start) /Parent 10 0 R /Next 12 0 R /Dest [4 0 R /Fit] "
        b"/First 13 0 R /Last 13 0 R /Count 1 >>",
        b"<< /Title (End) /Parent 10 0 R /Dest [8 0 R /Fit] >>",
        b"<< /Title (Inner) /Parent 11 0 R /Dest [6 0 R /Fit] /Next 14 0 R >>",
        b"<< /Title ( ) /Parent 11 0 R /Dest [6 0 R /Fit] >>",
    )
    pages = (shown("One."), shown("Two."), shown("Three."))
    document = read(paged(*pages, catalog=b"/Outlines 10 0 R", extra=outline))
    one, two, three = document.page_starts
    assert document.headings == (
        Heading(one, 1, "Start"), Heading(two, 2, "Inner"), Heading(three, 1, "End")
    )  # fmt: skip


@pytest.mark.parametrize(
    "outline",
    [
        b"<< /Type /Outlines /First 7 0 R >>",
        b"<< /Type /Outlines /First (nonsense) >>",
        b"<< /Type /Outlines /First << /Title (a) /A 5 >> >>",
        b"(nonsense)",
    ],
)
def test_an_outline_that_cannot_be_read_costs_only_itself(outline: bytes) -> None:
    document = read(paged(shown("Text."), catalog=b"/Outlines 6 0 R", extra=(outline,)))
    assert (document.text, document.headings) == ("Text.", ())
    told = b"/Title" in outline  # of the others pypdf makes an outline without entries
    assert document.notes == ("its outline cannot be read",) * told


def test_an_outline_entry_without_a_page_is_left_out() -> None:
    outline = (
        b"<< /Type /Outlines /First 7 0 R /Last 8 0 R /Count 2 >>",
        b"<< /Title (Nowhere) /Parent 6 0 R /Next 8 0 R /Dest [99 0 R /Fit] >>",
        b"<< /Title (Here) /Parent 6 0 R /Dest [4 0 R /Fit] >>",
    )
    document = read(paged(shown("Text."), catalog=b"/Outlines 6 0 R", extra=outline))
    assert document.headings == (Heading(0, 1, "Here"),)


def test_a_password_is_asked_for_with_a_hint() -> None:
    with pytest.raises(LoadError, match="encrypted") as caught:
        read(encrypted("user"))
    assert "qpdf --decrypt" in caught.value.hint
    assert caught.value.stage == "decode"


def test_an_empty_password_opens_a_pdf() -> None:
    assert read(encrypted("")).text == "A secret."


# Made by pypdf with AES-128 and an empty password: one page that says "A secret in AES."
AES = zlib.decompress(
    base64.b85decode(
        "c-oCqziSjh6c#LmX+*?A5Siw{#>~&1-O=+T$=#vEkeG`B2@z&@W|Ec5ZrGg*iJb@vsq{Y(ti;aBLKH!?2x#G7pte@p"
        "sFkyuOLBM??k>x|Z@%|^Z{M3~%(uJe$piz9FJC`?0t8~1$G1VV3DDy9hJk2WIn~cs0h(8<ri9cJ7C@^7Or|R$9ZRTr"
        "0L`Sjgv*dse7FM8bUw%&BqOQppQ)8mVLWxu3C$Xvs;PX-Yhiy2LSZOrrMO_qd{895s7j%m`<(iNK)zq3f4p(#yj}@|"
        "ze?w0{*?wmy+Q2iumTA{Q>rwzI=W)|o5rPy8c_*GRIZt9)vZCntM$?qMy-RFzh`z%T~42i4?oVV{M;!ozIc0dmmgc)"
        "zV+<Vg@><xwa<QkdiVX~clQ?`pf}6A6W<>7U!R+}cm4S16HiXwJbk3{8A=Tu#fak)<h~KrYv@gA<U0sCm0XIDO6nVu"
        "_MIsp>N%BZRcL_bU^5WHswiZ}FqVWeOf-un=2k0hBf^zcjB6_ui>xr3lUPRF&_rlOl@d1ajlBVzQerBUHkOD`a!e$n"
        "k;YQVm_#^Wl18!RCNSKDL8Lel9Ah5~YpucrN7Z<`_0)P!55Fb{ZmqLf?EuuylerC(Ris&nCOf?)dibMaf51Jr-i3Pt"
        "RZtuRheO&bj0G5m03TdX1OW@6g$Ee%qpVl5Lrm~7j8Ha)(SVF$jE-ZRjd-|1rF~P>bL^#ej4ux@<heg2dprMX+wb|N"
        "33U|eFvcP_BGEw-THn-!b0T#tux<Sh#h;c=mK56?4vPI#P&!q(x-lWApwZ~eb-^FJ^&U3"
    )
)


@pytest.fixture
def no_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no second reader, as without the extra."""
    monkeypatch.setitem(sys.modules, "pypdfium2", None)


@pytest.mark.skipif(
    bool(importlib.util.find_spec("cryptography") or importlib.util.find_spec("Crypto")),
    reason="AES can be read here",
)
def test_aes_without_its_package_is_told(no_second: None) -> None:
    with pytest.raises(LoadError, match="needs another package") as caught:
        read(AES)
    assert ".[formats]" in caught.value.hint
    assert "qpdf --decrypt" in caught.value.hint
    assert caught.value.stage == "decode"


def test_the_second_reader_opens_aes_with_an_empty_password() -> None:
    assert read(AES).text == "A secret in AES."


GOOD = paged(shown("One."), shown("Two."))


@pytest.mark.parametrize(
    "data",
    [
        GOOD[:9],
        GOOD[:60],
        b"%PDF-1.7\n",
        b"%PDF-1.4\n" + b"garbage \x00\xff" * 100,
        built([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"]),
        built([b"<< /Type /Catalog >>"]),
        built([b"(no catalog)"]),
        built([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]),
    ],
)
def test_a_broken_pdf_is_told(data: bytes) -> None:
    with pytest.raises(LoadError, match="the PDF is broken") as caught:
        read(data)
    assert caught.value.stage == "parse"


def test_what_is_called_pdf_and_is_none_is_told() -> None:
    with pytest.raises(LoadError, match="is no PDF"):
        load(b"plain text", suffix=".pdf")


def test_wherever_a_pdf_is_cut_it_is_read_or_refused() -> None:
    for end in range(0, len(GOOD), 7):
        try:
            document = read(GOOD[:end])
        except LoadError:
            continue
        assert len(document.page_starts) == 2


@pytest.mark.parametrize(
    "content",
    [
        stream(b"not deflated", b"/Filter /FlateDecode"),
        stream(b"x", b"/Filter /NoSuchFilter"),
        stream(b"BT /F1 12 Tf (unclosed"),
        stream(b"BT << /A ] >> Tj \xff\xfe [[[ ET"),
        b"<< /Length 99 >>",
        b"12",
    ],
)
def test_a_broken_page_costs_only_itself(content: bytes) -> None:
    document = read(paged(shown("First."), content, shown("Third.")))
    assert document.text.startswith("First.\n\n")
    assert document.text.endswith("\n\nThird.")
    assert document.pages_without_text == (2,)
    assert all(page == 2 for page, _ in document.failed_pages)


def test_a_page_that_cannot_be_read_is_named() -> None:
    document = read(paged(shown("First."), stream(b"x", b"/Filter /NoSuchFilter")))
    ((page, reason),) = document.failed_pages
    assert (page, reason.partition(":")[0]) == (2, "it cannot be read")
