"""The ingest pipeline: files -> documents -> chunks -> vectors -> catalog -> caches.

What has not changed costs a look at its size and time; what was embedded before is found by its
text and never embedded again. Documents are committed whole: killed at any instant, each has its
old text or its new one. One bad file costs itself, not the run; a passage that the embedder has no
vector for is found by its words.

Why one file: it is read from top to bottom, in the order in which it happens.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.catalog import UNKNOWN, Source, digest_of, holders
from ragkit.embedding.checked import embed_checked
from ragkit.embedding.requests import BATCH_TEXTS, finish, is_done, pool_for
from ragkit.errors import IndexDamagedError, LoadError, OllamaError, RagkitError
from ragkit.index.caches import publish
from ragkit.index.folder import PACE, Index
from ragkit.index.given import NOTHING, Given
from ragkit.index.survey import OWN_LOADERS, SAME_TICK_NS, Survey, survey
from ragkit.index.tally import Tally, in_parts, without_vectors
from ragkit.loading.limits import Limits
from ragkit.loading.own import BUILT_IN, Loaders
from ragkit.loading.patterns import ALL, Choice
from ragkit.loading.walk import Found
from ragkit.protocols import Chunker, Embedder, Seeing
from ragkit.text.headings import text_in_context
from ragkit.text.languages import detect
from ragkit.text.tokens import estimate_tokens
from ragkit.types import Document, Embedded, Failure, IngestReport, Progress, Skipped

if TYPE_CHECKING:
    from ragkit.reading import Read, Reading

BATCH_BYTES = 4_000_000  # of documents that wait for their vectors
TELLING_TOKENS = 10_000  # fewer say little of how fast an embedder is
PUBLISH_CHUNKS = 20_000  # new chunks after which the caches are brought up to date


def ingest(
    index: Index,
    roots: Sequence[Path],
    *,
    embedder: Embedder,
    chunker: Chunker,
    max_file_bytes: int,
    reread: bool = False,
    retry_failed: bool = False,
    prune: bool = False,
    loaders: Loaders = BUILT_IN,
    choice: Choice = ALL,
    pdf_limits: Limits | None = None,
    seeing: Seeing | None = None,
    given: Given = NOTHING,
    chosen: Survey | None = None,
    before: IngestReport | None = None,
) -> Generator[Progress, None, IngestReport]:
    """Bring the index in step with what lies below ``roots``; yield before each file.

    Returns what was done. Stopped early, by a signal or an error, all documents that were finished
    are kept, and the next run embeds only what is missing. The writer's lock is held by the caller.

    Args:
        index: open for writing.
        roots: files and folders; only what lies below them can leave the index.
        embedder: the one the index was made with.
        chunker: cuts documents into chunks.
        max_file_bytes: larger files are refused, with the reason.
        reread: read files that seem unchanged too, and write their rows anew.
        retry_failed: read what failed before, and nothing else.
        prune: drop what lay below roots that are no longer there or empty.
        loaders: which read the files.
        choice: what below ``roots`` this run is about; all else stays as it is.
        pdf_limits: what a PDF may cost in time and memory.
        seeing: reads images, and pages of PDFs that have no text.
        given: what lies in no folder.
        chosen: what to read, instead of all that is new below ``roots``.
        before: of work that came first, whose passages are counted too.

    Raises:
        IndexWriteError: no space, no permission.
        OllamaError: the embedder's server failed. What was embedded by then is kept.
    """
    yield Progress("walk")
    surveyed = chosen or survey(
        index,
        roots,
        stored=index.stored_path,
        reread=reread,
        retry_failed=retry_failed,
        prune=prune,
        loaders=loaders,
        choice=choice,
    )
    surveyed = given.join(surveyed)
    again = reread or retry_failed
    tally = Tally(surveyed, before or IngestReport())
    run = _Run(index, embedder, chunker, again, surveyed, tally)
    with index.catalog.transaction():
        if reread:  # of damage, perhaps
            index.catalog.reindex()
        if loaders.own:
            index.catalog.ledger.set_meta(OWN_LOADERS, "1")
        index.catalog.texts.remove_damaged(surveyed.damaged)
        mine = {*map(index.stored_path, roots)}
        known = index.catalog.ledger.roots()
        kept_before = [r for r in known if index.stored_path(index.whole_path(r)) in mine]
        for root in (*mine, *kept_before):  # the same may have been kept as an absolute path
            index.catalog.ledger.remove_root(root)
        for path in surveyed.roots:
            index.catalog.ledger.add_root(path)
        for fact, value in given.tags:
            index.catalog.ledger.set_meta(fact, value)
        index.catalog.failures.remove_damaged()
        for failure in surveyed.failed:
            index.catalog.failures.put(failure)
    pool = pool_for(embedder)
    try:
        if surveyed.fresh:
            from ragkit.reading import Reading  # and with it all the loaders

            reading = Reading(
                index,
                surveyed,
                loaders=loaders,
                max_file_bytes=max_file_bytes,
                anew=again,
                pdf_limits=pdf_limits,
                seeing=seeing,
                tally=tally,
            )
            with closing(reading):
                for found in reading.files():
                    yield run.tally.progress("read", reading.stored_path(found))
                    yield from run.take(reading, found)
                    if run.batch.is_full:
                        yield from run.hand_over(pool)
        yield from run.hand_over(pool)
        yield from run.store(leave=0)
    except (KeyboardInterrupt, GeneratorExit, OllamaError) as error:
        if isinstance(error, KeyboardInterrupt):
            yield run.tally.progress("stop")
        run.keep()
        publish(index.catalog, index.folder, dim=embedder.dim)
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # nothing is under way, unless in a hurry
    run.remove_vanished([*map(index.stored_path, roots), *given.pages])
    run.remember_pace()
    yield run.tally.progress("publish")
    publish(index.catalog, index.folder, dim=embedder.dim)
    yield run.tally.progress("done")
    return run.tally.report


@dataclass(slots=True)
class _Batch:
    """Files that wait for their vectors, and the texts to embed, by key."""

    files: list[Read] = field(default_factory=list)
    texts: dict[bytes, str] = field(default_factory=dict)
    ids: dict[bytes, int] = field(default_factory=dict)  # of stored vectors, by key; 0: has none
    fresh: dict[bytes, int] = field(default_factory=dict)  # those stored with this batch
    requests: deque[tuple[list[bytes], Future[Embedded]]] = field(default_factory=deque)
    bytes: int = 0

    @property
    def is_full(self) -> bool:
        return (
            len(self.texts) >= BATCH_TEXTS
            or self.bytes >= BATCH_BYTES
            or len(self.files) >= BATCH_TEXTS
        )


class _Run:
    """The state of one ingest."""

    def __init__(
        self,
        index: Index,
        embedder: Embedder,
        chunker: Chunker,
        reread: bool,
        surveyed: Survey,
        tally: Tally,
    ) -> None:
        self.index = index
        self.embedder = embedder
        self.chunker = chunker
        self.reread = reread
        self.surveyed = surveyed
        self.batch = _Batch()
        self.known: list[Read] = []  # files whose texts were stored when they were read
        self.waiting: deque[_Batch] = deque()  # handed over, not yet stored
        self.last = _Batch()  # the one stored before them
        self.refused: dict[bytes, str] = {}  # why texts have no vector, by key
        self.in_parts: dict[bytes, int] = {}  # how many parts long texts were embedded in
        self.fingerprint = embedder.fingerprint.encode()
        self.began_s = 0.0  # when the first texts were handed over
        self.tokens = 0  # embedded since then, estimated
        self.unpublished = 0  # chunks that the caches lack
        self.tally = tally

    # -- reading

    def take(self, reading: Reading, found: Found) -> Iterator[Progress]:
        """Read a file, cut it, and add it to the batch in hand; or say why not.

        Yields while the file is read elsewhere.
        """
        path = reading.stored_path(found)
        self.tally.took(found.size)
        seen_ns = time.time_ns()
        try:
            read = yield from reading.read(path, found)
            if isinstance(read, Skipped):
                self._skip(read)
                return
            if read.document is not None:
                self._cut(read, read.document)
        except LoadError as error:
            reason = f"{error.message} ({error.hint})" if error.hint else error.message
            may_differ = error.stage == "read" or found.mtime_ns + SAME_TICK_NS >= seen_ns
            seen = UNKNOWN if may_differ else (found.size, found.mtime_ns)
            self._fail(Failure(path, error.stage, reason), seen)
        except OSError as error:
            self._fail(Failure(path, "read", error.strerror or str(error), permanent=False))
        except (RagkitError, sqlite3.Error):  # of the index, not of the file
            raise
        except Exception as error:  # noqa: BLE001 - one bad file never stops a run: its reason is told
            reason = f"{type(error).__name__}: {error}"
            self._fail(Failure(path, "parse", reason, permanent=False))
        else:
            if read.content is not None:
                self.known.append(read)
                if len(self.known) >= BATCH_TEXTS:
                    self._store_known()
            else:
                self.batch.files.append(read)
                self.batch.bytes += found.size

    def _cut(self, read: Read, document: Document) -> None:
        read.language = detect(document.text)
        read.chunks = list(self.chunker(document))
        texts = {}
        for chunk in read.chunks:
            text = text_in_context(document.title, chunk)
            key = digest_of(self.fingerprint, text.encode())
            read.keys.append(key)
            texts[key] = text
        known = self.index.catalog.vectors.ids(texts)
        waiting = [batch.texts for batch in self.waiting]
        self.batch.ids |= known
        self.batch.texts |= {
            key: text
            for key, text in texts.items()
            if key not in known and not any(key in others for others in waiting)
        }

    # -- embedding and storing

    def hand_over(self, pool: Executor) -> Iterator[Progress]:
        """Let the batch in hand be embedded while the next is read; store the one before it."""
        batch, self.batch = self.batch, _Batch()
        keys = list(batch.texts)
        self.tally.to_embed(len(keys))
        self.began_s = self.began_s or time.monotonic()
        for i in range(0, len(keys), BATCH_TEXTS):
            some = keys[i : i + BATCH_TEXTS]
            texts = [batch.texts[key] for key in some]
            batch.requests.append((some, pool.submit(embed_checked, self.embedder, texts)))
        self.waiting.append(batch)
        yield from self.store(leave=1)

    def store(self, *, leave: int) -> Iterator[Progress]:
        """Write the batches that were handed over, but the last ``leave``, once they are embedded.

        Yields while one is not.
        """
        while len(self.waiting) > leave:
            batch = self.waiting[0]
            while batch.requests:
                keys, request = batch.requests[0]
                while not is_done(request):
                    yield self.tally.progress("embed")
                if len(batch.requests) == 1:
                    break  # its vectors are stored with the files
                with self.index.catalog.transaction():  # those of a long document as they come
                    self._put_vectors(batch, keys, request.result())
                batch.requests.popleft()
                yield self.tally.progress("embed")
            self._store_files(batch)
            if self.unpublished >= PUBLISH_CHUNKS:
                yield self.tally.progress("publish")
                with suppress(IndexDamagedError):  # of a file that may be read anew further on
                    publish(self.index.catalog, self.index.folder, dim=self.embedder.dim)
                self.unpublished = 0

    def _store_files(self, batch: _Batch) -> None:
        """Write the files of a batch, and those of its vectors that are not stored yet."""
        self._store_known()
        with self.index.catalog.transaction():
            for keys, request in batch.requests:
                self._put_vectors(batch, keys, request.result())
            ids = self.last.fresh | batch.ids | batch.fresh
            for read in batch.files:
                self._store(read, ids)
        batch.requests.clear()
        self.waiting.popleft()
        self.last = batch

    def _store_known(self) -> None:
        """Write the files whose texts are stored, before a change of others takes those away."""
        if self.known:
            contents = {read.content for read in self.known if read.content is not None}
            with self.index.catalog.transaction():
                for read in self.known:
                    self._store(read, {}, keep=contents)
            self.known = []

    def keep(self) -> None:
        """End early: finish the request under way, give up the others, keep what there is."""
        batches = list(self.waiting)
        finish([request for batch in batches for _, request in batch.requests])
        for batch in batches:
            good = [not r.cancelled() and r.exception() is None for _, r in batch.requests]
            if all(good) and self.waiting[0] is batch:
                self._store_files(batch)
                continue
            with self.index.catalog.transaction():
                for (keys, request), is_good in zip(batch.requests, good, strict=True):
                    if is_good:
                        self._put_vectors(batch, keys, request.result())
        self._store_known()

    def _put_vectors(self, batch: _Batch, keys: Sequence[bytes], found: Embedded) -> None:
        """Keep the vectors of a request, within a transaction."""
        good = [i for i in range(len(keys)) if i not in found.refused]
        ids = self.index.catalog.vectors.put([keys[i] for i in good], found.rows[good])
        batch.fresh |= dict.fromkeys(keys, 0) | ids
        self.refused |= {keys[i]: reason for i, reason in found.refused.items()}
        self.in_parts |= {keys[i]: parts for i, parts in found.parts.items()}
        self.tally.embedded(len(good), of=len(keys))
        self.tokens += sum(estimate_tokens(batch.texts[key]) for key in keys)

    def _store(self, read: Read, ids: Mapping[bytes, int], *, keep: Collection[int] = ()) -> None:
        catalog = self.index.catalog
        if read.document is not None:
            vectors = [ids[key] for key in read.keys]
            read.content = catalog.texts.put_content(
                read.document, read.language, read.chunks, vectors
            )
        assert read.content is not None
        catalog.texts.put_source(
            Source(
                read.path,
                read.content,
                read.found.size,
                read.found.mtime_ns,
                read.seen_ns,
                read.digest,
            ),
            keep=keep,
        )
        if gone := self._no_longer_in(read):
            catalog.texts.remove_sources(gone, keep=keep)
            self.tally.removed(len(gone))
        known = self.surveyed.sources.get(read.path)
        same = known is not None and known.digest == read.digest and not self.reread
        kind = "new" if known is None else "unchanged" if same else "changed"
        self.tally.stored(read.path, kind, read.document, len(read.chunks))
        self.unpublished += len(read.chunks)
        self._tell(read)

    def _no_longer_in(self, read: Read) -> list[str]:
        """Return the members that a file on disk had, and has no more."""
        if any(path in self.surveyed.members for path in holders(read.path)):
            return []  # told by what that lies in
        held = read.found.held
        members = held.members if held and held.members is not None else frozenset[str]()
        known = self.surveyed.members.get(read.path, ())
        return [path for path in known if path not in members and path in self.surveyed.sources]

    def _tell(self, read: Read) -> None:
        """Say which passages and pages a file lacks, and which passage is in several parts."""
        pairs = list(zip(read.chunks, read.keys, strict=True))
        if longs := [(c, self.in_parts[k]) for c, k in pairs if k in self.in_parts]:
            self.tally.noted(read.path, in_parts(longs))
        failures, lacking = self.index.catalog.failures, self._pages_that_failed(read)
        if bare := [(c, self.refused[k]) for c, k in pairs if k in self.refused]:
            told = without_vectors(bare, len(read.chunks))
            lacking = [Failure(read.path, "embed", told, permanent=False), *lacking]
        failures.clear([read.path], but_pages=[failure.page or 0 for failure in lacking])
        for failure in lacking:
            self.tally.failed(failure if failure.last else failures.put(failure))

    def _pages_that_failed(self, read: Read) -> list[Failure]:
        """Return the pages of a file that cannot be read: now, or when its text was."""
        if read.document is None:
            assert read.content is not None
            return self.index.catalog.failures.pages_of(read.content, read.path)
        broken = {
            page: Failure(read.path, "parse", reason, page=page)
            for page, reason in read.document.failed_pages
        }
        unseen = {
            page: Failure(read.path, "read", reason, permanent=False, page=page)
            for page, reason in read.unseen.items()
        }
        return [failure for _, failure in sorted((broken | unseen).items())]

    # -- the end

    def remember_pace(self) -> None:
        """Keep how fast texts were embedded, for the estimate of a dry run."""
        if self.tokens >= TELLING_TOKENS:
            pace = self.tokens / max(time.monotonic() - self.began_s, 1e-3)
            with self.index.catalog.transaction():
                self.index.catalog.ledger.set_meta(PACE, f"{pace:.1f}")

    def _fail(self, failure: Failure, seen: tuple[int, int] = UNKNOWN) -> None:
        """Keep a failure; with the file's size and time, it is not read again until they change."""
        with self.index.catalog.transaction():
            failure = self.index.catalog.failures.put(failure, seen=seen)
        self.tally.failed(failure)

    def _skip(self, skipped: Skipped) -> None:
        self.tally.skipped(skipped)
        self._store_known()
        with self.index.catalog.transaction():
            gone = self.surveyed.members.get(skipped.path, ())
            self.index.catalog.texts.remove_sources([skipped.path, *gone])
            self.index.catalog.failures.clear([skipped.path])

    def remove_vanished(self, roots: Sequence[str]) -> None:
        """Drop what is no longer there, and failures below ``roots`` that did not happen again."""
        self._store_known()
        catalog = self.index.catalog
        failed = {failure.path for failure in self.tally.report.failed}
        gone = [
            failure.path
            for failure in catalog.failures.intact()
            if failure.path not in failed
            and any(self.index.is_below(failure.path, root) for root in roots)
            and not self.surveyed.leaves_out(failure.path)
        ]
        with catalog.transaction():
            catalog.texts.remove_sources(self.surveyed.vanished)
            catalog.texts.remove_homeless()
            catalog.failures.clear(gone)
            for root in self.surveyed.pruned:
                catalog.ledger.remove_root(root)
            if self.reread or catalog.count("vectors") > 1.25 * catalog.count("chunks") + 1000:
                catalog.vectors.remove_orphans()
        self.tally.removed(len(self.surveyed.vanished))
