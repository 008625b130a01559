"""The verbs of ragkit: what a swappable part must do. Any object with these members is one."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Protocol, runtime_checkable

from ragkit.types import (
    Chunk,
    Document,
    Embedded,
    FloatMatrix,
    FloatVector,
    Hit,
    Prompt,
    Usage,
)

SAME_COSINE = 0.995  # of one text's vectors; another device or rounding stays above .999


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


@runtime_checkable
class ServedEmbedder(Embedder, Protocol):
    """An embedder whose vectors come from elsewhere, where more can go wrong."""

    def version(self) -> str:
        """Return what may change its vectors unseen, such as a server's release: "" if nothing."""
        ...

    def probe(self) -> FloatVector:
        """Return the vector of a fixed text, (dim,), by which a drift of all others is told."""
        ...

    def embed_each(self, texts: Sequence[str]) -> Embedded:
        """Do what ``embed_documents`` does; a text that has no vector costs itself only."""
        ...


class Loader(Protocol):
    """Makes a document of a file's bytes, for files of a suffix.

    Its name is kept with what it made; one that reads otherwise than before is given another, or an
    attribute ``fingerprint``, so that its files are read again.
    """

    def __call__(self, data: bytes, /) -> Document:
        """Return the document in ``data``; its ``type`` is set by who calls.

        Raises:
            LoadError: it cannot be read. Any other error costs the file too, not the run.
        """
        ...


class Chunker(Protocol):
    """Cuts a document into chunks, in order of start; every non-blank character is in one."""

    def __call__(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunks of ``document``."""
        ...


class PromptBuilder(Protocol):
    """Words what a chat model is asked."""

    def __call__(self, question: str, hits: Sequence[Hit], *, budget_tokens: int) -> Prompt:
        """Return the prompt that asks ``question`` of the first of ``hits`` that fit together.

        Asked once without question and hits, to learn how much room its own words take.

        Args:
            question: what is asked.
            hits: sources, the best first; ``[n]`` in the answer cites ``hits[n - 1]``.
            budget_tokens: most tokens of sources and question, estimated.
        """
        ...


class ChatModel(Protocol):
    """Goes on with a conversation."""

    @property
    def name(self) -> str:
        """Name shown with the answer, such as ``"ollama:llama3.2"``."""
        ...

    def context_tokens(self, needed: int) -> int:
        """Return how many tokens prompt and answer may have together, ``needed`` if it can be."""
        ...

    def stream(
        self, prompt: Prompt, *, context_tokens: int, answer_tokens: int
    ) -> Generator[str, None, Usage]:
        """Yield the reply piece by piece; return what it cost.

        Raises:
            ContextLengthError: the prompt is longer than the context. Nothing was yielded.
        """
        ...


class Answerer(Protocol):
    """Answers a question from passages, piece by piece."""

    @property
    def name(self) -> str:
        """Name shown with the answer, such as ``"builtin:quotes"``."""
        ...

    def __call__(self, question: str, hits: Sequence[Hit]) -> Iterator[str]:
        """Yield the answer's text; ``[n]`` in it cites ``hits[n - 1]``.

        A generator may return an ``Outcome``: what the answer cost, and what is to be said of it.
        """
        ...


class Seeing(Protocol):
    """Reads the text in images."""

    @property
    def name(self) -> str:
        """What its texts are marked with."""
        ...

    def __call__(self, image: bytes) -> str:
        """Return what stands in an image file, "" if nothing does."""
        ...
