"""JSON and JSON Lines: the file's own text, its values' paths as headings.

The text is gone through mark by mark and never parsed into values: what is broken further down, or
nested 100,000 deep, or has comments, is read as far as it goes, and all of it stays text.
"""

from __future__ import annotations

import io
import json
import re

from ragkit.loading.paths import DEEPEST, Paths
from ragkit.text.surrogates import encodable
from ragkit.types import Document

MARK = re.compile(
    r'"(?:[^"\\]++|\\.)*+"(?P<key>\s*+:)?|(?P<comma>,)|\[[^\[\]{}"/]{0,200}\]|(?P<open>[{\[])'
    r"|(?P<close>[}\]])|//[^\r\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/|[^\s\"{}\[\],:/]++|(?P<odd>\S)",
    re.S,
)
LONG = 400  # characters of a string that has a heading
CLOSES = {"{": "}", "[": "]"}


def json_paths(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return a JSON document.

    >>> json_paths('{"servers": [{"name": "a"}]}', ()).headings[1]
    Heading(start=13, level=2, title='0')
    """
    paths = Paths()
    broken_at = _collect(text, paths, 0, 0)
    headings = paths.headings()
    if not headings and broken_at < 0 and not _is_json(text):
        broken_at = 0
    if broken_at >= 0:
        line = text.count("\n", 0, broken_at) + 1
        notes = (*notes, f"no valid JSON from line {line} on: read as plain text from there")
    return Document(text, "json", headings=headings, notes=notes)


def json_lines(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return a document of which each line is a record: its number is the first of the path.

    >>> json_lines('{"a": 1}\n{"b": 2}\n', ()).headings
    (Heading(start=0, level=1, title='1'), Heading(start=9, level=1, title='2'))
    """
    paths = Paths()
    at, broken = 0, []
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if line.strip():
            paths.enter(at, 1, str(number))
            if _collect(line, paths, at, 1) >= 0:
                broken.append(number)
        at += len(line)
    if broken:
        more = f" and {len(broken) - 1:,} more" if len(broken) > 1 else ""
        notes = (*notes, f"line {broken[0]}{more} is no valid JSON: read as plain text")
    return Document(text, "jsonl", headings=paths.headings(), notes=notes)


def _collect(text: str, paths: Paths, begin: int, depth: int) -> int:
    """Collect the paths in ``text``, whose first level is ``depth`` + 1; return where it breaks.

    Returns:
        -1 where it does not.
    """
    opened: list[str] = []  # what closes each value that is open
    counts: list[int] = []  # values before the one in hand, in each
    key = ""
    start = 0  # of the key
    for mark in MARK.finditer(text):
        kind = mark.lastgroup
        if kind is None:
            level = depth + len(opened)
            is_long = mark.end() - mark.start() >= LONG
            if opened and (is_long or paths.last >= level > 0) and text[mark.start()] != "/":
                title = _name(key) if key else str(counts[-1])
                add = paths.enter if is_long else paths.scalar
                add(begin + (start if key else mark.start()), level, title)
        elif kind == "key":
            key, start = mark[0], mark.start()
        elif kind == "comma":
            key = ""
            if counts:
                counts[-1] += 1
        elif kind == "open":
            level = depth + len(opened)
            if opened and level <= DEEPEST:
                title = _name(key) if key else str(counts[-1])
                paths.enter(begin + (start if key else mark.start()), level, title)
            if paths.are_too_many:
                return -1
            opened.append(CLOSES[mark[0]])
            counts.append(0)
            key = ""
        elif kind == "odd" or not opened or opened.pop() != mark[0]:
            return mark.start()
        else:
            counts.pop()
            key = ""
    return len(text) if opened else -1


def _name(key: str) -> str:
    quoted = key[: key.rindex('"') + 1]
    try:
        return encodable(json.loads(quoted, strict=False))
    except ValueError:  # an escape that is none
        return quoted[1:-1]


def _is_json(text: str) -> bool:
    """Say whether short text without paths is a value; long or blank text is let pass."""
    try:
        if text.strip() and len(text) <= LONG:
            json.loads(text)
    except ValueError:
        return False
    return True
