"""What an embedder is asked in threads of its own, while whoever waits for it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from ragkit.protocols import Embedder
from ragkit.types import Embedded

BATCH_TEXTS = 128  # embedded at once
SHOW_EVERY_S = 0.5  # while the embedder is waited for


def pool_for(embedder: Embedder) -> ThreadPoolExecutor:
    """Return what asks an embedder: once at a time, unless its ``calls_at_once`` says otherwise."""
    calls = getattr(embedder, "calls_at_once", 1)
    return ThreadPoolExecutor(calls, thread_name_prefix="ragkit-embed")


def is_done(request: Future[Any]) -> bool:
    """Wait a moment for a request, and say whether it has been answered."""
    return not wait([request], SHOW_EVERY_S).not_done


def finish(requests: Sequence[Future[Embedded]]) -> None:
    """Give up the requests that have not begun, and wait for those under way."""
    going = [request for request in reversed(requests) if not request.cancel()]
    while wait(going, SHOW_EVERY_S).not_done:  # one without an end can miss a second Ctrl-C
        pass
