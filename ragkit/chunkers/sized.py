"""Chunks that are as long as may be: of whole sentences, or of whole words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ragkit.chunkers.spans import pages_of, sentences_of
from ragkit.chunking import chunks_of
from ragkit.text import graphemes
from ragkit.text.tokens import fits, fitting
from ragkit.types import Chunk, Document

BLANKS = " \n\t\r\u3000"
WORD = 0.15  # of a chunk's length, the end of it in which a blank is looked for


@dataclass(frozen=True, slots=True)
class SentenceChunker:
    """As many whole sentences as fit, a page's at most; a heading goes with what follows it."""

    chunk_tokens: int = 200

    def __call__(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunks of ``document``, in order; blank stretches are in none."""
        return chunks_of(document, self._spans(document))

    def _spans(self, document: Document) -> Iterator[tuple[int, int]]:
        text, tokens = document.text, self.chunk_tokens
        for first, last in pages_of(document):
            begin = kept = first  # where the chunk begins, and where it may end
            after_heading = False
            for start, end, is_heading in sentences_of(document, first, last, tokens):
                if not after_heading and begin < start:
                    kept = start
                if not fits(text, begin, end, tokens):
                    stop = kept if kept > begin else start
                    if stop > begin:
                        yield begin, stop
                    begin = stop
                    if not fits(text, begin, end, tokens):  # a heading, and a sentence that fills
                        yield begin, start
                        begin = start
                after_heading = is_heading
            yield begin, last


@dataclass(frozen=True, slots=True)
class FixedChunker:
    """As many whole words as fit, whatever they say, a page's at most."""

    chunk_tokens: int = 200

    def __call__(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunks of ``document``, in order; blank stretches are in none."""
        return chunks_of(document, self._spans(document))

    def _spans(self, document: Document) -> Iterator[tuple[int, int]]:
        text = document.text
        for start, end in pages_of(document):
            at = start
            while at < end:
                stop = fitting(text, at, self.chunk_tokens)
                if stop < end:
                    least = stop - int((stop - at) * WORD)
                    blank = max(text.rfind(c, least, stop + 1) for c in BLANKS)
                    stop = graphemes.floor(text, blank if blank > at else stop, least=at)
                yield at, min(stop, end)
                at = min(stop, end)
