"""Sources, their texts, and the chunks of those."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ragkit.catalog.database import digest_of, seal_of
from ragkit.errors import IndexDamagedError
from ragkit.types import Chunk, Document


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was when it was last read."""

    path: str
    content: int
    size: int
    mtime_ns: int
    seen_ns: int  # when it was read
    digest: bytes  # of its bytes


@dataclass(frozen=True, slots=True)
class Content:
    """A text and what is known of it; the text itself is read by ``Catalog.text``."""

    id: int
    type: str
    title: str
    language: str
    pages: int
    pages_without_text: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk with its ids."""

    id: int
    content: int
    vector: int
    chunk: Chunk


def _content_key(document: Document) -> bytes:
    headings = [(h.start, h.level, h.title) for h in document.headings]
    described = (document.type, document.title, headings, document.page_starts)
    return digest_of(document.text.encode(), json.dumps(described).encode())


class Texts:
    """The tables ``sources``, ``contents`` and ``chunks``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # -- sources

    def sources(self) -> tuple[dict[str, Source], list[str]]:
        """Return all sources by path, and the paths whose rows are damaged."""
        good: dict[str, Source] = {}
        bad: list[str] = []
        for *fields, seal in self._db.execute(
            "SELECT path,content,size,mtime_ns,seen_ns,digest,seal FROM sources"
        ):
            source = Source(*fields)
            if seal == seal_of(source.digest, *fields[:5]):
                good[source.path] = source
            else:
                bad.append(str(source.path))
        return good, bad

    def put_source(self, source: Source) -> None:
        """Keep a source, in place of what stood at its path; a text left homeless goes."""
        self.remove_sources([source.path], keep=source.content)
        fields = (source.path, source.content, source.size, source.mtime_ns, source.seen_ns)
        self._db.execute(
            "INSERT INTO sources VALUES(?,?,?,?,?,?,?)",
            (*fields, source.digest, seal_of(source.digest, *fields)),
        )

    def remove_sources(self, paths: Iterable[str], *, keep: int = 0) -> None:
        """Drop sources, and the texts that no other source holds but the content ``keep``."""
        for path in paths:
            row = self._db.execute("SELECT content FROM sources WHERE path=?", (path,)).fetchone()
            self._db.execute("DELETE FROM sources WHERE path=?", (path,))
            if row is not None and row[0] != keep:
                self._drop_if_homeless(row[0])

    def _drop_if_homeless(self, content: int) -> None:
        if self._db.execute("SELECT 1 FROM sources WHERE content=?", (content,)).fetchone():
            return
        self._drop_chunks(content)
        self._db.execute("DELETE FROM contents WHERE id=?", (content,))

    def _drop_chunks(self, content: int) -> None:
        self._db.execute("INSERT INTO removed SELECT id FROM chunks WHERE content=?", (content,))
        self._db.execute("DELETE FROM chunks WHERE content=?", (content,))

    def paths_of(self, contents: Iterable[int]) -> dict[int, list[str]]:
        """Return the homes of each text, sorted."""
        homes: dict[int, list[str]] = {}
        for content in set(contents):
            rows = self._db.execute("SELECT path FROM sources WHERE content=?", (content,))
            homes[content] = sorted(path for (path,) in rows)
        return homes

    # -- contents

    def content_of_file(self, digest: bytes, type: str) -> int | None:
        """Return the text that another file of the same bytes and type was read as."""
        row = self._db.execute(
            "SELECT contents.id FROM sources JOIN contents ON contents.id=content"
            " WHERE digest=? AND type=? LIMIT 1",
            (digest, type),
        ).fetchone()
        return None if row is None else int(row[0])

    def content_of_text(self, document: Document) -> int | None:
        """Return the content that is this very document, if it is stored."""
        row = self._db.execute(
            "SELECT id FROM contents WHERE key=?", (_content_key(document),)
        ).fetchone()
        return None if row is None else int(row[0])

    def put_content(
        self, document: Document, language: str, chunks: Sequence[Chunk], vectors: Sequence[int]
    ) -> int:
        """Keep a document and its chunks; ``vectors`` are the ids of the chunks' vectors.

        A content with the same text is written anew, with new ids, and keeps its homes.
        """
        key, text = _content_key(document), document.text.encode()
        fields = (document.type, document.title, language, json.dumps(document.page_starts),
                  json.dumps(document.pages_without_text), json.dumps(document.notes))  # fmt: skip
        content: int
        (content,) = self._db.execute(
            "INSERT INTO contents(key,type,title,language,page_starts,pages_without_text,notes,"
            "seal,text) VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(key) DO UPDATE SET"
            " type=excluded.type, title=excluded.title, language=excluded.language,"
            " page_starts=excluded.page_starts, pages_without_text=excluded.pages_without_text,"
            " notes=excluded.notes, text=excluded.text, seal=excluded.seal RETURNING id",
            (key, *fields, seal_of(text, key, *fields), text),
        ).fetchone()
        self._drop_chunks(content)
        rows = []
        at = at_byte = 0
        for chunk, vector in zip(chunks, vectors, strict=True):
            at_byte += len(document.text[at : chunk.start].encode())
            at = chunk.start
            piece = chunk.text.encode()
            row = (content, chunk.start, chunk.end, at_byte, len(piece), *chunk.lines, chunk.page,
                   json.dumps(chunk.headings), vector)  # fmt: skip
            rows.append((*row, seal_of(piece, *row)))
        self._db.executemany(
            "INSERT INTO chunks(content,start,end,first_byte,bytes,first_line,last_line,page,"
            "headings,vector,seal) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
            rows,
        )
        return content

    def contents(self, ids: Iterable[int] | None = None) -> dict[int, Content]:
        """Return what is known of texts (all of them by default), without the texts."""
        columns = "id,type,title,language,page_starts,pages_without_text,notes"
        if ids is None:
            rows = self._db.execute(f"SELECT {columns} FROM contents").fetchall()
        else:
            rows = [
                row
                for content in set(ids)
                for row in self._db.execute(
                    f"SELECT {columns} FROM contents WHERE id=?", (content,)
                )
            ]
        return {
            id_: Content(id_, type_, title, language, len(json.loads(pages)),
                         tuple(json.loads(blank)), tuple(json.loads(notes)))
            for id_, type_, title, language, pages, blank, notes in rows
        }  # fmt: skip

    def text(self, content: int) -> str:
        """Return the whole text of a content.

        Raises:
            IndexDamagedError: it is not what was written.
        """
        row = self._db.execute(
            "SELECT text,seal,key,type,title,language,page_starts,pages_without_text,notes"
            " FROM contents WHERE id=?",
            (content,),
        ).fetchone()
        if row is None or row[1] != seal_of(row[0], *row[2:]):
            raise self.damaged(content, "the text")
        return bytes(row[0]).decode()

    def languages(self) -> list[str]:
        """Return the languages of the texts, the commonest first."""
        rows = self._db.execute(
            "SELECT language FROM contents GROUP BY language ORDER BY count(*) DESC,language"
        )
        return [language for (language,) in rows]

    # -- chunks

    def chunks(self, ids: Iterable[int]) -> dict[int, StoredChunk]:
        """Return chunks by id, those that are gone left out.

        Raises:
            IndexDamagedError: one is not what was written.
        """
        return {id_: found for id_ in ids for found in self._chunks("id=?", (id_,))}

    def chunks_after(self, last_id: int) -> Iterator[StoredChunk]:
        """Yield the chunks written after ``last_id``, in order of id."""
        yield from self._chunks("id>? ORDER BY id", (last_id,))

    def _chunks(self, condition: str, values: tuple[object, ...]) -> Iterator[StoredChunk]:
        # Pieces are read out of an open blob: substr() walks a long text from its beginning.
        content = 0
        with ExitStack() as opened:
            for id_, *row, seal in self._db.execute(
                "SELECT id,content,start,end,first_byte,bytes,first_line,last_line,page,headings,"
                f"vector,seal FROM chunks WHERE {condition}",
                values,
            ):
                _, start, end, first_byte, length, first, last, page, headings, vector = row
                try:
                    if row[0] != content:
                        content = row[0]
                        opened.close()
                        blob = self._db.blobopen("contents", "text", content, readonly=True)
                        opened.enter_context(blob)
                    blob.seek(first_byte)
                    text = blob.read(length)
                except (sqlite3.OperationalError, TypeError, ValueError, OverflowError):
                    text = b""  # no such row, no blob in it, no such place: the seal tells
                if seal != seal_of(text, *row):
                    raise self.damaged(content, "a passage")
                chunk = Chunk(text.decode(), start, end, (first, last), page,
                              tuple(json.loads(headings)))  # fmt: skip
                yield StoredChunk(id_, content, vector, chunk)

    def chunks_of_vectors(self, vectors: Iterable[int]) -> dict[int, list[int]]:
        """Return the ids of the chunks that each vector stands for, those without any left out."""
        found: dict[int, list[int]] = {}
        for vector, chunk in self._db.execute(
            "SELECT vector,id FROM chunks WHERE vector IN (SELECT value FROM json_each(?))",
            (json.dumps(list(vectors)),),
        ):
            found.setdefault(vector, []).append(chunk)
        return found

    def vectors_of_chunks(self, chunks: Iterable[int]) -> dict[int, int]:
        """Return the vector's id of each chunk that exists."""
        rows = self._db.execute(
            "SELECT id,vector FROM chunks WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(chunks)),),
        )
        return dict(rows.fetchall())

    def chunk_counts(self) -> dict[int, int]:
        """Return the number of chunks of each content that has any."""
        return dict(self._db.execute("SELECT content,count(*) FROM chunks GROUP BY content"))

    # -- damage

    def damages(self) -> Iterator[str]:
        """Read every row and yield a line for each that is not what was written."""
        for path in self.sources()[1]:
            yield f"sources: {path}"
        for (id_,) in self._db.execute("SELECT id FROM contents ORDER BY id").fetchall():
            try:
                self.text(id_)
                for _ in self._chunks("content=? ORDER BY id", (id_,)):
                    pass
            except IndexDamagedError as error:
                yield error.message

    def damaged(self, content: int, what: str) -> IndexDamagedError:
        """Return the error that names the files of a content and the command that mends them."""
        paths = self.paths_of([content])[content]
        named = ", ".join(paths) or "a file that is no longer there"
        return IndexDamagedError(
            f"the index is damaged: {what} of {named} is not what was written",
            hint=f"ragkit ingest {shlex.join(paths) or 'FOLDER'} --reread",
        )
