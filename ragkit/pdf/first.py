"""A PDF through pypdf, page by page."""

from __future__ import annotations

import io
import logging
import re
import struct
import zlib
from collections.abc import Callable
from functools import cached_property
from itertools import islice
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
FEW = 20  # names of attachments that are told
# Encodings of many bytes that pypdf knows, or takes for what they are, UTF-16, without knowing.
KNOWN = re.compile(
    r"/(?:Uni(?:GB|CNS|JIS|KS)\w*-(?:UCS2|UTF16)|GB(?:pc|K)?-EUC|GBK2K|ETen(?:ms)?-B5|90ms-RKSJ)"
    r"-(?:HW-)?[HV]"
)


class UnreadableError(Exception):
    """What pypdf cannot read; the message says why."""


class _Complaints(logging.Handler):
    """Counts what pypdf leaves out of a page with no more than a line in its log."""

    drawings = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.drawings += "XFormObject" in str(record.msg)


COMPLAINTS = _Complaints()


def _hear() -> None:
    """Take pypdf's log for ourselves: what matters of it is in the notes."""
    log = logging.getLogger("pypdf")
    log.setLevel(logging.WARNING)
    log.propagate = False
    log.addHandler(COMPLAINTS)  # once, however often it is called


class First:
    """A PDF that pypdf can open.

    Raises:
        LoadError: it has a password.
        UnreadableError: it cannot.
    """

    def __init__(self, data: bytes) -> None:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, PyPdfError

        _hear()
        self._clean: set[int] = set()  # resources without fonts that nobody knows
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

    def text(self, number: int) -> tuple[str, str]:
        """Return the text of a page, from 1, and what of it is missing.

        Raises:
            UnreadableError: it cannot be read.
        """
        before = COMPLAINTS.drawings
        try:
            text = encodable(self._pages[number - 1].extract_text())
        except self._broken as error:
            raise UnreadableError(told(error)) from error
        return text, "a drawing on it cannot be read" * (COMPLAINTS.drawings > before)

    def is_guess(self, number: int) -> bool:
        """Say whether text of a page is in a font of which pypdf does not know what its codes mean.

        It takes them for UTF-16 then: Shift JIS comes out as other characters, none of them odd.
        """
        page, shown = self._pages[number - 1], []
        try:
            if not _has_unknown_font(page, self._clean):
                return False

            def see(text: str, _matrix: object, _of_text: object, font: Any, _size: object) -> None:  # noqa: ANN401
                shown.append(bool(text.strip()) and _is_unknown(font))

            page.extract_text(visitor_text=see)
        except self._broken:
            return False
        return any(shown)

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
        attached = tried("attachments", lambda: [*islice(self._reader.attachments, FEW)], [])
        notes = list(unread)
        if attached:
            names = ", ".join(map(line, attached))
            notes.append(f"what is attached to it is not read: {names}")
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


def _has_unknown_font(page: Any, clean: set[int]) -> bool:  # noqa: ANN401
    """Say whether a page, or a drawing on it, has a font whose codes pypdf does not know.

    What has none is kept in ``clean``: pages share what they draw, and drawings what is in them.
    """
    waiting, seen = [page], set()
    while waiting:
        resources = _plain(waiting.pop().get("/Resources"))
        if not resources or id(resources) in clean or id(resources) in seen:
            continue
        if any(map(_is_unknown, (_plain(resources.get("/Font")) or {}).values())):
            return True
        seen.add(id(resources))
        drawings = map(_plain, (_plain(resources.get("/XObject")) or {}).values())
        waiting += [one for one in drawings if _plain(one.get("/Subtype")) == "/Form"]
    clean |= seen
    return False


def _is_unknown(font: Any) -> bool:  # noqa: ANN401
    font = _plain(font)
    if not font or _plain(font.get("/Subtype")) != "/Type0" or "/ToUnicode" in font:
        return False
    return not KNOWN.fullmatch(str(_plain(font.get("/Encoding"))))


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a PDF has there
    return value.get_object() if hasattr(value, "get_object") else value


def told(error: BaseException) -> str:
    """Return what an error says, or what it is called."""
    return " ".join(f"{error}".split())[:300] or type(error).__name__
