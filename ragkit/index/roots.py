"""Which files and folders an ingest is about: what is given, or what was given before."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from ragkit.catalog import holders, is_by_name
from ragkit.errors import ConfigError, NoSuchPathError, NothingFoundError
from ragkit.index.folder import RENEWED, Index
from ragkit.loading.members import as_text


def exists(root: Path) -> bool:
    """Say whether a root is there; one that may not be looked at counts as there.

    What lies below it is not to be dropped, and that it cannot be read is told by a walk.
    """
    try:
        return root.exists()
    except PermissionError:
        return True
    except OSError:  # no system has such a name
        return False


def require(
    roots: Sequence[Path], *, prune: bool = False, held: Callable[[Path], int] = lambda _: 0
) -> None:
    """Refuse roots that do not exist, unless it is asked to drop what they held.

    Args:
        roots: files and folders.
        prune: it is asked.
        held: says how many files of the index were read below a path.

    Raises:
        NoSuchPathError: names the first of them.
        ConfigError: one has a name that is not UTF-8.
    """
    for root in roots:
        if (shown := as_text(str(root))) != str(root):
            raise ConfigError(
                f"{shown} is not UTF-8, so that it cannot be kept as what to ingest",
                hint="name the folder that it lies in: what is in there is read",
            )
        if exists(root):
            continue
        count = held(root)
        if not count:
            raise NoSuchPathError(f"no such file or folder: {root}", hint="check its spelling")
        if not prune:
            raise NoSuchPathError(
                f"no such file or folder: {root}; the index holds {count} files from there",
                hint="if it is gone for good: ragkit ingest --prune " + shlex.quote(str(root)),
            )


def on_disk(path: Path) -> Path:
    """Return the file that is meant by a path: of a member, that is what holds it.

    >>> on_disk(Path("docs/a.md")).as_posix()
    'docs/a.md'
    """
    if not exists(path):
        for holder in map(Path, holders(path.as_posix())):
            if os.path.isfile(holder):  # noqa: PTH113 - never raises
                return holder
    return path


def held_below(index: Index, path: Path) -> int:
    """Return how many files of the index were read at or below a path."""
    with index.catalog.errors():
        sources, _ = index.catalog.texts.sources()
    folder = index.stored_path(path)
    return sum(index.is_below(known, folder) for known in sources)


def roots_to_walk(index: Index, given: Sequence[Path], *, is_all: bool = True) -> list[Path]:
    """Return what was given and the roots below it; all roots there ever were if nothing was.

    All of them too while an index that had an older format is yet to be read again. Pages of the
    web, which are roots too, are left out.

    Args:
        index: whose roots they are.
        given: files and folders.
        is_all: whether no files and folders mean all.

    Raises:
        NothingFoundError: nothing was given, and there is no root.
    """
    with index.catalog.errors():
        known = index.catalog.ledger.roots()
        every = (is_all and not given) or index.catalog.ledger.meta(RENEWED) is not None
    stored = [index.stored_path(path) for path in given]
    roots = [
        index.full_path(root)
        for root in known
        if root not in stored
        and not is_by_name(root)
        and (every or any(index.is_below(root, path) for path in stored))
    ]
    if is_all and not given and not roots and not known:
        raise NothingFoundError("no folder was ever ingested", hint="ragkit ingest FOLDER")
    return [*given, *roots]
