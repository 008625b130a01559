"""Hostile and broken PDFs: a clear reason, nothing executed, nothing lost, no hang.

Each is made here and read as an ingest does, in a process with limits.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.errors import LoadError
from ragkit.loading.formats import load
from ragkit.loading.limits import Limits
from ragkit.loading.workers import PdfWorkers
from ragkit.types import Document
from tests.embedders import HashingEmbedder
from tests.test_ingest import write
from tests.test_pdf import FONT, GOOD, built, encrypted, paged, shown, stream

pytestmark = pytest.mark.no_cover

PAGES = 10_000


def pages_under(tree: bytes, *more: bytes) -> bytes:
    """Return a PDF with one good page (3) below whatever tree of pages."""
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792]"
        b" /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>"
    )
    root = b"<< /Type /Catalog /Pages 2 0 R >>"
    return built([root, tree, page, shown("One page."), FONT, *more])


def deflated(data: bytes) -> bytes:
    return stream(zlib.compress(data, 1), b"/Filter /FlateDecode")


def many_pages(count: int = 500) -> bytes:
    return paged(*[shown(f"Page number {n} of many.") for n in range(count)])


def shared_page(count: int = 500) -> bytes:
    """Return a PDF whose many pages are one."""
    kids = b" ".join([b"3 0 R"] * count)
    return pages_under(b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count))


def nested(depth: int) -> bytes:
    return stream(b"BT /F1 12 Tf " + b"[" * depth + b"]" * depth + b" TJ (After it.) Tj ET")


def forms_in_forms() -> bytes:
    """Return a page that draws a form that draws itself."""
    form = stream(
        b"BT /F1 12 Tf (Again.) Tj ET /X Do",
        b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]"
        b" /Resources << /Font << /F1 3 0 R >> /XObject << /X 6 0 R >> >>",
    )
    page = stream(b"/X Do BT /F1 12 Tf 72 700 Td (The page.) Tj ET")
    return paged(page, extra=(form,)).replace(
        b"/Font << /F1 3 0 R >> >> /Contents",
        b"/Font << /F1 3 0 R >> /XObject << /X 6 0 R >> >> /Contents",
    )


def image_of(width: int, height: int) -> bytes:
    image = stream(
        zlib.compress(b"\0" * 10_000),
        b"/Type /XObject /Subtype /Image /Width %d /Height %d /BitsPerComponent 8"
        b" /ColorSpace /DeviceRGB /Filter /FlateDecode" % (width, height),
    )
    return paged(shown("Beside it."), stream(b"/X Do"), extra=(image,)).replace(
        b"/Font << /F1 3 0 R >> >> /Contents",
        b"/Font << /F1 3 0 R >> /XObject << /X 8 0 R >> >> /Contents",
    )


def objects_in_themselves() -> bytes:
    """Return a PDF with a stream of objects that is kept in itself."""
    packed = stream(b"6 0 5 0 << /a 6 0 R >>", b"/Type /ObjStm /N 2 /First 8 /Extends 6 0 R")
    return paged(shown("One page."), extra=(packed,))


def names_of(count: int) -> bytes:
    """Return an outline whose entries lead on to each other without an end."""
    entries = [
        b"<< /Title (Entry) /Parent 6 0 R /Next %d 0 R /Dest [4 0 R /Fit] >>"
        % (7 + (n + 1) % count)
        for n in range(count)
    ]
    outline = b"<< /Type /Outlines /First 7 0 R /Last 7 0 R >>"
    return paged(shown("One page."), catalog=b"/Outlines 6 0 R", extra=(outline, *entries))


def deep_outline(depth: int) -> bytes:
    entries = [
        b"<< /Title (Level) /First %d 0 R /Last %d 0 R /Dest [4 0 R /Fit] >>" % (n + 8, n + 8)
        for n in range(depth)
    ]
    outline = b"<< /Type /Outlines /First 7 0 R /Last 7 0 R >>"
    return paged(shown("One page."), catalog=b"/Outlines 6 0 R", extra=(outline, *entries))


def damaged_table() -> bytes:
    return re.sub(rb"\n(\d{10}) 00000 n", b"\n9999999999 00000 n", GOOD)


def scripted(mark: Path) -> bytes:
    """Return a PDF that would run a script and a program, open a page and send a form."""
    command = f"(touch {mark})".encode()
    actions = (
        b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> /AA << /WC << /S /Launch"
        b" /F %s /Unix << /F %s >> >> >> /Names << /JavaScript << /Names [(a) << /S /JavaScript"
        b" /JS (this.submitForm\\('http://127.0.0.1:9/'\\)) >>] >> >>" % (command, command)
    )
    return paged(shown("Text beside actions."), catalog=actions)


LOOP = b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>"
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    # name -> how it is made, and the beginning of its text, or of why it is refused
    "zero size": (lambda: b"", "it is called .pdf but is no PDF"),
    "its first bytes only": (lambda: GOOD[:20], "the PDF is broken"),
    "the first half": (lambda: GOOD[: len(GOOD) // 2], "the PDF is broken"),
    "without its end": (lambda: GOOD[: GOOD.rindex(b"startxref")], "One."),
    "an image that was renamed": (lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "it is called .pdf"),
    "zeros behind a header": (lambda: b"%PDF-1.7\n" + b"\0" * 100_000, "the PDF is broken"),
    "noise behind a header": (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 400, "the PDF is broken"),
    "a password": (lambda: encrypted("secret"), "the PDF is encrypted"),
    "no pages": (
        lambda: built([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 0 >>"]),
        "the PDF is broken",
    ),
    "pages that are their own parents": (lambda: pages_under(LOOP), "One page."),
    "a count that lies": (
        lambda: pages_under(b"<< /Type /Pages /Kids [3 0 R] /Count 2000000000 >>"), "One page."
    ),
    "many pages": (many_pages, "Page number 0 of many."),
    "many times one page": (shared_page, "One page."),
    "cross references that lead nowhere": (damaged_table, "One."),
    "cross references without an end": (
        lambda: GOOD.replace(b"trailer <<", b"trailer << /Prev %d" % GOOD.index(b"xref")), "One."
    ),
    "arrays in arrays": (lambda: paged(nested(100_000), shown("Second.")), ""),
    "dictionaries in dictionaries": (
        lambda: pages_under(b"<< /Type /Pages /Kids [3 0 R] /Count 1 /X %s%s >>"
                            % (b"<< /X " * 50_000, b">>" * 50_000)), ""
    ),
    "a form that draws itself": (forms_in_forms, ""),
    "objects kept in themselves": (objects_in_themselves, "One page."),
    "an object that is itself": (lambda: paged(b"5 0 R", shown("Second.")), ""),
    "a stream whose length is the stream": (
        lambda: paged(shown("One page.").replace(b"/Length 45", b"/Length 5 0 R")), ""
    ),
    "an outline without an end": (lambda: names_of(3), "One page."),
    "an outline 5,000 levels deep": (lambda: deep_outline(5_000), "One page."),
    "a stream that becomes 90 MB": (
        lambda: paged(deflated(b" " * 90_000_000), shown("Second.")), ""
    ),
    "a stream deflated three times": (
        lambda: paged(stream(zlib.compress(zlib.compress(zlib.compress(b" " * 90_000_000))),
                             b"/Filter [/FlateDecode /FlateDecode /FlateDecode]"),
                      shown("Second.")), ""
    ),
    "an image of 60,000 by 60,000": (lambda: image_of(60_000, 60_000), "Beside it."),
    "signs that map to hundreds": (
        lambda: paged(stream(b"BT /F1 12 Tf (" + b"A" * 10_000 + b") Tj ET"),
                      extra=(stream(b"begincmap 1 beginbfchar <41> <%s> endbfchar endcmap"
                                    % (b"0041" * 100)),),
                      ).replace(b"/BaseFont", b"/ToUnicode 6 0 R /BaseFont"), ""
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def workers() -> Iterator[PdfWorkers]:
    with PdfWorkers(Limits(page_s=20.0, memory_mb=700, processes=1)) as made:
        yield made


@pytest.mark.parametrize("name", HOSTILE)
def test_each_ends_as_read_partly_read_or_refused(name: str, workers: PdfWorkers) -> None:
    make, begins = HOSTILE[name]
    data = make()
    document, told = Document("", "pdf"), ""
    try:
        document = load(data, suffix=".pdf", instead={"pdf": workers.read})
    except LoadError as error:
        told = error.message
    assert (document.text or told).startswith(begins)
    assert told.startswith(("the PDF", "it is called .pdf")) or not told
    assert all(reason for _, reason in document.failed_pages)
    assert told or document.page_starts
    if b"(Second.)" in data:
        assert document.text.endswith("Second.")


@pytest.mark.soak
@pytest.mark.parametrize("make", [many_pages, shared_page])
def test_ten_thousand_pages_are_all_there(
    make: Callable[[int], bytes], workers: PdfWorkers
) -> None:
    document = workers.read(make(PAGES))
    assert len(document.page_starts) == PAGES
    assert not document.pages_without_text
    assert not document.failed_pages


def test_nothing_is_executed(tmp_path: Path, workers: PdfWorkers) -> None:
    mark = tmp_path / "was-here"
    document = workers.read(scripted(mark))
    assert document.text == "Text beside actions."
    assert "alert" not in document.text
    workers.pictures(scripted(mark), [1])
    assert not mark.exists()


def test_a_folder_of_them_ends_and_each_is_told(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", good="A bridge.")
    quick = ("zero size", "the first half", "a password", "no pages", "an outline without an end")
    for name in quick:
        (docs / f"{name}.pdf").write_bytes(HOSTILE[name][0]())
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        report = rag.ingest(docs)
        failed = {failure.path for failure in report.failed}
        listed = {one.path: one.state for one in rag.ls()}
    assert failed == {f"docs/{name}.pdf" for name in quick[:4]}
    assert listed["docs/an outline without an end.pdf"] == "indexed"
