"""Titles and headings of Markdown and reStructuredText; the text itself stays as it is.

One search jumps from mark to mark, and each pattern ends at its line, so that a line of a
million hashes, backticks or blanks costs no more than one of prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ragkit.loading.frontmatter import Values, fields_of, front_matter
from ragkit.types import Document, Heading

# The first line is a key or a comment: a rule at the top of a page opens no front matter.
FRONT = re.compile(
    r"(?:(---)[ \t]*\r?\n(?=---|(?:#.*\n)*[\w\"'-]+[ \t]*:)|(\+\+\+)[ \t]*\r?\n)"
    r"(?:.*\n)*?(?(1)(?:---|\.\.\.)|\+\+\+)[ \t\r]*$",
    re.M,
)

# A line that opens a code block or an HTML one, a heading, a line that makes one of the last, or
# a heading of a wiki, "== Title ==".
MARK = re.compile(
    r"^ {0,3}(?:(?P<marks>(?:(?:[-*+]|\d{1,9}[.)])[ \t]{1,4}){0,3})(?P<fence>`{3,}[^`\n]*$|~{3,})"
    r"|(?P<level>\#{1,6})(?:[ \t](?P<atx>.*))?\r?$"
    r"|(?P<under>=+|-{2,})[ \t]*\r?$"
    r"|(?P<wiki>=(?: ?=){0,5})[ \t]*(?P<named>[^=\s](?:[^=\n]{0,200}[^=\s])?)[ \t]*"
    r"(?P=wiki)[ \t]*\r?$"
    r"|<(?P<html>!--|pre\b|script\b|style\b))",
    re.M,
)
NO_PARAGRAPH = re.compile(r"\s*$| {0,3}(?:[-*+>|]|\d{1,9}[.)])\s| {4}|\t| {0,3}[-=*_]{3,}\s*$")
IMAGE_OR_LINK = re.compile(r"!?\[([^\]\[]*)\](?:\((?:[^()]|\([^()]*\))*\)|\[[^\]\[]*\])")
ANCHOR = re.compile(r"</?a\b[^<>]*>|\{#[^{}\s]*\}$", re.I)
INLINE = re.compile(r"`+([^`]*)`+|\\([!-/:-@\[-`{-~])|[`*]")  # code stays as it is
ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")

UNDERLINE = re.compile(r"^(?!(?:\.\.|::)[ \t]*\r?$)([!-/:-@\[-`{-~])\1+[ \t]*\r?$", re.M)
FIELD = re.compile(r"^[ \t]*:([A-Za-z][\w -]{0,60}):[ \t]+(.*(?:\n[ \t]+(?![ \t:]).*)*)", re.M)
DOCINFO = re.compile(r"\s*(?:(?::[A-Za-z][\w -]{0,60}:|[ \t]+\S).*(?:\n|$))*")
META = re.compile(r"^\.\. meta::[ \t]*\n(?:[ \t]+:.*(?:\n|$)|[ \t]*\n)*", re.M)
HEADING_LINES = re.compile(r"(?:([!-/:-@\[-`{-~])\1+[ \t]*\n)?.*\n([!-/:-@\[-`{-~])\2+[ \t]*\r?\n")
FAR = 10_000  # characters within which a page says what it is about
ROLE = re.compile(r":[a-zA-Z][\w.+-]*:(?=`)")
TARGET = re.compile(r"`([^`<]*)<[^`>]*>`_{0,2}")


def markdown(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return a Markdown document: title from front matter or the first heading.

    >>> markdown("# One\n\n## Two `code`\n", ()).headings[1]
    Heading(start=7, level=2, title='Two code')
    """
    lines = _with_line_feeds(text)
    front = FRONT.match(lines)
    headings = tuple(_headings(lines, front.end() if front else 0))
    title = ""
    fields: tuple[tuple[str, str], ...] = ()
    if front:
        inner = front[0].partition("\n")[2].rpartition("\n")[0]
        title, fields, note = front_matter(inner, is_toml=bool(front[2]))
        notes = (*notes, note) if note else notes
    title = title or next((heading.title for heading in headings), "")
    return Document(text, "markdown", title=title, headings=headings, notes=notes, fields=fields)


def wiki(text: str, notes: tuple[str, ...]) -> Document:
    """Return a page of a wiki: its headings are those that Markdown may have too."""
    return replace(markdown(text, notes), type="wiki")


def _with_line_feeds(text: str) -> str:
    """Return ``text``, its lines ended by line feeds where they are by carriage returns alone."""
    return text.replace("\r", "\n") if "\r" in text and "\n" not in text else text


def _headings(text: str, begin: int) -> Iterator[Heading]:
    at = begin
    while mark := MARK.search(text, at):
        floor, at = at, mark.end()
        if mark["fence"]:
            at = _after_fence(text, mark)
        elif mark["level"]:
            if title := _plain(mark["atx"] or ""):
                yield Heading(mark.start(), len(mark["level"]), title)
        elif mark["wiki"]:  # "== Title ==", as in a page of a wiki
            yield Heading(mark.start(), mark["wiki"].count("="), _plain(mark["named"]))
        elif mark["html"]:
            closing = "-->" if mark["html"] == "!--" else f"</{mark['html']}"
            end = text.find(closing, at)
            at = end + len(closing) if end >= 0 else len(text)
        else:
            start = text.rfind("\n", floor, max(mark.start() - 1, floor)) + 1 or floor
            line = text[start : mark.start()]
            # What ends at ``floor`` was a mark itself, and so is no paragraph.
            is_paragraph = (start > floor or not floor) and not NO_PARAGRAPH.match(line)
            if is_paragraph and (title := _plain(line)):
                yield Heading(start, 1 if mark["under"][0] == "=" else 2, title)


def _after_fence(text: str, mark: re.Match[str]) -> int:
    """Return where the code block that a fence opens ends; one never closed ends with the text."""
    fence = mark["fence"]
    length = len(fence) - len(fence.lstrip(fence[0]))
    indent = mark.start("fence") - mark.start() + 3  # as far as a list item's content may be
    closing = re.compile(rf"^ {{0,{indent}}}{fence[0]}{{{length},}}[ \t]*\r?$", re.M)
    found = closing.search(text, mark.end())
    return found.end() if found else len(text)


def _plain(title: str) -> str:
    """Return a heading's words without the marks around them."""
    title = title.strip()
    unclosed = title.rstrip("#")
    if not unclosed or unclosed[-1] in " \t":
        title = unclosed.rstrip()
    for _ in range(2):  # an image may stand in a link
        title = IMAGE_OR_LINK.sub(r"\1", title)
    return INLINE.sub(r"\1\2", ANCHOR.sub("", title)).strip()


def restructured(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return a reStructuredText document: levels in the order in which adornments first appear.

    >>> [h.level for h in restructured("Title\n=====\n\nPart\n----\n", ()).headings]
    [1, 2]
    """
    lines = _with_line_feeds(text)
    levels: dict[tuple[str, bool], int] = {}
    headings = []
    at = 0  # the end of the last title: what is above it is under no line
    for under in UNDERLINE.finditer(lines):
        start = lines.rfind("\n", at, max(under.start() - 1, at)) + 1 or at
        title = lines[start : under.start()].rstrip()
        above = lines.rfind("\n", at, max(start - 1, at)) + 1 or at
        is_over = lines[above:start].rstrip() == under[0].rstrip()
        length = len(under[0].rstrip())
        title_is_indented = title[:1].isspace() and not is_over
        if not title or title_is_indented or UNDERLINE.match(title) or length < min(len(title), 4):
            continue
        at = under.end()
        level = levels.setdefault((under[1], is_over), len(levels) + 1)
        words = TARGET.sub(r"\1", ROLE.sub("", title)).replace("`", "").replace("*", "")
        headings.append(Heading(above if is_over else start, level, " ".join(words.split())))
    title = headings[0].title if headings else ""
    _, fields, odd = fields_of(_docinfo(lines, headings))
    if odd:
        notes = (*notes, f"no dates that are understood: {', '.join(odd)}")
    return Document(text, "rst", title=title, headings=tuple(headings), notes=notes, fields=fields)


def _docinfo(lines: str, headings: list[Heading]) -> Values:
    """Return the fields that stand above all, or right below the title, and those of a page."""
    begin = 0
    if headings and not lines[: headings[0].start].strip():
        title = HEADING_LINES.match(lines, headings[0].start)
        begin = title.end() if title else 0
    values: Values = {}
    for block in (DOCINFO.match(lines, begin), META.search(lines, 0, FAR)):
        for name, value in FIELD.findall(block[0] if block else ""):
            values.setdefault(name, []).append(" ".join(value.split()))
    return values
