"""Chunks that are what a document is made of: its pages, or all of it.

What is longer than the embedder takes is embedded in parts, whose vectors are averaged: such a
chunk is found by its words first of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ragkit.chunkers.spans import pages_of, pieces
from ragkit.chunking import StructureChunker, chunks_of
from ragkit.types import Chunk, Document

MOST_TOKENS = 100_000  # of a chunk: more than embedding models take, less than memory does


@dataclass(frozen=True, slots=True)
class PageChunker:
    """A page or slide each; a document that has none is cut along its structure."""

    chunk_tokens: int = 200  # of a chunk where there are no pages

    def __call__(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunks of ``document``, in order; blank pages have none."""
        if not document.page_starts:
            return StructureChunker(self.chunk_tokens)(document)
        spans = (
            span
            for start, end in pages_of(document)
            for span in pieces(document.text, start, end, MOST_TOKENS)
        )
        return chunks_of(document, spans)


@dataclass(frozen=True, slots=True)
class DocumentChunker:
    """The whole document; one of more than 100,000 tokens in pieces of that."""

    def __call__(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunk of ``document``; a blank one has none."""
        text = document.text
        return chunks_of(document, pieces(text, 0, len(text), MOST_TOKENS))
