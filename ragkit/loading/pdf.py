"""A PDF as a document: its pages put together, and what typesetting did to them undone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ragkit.errors import LoadError
from ragkit.extras import install_hint
from ragkit.pdf.found import SECOND, Entry, Facts, Found, Opened, Page, Refused
from ragkit.pdf.furniture import without_furniture
from ragkit.pdf.reading import read
from ragkit.pdf.words import as_typed, rejoined, vocabulary
from ragkit.types import Document, Heading

BETWEEN = "\n\n"  # pages, and a page's text and its notes
NOT_LETTERS = re.compile(r"[\W_]+")
LOOKED_AT = 4  # lines that a heading may fill
MOST_LINES = 2_000  # of a page, among which each entry of the outline is looked for


def is_pdf(data: bytes) -> bool:
    """Say whether a file is a PDF, whatever it is called."""
    return b"%PDF-" in data[:1024]


def pdf(data: bytes) -> Document:
    """Return a PDF's text; pages without any are counted, pages that fail are named.

    It is read in this process, without limits of time and memory (``loading.workers`` has them).

    Raises:
        LoadError: it is none, encrypted or broken.
    """
    require_pdf(data)
    return assembled(read(data))


def require_pdf(data: bytes) -> None:
    """Refuse what is no PDF.

    Raises:
        LoadError: it is none.
    """
    if not is_pdf(data):
        raise LoadError("it is called .pdf but is no PDF", stage="parse", hint="is it complete?")


def assembled(found: Iterable[Found]) -> Document:
    """Return the document out of what was read of a PDF.

    Raises:
        LoadError: it was refused.
    """
    pages: dict[int, Page] = {}
    count, facts = 0, Facts()
    for one in found:
        if isinstance(one, Refused):
            raise LoadError(one.reason, stage=one.stage, hint=one.hint)
        if isinstance(one, Opened):
            count = one.pages
        elif isinstance(one, Page):
            pages[one.number] = one
        elif isinstance(one, Facts):
            facts = Facts(
                facts.title or one.title,
                (*facts.fields, *one.fields),
                (*facts.outline, *one.outline),
                (*facts.notes, *one.notes),
            )
    return _document([pages.get(n) or Page(n, "") for n in range(1, count + 1)], facts)


def _document(pages: Sequence[Page], facts: Facts) -> Document:
    cleared = without_furniture([as_typed(page.text) for page in pages])
    words = vocabulary(cleared.texts)
    texts = []
    for page, text in zip(pages, cleared.texts, strict=True):
        parts = (rejoined(text, words), as_typed(page.notes))
        texts.append(BETWEEN.join(filter(str.strip, parts)))
    starts = [0]
    for text in texts[:-1]:
        starts.append(starts[-1] + len(text) + len(BETWEEN))
    notes = list(facts.notes)
    if cleared.lines:
        shown = ", ".join(f"'{line[:40]}'" for line in cleared.samples)
        notes.append(f"headers and footers left out on {cleared.pages} pages, such as {shown}")
    by_second = [page.number for page in pages if page.reader == SECOND]
    if by_second:
        notes.append(f"{_pages(by_second)} read by {SECOND}: pypdf made no sense of them")
    if doubtful := [page.number for page in pages if page.is_doubtful]:
        notes.append(
            f"{_pages(doubtful)} hardly legible: the fonts do not say what their signs mean"
            f" (a second reader may know: {install_hint('formats')})"
        )
    fields = (*facts.fields, *((("reader", SECOND),) if by_second else ()))
    return Document(
        text=BETWEEN.join(texts),
        type="pdf",
        title=facts.title,
        headings=tuple(_headings(facts.outline, texts, starts)),
        page_starts=tuple(starts),
        pages_without_text=tuple(n for n, text in enumerate(texts, 1) if not text.strip()),
        notes=tuple(notes),
        failed_pages=tuple((page.number, page.error) for page in pages if page.error),
        fields=fields,
    )


def _pages(numbers: Sequence[int]) -> str:
    """Return page numbers as they are said, not more than ten.

    >>> _pages([3]), _pages([1, 2])
    ('page 3', 'pages 1, 2')
    """
    more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
    return f"page{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers[:10]))}{more}"


def _headings(
    outline: Sequence[Entry], texts: Sequence[str], starts: Sequence[int]
) -> list[Heading]:
    """Return the outline as headings, each where its words begin a line, else where its page does.

    Entries of one page stand in it in their order.
    """
    found = []
    at: dict[int, int] = {}  # by page, where the last heading was found
    lines: dict[int, list[tuple[int, str]]] = {}
    for entry in outline:
        page = entry.page - 1
        if page not in lines:
            lines[page] = _lines(texts[page])[:MOST_LINES]
        start = _line_of(entry.title, lines[page], at.get(page, 0))
        at[page] = max(at.get(page, 0), start)
        found.append(Heading(starts[page] + at[page], entry.level, entry.title))
    return sorted(found, key=lambda heading: heading.start)


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the offset of each line and its letters, those of the lines after it too."""
    letters, offsets, offset = [], [], 0
    for line in text.split("\n"):
        letters.append(_letters(line))
        offsets.append(offset)
        offset += len(line) + 1
    return [
        (offset, "".join(letters[i : i + LOOKED_AT]))
        for i, offset in enumerate(offsets)
        if letters[i]
    ]


def _letters(text: str) -> str:
    return NOT_LETTERS.sub("", text).casefold()


def _line_of(title: str, lines: Sequence[tuple[int, str]], least: int) -> int:
    """Return where a title's line begins, at or after ``least``; 0 if it is not found.

    The line may have a number before it: "2.1 Results" has the title "Results", or the reverse.
    """
    wanted = _letters(title)
    bare = wanted.lstrip("0123456789")
    for offset, line in lines:
        if offset >= least and wanted and line.startswith(wanted):
            return offset
    for offset, line in lines:
        if offset >= least and bare and line.lstrip("0123456789").startswith(bare):
            return offset
    return 0
