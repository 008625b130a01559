"""The files of an index as they are on disk now: whether they are as they were, what is in them."""

from __future__ import annotations

import os
from pathlib import Path

from ragkit.catalog import INSIDE, digest_of, holders, is_by_name, stale
from ragkit.errors import LoadError, NoSuchPathError
from ragkit.index.folder import Index
from ragkit.loading import read
from ragkit.loading.members import Budget, suffix_of

CHANGED, GONE, FAILED = "changed", "gone", "failed"


def freshness(index: Index, path: str) -> str:
    """Return what became of a file since it was read: "changed", "gone", "failed"; "" if nothing.

    "failed": it was tried again since, and could not be read. Nothing is known of what is at an
    address of the web. Of a member of an archive, it is the archive that is looked at.
    """
    with index.catalog.snapshot():
        known = index.catalog.texts.source(path)
        failed = stale([path], index.catalog.failures.intact())
    if is_by_name(path) or known is None:
        return ""
    try:
        file, inside = file_of(index, path)
        state = file.stat()
        is_same = state.st_mtime_ns == known.mtime_ns
        if not inside:
            is_same = state.st_size == known.size and (
                (is_same and state.st_ctime_ns <= known.seen_ns)
                or digest_of(file.read_bytes()) == known.digest
            )
    except OSError:
        return GONE
    if not is_same:
        return CHANGED
    return FAILED if failed else ""


def file_of(index: Index, path: str) -> tuple[Path, str]:
    """Return the file on disk that a stored path is of, and what is meant in it, if it holds files.

    Of a member of an archive that is the archive, and the member's own path.
    """
    file = index.full_path(path)
    if not os.path.exists(file):  # noqa: PTH110 - never raises
        for outer in holders(path):
            if os.path.isfile(holder := index.full_path(outer)):  # noqa: PTH113
                return holder, path[len(outer) + len(INSIDE) :]
    return file, ""


def taken_out(index: Index, path: str, most: int) -> bytes:
    """Return the bytes of a file as they are now, also of one in an archive.

    Args:
        index: the index that has it.
        path: as stored.
        most: bytes of a file or member; an archive is bounded as it is where it is ingested.

    Raises:
        NoSuchPathError: it is no longer there.
        LoadError: its archive is damaged, or it is too large.
    """
    from ragkit.loading.holders import holder_of

    file, inside = file_of(index, path)
    name = file.name
    try:
        data = read(str(file), most)
    except OSError as error:
        raise NoSuchPathError(f"cannot read {path}: {error.strerror}") from error
    budget = Budget(len(data), most)
    while inside:
        holder = holder_of(data, suffix=suffix_of(name))
        for member in holder.members(data, name, budget) if holder else ():
            name = member.name
            if inside == name or inside.startswith(name + INSIDE):
                if member.error:
                    raise member.error
                if member.skipped:
                    raise LoadError(f"{path}: {member.skipped}")
                data, inside = member.data, inside[len(name) + len(INSIDE) :]
                break
        else:
            raise NoSuchPathError(
                f"{path} is no longer in its archive", hint="'ragkit ingest' reads it again"
            )
    return data
