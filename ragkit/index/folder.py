"""Find, make and open the folder of an index."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ragkit.catalog import FILE, UNFINISHED, Catalog
from ragkit.errors import (
    ConfigError,
    IndexMissingError,
    IndexStaleError,
    IndexWriteError,
    NoSuchPathError,
)
from ragkit.index.lock import LOCK, cannot_write
from ragkit.protocols import Embedder, ServedEmbedder

NAME = ".ragkit"
VERSION, PROBE = "embedder_version", "embedder_probe"  # facts that tell a drift of vectors
PARAMETERS = "embedder_parameters"  # what the embedder is to be made with again
PACE = "tokens_per_s"  # what the last long ingest embedded, in the catalog's facts
BESIDE = "reindex"  # the folder in it where vectors of another embedder are built
LEFTOVER = re.compile(rf"dense-\d{{6,}}\.faiss|lexical-\d{{6,}}|{re.escape(FILE)}-\w+|{BESIDE}")
SAME_COSINE = 0.995  # of one text's vectors; another device or rounding stays above .999


def find(start: Path) -> Path | None:
    """Return the index folder of ``start`` or of the nearest folder above it, as git does."""
    for folder in (start, *start.parents):
        if (folder / NAME / FILE).is_file():
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


class Index:
    """An open index. Paths of sources are kept relative to the folder that holds it."""

    def __init__(self, folder: Path, catalog: Catalog, maker: Maker) -> None:
        self.folder = folder
        self.catalog = catalog
        self.maker = maker
        self.base = folder.parent

    @classmethod
    def open(cls, folder: Path, *, writing: bool = False) -> Index:
        """Open the index in ``folder``.

        Raises:
            IndexMissingError: there is none.
            IndexStaleError: it is of another format.
            IndexDamagedError: its catalog cannot be read.
        """
        folder = folder.absolute()
        if folder.exists() and not folder.is_dir():
            raise IndexMissingError(
                f"{folder} is a file, not the folder of an index", hint="name another with --index"
            )
        catalog = Catalog.open(folder, writing=writing)
        try:
            with catalog.errors():
                return cls(folder, catalog, _maker(folder, catalog))
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
        ours = (LOCK, "config.toml", UNFINISHED)
        facts = {name: str(getattr(maker, name)) for name in Maker.__slots__}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files = [file for file in folder.iterdir() if not file.name.startswith(ours)]
            others = [file.name for file in files if not LEFTOVER.fullmatch(file.name)]
            if not others:
                for file in files:
                    shutil.rmtree(file) if file.is_dir() else file.unlink()
                return cls(folder, Catalog.create(folder, facts), maker)
        except OSError as error:
            raise cannot_write(folder, error) from error
        raise IndexWriteError(
            f"{folder} holds other things ({min(others)}), so no index is made in it",
            hint="name a new or empty folder with --index",
        )

    def close(self) -> None:
        """Close the catalog."""
        self.catalog.close()

    def require(self, maker: Maker) -> None:
        """Refuse a maker that does not fit.

        Raises:
            IndexStaleError: the index was made with another embedder or chunk size.
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
        """Refuse a maker whose chunks are of another size.

        Raises:
            IndexStaleError: they are.
        """
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
        cosine = float(embedder.probe() @ probe)
        if cosine < SAME_COSINE:
            raise IndexStaleError(
                f"{embedder.name} gives other vectors than those of the index at {self.folder}:"
                f" a fixed text has a cosine of {cosine:.2f} with its own (seen then: {known},"
                f" now: {version})",
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

    def bytes_on_disk(self) -> int:
        """Return the size of all files of the index."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())


def _maker(folder: Path, catalog: Catalog) -> Maker:
    facts = {name: catalog.ledger.meta(name) or "" for name in Maker.__slots__}
    if not all(facts.values()):
        raise IndexStaleError(
            f"the index at {folder} was never finished", hint=f"delete {folder} and ingest"
        )
    return Maker(
        facts["embedder"], facts["fingerprint"], int(facts["dim"]), int(facts["chunk_tokens"])
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


def stored_path(path: str | Path, base: Path) -> str:
    """Return ``path`` relative to ``base`` where it lies below it, else absolute; links are kept.

    >>> stored_path(Path("/kb/docs/../a.md"), Path("/kb")), stored_path(Path("/b"), Path("/kb"))
    ('a.md', '/b')
    """
    # On plain strings: a walk asks for thousands.
    absolute = os.path.abspath(path)  # noqa: PTH100
    folder = os.path.join(base, "")  # noqa: PTH118
    inside = absolute.removeprefix(folder) if absolute.startswith(folder) else absolute
    return "." if absolute == os.fspath(base) else inside.replace(os.sep, "/")
