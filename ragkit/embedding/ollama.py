"""Vectors from a model of an Ollama server: each checked, none of a text that was cut.

Sources: https://github.com/ollama/ollama/blob/main/docs/api.md, and the replies of three releases
in tests/transcripts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ragkit.embedding.at_once import at_once
from ragkit.embedding.batches import BATCH_TEXTS, IN_FLIGHT, Batches, all_rows
from ragkit.errors import (
    BadVectorError,
    ModelNotFoundError,
    NotOllamaError,
    OllamaTimeoutError,
)
from ragkit.ollama import Client, ModelInfo
from ragkit.ollama.installed import canonical, most_tokens
from ragkit.ollama.releases import BATCHES_SINCE, CLAMPS_SINCE, EMBED_SINCE, parse_release
from ragkit.prefixes import Prefixes, prefixes_for
from ragkit.text.surrogates import encodable
from ragkit.types import Embedded, FloatMatrix, FloatVector

PREFIX = "ollama:"  # of the names of these embedders
Endpoint = Literal["auto", "embed", "embeddings"]
SINGLES_IN_FLIGHT = 8  # requests at once, of one text each
LOADED_S = 60.0  # a model that has answered so lately is taken to be loaded
PROBE = "ragkit asks: does the model still give this text the same vector?"


class OllamaEmbedder:
    """Embeds with a model of an Ollama server.

    Nothing is asked of the server before it is needed. ``options`` and ``keep_alive`` are sent
    with every request alike: other ones would make the server load the model again.

    Args:
        client: of the server.
        model: name of an installed embedding model.
        dim: length of its vectors; None asks it for one.
        prefixes: what stands before queries and documents; None is what is known of the model.
        endpoint: "embed" sends batches to /api/embed, "embeddings" single texts to
            /api/embeddings; "auto" is the first where the server has it.
        options: Ollama's options for the model, such as ``{"num_ctx": 512}``.
        keep_alive: how long it stays loaded; None is the server's default.
        load_timeout_s: how long a request may take that the model has to be loaded for, if that is
            more than the client's ``timeout_s``, which others may take. One that is cut short ends
            the loading too, so that trying again would never end.
        info: what the server says of the model; None is not known.
    """

    def __init__(
        self,
        client: Client,
        model: str,
        *,
        dim: int | None = None,
        prefixes: Prefixes | None = None,
        endpoint: Endpoint = "auto",
        options: Mapping[str, Any] | None = None,
        keep_alive: str | float | None = None,
        load_timeout_s: float = 0.0,
        info: ModelInfo | None = None,
    ) -> None:
        self.model = model
        self.prefixes = prefixes_for(model) if prefixes is None else prefixes
        self._client = client
        self._known_dim = dim
        self._endpoint = endpoint
        self._options = dict(options) if options else None
        self._keep_alive = keep_alive
        self._load_timeout_s = load_timeout_s
        self._info = info
        self._has_embedded = False  # whether /api/embed ever replied
        self._answered_s = -LOADED_S  # when it did last

    @property
    def name(self) -> str:
        """Name recorded in the index, such as ``"ollama:nomic-embed-text"``."""
        return PREFIX + self.model.removesuffix(":latest")

    @property
    def fingerprint(self) -> str:
        """Model, dimension and what stands before documents: what is chosen, not what may drift."""
        name = canonical(self.model)
        return f"{PREFIX}{name} dim={self.dim} document={self.prefixes.document!r}"

    @property
    def dim(self) -> int:
        """Length of its vectors; asks the model for one if it is not known."""
        if self._known_dim is None:
            self._known_dim = len(self.probe())
        return self._known_dim

    @property
    def parameters(self) -> dict[str, object]:
        """What an index keeps to make this embedder again, beside its name."""
        return {
            "query": self.prefixes.query,
            "document": self.prefixes.document,
            "options": self._options,
        }

    def version(self) -> str:
        """Return the server's release and the model's digest: with others, vectors may differ.

        Raises:
            ModelNotFoundError: the model is not installed.
        """
        return f"{self.release} {self._digest}"

    def probe(self) -> FloatVector:
        """Return the vector of a fixed text, (dim,); loads the model, which may take minutes."""
        return self._probe

    def warm_up(self) -> None:
        """Load the model, which may take minutes; nothing is embedded.

        Raises:
            OllamaError: it cannot be loaded.
        """
        if self._singly:
            self._send_one("")
        else:
            with self._timing(waits_when_busy=True) as client:
                client.embed(self.model, options=self._options, keep_alive=self._keep_alive)
            self._has_embedded = True

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32 ``(len(texts), dim)``, rows of unit length; a blank text is zeros.

        Raises:
            BadVectorError: the model has no vector for one of them.
            OllamaError: the server failed.
        """
        return all_rows(self.embed_each(texts))

    def embed_each(self, texts: Sequence[str]) -> Embedded:
        """Return the vectors of texts, and which were embedded in parts or not at all.

        Raises:
            OllamaError: the server failed, not a text.
        """
        sent = [i for i, text in enumerate(texts) if text.strip()]
        self._batches.dim = self.dim
        found = self._batches.embed([encodable(texts[i]) for i in sent], self.prefixes.document)
        if len(sent) == len(texts):
            return found
        rows = np.zeros((len(texts), self.dim), np.float32)
        if sent:
            rows[sent] = found.rows
        return Embedded(
            rows,
            {sent[i]: parts for i, parts in found.parts.items()},
            {sent[i]: reason for i, reason in found.refused.items()},
        )

    def embed_query(self, text: str) -> FloatVector:
        """Return float32 ``(dim,)`` of unit length, zeros for a blank text.

        Raises:
            BadVectorError: the model has no vector for it.
            OllamaError: the server failed.
        """
        if not text.strip():
            return np.zeros(self.dim, np.float32)
        return self._one(encodable(text), self.prefixes.query)

    # -- the server

    @cached_property
    def _probe(self) -> FloatVector:
        known, self._batches.dim = self._batches.dim, None  # a drift may be one of length
        try:
            return self._one(PROBE, self.prefixes.document)
        finally:
            self._batches.dim = known

    @cached_property
    def release(self) -> str:
        """The server's release, such as "0.33.0"."""
        return self._client.version()

    @cached_property
    def _digest(self) -> str:
        wanted = canonical(self.model)
        for model in self._client.tags():
            if canonical(model.name) == wanted:
                return model.digest
        raise ModelNotFoundError(
            f"the model {self.model!r} is not installed on {self._client.address}",
            hint=f"ollama pull {self.model}",
        )

    @cached_property
    def _singly(self) -> bool:
        """Whether texts go to /api/embeddings, one a request."""
        if self._endpoint == "auto":
            return parse_release(self.release) < EMBED_SINCE
        return self._endpoint == "embeddings"

    @property
    def batch_texts(self) -> int:
        """Most texts of a request to this server."""
        return 1 if self._singly or parse_release(self.release) < BATCHES_SINCE else BATCH_TEXTS

    @cached_property
    def _batches(self) -> Batches:
        if self._singly:
            send, most, in_flight = self._send_singly, SINGLES_IN_FLIGHT, 1
        else:
            mixes_up = parse_release(self.release) < BATCHES_SINCE
            send, most, in_flight = self._send, 1 if mixes_up else BATCH_TEXTS, IN_FLIGHT
        return Batches(
            send,
            dim=self._known_dim,
            batch_texts=most,
            in_flight=in_flight,
            context_tokens=self._most_tokens,
            wait_s=self._client.busy_wait_s,
        )

    @property
    def _most_tokens(self) -> int | None:
        """The most tokens the model takes; None where the server may take more than it says."""
        if self._info is None or parse_release(self.release) < CLAMPS_SINCE:
            return None
        return most_tokens(self._info, self._options or {})

    def _one(self, text: str, prefix: str) -> FloatVector:
        found = self._batches.embed([text], prefix)
        for reason in found.refused.values():
            raise BadVectorError(
                f"the model {self.model} has no vector for a text: {reason}",
                hint="try -o num_gpu=0 (on the CPU), or a newer Ollama",
            )
        row: FloatVector = found.rows[0]
        return row

    def _send(self, texts: Sequence[str]) -> FloatMatrix:
        try:
            return self._embed(texts)
        except NotOllamaError as error:
            # A server that had it once has it still: a proxy had a bad moment.
            if error.status != 404 or self._endpoint == "embed" or self._has_embedded:
                raise
            self._singly = True  # it has no /api/embed, whatever its release says
            self.__dict__.pop("_batches", None)  # the next are for the other endpoint
            return self._send_singly(texts)

    def _embed(self, texts: Sequence[str]) -> FloatMatrix:
        with self._timing() as client:
            reply = client.embed(
                self.model,
                texts,
                truncate=False,
                options=self._options,
                keep_alive=self._keep_alive,
            )
        self._has_embedded = True
        return reply.embeddings

    def _send_singly(self, texts: Sequence[str]) -> FloatMatrix:
        rows = at_once(self._send_one, texts, threads=SINGLES_IN_FLIGHT, name="ragkit-text")
        lengths = {len(row) for row in rows}
        if len(lengths) > 1:
            raise BadVectorError(f"vectors of {sorted(lengths)} numbers came from one model")
        matrix: FloatMatrix = np.array(rows, np.float32).reshape(len(rows), -1)
        with np.errstate(over="ignore", invalid="ignore"):  # what is no number is told by who looks
            norms = np.linalg.norm(matrix, axis=1, keepdims=True)  # raw ones, on some releases
            matrix /= np.where(norms > 0, norms, 1)
        return matrix

    def _send_one(self, text: str) -> FloatVector:
        with self._timing() as client:
            return client.embeddings(
                self.model, text, options=self._options, keep_alive=self._keep_alive
            )

    @contextmanager
    def _timing(self, *, waits_when_busy: bool = False) -> Iterator[Client]:
        """Give the client to send a request by, with as long as it may take; note how it went."""
        limit_s = self._client.timeout_s
        if time.monotonic() - self._answered_s >= LOADED_S:
            limit_s = max(limit_s, self._load_timeout_s)
        try:
            yield self._client.within(limit_s, waits_when_busy=waits_when_busy)
        except OllamaTimeoutError:
            self._answered_s = -LOADED_S  # another model may have taken its place in memory
            raise
        self._answered_s = time.monotonic()
