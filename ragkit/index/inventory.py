"""What an index holds: its figures, its files, their texts, its damages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from ragkit.catalog import Content, stale
from ragkit.errors import NoSuchPathError
from ragkit.index.admission import fields_of, known, passed
from ragkit.index.folder import Index
from ragkit.index.locators import page_span
from ragkit.types import Listed, Status
from ragkit.where import Described, Where
from ragkit.where.globs import folded


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
            without_vectors=sum(catalog.chunks.waiting().values()),
            embedder=maker.embedder,
            dim=maker.dim,
            chunk_tokens=maker.chunk_tokens,
            chunker=maker.chunker,
            bytes=index.bytes_on_disk(),
            roots=tuple(catalog.ledger.roots()),
            languages=tuple(filter(None, catalog.texts.languages())),
            failed=tuple(catalog.failures.all()),
            pages_without_text=tuple(blank),
            reindexing=_reindexing(index),
        )


def _is_archive(content: Content) -> bool:
    """Say whether it is natural that a content has no text."""
    from ragkit.index.unpacking import ARCHIVE

    return content.type == ARCHIVE.type


def _reindexing(index: Index) -> tuple[str, int] | None:
    from ragkit.index.beside import begun

    built = begun(index)
    if built is None:
        return None
    with closing(built):
        return built.maker.embedder, built.catalog.count("vectors")


def listing(
    index: Index, where: Where | None = None, *, sort: str = "path", reverse: bool = False
) -> list[Listed]:
    """Return the sources of an index, and the files that could not be read, in order.

    Args:
        index: what is listed.
        where: only what it admits; of a file that was never read the path alone is known.
        sort: one of ``SORTS``; what is equal goes by path.
        reverse: the other way round.

    Raises:
        ConfigError: ``where`` has a key that no file has.
        NothingFoundError: ``where`` admits no file.
    """
    catalog = index.catalog
    with catalog.snapshot():
        documents = [document for _, document in known(index)]
        counts = catalog.chunks.counts()
        contents = catalog.texts.contents()
        waiting = catalog.chunks.waiting()
        failures = catalog.failures.all()
        sources = catalog.texts.require_sources()
    failed = {failure.path for failure in failures if failure.page is None} - sources.keys()
    documents += [Described(path) for path in failed]
    outdated = stale(sources, failures)
    found = []
    for document in passed(index, where, documents) if where else documents:
        path = document.path
        if path in failed:
            found.append(Listed(path, "", "", 0, None, "failed"))
            continue
        content = contents[sources[path].content]
        chunks = counts.get(content.id, 0)
        is_partial = content.pages_without_text or content.id in waiting
        if path in outdated:
            state = "stale"
        elif not chunks and not _is_archive(content):
            state = "empty"
        else:
            state = "partial" if is_partial else "indexed"
        found.append(
            Listed(path, content.title, content.type, chunks, content.pages or None, state,
                   date_of(document), content.language, content.fields)
        )  # fmt: skip
    found.sort(key=lambda listed: listed.path)
    found.sort(key=SORTS[sort], reverse=reverse)
    return found


def date_of(document: Described) -> str:
    """Return the day that a filter takes a document to be of, "" where none is known."""
    return document.date.date().isoformat() if document.date else ""


SORTS: Mapping[str, Callable[[Listed], str | int]] = {
    "path": lambda listed: listed.path,
    "title": lambda listed: folded(listed.title),
    "type": lambda listed: listed.type,
    "date": lambda listed: listed.date,
    "language": lambda listed: listed.language,
    "passages": lambda listed: listed.chunks,
    "pages": lambda listed: listed.pages or 0,
    "state": lambda listed: listed.state,
}


def fields(index: Index, where: Where | None = None) -> dict[str, Counter[str]]:
    """Return how many files have each value of what a filter can ask for.

    Raises:
        ConfigError: ``where`` has a key that no file has.
        NothingFoundError: ``where`` admits no file.
    """
    with index.catalog.snapshot():
        documents = [document for _, document in known(index)]
    return fields_of(passed(index, where, documents) if where else documents)


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
                if page is None:
                    return text
                start, end = page_span(text, texts.page_starts(content), str(path), page)
                return text[start:end]
        texts.require_sources()  # a damaged row may be the one that was meant
    raise NoSuchPathError(f"the index has no {path}", hint="'ragkit ls' lists what it has")


def row_damages(index: Index) -> list[str]:
    """Read every row of an index; return a line for each that is damaged."""
    from ragkit.index.binding import misled

    catalog = index.catalog
    with catalog.snapshot():
        found = catalog.damages(index.maker.dim)
        if not found:
            strays = {stored.content for stored in misled(index)}
            found = [catalog.texts.damaged([c], "a vector").message for c in sorted(strays)]
    return found


def damages(index: Index) -> list[str]:
    """Read every row and file of an index; return a line for each that is damaged."""
    from ragkit.index.caches import damages as cache_damages

    found = row_damages(index)
    if index.has_lost_transactions():
        found.append("the index is damaged: some of what was last committed to it is not seen")
    with index.catalog.errors():
        return found + cache_damages(index.catalog, index.folder)


def lagging(index: Index) -> list[str]:
    """Return the kinds of caches that are behind the catalog, which is no damage."""
    from ragkit.index.caches import lagging as cache_lag

    with index.catalog.snapshot():
        return cache_lag(index.catalog)
