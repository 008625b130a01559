"""ZIP files that are documents (docx, xlsx, pptx, odt, epub): told from each other, read in bounds.

What is asked of a stranger's file is decided here and nowhere else: how many members, how much they
unpack to, and that their XML declares nothing (``xmltree``). Nothing is ever written to disk.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from typing import IO
from xml.etree.ElementTree import Element

from ragkit.errors import LoadError
from ragkit.loading.members import FREE, MOST_RATIO
from ragkit.loading.ole import OLE, none, refusal
from ragkit.loading.xmltree import parsed, refuse_declarations

ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # a member, or the end of an empty one
MOST_MEMBERS = 20_000
MOST_DIRECTORY = 4_000_000  # bytes: the list of that many members, with long names
MOST_UNPACKED = 1_000_000_000  # bytes, of all members
MOST_PART = 300_000_000  # bytes of a member that is read whole
MOST_TIMES = 10  # so often may all of it be read: a few bytes can name one part again and again
BROKEN_ZIP = (  # what ``zipfile`` raises on broken files
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OSError,
    ValueError, OverflowError, RuntimeError, LookupError,
)  # fmt: skip
BROKEN = (*BROKEN_ZIP, MemoryError)
END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q")
LOCAL_NAME = re.compile(rb"PK\x03\x04.{22}(..).{2}", re.S)
MIMETYPES = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.spreadsheet-template": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.presentation-template": "odp",
}
MAIN_PARTS = (
    ("word/document", "docx"), ("xl/workbook.bin", "xlsb"), ("xl/workbook", "xlsx"),
    ("ppt/presentation", "pptx"), ("meta-inf/container.xml", "epub"),
)  # fmt: skip
FOLDERS = (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx"))


def packed_type(data: bytes) -> str:
    r"""Return what a file is by the members it packs, whatever it is called; nothing is unpacked.

    One of "docx", "xlsx", "xlsb", "pptx", "odt", "ods", "odp", "epub", "zip" (any other ZIP, also
    one with too many members to look at), "" (no ZIP). A beginning of a file is enough for most.

    >>> packed_type(b"PK and other words"), packed_type(b"PK\x03\x04...")
    ('', 'zip')
    """
    if not data.startswith(ZIP):
        return ""
    try:
        if not 0 < _directory_bytes(data) <= MOST_DIRECTORY:
            return _type_by_beginning(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [_plain(info.filename) for info in archive.infolist()[:MOST_MEMBERS]]
            if "mimetype" in names:
                with archive.open(archive.infolist()[names.index("mimetype")]) as member:
                    found = MIMETYPES.get(member.read(100).decode("ascii", "replace").strip(), "")
                if found:
                    return found
    except BROKEN:
        return _type_by_beginning(data)
    return _type_by_names(names)


def _plain(name: str) -> str:
    """Return a member's name as it is compared: some writers part folders by backslashes."""
    return name.replace("\\", "/").lstrip("/").lower()


def _type_by_names(names: Iterable[str]) -> str:
    names = list(names)
    for start, kind in MAIN_PARTS:
        if any(name.startswith(start) for name in names):
            return kind
    return "zip"


def _type_by_beginning(data: bytes) -> str:
    """Tell a file that is cut off, or not there whole, by the members at its beginning."""
    beginning = data[:65_536]
    names = []
    for header in LOCAL_NAME.finditer(beginning):
        (length,) = struct.unpack("<H", header[1])
        name = beginning[header.end() : header.end() + length].decode("utf-8", "replace")
        if name == "mimetype":
            content = beginning[header.end() + length :][:100]
            for mimetype in sorted(MIMETYPES, key=len, reverse=True):
                if content.startswith(mimetype.encode()):
                    return MIMETYPES[mimetype]
        names.append(_plain(name))
    found = _type_by_names(names)
    if found == "zip" and "[content_types].xml" in names:
        return next(
            (kind for folder, kind in FOLDERS for n in names if n.startswith(folder)), "zip"
        )
    return found


def _directory_bytes(data: bytes) -> int:
    """Return the size of the list of members as a ZIP's end states it, 0 if it has no end.

    It is asked for before ``zipfile`` reads the whole list, a million members if there are as many.
    """
    at = data.rfind(b"PK\x05\x06", max(len(data) - 65_557, 0))
    if at < 0 or at + END.size > len(data):
        return 0
    size = int(END.unpack_from(data, at)[5])
    if size == 0xFFFFFFFF:
        at = data.rfind(b"PK\x06\x06", max(at - 4_096, 0), at)
        size = int(END_64.unpack_from(data, at)[8]) if at >= 0 else size
    return size


class Packed:
    """The members of a ZIP that is a document."""

    def __init__(self, data: bytes, what: str) -> None:
        """Open ``data``.

        Args:
            data: the file.
            what: what it should be, as the user calls it: "a Word document".

        Raises:
            LoadError: it is cut off, damaged, or asks for more than a document may.
        """
        if data.startswith(OLE):  # what a document with a password is put into
            raise refusal("encrypted")
        if not data.startswith(ZIP):
            raise none(what)
        size = _directory_bytes(data)
        if not size:
            raise LoadError(
                f"it is {what} that is cut off or damaged: it has no list of its parts",
                stage="parse",
                hint="is it complete?",
            )
        if size > MOST_DIRECTORY:
            raise LoadError(f"it has too many parts for {what}", stage="parse")
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except BROKEN as error:
            raise damaged(what, error) from error
        members = self._archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if len(members) > MOST_MEMBERS:
            raise LoadError(f"it has {len(members):,} parts, too many for {what}", stage="parse")
        if unpacked > MOST_UNPACKED or unpacked > max(FREE, MOST_RATIO * len(data)):
            raise LoadError(
                f"it would unpack to {unpacked / 1e6:,.0f} MB from {len(data) / 1e6:.1f} MB,"
                f" too much for {what}",
                stage="parse",
                hint="if you trust it, save it in parts",
            )
        self.what = what
        self._left = MOST_TIMES * max(unpacked, FREE)  # bytes that may still be read
        self._members = {_plain(member.filename): member for member in members}

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._members

    def names(self, start: str = "") -> list[str]:
        """Return the names of members that begin so, as they are compared: in lower case."""
        return [name for name in self._members if name.startswith(start)]

    def open(self, name: str) -> IO[bytes]:
        """Return a member, to be read piece by piece.

        Raises:
            LoadError: it is missing, encrypted or damaged, or was read far too often.
        """
        member = self._members.get(_plain(name))
        if member is None:
            raise LoadError(f"{self.what} that lacks a part: {name}", stage="parse")
        if member.flag_bits & 1:
            raise LoadError("it is encrypted", stage="decode", hint="save it without a password")
        self._left -= member.file_size
        if self._left < 0:
            raise LoadError(
                f"it names its parts again and again, more than {self.what} may", stage="parse"
            )
        try:
            return self._archive.open(member)
        except BROKEN as error:
            raise damaged(self.what, error) from error

    def read(self, name: str, most: int = MOST_PART) -> bytes:
        """Return a member's bytes.

        Raises:
            LoadError: it is missing, encrypted, damaged or larger than ``most``.
        """
        with self.open(name) as member:
            try:
                data = member.read(most + 1)
            except BROKEN as error:
                raise damaged(self.what, error) from error
        if len(data) > most:
            raise LoadError(
                f"its part {name} has more than {most / 1e6:.0f} MB, too much for {self.what}",
                stage="parse",
            )
        return data

    def xml(self, name: str) -> Element:
        """Return a member's XML.

        Raises:
            LoadError: as ``read``, or it is no XML, or declares entities.
        """
        return parsed(self.read(name), name)

    def xml_or_none(self, name: str) -> Element | None:
        """Return a member's XML, None if there is no such member."""
        return self.xml(name) if name in self else None

    def stream(self, name: str) -> IO[bytes]:
        """Return a member to be parsed as a stream, once its beginning is known to be harmless.

        Raises:
            LoadError: as ``xml``.
        """
        with self.open(name) as member:
            refuse_declarations(member, name)
        return self.open(name)


def damaged(what: str, error: BaseException) -> LoadError:
    """Return the error of a file that breaks off or contradicts itself."""
    told = f"{error}" or type(error).__name__
    return LoadError(f"{what} that is damaged: {told}", stage="parse", hint="is it complete?")
