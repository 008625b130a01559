"""One open catalog: the file, and its tables by what they hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from ragkit.catalog.database import (
    FILE,
    connect,
    decoded,
    errors,
    has_our_tables,
    is_marked_as_written,
    require_format,
)
from ragkit.catalog.failures import Failures
from ragkit.catalog.ledger import Ledger
from ragkit.catalog.replacing import replacement
from ragkit.catalog.texts import Texts
from ragkit.catalog.vectors import VectorTable
from ragkit.errors import IndexMissingError, IndexWriteError

if TYPE_CHECKING:
    from ragkit.catalog.mending import Mending


def is_there(folder: Path) -> bool:
    """Say whether there is a catalog in ``folder``.

    Raises:
        IndexWriteError: that may not be looked at.
    """
    try:
        return (folder / FILE).is_file()
    except OSError as error:  # also of a name that is too long
        raise IndexWriteError(
            f"cannot look into {folder}: {error.strerror}",
            hint="mend its permissions, or name another index with --index FOLDER",
        ) from error


def _identity(folder: Path) -> tuple[int, int]:
    """Return what tells the file of a catalog from one that was put in its place."""
    try:
        stat = (folder / FILE).stat()
    except OSError:
        return 0, 0
    return stat.st_dev, stat.st_ino


class Catalog:
    """One open catalog. A writer's changes are kept at the end of each ``transaction``."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.texts = Texts(connection)
        self.chunks = self.texts.chunks
        self.vectors = VectorTable(connection, self.texts)
        self.ledger = Ledger(connection)
        self.failures = Failures(connection)
        self._db = connection
        self._file = _identity(folder)

    @classmethod
    def create(cls, folder: Path, facts: Mapping[str, str]) -> Catalog:
        """Make an empty catalog in ``folder``, which exists and holds none; keep ``facts`` in it.

        It has another name until it is whole: what stands under its own name can be opened.
        """
        with replacement(folder) as db:
            for key, value in facts.items():
                Ledger(db).set_meta(key, value)
        return cls.open(folder, writing=True)

    @classmethod
    def open(cls, folder: Path, *, writing: bool = False) -> Catalog:
        """Open the catalog in ``folder``.

        Raises:
            IndexMissingError: there is none.
            IndexStaleError: it is of another format.
            IndexDamagedError: it is not a catalog.
        """
        file = folder / FILE
        if not is_there(folder):
            raise IndexMissingError(
                f"no index at {folder}", hint=f"ragkit ingest FOLDER --index {quote(str(folder))}"
            )
        with errors(folder):
            db = connect(file, writing=writing)
            try:
                catalog = cls._configured(folder, db)
                require_format(folder, catalog.ledger.format())
            except BaseException:
                db.close()  # at once: a connection that is open keeps the log from being folded in
                raise
        return catalog

    @classmethod
    def _configured(cls, folder: Path, db: sqlite3.Connection) -> Catalog:
        db.text_factory = decoded
        db.execute("PRAGMA trusted_schema=OFF")  # the file may have come from elsewhere
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA wal_autocheckpoint=4000")  # 32 MB: a page is written twice less often
        db.execute("PRAGMA busy_timeout=10000")
        db.execute("PRAGMA foreign_keys=ON")
        return cls(folder, db)

    def close(self) -> None:
        """Close the file; a writer's log is folded into it."""
        self._db.close()

    @cached_property
    def mending(self) -> Mending:
        """What takes damaged rows out of the others' way."""
        from ragkit.catalog.mending import Mending

        return Mending(self._db, self.texts, self.ledger, self.failures)

    def is_in_place(self) -> bool:
        """Say whether the file in the folder is still the one that was opened."""
        return _identity(self.folder) == self._file

    def errors(self) -> AbstractContextManager[None]:
        """Turn what SQLite says of this file in the block into our errors."""
        return errors(self.folder)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all writes in the block, or none of them.

        Raises:
            IndexWriteError: no space, no permission. Nothing of the block was kept.
        """
        with self.errors():
            try:  # around BEGIN too: an interrupt may come just after it
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let every read in the block see the same state, whatever a writer does."""
        with self.errors():
            try:
                self._db.execute("BEGIN")
                yield
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def version(self) -> int:
        """Return a number that changes when another connection has written."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def count_after(self, table: str, last_id: int) -> int:
        """Return the number of rows of ``chunks`` or ``vectors`` above an id."""
        row = self._db.execute(f"SELECT count(*) FROM {table} WHERE id>?", (last_id,)).fetchone()
        return int(row[0])

    def last_id(self, table: str) -> int:
        """Return the highest id in ``chunks`` or ``vectors``, 0 if it is empty."""
        return int(self._db.execute(f"SELECT coalesce(max(id),0) FROM {table}").fetchone()[0])

    def copy_to(self, file: Path) -> None:
        """Write this state to ``file``, which is not there; what is known of caches stays out."""
        self._db.execute("VACUUM INTO ?", (str(file),))
        with closing(sqlite3.connect(file, isolation_level=None)) as db:
            db.execute("BEGIN")
            for table in ("caches", "removed"):
                db.execute(f"DELETE FROM {table}")
            for key in ("lexical_terms", "generation", "writer"):
                Ledger(db).drop_meta(key)
            db.execute("COMMIT")
            db.execute("PRAGMA journal_mode=WAL")

    def pages(self) -> tuple[int, int]:
        """Return how many pages of the file are free, and how many it has."""
        free, count = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("freelist_count", "page_count")
        )
        return free, count

    def vacuum(self) -> None:
        """Give free pages back, as far as no reader has them open."""
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def reindex(self) -> None:
        """Make SQLite's own indexes anew, from the rows."""
        self._db.execute("REINDEX")

    def damages(self, dim: int) -> list[str]:
        """Read every row and return a line for each that is not what was written."""
        found = [f"sqlite: {row}" for (row,) in self._db.execute("PRAGMA integrity_check(20)")]
        lines = [line for line in found if line != "sqlite: ok"]
        if not has_our_tables(self._db):
            return [*lines, "the index is damaged: its tables are not those that were made"]
        if not is_marked_as_written(self.folder / FILE):
            lines.append("the index is damaged: its file is marked as one not to be written")
        lines += [
            *self.ledger.damages(),
            *self.failures.damages(),
            *self.texts.damages(),
            *self.vectors.damages(dim),
        ]
        return list(dict.fromkeys(lines))
