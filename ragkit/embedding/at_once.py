"""Do a task with each of several things, some at once, and be interrupted at any moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

LOOK_EVERY_S = 0.5  # a wait without an end can miss an interrupt


def at_once(work: Callable[[T], R], items: Sequence[T], *, threads: int, name: str) -> list[R]:
    """Return what ``work`` makes of each item, in their order.

    Why not a pool of the standard library: its end waits for what is under way, so that a Ctrl-C
    would be delayed until a server has answered, and the end of the program once more. Here the
    first failure is raised at once; what is under way is left to itself, the rest is not begun.

    Args:
        work: called in threads of its own, or in this one for a single item.
        items: what to do it with.
        threads: at most so many at once.
        name: of the threads.

    >>> at_once(abs, [-3, 2, -1], threads=2, name="sizes")
    [3, 2, 1]
    """
    if len(items) < 2 or threads < 2:
        return [work(item) for item in items]
    waiting = deque(enumerate(items))
    outcomes: SimpleQueue[tuple[int, R] | BaseException] = SimpleQueue()

    def work_off() -> None:
        while True:
            try:
                place, item = waiting.popleft()
            except IndexError:
                return
            try:
                outcomes.put((place, work(item)))
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                waiting.clear()
                outcomes.put(error)

    for number in range(min(threads, len(items))):
        Thread(target=work_off, name=f"{name}-{number}", daemon=True).start()
    found: dict[int, R] = {}
    try:
        while len(found) < len(items):
            outcome = _next(outcomes)
            if isinstance(outcome, BaseException):
                raise outcome
            found[outcome[0]] = outcome[1]
    finally:
        waiting.clear()
    return [found[place] for place in range(len(items))]


def _next(outcomes: SimpleQueue[T]) -> T:
    while True:
        try:
            return outcomes.get(timeout=LOOK_EVERY_S)
        except Empty:
            continue
