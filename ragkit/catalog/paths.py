"""Stored paths: those of files, and of what lies in files.

A member of an archive and an attachment of a mail have the path of their file, then "!/", then
their own: ``docs/a.zip!/b/c.md``. What was given by name and lies in no folder, such as a page of
the web, has its address: no path of a file has "//" in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

INSIDE = "!/"
BY_NAME = "://"


def above(path: str) -> Iterator[str]:
    """Yield the folders and archives that a stored path lies in, the nearest first.

    >>> list(above("docs/a.zip!/b.md"))
    ['docs/a.zip!', 'docs/a.zip', 'docs', '.']
    """
    for folder in map(str, PurePosixPath(path).parents):
        yield folder
        if folder.endswith("!"):
            yield folder[:-1]


def holders(path: str) -> Iterator[str]:
    """Yield what a stored path may be a member of, the outermost first.

    >>> list(holders("a.zip!/b.zip!/c.md")), list(holders("a.md"))
    (['a.zip', 'a.zip!/b.zip'], [])
    """
    at = path.find(INSIDE)
    while at > 0:
        yield path[:at]
        at = path.find(INSIDE, at + 1)


def is_by_name(path: str) -> bool:
    """Say whether a stored path is of something that lies in no folder.

    >>> is_by_name("https://example.org/a.html"), is_by_name("docs/a.md")
    (True, False)
    """
    return BY_NAME in path


def is_below(path: str, folder: str) -> bool:
    """Say whether a stored path is ``folder`` or lies below it; "." is the index's own base.

    >>> is_below("a.zip!/b.md", "a.zip"), is_below("a/b.md", "."), is_below("../b.md", ".")
    (True, True, False)
    """
    if folder == ".":
        outside = path.startswith("../") or PurePosixPath(path).is_absolute()
        return not outside and not is_by_name(path)
    if path.startswith(folder):
        rest = path[len(folder) :]
        return not rest or rest.startswith(("/", INSIDE)) or folder.endswith("/")
    return False


def below(path: str, folder: str) -> str:
    """Return a stored path as it is from a folder that it lies below.

    >>> below("docs/a/b.md", "docs"), below("a/b.md", "."), below("/a.md", "/")
    ('a/b.md', 'a/b.md', 'a.md')
    """
    return path if folder == "." else path[len(folder) :].removeprefix("/")


def stored_path(path: str | Path, base: Path) -> str:
    """Return ``path`` relative to ``base`` where it lies below it, else absolute; links are kept.

    The base may be reached by a link: then what lies below the folder that is meant does, too.

    >>> stored_path(Path("/kb/docs/../a.md"), Path("/kb")), stored_path(Path("/b"), Path("/kb"))
    ('a.md', '/b')
    """
    # On plain strings: a walk asks for thousands.
    if is_by_name(path := os.fspath(path)):
        return path
    absolute = os.path.abspath(path)  # noqa: PTH100
    for here, folder in _as_text(base):
        if absolute == here:
            return "."
        if absolute.startswith(folder):
            return absolute.removeprefix(folder).replace(os.sep, "/")
    return absolute.replace(os.sep, "/")


@lru_cache(maxsize=8)
def _as_text(base: Path) -> list[tuple[str, str]]:
    """Return a folder's paths, as given and without links, each with how those below it begin."""
    paths = dict.fromkeys((os.fspath(base), os.path.realpath(base)))
    return [(path, os.path.join(path, "")) for path in paths]  # noqa: PTH118
