"""Whether a file is still as it was read."""

from __future__ import annotations

from pathlib import Path

from ragkit.catalog import digest_of, stale
from ragkit.index.folder import Index

CHANGED, GONE, FAILED = "changed", "gone", "failed"
INSIDE = "!/"  # between an archive and its member


def freshness(index: Index, path: str) -> str:
    """Return what became of a file since it was read: "changed", "gone", "failed"; "" if nothing.

    "failed": it was tried again since, and could not be read. Nothing is known of what is at an
    address of the web. Of a member of an archive, it is the archive that is looked at.
    """
    with index.catalog.snapshot():
        sources = index.catalog.texts.require_sources()
        failed = stale([path], index.catalog.failures.intact())
    if "://" in path or path not in sources:
        return ""
    known = sources[path]
    try:
        file = file_of(index, path)
        state = file.stat()
        is_same = state.st_mtime_ns == known.mtime_ns
        if file == index.full_path(path):
            is_same = state.st_size == known.size and (
                is_same or digest_of(file.read_bytes()) == known.digest
            )
    except OSError:
        return GONE
    if not is_same:
        return CHANGED
    return FAILED if failed else ""


def file_of(index: Index, path: str) -> Path:
    """Return the file on disk that a stored path is of, or in: of a member, its archive.

    >>> from types import SimpleNamespace
    >>> file_of(SimpleNamespace(full_path=Path), "none.zip!/a.md").as_posix()
    'none.zip!/a.md'
    """
    file = index.full_path(path)
    at = path.find(INSIDE)
    while at > 0 and not file.exists():
        if (outer := index.full_path(path[:at])).is_file():
            return outer
        at = path.find(INSIDE, at + 1)
    return file
