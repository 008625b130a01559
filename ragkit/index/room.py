"""Room for a new index: what an old one has left behind goes, a folder of other things is left."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ragkit.catalog import FILE, UNFINISHED
from ragkit.errors import IndexWriteError
from ragkit.index.lock import LOCK, cannot_write

BESIDE = "reindex"  # the folder in it where vectors of another embedder are built
ARRIVING = "arriving"  # a folder for an index that is taken in, until it is whole
LEFTOVER = re.compile(
    rf"dense-\d{{6,}}\.faiss|lexical-\d{{6,}}|{re.escape(FILE)}-\w+|{BESIDE}|{ARRIVING}"
)


def clear(folder: Path) -> None:
    """Make ``folder`` ready for a new index: what an index there has left behind goes.

    Raises:
        IndexWriteError: it holds other things.
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in require_free(folder):
        shutil.rmtree(file) if file.is_dir() else file.unlink()


def require_free(folder: Path) -> list[Path]:
    """Refuse a folder of other things; return what an index there has left behind.

    Raises:
        IndexWriteError: it holds such, or cannot be read.
    """
    ours = (LOCK, "config.toml", UNFINISHED)
    try:
        inside = [*folder.iterdir()] if folder.is_dir() else []
    except OSError as error:
        raise cannot_write(folder, error) from error
    files = [file for file in inside if not file.name.startswith(ours)]
    if others := [file.name for file in files if not LEFTOVER.fullmatch(file.name)]:
        raise IndexWriteError(
            f"{folder} holds other things ({min(others)}), so no index is made in it",
            hint="name a new or empty folder with --index",
        )
    return files
