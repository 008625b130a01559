"""Commands that answer: ask, search."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit.cli.app import Command, cli, index_option, json_option, offline_option, quiet_option
from ragkit.cli.output import answer_json, citation_line, hit_json, place, print_json
from ragkit.errors import ConfigError, NoSuchPathError, NothingFoundError

if TYPE_CHECKING:
    from ragkit.rag import Rag

REFUSED = 1
EXCERPT = 240  # characters of a passage that search prints


@dataclass(frozen=True, slots=True)
class Line:
    """One question of a batch."""

    text: str
    id: object = None  # as it was given, to be given back


def question_options(command: Command) -> Command:
    """Add what both commands take."""
    options: tuple[Callable[[Command], Command], ...] = (
        quiet_option,
        json_option,
        offline_option,
        index_option,
        click.option("--batch", metavar="FILE|-", help="A question a line, or a JSON object each."),
        click.option(
            "--mode", type=click.Choice(["hybrid", "dense", "lexical"]), help="How to search."
        ),
        click.option("-k", type=click.IntRange(1), help="Passages to return.  [default: 8]"),
        click.argument("question", required=False),
    )
    for option in options:
        command = option(command)
    return command


@cli.command(short_help="Answer a question from the documents, with citations.")
@question_options
def ask(
    question: str | None,
    k: int | None,
    mode: str | None,
    batch: str | None,
    index: str | None,
    offline: bool | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Answer QUESTION from the documents, with citations.

    Where too little of the question stands in the documents, it says what was searched (exit 1).

    \b
        ragkit ask "How long does a model stay loaded?"
    """
    from ragkit.rag import Rag

    with Rag(index, offline=offline, mode=mode, k=k) as rag:
        if batch is not None:
            return _batch(rag, question, batch, lambda text: answer_json(rag.ask(text)))
        answer = rag.ask(_given(question))
        if as_json:
            print_json(answer_json(answer))
            return REFUSED if answer.refused else 0
        for piece in answer:
            click.echo(piece, nl=False)
            sys.stdout.flush()
        click.echo()
        if citations := sorted(answer.citations, key=lambda citation: citation.marker):
            lines = dict.fromkeys(citation_line(rag, citation) for citation in citations)
            click.echo("\n" + "\n".join(lines))
        return REFUSED if answer.refused else 0


@cli.command(short_help="Print the passages that fit a question best.")
@question_options
def search(
    question: str | None,
    k: int | None,
    mode: str | None,
    batch: str | None,
    index: str | None,
    offline: bool | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Print the passages that fit QUESTION best, best first.

    \b
        ragkit search "keep a model loaded" -k 3
    """
    from ragkit.rag import Rag

    def found(text: str) -> dict[str, object]:
        hits = [hit_json(hit) for hit in rag.search(text)]
        return {"question": text, "mode": rag.settings.mode, "hits": hits}

    with Rag(index, offline=offline, mode=mode, k=k) as rag:
        if batch is not None:
            return _batch(rag, question, batch, found)
        if as_json:
            value = found(_given(question))
            print_json(value)
            return 0 if value["hits"] else REFUSED
        hits = rag.search(_given(question))
        for hit in hits:
            where = place(rag, hit.path, hit.chunk.lines, hit.chunk.page)
            click.echo(f"{hit.rank}. {where}  ({hit.score:.2f})")
            if hit.chunk.headings:
                click.echo(f"   {' > '.join(hit.chunk.headings)}")
            text = " ".join(hit.chunk.text.split())
            click.echo(f"   {text[:EXCERPT]}{'…' if len(text) > EXCERPT else ''}")
        if not hits:
            raise NothingFoundError(
                "nothing matches", hint="try other words, or --mode dense for related passages"
            )
        return 0


def _given(question: str | None) -> str:
    if question is None:
        raise ConfigError("no question was given", hint='ragkit ask "How do I ...?"')
    return question


def _batch(
    rag: Rag, question: str | None, batch: str, answer: Callable[[str], dict[str, object]]
) -> int:
    """Print a line of JSON for each question, in order, each as soon as it is there."""
    if question is not None:
        raise ConfigError("a question and --batch were given", hint="leave one of them out")
    for line in _lines(batch):
        told = {} if line.id is None else {"id": line.id}
        if line.text.strip():
            print_json({**told, **answer(line.text)})
        else:
            print_json({**told, "question": line.text, "error": "the question is blank"})
    return 0


def _lines(batch: str) -> Iterator[Line]:
    """Yield the questions of a file or of standard input ("-")."""
    if batch == "-":
        lines = (line.decode("utf-8", "replace") for line in sys.stdin.buffer)
    else:
        file = Path(batch)
        if not file.is_file():
            raise NoSuchPathError(f"no such file: {batch}", hint="'--batch -' reads standard input")
        lines = (line for line in file.read_text("utf-8").split("\n"))
    for line in lines:
        text = line.rstrip("\r\n")
        if not text and batch != "-":
            continue
        yield _line(text)


def _line(text: str) -> Line:
    if not text.startswith("{"):
        return Line(text)
    try:
        value = json.loads(text)
    except ValueError:
        return Line(text)
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise ConfigError(
            f'a line of the batch has no "text": {text[:80]}',
            hint='give a question a line, or {"id": ..., "text": ...}',
        )
    return Line(value["text"], value.get("id"))
