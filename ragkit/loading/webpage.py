"""The text of an HTML page, with its title and headings."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser

from ragkit.loading.page_head import first_of_each, page_fields
from ragkit.loading.page_parts import Part, left_out, note_of, part_kind
from ragkit.loading.raised import RAISED
from ragkit.loading.writing import clean_fields
from ragkit.types import Document, Heading

DROPPED = frozenset({"script", "style", "template", "noscript"})
BLOCKS = frozenset(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section summary ul".split()
)
LINES = frozenset("br li option optgroup legend button label text desc".split())
INLINE = frozenset("img area input iframe sup annotation title".split())
SILENT = frozenset("hidden password checkbox radio file range color".split())  # kinds of input
TABULAR = frozenset("table caption thead tbody tfoot tr td th".split())
PARTS = frozenset("nav header footer main article".split())
VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
MOST_OPEN = 50  # parts in each other
DEEPEST = 3  # pages within pages
FEW = 100  # characters that are shown only where no script runs: what asks for one has fewer
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
SPACE = re.compile(r"\s+")
TAG = re.compile(r"<[^<>]*>")


def webpage(text: str, notes: tuple[str, ...], depth: int = 0) -> Document:
    """Return a page's readable text: a line a block, cells parted by bars, scripts left out.

    A page that it holds within is read with it, down to a depth.
    """
    parser = _Reader(depth)
    parser.feed(text)
    parser.finish()
    body, headings = parser.text(), parser.headings
    if cut := left_out(parser.parts, len(body)):
        body, headings = _without(body, headings, cut)
        notes = (*notes, note_of(cut))
    for tag, count in parser.unseen.items():
        if count > FEW and not parser.never_closed:
            notes = (*notes, f"left out: <{tag}> ({count:,} characters)")
    if parser.never_closed:
        notes = (*notes, f"<{parser.never_closed}> is never closed: all behind it is left out")
    if not body.strip() and text.strip():
        notes = (*notes, "nothing but markup: the page has no text of its own")
    title = SPACE.sub(" ", "".join(parser.title)).strip()
    title = title or next((heading.title for heading in headings), "")
    return Document(
        text=body,
        type="html",
        title=title,
        headings=tuple(headings),
        notes=notes,
        fields=first_of_each(clean_fields(parser.fields)),
    )


def _without(text: str, headings: list[Heading], cut: list[Part]) -> tuple[str, list[Heading]]:
    """Return a text and its headings without some parts, which are in order."""
    kept, stays, shift, at = [], [], 0, 0
    waiting = iter([*headings])
    heading = next(waiting, None)
    for part in (*cut, Part("", len(text), len(text))):
        while heading is not None and heading.start < part.start:
            if heading.start >= at:
                stays.append(Heading(heading.start - shift, heading.level, heading.title))
            heading = next(waiting, None)
        kept.append(text[at : part.start])
        shift += part.end - part.start
        at = part.end
    whole = "".join(kept)
    blank = len(whole) - len(whole.lstrip("\n"))
    return whole[blank:], [Heading(h.start - blank, h.level, h.title) for h in stays]


def _told(tag: str, attributes: dict[str, str | None]) -> str:
    """Return the words that stand for a picture, or in a field of a form.

    >>> _told("input", {"value": "Ann"}), _told("input", {"type": "hidden", "value": "x"})
    ('Ann', '')
    """
    kind = (attributes.get("type") or "text").lower()
    if tag != "input" or kind == "image":
        return attributes.get("alt") or ""
    return "" if kind in SILENT else attributes.get("value") or ""


@dataclass(slots=True)
class _Table:
    """A table that is being read."""

    has_names: bool = False  # so it is one of data, not of layout
    in_cell: bool = False
    cells: int = 0  # of the row
    written: int = 0  # pieces of text before the row

    @property
    def folds(self) -> bool:
        """Whether what is read stands in one line, as a cell of data does."""
        return self.has_names and self.in_cell


class _Reader(HTMLParser):
    """Collects text; ``length`` is kept so that headings know their offsets."""

    def __init__(self, depth: int) -> None:
        super().__init__(convert_charrefs=True)
        self._depth = depth
        self.unseen: Counter[str] = Counter()  # characters in elements that are left out
        self._is_code = False  # a script or style in one
        self._is_raised = False  # right behind a digit
        self.title: list[str] = []
        self.headings: list[Heading] = []
        self._parts: list[str] = []
        self._length = 0
        self._breaks = 0  # line ends that stand before the next word
        self._space = False
        self._dropped = ""  # the element whose content is left out
        self.never_closed = ""  # the one that was open at the end
        self._in_title = False
        self._preformatted = 0
        self._heading: tuple[int, int, int] | None = None  # start, level, first part
        self.parts: list[Part] = []  # what is not content, and what is the main one
        self._open: list[
            tuple[str, str, int, int]
        ] = []  # (tag, kind, start, inner ones of its tag)
        self._tables: list[_Table] = []
        self._fragment = _Table()  # for rows outside of any
        self._lists: list[int | None] = []  # the last number of a list that counts
        self._bars = ""  # between cells, before the next word
        self.fields: list[tuple[str, str]] = []

    def text(self) -> str:
        return "".join(self._parts)

    def finish(self) -> None:
        """Read what a comment or tag that never ends has left over.

        ``close`` would look for the end of each "<" in it anew, through all the rest.
        """
        self.rawdata = TAG.sub(" ", self.rawdata).replace("<", " ")
        self.close()
        self.never_closed = self._dropped

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        return self.parse_bogus_comment(i, report)  # the base class raises for unknown ones

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropped:
            self._is_code = tag in ("script", "style")
            return
        # A template that is a shadow root is shown.
        if tag in DROPPED and not any(name.startswith("shadowroot") for name, _ in attrs):
            self._dropped = tag
        elif tag in ("meta", "html"):
            self.fields += page_fields(tag, dict(attrs))
        elif tag == "title" and not self._parts and not self.title:  # a drawing may have its own
            self._in_title = True
        elif tag in INLINE:
            self._start_inline(tag, dict(attrs))
        elif tag in TABULAR:
            self._start_in_table(tag)
        elif tag in LINES:
            self._break(1)
            if tag == "li":
                space = " " if self._space and not self._at_space() else ""
                self._write(space + self._mark(dict(attrs)))
                self._space = False
            elif tag == "optgroup":
                self.handle_data(dict(attrs).get("label") or "")
        elif tag in BLOCKS:
            self._start_block(tag, attrs)
        if attrs or self._open or tag in PARTS:
            self._start_part(tag, dict(attrs))

    def _start_inline(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "iframe":
            self._page_within(attributes.get("srcdoc") or "")
        elif tag == "sup":
            ends = "" if self._at_space() or self._space else self._parts[-1][-1]
            self._is_raised = ends.isdecimal()
        elif tag in ("annotation", "title"):  # of a formula, a drawing
            self._space = self._space or not self._at_space()
        elif told := _told(tag, attributes):
            self.handle_data(f" {told} ")

    def _page_within(self, page: str) -> None:
        if page and self._depth < DEEPEST:
            page = webpage(page, (), self._depth + 1).text
        if page.strip():
            self._break(2)
            self._write(page.strip())
            self._break(2)

    def _end_what_is_open(self) -> None:
        """End a title or heading that was never closed."""
        self._in_title = False
        if self._heading and self._heading[2] < len(self._parts):
            self._end_heading()

    def _start_block(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_what_is_open()
        if tag in ("ol", "ul"):
            start = dict(attrs).get("start") or "1"
            count = int(start) if start.isdecimal() and len(start) < 9 else 1
            self._lists.append(count - 1 if tag == "ol" else None)
        self._break(2)
        self._preformatted += tag == "pre"
        if tag in HEADINGS:
            self._heading = (self._length, int(tag[1]), len(self._parts))

    def _mark(self, attributes: dict[str, str | None]) -> str:
        """Return what stands before an item of the innermost list."""
        if not self._lists or (last := self._lists[-1]) is None:
            return "- "
        stated = attributes.get("value") or ""
        self._lists[-1] = int(stated) if stated.isdecimal() and len(stated) < 9 else last + 1
        return f"{self._lists[-1]}. "

    def _start_in_table(self, tag: str) -> None:
        self._end_what_is_open()
        if tag == "table":
            self._break(2)
            self._tables.append(_Table())
            return
        table = self._tables[-1] if self._tables else self._fragment
        if tag == "tr":
            self._bars = ""
            table.in_cell = False
            self._break(1)
            table.cells = 0
            table.written = len(self._parts)
        elif tag in ("td", "th"):
            table.has_names = table.has_names or tag == "th"
            if table.cells:
                self._bars += " | "
                if len(self._parts) > table.written:
                    self._breaks = 0  # of a paragraph in the cell before
            table.cells += 1
            table.in_cell = True
        else:  # parts of a table that have rows
            table.has_names = table.has_names or tag == "thead"
            table.in_cell = False
            self._break(1 if tag != "caption" else 2)

    def _start_part(self, tag: str, attributes: dict[str, str | None]) -> None:
        """Remember where a part of the page begins, or that its tag stands once more inside it."""
        if tag in VOID:
            return
        for at, (name, kind, start, depth) in enumerate(self._open):
            if name == tag:
                self._open[at] = (name, kind, start, depth + 1)
        kind = part_kind(tag, attributes)
        if kind and len(self._open) < MOST_OPEN:
            self._open.append((tag, kind, self._length, 0))

    def _end_part(self, tag: str) -> None:
        for at in range(len(self._open) - 1, -1, -1):
            name, kind, start, depth = self._open[at]
            if name != tag:
                continue
            if depth:
                self._open[at] = (name, kind, start, depth - 1)
            else:
                has_title = any(h.level == 1 and h.start >= start for h in self.headings[-9:])
                self.parts.append(Part(kind, start, self._length, has_title))
                del self._open[at]

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            self._is_code = False
            if tag == self._dropped:
                self._dropped = ""
            return
        self._is_raised &= tag != "sup"
        if tag == "title":
            self._in_title = False
        elif tag == "table":
            if self._tables:
                self._tables.pop()
            self._bars = ""
            self._break(2)
        elif tag in ("tr", "caption"):
            self._bars = ""
            (self._tables[-1] if self._tables else self._fragment).in_cell = False
            self._break(1 if tag == "tr" else 2)
        elif tag in ("td", "th"):
            (self._tables[-1] if self._tables else self._fragment).in_cell = False
        elif tag in BLOCKS:
            if tag in HEADINGS:
                self._end_heading()
            if tag in ("ol", "ul") and self._lists:
                self._lists.pop()
            self._preformatted -= tag == "pre" and self._preformatted > 0
            self._break(2)
        if self._open:
            self._end_part(tag)

    def handle_data(self, data: str) -> None:
        if self._dropped:
            if self._dropped in ("noscript", "template") and not self._is_code:
                self.unseen[self._dropped] += len("".join(data.split()))
            return
        if self._is_raised:  # 10 with a raised 6 is no 106
            self._is_raised = False
            data = f"^{data}" if RAISED.match(data) else data
        if self._in_title:
            self.title.append(data)
        elif self._preformatted:
            self._write((" " if self._space and not self._at_space() else "") + data)
            self._space = False
        else:
            folded = SPACE.sub(" ", data)
            if folded.startswith(" ") and not self._at_space():
                self._space = True
            if words := folded.strip(" "):
                self._write((" " if self._space and not self._at_space() else "") + words)
                self._space = folded.endswith(" ")

    def _at_space(self) -> bool:
        return (
            not self._parts
            or self._breaks > 0
            or bool(self._bars)
            or self._parts[-1].endswith((" ", "\n"))
        )

    def _write(self, text: str) -> None:
        if self._breaks and self._parts:
            self._append("\n" * self._breaks)
        self._breaks = 0
        self._append(self._bars + text)
        self._bars = ""

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def _break(self, lines: int) -> None:
        if self._bars:
            return  # at the beginning of a cell
        if self._tables and self._tables[-1].folds and not self._preformatted:
            self._space = self._space or not self._at_space()  # a cell of a table stays a line
            return
        self._breaks = max(self._breaks, lines)
        self._space = False

    def _end_heading(self) -> None:
        if self._heading is None:
            return
        start, level, first = self._heading
        self._heading = None
        written = "".join(self._parts[first:])
        title = SPACE.sub(" ", written).strip()
        if title:
            start += len(written) - len(written.lstrip())
            self.headings.append(Heading(start, level, title))
