"""Packages that only some formats need: one that is missing costs its files, never the run."""

from __future__ import annotations

from types import ModuleType

from ragkit.errors import LoadError, MissingExtraError
from ragkit.extras import require


def needed(module: str, *, extra: str = "formats") -> ModuleType:
    """Import a package of an extra for the file in hand.

    Raises:
        LoadError: it is not installed; the file is tried again by each ingest, and read once it is.

    >>> needed("json").__name__
    'json'
    >>> needed("no_such_package")
    Traceback (most recent call last):
        ...
    ragkit.errors.LoadError: no_such_package is not installed
      hint: pip install '.[formats]' in the folder of ragkit's source
    """
    try:
        return require(module, extra=extra)
    except MissingExtraError as error:
        raise LoadError(error.message, stage="read", hint=error.hint) from error
