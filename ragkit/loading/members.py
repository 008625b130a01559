"""Files that hold files, each to be read as a document of its own: archives, mails.

To add a kind: a row of ``holders.HOLDERS``, and a function that yields its members, in memory, one
after the other. Nothing is ever written to disk; what a stranger's file may cost is bounded here,
for it and all that is nested in it together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ragkit.errors import LoadError

MOST_MEMBERS = 50_000
MOST_DEPTH = 3  # an archive in an archive in an archive
MOST_RATIO = 250  # to 1, of all members, above FREE; logs reach some 30 to 1, sheets 50
FREE = 20_000_000  # bytes that any ratio may unpack to
MOST_NAME = 1000  # characters
TIMES_LARGEST = 16  # the members together may be so many times the largest that may be read
UNPACK = "unpack it yourself and ingest the folder, if you trust it"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a file."""

    name: str  # as it is stored: parts between slashes, none of which leads elsewhere
    data: bytes = b""
    error: LoadError | None = None  # why it cannot be read
    skipped: str = ""  # why it is passed over


class Budget:
    """How much one file on disk may still unpack to, at all depths together."""

    def __init__(self, packed: int, largest: int) -> None:
        """Begin with a file of so many bytes; ``largest`` is the limit of any one member."""
        self.largest = largest
        self._bytes = min(TIMES_LARGEST * largest, max(FREE, MOST_RATIO * packed))
        self._members = MOST_MEMBERS

    def spend(self, members: int, unpacked: int) -> None:
        """Take from it what one archive is about to unpack to.

        Raises:
            LoadError: so much is not left. Nothing of the archive is to be read then.
        """
        self.require(members, unpacked)
        self._members -= members
        self._bytes -= unpacked

    def require(self, members: int, unpacked: int) -> None:
        """Refuse what is too much.

        Raises:
            LoadError: it is.
        """
        if members > self._members:
            raise _bomb(f"it has more than {self._members:,} members")
        if unpacked > self._bytes:
            raise _bomb(f"it unpacks to more than {self._bytes / 1e6:,.0f} MB")

    def too_large(self, size: int) -> LoadError | None:
        """Return why a member of ``size`` bytes is not read, None if it is."""
        if size <= self.largest:
            return None
        return LoadError(
            f"{size / 1e6:,.0f} MB is more than the limit of {self.largest / 1e6:.0f} MB",
            stage="parse",
            hint="raise it with --max-file-mb, and add --retry-failed",
        )


def _bomb(reason: str) -> LoadError:
    return LoadError(f"{reason}: more than an archive may", stage="parse", hint=UNPACK)


@dataclass(frozen=True, slots=True)
class Holder:
    """A kind of file that holds others."""

    type: str
    suffixes: frozenset[str]
    is_one: Callable[[bytes, str], bool]  # of its bytes, by its suffix
    members: Callable[[bytes, str, Budget], Iterator[Member]]  # of its bytes, by its name
    has_text: bool = False  # it is a document itself, too


def cleaned(name: str) -> str:
    r"""Return a member's name as the way to it from its archive; nothing in it leads elsewhere.

    >>> cleaned("../../etc/passwd"), cleaned(r"C:\notes\.\a.md"), cleaned("/..//")
    ('etc/passwd', 'notes/a.md', '')
    """
    # Escaped after it is parted: what is no UTF-8 must not seem to be a backslash's doing.
    parts = [as_text(part) for part in re.split(r"[/\\]", name)]
    parts[0] = re.sub(r"\A[A-Za-z]:", "", parts[0])
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def suffix_of(name: str) -> str:
    """Return what a name ends in, in lower case.

    >>> suffix_of("a/notes.tar.GZ"), suffix_of("a.b/notes"), suffix_of(".hidden")
    ('.gz', '', '')
    """
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return f".{suffix.lower()}" if dot and stem else ""


def as_text(name: str) -> str:
    r"""Return the name of a file as text: bytes of it that are no UTF-8 as escapes.

    >>> as_text("caf\udce9.md"), as_text("café.md")
    ('caf\\xe9.md', 'café.md')
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        try:
            return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        except UnicodeEncodeError:  # half characters, of Windows
            return name.encode("utf-8", "backslashreplace").decode()
    return name
