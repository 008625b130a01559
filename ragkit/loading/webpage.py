"""The text of an HTML page, with its title and headings."""

from __future__ import annotations

import codecs
import re
from html.parser import HTMLParser

from ragkit.types import Document, Heading

DROPPED = frozenset({"script", "style", "template", "noscript"})
BLOCKS = frozenset(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section summary table tbody "
    "tfoot thead ul".split()
)
LINES = frozenset({"br", "li", "tr"})
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]+)", re.I)
# Encodings that hold ASCII, as what says so here was ASCII; "utf-16" or "hex" is never true.
OF_PAGES = tuple(
    "ascii big5 cp125 cp8 cp93 cp94 cp95 euc gb iso2022 iso8859 koi8 mac shift utf-8".split()
)
MEANT = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
SPACE = re.compile(r"\s+")
TAG = re.compile(r"<[^<>]*>")


def declared_encoding(data: bytes) -> str:
    """Return the encoding that a page says it is in, as browsers take it; "" if it does not.

    >>> declared_encoding(b'<meta charset="GBK">'), declared_encoding(b"<meta charset=UTF-16>")
    ('gb18030', '')
    """
    found = CHARSET.search(data[:2048])
    try:
        name = codecs.lookup(found[1].decode("ascii")).name if found else ""
    except LookupError:
        return ""
    return MEANT.get(name, name) if name.startswith(OF_PAGES) else ""


def webpage(text: str, notes: tuple[str, ...]) -> Document:
    """Return a page's readable text: a line a block, cells parted by bars, scripts left out."""
    parser = _Reader()
    parser.feed(text)
    parser.finish()
    body = parser.text()
    if not body.strip() and text.strip():
        notes = (*notes, "nothing but markup: the page has no text of its own")
    title = SPACE.sub(" ", "".join(parser.title)).strip()
    headings = tuple(parser.headings)
    title = title or next((heading.title for heading in headings), "")
    return Document(text=body, type="html", title=title, headings=headings, notes=notes)


class _Reader(HTMLParser):
    """Collects text; ``length`` is kept so that headings know their offsets."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.headings: list[Heading] = []
        self._parts: list[str] = []
        self._length = 0
        self._breaks = 0  # line ends that stand before the next word
        self._space = False
        self._dropped = ""  # the element whose content is left out
        self._in_title = False
        self._preformatted = 0
        self._heading: tuple[int, int, int] | None = None  # start, level, first part

    def text(self) -> str:
        return "".join(self._parts)

    def finish(self) -> None:
        """Read what a comment or tag that never ends has left over.

        ``close`` would look for the end of each "<" in it anew, through all the rest.
        """
        self.rawdata = TAG.sub(" ", self.rawdata).replace("<", " ")
        self.close()

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        return self.parse_bogus_comment(i, report)  # the base class raises for unknown ones

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropped:
            return
        if tag in DROPPED:
            self._dropped = tag
        elif tag == "title" and not self._parts and not self.title:  # a drawing may have its own
            self._in_title = True
        elif tag in LINES:
            self._break(1)
            if tag == "li":
                self._write("- ")
        elif tag in ("td", "th"):
            if self._parts and not self._breaks:
                self._write(" | ")
        elif tag == "img":
            alt = dict(attrs).get("alt")
            if alt:
                self.handle_data(f" {alt} ")
        elif tag in BLOCKS:
            self._in_title = False
            if self._heading and self._heading[2] < len(self._parts):  # it was never closed
                self._end_heading()
            self._break(2)
            self._preformatted += tag == "pre"
            if tag in HEADINGS:
                self._heading = (self._length, int(tag[1]), len(self._parts))

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            if tag == self._dropped:
                self._dropped = ""
        elif tag == "title":
            self._in_title = False
        elif tag in BLOCKS:
            if tag in HEADINGS:
                self._end_heading()
            self._preformatted -= tag == "pre" and self._preformatted > 0
            self._break(2)
        elif tag == "tr":
            self._break(1)

    def handle_data(self, data: str) -> None:
        if self._dropped:
            return
        if self._in_title:
            self.title.append(data)
        elif self._preformatted:
            self._write(data)
        else:
            folded = SPACE.sub(" ", data)
            if folded.startswith(" ") and not self._at_space():
                self._space = True
            if words := folded.strip(" "):
                self._write((" " if self._space and not self._at_space() else "") + words)
                self._space = folded.endswith(" ")

    def _at_space(self) -> bool:
        return not self._parts or self._breaks > 0 or self._parts[-1].endswith((" ", "\n"))

    def _write(self, text: str) -> None:
        if self._breaks and self._parts:
            self._append("\n" * self._breaks)
        self._breaks = 0
        self._append(text)

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def _break(self, lines: int) -> None:
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
