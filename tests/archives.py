"""Archives as tests need them: in memory, with times that an ingest trusts."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

LONG_AGO_S = 1_600_000_000


def zipped(members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP archive of members by name."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return made.getvalue()


def tarred(members: Mapping[str, str | bytes], packing: str = "") -> bytes:
    """Return a tar archive of members by name, compressed by "gz", "bz2" or "xz"."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=f"w:{packing}") as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            content = data.encode() if isinstance(data, str) else data
            archive.addfile(header(name, len(content)), io.BytesIO(content))
    return made.getvalue()


def header(
    name: str, size: int = 0, type: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    """Return a tar's header."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, type, link
    return info


def put(file: Path, data: bytes, *, later_s: int = 0) -> Path:
    """Write a file, as if it were written long ago."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    os.utime(file, (LONG_AGO_S + later_s, LONG_AGO_S + later_s))
    return file
