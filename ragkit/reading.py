"""Read the files that an ingest takes: from disk, out of archives, ahead of their turn, by a model.

What comes of a file is its document, or the text that the index has of it already.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TypeVar

from ragkit.catalog import digest_of
from ragkit.embedding.requests import is_done
from ragkit.index.ahead import Ahead
from ragkit.index.folder import Index
from ragkit.index.looking import Looking
from ragkit.index.survey import Survey
from ragkit.index.tally import Tally
from ragkit.index.unpacking import Unpacker
from ragkit.loading import read as read_bytes
from ragkit.loading.limits import Limits
from ragkit.loading.own import Loaders
from ragkit.loading.pdf import is_pdf
from ragkit.loading.seen import DRAWN, IMAGE
from ragkit.loading.walk import Found, Held
from ragkit.loading.workers import PdfWorkers
from ragkit.protocols import Seeing
from ragkit.types import Chunk, Document, Progress, Skipped

T = TypeVar("T")

PDF = "pdf"  # the type of what is read ahead


@dataclass(slots=True)
class Read:
    """A file that was read: how it looks on disk, and its document unless that is stored."""

    path: str
    found: Found
    seen_ns: int
    digest: bytes
    content: int | None = None  # stored already
    document: Document | None = None
    unseen: dict[int, str] = field(default_factory=dict)  # why pages were not read by a model
    language: str = ""
    chunks: list[Chunk] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)  # of the chunks' vectors


class Reading:
    """Reads the files of a survey.

    Args:
        index: what has the texts that were read before.
        surveyed: which files to read.
        loaders: which read them.
        max_file_bytes: larger files are refused.
        anew: read also what is stored.
        pdf_limits: what a PDF may cost in time and memory.
        seeing: reads images, and pages of PDFs that have no text.
        tally: told of members of archives.
    """

    def __init__(
        self,
        index: Index,
        surveyed: Survey,
        *,
        loaders: Loaders,
        max_file_bytes: int,
        anew: bool,
        pdf_limits: Limits | None,
        seeing: Seeing | None,
        tally: Tally,
    ) -> None:
        self._pdfs = PdfWorkers(pdf_limits)
        self._index = index
        self._surveyed = surveyed
        self._loaders = replace(loaders, instead={**loaders.instead, PDF: self._pdfs.read})
        self._max_file_bytes = max_file_bytes
        self._anew = anew
        self._looking = Looking(seeing, self._pdfs) if seeing else None
        self._tally = tally
        self._ahead = Ahead(
            () if ".pdf" in loaders.own else surveyed.fresh,
            self._pdfs,
            max_file_bytes=max_file_bytes,
            is_known=lambda digest: not anew and self._stored(digest, PDF) is not None,
        )

    def close(self) -> None:
        """End the processes that read PDFs, and ask no model any more."""
        self._pdfs.close()
        if self._looking:
            self._looking.close()

    def files(self) -> Iterator[Found]:
        """Yield the files to read, of archives their members first."""
        unpack = Unpacker(
            self._index.stored_path,
            self._loaders,
            self._max_file_bytes,
            self._surveyed.members,
            self._surveyed.only,
            self._surveyed.lost,
        )
        for fresh in self._surveyed.fresh:
            for found in unpack(fresh):
                if isinstance(found, Skipped):
                    self._tally.passed_over(found)
                else:
                    if found.path != fresh.path:
                        self._tally.met(found.size)
                    self._ahead.look()
                    yield found

    def stored_path(self, found: Found) -> str:
        """Return a file's path as the catalog keeps it."""
        return found.name or self._index.stored_path(found.path)

    def read(self, path: str, found: Found) -> Generator[Progress, None, Read | Skipped]:
        """Return what a file holds, or why it is passed over; yield while it is read elsewhere.

        Raises:
            LoadError: it cannot be read.
            OSError: it is gone, or may not be read.
        """
        if begun := self._ahead.take(found):
            read = Read(path, found, begun.seen_ns, begun.digest)
            while not is_done(begun.document):
                yield self._tally.progress("read", path)
            yield from self._keep(read, begun.document.result(), b"", is_new=self._anew)
            return read
        seen_ns = time.time_ns()
        held = found.held or Held(read_bytes(found.path, self._max_file_bytes))
        if held.error:
            raise held.error
        data = held.data
        suffix = PurePosixPath(path).suffix.lower() if held.suffix is None else held.suffix
        if held.document:
            return Read(path, found, seen_ns, digest_of(data), document=held.document)
        if self._loaders.is_to_see(suffix):
            read = Read(path, found, seen_ns, digest_of(data))
            yield from self._see(read, data)
            return read
        if reason := self._loaders.is_binary(data, suffix=suffix):
            return Skipped(path, reason)
        read = Read(path, found, seen_ns, digest_of(data))
        is_new = self._anew or held.members is not None  # such a one is written after its members
        if not is_new:
            read.content = self._stored(read.digest, self._loaders.type_of(suffix, data))
            if read.content is not None:
                return read
        document = self._loaders.load(data, suffix=suffix)
        yield from self._keep(read, document, data, is_new=is_new)
        return read

    def _stored(self, digest: bytes, kind: str) -> int | None:
        """Return the text that is stored of a file of this digest, if all of it was read."""
        content = self._index.catalog.texts.content_of_file(digest, kind)
        if self._looking and content in self._index.catalog.texts.with_blank_pages(DRAWN):
            return None
        return content

    def _see(self, read: Read, data: bytes) -> Iterator[Progress]:
        """Let a model read an image, unless one did."""
        if not self._anew:
            read.content = self._stored(read.digest, IMAGE)
        if read.content is None and self._looking:
            asking = self._looking.image(data)
            read.document = yield from self._yielding(asking, read.path)

    def _keep(
        self, read: Read, document: Document, data: bytes, *, is_new: bool
    ) -> Iterator[Progress]:
        """Keep a document, unless it is stored; let a model read the pages that have no text."""
        is_drawn = document.type == PDF or is_pdf(data)  # slides are not
        if self._looking and is_drawn and document.page_starts and document.pages_without_text:
            data = data or read_bytes(read.found.path, self._max_file_bytes)
            old = self._surveyed.sources.get(read.path)
            same = old is not None and old.digest == read.digest == digest_of(data)
            known = self._looking.known(self._index, old.content) if old and same else {}
            asking = self._looking.pages(document, data, known)
            document, read.unseen = yield from self._yielding(asking, read.path)
        if not (is_new or read.unseen):
            read.content = self._index.catalog.texts.content_of_text(document)
        if read.content is None:
            read.document = document

    def _yielding(self, work: Generator[None, None, T], path: str) -> Generator[Progress, None, T]:
        """Return what comes of some work, and yield while it waits."""
        while True:
            try:
                next(work)
            except StopIteration as done:
                result: T = done.value
                return result
            yield self._tally.progress("read", path)
