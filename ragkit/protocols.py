"""The verbs of ragkit: what a swappable part must do. Any object with these members is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from ragkit.types import Chunk, Document, FloatMatrix, FloatVector, Hit


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """Name recorded in the index, such as ``"builtin:wordllama-256"``."""
        ...

    @property
    def fingerprint(self) -> str:
        """All that decides its vectors: two embedders are equal if their fingerprints are."""
        ...

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32 ``(len(texts), dim)``, rows of unit length, in the order given.

        A text in which the model finds nothing at all (white space) is a row of zeros.
        """
        ...

    def embed_query(self, text: str) -> FloatVector:
        """Return float32 ``(dim,)`` of unit length; may prepend the model's query instruction."""
        ...


class Chunker(Protocol):
    """Cuts a document into chunks, in order of start; every non-blank character is in one."""

    def __call__(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunks of ``document``."""
        ...


class Answerer(Protocol):
    """Answers a question from passages, piece by piece."""

    @property
    def name(self) -> str:
        """Name shown with the answer, such as ``"builtin:quotes"``."""
        ...

    def __call__(self, question: str, hits: Sequence[Hit]) -> Iterator[str]:
        """Yield the answer's text; ``[n]`` in it cites ``hits[n - 1]``."""
        ...
