"""How far a long command is: a line drawn over itself on a terminal, elsewhere one now and then.

What takes unusually long is named, also while nothing else happens: a thread looks at the clock.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from ragkit.cli.output import clipped, duration, printable, size, tell

if TYPE_CHECKING:
    from types import TracebackType

    from ragkit.ollama.transfers import Transfer
    from ragkit.types import Progress

EVERY_S = 5.0  # between lines of progress where there is no terminal
LOOK_EVERY_S = 0.5  # at the clock, where no step comes
SLOW_S = 5.0  # a file or stage that takes longer is called slow
RATE_OVER_S = 15.0  # a pull's rate is that of so many seconds: networks change
BAR = 20  # cells
PLAIN = {
    "walk": "looking for files", "fetch": "fetching ", "publish": "writing the search files",
}  # fmt: skip


class OneLine:
    """A line that is drawn over itself on a terminal; elsewhere one every few seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self.is_drawn = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        self._began = self._last = time.monotonic()
        self._lock = Lock()

    def show(self, line: Callable[[float], str]) -> None:
        """Show what ``line`` makes of the seconds since the beginning, if it is time to."""
        now = time.monotonic()
        if self._quiet or now - self._last < (0.1 if self.is_drawn else EVERY_S):
            return
        with self._lock:
            self._last = now
            text = printable(line(now - self._began))
            if self.is_drawn:
                columns = 80
                with suppress(OSError):  # the terminal is gone meanwhile
                    columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
                tell("\r\x1b[K" + clipped(text, columns - 1), nl=False)
            else:
                tell(text)

    def restart(self) -> None:
        """Count the seconds from now on."""
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Say something on a line of its own, whatever was drawn."""
        with self._lock:
            tell(self._wiped + printable(text, keep="\n\t"))

    def clear(self) -> None:
        """Take the line off the terminal."""
        with self._lock:
            tell(self._wiped, nl=False)

    @property
    def _wiped(self) -> str:
        return "\r\x1b[K" if self.is_drawn and not self._quiet else ""


class ProgressPrinter:
    """Shows how far an ingest is; within ``with`` also while nothing happens."""

    def __init__(self, *, quiet: bool, look_every_s: float = LOOK_EVERY_S) -> None:
        self._quiet = quiet
        self._line = OneLine(quiet=quiet)
        self.shown: Callable[[str], str] = str  # turns a stored path into what is printed
        self._look_every_s = look_every_s
        self._step: Progress | None = None
        self._key: object = None  # of what changes while all is well
        self._since = time.monotonic()  # it last did
        self.slow: dict[str, float] = {}  # seconds that files took to read, by path, if many
        self._ended = Event()
        self._thread = Thread(target=self._look, name="ragkit-progress", daemon=True)
        self.clear = self._line.clear

    def __enter__(self) -> ProgressPrinter:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.clear()

    def restart(self) -> None:
        """Begin anew: what is shown from now on is of another ingest."""
        self._line.restart()

    def notify(self, text: str) -> None:
        """Say something beside the progress."""
        if not self._quiet:
            self._line.say(text)

    def _look(self) -> None:
        with suppress(OSError):  # who listened has gone: the run itself will find out
            while not self._ended.wait(self._look_every_s):
                self._line.show(self._now)

    def __call__(self, step: Progress) -> None:
        """Show a step, if it is time to."""
        if step.stage == "stop":  # said at once, whatever was drawn
            self._line.say("finishing the request under way; Ctrl-C again stops at once")
            return
        now = time.monotonic()
        key = (step.stage, step.path, step.files_done, step.texts_done)
        if key != self._key:
            if self._step and self._step.stage == "read" and now - self._since >= SLOW_S:
                self.slow[self._step.path] = now - self._since
            self._key, self._since = key, now
        self._step = step
        self._line.show(self._now)

    def _now(self, seconds: float) -> str:
        return self.line(self._step, seconds, held_s=time.monotonic() - self._since)

    def line(self, step: Progress | None, seconds: float, *, held_s: float = 0.0) -> str:
        """Return what is said of a step: what is done, rate, time left, what is slow.

        Args:
            step: the last one; None before the first.
            seconds: since the beginning.
            held_s: for how long nothing has changed.
        """
        said = self._said(step, seconds)
        if held_s < SLOW_S:
            return said
        if step and step.stage == "embed":
            said += ": the embedder works"
        if step and step.stage == "plan":  # the file was the last one, not the one in hand
            return f"{said}, {duration(held_s)} ago"
        return f"{said}, for {duration(held_s)} now"

    def _said(self, step: Progress | None, seconds: float) -> str:
        if step is None:
            return "making the embedder ready"
        if step.stage in PLAIN:
            return PLAIN[step.stage] + (self.shown(step.path) if step.path else "")
        if step.stage == "wait":
            return f"waiting for the other process, {seconds:.0f} s"
        if step.stage == "plan":
            return f"{step.files_done} files looked at, last {self.shown(step.path)}"
        if step.stage == "reindex":
            rate = step.report.embedded / max(seconds, 1e-6)
            done = f"{step.files_done}/{step.files_total}"
            return f"{done} passages embedded anew, {rate:.0f} texts/s"
        rate = step.bytes_done / max(seconds, 1e-6)
        return (
            f"{step.files_done}/{step.files_total} files, {step.report.chunks} passages,"
            f" {step.texts_done} embedded, {size(rate)}/s{_left(step, seconds)}"
            + (f": {self.shown(step.path)}" if step.path else "")
        )


def _left(step: Progress, seconds: float) -> str:
    """Return how long it will take from here, "" while that cannot be told.

    What is read goes on as before; where texts wait for their vectors, they are what takes time.
    """
    read = step.bytes_done / max(step.bytes_total, 1)
    embedded = step.texts_done / step.texts_known if step.texts_known else 1.0
    done = read * embedded
    return f", {duration(seconds * (1 - done) / done)} left" if done else ""


class TransferPrinter:
    """Shows how far a pull is: a bar on a terminal, the share, the rate, the time left."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self._name = name
        self._line = OneLine(quiet=quiet)
        self._seen = deque([(0.0, 0)])  # (seconds, bytes moved) of the last lines
        self.clear = self._line.clear

    def __call__(self, transfer: Transfer) -> None:
        """Show how far it is, if it is time to."""
        self._line.show(lambda seconds: self.line(transfer, seconds))

    def line(self, transfer: Transfer, seconds: float) -> str:
        """Return what is said of a transfer. The rate is that of the last seconds."""
        self._seen.append((seconds, transfer.moved))
        while len(self._seen) > 2 and seconds - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        if not transfer.total or transfer.done >= transfer.total:
            return f"{self._name}: {transfer.status}"
        since, moved = self._seen[0]
        rate = (transfer.moved - moved) / max(seconds - since, 1e-6)
        share = transfer.done / transfer.total
        bar = f" [{'#' * int(share * BAR):-<{BAR}}]" if self._line.is_drawn else ""
        left = f", {duration((transfer.total - transfer.done) / rate)} left" if rate else ""
        return (
            f"{self._name}:{bar} {int(share * 100)}% of {size(transfer.total)},"
            f" {size(rate)}/s{left}"
        )
