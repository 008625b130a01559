"""Files in the container of old Office programs: told from each other, and what to do with them.

Newer programs put a document into it too, once it has a password.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from ragkit.errors import LoadError
from ragkit.types import Document

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENTRY = 128  # bytes of the directory
LOOKED_AT = 64  # entries of it
STREAMS = {
    "EncryptedPackage": "encrypted",
    "WordDocument": "doc",
    "PowerPoint Document": "ppt",
    "Workbook": "xls",
    "Book": "xls",
}
OLD = {
    "doc": ("an old Word document (.doc)", "save it as .docx"),
    "ppt": ("an old presentation (.ppt)", "save it as .pptx"),
    "xlsb": ("a binary workbook (.xlsb)", "save it as .xlsx"),
}


def ole_type(data: bytes) -> str:
    """Return what is in the container: "doc", "xls", "ppt", "encrypted"; "" if it is none of them.

    >>> ole_type(b"text"), ole_type(OLE)
    ('', '')
    """
    if not data.startswith(OLE) or len(data) < 512:
        return ""
    shift, first = struct.unpack_from("<H", data, 30)[0], struct.unpack_from("<l", data, 48)[0]
    size = 1 << min(shift, 16)
    start = (first + 1) * size
    if 0 < start < len(data):
        for at in range(start, min(start + LOOKED_AT * ENTRY, len(data) - ENTRY + 1), ENTRY):
            length = min(struct.unpack_from("<H", data, at + 64)[0], 64)
            name = data[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
            if name in STREAMS:
                return STREAMS[name]
    return next((kind for name, kind in STREAMS.items() if name.encode("utf-16-le") in data), "")


def refusal(kind: str) -> LoadError:
    """Return the error of a document that cannot be read as it is, with what to do."""
    if kind == "encrypted":
        return LoadError(
            "it is encrypted", stage="decode", hint="save it without a password and ingest it again"
        )
    what, remedy = OLD[kind]
    return LoadError(f"{what} cannot be read", stage="parse", hint=f"{remedy} and ingest it again")


def refused(kind: str) -> Callable[[bytes], Document]:
    """Return the loader of a type that cannot be read: it says so, and what to do."""

    def load(data: bytes) -> Document:
        if kind in ("doc", "ppt") and not data.startswith(OLE):
            raise none(OLD[kind][0])
        raise refusal(kind)

    return load


def none(what: str) -> LoadError:
    """Return the error of a file that is called what it is not."""
    return LoadError(f"it is not {what}, as its name says", stage="parse", hint="is it complete?")
