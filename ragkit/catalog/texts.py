"""Sources and their texts, which are written together and name each other."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from ragkit.catalog.chunks import ChunkTable
from ragkit.catalog.database import digest_of, seal_of
from ragkit.catalog.rows import Content, Source, column, listed, pairs
from ragkit.errors import IndexDamagedError
from ragkit.types import Chunk, Document

SOURCE = "path,content,size,mtime_ns,seen_ns,digest,seal"
CONTENT = "id,key,type,title,language,page_starts,pages_without_text,notes,fields,text_digest,seal"
MOST_NAMED = 5  # files that an error names
WAITING = "SELECT content FROM chunks WHERE vector=0"  # contents that have chunks without vectors


def _content_key(document: Document) -> bytes:
    headings = [(h.start, h.level, h.title) for h in document.headings]
    described: tuple[object, ...] = (
        document.type, document.title, headings, document.page_starts,
    )  # fmt: skip
    if document.places or document.fields:
        described = (*described, document.places, document.fields)
    return digest_of(document.text.encode(), json.dumps(described).encode())


class Texts:
    """The tables ``sources`` and ``contents``; ``chunks`` is that of the passages."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.chunks = ChunkTable(connection, self.damaged)

    # -- sources

    def sources(self) -> tuple[dict[str, Source], list[str]]:
        """Return all sources by path, and the paths whose rows are damaged."""
        good: dict[str, Source] = {}
        bad: list[str] = []
        for row in self._db.execute(f"SELECT {SOURCE} FROM sources"):
            if _is_sealed(row):
                good[row[0]] = Source(*row[:6])
            else:
                bad.append(str(row[0]))
        return good, bad

    def source(self, path: str) -> Source | None:
        """Return the source at a path, None if there is none.

        Raises:
            IndexDamagedError: its row is not what was written.
        """
        row = self._db.execute(f"SELECT {SOURCE} FROM sources WHERE path=?", (path,)).fetchone()
        if row is None:
            return None
        if not _is_sealed(row):
            raise damaged_sources([path])
        return Source(*row[:6])

    def require_sources(self) -> dict[str, Source]:
        """Return all sources by path.

        Raises:
            IndexDamagedError: a row is not what was written.
        """
        good, bad = self.sources()
        if bad:
            raise damaged_sources(bad)
        return good

    def put_source(self, source: Source, *, keep: Collection[int] = ()) -> None:
        """Keep a source, in place of what stood at its path.

        A text left homeless goes, unless it is among those to ``keep``: they get a home next.
        """
        self.remove_sources([source.path], keep={source.content, *keep})
        fields = (source.path, source.content, source.size, source.mtime_ns, source.seen_ns)
        self._db.execute(
            "INSERT INTO sources VALUES(?,?,?,?,?,?,?)",
            (*fields, source.digest, seal_of(source.digest, *fields)),
        )

    def remove_sources(self, paths: Iterable[str], *, keep: Collection[int] = ()) -> None:
        """Drop sources, and the texts that no other source holds but those to ``keep``."""
        for path in paths:
            for (content,) in self._db.execute(
                "DELETE FROM sources WHERE path=? RETURNING content", (path,)
            ).fetchall():
                if content not in keep:
                    self._drop_if_homeless(content)

    def remove_damaged(self, paths: Collection[str]) -> None:
        """Drop those of the damaged sources that seem to be at ``paths``; their texts stay."""
        # Found by the bytes: a damaged path may be no text, and not where its order says.
        for *row, as_stored in self._db.execute(
            f"SELECT {SOURCE},CAST(path AS BLOB) FROM sources"
        ).fetchall():
            if str(row[0]) in paths and not _is_sealed(row):
                self._db.execute("DELETE FROM sources WHERE CAST(path AS BLOB)=?", (as_stored,))

    def remove_homeless(self) -> None:
        """Drop the texts that no source has, and the chunks of texts that are gone: damage."""
        for (content,) in self._db.execute(
            "SELECT id FROM contents WHERE id NOT IN (SELECT content FROM sources) UNION"
            " SELECT content FROM chunks WHERE content NOT IN (SELECT id FROM contents)"
        ).fetchall():
            self._drop_if_homeless(content)

    def _drop_if_homeless(self, content: int) -> None:
        if self._db.execute("SELECT 1 FROM sources WHERE content=?", (content,)).fetchone():
            return
        self.chunks.drop(content)
        self._db.execute("DELETE FROM contents WHERE id=?", (content,))

    def paths_of(self, contents: Iterable[int]) -> dict[int, list[str]]:
        """Return the homes of each text, sorted.

        Raises:
            IndexDamagedError: a text has none, or a row is not what was written.
        """
        homes: dict[int, list[str]] = {}
        for content in set(contents):
            good, bad = self._homes(content)
            if bad or not good:
                raise damaged_sources(bad or ["a file that is no longer there"])
            homes[content] = good
        return homes

    def _homes(self, content: int) -> tuple[list[str], list[str]]:
        """Return the homes of a text, sorted, and the paths of rows that are damaged."""
        rows = self._db.execute(
            f"SELECT {SOURCE} FROM sources WHERE content=?", (content,)
        ).fetchall()
        good = sorted(row[0] for row in rows if _is_sealed(row))
        return good, [str(row[0]) for row in rows if not _is_sealed(row)]

    # -- contents

    def content_of_file(self, digest: bytes, type: str) -> int | None:
        """Return the text that another file of the same bytes and type was read as.

        One that has chunks without vectors does not count: it is to be read again.
        """
        for row in self._db.execute(
            f"SELECT {SOURCE} FROM sources WHERE digest=? AND content NOT IN ({WAITING})",
            (digest,),
        ):
            if _is_sealed(row) and (content := self._content(row[1])) and content.type == type:
                return content.id
        return None

    def types_like(self, beginning: str) -> dict[int, str]:
        """Return the contents whose type begins so, and their types."""
        return dict(
            self._db.execute(
                "SELECT id,type FROM contents WHERE substr(type,1,?)=?", (len(beginning), beginning)
            )
        )

    def content_of_text(self, document: Document) -> int | None:
        """Return the content that is this very document, if it is stored with all vectors."""
        row = self._db.execute(
            f"SELECT id FROM contents WHERE key=? AND id NOT IN ({WAITING})",
            (_content_key(document),),
        ).fetchone()
        return row[0] if row is not None and self._content(row[0]) else None

    def put_content(
        self, document: Document, language: str, chunks: Sequence[Chunk], vectors: Sequence[int]
    ) -> int:
        """Keep a document and its chunks; ``vectors`` are their vectors' ids, 0 for none.

        A content with the same text is written anew, with new ids, and keeps its homes.
        """
        text = document.text.encode()
        fields = (_content_key(document), document.type, document.title, language,
                  column(document.page_starts), column(document.pages_without_text),
                  column(document.notes), column(document.fields),
                  digest_of(text))  # fmt: skip
        content: int
        (content,) = self._db.execute(
            "INSERT INTO contents(key,type,title,language,page_starts,pages_without_text,notes,"
            "fields,text_digest,seal,text) VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(key) DO UPDATE"
            " SET type=excluded.type, title=excluded.title, language=excluded.language,"
            " page_starts=excluded.page_starts, pages_without_text=excluded.pages_without_text,"
            " notes=excluded.notes, fields=excluded.fields, text_digest=excluded.text_digest,"
            " seal=excluded.seal, text=excluded.text RETURNING id",
            (*fields, seal_of(None, *fields), text),
        ).fetchone()
        self.chunks.put(content, document.text, chunks, vectors)
        return content

    def contents(self, ids: Iterable[int] | None = None) -> dict[int, Content]:
        """Return what is known of texts (all of them by default), without the texts.

        Raises:
            IndexDamagedError: it is not what was written.
        """
        if ids is None:
            rows = self._db.execute(f"SELECT {CONTENT} FROM contents").fetchall()
            known = {row[0]: _content_of(row) for row in rows}
            if bad := [id_ for id_, content in known.items() if content is None]:
                raise self.damaged(bad, "what is known")
            return {id_: content for id_, content in known.items() if content is not None}
        found = {}
        for id_ in set(ids):
            content = self._content(id_)
            if content is None:
                raise self.damaged([id_], "what is known")
            found[id_] = content
        return found

    def _content(self, id_: int) -> Content | None:
        """Return what is known of a text, None if that is damaged or not there."""
        row = self._db.execute(f"SELECT {CONTENT} FROM contents WHERE id=?", (id_,)).fetchone()
        return None if row is None else _content_of(row)

    def text(self, content: int) -> str:
        """Return the whole text of a content.

        Raises:
            IndexDamagedError: it is not what was written.
        """
        row = self._db.execute(
            f"SELECT text,{CONTENT} FROM contents WHERE id=?", (content,)
        ).fetchone()
        if (
            row is None
            or row[-1] != seal_of(None, *row[2:-1])
            or not isinstance(row[0], bytes)
            or row[-2] != digest_of(row[0])
        ):
            raise self.damaged([content], "the text")
        return row[0].decode()

    def ids(self) -> list[int]:
        """Return the ids of all contents."""
        return [id_ for (id_,) in self._db.execute("SELECT id FROM contents")]

    def page_starts(self, content: int) -> list[int]:
        """Return where each page of a content begins; none if it has no pages."""
        (starts,) = self._db.execute(
            "SELECT page_starts FROM contents WHERE id=?", (content,)
        ).fetchone()
        return list(json.loads(starts))

    def with_blank_pages(self, beginnings: tuple[str, ...]) -> set[int]:
        """Return the contents whose type begins so and that have pages without text."""
        rows = self._db.execute("SELECT id,type FROM contents WHERE pages_without_text<>'[]'")
        return {id_ for id_, kind in rows if kind.startswith(beginnings)}

    def languages(self) -> list[str]:
        """Return the languages of the texts, the commonest first."""
        rows = self._db.execute(
            "SELECT language FROM contents GROUP BY language ORDER BY count(*) DESC,language"
        )
        return [language for (language,) in rows]

    # -- damage

    def damages(self) -> Iterator[str]:
        """Read every row and yield a line for each that is not what was written."""
        for path in self.sources()[1]:
            yield damaged_sources([path]).message
        for (id_,) in self._db.execute(
            "SELECT id FROM contents UNION SELECT content FROM chunks"
        ).fetchall():
            try:
                self.text(id_)
                for _ in self.chunks.of(id_):
                    pass
                self.paths_of([id_])
            except IndexDamagedError as error:
                yield error.message

    def damaged(self, contents: Iterable[int], what: str) -> IndexDamagedError:
        """Return the error that names the files of contents and the command that mends them."""
        paths = sorted(path for content in contents for path in self._homes(content)[0])
        given = paths if len(paths) <= MOST_NAMED else []
        return IndexDamagedError(
            f"the index is damaged: {what} of {_named(paths)} is not what was written",
            hint=shlex.join(["ragkit", "ingest", *given, "--reread"]),
        )


def _content_of(row: Sequence[Any]) -> Content | None:
    """Return what a row of ``CONTENT`` says, None if it is not what was written."""
    if row[-1] != seal_of(None, *row[1:-1]):
        return None
    id_, _, type_, title, language, pages, blank, notes, fields, _, _ = row
    return Content(id_, type_, title, language, len(listed(pages)),
                   tuple(listed(blank)), tuple(listed(notes)), pairs(fields))  # fmt: skip


def damaged_sources(paths: Sequence[str]) -> IndexDamagedError:
    """Return the error that names files whose rows are damaged: any ingest of theirs mends them."""
    return IndexDamagedError(
        f"the index is damaged: where {_named(paths)} belongs is not what was written",
        hint="ragkit ingest",
    )


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
    return ", ".join(paths[:MOST_NAMED]) + more or "a file that is no longer there"


def _is_sealed(row: Sequence[Any]) -> bool:
    """Say whether a row of ``SOURCE`` is what was written."""
    return bool(row[6] == seal_of(row[5], *row[:5]))
