"""Optional packages: import one, or say how to get it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from ragkit.errors import MissingExtraError


def install_hint(extra: str) -> str:
    """Return what to type for an extra; ragkit is installed from the folder of its source.

    >>> install_hint("offline")
    "pip install '.[offline]' in the folder of ragkit's source"
    """
    return f"pip install '.[{extra}]' in the folder of ragkit's source"


def require(module: str, *, extra: str) -> ModuleType:
    """Import ``module``, which the extra ``extra`` provides.

    Raises:
        MissingExtraError: it is not installed. One that is installed but broken raises its own
            ImportError.

    >>> require("json", extra="offline").__name__
    'json'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise  # installed but broken inside: do not hide that
        raise MissingExtraError(f"{module} is not installed", hint=install_hint(extra)) from error


def folder(module: str, *, extra: str) -> Path:
    """Return the folder of an installed package without importing it.

    Raises:
        MissingExtraError: it is not installed.

    >>> folder("json", extra="offline").name
    'json'
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise MissingExtraError(f"{module} is not installed", hint=install_hint(extra))
    return Path(spec.origin).parent
