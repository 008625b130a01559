"""Bring the caches of a catalog up to date, and tell whether they are whole.

A cache is made in files whose names carry a generation and is never changed once the catalog names
it, so that a reader sees all of one generation or all of the next. Vectors are a large file and a
small one with what came later; words are a tantivy index, whose next generation links to the files
of the last. Nothing here embeds anything: all of it can be deleted at any time.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from itertools import chain, groupby, takewhile
from pathlib import Path

from ragkit.catalog import CacheRecord, Catalog, Content, StoredChunk
from ragkit.errors import IndexWriteError
from ragkit.lexical import FIELDS, Entry, holds_dropped, write_lexical
from ragkit.text.headings import heading_path
from ragkit.text.words import VERSION, terms

ADDITION_SHARE = 0.25  # of the large file: a larger addition is merged with it
CHECKED_BYTES = 100_000_000  # files up to this size are compared whole whenever they are opened
KINDS = ("dense", "lexical")


def publish(catalog: Catalog, folder: Path, *, dim: int, anew: bool = False) -> None:
    """Make the caches hold all that the catalog holds; the writer's lock is held by the caller.

    Args:
        catalog: what they are made from.
        folder: of the index.
        dim: length of a vector.
        anew: make those anew that hold anything else.

    Raises:
        IndexDamagedError: a row of the catalog is not what was written.
        IndexWriteError: no space, no permission. The old caches are still there.
    """
    try:
        _publish_dense(catalog, folder, dim, anew=anew)
        _publish_lexical(catalog, folder, anew=anew)
        _remove_old(catalog, folder)
    except (OSError, ValueError) as error:  # tantivy says ValueError for a full disk
        raise IndexWriteError(
            f"cannot write the search files in {folder}: {error}",
            hint="free some space, then run 'ragkit ingest' again: nothing is embedded twice",
        ) from error


def _publish_dense(catalog: Catalog, folder: Path, dim: int, *, anew: bool) -> None:
    records = catalog.ledger.caches("dense")
    whole = all(is_whole(record, folder) for record in records)
    last = catalog.last_id("vectors")
    most = (1 if anew else 2) * catalog.count("vectors")
    crowded = sum(record.rows for record in records) > most
    if records and whole and not crowded and records[-1].last_id >= last:
        return
    from ragkit.vectors import is_exact, write_vectors  # large, not needed if nothing changed

    kept = records[:1] if whole and not crowded else []
    if kept and catalog.count_after("vectors", kept[0].last_id) > ADDITION_SHARE * kept[0].rows:
        kept = []
    name = f"dense-{_next_generation(catalog)}.faiss"
    after = kept[0].last_id if kept else 0
    many = not is_exact(catalog.count_after("vectors", after), dim)
    sample = partial(catalog.vectors.sample, dim) if many else None
    rows = write_vectors(folder / name, catalog.vectors.after(after, dim), dim=dim, sample=sample)
    record = CacheRecord("dense", name, last, rows, _checksums(folder, name))
    with catalog.transaction():
        catalog.ledger.set_caches("dense", [*kept, record])


def _publish_lexical(catalog: Catalog, folder: Path, *, anew: bool) -> None:
    records = caches_of(catalog, "lexical")
    old = records[0] if records and is_whole(records[0], folder) else None
    removed = catalog.ledger.removed()
    last = catalog.last_id("chunks")
    if anew and old and holds_dropped(folder / old.name):
        old = None
    if old and old.last_id >= last and not removed:
        return
    if old and len(removed) * 2 > old.rows:
        old = None  # most of it is gone: what is left is written anew
    name = f"lexical-{_next_generation(catalog)}"
    (folder / name).mkdir()
    if old:
        _link(folder / old.name, folder / name)
    counts = term_counts(catalog) if old else dict.fromkeys(FIELDS, 0)
    after = old.last_id if old else 0
    fresh = fresh_entries(catalog, after)
    added = write_lexical(folder / name, fresh, removed=removed if old else (), after=after)
    told = " ".join(str(counts[field] + added[field]) for field in FIELDS)
    rows = catalog.count("chunks")
    record = CacheRecord("lexical", name, last, rows, _checksums(folder, name))
    with catalog.transaction():
        catalog.ledger.set_caches("lexical", [record])
        catalog.ledger.clear_removed()
        catalog.ledger.set_meta("lexical_terms", f"{told} {VERSION}")


def fresh_entries(catalog: Catalog, after: int) -> Iterator[Entry]:
    """Yield what the lexical cache takes of each chunk above an id, in order."""
    # The chunks of a content follow each other, and are above the id all of them or none.
    for content, chunks in groupby(catalog.chunks.after(after), lambda found: found.content):
        yield from entries_of(chunks, catalog.texts.contents([content])[content])


def entries_of(chunks: Iterable[StoredChunk], content: Content) -> Iterator[Entry]:
    """Yield the terms of chunks of one content, given in order, with those of their neighbours.

    Chunks of a content are written together: neighbours have ids that follow each other. Each is
    made into terms once, whose strings its neighbours share.
    """
    before = held = None  # held until it is known what comes after it
    for entry in chain((entry_of(stored, content) for stored in chunks), [None]):
        if held:
            yield Entry(
                held.chunk,
                held.text,
                held.headings,
                before=before.text if before and before.chunk + 1 == held.chunk else "",
                after=entry.text if entry and entry.chunk - 1 == held.chunk else "",
            )
        before, held = held, entry


def entry_of(stored: StoredChunk, content: Content) -> Entry:
    """Return the terms of a chunk, without those of its neighbours."""
    path = heading_path(content.title, stored.chunk.headings)
    headings = _terms_of_path(path, content.language)
    return Entry(stored.id, terms(stored.chunk.text, content.language), headings)


@lru_cache(maxsize=1000)  # the chunks of a section follow each other
def _terms_of_path(path: str, language: str) -> str:
    return terms(path, language)


def caches_of(catalog: Catalog, kind: str) -> list[CacheRecord]:
    """Return the caches of a kind that a search may use, oldest rows first.

    A lexical one of terms that are made otherwise now, or of other fields, is none: it is made anew
    by the next ingest, and until then its chunks are scored from the catalog.
    """
    if kind == "lexical" and _counted(catalog)[len(FIELDS) :] != [VERSION]:
        return []
    return catalog.ledger.caches(kind)


def term_counts(catalog: Catalog) -> dict[str, int]:
    """Return the number of terms that each field has in the lexical cache, if there is one."""
    return dict(zip(FIELDS, map(int, _counted(catalog)[:-1]), strict=True))


def _counted(catalog: Catalog) -> list[str]:
    return (catalog.ledger.meta("lexical_terms") or "").split()


def is_whole(record: CacheRecord, folder: Path, *, wholly: bool = False) -> bool:
    """Say whether a cache's files are there and are what was written.

    Sizes are always compared, checksums up to 100 MB, and of all files with ``wholly``.
    """
    total = sum(size for _, size, _ in record.files)
    for name, size, crc in record.files:
        file = folder / name
        try:
            if file.stat().st_size != size:
                return False
            if (wholly or total <= CHECKED_BYTES) and _crc32(file) != crc:
                return False
        except OSError:
            return False
    return True


def drop_damaged(catalog: Catalog, folder: Path) -> list[str]:
    """Forget the caches that are not what was written, large ones too; return what they are.

    The next ``publish`` makes them anew.
    """
    dropped = []
    for kind in KINDS:
        records = catalog.ledger.caches(kind)
        whole = list(takewhile(lambda record: is_whole(record, folder, wholly=True), records))
        if whole != records:
            dropped.append(kind)
            with catalog.transaction():
                catalog.ledger.set_caches(kind, whole)
    return dropped


def damages(catalog: Catalog, folder: Path) -> list[str]:
    """Return a line for each cache that is missing or not what was written."""
    return [
        f"{kind} cache: {record.name} is missing or not what was written"
        for kind in KINDS
        for record in catalog.ledger.caches(kind)
        if not is_whole(record, folder, wholly=True)
        # A writer may have published the next generation meanwhile, and removed this one.
        and record in catalog.ledger.caches(kind)
    ]


def lagging(catalog: Catalog) -> list[str]:
    """Return the kinds of caches that do not hold all rows yet: a run is on, or was killed."""
    tables = dict(zip(KINDS, ("vectors", "chunks"), strict=True))
    return [
        kind
        for kind, table in tables.items()
        if max((record.last_id for record in caches_of(catalog, kind)), default=0)
        < catalog.last_id(table)
    ]


def _next_generation(catalog: Catalog) -> str:
    generation = int(catalog.ledger.meta("generation") or 0) + 1
    with catalog.transaction():
        catalog.ledger.set_meta("generation", str(generation))
    return f"{generation:06}"


def _remove_old(catalog: Catalog, folder: Path) -> None:
    """Remove cache files that the catalog does not name (a reader that has one open keeps it)."""
    named = {record.name for kind in KINDS for record in catalog.ledger.caches(kind)}
    for kind in KINDS:
        for path in folder.glob(f"{kind}-*"):
            if path.name not in named:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    with suppress(OSError):  # Windows: a reader has it open; it goes next time
                        path.unlink()


def _link(old: Path, new: Path) -> None:
    """Give ``new`` the files of ``old``, by links where the file system has them."""
    for file in old.iterdir():
        if file.suffix == ".lock":
            continue
        try:
            os.link(file, new / file.name)
        except OSError:
            shutil.copyfile(file, new / file.name)


def _checksums(folder: Path, name: str) -> tuple[tuple[str, int, int], ...]:
    """Return (name, bytes, crc32) of a file, or of each file in a folder; all are synced."""
    path = folder / name
    files = [path] if path.is_file() else sorted(path.iterdir())
    found = []
    for file in files:
        if file.suffix == ".lock":
            continue
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
        relative = file.relative_to(folder).as_posix()
        found.append((relative, file.stat().st_size, _crc32(file)))
    return tuple(found)


def _crc32(file: Path) -> int:
    crc = 0
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return crc
