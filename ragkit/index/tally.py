"""Count what an ingest does, and word what it has to say of single files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragkit.index.survey import Survey
from ragkit.types import Chunk, Document, Failure, IngestReport, Progress, Skipped


class Tally:
    """Running totals of an ingest; ``report`` is what they are so far.

    Args:
        surveyed: what lies below the roots.
        before: of work that came first: its passages count too.
    """

    def __init__(self, surveyed: Survey, before: IngestReport) -> None:
        self._files_total = len(surveyed.fresh)
        self._bytes_total = sum(found.size for found in surveyed.fresh)
        self._files_done = self._bytes_done = 0
        given_up = [failure for failure in surveyed.remembered if failure.page is None]
        self._texts_done = self._texts_known = 0
        self.report = IngestReport(
            files=len(surveyed.fresh) + len(surveyed.unchanged) + len(given_up),
            unchanged=len(surveyed.unchanged),
            chunks=before.chunks,
            embedded=before.embedded,
            skipped=surveyed.skipped,
            failed=(*surveyed.failed, *surveyed.remembered),
            not_retried=len(surveyed.remembered),
            notes=surveyed.notes,
        )

    def progress(self, stage: str, path: str = "") -> Progress:
        """Return where the ingest is."""
        return Progress(
            stage,
            path,
            self._files_done,
            self._files_total,
            self._bytes_done,
            self._bytes_total,
            self.report,
            self._texts_done,
            self._texts_known,
        )

    def took(self, size: int) -> None:
        """Count a file of ``size`` bytes as read."""
        self._files_done += 1
        self._bytes_done += size

    def stored(self, path: str, kind: str, document: Document | None, chunks: int) -> None:
        """Count a file as "new", "changed" or "unchanged"; without a document it was known."""
        report = self.report
        report = replace(report, read=report.read + 1, **{kind: getattr(report, kind) + 1})
        if document is not None:
            blank = len(document.pages_without_text)
            report = replace(
                report,
                chunks=report.chunks + chunks,
                pages_without_text=report.pages_without_text + blank,
                notes=(*report.notes, *((path, note) for note in document.notes)),
            )
        self.report = report

    def to_embed(self, count: int) -> None:
        """Count texts as waiting for the embedder."""
        self._texts_known += count

    def embedded(self, count: int, *, of: int) -> None:
        """Count texts as embedded, of those that the embedder is done with."""
        self._texts_done += of
        self.report = replace(self.report, embedded=self.report.embedded + count)

    def met(self, size: int) -> None:
        """Count a file of ``size`` bytes that was found in another one."""
        self._files_total += 1
        self._bytes_total += size
        self.report = replace(self.report, files=self.report.files + 1)

    def removed(self, count: int) -> None:
        """Count files that left the index."""
        self.report = replace(self.report, removed=self.report.removed + count)

    def failed(self, failure: Failure) -> None:
        """Add a failure."""
        self.report = replace(self.report, failed=(*self.report.failed, failure))

    def skipped(self, skipped: Skipped) -> None:
        """Add a file that turned out to be none to read."""
        files, others = self.report.files - 1, self.report.skipped
        self.report = replace(self.report, files=files, skipped=(*others, skipped))

    def passed_over(self, skipped: Skipped) -> None:
        """Add a member of a file that is not read."""
        self.report = replace(self.report, skipped=(*self.report.skipped, skipped))

    def noted(self, path: str, note: str) -> None:
        """Add what is to be said of a file."""
        self.report = replace(self.report, notes=(*self.report.notes, (path, note)))


def without_vectors(chunks: Sequence[tuple[Chunk, str]], total: int) -> str:
    """Return what is said of a file some of whose ``total`` chunks have no vector, and why."""
    first, reason = chunks[0]
    return (
        f"{len(chunks)} of {total} passages have no vector and are found by their words only,"
        f" the first in line {first.lines[0]}: {reason}"
    )


def in_parts(chunks: Sequence[tuple[Chunk, int]]) -> str:
    """Return what is said of a file some of whose chunks were embedded in so many parts."""
    first, parts = chunks[0]
    return (
        f"{len(chunks)} passages are longer than the model takes at once and were embedded in"
        f" parts, the first in line {first.lines[0]}, in {parts}"
    )
