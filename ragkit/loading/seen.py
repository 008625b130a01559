"""Pages and images that a model has read, as documents that say so."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragkit.text.page_ranges import page_ranges, pages_in
from ragkit.types import Document

READ_BY, PAGES_READ_BY = "read_by", "pages_read_by"  # fields
IMAGE = "image"  # the type of such documents
DRAWN = ("pdf", "own:")  # how the types of documents begin whose pages are drawn for a model
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})  # that Ollama takes


def image_document(text: str, model: str) -> Document:
    """Return the document of an image that a model has read."""
    notes = () if text.strip() else (f"{model} sees no text in it",)
    return Document(text=text, type=IMAGE, notes=notes, fields=((READ_BY, model),))


def with_pages(document: Document, texts: Mapping[int, str], model: str) -> Document:
    r"""Return a document with the text of pages that had none; what follows them moves on.

    A page at which the model saw nothing is blank, and no longer one without text.

    >>> document = Document("One.\n\n\n\nThree.", "pdf", page_starts=(0, 6, 8))
    >>> seen = with_pages(document, {2: "Two."}, "llava")
    >>> seen.text, seen.page_starts, seen.fields
    ('One.\n\nTwo.\n\nThree.', (0, 6, 12), (('read_by', 'llava'), ('pages_read_by', '2')))
    """
    if not texts:
        return document
    starts = document.page_starts
    places: list[int] = []  # in the old text, ascending
    moved: list[int] = []  # by so much does what stands behind each of them
    parts, at, shift = [], 0, 0
    for page in sorted(texts):
        start = starts[page - 1]
        parts += [document.text[at:start], texts[page]]
        at = start
        shift += len(texts[page])
        places.append(start)
        moved.append(shift)
    parts.append(document.text[at:])

    def new(offset: int) -> int:
        before = bisect_left(places, offset)  # what stands at the place itself stays before it
        return offset + (moved[before - 1] if before else 0)

    blank = [page for page, text in sorted(texts.items()) if not text.strip()]
    told = (f"{model} sees no text on pages {page_ranges(blank)}",) if blank else ()
    return replace(
        document,
        text="".join(parts),
        headings=tuple(replace(h, start=new(h.start)) for h in document.headings),
        page_starts=tuple(map(new, starts)),
        pages_without_text=tuple(n for n in document.pages_without_text if n not in texts),
        failed_pages=tuple(one for one in document.failed_pages if one[0] not in texts),
        notes=(*document.notes, f"pages {page_ranges(sorted(texts))} read by {model}", *told),
        fields=(
            *document.fields,
            (READ_BY, model),
            (PAGES_READ_BY, ", ".join(map(str, sorted(texts)))),
        ),
    )


def read_by(kind: str, fields: Sequence[tuple[str, str]], page: int | None) -> str:
    """Return the model that read a page, or an image; "" if none did.

    Fields of these names that a document of another type has are its author's own.

    >>> read_by("pdf", (("read_by", "llava"), ("pages_read_by", "2, 4")), 4)
    'llava'
    >>> read_by("pdf", (("read_by", "llava"), ("pages_read_by", "2, 4")), 3)
    ''
    >>> read_by("markdown", (("read_by", "Ann"),), None), read_by("pdf", (), None)
    ('', '')
    """
    if not kind.startswith((IMAGE, *DRAWN)):
        return ""
    named = dict(fields)
    if page is not None and page not in pages_in(named.get(PAGES_READ_BY, "")):
        return ""
    return named.get(READ_BY, "")
