"""Find the files below a root, in a stable order, and say of each other one why not.

Ignore files are git's own: ``.gitignore`` and ``.ragkitignore``, nested, the deeper one and the
later line winning. Above a root ``.gitignore`` counts within its repository, ``.ragkitignore``
always: it is meant for ragkit, whichever folder is given. Nothing is opened but those.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.errors import LoadError
from ragkit.loading.patterns import ALL, Choice, spec, verdict
from ragkit.loading.reading import beginning, read
from ragkit.types import Document, Failure, Skipped

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

OWN_IGNORE_FILE = ".ragkitignore"
IGNORE_FILES = (".gitignore", OWN_IGNORE_FILE)
NEVER = frozenset({"node_modules", "__pycache__"})
ENVIRONMENT = "pyvenv.cfg"  # a file in each of Python's
CACHE = "CACHEDIR.TAG"  # by which programs mark what they can make again
CACHE_MARK = b"Signature: 8a477f597d28d172789f06886806bc55"  # https://bford.info/cachedir/
MOST_RULES = 1_000_000  # bytes of an ignore file
INDEX_FILE, INDEX_MARK = "catalog.sqlite", b"ragk"  # the mark stands in the file's header
HIDDEN = "hidden"
ELSEWHERE = "a folder that is read under another name: links lead to it"


@dataclass(frozen=True, slots=True)
class Held:
    """What is in memory of a file that is not to be read from disk."""

    data: bytes
    error: LoadError | None = None  # why it cannot be read
    document: Document | None = None  # what it is, without being loaded
    suffix: str | None = None  # that decides the loader, where the path's does not
    members: frozenset[str] | None = None  # stored paths of what it holds; None if it holds none


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read."""

    path: str
    size: int  # bytes
    mtime_ns: int
    name: str = ""  # its stored path, where that does not follow from ``path``
    held: Held | None = None
    changed_ns: int = 0  # when it last became what it is, by a new name or owner too


@dataclass(frozen=True, slots=True)
class _Rules:
    """One ignore file: its patterns, for paths relative to its folder."""

    folder: str  # absolute, with a separator behind it
    name: str
    spec: GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to read, by the rules that hold there."""

    path: str
    rules: Sequence[_Rules]
    is_link: bool = False
    is_root: bool = False


def walk(root: Path, choice: Choice = ALL) -> Iterator[Found | Skipped | Failure]:
    """Yield every file below ``root``, sorted by path; a file as root is yielded as it is.

    Folders that links lead to come after all others, and no folder is read twice: links may lead
    to each other, to what is read anyway, and around in circles. A ``Skipped`` is passed over on
    purpose, with all below it where it is a folder; a ``Failure`` is what cannot be listed or
    looked at. Names that are no UTF-8 have each other byte as Python has it, a lone surrogate.
    """
    path = os.fspath(root)
    try:
        state = os.stat(path)
    except PermissionError as error:
        yield Failure(path, "read", f"cannot be looked at: {error.strerror}", permanent=False)
        return
    if not stat.S_ISDIR(state.st_mode):
        yield _found(path, state) or Skipped(path, "not a regular file")
        return
    rules: list[_Rules] = []
    for folder, is_in_repository in _folders_above(root):
        names = IGNORE_FILES if is_in_repository else (OWN_IGNORE_FILE,)
        yield from _read_rules(folder, names, rules)
    read: set[tuple[int, int]] = set()
    links = deque([_Folder(path, rules, is_root=True)])  # the first of them is the root
    while links:
        # A stack, not recursion: folders may lie deeper than Python's frames.
        stack = [_inside(links.popleft(), read, choice, path)]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
            elif not isinstance(found, _Folder):
                yield found
            elif found.is_link:
                links.append(found)
            else:
                stack.append(_inside(found, read, choice, path))


def _inside(
    folder: _Folder, read: set[tuple[int, int]], choice: Choice, root: str
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
    if reason := _never(folder, names):
        yield Skipped(folder.path, reason)
        return
    rules = list(folder.rules)
    yield from _read_rules(folder.path, [name for name in IGNORE_FILES if name in names], rules)
    for entry in inside:
        found = _entry(entry, rules)
        if choice is not ALL and isinstance(found, Found | _Folder):
            relative = os.path.relpath(found.path, root).replace(os.sep, "/")
            if reason := choice.why_not(relative, is_folder=isinstance(found, _Folder)):
                found = Skipped(found.path, reason)
        yield found


def _never(folder: _Folder, names: set[str]) -> str:
    """Return why nothing in a folder is read, by what lies in it; "" if there is no such thing.

    What is named is read whatever it is, but for an index.
    """
    if INDEX_FILE in names and _begins(folder.path, INDEX_FILE, 72).endswith(INDEX_MARK):
        return "an index of ragkit"
    if folder.is_root:
        return ""
    if ENVIRONMENT in names:
        return f"an environment of Python's: it has a {ENVIRONMENT}"
    if CACHE in names and _begins(folder.path, CACHE, 64).startswith(CACHE_MARK):
        return f"a cache: it has a {CACHE}"
    return ""


def _begins(folder: str, name: str, size: int) -> bytes:
    with suppress(OSError):
        return beginning(os.path.join(folder, name), size)
    return b""


def _entry(entry: os.DirEntry[str], rules: Sequence[_Rules]) -> _Folder | Found | Skipped | Failure:
    path = entry.path
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
    if not stat.S_ISREG(state.st_mode):
        return None
    return Found(path, state.st_size, state.st_mtime_ns, changed_ns=state.st_ctime_ns)


def _folders_above(root: Path) -> list[tuple[str, bool]]:
    """Return the folders above the root down to its parent, and whether its repository has them."""
    folder = os.path.abspath(root)
    above = [folder]
    while (parent := os.path.dirname(above[-1])) != above[-1]:
        above.append(parent)
    top = next((i for i, path in enumerate(above) if os.path.exists(f"{path}/.git")), 0)
    return [(path, i <= top) for i, path in enumerate(above)][:0:-1]


def _read_rules(folder: str, names: Iterable[str], rules: list[_Rules]) -> Iterator[Failure]:
    """Add a folder's ignore files to ``rules``; yield those that are there but cannot be read."""
    for name in names:
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            continue
        try:
            text = read(path, MOST_RULES).decode("utf-8-sig", "replace")
        except (OSError, LoadError) as error:
            told = error.message if isinstance(error, LoadError) else error.strerror
            reason = f"cannot be read, so nothing is ignored by it: {told}"
            yield Failure(path, "read", reason, permanent=False)
        else:
            absolute = os.path.join(os.path.abspath(folder), "")
            rules.append(_Rules(absolute, name, spec(text)))


def _ignored_by(path: str, rules: Sequence[_Rules], *, is_folder: bool) -> str:
    """Return the ignore file that leaves a path out, "" if none does: the last word counts."""
    absolute = os.path.abspath(path) if rules else path
    for rule in reversed(rules):
        relative = absolute[len(rule.folder) :].replace(os.sep, "/")
        is_out = verdict(rule.spec, relative, is_folder=is_folder)
        if is_out is not None:
            return rule.name if is_out else ""
    return ""
