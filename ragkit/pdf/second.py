"""A PDF through pypdfium2, an extra: what pypdf cannot read, and pages as images."""

from __future__ import annotations

import base64
import struct
import zlib
from contextlib import suppress

from ragkit.text.surrogates import encodable

MOST_PIXELS = 4_000_000  # of a page's image: what a vision model looks at is smaller anyway
SCALE = 150 / 72  # 150 dots an inch


def is_at_hand() -> bool:
    """Say whether the extra is installed."""
    try:
        import pypdfium2  # noqa: F401
    except ImportError:
        return False
    return True


class Second:
    """A PDF that pdfium can open.

    Raises:
        ValueError: it cannot; the message says why.
    """

    def __init__(self, data: bytes) -> None:
        import pypdfium2

        try:
            self._document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise ValueError(str(error)) from error
        self._error = pypdfium2.PdfiumError
        self.pages = len(self._document)

    @property
    def has_pages(self) -> bool:
        """Say whether there is a page among the first that can be loaded."""
        for number in range(min(self.pages, 10)):
            with suppress(self._error):
                return bool(self._document[number])
        return False

    def text(self, number: int) -> str:
        """Return the text of a page, from 1; "" if there is none or it cannot be read."""
        try:
            page = self._document[number - 1]
            text = page.get_textpage().get_text_bounded()
        except self._error:
            return ""
        text = text.replace("\r\n", "\n").replace("\ufffe", "-\n").replace("\x02", "-\n")
        return encodable("\n".join(line.rstrip() for line in text.split("\n")))

    def picture(self, number: int) -> str:
        """Return a page as a PNG in base64.

        Raises:
            ValueError: it cannot be drawn.
        """
        try:
            page = self._document[number - 1]
            width, height = page.get_size()
            scale = min(SCALE, (MOST_PIXELS / max(width * height, 1)) ** 0.5)
            bitmap = page.render(scale=scale, grayscale=True)
        except self._error as error:
            raise ValueError(str(error)) from error
        rows = memoryview(bitmap.buffer)
        gray = [rows[y * bitmap.stride :][: bitmap.width] for y in range(bitmap.height)]
        return base64.b64encode(png(gray, bitmap.width)).decode()


def png(rows: list[memoryview], width: int) -> bytes:
    """Return rows of gray pixels as a PNG."""
    body = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 6)
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
