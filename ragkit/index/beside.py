"""The vectors of another embedder, built beside those that answer, until all are there.

They are a catalog without texts, in a folder within the index's own. Chunks are given their new
vectors in one transaction, so that a reader sees all old ones or all new ones; that a folder is
left over from before is told by its token, which that transaction wrote too.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress

from ragkit.catalog import StoredChunk, digest_of
from ragkit.errors import (
    IndexDamagedError,
    IndexMissingError,
    IndexStaleError,
    RagkitError,
)
from ragkit.index.folder import Index, Maker, facts_of
from ragkit.index.room import BESIDE
from ragkit.protocols import Embedder

TOKEN, SWITCHED = "token", "switched"  # facts of what is built, and of the index that has taken it

Keyed = list[tuple[StoredChunk, bytes, str]]  # a chunk, the key of its vector, the text to embed


def begun(index: Index) -> Index | None:
    """Open what is being built beside an index, None if nothing is."""
    with suppress(RagkitError):
        found = Index.open(index.folder / BESIDE)
        is_of_use = False
        try:
            with found.catalog.errors():
                _require_whole(found)
                is_of_use = not _is_taken(index, found)
        finally:
            if not is_of_use:
                found.close()
        return found if is_of_use else None
    return None


def _require_whole(built: Index) -> None:
    """Read what SQLite cannot where a file is cut off."""
    built.catalog.count("vectors")


def tidy(index: Index) -> bool:
    """Remove what was built and is the index's own by now; say whether there was such a thing.

    The run that built it was killed just then. The writer's lock is held by the caller.
    """
    is_taken = False
    with suppress(RagkitError):
        found = Index.open(index.folder / BESIDE)
        try:
            is_taken = _is_taken(index, found)
        finally:
            found.close()
    if is_taken:
        shutil.rmtree(index.folder / BESIDE, ignore_errors=True)
    return is_taken


def _is_taken(index: Index, built: Index) -> bool:
    token = built.catalog.ledger.meta(TOKEN)
    return token is not None and token == index.catalog.ledger.meta(SWITCHED)


def open_beside(index: Index, maker: Maker, embedder: Embedder) -> Index:
    """Open what was begun for an embedder beside an index; else begin anew, with nothing.

    Raises:
        IndexWriteError: no space, no permission.
        OllamaError: the embedder's server failed.
    """
    folder = index.folder / BESIDE
    if folder.exists():
        with suppress(IndexDamagedError, IndexMissingError, IndexStaleError):
            found = Index.open(folder, writing=True)
            try:
                with found.catalog.errors():
                    _require_whole(found)
                found.require(maker)
                found.admit(embedder)
            except BaseException:
                found.close()
                raise
            return found
        shutil.rmtree(folder, ignore_errors=True)
    made = Index.create(folder, maker)
    with made.catalog.transaction():
        made.catalog.ledger.set_meta(TOKEN, secrets.token_hex(8))
    made.admit(embedder)
    return made


def keyed_chunks(index: Index, fingerprint: str) -> Iterator[Keyed]:
    """Yield the chunks of each content with what an embedder makes their vectors of.

    A content that is damaged has none.
    """
    from ragkit.text.headings import text_in_context

    texts = index.catalog.texts
    for content in texts.chunks.contents():
        found: Keyed = []
        with suppress(IndexDamagedError):
            title = texts.contents([content])[content].title
            for stored in texts.chunks.of(content):
                text = text_in_context(title, stored.chunk)
                key = digest_of(fingerprint.encode(), text.encode())
                found.append((stored, key, text))
            yield found


def switch(index: Index, built: Index) -> None:
    """Give every chunk of an index the vector that was built for it, in place of the old one.

    A chunk for which there is none waits for it and is found by its words: the model has no vector
    for it, or it is damaged, and the next ingest reads its file again.

    Raises:
        IndexWriteError: no space, no permission. All is as it was.
    """
    catalog, source = index.catalog, built.catalog
    maker = built.maker
    with catalog.transaction():
        catalog.vectors.clear()
        whole = set()
        for chunks in keyed_chunks(index, maker.fingerprint):
            known = source.vectors.ids(key for _, key, _ in chunks)
            keys = {id_: key for key, id_ in known.items()}
            ids, rows = source.vectors.rows(keys, maker.dim)
            new = catalog.vectors.put([keys[id_] for id_ in ids], rows)
            given = {stored.id: new.get(key, 0) for stored, key, _ in chunks}
            whole.add(chunks[0][0].content)
            catalog.chunks.give_vectors(chunks[0][0].content, given)
        catalog.chunks.let_wait(set(catalog.chunks.contents()) - whole)
        catalog.ledger.set_caches("dense", [])
        for name, value in facts_of(built).items():
            catalog.ledger.set_meta(name, value)
        catalog.ledger.set_meta(SWITCHED, source.ledger.meta(TOKEN) or "")
    index.maker = maker
    built.close()
    tidy(index)
