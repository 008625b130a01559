"""The SQLite file of a catalog: its tables, its seals, its errors.

Every row carries a seal, a digest of what it holds, and is checked against it whenever it is read:
SQLite itself notices few flipped bytes. Ids are never used twice, so that a cache may name a row
that is gone but never a wrong one. Facts of the whole index stand twice, on pages far apart:
without them no vector can be told from another's.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ragkit.errors import IndexDamagedError, IndexStaleError, IndexWriteError

FORMAT = "3"
APPLICATION = int.from_bytes(b"ragk")  # in the file's header: a walk knows an index by it
FILE = "catalog.sqlite"
UNFINISHED = "unfinished.sqlite"
SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL, seal BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE roots(path TEXT PRIMARY KEY, seal BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE contents(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE,
  type TEXT NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL, page_starts TEXT NOT NULL,
  pages_without_text TEXT NOT NULL, notes TEXT NOT NULL, fields TEXT NOT NULL,
  text_digest BLOB NOT NULL, seal BLOB NOT NULL, text BLOB NOT NULL);
CREATE INDEX contents_language ON contents(language);
CREATE TABLE sources(path TEXT PRIMARY KEY, content INTEGER NOT NULL REFERENCES contents(id),
  size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, seen_ns INTEGER NOT NULL,
  digest BLOB NOT NULL, seal BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX sources_content ON sources(content);
CREATE INDEX sources_digest ON sources(digest);
CREATE TABLE chunks(id INTEGER PRIMARY KEY AUTOINCREMENT, content INTEGER NOT NULL,
  start INTEGER NOT NULL, end INTEGER NOT NULL, first_byte INTEGER NOT NULL,
  bytes INTEGER NOT NULL, first_line INTEGER NOT NULL, last_line INTEGER NOT NULL, page INTEGER,
  headings TEXT NOT NULL, places TEXT NOT NULL, vector INTEGER NOT NULL, seal BLOB NOT NULL);
CREATE INDEX chunks_content ON chunks(content);
CREATE INDEX chunks_vector ON chunks(vector);
CREATE TABLE vectors(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE,
  vector BLOB NOT NULL, seal BLOB NOT NULL);
CREATE TABLE failures(path TEXT NOT NULL, page INTEGER NOT NULL, stage TEXT NOT NULL,
  reason TEXT NOT NULL, permanent INTEGER NOT NULL, attempts INTEGER NOT NULL, last TEXT NOT NULL,
  size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, seal BLOB NOT NULL,
  PRIMARY KEY(path, page)) WITHOUT ROWID;
CREATE TABLE caches(kind TEXT NOT NULL, name TEXT NOT NULL, last_id INTEGER NOT NULL,
  rows INTEGER NOT NULL, files TEXT NOT NULL, seal BLOB NOT NULL,
  PRIMARY KEY(kind, name)) WITHOUT ROWID;
CREATE TABLE removed(chunk INTEGER PRIMARY KEY);
CREATE TABLE meta_again(key TEXT PRIMARY KEY, value TEXT NOT NULL, seal BLOB NOT NULL)
  WITHOUT ROWID;
"""


def digest_of(*parts: bytes) -> bytes:
    """Return a 16-byte digest of byte strings, told apart by their lengths."""
    *others, last = parts
    before = b"".join(len(part).to_bytes(8, "little") + part for part in others)
    state = hashlib.blake2b(before + len(last).to_bytes(8, "little"), digest_size=16)
    state.update(last)
    return state.digest()


def seal_of(blob: object, *fields: object) -> bytes:
    """Return the seal of a row. Damage can change a column's type as well as its bytes.

    ``ascii`` tells types apart, is the same on every Python, and three times as fast as JSON.
    """
    state = hashlib.blake2b(ascii(fields).encode(), digest_size=16)
    state.update(blob if isinstance(blob, bytes) else b"no blob")
    return state.digest()


def decoded(data: bytes) -> str:
    """Return a text column; damaged UTF-8 is left to the row's seal."""
    return data.decode("utf-8", "replace")


def connect(file: Path, *, writing: bool) -> sqlite3.Connection:
    """Open the file; one that lies in a folder that cannot be written is read as it stands.

    A connection is used by one thread, but another may close it.
    """
    if writing:
        return _connect(file)
    address = file.absolute().as_uri()
    db = _connect(f"{address}?mode=ro", uri=True)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        db.close()
        log = file.with_name(file.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise
        db = _connect(f"{address}?immutable=1", uri=True)
    return db


def _connect(place: Path | str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(place, uri=uri, isolation_level=None, check_same_thread=False)


def require_format(folder: Path, found: str) -> None:
    """Refuse a catalog of another format.

    Raises:
        IndexStaleError: it is an older one, or of a newer ragkit.
        IndexDamagedError: it is none.
    """
    if found == FORMAT:
        return
    if not found.isdecimal():
        raise _not_ours(folder, f"its format is {found!r}")
    if int(found) > int(FORMAT):
        raise IndexStaleError(
            f"the index at {folder} has format {found}, this ragkit reads {FORMAT}: it was made by"
            " a newer one",
            hint="use that one, or make another index with --index FOLDER",
        )
    raise IndexStaleError(
        f"the index at {folder} has format {found}, this ragkit reads {FORMAT}",
        hint="'ragkit ingest' reads the files again and keeps the vectors that still fit",
    )


def is_marked_as_written(file: Path) -> bool:
    """Say whether a catalog's header lets it be written, with a log: SQLite just obeys it."""
    with file.open("rb") as opened:
        return opened.read(20)[18:] == b"\2\2"


def has_our_tables(db: sqlite3.Connection) -> bool:
    """Say whether the tables of a catalog are those that were made."""
    query = "SELECT name,sql FROM sqlite_master ORDER BY name"
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(SCHEMA)
        return bool(db.execute(query).fetchall() == fresh.execute(query).fetchall())


@contextmanager
def errors(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, but for those that say that it was used wrongly."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.NotSupportedError):
        raise
    except sqlite3.OperationalError as error:
        # The general error is of the schema, such as a table that is not there.
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:
            raise _not_ours(folder, error) from error
        raise IndexWriteError(
            f"cannot use the index at {folder}: {error}",
            hint="free some space or check the folder's permissions, then run it again:"
            " what was finished is kept",
        ) from error
    except sqlite3.DatabaseError as error:
        raise _not_ours(folder, error) from error


def _not_ours(folder: Path, error: object) -> IndexDamagedError:
    return IndexDamagedError(
        f"{folder / FILE} is damaged or no catalog of ragkit: {error}",
        hint="'ragkit check --repair' keeps what is whole of it, if it is one",
    )
