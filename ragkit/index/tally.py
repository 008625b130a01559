"""Count what an ingest does, and word what it has to say of single files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ragkit.index.survey import Survey
from ragkit.types import Chunk, Document, Failure, IngestReport, Progress, Skipped

LAGS = 16  # a step may lack one of so many notes: each would copy all that came before it


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
        self._new: dict[str, list[Any]] = {"skipped": [], "failed": [], "notes": []}
        self._report = IngestReport(
            files=len(surveyed.fresh) + len(surveyed.unchanged) + len(given_up),
            unchanged=len(surveyed.unchanged),
            chunks=before.chunks,
            embedded=before.embedded,
            skipped=surveyed.skipped,
            failed=(*surveyed.failed, *surveyed.remembered),
            not_retried=len(surveyed.remembered),
            notes=surveyed.notes,
        )

    @property
    def report(self) -> IngestReport:
        """All totals so far."""
        for name, new in self._new.items():
            if new:
                both: Any = {name: (*getattr(self._report, name), *new)}
                self._report = replace(self._report, **both)
                new.clear()
        return self._report

    def progress(self, stage: str, path: str = "") -> Progress:
        """Return where the ingest is."""
        new = sum(map(len, self._new.values()))
        told = sum(len(getattr(self._report, name)) for name in self._new)
        is_midway = stage in ("read", "embed")
        return Progress(
            stage,
            path,
            self._files_done,
            self._files_total,
            self._bytes_done,
            self._bytes_total,
            self._report if is_midway and LAGS * new < told else self.report,
            self._texts_done,
            self._texts_known,
        )

    def took(self, size: int) -> None:
        """Count a file of ``size`` bytes as read."""
        self._files_done += 1
        self._bytes_done += size

    def stored(self, path: str, kind: str, document: Document | None, chunks: int) -> None:
        """Count a file as "new", "changed" or "unchanged"; without a document it was known."""
        report = self._report
        report = replace(report, read=report.read + 1, **{kind: getattr(report, kind) + 1})
        if document is not None:
            blank = len(document.pages_without_text)
            report = replace(
                report,
                chunks=report.chunks + chunks,
                pages_without_text=report.pages_without_text + blank,
            )
            self._new["notes"] += [(path, note) for note in document.notes]
        self._report = report

    def to_embed(self, count: int) -> None:
        """Count texts as waiting for the embedder."""
        self._texts_known += count

    def embedded(self, count: int, *, of: int) -> None:
        """Count texts as embedded, of those that the embedder is done with."""
        self._texts_done += of
        self._report = replace(self._report, embedded=self._report.embedded + count)

    def met(self, size: int) -> None:
        """Count a file of ``size`` bytes that was found in another one."""
        self._files_total += 1
        self._bytes_total += size
        self._report = replace(self._report, files=self._report.files + 1)

    def removed(self, count: int) -> None:
        """Count files that left the index."""
        self._report = replace(self._report, removed=self._report.removed + count)

    def failed(self, failure: Failure) -> None:
        """Add a failure."""
        self._new["failed"].append(failure)

    def skipped(self, skipped: Skipped) -> None:
        """Add a file that turned out to be none to read."""
        self._report = replace(self._report, files=self._report.files - 1)
        self._new["skipped"].append(skipped)

    def passed_over(self, skipped: Skipped) -> None:
        """Add a member of a file that is not read."""
        self._new["skipped"].append(skipped)

    def noted(self, path: str, note: str) -> None:
        """Add what is to be said of a file."""
        self._new["notes"].append((path, note))


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
