"""What is known of the index as a whole: facts, roots, and the files made from it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ragkit.catalog.database import APPLICATION, seal_of
from ragkit.errors import IndexDamagedError

FACTS = ("meta", "meta_again")  # each fact stands in both
MOST_IDS = 2**62  # none can have been given


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
        rows = [
            self._db.execute(f"SELECT value,seal FROM {table} WHERE key=?", (key,)).fetchone()
            for table in FACTS
        ]
        for row in rows:
            if row is not None and row[1] == seal_of(None, key, row[0]):
                return str(row[0])
        if any(rows):
            raise _damaged_fact(key)
        return None

    def drop_meta(self, key: str) -> None:
        """Forget a fact about the whole index."""
        for table in FACTS:
            self._db.execute(f"DELETE FROM {table} WHERE key=?", (key,))

    def format(self) -> str:
        """Return the format of the catalog, which another format may have no seal for."""
        with suppress(sqlite3.OperationalError, IndexDamagedError):  # one without some table
            if known := self.meta("format"):
                return known
        row = self._db.execute("SELECT value FROM meta WHERE key='format'").fetchone()
        return str(row[0]) if row else "none"

    def set_meta(self, key: str, value: str) -> None:
        """Keep a fact about the whole index."""
        for table in FACTS:
            self._db.execute(
                f"INSERT OR REPLACE INTO {table} VALUES(?,?,?)",
                (key, value, seal_of(None, key, value)),
            )

    def facts(self) -> tuple[dict[str, str], list[str]]:
        """Return the facts that can be trusted, and the keys of rows that cannot."""
        good: dict[str, str] = {}
        bad: list[str] = []
        found = [
            self._db.execute(f"SELECT key,value,seal FROM {table}").fetchall() for table in FACTS
        ]
        for key, value, seal in (row for rows in found for row in rows):
            if seal == seal_of(None, key, value):
                good.setdefault(key, value)
            else:
                bad.append(str(key))
        known = [{row[0] for row in rows} for rows in found]
        return good, sorted({*bad, *map(str, known[0] ^ known[1])})

    def roots(self) -> list[str]:
        """Return the files and folders that were ever given to ingest.

        Raises:
            IndexDamagedError: a row is not what was written.
        """
        self._require_sealed()
        return [path for (path,) in self._db.execute("SELECT path FROM roots ORDER BY path")]

    def add_root(self, path: str) -> None:
        """Remember a file or folder that was given to ingest."""
        self._db.execute(
            "INSERT OR REPLACE INTO roots VALUES(?,?)", (path, seal_of(None, "root", path))
        )

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
        """Return the chunks that are gone since the lexical cache was made.

        None that is still there, whatever damage says: it would be found by its words no more.
        """
        gone = "SELECT chunk FROM removed WHERE chunk NOT IN (SELECT id FROM chunks)"
        return [chunk for (chunk,) in self._db.execute(gone)]

    def clear_removed(self) -> None:
        """Forget the chunks that are gone: the lexical cache is without them."""
        self._db.execute("DELETE FROM removed")

    def damages(self) -> Iterator[str]:
        """Read every fact and yield a line for each that is not what was written."""
        for key in self.facts()[1]:
            yield _damaged_fact(key).message
        yield from (error.message for _, error in self._unsealed())
        for table, least in self._least_ids():
            if not least <= self._sequence(table) < MOST_IDS:
                yield f"the index is damaged: the last number given in {table} is not what it was"
        if self._db.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
            yield "the index is damaged: its file does not say that it is one of ragkit's"

    def mend(self) -> set[str]:
        """Write anew what of the facts is whole, drop the rest, and return the keys of that."""
        good, bad = self.facts()
        for key in bad:
            self.drop_meta(key)
        for key, value in good.items():
            self.set_meta(key, value)
        for path, _ in list(self._unsealed()):
            self._db.execute("DELETE FROM roots WHERE CAST(path AS BLOB) IS ?", (path,))
        for table, least in self._least_ids():
            given = self._sequence(table)
            last = given if least <= given < MOST_IDS else least
            self._db.execute("DELETE FROM sqlite_sequence WHERE name=?", (table,))
            self._db.execute("INSERT INTO sqlite_sequence VALUES(?,?)", (table, last))
        self._db.execute(f"PRAGMA application_id={APPLICATION}")
        return set(bad) - good.keys()

    def _require_sealed(self) -> None:
        for _, error in self._unsealed():
            raise error

    def _unsealed(self) -> Iterator[tuple[bytes, IndexDamagedError]]:
        """Yield the path of each root whose row is damaged, as bytes: it may be no text."""
        query = "SELECT CAST(path AS BLOB),path,seal FROM roots"
        for as_stored, path, seal in self._db.execute(query).fetchall():
            if seal != seal_of(None, "root", path):
                told = f"the index is damaged: that {path} was given to ingest"
                yield (
                    as_stored,
                    IndexDamagedError(
                        f"{told} is not what was written", hint="ragkit check --repair"
                    ),
                )

    def _least_ids(self) -> Iterator[tuple[str, int]]:
        """Yield the highest id that is known to have been given, by table."""
        for table, kind in (("contents", ""), ("chunks", "lexical"), ("vectors", "dense")):
            (last,) = self._db.execute(f"SELECT coalesce(max(id),0) FROM {table}").fetchone()
            yield table, max([last, *(record.last_id for record in self.caches(kind))])

    def _sequence(self, table: str) -> int:
        """Return the highest id that SQLite says it has given, 0 for none and for no number."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name=?", (table,)).fetchone()
        return row[0] if row and isinstance(row[0], int) else 0


def _damaged_fact(key: str) -> IndexDamagedError:
    return IndexDamagedError(
        f"the index is damaged: its {key!r} is not what was written",
        hint="'ragkit check --repair' says what can be kept",
    )
