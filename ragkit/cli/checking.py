"""The command that says whether an index is whole, and mends it: check."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from ragkit.cli.app import cli, index_option, json_option, notice, notices, quiet_option
from ragkit.cli.output import name, print_json, printable, size
from ragkit.cli.progress import ProgressPrinter

if TYPE_CHECKING:
    from ragkit.rag import Rag
    from ragkit.types import Repaired

DAMAGED = 5


@cli.command(short_help="Say whether the index is whole; mend it.")
@click.option("--repair", is_flag=True, help="Mend what is damaged; embed nothing.")
@click.option("--compact", is_flag=True, help="Give back the space of what was deleted.")
@index_option
@json_option
@quiet_option
def check(repair: bool, compact: bool, index: str | None, as_json: bool, quiet: bool) -> int:
    """Read every row and file of the index, and say whether it is whole.

    With --repair search files are made anew, and what else is damaged is read from its documents
    again. Nothing is embedded: a passage whose vector is lost is found by its words until the next
    ingest. What is lost for good is told, with what brings it back.

    \b
        ragkit check
        ragkit check --repair
        ragkit check --compact
    """
    from ragkit.rag import Rag

    with Rag(index, notify=notices(quiet=quiet)) as rag:
        if not repair and not compact:
            return _check(rag, as_json=as_json)
        facts: dict[str, object] = {}
        lines: list[str] = []
        whole = True
        if repair:
            found = _repaired(rag, quiet=quiet)
            whole = not found.lost and not found.damages
            parts = {part: list(getattr(found, part)) for part in ("mended", "lost", "damages")}
            facts |= {"whole": whole, **parts}
            lines += [*found.mended, *(f"lost: {line}" for line in found.lost), *found.damages]
            lines += [] if found.damages else ["the index is whole"]
        if compact and whole:
            freed = rag.compact()
            facts["freed_bytes"] = freed
            lines.append(f"gave back {size(freed)}")
    if as_json:
        print_json(facts)
    else:
        click.echo("\n".join(map(printable, lines)))
    return 0 if whole else DAMAGED


def _check(rag: Rag, *, as_json: bool) -> int:
    damages = rag.check()
    if as_json:
        print_json({"whole": not damages, "damages": damages})
    else:
        click.echo("\n".join(map(printable, damages)) or "the index is whole")
    if damages:
        notice("hint: 'ragkit check --repair' mends it and embeds nothing")
    return DAMAGED if damages else 0


def _repaired(rag: Rag, *, quiet: bool) -> Repaired:
    printer = ProgressPrinter(quiet=quiet)
    printer.shown = partial(name, rag)
    with printer:
        return rag.repair(progress=printer)
