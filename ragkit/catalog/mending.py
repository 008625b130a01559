"""Find the rows of a catalog that are damaged, and take them out of the others' way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from ragkit.catalog.database import digest_of, has_our_tables, seal_of
from ragkit.catalog.failures import Failures
from ragkit.catalog.ledger import Ledger
from ragkit.catalog.rows import Source
from ragkit.catalog.texts import CONTENT, Texts
from ragkit.errors import IndexDamagedError


class Mending:
    """What a repair does to the rows; all of it within one transaction."""

    def __init__(
        self, connection: sqlite3.Connection, texts: Texts, ledger: Ledger, failures: Failures
    ) -> None:
        self._db = connection
        self._texts = texts
        self._ledger = ledger
        self._failures = failures

    def is_sound(self) -> bool:
        """Say whether the file is one that SQLite can work with, once its indexes are made anew.

        Raises:
            IndexDamagedError: not even that can be told (from within ``Catalog.errors``).
        """
        self._db.execute("REINDEX")
        whole = self._db.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
        return whole and has_our_tables(self._db)

    def mend_facts(self) -> None:
        """Write anew what is known of the whole index; what is lost is made anew by others."""
        lost = self._ledger.mend()
        self._failures.remove_damaged()
        if lost & {"lexical_terms"}:
            self._ledger.set_caches("lexical", [])
        if lost & {"embedder_version", "embedder_probe"}:  # one is of no use without the other
            self._ledger.drop_meta("embedder_version")
            self._ledger.drop_meta("embedder_probe")

    def damaged_contents(self) -> list[int]:
        """Return the texts that are damaged, lack their row, or have a damaged passage."""
        found = []
        for (id_,) in self._db.execute(
            "SELECT id FROM contents UNION SELECT content FROM chunks"
            " UNION SELECT content FROM sources"
        ).fetchall():
            try:
                self._texts.text(id_)
                for _ in self._texts.chunks.of(id_):
                    pass
            except IndexDamagedError:
                found.append(id_)
        return found

    def homes(self, content: int) -> list[str]:
        """Return the paths that have a text."""
        rows = self._db.execute("SELECT path FROM sources WHERE content=?", (content,))
        return [path for (path,) in rows]

    def homeless(self) -> set[int]:
        """Return the texts that no path has."""
        query = "SELECT id FROM contents WHERE id NOT IN (SELECT content FROM sources)"
        return {id_ for (id_,) in self._db.execute(query)}

    def drop(self, content: int) -> None:
        """Drop a text, its homes and passages: it is read again, or lost."""
        self._db.execute("DELETE FROM sources WHERE content=?", (content,))
        self._drop_chunks("content=?", content)
        self._db.execute("DELETE FROM contents WHERE id=?", (content,))

    def keep_what_is_whole(self, content: int) -> bool:
        """Drop the damaged passages of a text, and let its files count as changed.

        Returns:
            False if the text is damaged itself: all of it was dropped.
        """
        try:
            self._texts.text(content)
        except IndexDamagedError:
            self.drop(content)
            return False
        query = "SELECT id FROM chunks WHERE content=?"
        for (chunk,) in self._db.execute(query, (content,)).fetchall():
            try:
                self._texts.chunks.get([chunk])
            except IndexDamagedError:
                self._drop_chunks("id=?", chunk)
                self._ledger.set_caches("lexical", [])  # its neighbours have its words in theirs
        # Under another key, so that the whole text is not taken for this one when it is read.
        query = f"SELECT {CONTENT} FROM contents WHERE id=?"
        _, key, *fields, _ = self._db.execute(query, (content,)).fetchone()
        torn = digest_of(b"torn", key)
        self._db.execute(
            "UPDATE contents SET key=?, seal=? WHERE id=?",
            (torn, seal_of(None, torn, *fields), content),
        )
        for path in self.homes(content):
            self._texts.put_source(Source(path, content, 0, 0, 0, b""))
        return True

    def _drop_chunks(self, condition: str, value: int) -> None:
        self._db.execute(
            f"INSERT OR IGNORE INTO removed SELECT id FROM chunks WHERE {condition}", (value,)
        )
        self._db.execute(f"DELETE FROM chunks WHERE {condition}", (value,))

    def lacking_vectors(self, dim: int) -> Iterator[int]:
        """Yield the ids that chunks have for vectors that are damaged or not there."""
        used = "SELECT DISTINCT vector FROM chunks WHERE vector>0"
        for (id_,) in self._db.execute(used).fetchall():
            row = self._db.execute(
                "SELECT key,vector,seal FROM vectors WHERE id=?", (id_,)
            ).fetchone()
            if row is None or row[2] != seal_of(row[1], row[0]) or len(row[1]) != 4 * dim:
                yield id_

    def drop_unused_vectors(self, dim: int) -> None:
        """Drop vectors that are damaged; chunks that had them are without by now."""
        bad = [
            (id_,)
            for id_, key, blob, seal in self._db.execute("SELECT * FROM vectors")
            if seal != seal_of(blob, key) or len(blob) != 4 * dim
        ]
        self._db.executemany("DELETE FROM vectors WHERE id=?", bad)
