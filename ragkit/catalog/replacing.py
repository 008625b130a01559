"""Put a new catalog in place of another: wholly, or not at all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from ragkit.catalog.database import (
    APPLICATION,
    FILE,
    FORMAT,
    SCHEMA,
    UNFINISHED,
    connect,
    decoded,
    errors,
    seal_of,
)
from ragkit.catalog.ledger import Ledger
from ragkit.errors import IndexDamagedError

SMALLEST_RENEWED = 1  # the oldest format that there ever was


@contextmanager
def replacement(folder: Path) -> Iterator[sqlite3.Connection]:
    """Yield an empty catalog, which takes the place of the one in ``folder`` after the block.

    If the block fails nothing is changed. The writer's lock is held by the caller, who has the old
    one no longer open at the end of the block.
    """
    unfinished, file = folder / UNFINISHED, folder / FILE
    with errors(folder):
        remove(folder, f"{UNFINISHED}*")
        try:
            with closing(sqlite3.connect(unfinished, isolation_level=None)) as db:
                db.text_factory = decoded
                db.execute("PRAGMA page_size=8192")
                db.execute(f"PRAGMA application_id={APPLICATION}")
                db.execute("PRAGMA journal_mode=OFF")  # it is nobody's until it is whole
                db.execute("PRAGMA synchronous=OFF")
                db.executescript(f"BEGIN; {SCHEMA}")
                yield db
                Ledger(db).set_meta("format", FORMAT)
                db.execute("COMMIT")
                db.execute("PRAGMA journal_mode=WAL")
            with unfinished.open("rb+") as opened:
                os.fsync(opened.fileno())
        except BaseException:
            remove(folder, f"{UNFINISHED}*")
            raise
        remove(folder, f"{FILE}-*")  # the old log must not be taken for the new one's
        unfinished.replace(file)


def remove(folder: Path, names: str) -> None:
    """Remove the files whose names match."""
    for file in list(folder.glob(names)):
        file.unlink()


def is_outdated(folder: Path) -> bool:
    """Say whether the catalog in ``folder`` can be read and is of an older format."""
    with errors(folder), closing(connect(folder / FILE, writing=False)) as db:
        db.text_factory = decoded
        found = Ledger(db).format()
    return found.isdecimal() and SMALLEST_RENEWED <= int(found) < int(FORMAT)


def roots_of(folder: Path) -> list[str]:
    """Return what was ever given to ingest, of a catalog of an older format."""
    with errors(folder), closing(connect(folder / FILE, writing=False)) as db:
        db.text_factory = decoded
        return [path for (path,) in db.execute("SELECT path FROM roots ORDER BY path")]


def sources_of(folder: Path) -> list[str]:
    """Return the paths of all sources of a catalog of an older format."""
    with errors(folder), closing(connect(folder / FILE, writing=False)) as db:
        db.text_factory = decoded
        return [path for (path,) in db.execute("SELECT path FROM sources ORDER BY path")]


def renew(folder: Path, *, mark: str, missing: Mapping[str, str]) -> int:
    """Put a catalog of this format in place of an older one; return the number of vectors kept.

    Facts, roots and vectors stay: these have the same names in all formats. The texts do not: their
    files are to be read again, and what was embedded is found by its text.

    Args:
        folder: of the index.
        mark: a fact to keep, which says that this is yet to be done.
        missing: facts that older formats did not have.

    Raises:
        IndexDamagedError: a fact, or what holds the vectors, is not what was written.
        IndexWriteError: no space, no permission. Nothing was changed.
    """
    with replacement(folder) as db:
        ledger = Ledger(db)
        for key, value in missing.items():
            ledger.set_meta(key, value)
        with closing(connect(folder / FILE, writing=True)) as old:
            old.text_factory = decoded
            for key, value, seal in old.execute("SELECT key,value,seal FROM meta"):
                if seal != seal_of(None, key, value):
                    raise IndexDamagedError(
                        f"the index at {folder} is of an older format, and damaged:"
                        f" its {key!r} is not what was written",
                        hint=f"move {folder} away and ingest again;"
                        " the documents themselves are not in it",
                    )
                ledger.set_meta(key, value)
            ledger.set_meta(mark, "yes")
            for key in ("lexical_terms", "writer"):
                ledger.drop_meta(key)
            for (path,) in old.execute("SELECT path FROM roots"):
                ledger.add_root(path)
            db.executemany(
                "INSERT INTO vectors(key,vector,seal) VALUES(?,?,?)",
                (
                    row
                    for row in old.execute("SELECT key,vector,seal FROM vectors ORDER BY id")
                    if row[2] == seal_of(row[1], row[0])
                ),
            )
            (kept,) = db.execute("SELECT count(*) FROM vectors").fetchone()
    return int(kept)
