"""A PDF through pypdf, page by page."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ragkit.errors import LoadError
from ragkit.pdf.found import Entry, Facts
from ragkit.pdf.notes_in import notes_in
from ragkit.pdf.properties import fields_of, has_xfa, labels_of, line, title_of
from ragkit.text.surrogates import encodable

# What pypdf raises on broken files beside errors of its own.
BROKEN: tuple[type[Exception], ...] = (
    ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError,
    NotImplementedError, OSError, RecursionError, TypeError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip
MOST_ENTRIES = 20_000  # of an outline


class UnreadableError(Exception):
    """What pypdf cannot read; the message says why."""


class First:
    """A PDF that pypdf can open.

    Raises:
        LoadError: it has a password.
        UnreadableError: it cannot.
    """

    def __init__(self, data: bytes) -> None:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, PyPdfError

        logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what matters is in the notes
        self._broken: tuple[type[Exception], ...] = (PyPdfError, DependencyError, *BROKEN)
        try:
            self._reader = PdfReader(io.BytesIO(data))
            is_open = not self._reader.is_encrypted or self._reader.decrypt("")
            self.pages = len(self._reader.pages) if is_open else 0
        except self._broken as error:
            raise UnreadableError(told(error)) from error
        if not is_open:
            raise LoadError(
                "the PDF is encrypted",
                stage="decode",
                hint="remove its password (qpdf --decrypt) and ingest it again",
            )

    @cached_property
    def _pages(self) -> list[Any]:
        return list(self._reader.pages)

    def text(self, number: int) -> str:
        """Return the text of a page, from 1.

        Raises:
            UnreadableError: it cannot be read.
        """
        try:
            return encodable(self._pages[number - 1].extract_text())
        except self._broken as error:
            raise UnreadableError(told(error)) from error

    def notes(self, number: int) -> tuple[str, str]:
        """Return what the form fields and annotations of a page say, a line each, and what not.

        Raises:
            UnreadableError: they cannot be read.
        """
        try:
            said, missing = notes_in(self._pages[number - 1])
        except self._broken as error:
            raise UnreadableError(told(error)) from error
        return encodable(said), missing

    def picture(self, number: int) -> bytes:
        """Return the largest image of a page as a file's bytes, b"" if it has none.

        Raises:
            UnreadableError: it cannot be read.
        """
        try:
            images = list(self._pages[number - 1].images)
            return max((image.data for image in images), key=len, default=b"")
        except self._broken as error:
            raise UnreadableError(told(error)) from error

    def facts(self) -> Facts:
        """Return what the PDF says of itself; what of that cannot be read is left out."""
        unread: dict[str, None] = {}

        def tried(what: str, read: Callable[[], Any], default: Any) -> Any:  # noqa: ANN401
            try:
                return read()
            except self._broken:
                unread[f"its {what} cannot be read"] = None
                return default

        title: str = tried("properties", lambda: title_of(self._reader.metadata), "")
        fields = tried("properties", lambda: fields_of(self._reader), ())
        labels = tried("page labels", lambda: labels_of(self._reader, self.pages), ())
        outline = tried("outline", self._outline, ())
        notes = list(unread)
        if len(outline) > MOST_ENTRIES:
            outline = outline[:MOST_ENTRIES]
            notes.append(f"its outline has more than {MOST_ENTRIES:,} entries: no more are read")
        if tried("form", lambda: has_xfa(self._reader), default=False):
            notes.append("it has a form (XFA) whose own text is not read")
        return Facts(title, (*fields, *labels), outline, tuple(notes))

    def _outline(self) -> tuple[Entry, ...]:
        found: list[Entry] = []

        def add(entries: list[Any], level: int) -> None:
            for entry in entries:
                if len(found) > MOST_ENTRIES:
                    return
                if isinstance(entry, list):
                    add(entry, level + 1)
                    continue
                page = self._reader.get_destination_page_number(entry)
                title = line(entry.title)
                if page is not None and 0 <= page < self.pages and title:
                    found.append(Entry(title, level, page + 1))

        add(self._reader.outline, 1)
        return tuple(found)


def told(error: BaseException) -> str:
    """Return what an error says, or what it is called."""
    return " ".join(f"{error}".split())[:300] or type(error).__name__
