"""Mend an index without embedding anything: keep what is whole, read the rest from its files again.

What is lost for good is told, each with what brings it back: a file that is gone, a vector.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from ragkit.catalog import (
    FILE,
    holders,
    is_below,
    is_by_name,
    is_cut_short,
    is_marked_as_written,
)
from ragkit.catalog.salvage import Salvaged, salvage
from ragkit.errors import IndexDamagedError, IndexWriteError, RagkitError
from ragkit.index.binding import misled
from ragkit.index.caches import drop_damaged, lagging
from ragkit.index.folder import Index, Maker, require_folder
from ragkit.index.given import PIPED
from ragkit.index.inventory import damages
from ragkit.index.survey import Survey, survey
from ragkit.index.unpacking import ARCHIVE
from ragkit.ingest import ingest
from ragkit.protocols import Chunker
from ragkit.types import Embedded, FloatMatrix, FloatVector, Progress, Repaired

REASON = "a repair embeds nothing"
TOLD = "the index is damaged: "
GONE = "its text, or part of it, is lost"


class NoEmbedder:
    """Stands for the embedder that an index was made with, and has no vector for any text."""

    def __init__(self, maker: Maker) -> None:
        self.name, self.fingerprint, self.dim = maker.embedder, maker.fingerprint, maker.dim

    def version(self) -> str:
        """Return nothing: no vector of this can drift."""
        return ""

    def probe(self) -> FloatVector:
        """Return the vector of no text."""
        return np.zeros(self.dim, np.float32)

    def embed_query(self, text: str) -> FloatVector:
        """Return the vector of no text."""
        return self.probe()

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return rows that no index takes."""
        return np.zeros((len(texts), self.dim), np.float32)

    def embed_each(self, texts: Sequence[str]) -> Embedded:
        """Say of each text that it has no vector."""
        rows = self.embed_documents(texts)
        return Embedded(rows, refused=dict.fromkeys(range(len(texts)), REASON))


def repair(
    folder: Path,
    *,
    chunker: Callable[[str, int], Chunker],
    max_file_bytes: int,
    progress: Callable[[Progress], None],
) -> Repaired:
    """Mend the index in ``folder``; return what was done.

    The writer's lock is held by the caller. Killed at any time, it can be done again.

    Args:
        folder: of the index.
        chunker: makes what cuts texts, by the name and the size that the index has.
        max_file_bytes: larger files are not read.
        progress: called after each file that is read.

    Raises:
        IndexDamagedError: too little is left. Nothing was changed.
        IndexStaleError: the index is of another format.
        IndexWriteError: no space, no permission.
    """
    index, salvaged = _opened(folder)
    with closing(index), index.catalog.errors():
        bare = _waiting(index)
        with index.catalog.transaction():
            wanted, mended = _mended_rows(index, salvaged)
        kinds = {*drop_damaged(index.catalog, folder), *lagging(index.catalog)}
        homeless = index.catalog.mending.homeless()
        chosen = _to_read(index, wanted, every=bool(homeless) or salvaged is not None)
        for step in ingest(
            index,
            [],
            embedder=NoEmbedder(index.maker),
            chunker=chunker(index.maker.chunker, index.maker.chunk_tokens),
            max_file_bytes=max_file_bytes,
            chosen=chosen,
        ):
            progress(step)
        told = {failure.path: failure.reason for failure in step.report.failed}
        now, _ = index.catalog.texts.sources()
        lost = [
            f"{path}: {_remedy(path, told)}"
            for path in sorted(wanted)
            if path not in now or not now[path].digest
        ]
        if unknown := homeless - set(index.catalog.texts.ids()):
            lost.append(
                f"{len(unknown)} texts: where they belong is lost, and no file has them any more;"
                " 'ragkit ingest FOLDER' reads what is not known yet"
            )
        lost += [
            f"{path}: {count} passages have no vector any more and are found by their words;"
            " 'ragkit ingest' embeds them"
            for path, count in sorted(_waiting(index).items())
            if count > bare.get(path, 0)
        ]
        if (now or salvaged) and not index.catalog.ledger.roots():
            lost.append("which folders were given to ingest; 'ragkit ingest FOLDER' tells it again")
        read = sorted(
            now.keys() & {found.name or index.stored_path(found.path) for found in chosen.fresh}
        )
        mended += [f"read again: {path}" for path in read]
        mended += [f"made anew: the {kind} cache" for kind in sorted(kinds)]
        return Repaired(tuple(mended), tuple(lost), tuple(damages(index)))


def _opened(folder: Path) -> tuple[Index, Salvaged | None]:
    """Open an index for writing; if SQLite cannot work with it, first make its catalog anew."""
    require_folder(folder)
    if is_cut_short(folder / f"{FILE}-wal"):  # seen to before SQLite writes a new one
        salvaged = salvage(folder, required=Maker.__slots__)
        return Index.open(folder, writing=True), salvaged
    try:
        index = Index.open(folder, writing=True)
    except IndexDamagedError:
        pass
    except IndexWriteError as error:  # a damaged header may say that it is not to be written
        code = getattr(error.__cause__, "sqlite_errorcode", 0)
        if code & 0xFF != sqlite3.SQLITE_READONLY:
            raise
    else:
        try:
            with index.catalog.transaction():
                is_sound = index.catalog.mending.is_sound()
        except IndexDamagedError:
            is_sound = False
        if is_sound and is_marked_as_written(folder / FILE):
            return index, None
        with suppress(RagkitError):
            index.close()
    salvaged = salvage(folder, required=Maker.__slots__)
    return Index.open(folder, writing=True), salvaged


def _mended_rows(index: Index, salvaged: Salvaged | None) -> tuple[set[str], list[str]]:
    """Take damaged rows out; return the paths to read again, and what was done."""
    catalog, mending = index.catalog, index.catalog.mending
    wanted: set[str] = set()
    told = [*catalog.ledger.damages(), *catalog.failures.damages()]
    mended = [f"mended: {line.removeprefix(TOLD)}" for line in told]
    if salvaged:
        mended.append(
            f"made the catalog anew: {salvaged.texts} texts, {salvaged.passages} passages and"
            f" {salvaged.vectors} vectors are whole"
        )
        wanted |= set(salvaged.lost)
    mending.mend_facts()
    sources, bad = catalog.texts.sources()
    catalog.texts.remove_damaged(bad)
    wanted.update(path for path in bad if is_by_name(path))  # no walk finds them
    mended += [f"mended: where {path} belongs" for path in bad]
    torn = {sources[path].content for path in wanted if path in sources}
    for content in {*torn, *mending.damaged_contents()}:
        homes = mending.homes(content)
        wanted.update(homes)
        if any(_is_readable(_on_disk(index, path)) for path in homes) or not homes:
            mending.drop(content)
        else:
            mending.keep_what_is_whole(content)
    holding = {holder for path in wanted for holder in holders(path)}
    if bad:  # they may have been members of any
        archives = catalog.texts.types_like(ARCHIVE.type)
        holding |= {holder for path in sources for holder in holders(path)}
        holding |= {path for path, source in sources.items() if source.content in archives}
    catalog.texts.remove_sources(holding)  # so that they are opened again
    lacking = catalog.chunks.of_vectors(mending.lacking_vectors(index.maker.dim))
    for chunk in {id_ for ids in lacking.values() for id_ in ids}:
        catalog.chunks.forget_vector(chunk)
    for stored in list(misled(index)):
        catalog.chunks.forget_vector(stored.id)
    mending.drop_unused_vectors(index.maker.dim)
    return wanted, mended


def _to_read(index: Index, wanted: set[str], *, every: bool) -> Survey:
    """Find the files to read: those at ``wanted``, and with ``every`` all that are not known."""
    roots = index.catalog.ledger.roots()
    outside = [path for path in wanted if not any(index.is_below(path, root) for root in roots)]
    places = [*map(index.full_path, roots), *sorted({_on_disk(index, path) for path in outside})]
    found = survey(index, places, stored=index.stored_path)
    fresh = {file.name or index.stored_path(file.path): file for file in found.fresh}
    chosen = tuple(
        file
        for path, file in fresh.items()
        if path in wanted
        or (every and path not in found.sources)
        or any(is_below(member, path) for member in wanted)
    )
    return Survey(chosen, (), (), (), (), found.sources, (), (), (), members=found.members)


def _remedy(path: str, told: Mapping[str, str]) -> str:
    """Return what is to be done so that the text at a path is read again."""
    if path.startswith(PIPED):
        return f"{GONE}; pipe it in again: ... | ragkit ingest - --name {path.removeprefix(PIPED)}"
    if is_by_name(path):
        return f"{GONE}; 'ragkit ingest' fetches it again"
    lost = told.get(path, f"{GONE}, and so is the file; put it back")
    return f"{lost}; then 'ragkit ingest' reads it again"


def _waiting(index: Index) -> dict[str, int]:
    """Return the number of passages without a vector of each path that has any."""
    waiting = index.catalog.chunks.waiting()
    homes = {content: index.catalog.mending.homes(content) for content in waiting}
    return {path: waiting[content] for content, paths in homes.items() for path in paths}


def _on_disk(index: Index, path: str) -> Path:
    """Return the file that has a source, an archive for its members."""
    return index.full_path(next(holders(path), path))


def _is_readable(file: Path) -> bool:
    try:
        with file.open("rb"):
            return True
    except OSError:
        return False
