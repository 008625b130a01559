"""Take files out of an index; the files themselves stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ragkit.catalog import is_by_name
from ragkit.errors import NoSuchPathError
from ragkit.index.caches import publish
from ragkit.index.folder import Index
from ragkit.index.given import TAGS


def remove(index: Index, paths: Sequence[Path | str]) -> list[str]:
    """Drop files, or all files below a folder; return their stored paths.

    Raises:
        NoSuchPathError: the index has nothing there. Nothing was dropped.
    """
    catalog = index.catalog
    sources, damaged = catalog.texts.sources()
    failed = [failure.path for failure in catalog.failures.intact()]
    chosen: set[str] = set()
    for path in paths:
        stored = index.stored_path(path)
        below = {known for known in (*sources, *damaged, *failed) if index.is_below(known, stored)}
        if not below and not (is_by_name(stored) and stored in catalog.ledger.roots()):
            raise NoSuchPathError(f"the index has no {path}", hint="'ragkit ls' lists what it has")
        chosen |= below
    removed = sorted(chosen)
    with catalog.transaction():
        catalog.texts.remove_damaged(chosen)
        catalog.texts.remove_sources(removed)
        catalog.texts.remove_homeless()
        catalog.failures.clear(removed)
        for path in filter(is_by_name, removed):
            catalog.ledger.drop_meta(TAGS + path)
        for root in catalog.ledger.roots():  # one that stays would bring the files back
            if any(index.is_below(root, index.stored_path(path)) for path in paths):
                catalog.ledger.remove_root(root)
    publish(catalog, index.folder, dim=index.maker.dim)
    return removed
