"""PDFs read in a few processes of their own, within limits of time and memory.

Why not a pool of the standard library: a process at its limit is to be killed while the others go
on, what it had read by then is kept, and the end of the program waits for none of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TypeVar

from ragkit.errors import LoadError
from ragkit.loading.limits import Limits
from ragkit.loading.pdf import assembled, require_pdf
from ragkit.pdf.found import Facts, Found, Opened, Page, Picture, Refused, unpacked
from ragkit.pdf.worker import TOO_LARGE
from ragkit.types import Document

T = TypeVar("T")

MOST_KILLS = 3  # for one file; each costs a page
FILE_PAGES = 10  # a file has the time of so many pages, and a second more for each that it has
START_S = 60.0  # for a process to begin
STOPPED = "it was stopped"
CLOSING_S = 1.0  # to wait for the end of what was killed
LOOK_EVERY_S = 0.1
START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from ragkit.pdf.worker import main; main()"
)


class EndedError(Exception):
    """A process ended before it was done; the message says why."""


class _Worker:
    """One process. ``deadline_s`` is when it is killed, which another thread does."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.deadline_s = float("inf")
        self.is_late = self._is_ready = False
        path = json.dumps([os.path.abspath(one) for one in sys.path])  # noqa: PTH100
        memory = str(limits.memory_mb * 1_000_000)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", START, path, memory, str(limits.page_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    @property
    def is_alive(self) -> bool:
        """Whether it runs: the system may have ended it, for want of memory."""
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """End the process and take its end."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what it did not take any more
                if pipe:
                    pipe.close()
        self._process.wait()

    def ask(
        self, data: bytes, *, first: int = 1, pictures: Sequence[int] = (), until_s: float = 0.0
    ) -> Iterator[Found]:
        """Yield what the process finds in a PDF.

        Args:
            data: the file.
            first: the page to begin with.
            pictures: pages to draw, instead of reading.
            until_s: when the file's time is over; by default as its number of pages says.

        Raises:
            EndedError: it ended, or was killed.
        """
        assert self._process.stdin
        assert self._process.stdout
        page_s = self._limits.page_s
        request = {"bytes": len(data), "first": first, "pictures": list(pictures)}
        try:
            if not self._is_ready:
                self.deadline_s = time.monotonic() + START_S
                self._is_ready = self._process.stdout.readline() == b"\n"
            began = time.monotonic()
            until_s = until_s or began + FILE_PAGES * page_s
            self.deadline_s = min(began + page_s, until_s)
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.write(data)
            self._process.stdin.flush()
            while (line := self._process.stdout.readline()).endswith(b"\n"):
                if line == b"\n":
                    self.deadline_s = float("inf")
                    return
                yield (found := unpacked(line))
                if isinstance(found, Opened):
                    until_s += found.pages
                self.deadline_s = min(time.monotonic() + page_s, until_s)
        except OSError:  # it does not read any more
            pass
        self.deadline_s = float("inf")
        raise EndedError(self._why(time.monotonic() >= until_s))

    def _why(self, file_is_late: bool) -> str:
        code = self._process.wait()
        page_s = self._limits.page_s
        if self.is_late:
            if file_is_late:
                return "all of it takes too long (pdf_timeout_s allows for more)"
            return f"it takes longer than {page_s:g} s (pdf_timeout_s)"
        if code == TOO_LARGE:
            return f"it takes more than {self._limits.memory_mb} MB of memory (pdf_memory_mb)"
        return f"the process that read it ended ({'signal' if code < 0 else 'code'} {abs(code)})"


class PdfWorkers:
    """Reads PDFs in processes that are started when they are needed, and ended by ``close``.

    >>> with PdfWorkers() as workers:
    ...     workers.read(b"%PDF-1.7")
    Traceback (most recent call last):
        ...
    ragkit.errors.LoadError: the PDF is broken: Stream has ended unexpectedly
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.most = max(1, min(self._limits.processes, os.cpu_count() or 1))
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = Lock()
        self._threads: list[Thread] = []
        self._busy = 0
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._is_closed = Event()

    def __enter__(self) -> PdfWorkers:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def processes(self) -> int:
        """How many there are."""
        return len(self._workers)

    def close(self) -> None:
        """End all processes at once; what was begun comes to nothing."""
        with self._lock:
            self._is_closed.set()
            for worker in self._workers:
                worker.kill()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:  # each takes the end of its process, which is near
            thread.join(CLOSING_S)
        for worker in self._idle:
            worker.close()
        self._idle.clear()

    def read(self, data: bytes) -> Document:
        """Return a PDF's text.

        Raises:
            LoadError: it is encrypted or broken, or takes more time or memory than it may.
        """
        require_pdf(data)
        return self._waited_for(self.begin(data))

    def pictures(self, data: bytes, numbers: Sequence[int]) -> list[Picture]:
        """Return some pages of a PDF as images, those that cannot be drawn with the reason."""
        return self._waited_for(self._submit(lambda: self._draw(data, numbers)))

    def begin(self, data: bytes) -> Future[Document]:
        """Begin to read a PDF."""
        return self._submit(lambda: self._read(data))

    @staticmethod
    def _waited_for(future: Future[T]) -> T:
        while wait([future], LOOK_EVERY_S).not_done:  # one without an end can miss a Ctrl-C
            pass
        return future.result()

    # -- threads, one for each process at work

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def job() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                    future.set_exception(error)

        with self._lock:
            if self._is_closed.is_set():
                future.set_exception(LoadError(f"the PDF cannot be read: {STOPPED}"))
                return future
            self._busy += 1
            if not self._threads:
                Thread(target=self._watch, name="pdf-watch", daemon=True).start()
            if len(self._threads) < min(self._busy, self.most):
                self._threads.append(Thread(target=self._work, name="pdf", daemon=True))
                self._threads[-1].start()
        self._jobs.put(job)
        return future

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            with self._lock:
                self._busy -= 1

    def _watch(self) -> None:
        """Kill what is late."""
        while not self._is_closed.wait(LOOK_EVERY_S):
            now = time.monotonic()
            with self._lock:  # under which one that is done in time becomes idle, for another file
                for worker in self._workers:
                    if worker.deadline_s <= now:
                        worker.is_late = True
                        worker.kill()

    # -- work, in those threads

    def _ask(
        self, data: bytes, *, first: int = 1, pictures: Sequence[int] = (), until_s: float = 0.0
    ) -> Iterator[Found]:
        """Yield what an idle process, or a new one, finds; one that has ended is not used again."""
        with self._lock:
            if self._is_closed.is_set():
                raise EndedError(STOPPED)
            dead = [worker for worker in self._idle if not worker.is_alive]
            self._idle = [worker for worker in self._idle if worker not in dead]
            self._workers.difference_update(dead)
            worker = self._idle.pop() if self._idle else None
        for ended in dead:
            ended.close()
        if worker is None:
            worker = _Worker(self._limits)
            with self._lock:
                self._workers.add(worker)
                if self._is_closed.is_set():
                    worker.kill()
        is_whole = False
        try:
            yield from worker.ask(data, first=first, pictures=pictures, until_s=until_s)
            is_whole = True
        finally:
            with self._lock:
                keeps = is_whole and not (worker.is_late or self._is_closed.is_set())
                if keeps:
                    self._idle.append(worker)
                else:
                    self._workers.discard(worker)
            if not keeps:
                worker.close()

    def _read(self, data: bytes) -> Document:
        found: list[Found] = []
        began = time.monotonic()
        pages = last = kills = 0
        until_s = 0.0
        while True:
            try:
                for one in self._ask(data, first=last + 1, until_s=until_s):
                    found.append(one)
                    if isinstance(one, Opened):
                        pages = one.pages
                    elif isinstance(one, Page):
                        last = one.number
            except EndedError as error:
                if not pages:
                    raise LoadError(f"the PDF cannot be read: {error}", stage="parse") from error
                kills += 1
                until_s = began + FILE_PAGES * self._limits.page_s + pages
                if last == pages:
                    told = f"its outline and properties are not read: {error}"
                    found.append(Facts(notes=(told,)))
                elif kills < MOST_KILLS and time.monotonic() < until_s:
                    last += 1
                    found.append(Page(last, "", error=f"it cannot be read: {error}"))
                    continue
                else:
                    rest = f"pages {last + 1} to {pages} are" if last + 1 < pages else "it is"
                    found.append(Page(last + 1, "", error=f"{rest} not read: {error}"))
            return assembled(found)

    def _draw(self, data: bytes, numbers: Sequence[int]) -> list[Picture]:
        drawn: dict[int, Picture] = {}
        left = list(numbers)
        while left:
            reason = "nothing came of it"
            try:
                for one in self._ask(data, pictures=left):
                    if isinstance(one, Picture):
                        drawn[one.number] = one
                    elif isinstance(one, Refused):
                        reason = one.reason
            except EndedError as error:
                reason = str(error)
            left = [number for number in left if number not in drawn]
            if left:  # it came no further than to the first of them
                drawn[left[0]] = Picture(left[0], error=f"it cannot be drawn: {reason}")
                del left[0]
        return [drawn[number] for number in numbers]
