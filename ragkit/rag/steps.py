"""Run the steps of an ingest, and hand it an interrupt that comes between two of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from inspect import GEN_CLOSED, getgeneratorstate
from typing import TypeVar

from ragkit.types import IngestReport, Progress, Ways

T = TypeVar("T")


def run_steps(
    steps: Generator[Progress, None, None], progress: Callable[[Progress], None] | None
) -> IngestReport:
    """Run an ingest to its end, tell ``progress`` of each step, and return the last report.

    An interrupt may come while a step is shown, outside of the ingest. It is raised within it, so
    that the ingest can say what it still finishes; a second one ends it at once, wherever it comes.
    """
    show = progress or (lambda _: None)
    step = Progress("walk")
    with closing(steps):
        while True:
            try:
                for step in steps:
                    show(step)
            except KeyboardInterrupt as interrupt:
                if getgeneratorstate(steps) == GEN_CLOSED:
                    raise  # it was raised within
                show(steps.throw(interrupt))
            else:
                return step.report


def result_of(steps: Generator[object, None, T]) -> T:
    """Return what a generator returns; what it yields on the way is nobody's."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def require_known(ways: Ways) -> None:
    """Refuse a keyword that an ingest does not have: what it was to do would not be done.

    Raises:
        TypeError: there is one, as Python has it.
    """
    for name in ways:
        if name not in Ways.__annotations__:
            known = ", ".join(Ways.__annotations__)
            raise TypeError(f"an ingest has no argument {name!r}; it has {known}")
