"""Places on a terminal as links (OSC 8), which a click opens."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from ragkit.rag import Rag

WEB = ("http://", "https://")


def linked(rag: Rag, shown: str, path: str, line: int, page: int | None) -> str:
    """Return a place as it is printed: a link, where standard output is a terminal.

    Args:
        rag: knows where files are, and which links are wanted.
        shown: the place.
        path: as stored.
        line: from 1; it counts for nothing where there is a page.
        page: from 1.
    """
    form = rag.settings.link
    if form == "none" or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return shown
    from ragkit.catalog import is_by_name

    if is_by_name(path) and not path.startswith(WEB):
        return shown  # standard input
    if is_by_name(path):
        address = quote(path, safe=":/?#[]@!$&'()*+,;=%~")
    else:
        address = address_of(rag.file(path)[0], line, page, form)
    return f"\x1b]8;;{address}\x1b\\{shown}\x1b]8;;\x1b\\"


def address_of(file: Path, line: int, page: int | None, form: str = "") -> str:
    """Return the address that leads to a line or page of a file.

    Without a form it is the file's, with the page; the line only for kitty, which is told by it.

    >>> address_of(Path("/a b.md"), 8, None, "vscode://file/{path}:{line}")
    'vscode://file/a%20b.md:8'
    >>> address_of(Path("/a.pdf"), 1, 7), address_of(Path("/a.pdf"), 1, 7, "x:{path}?p={page}")
    ('file:///a.pdf#page=7', 'x:/a.pdf?p=7')
    """
    file = file.absolute()
    if not form:
        is_kitty = os.environ.get("TERM", "") == "xterm-kitty"
        part = f"#page={page}" if page else f"#{line}" if is_kitty else ""
        return file.as_uri() + part
    path = quote(os.fsencode(file.as_posix()), safe="/:")
    if "/{path}" in form:
        path = path.lstrip("/")
    at_line = str(line) if page is None else "1"
    return form.replace("{line}", at_line).replace("{page}", str(page or 1)).replace("{path}", path)
