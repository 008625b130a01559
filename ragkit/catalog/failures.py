"""Which files and pages could not be read: why, how often it was tried, when it was tried last."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ragkit.catalog.database import seal_of
from ragkit.catalog.paths import above
from ragkit.errors import IndexDamagedError
from ragkit.types import Failure

FAILURE = "path,page,stage,reason,permanent,attempts,last,size,mtime_ns,seal"
UNKNOWN = (-1, -1)  # size and time of a file that is to be tried again whatever it is like


class Failures:
    """The table ``failures``. An ingest drops damaged rows and finds out again what they said."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def all(self) -> list[Failure]:
        """Return the files and pages that could not be read last time, by path and page.

        Raises:
            IndexDamagedError: a row is not what was written.
        """
        for message in self.damages():
            raise IndexDamagedError(message, hint="ragkit ingest")
        return self.intact()

    def intact(self) -> list[Failure]:
        """Return the same, without the rows that are damaged."""
        return [_failure(row) for row in self._rows() if _is_whole(row)]

    def given_up(self) -> dict[str, tuple[int, int]]:
        """Return the size and time of each file that need not be tried again as it was."""
        rows = (row for row in self._rows() if _is_whole(row) and not row[1])
        return {row[0]: row[7:9] for row in rows if row[7:9] != UNKNOWN}

    def _rows(self) -> list[tuple[Any, ...]]:
        rows = self._db.execute(f"SELECT {FAILURE} FROM failures ORDER BY path,page")
        return rows.fetchall()

    def put(self, failure: Failure, *, seen: tuple[int, int] = UNKNOWN) -> Failure:
        """Keep why a file or page could not be read; return it with its attempts counted.

        Args:
            failure: of the attempt that was made now.
            seen: the file's size and time in nanoseconds, if it need not be tried again as it is.
        """
        path, page = failure.path, failure.page or 0
        row = self._db.execute(
            f"SELECT {FAILURE} FROM failures WHERE path=? AND page=?", (path, page)
        ).fetchone()
        attempts = row[5] + 1 if row and _is_whole(row) else 1
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kept = replace(failure, attempts=attempts, last=now)
        fields = (path, page, kept.stage, kept.reason, int(kept.permanent), attempts, now, *seen)
        self._db.execute(
            "INSERT OR REPLACE INTO failures VALUES(?,?,?,?,?,?,?,?,?,?)",
            (*fields, seal_of(None, *fields)),
        )
        return kept

    def clear(self, paths: Iterable[str], *, but_pages: Collection[int] = ()) -> None:
        """Forget failures: the files were read, or are gone; those of some pages stay."""
        self._db.executemany(
            "DELETE FROM failures WHERE path=? AND page NOT IN (SELECT value FROM json_each(?))",
            [(path, json.dumps(list(but_pages))) for path in paths],
        )

    def pages_of(self, content: int, path: str) -> list[Failure]:
        """Return the pages of a text that cannot be read, as failures of one of its homes.

        Those that another home failed on are new to it: they have no ``last``.
        """
        rows = self._db.execute(
            f"SELECT {FAILURE} FROM failures WHERE page>0"
            " AND path IN (SELECT path FROM sources WHERE content=?) ORDER BY path=?",
            (content, path),
        )
        found = [_failure(row) for row in rows if _is_whole(row)]
        pages = {
            one.page: one if one.path == path else replace(one, path=path, attempts=1, last="")
            for one in found
        }
        return list(pages.values())

    def remove_damaged(self) -> None:
        """Drop the rows of failures that are not what was written."""
        rows = self._db.execute(f"SELECT {FAILURE},CAST(path AS BLOB) FROM failures").fetchall()
        for *row, as_stored in rows:
            if not _is_whole(row):  # found by the bytes: a damaged path may be no text
                self._db.execute(
                    "DELETE FROM failures WHERE CAST(path AS BLOB)=? AND page IS ?",
                    (as_stored, row[1]),
                )

    def damages(self) -> Iterator[str]:
        """Read every row and yield a line for each that is not what was written."""
        for row in self._rows():
            if not _is_whole(row):
                yield f"the index is damaged: why {row[0]} failed is not what was written"


def _is_whole(row: Sequence[Any]) -> bool:
    return bool(row[9] == seal_of(None, *row[:9]))


def _failure(row: Sequence[Any]) -> Failure:
    path, page, stage, reason, permanent, attempts, last = row[:7]
    return Failure(path, stage, reason, bool(permanent), page or None, attempts, last)


def stale(paths: Iterable[str], failures: Iterable[Failure]) -> set[str]:
    """Return those of some sources that failed since they were read, or a folder of theirs did.

    >>> sorted(stale(["a/b.md", "a/c.md", "d.md"], [Failure("a/b.md", "read", "gone")]))
    ['a/b.md']
    >>> sorted(stale(["a/b.md", "a/c.md", "d.md"], [Failure("a", "read", "not mounted")]))
    ['a/b.md', 'a/c.md']
    """
    failures = [one for one in failures if one.page is None and one.stage != "embed"]
    if not failures:
        return set()
    failed = {one.path for one in failures}
    # Where an archive breaks off each member that is behind that has a failure of its own.
    wholly = {one.path for one in failures if one.stage != "unpack"}
    return {path for path in paths if path in failed or not wholly.isdisjoint(above(path))}
