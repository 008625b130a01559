"""Find, make and open the folder of an index."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from ragkit.catalog import (
    FILE,
    Catalog,
    is_below,
    is_by_name,
    is_cut_short,
    is_there,
    stored_path,
)
from ragkit.errors import (
    ConfigError,
    IndexMissingError,
    IndexStaleError,
    IndexWriteError,
    NoSuchPathError,
    RagkitError,
)
from ragkit.index.lock import cannot_write, is_running
from ragkit.index.room import clear
from ragkit.protocols import SAME_COSINE, Embedder, ServedEmbedder

NAME = ".ragkit"
WRITER = "writer"  # a fact: the process that writes, "" once it has ended as it should
RENEWED = "renewed"  # a fact: all files are yet to be read again, those of all roots
VERSION, PROBE = "embedder_version", "embedder_probe"  # facts that tell a drift of vectors
PARAMETERS = "embedder_parameters"  # what the embedder is to be made with again
PACE = "tokens_per_s"  # what the last long ingest embedded, in the catalog's facts


def find(start: Path) -> Path | None:
    """Return the index folder of ``start`` or of the nearest folder above it, as git does.

    One above that may not be looked into is somebody else's.
    """
    if is_there(start / NAME):
        return start / NAME
    for folder in start.parents:
        with suppress(IndexWriteError):
            if is_there(folder / NAME):
                return folder / NAME
    return None


def locate(index: str | Path | None) -> tuple[Path | None, Path]:
    """Return the index folder, None if there is none, and where it is or would be made.

    Args:
        index: the folder, if it was named.

    Raises:
        NoSuchPathError: the working folder was deleted meanwhile.
        ConfigError: the folder's path is not UTF-8, which the search files cannot have.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError as error:
        raise NoSuchPathError(
            "the working folder is no longer there", hint="go to one that is: cd FOLDER"
        ) from error
    folder = here / index if index else find(here)
    home = folder or here / NAME
    try:
        str(home).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(home).decode("utf-8", "backslashreplace")
        raise ConfigError(
            f"no index can be at {shown}: its path is not UTF-8",
            hint="rename that folder, or name another with --index",
        ) from error
    return folder, home


@dataclass(frozen=True, slots=True)
class Maker:
    """What an index is made with; it takes chunks and vectors of no other."""

    embedder: str  # the embedder's name
    fingerprint: str
    dim: int
    chunk_tokens: int
    chunker: str = "structure"  # the setting; one's own in Python is not known by name

    def with_embedder(self, embedder: Embedder) -> Maker:
        """Return what makes the same chunks with the vectors of another embedder."""
        return replace(
            self, embedder=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim
        )


class Index:
    """An open index. Paths of sources are kept relative to the folder that holds it."""

    def __init__(self, folder: Path, catalog: Catalog, maker: Maker) -> None:
        self.folder = folder
        self.catalog = catalog
        self.maker = maker
        self.base = folder.parent
        self._writes = False

    @classmethod
    def open(cls, folder: Path, *, writing: bool = False) -> Index:
        """Open the index in ``folder``.

        Raises:
            IndexMissingError: there is none.
            IndexStaleError: it is of another format.
            IndexDamagedError: its catalog cannot be read.
        """
        folder = folder.absolute()
        require_folder(folder)
        catalog = Catalog.open(folder, writing=writing)
        try:
            with catalog.errors():
                index = cls(folder, catalog, _maker(folder, catalog))
                if writing:
                    index._begin()
                return index
        except BaseException:
            catalog.close()
            raise

    @classmethod
    def create(cls, folder: Path, maker: Maker) -> Index:
        """Make an empty index in ``folder``; what an index there has left behind goes.

        Raises:
            IndexWriteError: the folder holds other things, or cannot be written.
        """
        folder = folder.absolute()
        facts = {name: str(getattr(maker, name)) for name in Maker.__slots__}
        try:
            clear(folder)
            index = cls(folder, Catalog.create(folder, facts), maker)
        except OSError as error:
            raise cannot_write(folder, error) from error
        index._begin()
        return index

    def _begin(self) -> None:
        """Note that this process writes; see to what one has left that did not end as it should."""
        ended_well = not self.catalog.ledger.meta(WRITER)
        with self.catalog.transaction():
            self.catalog.ledger.set_meta(WRITER, str(os.getpid()))
        self._writes = True
        if not ended_well:
            from ragkit.index.caches import drop_damaged

            drop_damaged(self.catalog, self.folder)

    def is_to_be_renewed(self) -> bool:
        """Say whether all is yet to be read again, after a renewal."""
        return self.catalog.ledger.meta(RENEWED) is not None

    def forget_renewal(self) -> None:
        """Note that all files were read again, after a renewal."""
        if self.catalog.ledger.meta(RENEWED):
            with self.catalog.transaction():
                self.catalog.ledger.drop_meta(RENEWED)

    def has_lost_transactions(self) -> bool:
        """Say whether the log has some that SQLite does not see; nobody may be writing to it."""
        writer = self.catalog.ledger.meta(WRITER)
        is_quiet = not writer or not is_running(int(writer))
        return is_quiet and is_cut_short(self.folder / f"{FILE}-wal")

    def ended_badly(self) -> bool:
        """Say whether the last writer is gone and did not end as it should."""
        writer = self.catalog.ledger.meta(WRITER)
        return bool(writer) and not is_running(int(writer or 0))

    def close(self) -> None:
        """Close the catalog.

        Raises:
            IndexWriteError: what was written is not where it should be: somebody took it away.
        """
        is_there_still = True
        if self._writes:
            self._writes = False
            is_there_still = self.catalog.is_in_place()
            with suppress(RagkitError), self.catalog.transaction():
                self.catalog.ledger.set_meta(WRITER, "")  # no space: the caches are checked again
        self.catalog.close()
        if not is_there_still:
            raise IndexWriteError(
                f"the index at {self.folder} was deleted or replaced while it was written",
                hint="what was done is lost with it: run it again",
            )

    def require(self, maker: Maker) -> None:
        """Refuse a maker that does not fit.

        Raises:
            IndexStaleError: the index was made with another embedder, chunker or chunk size.
        """
        if maker.fingerprint != self.maker.fingerprint:
            raise IndexStaleError(
                f"the index at {self.folder} was made with the embedder {self.maker.embedder}"
                f" ({self.maker.fingerprint}), not {maker.embedder} ({maker.fingerprint}):"
                " their vectors cannot be compared",
                hint="'ragkit ingest --reindex' embeds all passages with the one you name;"
                " or make another index with --index FOLDER",
            )
        self.require_chunks(maker)

    def require_chunks(self, maker: Maker) -> None:
        """Refuse a maker whose chunks are cut otherwise, or are of another size.

        Raises:
            IndexStaleError: they are.
        """
        if maker.chunker != self.maker.chunker:
            raise IndexStaleError(
                f"the index at {self.folder} was cut by the chunker {self.maker.chunker!r},"
                f" not {maker.chunker!r}",
                hint=f"leave the chunker as it was (--chunker {self.maker.chunker}),"
                " or make another index with --index FOLDER",
            )
        if maker.chunk_tokens != self.maker.chunk_tokens:
            raise IndexStaleError(
                f"the index at {self.folder} has chunks of {self.maker.chunk_tokens} tokens,"
                f" not {maker.chunk_tokens}",
                hint="leave chunk_tokens as it was, or make another index with --index FOLDER",
            )

    def refresh(self) -> None:
        """Read again what the index is made with: another process may have embedded it anew."""
        with self.catalog.errors():
            self.maker = _maker(self.folder, self.catalog)

    def admit(self, embedder: Embedder) -> None:
        """Refuse an embedder whose vectors have changed; remember what it is like now.

        Raises:
            IndexStaleError: as ``require_same_vectors``.
        """
        facts: dict[str, str] = {}
        if self.catalog.ledger.meta(VERSION) is None:
            facts = _drift_facts(embedder)
        elif self.require_same_vectors(embedder) and isinstance(embedder, ServedEmbedder):
            facts = {VERSION: embedder.version()}  # the first probe stays: small drifts add up
        with self.catalog.transaction():
            for name, value in facts.items():
                self.catalog.ledger.set_meta(name, value)

    def require_same_vectors(self, embedder: Embedder) -> bool:
        """Refuse an embedder that gives texts other vectors than it did; say whether it was asked.

        A server's release and a model's digest say that vectors may differ, not whether they do:
        one model and text had a cosine of 0.85 between two releases, and 1.0 between others. So a
        fixed text is embedded again when either has changed.

        Raises:
            IndexStaleError: its vector is another one than the index saw.
        """
        known = self.catalog.ledger.meta(VERSION)
        if known is None or not isinstance(embedder, ServedEmbedder):
            return False
        version = embedder.version()
        if version == known:
            return False
        probe = np.frombuffer(bytes.fromhex(self.catalog.ledger.meta(PROBE) or ""), "<f4")
        now = embedder.probe()
        cosine = float(now @ probe) if now.shape == probe.shape else 0.0
        if cosine < SAME_COSINE:
            told = f"a fixed text has a cosine of {cosine:.2f} with its own"
            if now.shape != probe.shape:
                told = f"they have {len(now)} numbers, not {len(probe)}"
            raise IndexStaleError(
                f"{embedder.name} gives other vectors than those of the index at {self.folder}:"
                f" {told} (seen then: {known}, now: {version})",
                hint="'ragkit ingest --reindex' embeds all passages again;"
                " 'ragkit search --mode lexical' works meanwhile",
            )
        return True

    def stored_path(self, path: str | Path) -> str:
        """Return ``path`` as the catalog keeps it: relative to the base where it lies below."""
        return stored_path(path, self.base)

    def full_path(self, stored: str) -> Path:
        """Return where a stored path lies on this machine."""
        return self.base / PurePosixPath(stored)

    def whole_path(self, stored: str) -> str:
        """Return a stored path as an absolute one; what lies in no folder stays as it is."""
        return stored if is_by_name(stored) else self.full_path(stored).as_posix()

    def is_below(self, path: str, folder: str) -> bool:
        """Say whether a stored path is ``folder`` or lies below it.

        It does too where the base itself lies below the folder, and where the path was kept as an
        absolute one, by an index that lay elsewhere then.
        """
        if is_below(path, folder):
            return True
        return is_below(self.whole_path(path), self.whole_path(folder))

    def bytes_on_disk(self) -> int:
        """Return the size of all files of the index."""
        return bytes_in(self.folder)


def require_folder(folder: Path) -> None:
    """Refuse a file where the folder of an index is meant.

    Raises:
        IndexMissingError: it is one.
        IndexWriteError: it may not be looked at.
    """
    if not is_there(folder) and folder.is_file():
        raise IndexMissingError(
            f"{folder} is a file, not the folder of an index",
            hint="name the folder of an index, or a new one, with --index FOLDER",
        )


def _maker(folder: Path, catalog: Catalog) -> Maker:
    facts = {name: catalog.ledger.meta(name) or "" for name in Maker.__slots__}
    if not all(facts.values()):
        raise IndexStaleError(
            f"the index at {folder} was never finished", hint=f"delete {folder} and ingest"
        )
    return Maker(
        facts["embedder"],
        facts["fingerprint"],
        int(facts["dim"]),
        int(facts["chunk_tokens"]),
        facts["chunker"],
    )


def facts_of(index: Index) -> dict[str, str]:
    """Return what an index is made with and what a drift is told by, by the names of its facts."""
    names = (*Maker.__slots__, VERSION, PROBE, PARAMETERS)
    facts = {name: index.catalog.ledger.meta(name) for name in names}
    return {name: value for name, value in facts.items() if value is not None}


def _drift_facts(embedder: Embedder) -> dict[str, str]:
    """Return what a later drift of the embedder's vectors is told by."""
    if not isinstance(embedder, ServedEmbedder):
        return {}
    return {VERSION: embedder.version(), PROBE: embedder.probe().tobytes().hex()}


def bytes_in(folder: Path) -> int:
    """Return the size of all files below ``folder``, but for what SQLite shares while it runs.

    A writer may take away search files meanwhile, which count for nothing then.
    """
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += 0 if name.endswith("-shm") else Path(place, name).stat().st_size
    return total
