"""Cut where neighbouring sentences are least alike.

The likeness at a place between two sentences is the cosine of the three before it and the three
after it. Of all ways to cut that keep each chunk within its limit, the one is taken whose cuts are
at the places of the least likeness in all: no threshold is needed, and a cut that saves nothing is
not made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np

from ragkit.chunkers.spans import pages_of, sentences_of
from ragkit.chunking import chunks_of
from ragkit.protocols import Embedder
from ragkit.text.tokens import fits
from ragkit.types import Chunk, Document, FloatMatrix

WINDOW = 3  # sentences on each side
AT_ONCE = 1000  # sentences whose vectors are held
CUT = 0.5  # what a cut costs beside its likeness: the more, the fewer and longer the chunks
AFTER_HEADING = 10.0  # what is added to a cut between a heading and its text

Unit = tuple[int, int, bool]  # start, end, whether a heading stands there


@dataclass(frozen=True, slots=True)
class SimilarityChunker:
    """Chunks of neighbouring sentences that are alike, a page's at most."""

    embedder: Embedder
    chunk_tokens: int = 200

    def __call__(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunks of ``document``, in order; blank stretches are in none.

        Raises:
            OllamaError: the embedder's server failed.
        """
        return chunks_of(document, self._spans(document))

    def _spans(self, document: Document) -> Iterator[tuple[int, int]]:
        for start, end in pages_of(document):
            found = iter(sentences_of(document, start, end, self.chunk_tokens))
            units: list[Unit] = []
            while more := list(islice(found, AT_ONCE - len(units))):
                units += more
                bounds = self._bounds(document.text, units)
                for i, j in pairwise(bounds[:-1]):
                    yield units[i][0], units[j][0]
                units = units[bounds[-2] :]  # the last chunk may go on
            if units:
                yield units[0][0], end

    def _bounds(self, text: str, units: Sequence[Unit]) -> list[int]:
        """Return where chunks begin, as positions among the units, and the end."""
        costs = self._costs(text, units)
        best = [0.0, *[float("inf")] * len(units)]  # least cost of all cuts up to a place
        came = [0] * (len(units) + 1)
        for i, (start, *_) in enumerate(units):
            so_far = best[i] + (costs[i] if i else 0.0)
            for j in range(i + 1, len(units) + 1):
                if j > i + 1 and not fits(text, start, units[j - 1][1], self.chunk_tokens):
                    break
                if so_far < best[j]:
                    best[j], came[j] = so_far, i
        bounds = [len(units)]
        while bounds[-1]:
            bounds.append(came[bounds[-1]])
        return bounds[::-1]

    def _costs(self, text: str, units: Sequence[Unit]) -> list[float]:
        """Return what a cut before each unit costs."""
        rows = self.embedder.embed_documents([text[start:end] for start, end, _ in units])
        costs = CUT + _likeness(rows)
        costs[1:] += [AFTER_HEADING * is_heading for *_, is_heading in units[:-1]]
        found: list[float] = costs.tolist()
        return found


def _likeness(rows: FloatMatrix) -> FloatMatrix:
    """Return the cosine of the rows just before and just after each place, (len(rows),)."""
    sums = np.concatenate([np.zeros((1, rows.shape[1]), np.float32), rows.cumsum(axis=0)])
    at = np.arange(len(rows))
    before = sums[at] - sums[np.maximum(at - WINDOW, 0)]
    after = sums[np.minimum(at + WINDOW, len(rows))] - sums[at]
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    products: FloatMatrix = (before * after).sum(axis=1) / np.maximum(lengths, 1e-9)
    return products
