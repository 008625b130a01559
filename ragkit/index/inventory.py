"""What an index holds: its figures, its files, their texts, its damages."""

from __future__ import annotations

from pathlib import Path

from ragkit.errors import NoSuchPathError
from ragkit.index.caches import damages as cache_damages
from ragkit.index.folder import Index
from ragkit.types import Listed, Status


def status(index: Index) -> Status:
    """Return the figures of an index, what failed, and which pages have no text."""
    catalog, maker = index.catalog, index.maker
    with catalog.snapshot():
        contents = catalog.texts.contents()
        homes = catalog.texts.paths_of(contents)
        blank = sorted(
            (path, content.pages_without_text)
            for id_, content in contents.items()
            if content.pages_without_text
            for path in homes[id_]
        )
        return Status(
            index=str(index.folder),
            files=catalog.count("sources"),
            chunks=catalog.count("chunks"),
            vectors=catalog.count("vectors"),
            embedder=maker.embedder,
            dim=maker.dim,
            chunk_tokens=maker.chunk_tokens,
            bytes=index.bytes_on_disk(),
            roots=tuple(catalog.ledger.roots()),
            languages=tuple(filter(None, catalog.texts.languages())),
            failed=tuple(catalog.ledger.failures()),
            pages_without_text=tuple(blank),
        )


def listing(index: Index) -> list[Listed]:
    """Return the sources of an index, and the files that could not be read, by path."""
    catalog = index.catalog
    with catalog.snapshot():
        contents = catalog.texts.contents()
        counts = catalog.texts.chunk_counts()
        failed = {failure.path for failure in catalog.ledger.failures()}
        sources, _ = catalog.texts.sources()
    found = [Listed(path, "", "", 0, None, "failed") for path in failed - sources.keys()]
    for path, source in sources.items():
        content = contents[source.content]
        chunks = counts.get(source.content, 0)
        if path in failed:
            state = "stale"
        elif not chunks:
            state = "empty"
        else:
            state = "partial" if content.pages_without_text else "indexed"
        pages = content.pages or None
        found.append(Listed(path, content.title, content.type, chunks, pages, state))
    return sorted(found, key=lambda listed: listed.path)


def text_of(index: Index, path: str | Path) -> str:
    """Return the text of a source, named by where it is or as it is stored.

    Raises:
        NoSuchPathError: the index does not have it.
        IndexDamagedError: it is not what was written.
    """
    texts = index.catalog.texts
    with index.catalog.snapshot():
        sources, _ = texts.sources()
        for stored in (index.stored_path(Path(path)), str(path)):
            if stored in sources:
                return texts.text(sources[stored].content)
    raise NoSuchPathError(f"the index has no {path}", hint="'ragkit ls' lists what it has")


def damages(index: Index) -> list[str]:
    """Read every row and file of an index; return a line for each that is damaged."""
    with index.catalog.snapshot():
        return [
            *index.catalog.damages(index.maker.dim),
            *cache_damages(index.catalog, index.folder),
        ]
