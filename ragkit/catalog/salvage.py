"""Make a catalog anew from the rows of one that cannot be read any more.

Rows are taken one by one, each by its seal; passages also by the text that they are cut from. What
is left of a text is kept even if some of its passages are gone: whether its file is still there to
be read again is not known here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragkit.catalog.carving import Row, carved
from ragkit.catalog.database import FILE, digest_of, seal_of
from ragkit.catalog.ledger import Ledger
from ragkit.catalog.replacing import replacement
from ragkit.catalog.texts import Texts
from ragkit.errors import IndexDamagedError

NUMBER, TEXT, NONE = (int,), (str,), (type(None),)
CHUNK: tuple[tuple[type, ...], ...] = (
    NONE, *[NUMBER] * 7, NUMBER + NONE, TEXT, TEXT, NUMBER, (bytes,),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was kept, and the paths of what was not."""

    texts: int
    passages: int
    vectors: int
    lost: tuple[str, ...]  # paths of texts that are gone, or lack passages


def salvage(folder: Path, *, required: Sequence[str]) -> Salvaged:
    """Put a new catalog in place of the one in ``folder``; the writer's lock is held.

    Args:
        folder: of the index.
        required: the facts without which the rest is of no use.

    Raises:
        IndexDamagedError: a required fact is not to be found. Nothing was changed.
        IndexWriteError: no space, no permission. Nothing was changed.
    """
    with replacement(folder) as db:
        for row in carved(folder / FILE):
            _take(db, row)
        ledger = Ledger(db)
        for name in required:
            if not ledger.meta(name):
                raise IndexDamagedError(
                    f"{folder / FILE} is damaged beyond repair, or no catalog of ragkit: it does"
                    f" not say its {name!r}",
                    hint=f"if {folder} is an index of yours, move it away and ingest again: the"
                    " documents themselves are not in it; else name another with --index FOLDER",
                )
        return _sorted_out(db)


def _take(db: sqlite3.Connection, row: Row) -> None:
    """Keep a row if it is what was written, or could be: a passage is seen to later."""
    number, columns = row
    if number is None:
        _take_keyed(db, columns)
    elif len(columns) == 4:
        _, key, vector, seal = columns
        if seal == seal_of(vector, key):
            db.execute("INSERT OR REPLACE INTO vectors VALUES(?,?,?,?)", (number, *columns[1:]))
    elif len(columns) == 12:
        *fields, seal, text = columns[1:]
        is_text = isinstance(text, bytes) and fields[-1] == digest_of(text)
        if is_text and seal == seal_of(None, *fields):
            marks = ",".join("?" * 12)
            db.execute(f"INSERT OR REPLACE INTO contents VALUES({marks})", (number, *columns[1:]))
    elif len(columns) == 13 and _is_chunk(columns):
        marks = ",".join("?" * 13)
        db.execute(f"INSERT OR REPLACE INTO chunks VALUES({marks})", (number, *columns[1:]))


def _is_chunk(columns: tuple[object, ...]) -> bool:
    return all(isinstance(value, kind) for value, kind in zip(columns, CHUNK, strict=True))


def _take_keyed(db: sqlite3.Connection, columns: tuple[object, ...]) -> None:
    if len(columns) == 2 and columns[1] == seal_of(None, "root", columns[0]):
        db.execute("INSERT OR REPLACE INTO roots VALUES(?,?)", columns)
    elif len(columns) == 3 and columns[2] == seal_of(None, *columns[:2]):
        Ledger(db).set_meta(str(columns[0]), str(columns[1]))
    elif len(columns) == 7 and columns[6] == seal_of(columns[5], *columns[:5]):
        db.execute(  # the newest, should one be found in a page that is no longer in use
            "INSERT INTO sources VALUES(?,?,?,?,?,?,?) ON CONFLICT(path) DO UPDATE SET"
            " content=excluded.content, size=excluded.size, mtime_ns=excluded.mtime_ns,"
            " seen_ns=excluded.seen_ns, digest=excluded.digest, seal=excluded.seal"
            " WHERE excluded.seen_ns > sources.seen_ns",
            columns,
        )


def _sorted_out(db: sqlite3.Connection) -> Salvaged:
    """Drop passages that are not what was written; see which texts are whole."""
    texts = Texts(db)
    lost: set[str] = set()
    db.execute("DELETE FROM chunks WHERE content NOT IN (SELECT id FROM contents)")
    for (content,) in db.execute("SELECT id FROM contents").fetchall():
        spans = []
        for (chunk,) in db.execute("SELECT id FROM chunks WHERE content=?", (content,)).fetchall():
            try:
                spans += [(s.chunk.start, s.chunk.end) for s in texts.chunks.get([chunk]).values()]
            except IndexDamagedError:
                db.execute("DELETE FROM chunks WHERE id=?", (chunk,))
        if not _cover(spans, texts.text(content)):
            homes = db.execute("SELECT path FROM sources WHERE content=?", (content,))
            lost.update(path for (path,) in homes)
    gone = "content NOT IN (SELECT id FROM contents)"
    lost.update(path for (path,) in db.execute(f"SELECT path FROM sources WHERE {gone}"))
    db.execute(f"DELETE FROM sources WHERE {gone}")
    texts_, passages, vectors = (
        int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        for table in ("contents", "chunks", "vectors")
    )
    return Salvaged(texts_, passages, vectors, tuple(sorted(lost)))


def _cover(spans: list[tuple[int, int]], text: str) -> bool:
    """Say whether every character of a text that is not blank lies in one of the spans."""
    end = 0
    for start, stop in sorted(spans):
        if text[end:start].strip():
            return False
        end = max(end, stop)
    return not text[end:].strip()
