"""Which program opens a file at a line or page: the tables, and the commands that follow from them.

A command is a list of arguments and never goes through a shell, and a path in it is a whole one, so
that none is taken for an option. What is run comes from the user alone: VISUAL, EDITOR, the setting
``viewer`` of their own, the programs of their PATH.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from ragkit.errors import ConfigError

PLUS = ("+{line}", "{path}")
COLON = ("{path}:{line}",)
GOTO = ("-g", "{path}:{line}")
LINE = ("--line", "{line}", "{path}")
EDITORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        "vi vim nvim view gvim mvim vimr elvis vile nano pico rnano emacs emacsclient jed joe "
        "jmacs jpico mcedit micro ne kak mg zile gedit pluma xed bbedit less".split(),
        PLUS,
    ),
    **dict.fromkeys(
        "code code-insiders codium vscodium code-oss cursor windsurf positron".split(), GOTO
    ),
    **dict.fromkeys("subl sublime_text hx helix zed zeditor zed-editor atom lapce".split(), COLON),
    **dict.fromkeys(
        "kate kwrite mousepad idea pycharm goland webstorm clion phpstorm rider rubymine "
        "rustrover".split(),
        LINE,
    ),
    "mate": ("-l", "{line}", "{path}"),
    "geany": ("--line", "{line}", "{path}"),
    "notepad++": ("-n{line}", "{path}"),
}
VIEWERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("evince", "atril", "xreader", "papers"), ("-i", "{page}", "{path}")),
    "okular": ("-p", "{page}", "{path}"),
    "zathura": ("-P", "{page}", "{path}"),
    **dict.fromkeys(("mupdf", "mupdf-gl", "mupdf-x11"), ("{path}", "{page}")),
    **dict.fromkeys(("sumatrapdf", "sumatra"), ("-page", "{page}", "{path}")),
    "qpdfview": ("--unique", "{path}#{page}"),
    **dict.fromkeys(
        "firefox chromium chromium-browser google-chrome chrome brave brave-browser microsoft-edge "
        "msedge vivaldi epiphany falkon".split(),
        ("{uri}",),
    ),
}
PDF_VIEWERS = (
    "okular",
    "evince",
    "papers",
    "atril",
    "xreader",
    "zathura",
    "qpdfview",
    "sumatrapdf",
)
TEXT_OPENERS = {"darwin": ("open", "-t"), "win32": ("notepad",)}
OPENERS = {"darwin": "open", "win32": "explorer"}  # of the system; xdg-open elsewhere


def editor(path: Path, line: int, env: Mapping[str, str] = os.environ) -> list[str] | None:
    """Return the command that opens a file at a line, None where the user names no editor.

    >>> editor(Path("/a b.md"), 8, {"EDITOR": "code -w"})
    ['code', '-w', '-g', '/a b.md:8']
    >>> editor(Path("/a.md"), 8, {"EDITOR": "unheard-of", "VISUAL": "/usr/bin/nvim"})
    ['/usr/bin/nvim', '+8', '/a.md']
    """
    variable = next((name for name in ("VISUAL", "EDITOR") if env.get(name, "").strip()), None)
    if variable is None:
        return None
    command = _parts(env[variable], variable)
    form = EDITORS.get(_name(command[0]), ("{path}",))
    return [*command, *(part.format(path=path, line=line) for part in form)]


def text_opener(path: Path, *, named: str = "", platform: str = sys.platform) -> list[str] | None:
    """Return what shows a text where no editor is named, and opening by its name may run it.

    None where the system's opener runs nothing, or the user names a program.

    >>> text_opener(Path("/run.bat"), platform="darwin")
    ['open', '-t', '/run.bat']
    """
    opener = None if named.strip() else TEXT_OPENERS.get(platform)
    return [*opener, str(path)] if opener else None


def takes_lines(command: list[str]) -> bool:
    """Say whether an editor is known to go to a line."""
    return _name(command[0]) in EDITORS


def viewer(
    path: Path | None, uri: str, page: int | None, *, named: str = "", platform: str = sys.platform
) -> list[str]:
    """Return the command that shows a file, at a page where the program can.

    Args:
        path: the file; None of what is elsewhere.
        uri: the same as an address, which may lead to a page or words in it.
        page: from 1.
        named: the program that the user wants; else an installed one, else what the system opens
            files with.
        platform: as ``sys.platform`` has it.

    Raises:
        ConfigError: there is none.
    """
    if named.strip():
        command = _parts(named, "viewer")
    else:
        is_pdf = path is not None and path.suffix.lower() == ".pdf"
        known = PDF_VIEWERS if is_pdf and page is not None else ()
        opener = OPENERS.get(platform, "xdg-open")
        found = next(filter(shutil.which, (*known, opener)), None)
        if found is None:
            raise ConfigError(
                f"nothing to open {path or uri} with: {opener} is not installed",
                hint="name a program: ragkit config set viewer firefox",
            )
        command = [found]
    form = VIEWERS.get(_name(command[0]), ("{path}",))
    if path is None or (_name(command[0]) == "xdg-open" and uri != path.as_uri()):
        form = ("{uri}",)  # a browser goes to the page
    return [*command, *(part.format(path=path, page=page or 1, uri=uri) for part in form)]


def goes_to_pages(command: list[str]) -> bool:
    """Say whether a viewer is known to go to a page."""
    return _name(command[0]) in VIEWERS


def _name(program: str) -> str:
    """Return the name of a program without its folder and what tells Windows that it is one."""
    return re.sub(r"\.(exe|cmd|bat)$", "", re.split(r"[/\\]", program)[-1].lower())


def _parts(command: str, origin: str) -> list[str]:
    try:
        parts = shlex.split(command, posix=os.name != "nt")
    except ValueError as error:
        raise ConfigError(f"{origin} is {command!r}: {error}", hint="mend its quotes") from error
    return [part.strip('"') for part in parts] if os.name == "nt" else parts
