"""Commands about what is in the index: ingest, status, ls, show, rm."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import click

from ragkit.cli.app import (
    cli,
    index_option,
    json_option,
    notice,
    notices,
    offline_option,
    quiet_option,
    server_options,
    verbose_option,
)
from ragkit.cli.output import (
    ProgressPrinter,
    duration,
    name,
    print_json,
    printable,
    size,
    table,
    write_as_it_is,
)
from ragkit.errors import ConfigError, NoSuchPathError, NothingFoundError

if TYPE_CHECKING:
    from ragkit.rag import Rag
    from ragkit.types import IngestReport

FAILED = 6
WAITING = "{} passages without vectors: found by their words, 'ragkit ingest' embeds them"
SHOWN = 5  # lines of skipped or failed files without -v


@cli.command(short_help="Bring the index in step with files and folders.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@index_option
@offline_option
@server_options("embed_options")
@click.option("--dry-run", is_flag=True, help="Say what would be read and skipped; write nothing.")
@click.option("--reread", is_flag=True, help="Read files that seem unchanged too.")
@click.option("--reembed", is_flag=True, help="Embed all passages anew, also with another model.")
@click.option("--max-file-mb", type=int, help="Refuse larger files.  [default: 64]")
@json_option
@quiet_option
@verbose_option
def ingest(
    paths: tuple[str, ...],
    index: str | None,
    dry_run: bool,
    reread: bool,
    reembed: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,  # noqa: ANN401 - as Settings has them
) -> int:
    """Bring the index in step with files and folders (those given before, if none are).

    New and changed files are read, vanished ones leave the index, unchanged ones cost a look.
    Files that .gitignore or .ragkitignore name, hidden ones and binaries are skipped.

    \b
        ragkit ingest ./docs
        ragkit ingest ./docs --embed-model bge-m3 --host gpu-box
        ragkit ingest ./docs --offline
        ragkit ingest ./docs --dry-run
    """
    from ragkit.rag import Rag

    with Rag(index, notify=notices(quiet=quiet), **settings) as rag:
        if dry_run:
            return _dry_run(
                rag, paths, reread=reread, reembed=reembed, as_json=as_json, quiet=quiet
            )
        printer = ProgressPrinter(quiet=quiet, shown=partial(name, rag))
        try:
            report = rag.ingest(*paths, reread=reread, reembed=reembed, progress=printer)
        finally:
            printer.clear()
        if as_json:
            print_json(_report_json(report))
        else:
            click.echo(_summary(report))
        _tell(rag, report, quiet=quiet, verbose=verbose)
        if report.failed:
            return FAILED
        if not report.files and not report.removed:
            raise NothingFoundError(
                "no files to read there", hint="'--dry-run' says for each file why"
            )
        return 0


def _report_json(report: IngestReport) -> dict[str, object]:
    failed = [{"path": f.path, "stage": f.stage, "reason": f.reason} for f in report.failed]
    names = ("files", "new", "changed", "unchanged", "removed")
    return {
        **{number: getattr(report, number) for number in names},
        "skipped": len(report.skipped),
        "failed": failed,
        "chunks": report.chunks,
        "embedded": report.embedded,
        "pages_without_text": report.pages_without_text,
        **({"notes": [{"path": p, "text": t} for p, t in report.notes]} if report.notes else {}),
    }


def _summary(report: IngestReport) -> str:
    lines = [
        f"{report.files} files: {report.new} new, {report.changed} changed,"
        f" {report.unchanged} unchanged, {report.removed} removed,"
        f" {len(report.skipped)} skipped, {len(report.failed)} failed",
        f"{report.chunks} passages, {report.embedded} embedded",
    ]
    if report.pages_without_text:
        lines.append(f"{report.pages_without_text} pages without text: 'ragkit status' lists them")
    return "\n".join(lines)


def _tell(rag: Rag, report: IngestReport, *, quiet: bool, verbose: bool) -> None:
    """Say what failed, what was guessed, and what was skipped though its name said otherwise."""
    most = None if verbose else SHOWN
    _tell_some([f"failed: {name(rag, f.path)}: {f.reason}" for f in report.failed], most)
    _tell_some(
        [f"note: {name(rag, path)}: {text}" for path, text in report.notes], most, quiet=quiet
    )
    odd = [s for s in report.skipped if verbose or s.reason.startswith("binary: ")]
    _tell_some([f"skipped: {name(rag, s.path)}: {s.reason}" for s in odd], most, quiet=quiet)


def _tell_some(lines: list[str], most: int | None, *, quiet: bool = False) -> None:
    for line in lines[:most]:
        notice(line, quiet=quiet)
    if most is not None and len(lines) > most:
        notice(f"... and {len(lines) - most} more: -v says all", quiet=quiet)


def _dry_run(
    rag: Rag, paths: tuple[str, ...], *, reread: bool, reembed: bool, as_json: bool, quiet: bool
) -> int:
    from ragkit.types import Progress

    printer = ProgressPrinter(quiet=quiet, shown=partial(name, rag))
    counted = count(1)
    found = rag.plan(
        *paths,
        reread=reread,
        reembed=reembed,
        progress=lambda planned: printer(Progress("plan", planned.path, next(counted))),
    )
    printer.clear()
    if as_json:
        keys = ("path", "action", "reason")
        files = [
            {**{key: getattr(p, key) for key in keys}, "bytes": p.size, "passages": p.passages}
            for p in found.files
        ]
        counts = ("passages", "texts", "tokens", "requests", "seconds")
        estimate = {key: getattr(found, key) for key in counts}
        print_json({"files": files, "estimate": estimate})
        return 0
    rows = [
        (rag.shown_path(p.path), p.action, p.reason or (size(p.size) if p.size else ""))
        for p in found.files
    ]
    click.echo(table(rows, ("path", "action", "reason")))
    costs = [f"about {found.tokens} tokens"]
    costs += [f"{found.requests} requests"] if found.requests else []
    costs += [f"about {duration(found.seconds)}"] if found.seconds else []
    click.echo(f"\n{found.passages} passages, {found.texts} to embed: {', '.join(costs)}")
    return 0


@cli.command(short_help="Say what the index holds.")
@index_option
@json_option
def status(index: str | None, as_json: bool) -> None:
    """Say what the index holds: files, passages, embedder, failures, pages without text.

    \b
        ragkit status
    """
    from ragkit.rag import Rag

    with Rag(index) as rag:
        found = rag.status()
        if as_json:
            value = asdict(found)
            value["failed"] = [asdict(failure) for failure in found.failed]
            value["pages_without_text"] = {p: list(n) for p, n in found.pages_without_text}
            print_json(value)
            return
        rows: list[tuple[str, object]] = [
            ("index", rag.shown_path(found.index)),
            ("files", found.files),
            ("passages", f"{found.chunks} of at most {found.chunk_tokens} tokens"),
            ("embedder", f"{found.embedder}, {found.dim} dimensions"),
            *(
                [("waiting", WAITING.format(found.without_vectors))]
                if found.without_vectors
                else []
            ),
            ("languages", ", ".join(found.languages)),
            ("size", size(found.bytes)),
            ("ingested", ", ".join(map(rag.shown_path, found.roots))),
        ]
        rows += [("failed", f"{rag.shown_path(f.path)}: {f.reason}") for f in found.failed]
        rows += [
            ("no text", f"{rag.shown_path(path)}, pages {', '.join(map(str, pages))}")
            for path, pages in found.pages_without_text
        ]
        for label, fact in rows:
            click.echo(f"{label:<10} {printable(str(fact))}")


@cli.command(short_help="List the files of the index.")
@index_option
@json_option
def ls(index: str | None, as_json: bool) -> None:
    """List the files of the index.

    \b
        ragkit ls
    """
    from ragkit.rag import Rag

    with Rag(index) as rag:
        found = rag.ls()
        if as_json:
            print_json([asdict(listed) for listed in found])
            return
        rows = [
            (rag.shown_path(f.path), f.type, f.chunks, f.pages, f.state, f.title) for f in found
        ]
        click.echo(table(rows, ("path", "type", "passages", "pages", "state", "title")))


@cli.command(short_help="Print the text of a file, or some of its lines, or a page.")
@click.argument("place", metavar="PATH[:LINES|#page=N]")
@index_option
@json_option
def show(place: str, index: str | None, as_json: bool) -> None:
    """Print the text of a file as the index has it, or some of its lines, or one page.

    \b
        ragkit show sample_corpus/keep-alive.md:1-5
        ragkit show 'guide.pdf#page=2'
    """
    from ragkit.rag import Rag

    with Rag(index) as rag:
        path, text = _shown(rag, place)
    if as_json:
        print_json({"path": path, "text": text})
    elif sys.stdout.isatty():
        click.echo(printable(text, keep="\n\t"), nl=not text.endswith("\n"))
    else:
        write_as_it_is(text)


def _shown(rag: Rag, place: str) -> tuple[str, str]:
    """Return the path in ``PATH[:LINES|#page=N]``, and the text that it names."""
    with suppress(NoSuchPathError):  # a name may end as a place does
        return place, rag.text(place)
    if found := re.fullmatch(r"(.+)#page=(\d{1,9})", place, re.S):
        return found[1], rag.text(found[1], page=int(found[2]))
    found = re.fullmatch(r"(.+):(\d+)(?:-(\d+))?", place, re.S)
    if not found:
        return place, rag.text(place)
    path = found[1]
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", rag.text(path))
    first, last = int(found[2]), int(found[3] or found[2])
    if not 1 <= first <= last <= len(lines):
        raise ConfigError(
            f"{path} has lines 1 to {len(lines)}, not {place.rpartition(':')[2]}",
            hint=f"ragkit show {path}",
        )
    return path, "".join(lines[first - 1 : last])


@cli.command(short_help="Drop files from the index.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@index_option
@json_option
@quiet_option
def rm(paths: tuple[str, ...], index: str | None, as_json: bool, quiet: bool) -> None:
    """Drop files, or all files below a folder, from the index; the files themselves stay.

    \b
        ragkit rm docs/old.md
    """
    from ragkit.rag import Rag

    with Rag(index) as rag:
        removed = rag.remove(*paths)
        if as_json:
            print_json({"removed": removed})
        else:
            click.echo("\n".join(f"removed {name(rag, path)}" for path in removed))
    notice(
        "an ingest of their folder brings them back, unless .ragkitignore names them", quiet=quiet
    )
