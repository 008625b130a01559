"""Tell whether each passage has the vector of its own text, which no seal of a single row tells."""

from __future__ import annotations

from collections.abc import Iterator

from ragkit.catalog import StoredChunk, digest_of
from ragkit.errors import IndexDamagedError
from ragkit.index.folder import Index
from ragkit.text.headings import text_in_context


def misled(index: Index) -> Iterator[StoredChunk]:
    """Yield the passages whose vector is that of another text; damaged ones are left out."""
    catalog = index.catalog
    fingerprint = index.maker.fingerprint.encode()
    for content in catalog.texts.ids():
        try:
            title = catalog.texts.contents([content])[content].title
            for stored in catalog.chunks.of(content):
                if stored.vector and (found := catalog.vectors.key(stored.vector)) is not None:
                    text = text_in_context(title, stored.chunk)
                    if found != digest_of(fingerprint, text.encode()):
                        yield stored
        except IndexDamagedError:
            continue  # told by the seals
