"""YAML, TOML and INI: the file's own text, its keys' paths as headings.

Lines are looked at, nothing is parsed into values: aliases, tags and merges stay what they are,
characters. What stands in braces or in a text of several lines has no headings.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import takewhile

from ragkit.loading.paths import Paths
from ragkit.types import Document

# Blanks, dashes of lists, a key; after it a value, and what may make it several lines.
ENTRY = re.compile(
    r" *(?P<dashes>(?:- {1,20}){0,8})(?:(?P<key>\"(?:[^\"\\\r\n]|\\.){0,200}+\"|'[^'\r\n]{0,200}'"
    r"|[^\s#\"'\[\]{},&*!|>%@`:][^\r\n:#]{0,200}?)[ \t]{0,20}:(?=[ \t\r\n]|$)(?P<value>[^\r\n]*)"
    r"|(?P<item>-[ \t]*(?=[\r\n]|$)))?",
    re.M,
)
BLOCK = re.compile(r"[ \t]*(?:[&!]\S+[ \t]+)*[|>][-+\d]*[ \t]*(?:#.*)?$")
EMPTY = re.compile(r"[ \t]*+(?:[&!]\S++[ \t]*+)*+(?:#.*)?$")
SECTION = re.compile(r"[ \t]*\[(?!\[)([^\]\r\n]*)\]")
TABLE = re.compile(r"[ \t]*(\[\[?)([^\[\]\r\n]+)\]\]?[ \t]*(?:#.*)?[\r\n]*$")
PART = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([\w-]+)")
MULTILINE = re.compile(r"\"\"\"|'''")
Line = tuple[int, str]  # where it begins, the line


def _lines(text: str) -> Iterator[Line]:
    at = 0
    for line in io.StringIO(text, newline=""):
        yield at, line
        at += len(line)


def yaml_paths(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return a YAML document.

    >>> [h.title for h in yaml_paths("servers:\n- name: a\n  port: 1\n", ()).headings]
    ['servers', '0']
    """
    paths = Paths()
    above: list[tuple[int, bool]] = []  # column and whether an item, of what the line lies in
    counts: dict[int, int] = {}  # items of the list at a column
    block = -1  # the column of a key whose text is in the lines below
    for at, line in _lines(text):
        bare = line.strip()
        column = len(line) - len(line.lstrip(" "))
        if not bare or (block >= 0 and column > block):
            continue
        block = -1
        if line.startswith(("---", "...")):
            above, counts = [], {}
            continue
        found = ENTRY.match(line)
        assert found is not None  # all of it may be absent
        dashes = found["dashes"] + (found["item"] or "")
        for i, char in enumerate(dashes):
            if char == "-":
                _leave(above, counts, column + i, is_item=True)
                counts[column + i] = counts.get(column + i, -1) + 1
                above.append((column + i, True))
                if found["key"] or found["item"]:
                    paths.enter(at, len(above), str(counts[column + i]))
        if found["key"]:
            here = column + len(dashes)
            _leave(above, counts, here, is_item=False)
            value = found["value"]
            add = paths.enter if EMPTY.match(value) or BLOCK.match(value) else paths.scalar
            add(at, len(above) + 1, found["key"].strip("\"'"))
            if EMPTY.match(value):
                above.append((here, False))
            elif BLOCK.match(value):
                block = here
    return Document(text, "yaml", headings=paths.headings(), notes=notes)


def _leave(
    above: list[tuple[int, bool]], counts: dict[int, int], column: int, *, is_item: bool
) -> None:
    """Leave what a line at a column is no part of: a list may stand right below its key."""
    while above and (
        above[-1][0] > column
        or above[-1] == (column, True)
        or (above[-1][0] == column and not is_item)
    ):
        above.pop()
    for known in [known for known in counts if known > column or (known == column and not is_item)]:
        del counts[known]


def toml_paths(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return a TOML document: its tables are headings.

    >>> [(h.level, h.title) for h in toml_paths("[tool.mine]\na = 1\n", ()).headings]
    [(1, 'tool'), (2, 'mine')]
    """
    paths = Paths()
    last: list[str] = []
    counts: dict[tuple[str, ...], int] = {}
    inside = ""  # the quotes of a text of several lines
    for at, line in _lines(text):
        found = None if inside else TABLE.match(line)
        for quotes in MULTILINE.findall(line):
            inside = "" if inside == quotes else inside or quotes
        if found:
            parts = [part[0] or part[1] or part[2] for part in PART.findall(found[2])]
            if found[1] == "[[":
                name = tuple(parts)
                counts[name] = counts.get(name, -1) + 1
                parts.append(str(counts[name]))
            pairs = zip(parts[:-1], last, strict=False)
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            for level in range(same, len(parts)):
                paths.enter(at, level + 1, parts[level])
            last = parts
    return Document(text, "toml", headings=paths.headings(), notes=notes)


def ini_sections(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return an INI file: its sections are headings.

    >>> [h.title for h in ini_sections("[mail]\nhost = a\n", ()).headings]
    ['mail']
    """
    paths = Paths()
    for at, line in _lines(text):
        found = SECTION.match(line)
        if found and found[1].strip():
            paths.enter(at, 1, found[1])
    return Document(text, "ini", headings=paths.headings(), notes=notes)
