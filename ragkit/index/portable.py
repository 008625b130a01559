"""An index as one file: written, and taken in wholly or not at all.

The file is a line that says what it is, the catalog without its caches, and a digest of both. Each
row in it has its seal, as ever; nothing of it is run or unpickled. Paths are kept as the catalog
has them: relative to the folder that holds the index where they lie below it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

from ragkit.catalog import FILE, is_there
from ragkit.errors import (
    ConfigError,
    IndexDamagedError,
    IndexStaleError,
    IndexWriteError,
    NoSuchPathError,
    RagkitError,
)
from ragkit.index.caches import publish
from ragkit.index.folder import Index
from ragkit.index.inventory import row_damages
from ragkit.index.lock import LOCK, lock
from ragkit.index.room import ARRIVING, clear, require_free

BEGIN = b"ragkit index 1\n"
DIGEST = 32  # bytes at the end
BLOCK = 1 << 20


def export(index: Index, file: Path) -> int:
    """Write an index to ``file``, in place of an older export there; return its size in bytes.

    Raises:
        ConfigError: something else is there, and is left.
        IndexDamagedError: a row is not what was written. Nothing was written.
        IndexWriteError: no space, no permission. Nothing is left of it.
    """
    _require_free(file)
    if damaged := row_damages(index):
        raise IndexDamagedError(damaged[0], hint="ragkit check --repair")
    copy = file.with_name(f".{file.name}.catalog")
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        copy.unlink(missing_ok=True)
        with index.catalog.errors():
            index.catalog.copy_to(copy)
        with copy.open("rb") as source, unfinished.open("wb") as target:
            _write_sealed(source, target)
        size = unfinished.stat().st_size
        unfinished.replace(file)
    except OSError as error:
        raise _cannot_write(file, error) from error
    finally:
        for leftover in (copy, unfinished):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)
    return size


def _write_sealed(source: BinaryIO, target: BinaryIO) -> None:
    state = hashlib.blake2b(BEGIN, digest_size=DIGEST)
    target.write(BEGIN)
    while block := source.read(BLOCK):
        state.update(block)
        target.write(block)
    target.write(state.digest())


def _require_free(file: Path) -> None:
    try:
        if file.exists() and not (file.is_file() and _begins_as_ours(file)):
            raise ConfigError(f"{file} is there and no export of ragkit", hint="name another file")
        if not file.absolute().parent.is_dir():
            raise NoSuchPathError(f"no such folder: {file.parent}", hint="check its spelling")
    except OSError as error:
        raise _cannot_write(file, error) from error


def _begins_as_ours(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(BEGIN)) == BEGIN


def take_in(file: Path, folder: Path) -> None:
    """Make an index in ``folder``, which has none, of an exported one; nothing is embedded.

    Args:
        file: what ``export`` wrote.
        folder: of the new index.

    Raises:
        ConfigError: there is an index already, or the file is none of ragkit's.
        IndexDamagedError: the file is not what was written. Nothing of it was taken.
        IndexStaleError: it is of another format.
        IndexWriteError: no space, no permission. Nothing of it is left.
    """
    if is_there(folder):
        raise ConfigError(
            f"there is an index at {folder} already", hint="name a new folder with --index FOLDER"
        )
    _require_whole(file)
    require_free(folder)  # before a lock is in it
    was_there = folder.exists()
    try:
        with lock(folder):
            _arrive(file, folder)
    except RagkitError:
        with suppress(OSError):
            if not was_there:
                (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()
        raise


def _arrive(file: Path, folder: Path) -> None:
    """Copy the catalog to a folder of its own, and see that it is one, before it is the index."""
    arriving = folder / ARRIVING
    try:
        clear(folder)
        arriving.mkdir()
        _copy_catalog(file, arriving / FILE)
        with closing(Index.open(arriving, writing=True)) as index:
            if found := row_damages(index):
                raise IndexDamagedError(
                    f"{file} is damaged: {found[0]}", hint="export it again, or ingest anew"
                )
            publish(index.catalog, arriving, dim=index.maker.dim)
        for part in sorted(arriving.iterdir(), key=lambda part: part.name == FILE):
            part.replace(folder / part.name)  # the catalog last: until then there is no index
    except IndexStaleError as error:
        error.message = f"{file}: {error.message}"
        error.hint = "export it again with this ragkit, where it came from"
        raise
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _require_whole(file: Path) -> None:
    """Refuse a file whose digest is not that of what is in it."""
    state = hashlib.blake2b(digest_size=DIGEST)
    try:
        left = file.stat().st_size - DIGEST
        with file.open("rb") as opened:
            if opened.read(len(BEGIN)) != BEGIN:
                raise ConfigError(
                    f"{file} is no export of ragkit", hint="'ragkit export FILE' makes one"
                )
            opened.seek(0)
            while left > 0 and (block := opened.read(min(BLOCK, left))):
                state.update(block)
                left -= len(block)
            if opened.read() != state.digest():
                raise IndexDamagedError(
                    f"{file} is damaged: it is not what was written",
                    hint="copy it again from where it came, or export it again",
                )
    except FileNotFoundError as error:
        raise NoSuchPathError(f"no such file: {file}", hint="check its spelling") from error
    except OSError as error:
        raise NoSuchPathError(
            f"{file} cannot be read: {error.strerror}", hint="mend its permissions"
        ) from error


def _copy_catalog(file: Path, to: Path) -> None:
    with file.open("rb") as source, to.open("wb") as target:
        source.seek(len(BEGIN))
        left = file.stat().st_size - DIGEST - len(BEGIN)
        while left > 0 and (block := source.read(min(BLOCK, left))):
            target.write(block)
            left -= len(block)


def lines(index: Index) -> Iterator[str]:
    """Yield each passage as a line of JSON, with its vector: for other programs.

    Raises:
        IndexDamagedError: a row is not what was written.
    """
    catalog, dim = index.catalog, index.maker.dim
    with catalog.snapshot():
        for content, known in sorted(catalog.texts.contents().items()):
            path, *also = catalog.texts.paths_of([content])[content]
            for stored in catalog.chunks.of(content):
                _, rows = catalog.vectors.rows([stored.vector], dim)
                chunk = stored.chunk
                yield json.dumps(
                    {
                        "path": path,
                        **({"also": also} if also else {}),
                        "type": known.type,
                        "title": known.title,
                        "language": known.language,
                        "headings": list(chunk.headings),
                        "page": chunk.page,
                        "lines": list(chunk.lines),
                        **({"place": place} if (place := chunk.place_at(0)) else {}),
                        "start": chunk.start,
                        "end": chunk.end,
                        "text": chunk.text,
                        "embedder": index.maker.embedder,
                        "vector": [float(str(x)) for x in rows[0]] if len(rows) else None,
                    },
                    ensure_ascii=False,
                )


def _cannot_write(file: Path, error: OSError) -> IndexWriteError:
    return IndexWriteError(
        f"cannot write to {file}: {error.strerror or error}",
        hint="free some space or mend its permissions, or name another",
    )
