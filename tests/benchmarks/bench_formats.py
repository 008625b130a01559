"""What each format's loader recovers of text known beforehand, and how fast; beside bare libraries.

    pip install striprtf odfpy
    python -m tests.benchmarks.bench_formats             # or: ... bench_formats docx rtf

Each file is made here, of numbered words in every place that the format has for text: recovered is
the share of them that the loader's text holds. To measure a format: a row of ``FORMATS``.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count

from ragkit.loading.formats import load
from tests import test_epub, test_opendocument
from tests.office import docx, p, r

LONG_S = 1.0  # of CPU that each is run for
WORD = re.compile(r"w\d{7}")
OUTSIDE = re.compile(r"x\d{7}")  # navigation and the like, which is better left out
SIZE = 300  # paragraphs, rows, slides, chapters of a file


class Words:
    """Numbered words, each given once."""

    def __init__(self) -> None:
        self._numbers = count()

    def __call__(self, many: int = 12) -> str:
        return " ".join(f"w{next(self._numbers):07}" for _ in range(many))


@dataclass(frozen=True, slots=True)
class Row:
    """A format, what makes a file of it, and bare libraries that read it."""

    suffix: str
    make: Callable[[Words], bytes]
    others: Mapping[str, Callable[[bytes], str]] = field(default_factory=dict)


def word_document(words: Words) -> bytes:
    """Return headings, paragraphs, lists, a table, notes, comments, boxes, headers, insertions."""
    body, notes, comments = [], "", ""
    for n in range(1, SIZE + 1):
        marks = f'<w:r><w:footnoteReference w:id="{n}"/><w:commentReference w:id="{n}"/></w:r>'
        notes += f'<w:footnote w:id="{n}">{p(words(4))}</w:footnote>'
        comments += f'<w:comment w:id="{n}" w:author="A">{p(words(4))}</w:comment>'
        box = f"<w:txbxContent>{p(words(4))}</w:txbxContent>"
        row = "".join(f"<w:tc>{p(words(3))}</w:tc>" for _ in range(4))
        body.append(
            p(words(4), "H1") + f"<w:p>{r(words())}{marks}</w:p>"
            f"<w:p><w:ins>{r(words(4))}</w:ins><w:r><w:pict><v:shape><v:textbox>{box}</v:textbox>"
            f"</v:shape></w:pict></w:r></w:p><w:tbl><w:tr>{row}</w:tr></w:tbl>"
            f"<w:sdt><w:sdtContent>{p(words(4))}</w:sdtContent></w:sdt>"
        )
    style = '<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    parts = {"footnotes": notes, "comments": comments, "styles": style, "header1": p(words(4))}
    return docx("".join(body), parts)


def workbook(words: Words) -> bytes:
    """Return rows of text and numbers, with comments."""
    import openpyxl
    from openpyxl.comments import Comment

    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Name", "Kind", "Price", "Note"])
    for n in range(SIZE * 10):
        sheet.append([words(2), words(1), n * 1.5, words(2)])
        if n % 10 == 0:
            sheet.cell(n + 2, 1).comment = Comment(words(2), "A")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def old_workbook(words: Words) -> bytes:
    """Return rows of text and numbers as programs of before 2007 wrote them."""
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("Sheet")
    for n in range(SIZE * 10):
        for column, cell in enumerate((words(2), words(1), n * 1.5, words(2))):
            sheet.write(n, column, cell)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def presentation(words: Words) -> bytes:
    """Return slides with a title, points, a table, a box in a group, and notes."""
    import pptx
    from pptx.util import Inches

    slides = pptx.Presentation()
    box = (Inches(1), Inches(1), Inches(4), Inches(1))
    for _ in range(SIZE // 3):
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        if slide.shapes.title is not None:
            slide.shapes.title.text = words(4)
        slide.placeholders[1].text = f"{words(6)}\n{words(6)}"
        table = slide.shapes.add_table(1, 2, *box).table
        table.cell(0, 0).text, table.cell(0, 1).text = words(2), words(2)
        group = slide.shapes.add_group_shape()
        group.shapes.add_textbox(*box).text_frame.text = words(4)
        if slide.notes_slide.notes_text_frame is not None:
            slide.notes_slide.notes_text_frame.text = words(6)
    out = io.BytesIO()
    slides.save(out)
    return out.getvalue()


def open_text(words: Words) -> bytes:
    """Return headings, paragraphs, notes, comments, lists and tables of OpenDocument."""
    one = test_opendocument.p
    body = ""
    for _ in range(SIZE):
        note = "<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        note += f"{one(words(4))}</text:note-body></text:note>"
        note += f"<office:annotation>{one(words(4))}</office:annotation>"
        body += f"<text:h>{words(4)}</text:h>{one(words() + note)}"
        body += f"<text:list><text:list-item>{one(words(4))}</text:list-item></text:list>"
        cells = "".join(f"<table:table-cell>{one(words(3))}</table:table-cell>" for _ in range(4))
        body += f"<table:table><table:table-row>{cells}</table:table-row></table:table>"
    name = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    manifest = f'<m:manifest xmlns:m="{name}"><m:file-entry m:full-path="/" m:media-type='
    manifest += '"application/vnd.oasis.opendocument.text"/><m:file-entry m:full-path="content.xml"'
    manifest += ' m:media-type="text/xml"/></m:manifest>'
    return test_opendocument.made("odt", body, more={"META-INF/manifest.xml": manifest})


def rich_text(words: Words) -> bytes:
    """Return headings, paragraphs, notes and table rows of Rich Text."""
    body = r"{\rtf1\ansi{\stylesheet{\s1 heading 1;}}{\header " + words(4) + "}"
    for _ in range(SIZE):
        body += (
            rf"\pard\s1 {words(4)}\par\pard {words()}{{\footnote {words(4)}}}{{\b {words(4)}}}\par"
        )
        body += rf"\trowd\intbl {words(3)}\cell {words(3)}\cell\row{{\pict\pngblip 89504e47}}"
    return (body + "}").encode()


def book(words: Words) -> bytes:
    """Return chapters with headings and paragraphs."""
    chapters = {
        f"c{n}": test_epub.page(f"<h1>{words(4)}</h1>" + f"<p>{words(24)}</p>") for n in range(SIZE)
    }
    return test_epub.book(chapters)


def web_page(words: Words) -> bytes:
    """Return a page's content, and what stands around it as words that begin with an x."""
    around = (words(4).replace("w", "x") for _ in iter(int, 1))
    inner = "".join(
        f"<h2>{words(4)}</h2><p>{words()} <a href='x'>{words(2)}</a></p><ul><li>{words(4)}</ul>"
        f"<table><tr><th>{words(2)}<th>{words(2)}<tr><td><p>{words(2)}</p><td>{words(2)}</table>"
        for _ in range(SIZE)
    )
    menu = "".join(f"<li>{next(around)}" for _ in range(SIZE // 3))
    page = f"<div class='cookie-notice'>{next(around)}</div><header>{next(around)}</header>"
    page += f"<nav><ul>{menu}</ul></nav><main>{inner}</main><footer>{next(around)}</footer>"
    return page.encode()


def by_python_docx(data: bytes) -> str:
    import docx as library

    document = library.Document(io.BytesIO(data))
    rows = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return "\n".join([*(one.text for one in document.paragraphs), *rows])


def by_openpyxl(data: bytes) -> str:
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    rows = (row for sheet in book.worksheets for row in sheet.iter_rows(values_only=True))
    return "\n".join(" | ".join(str(cell) for cell in row if cell is not None) for row in rows)


def by_python_pptx(data: bytes) -> str:
    import pptx

    shapes = (one for slide in pptx.Presentation(io.BytesIO(data)).slides for one in slide.shapes)
    return "\n".join(str(getattr(one, "text_frame").text) for one in shapes if one.has_text_frame)  # noqa: B009


def by_striprtf(data: bytes) -> str:
    from striprtf.striprtf import rtf_to_text

    return str(rtf_to_text(data.decode("latin-1")))


def by_odfpy(data: bytes) -> str:
    from odf import teletype, text
    from odf.opendocument import load as load_text

    document = load_text(io.BytesIO(data))
    elements = (text.H, text.P)
    return "\n".join(
        teletype.extractText(one) for kind in elements for one in document.getElementsByType(kind)
    )


FORMATS = (
    Row(".docx", word_document, {"docx": by_python_docx}),
    Row(".xlsx", workbook, {"openpyxl": by_openpyxl}),
    Row(".xls", old_workbook),
    Row(".pptx", presentation, {"pptx": by_python_pptx}),
    Row(".odt", open_text, {"odf": by_odfpy}),
    Row(".rtf", rich_text, {"striprtf": by_striprtf}),
    Row(".epub", book),
    Row(".html", web_page),
)


def measured(read: Callable[[bytes], str], data: bytes) -> tuple[str, float]:
    """Return what is read, and the CPU seconds of one reading."""
    text = read(data)
    began, times = time.process_time(), 0
    while time.process_time() - began < LONG_S:
        read(data)
        times += 1
    return text, (time.process_time() - began) / times


def lines(row: Row) -> Iterator[str]:
    """Yield a line of the table for our loader and each library that is installed."""
    words = Words()
    data = row.make(words)
    known = {f"w{n:07}" for n in range(int(words(1)[1:]))}
    known -= {word.replace("x", "w") for word in OUTSIDE.findall(data.decode("latin-1"))}
    readers = {"ragkit": lambda given: load(given, suffix=row.suffix).text}
    readers |= {name: read for name, read in row.others.items() if find_spec(name)}
    for name, read in readers.items():
        text, seconds = measured(read, data)
        share = len(known & {*WORD.findall(text)}) / len(known)
        all_around = len(OUTSIDE.findall(data.decode("latin-1")))
        outside = f"{len(OUTSIDE.findall(text))} of {all_around}" if row.suffix == ".html" else ""
        yield (
            f"| {row.suffix[1:]} | {name} | {share:.3f} | {outside} "
            f"| {1 / seconds:.1f} | {len(data) / 1e6 / seconds:.2f} "
            f"| {len(text) / 1e6 / seconds:.2f} |"
        )


def main() -> None:
    """Print the table of all formats, or of those that are named."""
    print("| format | reader | recovered | around it | files/s | MB/s | million characters/s |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for row in FORMATS:
        if len(sys.argv) < 2 or row.suffix[1:] in sys.argv[1:]:
            for line in lines(row):
                print(line, flush=True)


if __name__ == "__main__":
    main()
