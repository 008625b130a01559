"""Titles and headings of Markdown and reStructuredText; the text itself stays as it is."""

from __future__ import annotations

import re
import tomllib

from ragkit.types import Document, Heading

FRONT = re.compile(r"\A(?:---[ \t]*\r?\n(?P<yaml>.*?)\r?\n(?:---|\.\.\.)|\+\+\+[ \t]*\r?\n(?P<toml>.*?)\r?\n\+\+\+)[ \t]*(?:\r?\n|\Z)", re.S)  # fmt: skip # noqa: E501
YAML_TITLE = re.compile(r"^title[ \t]*:[ \t]*(?P<title>[^\r\n]*?)[ \t]*\r?$", re.M | re.I)

# A line that opens or closes a code block or comment, a heading, or a heading's underline.
MARK = re.compile(
    r"^(?: {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^\r\n]*)"
    r"| {0,3}(?P<comment><!--)"
    r"| {0,3}(?P<level>\#{1,6})(?:[ \t]+(?P<atx>[^\r\n]*?))?[ \t]*\r?$"
    r"| {0,3}(?P<setext>=+|-{2,})[ \t]*\r?$)",
    re.M,
)
CLOSING_HASHES = re.compile(r"(?:^|[ \t]+)#+$")
LINK = re.compile(r"!?\[([^\]\[]*)\](?:\([^()\s]*(?:\s[^()]*)?\)|\[[^\]]*\])")
NO_PARAGRAPH = re.compile(r"\s*$| {0,3}(?:[-*+>|]|\d{1,9}[.)])\s| {4}|\t")

ADORNMENT = re.compile(
    r"^(?:(?P<over>([!-/:-@[-`{-~])\2{2,})[ \t]*\r?\n)?(?P<title>[^\s][^\r\n]*?|[ \t]+\S[^\r\n]*?)"
    r"[ \t]*\r?\n(?P<under>([!-/:-@[-`{-~])\5{2,})[ \t]*\r?$",
    re.M,
)


def markdown(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return a Markdown document: title from front matter or the first heading.

    >>> markdown("# One\n\n## Two `code`\n", ()).headings[1]
    Heading(start=7, level=2, title='Two code')
    """
    front = FRONT.match(text)
    headings = tuple(_headings(text, front.end() if front else 0))
    title = _front_title(front) if front else ""
    title = title or next((heading.title for heading in headings), "")
    return Document(text=text, type="markdown", title=title, headings=headings, notes=notes)


def _front_title(front: re.Match[str]) -> str:
    if front["toml"] is not None:
        try:
            return str(tomllib.loads(front["toml"]).get("title", ""))
        except tomllib.TOMLDecodeError:
            return ""
    found = YAML_TITLE.search(front["yaml"])
    return found["title"].strip("\"'").strip() if found else ""


def _headings(text: str, begin: int) -> list[Heading]:
    found: list[Heading] = []
    at = begin
    while mark := MARK.search(text, at):
        at = mark.end()
        if mark["fence"]:
            if "`" not in mark["fence"] or "`" not in mark["info"]:
                at = _after_fence(text, mark)
        elif mark["comment"]:
            end = text.find("-->", at)
            at = end + 3 if end >= 0 else len(text)
        elif mark["level"]:
            _add(found, mark.start(), len(mark["level"]), CLOSING_HASHES.sub("", mark["atx"] or ""))
        else:
            start = text.rfind("\n", begin, max(mark.start() - 1, begin)) + 1
            line = text[max(start, begin) : mark.start()]
            if not NO_PARAGRAPH.match(line):
                _add(found, max(start, begin), 1 if mark["setext"][0] == "=" else 2, line)
    return found


def _add(found: list[Heading], start: int, level: int, title: str) -> None:
    plain = LINK.sub(r"\1", title).replace("`", "").replace("*", "").strip()
    if plain:
        found.append(Heading(start, level, plain))


def _after_fence(text: str, mark: re.Match[str]) -> int:
    """Return where the code block that a fence opens ends; one never closed ends with the text."""
    fence = mark["fence"]
    closing = re.compile(rf"^ {{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*\r?$", re.M)
    found = closing.search(text, mark.end())
    return found.end() if found else len(text)


def restructured(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return a reStructuredText document: levels in the order in which adornments first appear.

    >>> [h.level for h in restructured("Title\n=====\n\nPart\n----\n", ()).headings]
    [1, 2]
    """
    levels: dict[tuple[str, bool], int] = {}
    headings = []
    for found in ADORNMENT.finditer(text):
        title, over = found["title"].strip(), found["over"]
        if len(found["under"]) < min(len(title), 4) or (over and over[0] != found["under"][0]):
            continue
        level = levels.setdefault((found["under"][0], bool(over)), len(levels) + 1)
        headings.append(Heading(found.start(), level, title))
    title = headings[0].title if headings else ""
    return Document(text=text, type="rst", title=title, headings=tuple(headings), notes=notes)
