"""The passages of texts: spans of a content, and which vector stands for each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ragkit.catalog.database import seal_of
from ragkit.catalog.rows import StoredChunk, column, pairs
from ragkit.errors import IndexDamagedError
from ragkit.types import Chunk

Damaged = Callable[[Iterable[int], str], IndexDamagedError]


class ChunkTable:
    """The table ``chunks``.

    Args:
        connection: to the catalog.
        damaged: returns the error that names the files of contents, and what of them is damaged.
    """

    def __init__(self, connection: sqlite3.Connection, damaged: Damaged) -> None:
        self._db = connection
        self._damaged = damaged

    def put(self, content: int, text: str, chunks: Sequence[Chunk], vectors: Sequence[int]) -> None:
        """Keep the chunks of a content, whose text this is, in place of those it had.

        ``vectors`` are their vectors' ids, 0 for none.
        """
        self.drop(content)
        rows = []
        at = at_byte = 0
        for chunk, vector in zip(chunks, vectors, strict=True):
            at_byte += len(text[at : chunk.start].encode())
            at = chunk.start
            piece = chunk.text.encode()
            row = (content, chunk.start, chunk.end, at_byte, len(piece), *chunk.lines, chunk.page,
                   _headings_column(chunk.headings), column(chunk.places), vector)  # fmt: skip
            rows.append((*row, seal_of(piece, *row)))
        self._db.executemany(
            "INSERT INTO chunks(content,start,end,first_byte,bytes,first_line,last_line,page,"
            "headings,places,vector,seal) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
            rows,
        )

    def get(self, ids: Iterable[int]) -> dict[int, StoredChunk]:
        """Return chunks by id, those that are gone left out.

        Raises:
            IndexDamagedError: one is not what was written.
        """
        return {id_: found for id_ in ids for found in self._chunks("id=?", (id_,))}

    def after(self, last_id: int) -> Iterator[StoredChunk]:
        """Yield the chunks written after ``last_id``, in order of id."""
        yield from self._chunks("id>? ORDER BY id", (last_id,))

    def of(self, content: int) -> Iterator[StoredChunk]:
        """Yield the chunks of a content, in order.

        Raises:
            IndexDamagedError: one is not what was written.
        """
        yield from self._chunks("content=? ORDER BY id", (content,))

    def _chunks(self, condition: str, values: tuple[object, ...]) -> Iterator[StoredChunk]:
        for id_, text, row in self._rows(condition, values):
            content, start, end, _, _, first, last, page, headings, places, vector = row
            chunk = Chunk(text.decode(), start, end, (first, last), page,
                          _headings(headings), pairs(places))  # fmt: skip
            yield StoredChunk(id_, content, vector, chunk)

    def _rows(
        self, condition: str, values: tuple[object, ...]
    ) -> Iterator[tuple[int, bytes, list[Any]]]:
        """Yield the id, the text and the sealed columns of chunks, each held against its seal."""
        # Pieces are read out of an open blob: substr() walks a long text from its beginning. It is
        # closed as it is let go, also if the catalog was closed before.
        content, blob = 0, None
        for id_, *row, seal in self._db.execute(
            "SELECT id,content,start,end,first_byte,bytes,first_line,last_line,page,headings,"
            f"places,vector,seal FROM chunks WHERE {condition}",
            values,
        ):
            try:
                if blob is None or row[0] != content:
                    blob = self._db.blobopen("contents", "text", row[0], readonly=True)
                    content = row[0]
                blob.seek(row[3])
                text = blob.read(row[4])
            except (sqlite3.OperationalError, TypeError, ValueError, OverflowError):
                text = b""  # no such row, no blob in it, no such place: the seal tells
            if seal != seal_of(text, *row):
                raise self._damaged([row[0]], "a passage")
            yield id_, text, row

    def drop(self, content: int) -> None:
        """Drop the chunks of a content; the search files are told which."""
        if dropped := self._db.execute(
            "DELETE FROM chunks WHERE content=? RETURNING id", (content,)
        ).fetchall():
            self._db.executemany("INSERT INTO removed VALUES(?)", dropped)

    def ids_in(self, contents: Collection[int]) -> list[int]:
        """Return the ids of the chunks of some contents."""
        rows = self._db.execute(
            "SELECT id FROM chunks WHERE content IN (SELECT value FROM json_each(?))",
            (json.dumps(list(contents)),),
        )
        return [id_ for (id_,) in rows]

    def contents_of(self, chunks: Iterable[int]) -> dict[int, int]:
        """Return the content of each of ``chunks`` that exists."""
        return self._each("content", chunks)

    def counts(self) -> dict[int, int]:
        """Return the number of chunks of each content that has any."""
        return dict(self._db.execute("SELECT content,count(*) FROM chunks GROUP BY content"))

    def contents(self) -> list[int]:
        """Return the contents that have chunks, in order."""
        rows = self._db.execute("SELECT DISTINCT content FROM chunks ORDER BY content")
        return [content for (content,) in rows]

    def of_vectors(self, vectors: Iterable[int]) -> dict[int, list[int]]:
        """Return the ids of the chunks that each vector stands for, those without any left out."""
        found: dict[int, list[int]] = {}
        for vector, chunk in self._db.execute(
            "SELECT vector,id FROM chunks WHERE vector IN (SELECT value FROM json_each(?))",
            (json.dumps(list(vectors)),),
        ):
            found.setdefault(vector, []).append(chunk)
        return found

    def vectors_of(self, chunks: Iterable[int]) -> dict[int, int]:
        """Return the vector's id of each chunk that exists."""
        return self._each("vector", chunks)

    def _each(self, column: str, chunks: Iterable[int]) -> dict[int, int]:
        rows = self._db.execute(
            f"SELECT id,{column} FROM chunks WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(chunks)),),
        )
        return dict(rows.fetchall())

    def waiting(self) -> dict[int, int]:
        """Return the number of chunks without a vector of each content that has any."""
        return dict(
            self._db.execute("SELECT content,count(*) FROM chunks WHERE vector=0 GROUP BY content")
        )

    def give_vectors(self, content: int, vectors: Mapping[int, int]) -> None:
        """Give the chunks of a content other vectors: the ids of these by the chunks', 0 for none.

        Raises:
            IndexDamagedError: a chunk is not what was written.
        """
        self._db.executemany(
            "UPDATE chunks SET vector=?, seal=? WHERE id=?",
            [
                (vectors[id_], seal_of(text, *row[:-1], vectors[id_]), id_)
                for id_, text, row in self._rows("content=?", (content,))
            ],
        )

    def let_wait(self, contents: Iterable[int]) -> None:
        """Let chunks be without a vector, though they are damaged: their files are read again."""
        self._db.executemany(
            "UPDATE chunks SET vector=0 WHERE content=?", [(content,) for content in contents]
        )

    def forget_vector(self, chunk: int) -> None:
        """Leave a chunk without a vector."""
        for _, text, row in self._rows("id=?", (chunk,)):
            row[-1] = 0
            self._db.execute(
                "UPDATE chunks SET vector=0, seal=? WHERE id=?", (seal_of(text, *row), chunk)
            )


@lru_cache(maxsize=100)  # the chunks of a section follow each other
def _headings_column(headings: tuple[str, ...]) -> str:
    return column(headings)


@lru_cache(maxsize=100)
def _headings(column: str) -> tuple[str, ...]:
    return tuple(json.loads(column))
