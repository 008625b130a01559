"""What is known of the index as a whole: facts, roots, and the files made from it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragkit.catalog.database import seal_of
from ragkit.errors import IndexDamagedError


@dataclass(frozen=True, slots=True)
class CacheRecord:
    """What a file made from the catalog holds: rows up to an id, and its files' checksums."""

    kind: str  # "dense" or "lexical"
    name: str
    last_id: int  # of the vector or chunk last put into it
    rows: int
    files: tuple[tuple[str, int, int], ...]  # (name, bytes, crc32)


class Ledger:
    """The tables ``meta``, ``roots``, ``caches`` and ``removed``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def meta(self, key: str) -> str | None:
        """Return a fact about the whole index.

        Raises:
            IndexDamagedError: it is not what was written.
        """
        row = self._db.execute("SELECT value,seal FROM meta WHERE key=?", (key,)).fetchone()
        if row is not None and row[1] != seal_of(None, key, row[0]):
            raise IndexDamagedError(
                f"the index is damaged: its {key!r} is not what was written",
                hint="delete its folder and ingest again; the documents themselves are not in it",
            )
        return None if row is None else str(row[0])

    def format(self) -> str:
        """Return the format of the catalog, which another format may have no seal for."""
        row = self._db.execute("SELECT value FROM meta WHERE key='format'").fetchone()
        return str(row[0]) if row else "none"

    def set_meta(self, key: str, value: str) -> None:
        """Keep a fact about the whole index."""
        self._db.execute(
            "INSERT OR REPLACE INTO meta VALUES(?,?,?)", (key, value, seal_of(None, key, value))
        )

    def roots(self) -> list[str]:
        """Return the files and folders that were ever given to ingest."""
        return [path for (path,) in self._db.execute("SELECT path FROM roots ORDER BY path")]

    def add_root(self, path: str) -> None:
        """Remember a file or folder that was given to ingest."""
        self._db.execute("INSERT OR IGNORE INTO roots VALUES(?)", (path,))

    def remove_root(self, path: str) -> None:
        """Forget a file or folder that was given to ingest."""
        self._db.execute("DELETE FROM roots WHERE path=?", (path,))

    def caches(self, kind: str) -> list[CacheRecord]:
        """Return the files made from the catalog, oldest rows first.

        A row that is damaged counts as none: what it stood for is made again.
        """
        return [
            CacheRecord(kind, name, last, rows, tuple((n, b, c) for n, b, c in json.loads(files)))
            for name, last, rows, files, seal in self._db.execute(
                "SELECT name,last_id,rows,files,seal FROM caches WHERE kind=? ORDER BY last_id",
                (kind,),
            )
            if seal == seal_of(None, kind, name, last, rows, files)
        ]

    def set_caches(self, kind: str, records: Sequence[CacheRecord]) -> None:
        """Replace what is known of the files of a kind."""
        self._db.execute("DELETE FROM caches WHERE kind=?", (kind,))
        for record in records:
            row = (kind, record.name, record.last_id, record.rows, json.dumps(record.files))
            self._db.execute("INSERT INTO caches VALUES(?,?,?,?,?,?)", (*row, seal_of(None, *row)))

    def removed(self) -> list[int]:
        """Return the chunks that are gone since the lexical cache was made."""
        return [chunk for (chunk,) in self._db.execute("SELECT chunk FROM removed")]

    def clear_removed(self) -> None:
        """Forget the chunks that are gone: the lexical cache is without them."""
        self._db.execute("DELETE FROM removed")

    def damages(self) -> Iterator[str]:
        """Read every fact and yield a line for each that is not what was written."""
        for (key,) in self._db.execute("SELECT key FROM meta").fetchall():
            try:
                self.meta(str(key))
            except IndexDamagedError as error:
                yield error.message
