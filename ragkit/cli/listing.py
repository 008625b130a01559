"""The command ls: the files of an index, and what they say of themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ragkit.cli.app import cli, index_option, json_option, where_option
from ragkit.cli.output import name, print_json, table
from ragkit.where import Where
from ragkit.where.grammar import DATES

if TYPE_CHECKING:
    from ragkit.types import Listed

SORTS = ("path", "title", "type", "date", "language", "passages", "pages", "state")
MOST_VALUES = 10  # of a field that --fields prints


@cli.command(short_help="List the files of the index.")
@where_option
@click.option("--sort", type=click.Choice(SORTS), default="path", help="By what.  [default: path]")
@click.option("-r", "--reverse", is_flag=True, help="The other way round.")
@click.option(
    "--fields", is_flag=True, help="Count what --where can ask for: types, tags, authors."
)
@index_option
@json_option
def ls(
    where: Where, sort: str, reverse: bool, fields: bool, index: str | None, as_json: bool
) -> None:
    """List the files of the index, or what they say of themselves.

    \b
        ragkit ls
        ragkit ls --where 'type:markdown after:2020' --sort date -r
        ragkit ls --fields
    """
    from ragkit.rag import Rag

    with Rag(index) as rag:
        if fields:
            _say_fields(rag.fields(where=where), as_json=as_json)
            return
        found = rag.ls(where=where, sort=sort, reverse=reverse)
        if as_json:
            print_json([_listed_json(listed) for listed in found])
            return
        dated = sort == "date" or any(term.key in DATES for term in where.terms)
        rows = [
            (name(rag, f.path), f.type, f.chunks, f.pages, f.state)
            + ((f.date,) if dated else ())
            + (f.title,)
            for f in found
        ]
        head = (
            "path",
            "type",
            "passages",
            "pages",
            "state",
            *(("date",) if dated else ()),
            "title",
        )
        click.echo(table(rows, head))


def _listed_json(listed: Listed) -> dict[str, object]:
    by_name: dict[str, list[str]] = {}
    for field, value in listed.fields:
        by_name.setdefault(field, []).append(value)
    return {**asdict(listed), "fields": by_name}


def _say_fields(found: dict[str, Counter[str]], *, as_json: bool) -> None:
    """Say how many files have each value, the commonest first; of many values the first ones."""
    if as_json:
        print_json({name: dict(_commonest(counts)) for name, counts in found.items()})
        return
    rows: list[tuple[str, str, object]] = []
    for field, counts in found.items():
        rows += [(field, value, count) for value, count in _commonest(counts)[:MOST_VALUES]]
        if len(counts) > MOST_VALUES:
            rows.append((field, f"... and {len(counts) - MOST_VALUES} more: --json has all", None))
    click.echo(table(rows, ("field", "value", "files")))


def _commonest(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
