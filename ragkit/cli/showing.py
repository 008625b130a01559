"""The command show: what a number of the last answer, or a place, leads to."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from ragkit.cli.app import cli, index_option, json_option, notice
from ragkit.cli.output import TURNING, name, print_json, printable, write_as_it_is
from ragkit.cli.output import place as place_of
from ragkit.errors import ConfigError, NoSuchPathError, NothingFoundError

if TYPE_CHECKING:
    from ragkit.cli.history import Last, Passage
    from ragkit.rag import Rag
    from ragkit.types import Span

NUMBER = re.compile(r"\[?(\d{1,4})\]?", re.ASCII)  # anything else is a path
NEWLINE = re.compile(r"\r\n|\r|\n")
OF = {"answer": "passage {} of the answer to “{}”", "search": "hit {} of the search for “{}”"}
STATES = {
    "changed": "{} has changed since it was read: 'ragkit ingest' reads it again",
    "gone": "{} is no longer there, or cannot be looked at: this is what was read of it",
    "failed": "{} could not be read again: this is its older text ('ragkit status --failed')",
}
LAST = "nothing begins after {}: this is the last of {}"
MOVED = "the passage has moved since: it stood at {}"


@cli.command(short_help="Print what a number of the last answer, or a place, leads to.")
@click.argument("place", required=False, metavar="[NUMBER|PATH[:LINES|#page=N]]")
@click.option(
    "-C", "--context", type=click.IntRange(0), default=3, help="Lines around.  [default: 3]"
)
@index_option
@json_option
def show(place: str | None, context: int, index: str | None, as_json: bool) -> None:
    """Print a cited passage among the lines around it, or the text that a place names.

    A number is that of a passage of the last answer or search, whichever came last; without one
    they are listed. A place is a path, or one as answers have it: a.md:3-8, b.pdf#page=7,
    c.xlsx!Sums:17, d.srt@00:12:03, e.zip!/f.md:3; a file called 3 is ./3. The text is the one in
    the index; that its file has changed since is said.

    \b
        ragkit show sample_corpus/keep-alive.md:1-5
        ragkit show 'guide.pdf#page=2'
        ragkit show 1
        ragkit show
    """
    from ragkit.rag import Rag

    with Rag(index) as rag:
        if place is None:
            _list(rag, last_of(rag), as_json=as_json)
        elif number := NUMBER.fullmatch(place):
            last = last_of(rag)
            passages = passages_of(last, int(number[1]))
            notice(OF[last.of].format(int(number[1]), printable(last.question)))
            _show_passages(rag, last, passages, context, as_json=as_json)
        else:
            span = rag.locate(place, shown=partial(name, rag))
            _show_span(rag, span, as_json=as_json)
            if span.place and not place.endswith(span.place) and not _is_followed(span):
                notice(f"note: {LAST.format(printable(span.place), name(rag, span.path))}")


def last_of(rag: Rag) -> Last:
    """Return what was printed last over an index.

    Raises:
        NothingFoundError: nothing is known of that.
    """
    from ragkit.cli.history import recall

    last = recall(rag.index().folder)
    if last is None:
        raise NothingFoundError(
            "no answer or search over this index is remembered",
            hint='ragkit ask "question", without --no-history; or name a place: ragkit show PATH',
        )
    return last


def passages_of(last: Last, number: int) -> list[Passage]:
    """Return the passages that a number leads to.

    Raises:
        ConfigError: there are none.
    """
    if found := last.under(number):
        return found
    numbers = sorted({passage.number for passage in last.passages})
    told = f"has {', '.join(map(str, numbers[:20]))}" if numbers else "has no passages"
    raise ConfigError(
        f"the last {last.of} {told}, not {number}", hint=f"a file called {number} is ./{number}"
    )


def _list(rag: Rag, last: Last, *, as_json: bool) -> None:
    if as_json:
        rows = [
            {"number": p.number, "path": p.path, "start": p.start, "end": p.end}
            for p in last.passages
        ]
        print_json({"of": last.of, "question": last.question, "at": last.at, "passages": rows})
        return
    notice(f"the last {last.of}: {printable(last.question)}")
    lines = dict.fromkeys(f"[{p.number}] {_place(rag, p)}" for p in last.passages)
    click.echo("\n".join(lines) or "no passages")


def _place(rag: Rag, passage: Passage) -> str:
    return place_of(rag, passage.path, passage.lines, passage.page, passage.place)


def _show_span(rag: Rag, span: Span, *, as_json: bool) -> None:
    state = rag.freshness(span.path)
    if as_json:
        told = {"state": state} if state else {}
        print_json({"path": span.path, "text": span.text, **told})
    elif sys.stdout.isatty():
        click.echo(printable(span.text, keep="\n\t" + TURNING), nl=not span.text.endswith("\n"))
    else:
        write_as_it_is(span.text)
    _say_state(rag, span.path, state)


def _is_followed(span: Span) -> bool:
    """Say whether any text comes behind a stretch."""
    return bool(span.document[span.end :].strip())


def _say_state(rag: Rag, path: str, state: str) -> None:
    if state:
        sys.stdout.flush()
        notice(f"note: {STATES[state].format(name(rag, path))}")


def _show_passages(
    rag: Rag, last: Last, passages: Sequence[Passage], context: int, *, as_json: bool
) -> None:
    """Show what a number leads to: the passages of one source, together where they are near."""
    found: list[tuple[Passage, Span]] = []
    lost: set[Passage] = set()
    for passage in passages:
        try:
            span = rag.relocate(passage.path, passage.start, passage.end, passage.text)
        except NoSuchPathError as error:
            notice(f"note: {printable(error.message)}; this is the passage as it was")
            span = _as_it_was(passage)
            lost.add(passage)
        found.append((passage, span))
    path = passages[0].path
    state = rag.freshness(path)
    if as_json:
        rows = [
            _passage_json(passage, span, context) | (_stood(passage) if passage in lost else {})
            for passage, span in found
        ]
        told = {"state": state} if state else {}
        number = passages[0].number
        print_json(
            {"number": number, "of": last.of, "question": last.question, "passages": rows, **told}
        )
    else:
        _print_passages(rag, found, context, lost)
    _say_state(rag, path, state)


def _as_it_was(passage: Passage) -> Span:
    """Return a passage that its text has no more, as a text of its own."""
    from ragkit.types import Span

    text = passage.text
    return Span(passage.path, 0, len(text), (1, 1), passage.page, passage.place, text)


def _stood(passage: Passage) -> dict[str, object]:
    """Return where a passage was that its text has no more."""
    where = {"start": passage.start, "end": passage.end, "lines": list(passage.lines)}
    return {**where, "lost": True}


def _passage_json(passage: Passage, span: Span, context: int) -> dict[str, object]:
    is_all = span.end - span.start == len(span.document)
    first, last = (span.start, span.end) if is_all else _around(span, context)
    return {
        "path": span.path,
        "start": span.start,
        "end": span.end,
        "page": passage.page,
        "lines": list(span.lines),
        **({"place": passage.place} if passage.place else {}),
        "before": span.document[first : span.start],
        "text": span.text,
        "after": span.document[span.end : last],
    }


def _around(span: Span, context: int) -> tuple[int, int]:
    """Return where the lines around a passage begin and end."""
    lines = [0, *(found.end() for found in NEWLINE.finditer(span.document)), len(span.document)]
    first = max(span.lines[0] - context, 1)
    return lines[first - 1], lines[min(span.lines[1] + context, len(lines) - 1)]


def _print_passages(
    rag: Rag, found: Sequence[tuple[Passage, Span]], context: int, lost: Collection[Passage]
) -> None:
    where = dict.fromkeys(_place(rag, passage) for passage, _ in found)
    click.echo(f"[{found[0][0].number}] {', '.join(where)}")
    for passage, span in found:
        is_moved = passage not in lost and span.lines != passage.lines
        if is_moved and passage.page is None and not passage.place:
            notice(f"note: {MOVED.format(_place(rag, passage))}")
    by_text: dict[str, list[Span]] = {}
    for _, span in found:
        by_text.setdefault(span.document, []).append(span)
    has_lines = all(passage.page is None and not passage.place for passage, _ in found)
    for document, spans in by_text.items():
        for line in marked(document, spans, context, numbered=has_lines):
            click.echo(line)


def marked(document: str, spans: Sequence[Span], context: int, *, numbered: bool) -> Iterator[str]:
    """Yield the lines of some passages and those around them, as they are printed.

    Lines of a passage begin with a mark; on a terminal its very words are bold.

    Args:
        document: the text.
        spans: of the passages in it.
        context: how many lines stand before and after.
        numbered: with the numbers of the lines.
    """
    breaks = list(NEWLINE.finditer(document))
    starts = [0, *(found.end() for found in breaks)]
    ends = [*(found.start() for found in breaks), len(document)]
    cited = {i for span in spans for i in range(span.lines[0], span.lines[1] + 1)}
    shown = {
        i
        for span in spans
        for i in range(span.lines[0] - context, span.lines[1] + context + 1)
        if 1 <= i <= len(starts)
    }
    before = min(shown) - 1
    for number in sorted(shown):
        if number != before + 1:
            yield "  …"
        before = number
        mark = ">" if number in cited else " "
        column = f"{number:>{len(str(max(shown)))}}  " if numbered else ""
        line = _bold(document, starts[number - 1], ends[number - 1], spans)
        yield f"{mark} {column}{line}".rstrip()


def _bold(document: str, start: int, end: int, spans: Sequence[Span]) -> str:
    """Return a line as it is printed, what is of a passage in bold where there is such a thing."""
    is_plain = "NO_COLOR" in os.environ or not sys.stdout.isatty()
    edges = sorted({start, end, *(e for s in spans for e in (s.start, s.end) if start < e < end)})
    pieces = []
    for left, right in pairwise(edges):
        piece = printable(document[left:right], keep="\t" + TURNING)
        is_cited = any(span.start <= left < span.end for span in spans)
        pieces.append(click.style(piece, bold=True) if is_cited and not is_plain else piece)
    return "".join(pieces)
