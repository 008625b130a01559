"""Vectors, found by the digest of embedder and embedded text."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from ragkit.catalog.database import seal_of
from ragkit.catalog.texts import Texts
from ragkit.errors import IndexDamagedError
from ragkit.types import FloatMatrix

MOST_MARKS = 500  # of one statement; SQLite takes 999 at the least


class VectorTable:
    """The table ``vectors``; ``texts`` names the files of a damaged one."""

    def __init__(self, connection: sqlite3.Connection, texts: Texts) -> None:
        self._db = connection
        self._texts = texts

    def ids(self, keys: Iterable[bytes]) -> dict[bytes, int]:
        """Return the ids of the vectors stored under ``keys``; a damaged one counts as missing."""
        return {
            key: id_
            for some in _batched(keys)
            for id_, key, blob, seal in self._db.execute(
                f"SELECT id,key,vector,seal FROM vectors WHERE key IN ({_marks(some)})", some
            )
            if seal == seal_of(blob, key)
        }

    def key(self, id_: int) -> bytes | None:
        """Return what a vector is stored under, None if there is none."""
        row = self._db.execute("SELECT key FROM vectors WHERE id=?", (id_,)).fetchone()
        return row[0] if row else None

    def put(self, keys: Sequence[bytes], rows: FloatMatrix) -> dict[bytes, int]:
        """Keep ``rows`` ``(len(keys), dim)`` under ``keys``; return their ids.

        A damaged vector is replaced under its own id, which other texts may have too.
        """
        (last,) = self._db.execute("SELECT coalesce(max(id),0) FROM vectors").fetchone()
        blobs = [row.tobytes() for row in np.ascontiguousarray(rows, "<f4")]
        self._db.executemany(
            "INSERT INTO vectors(key,vector,seal) VALUES(?,?,?) ON CONFLICT(key) DO UPDATE SET"
            " vector=excluded.vector, seal=excluded.seal",
            [(k, blob, seal_of(blob, k)) for k, blob in zip(keys, blobs, strict=True)],
        )
        ids = {
            key: id_
            for some in _batched(keys)
            for key, id_ in self._db.execute(
                f"SELECT key,id FROM vectors WHERE key IN ({_marks(some)})", some
            )
        }
        if min(ids.values(), default=last + 1) <= last:  # its cache holds only what comes after
            self._db.execute("DELETE FROM caches WHERE kind='dense'")
        return ids

    def rows(self, ids: Iterable[int], dim: int) -> tuple[list[int], FloatMatrix]:
        """Return the vectors that exist of ``ids``, as their ids and ``(len(ids), dim)`` rows."""
        rows = [
            row
            for id_ in ids
            for row in self._db.execute("SELECT id,key,vector,seal FROM vectors WHERE id=?", (id_,))
        ]
        return self._matrix(rows, dim)

    def after(
        self, last_id: int, dim: int, *, batch: int = 4096
    ) -> Iterator[tuple[list[int], FloatMatrix]]:
        """Yield the vectors written after ``last_id``, in order of id, some thousands at a time."""
        found = self._db.execute(
            "SELECT id,key,vector,seal FROM vectors WHERE id>? ORDER BY id", (last_id,)
        )
        while rows := found.fetchmany(batch):
            yield self._matrix(rows, dim)

    def sample(self, dim: int, *, most: int = 10_000) -> FloatMatrix:
        """Return at most ``most`` vectors ``(n, dim)``, evenly spread over those there are."""
        ids = self._db.execute(
            "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM vectors)"
            " WHERE place % (1 + (SELECT count(*) FROM vectors) / ?) = 0",
            (most,),
        ).fetchall()
        return self.rows([id_ for (id_,) in ids], dim)[1]

    def _matrix(
        self, rows: Sequence[tuple[int, bytes, bytes, bytes]], dim: int
    ) -> tuple[list[int], FloatMatrix]:
        for id_, key, blob, seal in rows:
            if seal != seal_of(blob, key) or len(blob) != 4 * dim:
                raise self._damaged(id_)
        joined = b"".join(blob for _, _, blob, _ in rows)
        return [row[0] for row in rows], np.frombuffer(joined, "<f4").reshape(len(rows), dim)

    def _damaged(self, id_: int) -> IndexDamagedError:
        """Return the error that names all files with a passage that has this vector."""
        owners = self._db.execute("SELECT DISTINCT content FROM chunks WHERE vector=?", (id_,))
        return self._texts.damaged([content for (content,) in owners], "a vector")

    def remove_orphans(self) -> int:
        """Drop the vectors that no chunk uses; return how many."""
        return self._db.execute(
            "DELETE FROM vectors WHERE id NOT IN (SELECT vector FROM chunks)"
        ).rowcount

    def clear(self) -> None:
        """Drop all vectors; their chunks are to be given others in the same transaction."""
        self._db.execute("DELETE FROM vectors")

    def damages(self, dim: int) -> Iterator[str]:
        """Read every vector in use and yield a line for each that is not what was written."""
        used = "SELECT DISTINCT vector FROM chunks WHERE vector>0"
        for (id_,) in self._db.execute(used).fetchall():
            try:
                if not self.rows([id_], dim)[0]:
                    yield self._damaged(id_).message
            except IndexDamagedError as error:
                yield error.message


def _batched(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    waiting = iter(keys)
    while some := list(islice(waiting, MOST_MARKS)):
        yield some


def _marks(keys: Sequence[bytes]) -> str:
    return ",".join("?" * len(keys))
