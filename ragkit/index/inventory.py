"""What an index holds: its figures, its files, their texts, its damages."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from ragkit.catalog import stale
from ragkit.errors import ConfigError, NoSuchPathError
from ragkit.index.beside import begun
from ragkit.index.binding import misled
from ragkit.index.caches import damages as cache_damages
from ragkit.index.caches import lagging as cache_lag
from ragkit.index.folder import Index
from ragkit.index.unpacking import ARCHIVE
from ragkit.loading.pdf import BETWEEN
from ragkit.types import Listed, Status


def status(index: Index) -> Status:
    """Return the figures of an index, what failed, and which pages have no text."""
    catalog, maker = index.catalog, index.maker
    with catalog.snapshot():
        contents = catalog.texts.contents()
        homes = catalog.texts.paths_of(
            id_ for id_, content in contents.items() if content.pages_without_text
        )
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
            without_vectors=sum(catalog.texts.waiting().values()),
            embedder=maker.embedder,
            dim=maker.dim,
            chunk_tokens=maker.chunk_tokens,
            bytes=index.bytes_on_disk(),
            roots=tuple(catalog.ledger.roots()),
            languages=tuple(filter(None, catalog.texts.languages())),
            failed=tuple(catalog.failures.all()),
            pages_without_text=tuple(blank),
            reindexing=_reindexing(index),
        )


def _reindexing(index: Index) -> tuple[str, int] | None:
    built = begun(index)
    if built is None:
        return None
    with closing(built):
        return built.maker.embedder, built.catalog.count("vectors")


def listing(index: Index) -> list[Listed]:
    """Return the sources of an index, and the files that could not be read, by path."""
    catalog = index.catalog
    with catalog.snapshot():
        contents = catalog.texts.contents()
        counts = catalog.texts.chunk_counts()
        waiting = catalog.texts.waiting()
        failures = catalog.failures.all()
        failed = {failure.path for failure in failures if failure.page is None}
        sources = catalog.texts.require_sources()
        outdated = stale(sources, failures)
    found = [Listed(path, "", "", 0, None, "failed") for path in failed - sources.keys()]
    for path, source in sources.items():
        if source.content not in contents:
            raise catalog.texts.damaged([source.content], "the text")
        content = contents[source.content]
        chunks = counts.get(source.content, 0)
        is_partial = content.pages_without_text or source.content in waiting
        if path in outdated:
            state = "stale"
        elif not chunks and content.type != ARCHIVE.type:
            state = "empty"
        else:
            state = "partial" if is_partial else "indexed"
        pages = content.pages or None
        found.append(Listed(path, content.title, content.type, chunks, pages, state))
    return sorted(found, key=lambda listed: listed.path)


def text_of(index: Index, path: str | Path, page: int | None = None) -> str:
    """Return the text of a source, or of one of its pages, from 1.

    Args:
        index: the index that has it.
        path: where the source is, or as it is stored.
        page: None for all of the text.

    Raises:
        NoSuchPathError: the index does not have it.
        ConfigError: it does not have the page.
        IndexDamagedError: it is not what was written.
    """
    texts = index.catalog.texts
    with index.catalog.snapshot():
        sources, _ = texts.sources()
        for stored in (index.stored_path(Path(path)), str(path)):
            if stored in sources:
                content = sources[stored].content
                text = texts.text(content)
                return text if page is None else _page(text, texts.page_starts(content), path, page)
        texts.require_sources()  # a damaged row may be the one that was meant
    raise NoSuchPathError(f"the index has no {path}", hint="'ragkit ls' lists what it has")


def _page(text: str, starts: list[int], path: str | Path, page: int) -> str:
    if not 1 <= page <= len(starts):
        pages = f"pages 1 to {len(starts)}, not {page}" if starts else "no pages"
        raise ConfigError(f"{path} has {pages}", hint=f"ragkit show {path}")
    end = (*starts, len(text) + len(BETWEEN))[page] - len(BETWEEN)
    return text[starts[page - 1] : end]


def row_damages(index: Index) -> list[str]:
    """Read every row of an index; return a line for each that is damaged."""
    catalog = index.catalog
    with catalog.snapshot():
        found = catalog.damages(index.maker.dim)
        if not found:
            strays = {stored.content for stored in misled(index)}
            found = [catalog.texts.damaged([c], "a vector").message for c in sorted(strays)]
    return found


def damages(index: Index) -> list[str]:
    """Read every row and file of an index; return a line for each that is damaged."""
    found = row_damages(index)
    if index.has_lost_transactions():
        found.append("the index is damaged: some of what was last committed to it is not seen")
    with index.catalog.errors():
        return found + cache_damages(index.catalog, index.folder)


def lagging(index: Index) -> list[str]:
    """Return the kinds of caches that are behind the catalog, which is no damage."""
    with index.catalog.snapshot():
        return cache_lag(index.catalog)
