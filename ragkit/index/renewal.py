"""Bring an index of an older format to this one: its vectors stay, its files are read again."""

from __future__ import annotations

from pathlib import Path

from ragkit.catalog import is_by_name, is_outdated, is_there, renew, roots_of, sources_of
from ragkit.errors import IndexStaleError
from ragkit.index.folder import RENEWED
from ragkit.index.given import PIPED
from ragkit.index.roots import exists


def renew_if_outdated(folder: Path) -> int | None:
    """Renew the index in ``folder`` if it is of an older format; return the number of vectors kept.

    Until an ingest has read all files again the index has no texts. The writer's lock is held by
    the caller.

    Returns:
        None if there is no index, or none of an older format.

    Raises:
        IndexStaleError: what was ingested is not there now, so that it could not be read again.
        IndexDamagedError: a fact is not what was written.
    """
    if not is_there(folder) or not is_outdated(folder):
        return None
    for root in roots_of(folder):
        if not (is_by_name(root) or exists(folder.parent / root)):
            raise IndexStaleError(
                f"the index at {folder} has an older format, and {root}, which would be read"
                " again, is not there",
                hint=f"bring it back; or move {folder} away and ingest what there is",
            )
    if piped := [path for path in sources_of(folder) if path.startswith(PIPED)]:
        raise IndexStaleError(
            f"the index at {folder} has an older format, and {piped[0]}, which was piped in, cannot"
            " be read again",
            hint=f"move {folder} away, ingest what there is, and pipe that in again",
        )
    return renew(folder, mark=RENEWED, missing={"chunker": "structure"})
