"""Spans that tile a text: pages, sentences, and pieces of what is too long."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ragkit.chunking import best_cut
from ragkit.text import graphemes, sentences
from ragkit.text.tokens import fits, fitting
from ragkit.types import Document


def pages_of(document: Document) -> Iterator[tuple[int, int]]:
    r"""Yield the span of each page; of a document without pages, the whole.

    >>> list(pages_of(Document("one\n\ntwo", "pdf", page_starts=(0, 5))))
    [(0, 5), (5, 8)]
    """
    return pairwise(sorted({0, *document.page_starts, len(document.text)}))


def pieces(text: str, start: int, end: int, tokens: int) -> Iterator[tuple[int, int]]:
    """Yield ``text[start:end]`` in spans of at most ``tokens``, cut at the best boundaries."""
    at = start
    while at < end:
        stop = end if fits(text, at, end, tokens) else best_cut(text, at, fitting(text, at, tokens))
        yield at, stop
        at = stop


def sentences_of(
    document: Document, start: int, end: int, tokens: int
) -> Iterator[tuple[int, int, bool]]:
    """Yield the sentences of a stretch as spans that tile it, too long ones in pieces.

    The third says whether a heading stands there, which is to stay with what follows it.
    """
    text = document.text
    headings = {heading.start for heading in document.headings}
    begin = start
    for found in sentences.ends(text, start, end):
        stop = end if found == end else graphemes.floor(text, found, least=begin - 1)
        if stop == begin:  # it would end within the grapheme that it begins with
            continue
        for left, right in pieces(text, begin, stop, tokens):
            piece = text[left:right]
            yield left, right, left + len(piece) - len(piece.lstrip()) in headings
        begin = stop
