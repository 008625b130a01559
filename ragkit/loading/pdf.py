"""The text of a PDF, page by page. The only importer of pypdf."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from typing import TYPE_CHECKING, Any

from ragkit.errors import LoadError
from ragkit.text.surrogates import encodable
from ragkit.types import Document, Heading

if TYPE_CHECKING:
    from pypdf import PdfReader

BETWEEN = "\n\n"  # pages
# What pypdf raises on broken files beside errors of its own.
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError,
    NotImplementedError, OSError, RecursionError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
NO_TITLES = ("untitled", "microsoft word -", "microsoft powerpoint -")


def is_pdf(data: bytes) -> bool:
    """Say whether a file is a PDF, whatever it is called."""
    return b"%PDF-" in data[:1024]


def pdf(data: bytes) -> Document:
    """Return a PDF's text; pages without any are counted, pages that fail are named.

    Raises:
        LoadError: it is none, encrypted or broken.
    """
    from pypdf.errors import DependencyError

    if not is_pdf(data):
        raise LoadError("it is called .pdf but is no PDF", stage="parse", hint="is it complete?")

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what matters is in the notes
    try:
        return _read(data)
    except DependencyError as error:  # raised by whatever is first deciphered, often a page
        raise LoadError(
            f"the PDF is encrypted in a way that needs another package: {error}",
            stage="decode",
            hint="remove its encryption (qpdf --decrypt) and ingest it again",
        ) from error


def _read(data: bytes) -> Document:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise LoadError(
                "the PDF is encrypted",
                stage="decode",
                hint="remove its password (qpdf --decrypt) and ingest it again",
            )
        count = len(reader.pages)
    except (PyPdfError, *BROKEN) as error:
        raise LoadError(f"the PDF is broken: {_told(error)}", stage="parse") from error
    if not count:
        raise LoadError("the PDF is broken: it has no pages", stage="parse")

    texts, failed = [], []
    for number in range(count):
        try:
            texts.append(encodable(reader.pages[number].extract_text()))
        except (PyPdfError, *BROKEN) as error:
            texts.append("")
            failed.append((number + 1, f"it cannot be read: {_told(error)}"))
    starts = [0]
    for text in texts[:-1]:
        starts.append(starts[-1] + len(text) + len(BETWEEN))
    return Document(
        text=BETWEEN.join(texts),
        type="pdf",
        title=_title(reader),
        headings=tuple(_outline(reader, starts)),
        page_starts=tuple(starts),
        pages_without_text=tuple(n for n, text in enumerate(texts, 1) if not text.strip()),
        failed_pages=tuple(failed),
    )


def _told(error: BaseException) -> str:
    return f"{error}" or type(error).__name__


def _title(reader: PdfReader) -> str:
    from pypdf.errors import PyPdfError

    try:
        title = _line(reader.metadata and reader.metadata.title)
    except (PyPdfError, *BROKEN):
        return ""
    return "" if title.lower().startswith(NO_TITLES) else title


def _line(title: object) -> str:
    """Return a title in one line, "" if it is no text."""
    return " ".join(encodable(title).split()) if isinstance(title, str) else ""


def _outline(reader: PdfReader, starts: list[int]) -> list[Heading]:
    """Return the outline's entries as headings at the beginning of their pages, in order."""
    from pypdf.errors import PyPdfError

    found: list[Heading] = []

    def add(entries: list[Any], level: int) -> None:
        for entry in entries:
            if isinstance(entry, list):
                add(entry, level + 1)
                continue
            page = reader.get_destination_page_number(entry)
            title = _line(entry.title)
            if page is not None and 0 <= page < len(starts) and title:
                found.append(Heading(starts[page], level, title))

    try:
        add(reader.outline, 1)
    except (PyPdfError, *BROKEN):
        return []  # an outline is a help, not a part of the text
    return sorted(found, key=lambda heading: heading.start)
