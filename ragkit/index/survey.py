"""Hold the files on disk against the index: what is new, what is gone, what is passed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ragkit.catalog import Source
from ragkit.errors import NoSuchPathError
from ragkit.index.folder import Index
from ragkit.loading import BINARY_SUFFIXES
from ragkit.loading.walk import Found, walk
from ragkit.types import Failure, Skipped

SAME_TICK_NS = 2_000_000_000  # a file changed this shortly before it was read is read again


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies below the roots, before anything is read."""

    fresh: tuple[Found, ...]  # new, or changed by size or time
    unchanged: tuple[str, ...]  # stored paths
    skipped: tuple[Skipped, ...]
    failed: tuple[Failure, ...]  # folders that cannot be listed, names that are no text
    vanished: tuple[str, ...]  # stored paths that are no longer there
    sources: dict[str, Source]  # what the index had


def require(roots: Sequence[Path]) -> None:
    """Refuse roots that do not exist.

    Raises:
        NoSuchPathError: names the first of them.
    """
    for root in roots:
        if not root.exists():
            raise NoSuchPathError(f"no such file or folder: {root}", hint="check its spelling")


def survey(
    index: Index | None,
    roots: Sequence[Path],
    *,
    stored: Callable[[Path], str],
    reread: bool = False,
) -> Survey:
    """Look at every file below ``roots``; read none.

    Args:
        index: what is known so far; None for nothing.
        roots: files and folders.
        stored: turns a path into the form the catalog keeps.
        reread: treat every file as changed.
    """
    sources, _ = index.catalog.texts.sources() if index else ({}, [])
    fresh: list[Found] = []
    unchanged: list[str] = []
    skipped: list[Skipped] = []
    failed: list[Failure] = []
    vanished: dict[str, None] = {}  # in order, a path below two roots once
    seen: set[str] = set()
    for root in roots:
        if not root.exists():
            reason = "no longer there; what it held stays in the index until 'ragkit rm' drops it"
            failed.append(Failure(stored(root), "read", reason, permanent=False))
            continue
        empty = True
        for found in walk(root):
            path = stored(Path(found.path))
            if isinstance(found, Failure):
                failed.append(replace(found, path=path))
                continue
            if isinstance(found, Skipped):
                skipped.append(replace(found, path=path))
                continue
            empty = False
            if path in seen:
                continue
            if PurePosixPath(path).suffix.lower() in BINARY_SUFFIXES:
                skipped.append(Skipped(path, "binary, by its name"))
                continue
            seen.add(path)
            known = sources.get(path)
            if known and not reread and _same(found, known):
                unchanged.append(path)
            else:
                fresh.append(found)
        if not empty:  # an empty folder may be a disk that is not mounted
            spared = [failure.path for failure in failed]
            vanished |= {
                path: None
                for path in sources
                if path not in seen
                and is_below(path, stored(root))
                and not any(is_below(path, folder) for folder in spared)
            }
    return Survey(
        tuple(fresh), tuple(unchanged), tuple(skipped), tuple(failed), tuple(vanished), sources
    )


def _same(found: Found, known: Source) -> bool:
    return (
        found.size == known.size
        and found.mtime_ns == known.mtime_ns
        and found.mtime_ns + SAME_TICK_NS < known.seen_ns
    )


def is_below(path: str, folder: str) -> bool:
    """Say whether a stored path is ``folder`` or lies below it; "." is the index's own base."""
    if folder == ".":
        return not PurePosixPath(path).is_absolute() and not path.startswith("../")
    return path == folder or path.startswith(folder.rstrip("/") + "/")
