"""``ragkit ingest --dry-run``: what would be read and skipped, why, and how long it would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

import click

from ragkit.cli.output import duration, name, print_json, size, table
from ragkit.cli.progress import ProgressPrinter

if TYPE_CHECKING:
    from ragkit.index.plan import Plan, Planned
    from ragkit.rag import Rag

ACTIONS = {
    "new": "new", "changed": "changed", "unchanged": "unchanged",
    "remove": "to remove", "skip": "to skip", "fail": "that would fail",
}  # fmt: skip


def say_plan(
    rag: Rag, plan: Callable[..., Plan], printer: ProgressPrinter, *, as_json: bool
) -> int:
    """Print a plan as it is made: the files, what is to be done with each, and the cost."""
    from ragkit.types import Progress  # numpy comes with it

    counted = count(1)
    with printer:
        found = plan(
            progress=lambda planned: printer(Progress("plan", planned.path, next(counted)))
        )
    if as_json:
        keys = ("path", "action", "reason")
        files = [
            {**{key: getattr(p, key) for key in keys}, "bytes": p.size, "passages": p.passages}
            for p in found.files
        ]
        counts = ("passages", "texts", "tokens", "requests", "seconds")
        estimate = {"files": len(_to_read(found)), **{n: getattr(found, n) for n in counts}}
        print_json({"files": files, "estimate": estimate})
        return 0
    rows = [
        (name(rag, p.path), p.action, p.reason or (size(p.size) if p.size else ""))
        for p in found.files
    ]
    click.echo(table(rows, ("path", "action", "reason")))
    costs = [f"about {found.tokens} tokens"]
    costs += [f"{found.requests} requests"] if found.requests else []
    costs += [f"about {duration(found.seconds)}"] if found.seconds else []
    actions = Counter(planned.action for planned in found.files)
    told = ", ".join(f"{actions[action]} {word}" for action, word in ACTIONS.items())
    click.echo(f"\n{len(_to_read(found))} files to read: {told}")
    click.echo(f"{found.passages} passages, {found.texts} to embed: {', '.join(costs)}")
    return 0


def _to_read(found: Plan) -> list[Planned]:
    return [planned for planned in found.files if planned.action in ("new", "changed")]
