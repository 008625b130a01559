"""Patterns of git's own kind: those of ignore files, and those given by name. Imports pathspec."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ragkit.errors import ConfigError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

EXCLUDED = "left out by --exclude"
NOT_INCLUDED = "not among --include"
FOLDER_MARK = "ps_d"  # pathspec's group of the slash behind a folder
ANY_FOLDER = f"(?P<{FOLDER_MARK}>/)"  # its form of "*/"


def spec(text: str) -> GitIgnoreSpec:
    """Return an ignore file's patterns; those that mean nothing are passed over, as by git."""
    from pathspec import GitIgnoreSpec

    lines = []
    with warnings.catch_warnings(action="ignore"):  # of what re may once take for a set
        for line in text.split("\n"):
            with suppress(ValueError, re.error):
                GitIgnoreSpec.from_lines([line.removesuffix("\r")])
                lines.append(line.removesuffix("\r"))
        return GitIgnoreSpec.from_lines(lines)


def verdict(patterns: GitIgnoreSpec, path: str, *, is_folder: bool) -> bool | None:
    r"""Say whether patterns leave a path out; None if they say nothing of it.

    It is asked when the folders above are known not to be left out. So only what a pattern says of
    the path itself counts, as in git: pathspec lets ``!docs/`` bring back what lies in it, too, and
    ``*`` win over it.

    >>> verdict(spec("*\n!docs/"), "docs", is_folder=True)
    False
    """
    path += "/" * is_folder
    for pattern in reversed(patterns.patterns):
        found = pattern.match_file(path) if pattern.include is not None else None
        if found is None:
            continue
        match, text = found.match, found.match.re.pattern
        if match.groupdict().get(FOLDER_MARK):
            is_itself = is_folder and (match.end(FOLDER_MARK) == len(path) or text == ANY_FOLDER)
        else:  # "docs/**" is what lies in it
            is_itself = not (text.endswith("/") and match.end() == len(path))
        if is_itself:
            return pattern.include
    return None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the files below a root are read in this run; patterns as in ``.gitignore``.

    Raises:
        ConfigError: a pattern means nothing.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    _included: GitIgnoreSpec | None = field(init=False, default=None)
    _excluded: GitIgnoreSpec | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        for name in ("include", "exclude"):
            given = getattr(self, name)
            if given:
                found = spec("\n".join(given))
                if len(found.patterns) < len(given) or None in (p.include for p in found.patterns):
                    raise ConfigError(
                        f"--{name} {' '.join(given)!r} has a pattern that means nothing",
                        hint="give it as in .gitignore: '*.md', 'drafts/', '/docs/**/api'",
                    )
                object.__setattr__(self, f"_{name}d", found)

    def why_not(self, relative: str, *, is_folder: bool) -> str:
        """Return why a path below the root is left out, "" if it is not.

        A folder is never left out for not being included: what lies in it may be.

        >>> choice = Choice(include=["*.md"], exclude=["drafts/", "!drafts/"])
        >>> choice.why_not("a/b.md", is_folder=False), choice.why_not("a/b.py", is_folder=False)
        ('', 'not among --include')
        """
        if self._excluded and verdict(self._excluded, relative, is_folder=is_folder):
            return EXCLUDED
        if self._included and not is_folder and not self._included.match_file(relative):
            return NOT_INCLUDED
        return ""

    def leaves_out(self, relative: str) -> bool:
        """Say whether a file below the root is left out, by itself or by a folder above it.

        >>> Choice(exclude=["drafts/"]).leaves_out("a/drafts/b.md")
        True
        """
        folders = [*map(str, PurePosixPath(relative).parents)][-2::-1]
        return any(self.why_not(folder, is_folder=True) for folder in folders) or bool(
            self.why_not(relative, is_folder=False)
        )


ALL = Choice()
