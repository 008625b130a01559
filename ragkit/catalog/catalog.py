"""One open catalog: the file, and its tables by what they hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from shlex import quote

from ragkit.catalog.database import (
    APPLICATION,
    FILE,
    FORMAT,
    SCHEMA,
    UNFINISHED,
    connect,
    decoded,
    errors,
)
from ragkit.catalog.failures import Failures
from ragkit.catalog.ledger import Ledger
from ragkit.catalog.texts import Texts
from ragkit.catalog.vectors import VectorTable
from ragkit.errors import IndexMissingError, IndexStaleError


class Catalog:
    """One open catalog. A writer's changes are kept at the end of each ``transaction``."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.texts = Texts(connection)
        self.vectors = VectorTable(connection, self.texts)
        self.ledger = Ledger(connection)
        self.failures = Failures(connection)
        self._db = connection

    @classmethod
    def create(cls, folder: Path, facts: Mapping[str, str]) -> Catalog:
        """Make an empty catalog in ``folder``, which exists and holds none; keep ``facts`` in it.

        It has another name until it is whole: what stands under its own name can be opened.
        """
        unfinished = folder / UNFINISHED
        with errors(folder):
            for leftover in folder.glob(f"{UNFINISHED}*"):
                leftover.unlink()
            with closing(sqlite3.connect(unfinished, isolation_level=None)) as db:
                db.execute("PRAGMA page_size=8192")
                db.execute(f"PRAGMA application_id={APPLICATION}")
                db.executescript(f"BEGIN; {SCHEMA}; COMMIT")
                ledger = Ledger(db)
                for key, value in {"format": FORMAT, **facts}.items():
                    ledger.set_meta(key, value)
                # Only now: a log would stay behind, where there is no space to fold it in.
                db.execute("PRAGMA journal_mode=WAL")
            unfinished.replace(folder / FILE)
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
        if not file.is_file():
            raise IndexMissingError(
                f"no index at {folder}", hint=f"ragkit ingest FOLDER --index {quote(str(folder))}"
            )
        with errors(folder):
            db = connect(file, writing=writing)
            try:
                catalog = cls._configured(folder, db)
                found = catalog.ledger.format()
                if found != FORMAT:
                    raise IndexStaleError(
                        f"the index at {folder} has format {found}, this ragkit reads {FORMAT}",
                        hint=f"delete {folder} and ingest again",
                    )
            except BaseException:
                db.close()  # at once: a connection that is open keeps the log from being folded in
                raise
        return catalog

    @classmethod
    def _configured(cls, folder: Path, db: sqlite3.Connection) -> Catalog:
        db.text_factory = decoded
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA wal_autocheckpoint=4000")  # 32 MB: a page is written twice less often
        db.execute("PRAGMA busy_timeout=10000")
        db.execute("PRAGMA foreign_keys=ON")
        return cls(folder, db)

    def close(self) -> None:
        """Close the file; a writer's log is folded into it."""
        self._db.close()

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

    def reindex(self) -> None:
        """Make SQLite's own indexes anew, from the rows."""
        self._db.execute("REINDEX")

    def damages(self, dim: int) -> list[str]:
        """Read every row and return a line for each that is not what was written."""
        found = [f"sqlite: {row}" for (row,) in self._db.execute("PRAGMA integrity_check(20)")]
        lines = [
            *(line for line in found if line != "sqlite: ok"),
            *self._schema_damages(),
            *self.ledger.damages(),
            *self.failures.damages(),
            *self.texts.damages(),
            *self.vectors.damages(dim),
        ]
        return list(dict.fromkeys(lines))

    def _schema_damages(self) -> Iterator[str]:
        query = "SELECT name,sql FROM sqlite_master ORDER BY name"
        with closing(sqlite3.connect(":memory:")) as fresh:
            fresh.executescript(SCHEMA)
            if self._db.execute(query).fetchall() != fresh.execute(query).fetchall():
                yield "the index is damaged: its tables are not those that were made"
