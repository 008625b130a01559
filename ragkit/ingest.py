"""The ingest pipeline: files -> documents -> chunks -> vectors -> catalog -> caches.

What has not changed costs a look at its size and time; what was embedded before is found by its
text and never embedded again. Documents are committed whole: killed at any instant, each has its
old text or its new one. One bad file costs itself, not the run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ragkit.catalog import Source, digest_of
from ragkit.chunking import text_in_context
from ragkit.errors import LoadError
from ragkit.index.caches import publish
from ragkit.index.folder import Index
from ragkit.index.survey import Survey, is_below, survey
from ragkit.loading import document_type, is_binary, load
from ragkit.loading.walk import Found
from ragkit.protocols import Chunker, Embedder
from ragkit.text.languages import detect
from ragkit.types import Chunk, Document, Failure, FloatMatrix, IngestReport, Progress, Skipped

BATCH_TEXTS = 256  # embedded at once
BATCH_BYTES = 4_000_000  # of documents that wait for their vectors
PUBLISH_CHUNKS = 20_000  # new chunks after which the caches are brought up to date


def ingest(
    index: Index,
    roots: Sequence[Path],
    *,
    embedder: Embedder,
    chunker: Chunker,
    max_file_bytes: int,
    reread: bool = False,
) -> Iterator[Progress]:
    """Bring the index in step with what lies below ``roots``; yield after each file.

    Stopped early, by a signal or an error, all documents that were finished are kept, and the next
    run embeds only what is missing. The writer's lock is held by the caller.

    Args:
        index: open for writing.
        roots: files and folders; only what lies below them can leave the index.
        embedder: the one the index was made with.
        chunker: cuts documents into chunks.
        max_file_bytes: larger files are refused, with the reason.
        reread: read files that seem unchanged too, and write their rows anew.

    Raises:
        IndexWriteError: no space, no permission.
    """
    yield Progress("walk")
    surveyed = survey(index, roots, stored=index.stored_path, reread=reread)
    run = _Run(index, embedder, chunker, max_file_bytes, reread, surveyed)
    with index.catalog.transaction():
        for root in roots:
            index.catalog.ledger.add_root(index.stored_path(root))
        for failure in surveyed.failed:
            index.catalog.ledger.put_failure(failure)
    with ThreadPoolExecutor(1, thread_name_prefix="ragkit-embed") as pool:
        try:
            for found in surveyed.fresh:
                run.take(found)
                if run.batch.is_full:
                    run.hand_over(pool)
                yield run.progress("read", found)
            run.hand_over(pool)
            run.store()
        except (KeyboardInterrupt, GeneratorExit):
            run.store()  # what is being embedded is finished, kept, and can be found
            publish(index.catalog, index.folder, dim=embedder.dim)
            raise
    run.remove_vanished([index.stored_path(root) for root in roots])
    yield run.progress("publish")
    publish(index.catalog, index.folder, dim=embedder.dim)
    yield run.progress("done")


@dataclass(slots=True)
class _Read:
    """A file that was read: how it looks on disk, and its document unless that is stored."""

    path: str
    found: Found
    seen_ns: int
    digest: bytes
    content: int | None = None  # stored already
    document: Document | None = None
    language: str = ""
    chunks: list[Chunk] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)  # of the chunks' vectors


@dataclass(slots=True)
class _Batch:
    """Files that wait for their vectors, and the texts to embed, by key."""

    files: list[_Read] = field(default_factory=list)
    texts: dict[bytes, str] = field(default_factory=dict)
    ids: dict[bytes, int] = field(default_factory=dict)  # of vectors that are stored, by key
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
        max_file_bytes: int,
        reread: bool,
        surveyed: Survey,
    ) -> None:
        self.index = index
        self.embedder = embedder
        self.chunker = chunker
        self.max_file_bytes = max_file_bytes
        self.reread = reread
        self.surveyed = surveyed
        self.batch = _Batch()
        self.in_flight: tuple[_Batch, list[Future[FloatMatrix]]] | None = None
        self.last_ids: dict[bytes, int] = {}  # of the vectors stored with the batch before
        self.files_done = self.bytes_done = self.unpublished = 0
        self.bytes_total = sum(found.size for found in surveyed.fresh)
        self.report = IngestReport(
            files=len(surveyed.fresh) + len(surveyed.unchanged),
            unchanged=len(surveyed.unchanged),
            skipped=surveyed.skipped,
            failed=surveyed.failed,
        )

    def progress(self, stage: str, found: Found | None = None) -> Progress:
        fresh = self.surveyed.fresh
        return Progress(
            stage,
            found.path if found else "",
            self.files_done,
            len(fresh),
            self.bytes_done,
            self.bytes_total,
            self.report,
        )

    # -- reading

    def take(self, found: Found) -> None:
        """Read a file, cut it, and add it to the batch in hand; or say why not."""
        path = self.index.stored_path(Path(found.path))
        self.files_done += 1
        self.bytes_done += found.size
        try:
            read = self._read(path, found)
        except LoadError as error:
            reason = f"{error.message} ({error.hint})" if error.hint else error.message
            self._fail(Failure(path, error.stage, reason))
        except OSError as error:
            self._fail(Failure(path, "read", error.strerror or str(error), permanent=False))
        except Exception as error:  # noqa: BLE001 - one bad file never stops a run: its reason is told
            self._fail(Failure(path, "parse", f"{type(error).__name__}: {error}"))
        else:
            if read is not None:
                self.batch.files.append(read)
                self.batch.bytes += found.size

    def _read(self, path: str, found: Found) -> _Read | None:
        """Return what a file holds, None if it is binary."""
        if found.size > self.max_file_bytes:
            raise LoadError(
                f"{found.size / 1e6:.0f} MB is more than the limit of"
                f" {self.max_file_bytes / 1e6:.0f} MB",
                hint="raise it with --max-file-mb",
            )
        seen_ns = time.time_ns()
        data = Path(found.path).read_bytes()
        suffix = PurePosixPath(path).suffix.lower()
        if reason := is_binary(data, suffix=suffix):
            self._skip(Skipped(path, reason))
            return None
        read = _Read(path, found, seen_ns, digest_of(data))
        if not self.reread:
            read.content = self.index.catalog.texts.content_of_file(
                read.digest, document_type(suffix)
            )
            if read.content is not None:
                return read
        document = load(data, suffix=suffix)
        if not self.reread:
            read.content = self.index.catalog.texts.content_of_text(document)
        if read.content is None:
            self._cut(read, document)
        return read

    def _cut(self, read: _Read, document: Document) -> None:
        read.document = document
        read.language = detect(document.text)
        read.chunks = list(self.chunker(document))
        fingerprint = self.embedder.fingerprint.encode()
        texts = {}
        for chunk in read.chunks:
            text = text_in_context(document.title, chunk)
            key = digest_of(fingerprint, text.encode())
            read.keys.append(key)
            texts[key] = text
        known = self.index.catalog.vectors.ids(texts)
        waiting = self.in_flight[0].texts if self.in_flight else {}
        self.batch.ids |= known
        self.batch.texts |= {
            key: text for key, text in texts.items() if key not in known and key not in waiting
        }

    # -- embedding and storing

    def hand_over(self, pool: ThreadPoolExecutor) -> None:
        """Let the batch in hand be embedded while the next is read; store the one before it."""
        texts = list(self.batch.texts.values())
        futures = [
            pool.submit(self.embedder.embed_documents, texts[i : i + BATCH_TEXTS])
            for i in range(0, len(texts), BATCH_TEXTS)
        ]
        batch, self.batch = self.batch, _Batch()
        self.store()
        self.in_flight = (batch, futures)

    def store(self) -> None:
        """Write the batch that was handed over, once it is embedded."""
        if self.in_flight is None:
            return
        batch, futures = self.in_flight
        catalog = self.index.catalog
        keys = list(batch.texts)
        fresh: dict[bytes, int] = {}
        for i, future in enumerate(futures):
            rows = future.result()
            if i + 1 < len(futures):  # the vectors of a long document are kept as they come
                with catalog.transaction():
                    some = keys[i * BATCH_TEXTS : (i + 1) * BATCH_TEXTS]
                    fresh |= catalog.vectors.put(some, rows)
        with catalog.transaction():
            if futures:
                fresh |= catalog.vectors.put(keys[(len(futures) - 1) * BATCH_TEXTS :], rows)
            ids = self.last_ids | batch.ids | fresh
            for read in batch.files:
                self._store(read, ids)
        self.in_flight, self.last_ids = None, fresh
        self.report = replace(self.report, embedded=self.report.embedded + len(keys))
        if self.unpublished >= PUBLISH_CHUNKS:
            publish(catalog, self.index.folder, dim=self.embedder.dim)
            self.unpublished = 0

    def _store(self, read: _Read, ids: dict[bytes, int]) -> None:
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
            )
        )
        catalog.ledger.clear_failures([read.path])
        self._count(read)

    # -- counting

    def _count(self, read: _Read) -> None:
        report = self.report
        known = self.surveyed.sources.get(read.path)
        if known is None:
            report = replace(report, new=report.new + 1)
        elif known.digest == read.digest and not self.reread:
            report = replace(report, unchanged=report.unchanged + 1)
        else:
            report = replace(report, changed=report.changed + 1)
        if read.document is not None:
            self.unpublished += len(read.chunks)
            report = replace(
                report,
                chunks=report.chunks + len(read.chunks),
                pages_without_text=report.pages_without_text
                + len(read.document.pages_without_text),
                notes=(*report.notes, *((read.path, note) for note in read.document.notes)),
            )
        self.report = report

    def _fail(self, failure: Failure) -> None:
        with self.index.catalog.transaction():
            self.index.catalog.ledger.put_failure(failure)
        self.report = replace(self.report, failed=(*self.report.failed, failure))

    def _skip(self, skipped: Skipped) -> None:
        self.report = replace(
            self.report, files=self.report.files - 1, skipped=(*self.report.skipped, skipped)
        )
        with self.index.catalog.transaction():
            self.index.catalog.texts.remove_sources([skipped.path])
            self.index.catalog.ledger.clear_failures([skipped.path])

    def remove_vanished(self, roots: Sequence[str]) -> None:
        """Drop what is no longer there, and failures below ``roots`` that did not happen again."""
        catalog = self.index.catalog
        failed = {failure.path for failure in self.report.failed}
        gone = [
            failure.path
            for failure in catalog.ledger.failures()
            if failure.path not in failed and any(is_below(failure.path, root) for root in roots)
        ]
        with catalog.transaction():
            catalog.texts.remove_sources(self.surveyed.vanished)
            catalog.ledger.clear_failures(gone)
            if catalog.count("vectors") > 1.25 * catalog.count("chunks") + 1000:
                catalog.vectors.remove_orphans()
        self.report = replace(self.report, removed=len(self.surveyed.vanished))
