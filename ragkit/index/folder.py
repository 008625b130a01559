"""Find, make and open the folder of an index; let one process write to it at a time."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import filelock

from ragkit.catalog import FILE, UNFINISHED, Catalog
from ragkit.errors import IndexLockedError, IndexMissingError, IndexStaleError, IndexWriteError

NAME = ".ragkit"
LOCK = "writer.lock"


def find(start: Path) -> Path | None:
    """Return the index folder of ``start`` or of the nearest folder above it, as git does."""
    for folder in (start, *start.parents):
        if (folder / NAME / FILE).is_file():
            return folder / NAME
    return None


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
        facts = {name: catalog.ledger.meta(name) or "" for name in Maker.__slots__}
        if not all(facts.values()):
            catalog.close()
            raise IndexStaleError(
                f"the index at {folder} was never finished", hint=f"delete {folder} and ingest"
            )
        maker = Maker(
            facts["embedder"], facts["fingerprint"], int(facts["dim"]), int(facts["chunk_tokens"])
        )
        return cls(folder, catalog, maker)

    @classmethod
    def create(cls, folder: Path, maker: Maker) -> Index:
        """Make an empty index in ``folder``.

        Raises:
            IndexWriteError: the folder holds other things, or cannot be written.
        """
        folder = folder.absolute()
        ours = (LOCK, "config.toml", UNFINISHED)
        facts = {name: str(getattr(maker, name)) for name in Maker.__slots__}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            others = [file.name for file in folder.iterdir() if not file.name.startswith(ours)]
            if not others:
                return cls(folder, Catalog.create(folder, facts), maker)
        except OSError as error:
            raise _cannot_write(folder, error) from error
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
                hint=f"make another with --index FOLDER, or delete {self.folder} and ingest again",
            )
        if maker.chunk_tokens != self.maker.chunk_tokens:
            raise IndexStaleError(
                f"the index at {self.folder} has chunks of {self.maker.chunk_tokens} tokens,"
                f" not {maker.chunk_tokens}",
                hint="leave chunk_tokens as it was, or make another index with --index FOLDER",
            )

    def stored_path(self, path: Path) -> str:
        """Return ``path`` as the catalog keeps it: relative to the base where it lies below."""
        return stored_path(path, self.base)

    def full_path(self, stored: str) -> Path:
        """Return where a stored path lies on this machine."""
        return self.base / PurePosixPath(stored)

    def bytes_on_disk(self) -> int:
        """Return the size of all files of the index."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())


def stored_path(path: Path, base: Path) -> str:
    """Return ``path`` relative to ``base`` where it lies below it, else absolute; links are kept.

    >>> stored_path(Path("/kb/docs/../a.md"), Path("/kb")), stored_path(Path("/b"), Path("/kb"))
    ('a.md', '/b')
    """
    absolute = Path(os.path.normpath(path.absolute()))
    return (absolute.relative_to(base) if absolute.is_relative_to(base) else absolute).as_posix()


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Be the one process that writes to the index in ``folder``. A dead process holds no lock.

    Raises:
        IndexLockedError: another one writes.
        IndexWriteError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = filelock.FileLock(folder / LOCK)
        held.acquire(timeout=0)
    except filelock.Timeout as error:
        raise IndexLockedError(
            f"another ragkit is writing to the index at {folder}",
            hint="wait until it is done; searching goes on meanwhile",
        ) from error
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        yield
    finally:
        held.release()


def _cannot_write(folder: Path, error: OSError) -> IndexWriteError:
    return IndexWriteError(
        f"cannot write to {folder}: {error.strerror or error}",
        hint="free some space, mend its permissions, or name another folder with --index",
    )
