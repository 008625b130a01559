"""Find the files below a root, in a stable order, and say of each other one why not.

Ignore files are git's own: ``.gitignore`` and ``.ragkitignore``, nested, the deeper one and the
later line winning. Nothing is opened but those.
"""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.errors import LoadError
from ragkit.types import Document, Failure, Skipped

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".ragkitignore")
NEVER = frozenset({"node_modules", "__pycache__"})
INDEX_FILE, INDEX_MARK = "catalog.sqlite", b"ragk"  # the mark stands in the file's header
HIDDEN = "hidden"
ELSEWHERE = "a folder that is read under another name: links lead to it"


@dataclass(frozen=True, slots=True)
class Held:
    """What is in memory of a file that is not to be read from disk."""

    data: bytes
    error: LoadError | None = None  # why it cannot be read
    document: Document | None = None  # what it is, without being loaded
    members: frozenset[str] | None = None  # stored paths of what it holds; None if it holds none


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read."""

    path: str
    size: int  # bytes
    mtime_ns: int
    name: str = ""  # its stored path, where that does not follow from ``path``
    held: Held | None = None


@dataclass(frozen=True, slots=True)
class _Rules:
    """One ignore file: its patterns, for paths relative to its folder."""

    folder: str
    name: str
    spec: GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to read, by the rules that hold there."""

    path: str
    rules: Sequence[_Rules]
    is_link: bool = False


def walk(root: Path) -> Iterator[Found | Skipped | Failure]:
    """Yield every file below ``root``, sorted by path; a file as root is yielded as it is.

    Folders that links lead to come after all others, and no folder is read twice: links may lead
    to each other, to what is read anyway, and around in circles. A ``Skipped`` is passed over on
    purpose, with all below it where it is a folder; a ``Failure`` is a folder that cannot be listed
    or a name that is no text.
    """
    path = os.fspath(root)
    if not root.is_dir():
        yield _found(path, os.stat(path)) or Skipped(path, "not a regular file")
        return
    rules: list[_Rules] = []
    for folder in _folders_above(root):
        yield from _read_rules(folder, IGNORE_FILES, rules)
    read: set[tuple[int, int]] = set()
    links = deque([_Folder(path, rules)])  # the first of them is the root
    while links:
        # A stack, not recursion: folders may lie deeper than Python's frames.
        stack = [_inside(links.popleft(), read)]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
            elif not isinstance(found, _Folder):
                yield found
            elif found.is_link:
                links.append(found)
            else:
                stack.append(_inside(found, read))


def _inside(
    folder: _Folder, read: set[tuple[int, int]]
) -> Iterator[_Folder | Found | Skipped | Failure]:
    """Yield what lies in a folder that was not ``read`` yet, under whatever name."""
    try:
        state = os.stat(folder.path)
        if (state.st_dev, state.st_ino) in read:
            yield Skipped(folder.path, ELSEWHERE)
            return
        read.add((state.st_dev, state.st_ino))
        with os.scandir(folder.path) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = f"cannot be listed: {error.strerror}"
        yield Failure(folder.path, "read", reason, permanent=False)
        return
    names = {entry.name for entry in inside}
    if INDEX_FILE in names and _is_index(os.path.join(folder.path, INDEX_FILE)):
        yield Skipped(folder.path, "an index of ragkit")
        return
    rules = list(folder.rules)
    yield from _read_rules(folder.path, [name for name in IGNORE_FILES if name in names], rules)
    for entry in inside:
        yield _entry(entry, rules)


def _is_index(file: str) -> bool:
    """Say whether a file is the catalog of an index, by the place SQLite has for such marks."""
    with suppress(OSError), open(file, "rb") as opened:
        return opened.read(72).endswith(INDEX_MARK)
    return False


def _entry(entry: os.DirEntry[str], rules: Sequence[_Rules]) -> _Folder | Found | Skipped | Failure:
    path = entry.path
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        return Failure(shown, "read", "its name is not UTF-8: rename it")
    if entry.name.startswith("."):
        return Skipped(path, HIDDEN)
    try:
        state = entry.stat()
    except OSError as error:
        if entry.is_symlink():
            return Skipped(path, "a link to nothing")
        return Failure(path, "read", str(error.strerror), permanent=False)
    return _judged(entry, state, rules)


def _judged(
    entry: os.DirEntry[str], state: os.stat_result, rules: Sequence[_Rules]
) -> _Folder | Found | Skipped:
    path = entry.path
    is_folder = stat.S_ISDIR(state.st_mode)
    if is_folder and entry.name in NEVER:
        return Skipped(path, f"{entry.name} is never read")
    if ignored := _ignored_by(path, rules, is_folder=is_folder):
        return Skipped(path, f"ignored by {ignored}")
    if not is_folder:
        return _found(path, state) or Skipped(path, "not a regular file")
    return _Folder(path, rules, entry.is_symlink())


def _found(path: str, state: os.stat_result) -> Found | None:
    return Found(path, state.st_size, state.st_mtime_ns) if stat.S_ISREG(state.st_mode) else None


def _folders_above(root: Path) -> list[str]:
    """Return the folders from the top of the root's git repository down to its parent."""
    folder = os.path.abspath(root)
    above = [folder]
    while (parent := os.path.dirname(above[-1])) != above[-1]:
        above.append(parent)
    top = next((i for i, path in enumerate(above) if os.path.exists(f"{path}/.git")), 0)
    return above[top:0:-1]


def _read_rules(folder: str, names: Iterable[str], rules: list[_Rules]) -> Iterator[Failure]:
    """Add a folder's ignore files to ``rules``; yield those that are there but cannot be read."""
    for name in names:
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            continue
        try:
            text = Path(path).read_text("utf-8-sig", errors="replace")
        except OSError as error:
            reason = f"cannot be read, so nothing is ignored by it: {error.strerror}"
            yield Failure(path, "read", reason, permanent=False)
        else:
            rules.append(_Rules(folder, name, _spec(text)))


def _spec(text: str) -> GitIgnoreSpec:
    """Return an ignore file's patterns; those that mean nothing are passed over, as by git."""
    from pathspec import GitIgnoreSpec

    lines = []
    with warnings.catch_warnings(action="ignore"):  # of what re may once take for a set
        for line in text.split("\n"):
            with suppress(ValueError, re.error):
                GitIgnoreSpec.from_lines([line.removesuffix("\r")])
                lines.append(line.removesuffix("\r"))
        return GitIgnoreSpec.from_lines(lines)


def _ignored_by(path: str, rules: Sequence[_Rules], *, is_folder: bool) -> str:
    """Return the ignore file that leaves a path out, "" if none does: the last word counts."""
    absolute = os.path.abspath(path) if rules else path
    for rule in reversed(rules):
        relative = os.path.relpath(absolute, rule.folder).replace(os.sep, "/")
        verdict = rule.spec.check_file(relative + "/" if is_folder else relative).include
        if verdict is not None:
            return rule.name if verdict else ""
    return ""
