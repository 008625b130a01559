"""Ways to cut a document, each a callable that yields chunks; the setting ``chunker`` names one.

* ``structure``: along headings, paragraphs, lines, sentences: the default (``ragkit.chunking``)
* ``sentences``: as many whole sentences as fit
* ``fixed``: as many whole words as fit
* ``similarity``: cut where neighbouring sentences are least alike
* ``page``: a page or slide each; what has none, along its structure
* ``document``: the whole of it

``chunk_tokens`` is the most tokens of a chunk of the first four. None has chunks that overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ragkit.chunkers.sized import FixedChunker, SentenceChunker
from ragkit.chunkers.whole import DocumentChunker, PageChunker
from ragkit.chunking import StructureChunker

if TYPE_CHECKING:
    from ragkit.chunkers.similarity import SimilarityChunker
    from ragkit.protocols import Chunker

__all__ = [
    "DocumentChunker",
    "FixedChunker",
    "PageChunker",
    "SentenceChunker",
    "chunker_named",
]


def chunker_named(name: str, chunk_tokens: int) -> Chunker:
    """Return the chunker of a name.

    Raises:
        MissingExtraError: ``similarity`` needs the built-in embedder, whose extra is missing.
        KeyError: there is none of that name; ``Settings`` lets none through.
    """
    return NAMED[name](chunk_tokens)


def _similarity(chunk_tokens: int) -> SimilarityChunker:
    """Cut by the built-in embedder, whatever the index embeds with.

    A server may be away when a file is cut: a dry run or a repair asks none. And where chunks end
    should not hang on its release.
    """
    from ragkit.chunkers.similarity import SimilarityChunker
    from ragkit.embedding.wordllama import WordLlamaEmbedder

    return SimilarityChunker(WordLlamaEmbedder(), chunk_tokens)


NAMED: dict[str, Callable[[int], Chunker]] = {
    "structure": StructureChunker,
    "sentences": SentenceChunker,
    "fixed": FixedChunker,
    "page": PageChunker,
    "similarity": _similarity,
    "document": lambda _: DocumentChunker(),
}
