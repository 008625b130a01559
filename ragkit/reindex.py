"""All passages embedded anew, beside the old vectors, which answer until the last is there.

Killed at any instant, both are whole, and the next run embeds only what is missing: what is done is
kept with each batch. Files are not read: what the index holds of them is embedded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from itertools import islice

from ragkit.embedding.checked import embed_checked
from ragkit.embedding.requests import BATCH_TEXTS, finish, is_done, pool_for
from ragkit.errors import OllamaError
from ragkit.index.beside import keyed_chunks, switch
from ragkit.index.caches import publish
from ragkit.index.folder import Index
from ragkit.protocols import Embedder
from ragkit.types import Embedded, IngestReport, Progress

Request = tuple[list[bytes], Future[Embedded]]


def reindex(
    index: Index, built: Index, *, embedder: Embedder
) -> Generator[Progress, None, IngestReport]:
    """Build a vector for each passage, then give them to the index; yield while they come.

    Returns how many passages there are and how many texts were embedded now. Stopped early, by a
    signal or an error, the index has its old vectors, and what was built stays. The caller holds
    the writer's lock.

    Args:
        index: open for writing.
        built: what is built beside it.
        embedder: the one of ``built``.

    Raises:
        IndexWriteError: no space, no permission.
        OllamaError: the embedder's server failed.
    """
    run = _Run(index, built, embedder)
    pool = pool_for(embedder)
    texts = run.missing()
    try:
        while some := dict(islice(texts, BATCH_TEXTS)):
            request = pool.submit(embed_checked, embedder, list(some.values()))
            run.requests.append((list(some), request))
            yield from run.store(leave=1)
        yield from run.store(leave=0)
    except (KeyboardInterrupt, GeneratorExit, OllamaError) as error:
        if isinstance(error, KeyboardInterrupt):
            yield run.progress("stop")
        run.keep()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    yield run.progress("publish")
    switch(index, built)
    publish(index.catalog, index.folder, dim=embedder.dim)
    yield run.progress("reindex")
    return run.report


class _Run:
    """The state of one run."""

    def __init__(self, index: Index, built: Index, embedder: Embedder) -> None:
        self.index = index
        self.built = built
        self.embedder = embedder
        self.requests: deque[Request] = deque()
        self.passages = 0  # looked at
        self.total = index.catalog.count("chunks")
        self.embedded = 0  # texts
        self.asked: set[bytes] = set()  # texts under way, and those that have no vector, by key

    def missing(self) -> Iterator[tuple[bytes, str]]:
        """Yield the texts for which nothing is built, by key, each once."""
        for chunks in keyed_chunks(self.index, self.built.maker.fingerprint):
            self.passages += len(chunks)
            texts = {key: text for _, key, text in chunks if key not in self.asked}
            known = self.built.catalog.vectors.ids(texts)
            for key, text in texts.items():
                if key not in known:
                    self.asked.add(key)
                    yield key, text

    def store(self, *, leave: int) -> Iterator[Progress]:
        """Keep the vectors of all requests but the last ``leave``; yield while they are awaited."""
        while len(self.requests) > leave:
            keys, request = self.requests[0]
            while not is_done(request):
                yield self.progress("reindex")
            self._put(keys, request.result())
            self.requests.popleft()
            yield self.progress("reindex")

    def keep(self) -> None:
        """End early: finish the request under way, give up the others, keep what there is."""
        finish([request for _, request in self.requests])
        for keys, request in self.requests:
            if not request.cancelled() and request.exception() is None:
                self._put(keys, request.result())

    def _put(self, keys: list[bytes], found: Embedded) -> None:
        good = [i for i in range(len(keys)) if i not in found.refused]
        with self.built.catalog.transaction():
            ids = self.built.catalog.vectors.put([keys[i] for i in good], found.rows[good])
        self.embedded += len(good)
        self.asked -= ids.keys()

    @property
    def report(self) -> IngestReport:
        """What was done so far."""
        return IngestReport(chunks=self.passages, embedded=self.embedded)

    def progress(self, stage: str) -> Progress:
        """Return how far it is; its files are passages."""
        return Progress(stage, files_done=self.passages, files_total=self.total, report=self.report)
