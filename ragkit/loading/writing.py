"""Writes a document's text piece by piece, and keeps where headings, pages and places begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ragkit.errors import LoadError
from ragkit.text.surrogates import encodable
from ragkit.types import Document, Heading

MOST_TEXT = 200_000_000  # characters: a few lines that are repeated can make any number
BETWEEN_CELLS = " | "


class Writer:
    """The text so far. Blocks are parted by a blank line, lines by a line end."""

    def __init__(self) -> None:
        self.length = 0
        self.headings: list[Heading] = []
        self.page_starts: list[int] = []
        self.places: list[tuple[int, str]] = []
        self.lost: Counter[str] = Counter()  # what is counted in notes: "picture"
        self.notes: list[str] = []
        self._parts: list[str] = []
        self.next_place = ""  # begins with whatever is written next
        self._breaks = 0  # line ends before it

    def block(self, text: str, *, heading: int = 0, title: str = "") -> None:
        """Write a paragraph; ``heading`` is its level if it is one, ``title`` its words if other.

        Blank text is left out.
        """
        text = encodable(text.strip("\n"))
        if not text.strip():
            return
        self._breaks = 2
        self._write(text)
        if heading:
            self.heading_at(self.length - len(text.lstrip()), heading, title or text)
        self._breaks = 2

    def line(self, text: str, *, place: str = "") -> None:
        """Write a line of a list or table; ``place`` begins with it."""
        text = encodable(text.rstrip())
        if text:
            self._breaks = max(self._breaks, 1)
            self.next_place = place or self.next_place
            self._write(text)

    def end(self) -> None:
        """End a list or table: what follows is parted from it by a blank line."""
        self._breaks = 2

    def page(self) -> None:
        """Begin a page or slide."""
        self._parts.append("\n\n" if self.page_starts else "")
        self.length += len(self._parts[-1])
        self._breaks = 0
        self.page_starts.append(self.length)

    def heading_at(self, start: int, level: int, title: str) -> None:
        """Keep a heading that begins at an offset."""
        title = " ".join(title.split())
        if title:
            self.headings.append(Heading(start, level, title))

    def embed(self, other: Document) -> None:
        """Write another document's text as a block, its headings and places with it."""
        if not other.text.strip():
            return
        self._breaks = 2
        self._write(other.text)
        start = self.length - len(other.text)
        self.headings += [Heading(start + h.start, h.level, h.title) for h in other.headings]
        self.places += [(start + at, place) for at, place in other.places]
        self._breaks = 2

    def document(
        self,
        kind: str,
        *,
        title: str = "",
        fields: Iterable[tuple[str, str]] = (),
        pages_without_text: tuple[int, ...] = (),
        title_by_heading: bool = True,
    ) -> Document:
        """Return what was written; without a title the first heading is it, unless said."""
        title = " ".join(encodable(title).split())
        if not title and title_by_heading and self.headings:
            title = self.headings[0].title
        notes = (*self.notes, *(counted(n, what) for what, n in self.lost.items() if n))
        return Document(
            text="".join(self._parts),
            type=kind,
            title=title,
            headings=tuple(sorted(self.headings, key=lambda heading: heading.start)),
            page_starts=tuple(self.page_starts),
            pages_without_text=pages_without_text,
            notes=tuple(dict.fromkeys(notes)),
            places=tuple(self.places),
            fields=clean_fields(fields),
        )

    def _write(self, text: str) -> None:
        start = self.page_starts[-1] if self.page_starts else 0
        if self._breaks and self.length > start:
            self._parts.append("\n" * self._breaks)
            self.length += self._breaks
        self._breaks = 0
        if self.next_place:
            self.places.append((self.length, self.next_place))
            self.next_place = ""
        self._parts.append(text)
        self.length += len(text)
        if self.length > MOST_TEXT:
            raise LoadError(
                f"its text would be more than {MOST_TEXT / 1e6:.0f} million characters",
                stage="parse",
                hint="save it in parts",
            )


def cells(texts: Iterable[str]) -> str:
    r"""Return a table's row in one line; a row of blank cells is "".

    >>> cells(["Bolt", "", "3 mm\nlong"]), cells(["", " "])
    ('Bolt |  | 3 mm long', '')
    """
    row = [" ".join(text.split()) for text in texts]
    while row and not row[-1]:
        del row[-1]
    return BETWEEN_CELLS.join(row)


def counted(count: int, what: str) -> str:
    """Return a note of so many things; a bar in ``what`` parts its noun from the rest.

    >>> counted(1, "picture| has no text"), counted(3, "picture| has no text")
    ('1 picture has no text', '3 pictures have no text')
    >>> counted(2, "tracked deletion| left out")
    '2 tracked deletions left out'
    """
    noun, _, rest = what.partition("|")
    if count == 1:
        return f"1 {noun}{rest}"
    return f"{count:,} {noun}s{rest.replace(' has ', ' have ').replace(' is ', ' are ')}"


def clean_fields(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    r"""Return fields in one line each, without blank ones and repetitions.

    >>> clean_fields([("Author", " Ann\n B"), ("tag", ""), ("tag", "a"), ("tag", "a")])
    (('author', 'Ann B'), ('tag', 'a'))
    """
    pairs = ((name.strip().lower(), " ".join(encodable(text).split())) for name, text in fields)
    return tuple(dict.fromkeys((name, text) for name, text in pairs if name and text))


def tags(text: str) -> list[tuple[str, str]]:
    """Return keywords that stand in one line as fields.

    >>> tags("index; how to, ")
    [('tag', 'index'), ('tag', 'how to')]
    """
    return [("tag", tag.strip()) for tag in text.replace(";", ",").split(",") if tag.strip()]
