"""Commands that answer: ask, search."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragkit.cli.app import (
    Command,
    cli,
    index_option,
    json_option,
    notice,
    notices,
    offline_option,
    quiet_option,
    server_options,
    where_option,
)
from ragkit.cli.completing import complete_models
from ragkit.cli.links import linked
from ragkit.cli.output import (
    TURNING,
    answer_json,
    citation_line,
    hit_json,
    others,
    place,
    print_json,
    printable,
)
from ragkit.cli.wrapping import Wrapper, terminal_columns, wrapped
from ragkit.errors import (
    BadVectorError,
    ConfigError,
    ContextLengthError,
    NoSuchPathError,
    NothingFoundError,
    OllamaReplyError,
)
from ragkit.text.graphemes import floor
from ragkit.text.wording import wording_for
from ragkit.where import Where

if TYPE_CHECKING:
    from ragkit.cli.history import Last
    from ragkit.query import Found
    from ragkit.rag import Rag

REFUSED = 1
EXCERPT = 240  # characters of a passage that search prints


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a batch."""

    text: str  # the question
    told: Mapping[str, object] = field(default_factory=dict)  # its id, to be given back
    error: str = ""  # why it is no question


def question_options(setting: str) -> Callable[[Command], Command]:
    """Add what both commands take; ``-o`` gives the options that ``setting`` names."""
    added: tuple[Callable[[Command], Command], ...] = (
        quiet_option,
        json_option,
        server_options(setting),
        offline_option,
        index_option,
        click.option("--batch", metavar="FILE|-", help="A question a line, or a JSON object each."),
        click.option(
            "--mode", type=click.Choice(["hybrid", "dense", "lexical"]), help="How to search."
        ),
        click.option("-k", type=click.IntRange(1), help="Passages to return.  [default: 8]"),
        where_option,
        click.option(
            "--no-history",
            "history",
            flag_value=False,
            default=None,
            help="Do not remember it for 'show' and 'open'.",
        ),
        click.argument("question", required=False),
    )
    return lambda command: reduce(lambda made, add: add(made), added, command)


@cli.command(short_help="Answer a question from the documents, with citations.")
@click.option(
    "--model",
    shell_complete=complete_models("completion"),
    help="The model that answers.  [default: llama3.2]",
)
@question_options("options")
def ask(
    question: str | None,
    batch: str | None,
    index: str | None,
    as_json: bool,
    quiet: bool,
    where: Where,
    **settings: Any,  # noqa: ANN401 - as Settings has them
) -> int:
    """Answer QUESTION from the documents, with citations.

    Where too little of the question stands in the documents, it says what was searched (exit 1).

    \b
        ragkit ask "How long does a model stay loaded?"
        ragkit ask "How long does a model stay loaded?" --model qwen3 -o num_ctx=8192
        ragkit ask "How long does a model stay loaded?" --where 'path:sample_corpus/** lang:en'
    """
    from ragkit.cli.history import of_answer
    from ragkit.rag import Rag

    with Rag(index, notify=notices(quiet=quiet), **settings) as rag:
        if batch is not None:
            unanswered = {"answer": "", "refused": False, "citations": []}
            return _batch(
                question,
                batch,
                lambda text: answer_json(rag.ask(text, where=where)),
                unanswered=unanswered,
            )
        answer = rag.ask(_given(question, "ask"), where=where)
        if as_json:
            print_json(answer_json(answer))
            _remember(rag, partial(of_answer, answer), quiet=quiet)
            return REFUSED if answer.refused else 0
        _say(answer)
        if citations := sorted(answer.citations, key=lambda citation: citation.marker):
            lines = dict.fromkeys(citation_line(rag, citation) for citation in citations)
            click.echo("\n" + "\n".join(lines))
        _remember(rag, partial(of_answer, answer), quiet=quiet)
        for note in answer.notes:  # with -q too: whether to trust it is a part of an answer
            notice(wording_for(answer.question).note.format(note=note))
        return REFUSED if answer.refused else 0


@cli.command(short_help="Print the passages that fit a question best.")
@question_options("embed_options")
def search(
    question: str | None,
    batch: str | None,
    index: str | None,
    as_json: bool,
    quiet: bool,
    where: Where,
    **settings: Any,  # noqa: ANN401 - as Settings has them
) -> int:
    """Print the passages that fit QUESTION best, best first.

    \b
        ragkit search "keep a model loaded" -k 3
        ragkit search "keep a model loaded" --where 'type:markdown -path:drafts after:2020'
    """
    from ragkit.cli.history import of_search
    from ragkit.rag import Rag

    def found(text: str) -> tuple[dict[str, object], Found]:
        result = rag.find(text, where=where)
        hits = [hit_json(hit) for hit in result.hits]
        degraded = {"degraded": list(result.degraded)} if result.degraded else {}
        part = {"where": result.where} if result.where else {}
        told: dict[str, object] = {
            "question": result.question,
            "mode": result.mode,
            **part,
            "hits": hits,
            **degraded,
        }
        return told, result

    with Rag(index, notify=notices(quiet=quiet), **settings) as rag:
        if batch is not None:
            unanswered = {"mode": rag.settings.mode, "hits": []}
            return _batch(question, batch, lambda text: found(text)[0], unanswered=unanswered)
        value, result = found(_given(question, "search"))
        hits = result.hits
        keep = partial(_remember, rag, partial(of_search, result.question, hits), quiet=quiet)
        if as_json:
            print_json(value)
            keep()
            return 0 if hits else REFUSED
        for hit in hits:
            chunk = hit.chunk
            at = place(rag, hit.path, chunk.lines, chunk.page, chunk.place_at(0))
            at = linked(rag, at, hit.path, chunk.lines[0], chunk.page)
            click.echo(f"{hit.rank}. {at}{others(rag, hit)}  ({hit.score:.2f})")
            if hit.chunk.headings:
                click.echo(f"   {printable(' > '.join(hit.chunk.headings), keep=TURNING)}")
            text = " ".join(hit.chunk.text.split())
            excerpt = printable(text[: floor(text, EXCERPT)], keep=TURNING)
            excerpt += "…" if len(text) > EXCERPT else ""
            click.echo("   " + wrapped(excerpt, terminal_columns(), indent=3))
        keep()
        if not hits:
            raise NothingFoundError(
                f"nothing matches in the files that match {where}" if where else "nothing matches",
                hint="try other words, or --mode dense for related passages",
            )
        return 0


def _remember(rag: Rag, last: Callable[[], Last], *, quiet: bool) -> None:
    """Keep what was printed, so that its numbers lead somewhere; an answer never fails for it."""
    folder = rag.folder
    if folder is None or not rag.settings.history:
        return
    from ragkit.cli.history import remember

    try:
        remember(folder, last())
    except OSError as error:
        told = f"note: 'ragkit show 1' will not know this: it cannot be kept ({error.strerror})"
        notice(told, quiet=quiet)


def _say(answer: Iterable[str]) -> None:
    """Print an answer as it comes; whatever ends it, what follows is on a line of its own."""
    has_begun = False
    wrapper = Wrapper(terminal_columns())
    try:
        for piece in answer:
            click.echo(wrapper.feed(printable(piece, keep="\n\t" + TURNING)), nl=False)
            sys.stdout.flush()
            has_begun = True
    finally:
        if has_begun:
            click.echo(wrapper.end())


def _given(question: str | None, command: str) -> str:
    if question is None:
        raise ConfigError("no question was given", hint=f'ragkit {command} "How do I ...?"')
    return question


def _batch(
    question: str | None,
    batch: str,
    answer: Callable[[str], dict[str, object]],
    *,
    unanswered: Mapping[str, object],
) -> int:
    """Print a line of JSON for each line, in order, each as soon as it is there.

    What is wrong with one question is told in its line; what is wrong with the index or the server
    ends the batch.
    """
    if question is not None:
        raise ConfigError("a question and --batch were given", hint="leave one of them out")
    for line in _lines(batch):
        told = {**line.told, "question": line.text, **unanswered}
        if line.error:
            print_json({**told, "error": line.error})
            continue
        try:
            print_json({**line.told, **answer(line.text)})
        except (ContextLengthError, BadVectorError, OllamaReplyError) as error:
            print_json({**told, "error": error.message})
    return 0


def _lines(batch: str) -> Iterator[Line]:
    """Yield the lines of a file or of standard input ("-"); what is not UTF-8 becomes U+FFFD."""
    with ExitStack() as opened:
        file = sys.stdin.buffer
        if batch != "-":
            try:
                file = opened.enter_context(Path(batch).open("rb"))
            except OSError as error:
                raise NoSuchPathError(
                    f"cannot read {batch}: {error.strerror}",
                    hint="'--batch -' reads standard input",
                ) from error
        encoding = "utf-8-sig"  # of the first line
        for line in file:
            yield _line(line.decode(encoding, "replace").rstrip("\r\n"))
            encoding = "utf-8"


def _line(text: str) -> Line:
    told: dict[str, object] = {}
    if text.lstrip().startswith("{"):
        with suppress(ValueError, RecursionError):  # no JSON: a question that begins so
            value = json.loads(text)
            told = {"id": value["id"]} if "id" in value else {}
            if not isinstance(value.get("text"), str):
                return Line(text, told, 'it has no "text": give {"id": ..., "text": ...}')
            text = value["text"]
    return Line(text, told, "" if text.strip() else "the question is blank")
