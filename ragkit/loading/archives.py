"""ZIP and tar archives, and single compressed files, as members in memory.

An archive that asks for too much is refused before anything of it is read: a ZIP says how large
its members are and is held to it, a tar is gone through once to find out. A member that cannot be
read costs itself; where the archive breaks off, what came before counts.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from typing import IO, Self, cast

from ragkit.errors import LoadError
from ragkit.loading.member_names import names_from, stated_name
from ragkit.loading.members import MOST_NAME, Budget, Member, cleaned, suffix_of
from ragkit.loading.packed import BROKEN_ZIP, ZIP, packed_type
from ragkit.loading.walk import HIDDEN, NEVER

DIRECTORY = b"PK\x01\x02"  # each entry of a ZIP's list of members
PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
OTHERS = {"[content_types].xml", "mimetype", "meta-inf/manifest.mf"}  # members of formats not read
PIECE = 1_000_000
SMALL_PIECE = 4096  # of what unpacks without a bound: a bzip2 block of 45 bytes is 900 kB
MOST_AT_END = 50  # reads that give nothing: a header may declare more than there can be
MOST_HEADER = 1_000_000  # bytes of a long name or of attributes
BROKEN = (*BROKEN_ZIP, tarfile.TarError, lzma.LZMAError)
MACS = "__MACOSX"  # a folder of what only a Mac knows of the files
ENCRYPTED = "it is encrypted"


def is_zip(data: bytes, suffix: str = "") -> bool:
    """Say whether data is a ZIP archive, and no document or program that is packed in one."""
    if packed_type(data) != "zip":
        return False
    names = {name.lower() for name in _first_names(data)}
    return not names & OTHERS


def _first_names(data: bytes) -> Iterator[str]:
    """Yield the names of the first members: the formats that are packed begin with their own."""
    at = 0
    for _ in range(4):
        if data[at : at + 4] != ZIP[0] or at + 30 > len(data):
            return
        flags, size = struct.unpack_from("<6xH10xI", data, at)
        length, extra = struct.unpack_from("<HH", data, at + 26)
        yield data[at + 30 : at + 30 + length].decode("utf-8", "replace")
        if flags & 8:  # its size comes behind it
            return
        at += 30 + length + extra + size


def is_tar(data: bytes, suffix: str = "") -> bool:
    """Say whether data is a tar archive, or begins as one."""
    try:
        tarfile.TarInfo.frombuf(data[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def is_packed(data: bytes, suffix: str = "") -> bool:
    """Say whether data is compressed by gzip, bzip2 or xz."""
    return any(data.startswith(magic) for magic, _ in PACKED)


# -- ZIP


def zip_members(data: bytes, name: str, budget: Budget) -> Iterator[Member]:
    """Yield the members of a ZIP archive.

    Raises:
        LoadError: it is cut off or damaged, or asks for too much.
    """
    budget.require(data.count(DIRECTORY), 0)  # before the list is read
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except BROKEN as error:
        raise _damaged("a ZIP archive", error) from error
    infos = [info for info in archive.infolist() if not info.is_dir()]
    last = dict(zip(_zip_names(infos), infos, strict=True))
    chosen = []
    told: set[str] = set()
    for path, info in zip(_zip_names(infos), infos, strict=True):
        reason = _why_not(path) or _odd_mode(info.external_attr >> 16)
        if not reason and last[path] is not info:
            reason = "another member of this name comes after it"
        if reason:
            yield from _passed_over(path, reason, told)
        else:
            chosen.append((path, info))
    read = [info.file_size for _, info in chosen if info.file_size <= budget.largest]
    budget.spend(len(chosen), sum(read))
    for path, info in chosen:
        if refused := _refusal(path, info.file_size, budget):
            yield Member(path[:MOST_NAME], error=refused)
        elif info.flag_bits & 1:
            yield Member(path, error=LoadError(ENCRYPTED, stage="decode"))
        else:
            yield _zip_member(archive, info, path)
    listed = _listed(data)
    if listed != 0xFFFF and listed != len(archive.infolist()) & 0xFFFF:
        raise LoadError(
            f"its list of members is damaged: {len(archive.infolist())} of {listed} are in it",
            stage="unpack",
        )


def _listed(data: bytes) -> int:
    """Return how many members a ZIP says at its end that it has; 65,535 if it says it elsewhere."""
    (listed,) = struct.unpack_from("<H", data, data.rfind(ZIP[1]) + 10)
    return int(listed)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> Member:
    is_bounded = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    try:
        with archive.open(info) as opened:
            return Member(path, _whole(opened, PIECE if is_bounded else SMALL_PIECE))
    except BROKEN as error:
        return Member(path, error=_damaged("a member", error))


def _whole(opened: IO[bytes], piece: int) -> bytes:
    return b"".join(iter(lambda: opened.read(piece), b""))


def _zip_names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """Return the names of members; those that do not say that they are UTF-8 mostly are.

    Else they are in the encoding of whoever packed them, which is guessed from all of them.
    """
    raw = {
        i: info.orig_filename.encode("cp437")
        for i, info in enumerate(infos)
        if not info.flag_bits & 0x800 and not info.orig_filename.isascii()
    }
    names = [info.filename for info in infos]
    for i in list(raw):
        if stated := stated_name(infos[i].extra, raw[i]):
            names[i] = stated
            del raw[i]
    for i, name in zip(raw, names_from(list(raw.values())) or (), strict=False):
        names[i] = name.partition("\0")[0]
    return [cleaned(name) for name in names]


def _odd_mode(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a link"
    return "not a regular file" if stat.S_IFMT(mode) not in (0, stat.S_IFREG) else ""


# -- tar


class _Header(tarfile.TarInfo):
    """A tar's header; one that is read whole into memory has a bound."""

    LONG = (
        tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )  # fmt: skip

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return a header, as the base does; but where there is none, that is no end."""
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):  # the mark of the end
                raise
            raise tarfile.ReadError(f"{error}") from error

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size < 0 or (self.type in self.LONG and self.size > MOST_HEADER):
            raise tarfile.ReadError(f"a header has {self.size:,} bytes")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


class _Bounded(io.RawIOBase):
    """Reads what a budget allows, and does not go on at its end for as long as a header says."""

    def __init__(self, opened: IO[bytes], budget: Budget | None) -> None:
        self._opened = opened
        self._budget = budget
        self._read = self._at_end = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            LoadError: there are too many.
            EOFError: there were none for long.
        """
        data = self._opened.read(PIECE if size < 0 else min(size, PIECE))
        self._read += len(data)
        self._at_end += not data
        if self._at_end > MOST_AT_END:
            raise EOFError("it ends within a member")
        if self._budget:
            self._budget.require(0, self._read)
        return data


def _unpacking(data: bytes) -> IO[bytes]:
    for magic, opener in PACKED:
        if data.startswith(magic):
            return cast("IO[bytes]", opener(io.BytesIO(data)))
    return io.BytesIO(data)


def tar_members(data: bytes, name: str, budget: Budget) -> Iterator[Member]:
    """Yield the members of a tar archive, compressed or not.

    Raises:
        LoadError: it asks for too much; or, after some members, it is cut off or damaged.
    """
    last, count, size = _looked_through(data, budget)
    budget.spend(count, size)
    told: set[str] = set()
    path = ""
    try:
        for at, (archive, info) in enumerate(_headers(data)):
            path = cleaned(info.name)
            reason = _why_not(path) or ("" if info.isreg() else _kind(info))
            if not reason and last.get(path, at) != at:
                reason = "another member of this name comes after it"
            if info.isdir():
                continue
            if reason:
                yield from _passed_over(path, reason, told)
            elif refused := _refusal(path, info.size, budget):
                yield Member(path[:MOST_NAME], error=refused)
            else:
                content = archive.extractfile(info)
                assert content is not None
                yield Member(path, _whole(content, PIECE))
    except BROKEN as error:
        raise LoadError(
            f"it is cut off or damaged after {path or 'its beginning'}: {error}",
            stage="unpack",
            hint="is it complete?",
        ) from error


def _headers(
    data: bytes, budget: Budget | None = None
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    opened = cast("IO[bytes]", _Bounded(_unpacking(data), budget))
    with tarfile.open(fileobj=opened, mode="r|", tarinfo=_Header) as archive:
        for info in archive:
            archive.members = []  # type: ignore[attr-defined] # it would keep them all
            yield archive, info
    while opened.read(PIECE):  # the checksum of what is compressed comes last
        pass


def _looked_through(data: bytes, budget: Budget) -> tuple[dict[str, int], int, int]:
    """Return the position of the last member of each name, and the sums to be spent.

    Raises:
        LoadError: that is too much.
    """
    last: dict[str, int] = {}
    count = size = 0
    try:
        for at, (_, info) in enumerate(_headers(data, budget)):
            budget.require(at, size)
            if info.isreg() and info.size <= budget.largest:
                last[cleaned(info.name)] = at
                count += 1
                size += info.size
    except BROKEN:  # told when it is read
        pass
    return last, count, size


def _kind(info: tarfile.TarInfo) -> str:
    if info.islnk():
        return f"a link to another member: {cleaned(info.linkname)}"
    return "a link" if info.issym() else "not a regular file"


# -- single files


def packed_members(data: bytes, name: str, budget: Budget) -> Iterator[Member]:
    """Yield the one file that is compressed; of a tar, its members.

    Raises:
        LoadError: it is cut off or damaged, or asks for too much.
    """
    try:
        with _unpacking(data) as opened:
            beginning = opened.read(tarfile.BLOCKSIZE)
        if not is_tar(beginning):
            with _unpacking(data) as opened:
                content = opened.read(budget.largest + 1)
    except BROKEN as error:
        raise _damaged("a compressed file", error) from error
    if is_tar(beginning):
        yield from tar_members(data, name, budget)
        return
    budget.spend(1, len(content))
    suffix = suffix_of(name)
    inside = cleaned(name[: -len(suffix)] if suffix else name) or "content"
    if refused := budget.too_large(len(content)):
        yield Member(inside, error=refused)
    else:
        yield Member(inside, content)


# -- all of them


def _why_not(path: str) -> str:
    """Return why a member is not read, by the rules of a walk."""
    if not path:
        return "it has no name"
    for part in path.split("/"):
        if part.startswith("."):
            return HIDDEN
        if part in NEVER or part == MACS:
            return f"{part} is never read"
    return ""


def _passed_over(path: str, reason: str, told: set[str]) -> Iterator[Member]:
    """Yield why a member is passed over: of a folder, once."""
    parts = path.split("/")
    for i, part in enumerate(parts):
        if part.startswith(".") or part in NEVER or part == MACS:
            path = "/".join(parts[: i + 1])
            break
    if path not in told or not reason.endswith(("hidden", "never read")):
        told.add(path)
        yield Member(path[:MOST_NAME], skipped=reason)


def _refusal(path: str, size: int, budget: Budget) -> LoadError | None:
    if len(path) > MOST_NAME:
        return LoadError(f"its name has {len(path):,} characters", stage="parse")
    return budget.too_large(size)


def _damaged(what: str, error: BaseException) -> LoadError:
    told = f"{error}" or type(error).__name__
    return LoadError(f"{what} that is cut off or damaged: {told}", stage="parse")
