"""Find the files below a root, in a stable order, and say of each other one why not.

Ignore files are git's own: ``.gitignore`` and ``.ragkitignore``, nested, the deeper one and the
later line winning. Nothing is opened but those.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.types import Failure, Skipped

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".ragkitignore")
NEVER = frozenset({"node_modules", "__pycache__"})
INDEX_MARK = "catalog.sqlite"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read."""

    path: str
    size: int  # bytes
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class _Rules:
    """One ignore file: its patterns, for paths relative to its folder."""

    folder: str
    name: str
    spec: GitIgnoreSpec


def walk(root: Path) -> Iterator[Found | Skipped | Failure]:
    """Yield every file below ``root``, sorted by path; a file as root is yielded as it is.

    A ``Skipped`` is passed over on purpose, with all below it where it is a folder; a ``Failure``
    is a folder that cannot be listed or a name that is no text.
    """
    path = os.fspath(root)
    if not root.is_dir():
        yield _found(path, os.stat(path)) or Skipped(path, "not a regular file")
        return
    yield from _folder(path, _rules_above(root), (_identity(os.stat(path)),))


def _folder(
    folder: str, rules: Sequence[_Rules], above: tuple[tuple[int, int], ...]
) -> Iterator[Found | Skipped | Failure]:
    """Yield what lies below a folder; ``above`` are the folders it lies in, for links that loop."""
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = f"cannot be listed: {error.strerror}"
        yield Failure(folder, "read", reason, permanent=False)
        return
    names = {entry.name for entry in inside}
    if INDEX_MARK in names:
        yield Skipped(folder, "an index of ragkit")
        return
    for name in IGNORE_FILES:
        if name in names:
            try:
                rules = [*rules, _rules(folder, name)]
            except OSError as error:
                reason = f"cannot be read, so nothing is ignored by it: {error.strerror}"
                yield Failure(os.path.join(folder, name), "read", reason, permanent=False)
    for entry in inside:
        yield from _entry(entry, rules, above)


def _entry(
    entry: os.DirEntry[str], rules: Sequence[_Rules], above: tuple[tuple[int, int], ...]
) -> Iterator[Found | Skipped | Failure]:
    path = entry.path
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        yield Failure(shown, "read", "its name is not UTF-8: rename it")
        return
    if entry.name.startswith("."):
        yield Skipped(path, "hidden")
        return
    try:
        state = entry.stat()
    except OSError as error:
        dangling = entry.is_symlink()
        yield (
            Skipped(path, "a link to nothing")
            if dangling
            else Failure(path, "read", str(error.strerror), permanent=False)
        )
        return
    is_folder = stat.S_ISDIR(state.st_mode)
    if is_folder and entry.name in NEVER:
        yield Skipped(path, f"{entry.name} is never read")
    elif ignored := _ignored_by(path, rules, is_folder=is_folder):
        yield Skipped(path, f"ignored by {ignored}")
    elif is_folder:
        if _identity(state) in above:
            yield Skipped(path, "a link that leads back to a folder it lies in")
        else:
            yield from _folder(path, rules, (*above, _identity(state)))
    else:
        yield _found(path, state) or Skipped(path, "not a regular file")


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _found(path: str, state: os.stat_result) -> Found | None:
    return Found(path, state.st_size, state.st_mtime_ns) if stat.S_ISREG(state.st_mode) else None


def _rules(folder: str, name: str) -> _Rules:
    from pathspec import GitIgnoreSpec

    text = Path(folder, name).read_text("utf-8", errors="replace")
    return _Rules(folder, name, GitIgnoreSpec.from_lines(text.splitlines()))


def _rules_above(root: Path) -> list[_Rules]:
    """Return the ignore files from the top of the root's git repository down to it."""
    folder = root.absolute()
    above = [folder, *folder.parents]
    top = next((i for i, parent in enumerate(above) if (parent / ".git").exists()), 0)
    return [
        _rules(os.fspath(parent), name)
        for parent in reversed(above[1 : top + 1])
        for name in IGNORE_FILES
        if os.access(parent / name, os.R_OK)
    ]


def _ignored_by(path: str, rules: Sequence[_Rules], *, is_folder: bool) -> str:
    """Return the ignore file that leaves a path out, "" if none does: the last word counts."""
    absolute = os.path.abspath(path) if rules else path
    for rule in reversed(rules):
        relative = os.path.relpath(absolute, rule.folder).replace(os.sep, "/")
        verdict = rule.spec.check_file(relative + "/" if is_folder else relative).include
        if verdict is not None:
            return rule.name if verdict else ""
    return ""
