"""The right to write to an index: one process has it, a dead one never, and it says who it is.

The lock itself is the system's, which lets go of it when a process ends, however it does. Who holds
it stands in a file beside it: that a process has left one behind says nothing.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ragkit.errors import IndexLockedError, IndexWriteError

LOCK = "writer.lock"
NOTE = LOCK + ".json"
PARTIAL = NOTE + ".partial"
LONGEST = 200  # characters of a command that are shown
NAMED_WITHIN_S = 1.0  # a process that has just begun to write says who it is


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that writes to an index."""

    pid: int
    host: str
    command: str  # as it was typed
    since: str  # with the offset from UTC

    @classmethod
    def this(cls) -> Writer:
        """Return this process."""
        program, *arguments = sys.argv or [""]
        name = Path(program).name
        command = shlex.join(["ragkit" if name == "__main__.py" else name, *arguments])
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        return cls(os.getpid(), socket.gethostname(), command, since)

    def __str__(self) -> str:
        shown = self.command[:LONGEST] + ("…" if len(self.command) > LONGEST else "")
        since = datetime.fromisoformat(self.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"'{shown}' (process {self.pid} on {self.host}, since {since})"

    @property
    def is_alive(self) -> bool:
        """Whether it runs, as far as can be told from here."""
        return self.host != socket.gethostname() or is_running(self.pid)


def is_running(process: int) -> bool:
    """Say whether a process of this machine runs. Where that cannot be asked, it is taken to."""
    if os.name == "posix":  # on Windows the question would end it
        try:
            os.kill(process, 0)
        except OSError as error:
            return not isinstance(error, ProcessLookupError)  # else it is somebody else's
    return True


class WriterLock:
    """The right to write to the index in a folder, which is made if it is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        import filelock

        # An ingest may be stepped through by several threads.
        self._lock = filelock.FileLock(folder / LOCK, thread_local=False)

    @property
    def is_held(self) -> bool:
        """Whether this process has the right to write."""
        return self._lock.is_locked

    def acquire(self, timeout_s: float = 0.0) -> bool:
        """Take the right to write, within a time; say whether it was to be had.

        Raises:
            IndexWriteError: the folder cannot be written.
        """
        from filelock import Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=timeout_s)
        except Timeout:
            return False
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        with suppress(OSError):  # no space: files can be taken out of the index all the same
            self._say_who()
        return True

    def __enter__(self) -> WriterLock:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def release(self) -> None:
        """Give it back, if it is held."""
        if self.is_held:
            for name in (NOTE, PARTIAL):
                with suppress(OSError):
                    (self.folder / name).unlink(missing_ok=True)
            self._lock.release()

    def _say_who(self) -> None:
        partial = self.folder / PARTIAL
        partial.write_text(json.dumps(asdict(Writer.this())), "utf-8")
        partial.replace(self.folder / NOTE)

    def writer(self) -> Writer | None:
        """Return the process that has the right to write, None if it has not said who it is."""
        try:
            writer = Writer(**json.loads((self.folder / NOTE).read_text("utf-8")))
            str(writer)
        except (OSError, ValueError, TypeError):
            return None
        return writer if writer.is_alive else None

    def refusal(self, hint: str = "'--wait' waits until it is done") -> IndexLockedError:
        """Return the error that says who writes; ``hint`` says what can be done."""
        until = time.monotonic() + NAMED_WITHIN_S
        while not (writer := self.writer()) and time.monotonic() < until:
            time.sleep(0.02)
        named = f": {writer}" if writer else ""
        return IndexLockedError(
            f"another process is writing to the index at {self.folder}{named}",
            hint=f"{hint}; searching goes on meanwhile",
        )


@contextmanager
def lock(folder: Path) -> Iterator[WriterLock]:
    """Have the right to write to the index in ``folder`` for the block.

    Raises:
        IndexLockedError: another process has it.
        IndexWriteError: the folder cannot be written.
    """
    with WriterLock(folder) as held:
        if not held.acquire():
            raise held.refusal(hint="run this again when that is done")
        yield held


def cannot_write(folder: Path, error: OSError) -> IndexWriteError:
    """Return the error that says that an index's folder cannot be written."""
    return IndexWriteError(
        f"cannot write to {folder}: {error.strerror or error}",
        hint="free some space, mend its permissions, or name another folder with --index",
    )
