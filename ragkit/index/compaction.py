"""Give back the space of what was deleted, without a reader noticing.

SQLite copies the rows that are left and readers go on with the state that they have open; the
caches are made anew beside the old ones, which go when nobody names them any more. Vectors that no
text has are kept for a while on purpose: a file that comes back is not embedded again.
"""

from __future__ import annotations

from contextlib import suppress

from ragkit.errors import IndexWriteError
from ragkit.index.caches import publish
from ragkit.index.folder import Index

FREE_SHARE = 0.25  # of the catalog: past it the space is given back by itself,
FREE_PAGES = 1000  # but none of less than 8 MB


def compact(index: Index) -> None:
    """Give back all space that can be, once the index is closed.

    Raises:
        IndexDamagedError: a row of the catalog is not what was written.
        IndexWriteError: no space for the copy that this takes, or no permission.
    """
    with index.catalog.transaction():
        index.catalog.texts.remove_homeless()
        index.catalog.vectors.remove_orphans()
    publish(index.catalog, index.folder, dim=index.maker.dim, anew=True)
    with index.catalog.errors():
        index.catalog.vacuum()


def compact_if_worth(index: Index) -> None:
    """Give back space of the catalog if much of it is free; if that cannot be, do not."""
    with suppress(IndexWriteError), index.catalog.errors():
        free, pages = index.catalog.pages()
        if free > FREE_PAGES and free > FREE_SHARE * pages:
            index.catalog.vacuum()
