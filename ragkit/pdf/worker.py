"""The process that reads PDFs: one request after the other, until its standard input ends.

A request is a line of JSON and the PDF's bytes; what is found goes out a line at a time, then a
blank line. Whoever started it kills it where it takes too long; limits of memory and of processor
time it sets itself, so that it ends also if nobody is left to do so.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any

try:
    import resource
except ImportError:  # pragma: no cover - Windows has none
    resource = None  # type: ignore[assignment]

LOOK_EVERY_S = 0.1
TOO_LARGE = 86  # the exit code of a process that had more memory than it may
SPARE_S = 5  # of processor time, beyond what is enough to be killed from outside


def main() -> None:  # pragma: no cover - it ends a process: tests start some
    """Serve standard input, within the limits that the command line gives."""
    memory_bytes, page_s = int(sys.argv[-2]), float(sys.argv[-1])
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for who started this
    requests: SimpleQueue[tuple[dict[str, Any], bytes]] = SimpleQueue()
    threading.Thread(target=_take, args=(sys.stdin.buffer, requests), daemon=True).start()
    limit_memory(memory_bytes)
    import pypdf  # noqa: F401 - what takes its time comes first

    import ragkit.pdf.reading  # noqa: F401

    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(b"\n")  # ready: from now on its time counts
        sys.stdout.buffer.flush()
        while True:
            serve(*requests.get(), sys.stdout.buffer, page_s)


def _take(  # pragma: no cover - it ends a process: tests start some
    pipe: IO[bytes], requests: SimpleQueue[tuple[dict[str, Any], bytes]]
) -> None:
    """Pass requests on; end the process, whatever it is at, when who sends them is gone."""
    with suppress(BaseException):  # the memory's end among others
        while line := pipe.readline():
            request = json.loads(line)
            requests.put((request, pipe.read(request["bytes"])))
    os._exit(0)


def serve(request: dict[str, Any], data: bytes, replies: IO[bytes], page_s: float) -> None:
    """Answer one request."""
    from ragkit.pdf.found import Refused, packed

    allow_seconds(2 * page_s + SPARE_S)
    try:
        for one in _found(request, data):
            allow_seconds(2 * page_s + SPARE_S)
            replies.write(packed(one))
            replies.flush()
    except MemoryError:  # pragma: no cover - it ends a process: tests start some
        os._exit(TOO_LARGE)  # what is left of the process is not to be relied on
    except OSError:  # the pipe is closed
        raise
    except Exception as error:  # noqa: BLE001 - told to whoever asked
        reason = f"{type(error).__name__}: {error}"[:300]
        replies.write(packed(Refused(f"the PDF is broken: {reason}")))
    replies.write(b"\n")
    replies.flush()


def _found(request: dict[str, Any], data: bytes) -> Iterator[Any]:
    from ragkit.pdf.reading import pictures, read

    if request["pictures"]:
        return pictures(data, request["pictures"])
    return read(data, first=request["first"])


def limit_memory(most_bytes: int) -> None:  # pragma: no cover - it ends a process: tests start some
    """Let this process have no more memory than that.

    Linux keeps to a limit of address space; elsewhere a thread looks now and then, and ends the
    process.
    """
    if sys.platform == "linux":
        with suppress(ValueError, OSError):  # a lower limit than ours is in force
            resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    else:
        threading.Thread(target=watch_memory, args=(most_bytes,), daemon=True).start()


def watch_memory(most_bytes: int) -> None:  # pragma: no cover - it ends a process: tests start some
    """End this process once it has had more memory than that."""
    while peak_bytes() <= most_bytes:
        threading.Event().wait(LOOK_EVERY_S)
    os._exit(TOO_LARGE)


def peak_bytes() -> int:
    """Return the most memory that this process ever had; 0 where that is not known."""
    if resource is None:
        return 0
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def allow_seconds(seconds: float) -> None:
    """Let this process use so many seconds of processor time more, where that can be limited."""
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime + seconds) + 1
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        with suppress(ValueError, OSError):  # a lower limit than ours is in force
            resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
