"""PDFs are read before their turn comes, in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import PurePosixPath

from ragkit.catalog import digest_of
from ragkit.errors import LoadError
from ragkit.loading import read
from ragkit.loading.pdf import is_pdf
from ragkit.loading.walk import Found
from ragkit.loading.workers import PdfWorkers
from ragkit.types import Document

MOST_BYTES = 64_000_000  # of files that are begun; one that is larger is begun alone
AT_ONCE = 2  # times as many as there are processes, so that none waits for the next


@dataclass(frozen=True, slots=True)
class Begun:
    """A file that is being read."""

    seen_ns: int
    digest: bytes
    size: int
    document: Future[Document]


class Ahead:
    """Begins to read PDFs among the files that come next, as many as there is room for.

    Args:
        files: all files, in the order in which they are taken.
        workers: read them.
        max_file_bytes: larger files are left to their turn, which says why they are not read.
        is_known: says whether a file of this digest need not be read.
    """

    def __init__(
        self,
        files: Sequence[Found],
        workers: PdfWorkers,
        *,
        max_file_bytes: int,
        is_known: Callable[[bytes], bool],
    ) -> None:
        self._files = iter(files)
        self._workers = workers
        self._max_file_bytes = max_file_bytes
        self._is_known = is_known
        self._begun: dict[str, Begun] = {}
        self._next: Found | None = next(self._files, None)

    def look(self) -> None:
        """Begin what there is room for; to be called before each file is taken."""
        while self._next is not None:
            found = self._next
            if PurePosixPath(found.path).suffix.lower() == ".pdf":
                begun = sum(one.size for one in self._begun.values())
                if self._begun and (
                    len(self._begun) >= AT_ONCE * self._workers.most
                    or begun + found.size > MOST_BYTES
                ):
                    return
                self._begin(found)
            self._next = next(self._files, None)

    def _begin(self, found: Found) -> None:
        seen_ns = time.time_ns()
        try:
            data = read(found.path, self._max_file_bytes)
        except (LoadError, OSError):
            return  # said when its turn comes
        digest = digest_of(data)
        if is_pdf(data) and not self._is_known(digest):
            document = self._workers.begin(data)
            self._begun[found.path] = Begun(seen_ns, digest, len(data), document)

    def take(self, found: Found) -> Begun | None:
        """Return a file that was begun, None if this one was not."""
        return self._begun.pop(found.path, None)
