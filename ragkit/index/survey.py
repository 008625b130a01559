"""Hold the files on disk against the index: what is new, what is gone, what is passed over.

Why one file: what becomes of a path depends on all that is decided here about the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os.path import splitext
from pathlib import Path

from ragkit.catalog import Source, above, below, holders, is_below, is_by_name
from ragkit.index.before import Before
from ragkit.index.folder import Index
from ragkit.index.roots import exists
from ragkit.loading.members import as_text
from ragkit.loading.own import BUILT_IN, OWN, Loaders
from ragkit.loading.patterns import ALL, EXCLUDED, NOT_INCLUDED, Choice
from ragkit.loading.seen import DRAWN, IMAGE_SUFFIXES
from ragkit.loading.walk import HIDDEN, Found, walk
from ragkit.types import Failure, Skipped

NOT_AT_HAND = (
    "the loader that {0} files were read by is not at hand: give it in Python,"
    " Rag(index, loaders={{'{0}': ...}}), or drop them all with 'ragkit rm'"
)
OUT_OF_CHOICE = (
    "{} files of the index are left out of this run, and stay as they are: 'ragkit rm' drops them,"
    " a line in .ragkitignore keeps them out"
)
ESCAPED = "its name is not UTF-8: here its other bytes are written as \\x.."
NOT_SEEN = "it has changed, and a model reads such files: name it with --vision-model"
STAYS = "it held stay in the index until 'ragkit ingest --prune' drops them"
OWN_LOADERS = "own_loaders"  # of the catalog's facts: whether there ever was one
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
    stays: tuple[str, ...] = ()  # stored paths below roots that are gone or empty, unless pruned
    pruned: tuple[str, ...] = ()  # stored paths of roots that are gone, to forget
    remembered: tuple[Failure, ...] = ()  # of files and pages that are as they were: not read again
    members: Mapping[str, list[str]] = field(default_factory=dict)  # known ones, by what holds them
    only: Callable[[str], bool] | None = None  # whether a member is to be read; None: all are
    lost: Mapping[str, str] = field(default_factory=dict)  # what to say of files of a suffix
    leaves_out: Callable[[str], bool] = lambda _: False  # what this run is not about: it stays


def survey(
    index: Index | None,
    roots: Sequence[Path],
    *,
    stored: Callable[[str | Path], str],
    reread: bool = False,
    retry_failed: bool = False,
    prune: bool = False,
    loaders: Loaders = BUILT_IN,
    choice: Choice = ALL,
) -> Survey:
    """Look at every file below ``roots``; read none.

    Args:
        index: what is known so far; None for nothing.
        roots: files and folders.
        stored: turns a path into the form the catalog keeps.
        reread: treat every file as changed.
        retry_failed: treat what failed before as changed, and leave all else alone.
        prune: what lay below roots that are gone or empty has vanished.
        loaders: which read the files.
        choice: what of it this run is about; the index keeps what it has of all else.
    """
    sources, damaged = index.catalog.texts.sources() if index else ({}, [])
    known = index.catalog.ledger.roots() if index else []
    before = Before.of(index)
    look = _Look(
        index,
        sources,
        before,
        stored=stored,
        loaders=loaders,
        reread=reread,
        retry_failed=retry_failed,
        is_damaged=bool(damaged),
        choice=choice,
    )
    bare: list[str] = []  # roots that are empty: it may be a disk that is not mounted
    for root in roots:
        if exists(root):
            (look.walked if look.below(root) else bare).append(stored(root))
    walked = look.walked
    mine = [stored(root) for root in roots]
    missing = {path for path, root in zip(mine, roots, strict=True) if not exists(root)}
    # Below a root that is there and not empty, a root that is missing was merely deleted.
    lies_below = look.lies_below
    deleted = {path for path in missing if any(lies_below(path, root) for root in walked)}
    unmounted = sorted(missing - deleted)
    unlisted = [failure.path for failure in look.failed]
    unseen = [
        path
        for path in sources
        if path not in look.seen
        and not any(lies_below(path, folder) for folder in unlisted)
        and not look.leaves_out(path)
        and (not retry_failed or before.failed(path))
    ]
    held = {
        root: [path for path in unseen if lies_below(path, root)] for root in (*bare, *unmounted)
    }
    kept = {path for paths in held.values() for path in paths}
    vanished = [
        path
        for path in unseen
        if path not in kept and any(lies_below(path, root) for root in walked)
    ]
    if prune:
        vanished += sorted(kept)
    else:
        look.failed += [_no_longer_there(root, len(held[root])) for root in unmounted]
    notes = [_empty(root, len(held[root])) for root in bare if held[root] and not prune]
    if stay := sum(map(look.leaves_out, sources)):
        notes.append((mine[0], OUT_OF_CHOICE.format(stay)))
    notes += look.notes
    return Survey(
        tuple(look.fresh),
        tuple(look.unchanged),
        tuple({found.path: found for found in look.skipped}.values()),  # folders may overlap
        tuple({found.path: found for found in look.failed}.values()),
        tuple(vanished),
        sources,
        tuple(_to_drop(known, damaged, mine, lies_below)),
        tuple(path for path in mine if path not in deleted),
        tuple(notes),
        () if prune else tuple(sorted(kept)),
        tuple(unmounted) if prune else (),
        before.still(look.unchanged),
        look.members,
        look.is_wanted if retry_failed else None,
        {suffix: NOT_AT_HAND.format(suffix) for suffix in look.lost},
        look.leaves_out,
    )


class _Look:
    """Goes through the files below roots, and sorts them by what is to be done with each."""

    def __init__(
        self,
        index: Index | None,
        sources: dict[str, Source],
        before: Before,
        *,
        stored: Callable[[str | Path], str],
        loaders: Loaders,
        reread: bool,
        retry_failed: bool,
        is_damaged: bool,
        choice: Choice,
    ) -> None:
        self.members: dict[str, list[str]] = {}  # of archives, and of mails with attachments
        for known in {*sources, *before.paths}:
            for path in holders(known):
                self.members.setdefault(path, []).append(known)
        self.fresh: list[Found] = []
        self.unchanged: list[str] = []
        self.skipped: list[Skipped] = []
        self.failed: list[Failure] = []
        self.seen: set[str] = set()
        self._sources = sources
        self._waiting = {*index.catalog.chunks.waiting()} if index else set()
        if index and loaders.sees:
            self._waiting |= index.catalog.texts.with_blank_pages(DRAWN)
        self._before = before
        self._stored = stored
        self._loaders = loaders
        self._again = reread or retry_failed
        self._only_failed = retry_failed
        self._kinds = _read_by_own(index, sources, loaders)
        self.lost = {_suffix(path) for path in self._kinds} - loaders.own.keys()
        self.lies_below = index.is_below if index else is_below
        self._whole = index.whole_path if index else str
        self._is_damaged = is_damaged  # then what lacks a member does not show it
        self._choice = choice
        self.walked: list[str] = []  # roots in which something is
        self.left: set[str] = set()  # what the choice leaves out
        self.notes: list[tuple[str, str]] = []
        self._escaped: dict[str, str] = {}  # names that are no UTF-8, by how they are written
        self._changed: set[str] = set()  # archives of which all members are to be read

    def below(self, root: Path) -> bool:
        """Sort the files at or below a root; say whether anything is there, hidden files apart."""
        is_bare = True
        for found in walk(root, self._choice):
            path = as_text(self._stored(found.path))
            if isinstance(found, Failure):
                self.failed.append(replace(found, path=path))
            elif isinstance(found, Skipped):
                self.skipped.append(replace(found, path=path))
                if found.reason in (EXCLUDED, NOT_INCLUDED):
                    self.left.add(path)
                is_bare = is_bare and found.reason == HIDDEN
            else:
                is_bare = False
                named = found if found.path.isascii() else self._named(found, path)
                if isinstance(named, Failure):
                    self.failed.append(named)
                elif path not in self.seen:
                    self._sort(named, path)
        return not is_bare

    def _named(self, found: Found, path: str) -> Found | Failure:
        """Return a file with its name as text, where it is no UTF-8."""
        if as_text(found.path) == found.path:
            return found
        same = self._stored(found.path)  # by which roots that overlap meet it twice
        if self._escaped.setdefault(path, same) != same or os.path.lexists(as_text(found.path)):
            return Failure(path, "read", "its name is not UTF-8, and as text that of another file")
        if path not in self._sources and path not in self.seen:
            self.notes.append((path, ESCAPED))
        return replace(found, name=path)

    def leaves_out(self, path: str) -> bool:
        """Say whether a stored path is left out of this run, be its file there or gone."""
        if self._choice is ALL or path in self.seen:
            return False
        if path in self.left or not self.left.isdisjoint(above(path)):
            return True
        file = next(holders(path), path)
        roots = [root for root in self.walked if self.lies_below(file, root)]
        return bool(roots) and all(
            file != root and self._choice.leaves_out(below(self._whole(file), self._whole(root)))
            for root in roots
        )

    def _sort(self, found: Found, path: str) -> None:
        suffix = _suffix(path)
        is_lost = suffix in self.lost
        is_image = suffix in IMAGE_SUFFIXES and not self._loaders.sees
        if is_image and path in self._sources and not is_lost:  # a model has read it
            self.seen.add(path)
            if self._is_as_read(found, path, suffix):
                self.unchanged.append(path)
            else:
                self.failed.append(Failure(path, "read", NOT_SEEN, permanent=False))
            return
        if self._loaders.is_binary_by_name(suffix) and not is_lost:
            self.skipped.append(Skipped(path, "binary, by its name"))
            return
        members = self.members.get(path, [])
        self.seen.update((path, *members))
        if self._only_failed and not self._before.failed(path):
            return
        is_again = self._again or not all(map(self._is_settled, members))
        if not is_again and self._before.gave_up(found, path):
            self._before.remembered.add(path)
            self._keep(members)
        elif not is_again and self._is_as_read(found, path, suffix):
            self.unchanged.append(path)
            self._keep(members)
        elif is_lost:
            reason = NOT_AT_HAND.format(suffix)
            self.failed.append(Failure(path, "read", reason, permanent=False))
        else:
            self.fresh.append(found)
            if not self._is_as_read(found, path, suffix):
                self._changed.add(path)

    def _keep(self, members: Sequence[str]) -> None:
        """Sort the members of a file that is as it was."""
        for path in members:
            if path in self._before.given_up:
                self._before.remembered.add(path)
            else:
                self.unchanged.append(path)

    def _is_settled(self, member: str) -> bool:
        """Say whether a member needs no reading as long as its archive is what it was."""
        if member in self._before.files:
            return member in self._before.given_up
        source = self._sources.get(member)
        suffix = _suffix(member)
        is_own = suffix in self._loaders.own
        return not (
            source is None
            or self._is_damaged
            or not source.digest  # a repair wants it to be read
            or source.content in self._waiting
            or (is_own and self._kinds.get(member) != self._loaders.type_of(suffix))
        )

    def is_wanted(self, member: str) -> bool:
        """Say whether a member is to be read where only what failed is."""
        archive = next((path for path in holders(member) if path in self._changed), None)
        return archive is not None or self._before.failed(member)

    def _is_as_read(self, found: Found, path: str, suffix: str) -> bool:
        source = self._sources.get(path)
        is_own = suffix in self._loaders.own
        return (
            source is not None
            and source.content not in self._waiting
            and (not is_own or self._kinds.get(path) == self._loaders.type_of(suffix))
            and _same(found, source, tick_ns=0 if suffix in self.lost else SAME_TICK_NS)
        )


def _no_longer_there(root: str, files: int) -> Failure:
    reason = f"no longer there; the {files} files that {STAYS}"
    return Failure(root, "read", reason, permanent=False)


def _empty(root: str, files: int) -> tuple[str, str]:
    return root, f"it is empty; the {files} files that {STAYS}"


def _suffix(path: str) -> str:
    return splitext(path)[1].lower()  # noqa: PTH122 - on plain strings


def _read_by_own(
    index: Index | None, sources: dict[str, Source], loaders: Loaders
) -> dict[str, str]:
    """Return the sources that a loader of one's own has read, and the type it is kept under."""
    if index is None or not (loaders.own or index.catalog.ledger.meta(OWN_LOADERS)):
        return {}
    kinds = index.catalog.texts.types_like(OWN)
    return {
        path: kinds[source.content] for path, source in sources.items() if source.content in kinds
    }


def _to_drop(
    known: Sequence[str],
    damaged: Sequence[str],
    roots: Sequence[str],
    lies_below: Callable[[str, str], bool],
) -> list[str]:
    """Return the damaged paths below ``roots`` or below no known root: they may lead anywhere."""
    return [
        path
        for path in damaged
        if any(lies_below(path, root) for root in roots)
        or not (is_by_name(path) or any(lies_below(path, root) for root in known))
    ]


def _same(found: Found, known: Source, *, tick_ns: int) -> bool:
    return (
        found.size == known.size
        and found.mtime_ns == known.mtime_ns
        and found.mtime_ns + tick_ns < known.seen_ns
        and found.changed_ns <= known.seen_ns  # else it may be another, with the times of the first
    )
