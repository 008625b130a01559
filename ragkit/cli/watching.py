"""``ragkit ingest --watch``: what is said while folders are watched."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, NoReturn

import click

from ragkit.cli.app import notice
from ragkit.cli.output import name, print_json, printable

if TYPE_CHECKING:
    from ragkit.cli.progress import ProgressPrinter
    from ragkit.rag import Rag
    from ragkit.types import Change, IngestReport, Progress, Synced


def watch_folders(
    rag: Rag,
    watching: Callable[..., Generator[Synced, None, None]],
    printer: ProgressPrinter,
    *,
    say: Callable[[IngestReport], None],
    as_json: bool,
    quiet: bool,
) -> NoReturn:
    """Ingest until Ctrl-C: say what was done at first, then a line for each change.

    Args:
        rag: names the files.
        watching: ``Rag.watching`` of what is to be watched.
        printer: shows the progress of each ingest.
        say: says what the first one did.
        as_json: one object a line.
        quiet: data only.
    """

    def show(step: Progress) -> None:
        if step.stage == "walk":  # of another ingest, whose time begins now
            printer.restart()
        printer(step)

    notice("watching; Ctrl-C ends it", quiet=quiet)
    steps = watching(progress=show)
    is_first = True
    while True:
        try:
            synced = next(steps)
        finally:
            printer.clear()
        if is_first:
            say(synced.report)
        else:
            _say_changes(rag, synced.changes, as_json=as_json)
        is_first = False


def _say_changes(rag: Rag, changes: Iterable[Change], *, as_json: bool) -> None:
    for change in changes:
        if as_json:
            reason = {"reason": change.reason} if change.reason else {}
            print_json({"path": change.path, "change": change.kind, **reason})
        else:
            why = f": {change.reason}" if change.reason else ""
            click.echo(printable(f"{change.kind:<7} {name(rag, change.path)}{why}"))
    sys.stdout.flush()
