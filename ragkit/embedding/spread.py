"""One embedding model on several servers: each is sent texts whenever it is free.

Why requests of up to 32 texts here, where one server is sent twice as many: two are under way at
each, and the fewer texts a slow one holds, the less the others wait for it. It is sent fewer than a
fast one, so that requests take about as long everywhere.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition, RLock
from typing import TypeVar

import numpy as np

from ragkit.embedding.at_once import LOOK_EVERY_S, at_once
from ragkit.embedding.batches import IN_FLIGHT, all_rows
from ragkit.embedding.ollama import OllamaEmbedder
from ragkit.errors import (
    BadVectorError,
    ContextLengthError,
    ModelCrashError,
    ModelNotFoundError,
    ModelUnfitError,
    OllamaError,
)
from ragkit.ollama import Client
from ragkit.ollama.hosts import Hosts
from ragkit.protocols import SAME_COSINE
from ragkit.types import Embedded, FloatMatrix, FloatVector

T = TypeVar("T")
SPREAD_TEXTS, FIRST_TEXTS = 32, 8  # of a request; of one to a server of unknown speed
TEXTUAL = (BadVectorError, ContextLengthError, ModelCrashError)  # of a text, not of a server


@dataclass(frozen=True, slots=True)
class Known:
    """What an index knows of its embedder."""

    version: str
    probe: FloatVector


@dataclass(slots=True, eq=False)
class _Place:
    """A server, and what was found out about it."""

    client: Client
    embedder: OllamaEmbedder | None = None  # once its vectors were found to be the same
    refused: OllamaError | None = None  # why it is not used any more
    busy: int = 0  # requests under way
    texts_per_s: float = 0.0
    lock: RLock = field(default_factory=RLock)


class UnlikeError(ModelUnfitError):
    """A server's vectors are not those of the others, or of the index."""


class _Job:
    """Texts to embed, and what has come of them."""

    def __init__(self, texts: Sequence[str], dim: int) -> None:
        self.texts = texts
        self.waiting = deque(range(len(texts)))
        self.under_way = 0  # requests
        self.failed_at: set[_Place] = set()
        self.is_over = False
        self.rows = np.zeros((len(texts), dim), np.float32)
        self.parts: dict[int, int] = {}
        self.refused: dict[int, str] = {}

    def take(self, most: int) -> list[int]:
        """Return the places of the next texts."""
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def put(self, places: Sequence[int], found: Embedded) -> None:
        """Keep what came of texts."""
        self.rows[list(places)] = found.rows
        self.parts |= {places[i]: parts for i, parts in found.parts.items()}
        self.refused |= {places[i]: reason for i, reason in found.refused.items()}


class SpreadEmbedder:
    """Embeds with the same model of several servers; all must give the same vectors.

    The first that answers, and gives the vectors that the index knows, leads: it says what the
    embedder is, and embeds questions. Another is used once it has shown the same digest of the
    model and the same vector of a fixed text; else it is refused by name.

    Args:
        hosts: the servers.
        make: makes the embedder of one; it asks nothing yet.
        known: what the index knows; None where there is none, or all is to be embedded anew.
        notify: told which server is refused.
    """

    calls_at_once = 2  # of ``embed_each``, so that no server waits for the last of a call

    def __init__(
        self,
        hosts: Hosts,
        make: Callable[[Client], OllamaEmbedder],
        *,
        known: Known | None,
        notify: Callable[[str], None],
    ) -> None:
        self._hosts = hosts
        self._make = make
        self._known = known
        self._notify = notify
        self._places = [_Place(client) for client in hosts.clients]
        self._same: tuple[str, FloatVector] | None = None  # digest and vector that all must have
        self._leading = RLock()
        self._changed = Condition()
        plain = make(hosts.clients[0])
        self.model, self.name = plain.model, plain.name
        self.prefixes, self.parameters = plain.prefixes, plain.parameters

    # -- what it is: as the first that answers says

    @property
    def fingerprint(self) -> str:
        """All that decides its vectors."""
        return self._by_one(lambda embedder: embedder.fingerprint)

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        return self._by_one(lambda embedder: embedder.dim)

    @property
    def release(self) -> str:
        """The release of the first server."""
        return self._by_one(lambda embedder: embedder.release)

    @property
    def batch_texts(self) -> int:
        """Most texts of a request."""
        return self._by_one(lambda embedder: min(SPREAD_TEXTS, embedder.batch_texts))

    def version(self) -> str:
        """Return the first server's release and its model's digest."""
        return self._by_one(lambda embedder: embedder.version())

    def probe(self) -> FloatVector:
        """Return the vector of a fixed text, (dim,)."""
        return self._by_one(lambda embedder: embedder.probe())

    # -- embedding

    def embed_query(self, text: str) -> FloatVector:
        """Return float32 ``(dim,)`` of unit length, zeros for a blank text.

        Raises:
            BadVectorError: the model has no vector for it.
            OllamaError: no server answers.
        """
        return self._by_one(lambda embedder: embedder.embed_query(text))

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32 ``(len(texts), dim)``, rows of unit length; a blank text is zeros.

        Raises:
            BadVectorError: the model has no vector for one of them.
            OllamaError: no server answers.
        """
        return all_rows(self.embed_each(texts))

    def embed_each(self, texts: Sequence[str]) -> Embedded:
        """Return the vectors of texts, and which were embedded in parts or not at all.

        Raises:
            OllamaError: each server has failed with some of them.
        """
        job = _Job(texts, self.dim)
        workers = min(IN_FLIGHT * len(self._places), len(texts))
        try:
            at_once(
                lambda _: self._work_off(job), range(workers), threads=workers, name="ragkit-host"
            )
        finally:
            job.is_over = True
        return Embedded(job.rows, job.parts, job.refused)

    # -- which server is sent what

    def _work_off(self, job: _Job) -> None:
        """Send texts of a job to whichever server is free, until none is left."""
        while taken := self._take(job):
            place, some = taken
            found = None
            began = time.monotonic()
            try:
                found = self._admitted(place).embed_each([job.texts[i] for i in some])
                self._hosts.take_back(place.client)
            except OllamaError as error:
                self._failed(place, error)
            finally:
                with self._changed:
                    place.busy -= 1
                    job.under_way -= 1
                    if found:
                        job.put(some, found)
                        self._measure(place, len(some) / max(time.monotonic() - began, 1e-6))
                    else:
                        job.failed_at.add(place)
                        job.waiting.extendleft(reversed(some))
                    self._changed.notify_all()

    def _take(self, job: _Job) -> tuple[_Place, list[int]] | None:
        """Wait for a free server, and take texts for it; None if none are left.

        Raises:
            OllamaError: no server is left for them.
        """
        with self._changed:
            while not job.is_over and (job.waiting or job.under_way):
                if job.waiting and (place := self._free(job)):
                    place.busy += 1
                    job.under_way += 1
                    return place, job.take(self._share(place))
                self._changed.wait(LOOK_EVERY_S)
            return None

    def _free(self, job: _Job) -> _Place | None:
        """Return the server that has least to do, None if all have enough.

        One that is out is tried again when its time has come, or at once if no other is left.
        """
        left = [p for p in self._places if not p.refused and p not in job.failed_at]
        serving = [place for place in left if not self._hosts.is_out(place.client)] or left
        if not serving:
            job.is_over = True
            raise self._failure()
        free = [place for place in serving if place.busy < IN_FLIGHT]
        return min(free, key=lambda place: place.busy, default=None)

    def _share(self, place: _Place) -> int:
        fastest = max(each.texts_per_s for each in self._places)
        if not place.texts_per_s:
            return FIRST_TEXTS
        return max(round(SPREAD_TEXTS * place.texts_per_s / fastest), 1)

    def _measure(self, place: _Place, texts_per_s: float) -> None:
        before = place.texts_per_s or texts_per_s
        place.texts_per_s = (before + texts_per_s) / 2

    def _by_one(self, ask: Callable[[OllamaEmbedder], T]) -> T:
        """Ask the first server that answers."""
        for place in sorted(self._places, key=lambda each: self._hosts.is_out(each.client)):
            if place.refused:
                continue
            try:
                return ask(self._admitted(place))
            except TEXTUAL:
                raise
            except OllamaError as error:
                self._failed(place, error)
        unlike = [place for place in self._places if isinstance(place.refused, UnlikeError)]
        if self._known and unlike:  # no server is like the index, which is told by who compares
            self._known = None
            for place in unlike:
                place.refused = None
            return self._by_one(ask)
        raise self._failure()

    # -- which server is used

    def _admitted(self, place: _Place) -> OllamaEmbedder:
        """Return the embedder of a server that gives the same vectors as the others.

        Raises:
            OllamaError: it does not answer, or gives others.
        """
        with place.lock:
            if place.embedder is None:
                self._hosts.require_answer(place.client)
                embedder = self._make(place.client)
                self._require_same(embedder, str(place.client.address))
                place.embedder = embedder
                self._hosts.take_back(place.client)
            return place.embedder

    def _require_same(self, embedder: OllamaEmbedder, address: str) -> None:
        version = embedder.version()
        with self._leading:
            if self._same is None:
                known = self._known
                if known and version != known.version:
                    _compare(embedder.probe(), known.probe, address, "the index has")
                probe = known.probe if known else embedder.probe()
                self._same = version.rpartition(" ")[2], probe
                return
        require_same(embedder, *self._same, address=address)

    def _failed(self, place: _Place, error: OllamaError) -> None:
        """Refuse a server that is of no use, take out one that is away."""
        with place.lock:
            place.embedder = None  # it may come back as another
            if not isinstance(error, ModelNotFoundError | ModelUnfitError):
                self._hosts.take_out(place.client, error)
            elif place.refused is None:
                place.refused = error
                address = str(place.client.address)
                at = "" if address in error.message else f" on {address}"
                hint = f" ({error.hint})" if error.hint else ""
                self._notify(f"not used: {error.message}{at}{hint}")

    def _failure(self) -> OllamaError:
        refused = [place.refused for place in self._places if place.refused]
        return refused[0] if refused else self._hosts.failure()


def require_same(
    embedder: OllamaEmbedder, digest: str, probe: FloatVector | None, *, address: str
) -> None:
    """Refuse the embedder of a server that is not as the others are.

    Args:
        embedder: of the server.
        digest: of the others' model.
        probe: their vector of the fixed text; None asks for none, which would load the model.
        address: of the server.

    Raises:
        ModelNotFoundError: it does not have the model.
        ModelUnfitError: its model is another, or gives other vectors.
    """
    found = embedder.version().rpartition(" ")[2]
    if found != digest:
        raise ModelUnfitError(
            f"{address} has another {embedder.model} than the others"
            f" (digest {found[:12]}, not {digest[:12]})",
            hint=f"'ollama pull {embedder.model}' there, or leave it out of --host",
        )
    if probe is not None:
        _compare(embedder.probe(), probe, address, "the others")


def _compare(found: FloatVector, wanted: FloatVector, address: str, others: str) -> None:
    cosine = float(found @ wanted) if found.shape == wanted.shape else 0.0
    if cosine < SAME_COSINE:
        raise UnlikeError(
            f"{address} gives other vectors than {others}:"
            f" a fixed text has a cosine of {cosine:.2f}",
            hint="use one release of Ollama everywhere, or leave it out of --host",
        )
