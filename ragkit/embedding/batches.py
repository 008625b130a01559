"""Send texts to be embedded in batches; find out which text a failing batch failed on.

A server says that a batch failed, not on which text. A failing batch is halved until the text
stands alone: one that is too long is embedded in parts, one that the model has no vector for costs
itself and no other. What was too much for the server is sent again in smaller requests; what else
is wrong with it, and not with a text, is raised at once.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ragkit.embedding.at_once import at_once
from ragkit.embedding.load import Load
from ragkit.errors import (
    BadVectorError,
    ContextLengthError,
    ModelCrashError,
    OllamaBusyError,
    OllamaError,
    OllamaReplyError,
    OllamaTimeoutError,
)
from ragkit.text.tokens import estimate_tokens
from ragkit.types import Embedded, FloatMatrix, FloatVector

Send = Callable[[Sequence[str]], FloatMatrix]  # texts -> rows that should be unit vectors of theirs

# Batches of 32 to 64 texts with two in flight are near the best of two releases; a few more make
# two requests, not three, of what an ingest hands over at once (128 texts and some). Requests of 32
# gain nothing at one server, which embeds its texts one after another, and cost twice the requests.
BATCH_TEXTS, BATCH_CHARACTERS = 72, 64_000
IN_FLIGHT = 2
BUSY_TRIES = 5  # of a server that is busy, with growing waits between
NORM_TOLERANCE = 0.01
LEAST_TOKENS = 16  # a text this short is not cut further
IN_A_ROW = 8  # texts refused one after another: then the server is asked for one that must work
HINT = "run it again; 'ragkit doctor' tries the model, a newer Ollama may help"
SAMPLE = "The quick brown fox jumps over the lazy dog."
WORD_END = re.compile(r"[0-9A-Za-z](?=\s)")  # not the word: one of a megabyte may have no end


@dataclass(frozen=True, slots=True)
class Vector:
    """A text's vector, or why it has none."""

    row: FloatVector | None  # (dim,), unit length
    parts: int = 1  # the text was embedded in so many
    reason: str = ""


class Batches:
    """Embeds texts by ``send``, whatever becomes of single ones.

    One is for all texts of an embedder: it counts how many were refused in a row.

    Args:
        send: asks the server.
        dim: the length that vectors must have; None takes what comes.
        batch_texts: most texts of a request.
        in_flight: requests at once.
        context_tokens: of the model, at the most; a text of more words is sure to be refused, and
            cut beforehand: to find it out costs a dozen requests. None leaves that to the server.
        wait_s: how long to wait after so many tries of a server that is busy.
    """

    def __init__(
        self,
        send: Send,
        *,
        dim: int | None,
        batch_texts: int = BATCH_TEXTS,
        in_flight: int = IN_FLIGHT,
        context_tokens: int | None = None,
        wait_s: Callable[[int], float] = lambda _: 0.0,
    ) -> None:
        self.dim = dim
        self._send = send
        self._load = Load(batch_texts)
        self._in_flight = in_flight
        self._context_tokens = context_tokens
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._refused_in_a_row = 0

    def embed(self, texts: Sequence[str], prefix: str = "") -> Embedded:
        """Embed texts, none of them blank, in the order given.

        Args:
            texts: as they are.
            prefix: what the model wants before each, and before each part of one that is too long.

        Raises:
            OllamaError: the server, not a text, is at fault.
        """
        groups = list(self._groups(texts, prefix))
        found = at_once(
            lambda group: self._group(group, prefix),
            groups,
            threads=self._in_flight,
            name="ragkit-batch",
        )
        return _embedded([vector for group in found for vector in group], self.dim)

    def _groups(self, texts: Sequence[str], prefix: str) -> Iterator[list[str]]:
        requests = -(-len(texts) // self._load.texts)
        even = -(-len(texts) // max(requests, 1))
        group: list[str] = []
        characters = 0
        for text in texts:
            length = len(prefix) + len(text)
            full = len(group) >= even or characters + length > BATCH_CHARACTERS
            if group and full:
                yield group
                group, characters = [], 0
            group.append(text)
            characters += length
        if group:
            yield group

    def _group(self, texts: Sequence[str], prefix: str, tries: int = 0) -> list[Vector]:
        """Return the vectors of texts that go into one request, or into several if one fails.

        Args:
            texts: some.
            prefix: what stands before each.
            tries: how often they were too much for the server before.
        """
        longs = [self._is_too_long(text) for text in texts]
        if any(longs):
            return self._without_longs(texts, prefix, longs)
        try:
            rows = self._checked(texts, prefix)
        except (OllamaBusyError, OllamaTimeoutError) as error:
            return self._in_smaller(texts, prefix, error, tries)
        except OllamaError as error:
            if not _may_be_a_text(error):
                raise
            if len(texts) == 1:
                return [self._alone(texts[0], prefix, error)]
            half = len(texts) // 2
            return self._group(texts[:half], prefix, tries) + self._group(
                texts[half:], prefix, tries
            )
        self._load.went_well()
        return [
            self._good(row) if row is not None else self._alone(text, prefix, _no_vector())
            for text, row in zip(texts, rows, strict=True)
        ]

    def _in_smaller(
        self, texts: Sequence[str], prefix: str, error: OllamaError, tries: int
    ) -> list[Vector]:
        """Send again, in smaller requests, what was too much for the server.

        Raises:
            OllamaError: as it was, where that is of no use: a server that takes long twice hangs.
        """
        is_slow = isinstance(error, OllamaTimeoutError)
        if len(texts) == 1 or tries + 1 >= (2 if is_slow else BUSY_TRIES):
            raise error
        self._load.was_too_much(len(texts), slow=is_slow)
        time.sleep(0.0 if is_slow else self._wait_s(tries + 1))
        size = min(self._load.texts, -(-len(texts) // 2))
        parts = [texts[i : i + size] for i in range(0, len(texts), size)]
        return [vector for part in parts for vector in self._group(part, prefix, tries + 1)]

    def _is_too_long(self, text: str) -> bool:
        """Say whether a text is sure to be longer than the model takes: a word is a token or more.

        Only words that end in a letter or digit are counted: of some signs nothing may be left.
        """
        most = self._context_tokens
        return most is not None and len(text) > 2 * most and len(WORD_END.findall(text)) > most

    def _without_longs(
        self, texts: Sequence[str], prefix: str, longs: Sequence[bool]
    ) -> list[Vector]:
        pairs = list(zip(texts, longs, strict=True))
        others = [text for text, is_long in pairs if not is_long]
        found = iter(self._group(others, prefix) if others else ())
        return [self._in_parts(text, prefix) if long else next(found) for text, long in pairs]

    def _checked(self, texts: Sequence[str], prefix: str = "") -> list[FloatVector | None]:
        """Return a unit vector for each text, None where what came is none.

        Raises:
            OllamaError: the request failed, or the vectors cannot be told apart.
        """
        rows = self._patiently([prefix + text for text in texts])
        if len(rows) != len(texts):
            raise BadVectorError(f"{len(rows)} vectors came for {len(texts)} texts", hint=HINT)
        if self.dim is not None and rows.shape[1] != self.dim:
            told = f"vectors of {rows.shape[1]} numbers came, not {self.dim}"
            raise BadVectorError(told, hint=HINT)
        with np.errstate(over="ignore"):  # what is too large is no unit vector either
            norms = np.linalg.norm(rows, axis=1)
        good = np.abs(norms - 1) < NORM_TOLERANCE  # False for NaN too
        return [
            row / norm if fine else None for row, norm, fine in zip(rows, norms, good, strict=True)
        ]

    def _patiently(self, texts: Sequence[str]) -> FloatMatrix:
        """Send texts; a single one again where the server is busy, as it cannot be made smaller."""
        for tries in range(1, BUSY_TRIES if len(texts) == 1 else 1):
            try:
                return self._send(texts)
            except OllamaBusyError:
                time.sleep(self._wait_s(tries))
        return self._send(texts)

    def _good(self, row: FloatVector, parts: int = 1) -> Vector:
        with self._lock:
            self._refused_in_a_row = 0
        return Vector(row, parts)

    def _alone(self, text: str, prefix: str, error: OllamaError) -> Vector:
        """Try once more what failed by itself, then in parts; else say why it has no vector."""
        if not isinstance(error, ContextLengthError):
            try:
                (row,) = self._checked([text], prefix)
            except OllamaError as again:
                if not _may_be_a_text(again):
                    raise
                error = again
            else:
                if row is not None:
                    return self._good(row)
                error = _no_vector()
        if isinstance(error, BadVectorError) or estimate_tokens(text) <= LEAST_TOKENS:
            return self._refused(error)
        return self._in_parts(text, prefix)

    def _in_parts(self, text: str, prefix: str) -> Vector:
        """Return the mean of the vectors of a text's parts, by their length."""
        from ragkit.chunking import best_cut  # the rules of sentences, which few texts need here

        cut = best_cut(text, 0, len(text) * 6 // 10)
        parts = [part for part in (text[:cut], text[cut:]) if part.strip()]
        vectors, rows = [], []
        for part in parts:
            (vector,) = self._group([part], prefix)
            if vector.row is None:  # no more is asked: each try may cost the model a load
                return vector
            vectors.append(vector)
            rows.append(vector.row)
        mean = np.average(rows, axis=0, weights=[len(part) for part in parts])
        row = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
        return self._good(row, sum(vector.parts for vector in vectors))

    def _refused(self, error: OllamaError) -> Vector:
        """Return that a text has no vector, unless no text has one any more."""
        with self._lock:
            self._refused_in_a_row += 1
            if self._refused_in_a_row >= IN_A_ROW:
                if self._checked([SAMPLE])[0] is None:
                    raise error
                self._refused_in_a_row = 0
        return Vector(None, reason=error.message)


def all_rows(found: Embedded) -> FloatMatrix:
    """Return the vectors of texts, (texts, dim), where each must have one.

    Raises:
        BadVectorError: names the first that has none.
    """
    for position, reason in found.refused.items():
        raise BadVectorError(f"no vector for text {position}: {reason}")
    return found.rows


def _no_vector() -> BadVectorError:
    return BadVectorError("the model gave zeros or no numbers for it", hint=HINT)


def _may_be_a_text(error: OllamaError) -> bool:
    """Say whether a request may have failed because of a text in it.

    Releases before 0.6.1 do not say why: what is of no class may be a text, unless its status is
    that of a gateway.
    """
    textual = (ContextLengthError, BadVectorError, ModelCrashError, OllamaReplyError)
    is_of_no_class = type(error) is OllamaError and not error.is_of_gateway
    return isinstance(error, textual) or is_of_no_class


def _embedded(vectors: Sequence[Vector], dim: int | None) -> Embedded:
    rows = [vector.row for vector in vectors]
    dim = dim or next((len(row) for row in rows if row is not None), 0)
    nothing = np.zeros(dim, np.float32)
    matrix = np.array([nothing if row is None else row for row in rows], np.float32)
    return Embedded(
        matrix.reshape(len(rows), dim),
        {i: vector.parts for i, vector in enumerate(vectors) if vector.parts > 1},
        {i: vector.reason for i, vector in enumerate(vectors) if vector.row is None},
    )
