"""Hold the files on disk against the index: what is new, what is gone, what is passed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os.path import splitext
from pathlib import Path, PurePosixPath

from ragkit.catalog import Source
from ragkit.errors import NoSuchPathError, NothingFoundError
from ragkit.index.folder import RENEWED, Index
from ragkit.loading import BINARY_SUFFIXES
from ragkit.loading.walk import HIDDEN, Found, walk
from ragkit.types import Failure, Skipped

STAYS = "it held stay in the index until 'ragkit rm' drops them"
SAME_TICK_NS = 2_000_000_000  # a file changed this shortly before it was read is read again


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies below the roots, before anything is read."""

    fresh: tuple[Found, ...]  # new, changed by size or time, or with passages without vectors
    unchanged: tuple[str, ...]  # stored paths
    skipped: tuple[Skipped, ...]
    failed: tuple[Failure, ...]  # folders that cannot be listed, names that are no text
    vanished: tuple[str, ...]  # stored paths that are no longer there
    sources: dict[str, Source]  # what the index had
    damaged: tuple[str, ...]  # stored paths of rows to drop: their files are among the fresh
    roots: tuple[str, ...]  # stored paths of those to remember
    notes: tuple[tuple[str, str], ...]  # (path, what is to be said of it)


def require(roots: Sequence[Path]) -> None:
    """Refuse roots that do not exist.

    Raises:
        NoSuchPathError: names the first of them.
    """
    for root in roots:
        if not root.exists():
            raise NoSuchPathError(f"no such file or folder: {root}", hint="check its spelling")


def roots_to_walk(index: Index, given: Sequence[Path]) -> list[Path]:
    """Return what was given and the roots below it; all roots there ever were if nothing was.

    All of them too while an index that had an older format is yet to be read again.

    Raises:
        NothingFoundError: nothing was given, and there is no root.
    """
    with index.catalog.errors():
        known = index.catalog.ledger.roots()
        every = not given or index.catalog.ledger.meta(RENEWED) is not None
    stored = [index.stored_path(path) for path in given]
    roots = [
        index.full_path(root)
        for root in known
        if root not in stored and (every or any(is_below(root, path) for path in stored))
    ]
    if not given and not roots:
        raise NothingFoundError("no folder was ever ingested", hint="ragkit ingest FOLDER")
    return [*given, *roots]


def survey(
    index: Index | None,
    roots: Sequence[Path],
    *,
    stored: Callable[[str | Path], str],
    reread: bool = False,
) -> Survey:
    """Look at every file below ``roots``; read none.

    Args:
        index: what is known so far; None for nothing.
        roots: files and folders.
        stored: turns a path into the form the catalog keeps.
        reread: treat every file as changed.
    """
    sources, damaged = index.catalog.texts.sources() if index else ({}, [])
    known = index.catalog.ledger.roots() if index else []
    waiting = index.catalog.texts.waiting() if index else {}
    fresh: list[Found] = []
    unchanged: list[str] = []
    skipped: list[Skipped] = []
    failed: list[Failure] = []
    seen: set[str] = set()
    walked: list[str] = []
    bare: list[str] = []  # roots that are empty: it may be a disk that is not mounted
    for root in roots:
        if not root.exists():
            continue
        empty = True
        for found in walk(root):
            path = stored(found.path)
            if isinstance(found, Failure):
                failed.append(replace(found, path=path))
                continue
            if isinstance(found, Skipped):
                skipped.append(replace(found, path=path))
                empty = empty and found.reason == HIDDEN
                continue
            empty = False
            if path in seen:
                continue
            if splitext(path)[1].lower() in BINARY_SUFFIXES:  # noqa: PTH122 - on plain strings
                skipped.append(Skipped(path, "binary, by its name"))
                continue
            seen.add(path)
            source = sources.get(path)
            if source and not reread and source.content not in waiting and _same(found, source):
                unchanged.append(path)
            else:
                fresh.append(found)
        (walked if not empty else bare).append(stored(root))
    mine = [stored(root) for root in roots]
    missing = {path for path, root in zip(mine, roots, strict=True) if not root.exists()}
    # Below a root that is there and not empty, a root that is missing was merely deleted.
    deleted = {path for path in missing if any(is_below(path, root) for root in walked)}
    spared = [*bare, *(failure.path for failure in failed)]
    vanished = [
        path
        for path in sources
        if path not in seen
        and any(is_below(path, root) for root in walked)
        and not any(is_below(path, folder) for folder in spared)
    ]
    reason = f"no longer there; the files that {STAYS}"
    failed += [Failure(path, "read", reason, permanent=False) for path in sorted(missing - deleted)]
    counts = {root: sum(is_below(path, root) for path in sources) for root in bare}
    notes = [(root, f"it is empty; the {n} files that {STAYS}") for root, n in counts.items() if n]
    return Survey(
        tuple(fresh),
        tuple(unchanged),
        tuple(skipped),
        tuple(failed),
        tuple(vanished),
        sources,
        tuple(_to_drop(known, damaged, mine)),
        tuple(path for path in mine if path not in deleted),
        tuple(notes),
    )


def _to_drop(known: Sequence[str], damaged: Sequence[str], roots: Sequence[str]) -> list[str]:
    """Return the damaged paths below ``roots`` or below no known root: they may lead anywhere."""
    return [
        path
        for path in damaged
        if any(is_below(path, root) for root in roots)
        or not any(is_below(path, root) for root in known)
    ]


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
