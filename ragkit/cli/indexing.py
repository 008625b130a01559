"""Commands about what is in the index: ingest, status, rm."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
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
    wait_option,
)
from ragkit.cli.dry_run import say_plan
from ragkit.cli.output import (
    duration,
    failed_place,
    failure_class,
    failure_json,
    moment,
    name,
    print_json,
    printable,
    size,
    table,
)
from ragkit.cli.progress import ProgressPrinter
from ragkit.cli.watching import watch_folders
from ragkit.config import CHOICES
from ragkit.errors import ConfigError, NothingFoundError

if TYPE_CHECKING:
    from ragkit.rag import Rag
    from ragkit.types import Failure, IngestReport, Status, Ways

FAILED = 6
WAITING = "{} passages without vectors: found by their words, 'ragkit ingest' embeds them"
BEGUN = "{1} texts embedded with {0}: 'ragkit ingest --reindex' goes on"
SHOWN = 5  # lines of skipped or failed files without -v


@cli.command(short_help="Bring the index in step with files and folders.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@index_option
@offline_option
@server_options("embed_options")
@click.option("--dry-run", is_flag=True, help="Say what would be read and skipped; write nothing.")
@click.option("--reread", is_flag=True, help="Read files that seem unchanged too.")
@click.option("--reindex", is_flag=True, help="Embed all passages anew, also with another model.")
@click.option("--retry-failed", is_flag=True, help="Read what failed before again, and only that.")
@click.option("--prune", is_flag=True, help="Drop files of folders that are gone or empty too.")
@click.option("--include", multiple=True, metavar="GLOB", help="Read only such files, as '*.md'.")
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Leave out such files, as 'drafts/'."
)
@click.option(
    "--name", "stdin_name", metavar="NAME", help="What '-' is called.  [default: stdin.txt]"
)
@click.option("--allow-private", is_flag=True, help="Fetch pages from your own network too.")
@click.option("--watch", is_flag=True, help="Go on as files change, until Ctrl-C (extra: watch).")
@click.option("--vision-model", help="Reads images, and pages of PDFs without text: llava.")
@click.option("--max-file-mb", type=int, help="Refuse larger files.  [default: 64]")
@click.option(
    "--chunker",
    type=click.Choice(CHOICES["chunker"]),
    help="How documents are cut; fixed once an index is made.  [default: structure]",
)
@wait_option
@json_option
@quiet_option
@verbose_option
def ingest(
    paths: tuple[str, ...],
    index: str | None,
    dry_run: bool,
    reread: bool,
    reindex: bool,
    retry_failed: bool,
    prune: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    stdin_name: str | None,
    allow_private: bool,
    watch: bool,
    wait: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,  # noqa: ANN401 - as Settings has them
) -> int:
    """Bring the index in step with files and folders (those given before, if none are).

    New and changed files are read, vanished ones leave the index, unchanged ones cost a look.
    Files that .gitignore or .ragkitignore name, hidden ones and binaries are skipped. What a folder
    held that is gone or empty itself stays, as its disk may not be mounted, until --prune is given.
    '-' reads standard input; a page of the web is fetched, and nothing that it leads to.
    Patterns are as in .gitignore; what they leave out of a run stays as it is in the index.
    With --reindex the old vectors answer until all new ones are there; if stopped, it goes on.

    \b
        ragkit ingest ./docs
        ragkit ingest ./docs --embed-model bge-m3 --host gpu-box
        ragkit ingest ./docs --offline
        ragkit ingest ./docs --dry-run
        ragkit ingest ./docs --chunker page --index pages/.ragkit
        ragkit ingest ./docs --include '*.md' --exclude drafts/
        ragkit ingest --reindex --embed-model bge-m3
        ragkit ingest ./docs --vision-model llava
        ragkit ingest --retry-failed
        ragkit ingest --prune
        ragkit ingest --wait
        ragkit ingest ./docs --watch
        ragkit ingest - --name notes.md < docs/old.md
        ragkit ingest https://example.org/guide.html
    """
    from ragkit.rag import Rag

    if watch and dry_run:
        raise ConfigError("--watch and --dry-run exclude each other", hint="leave one of them out")
    ways: Ways = {
        "reread": reread, "reindex": reindex, "retry_failed": retry_failed, "prune": prune,
        "wait": wait, "include": include, "exclude": exclude, "allow_private": allow_private,
    }  # fmt: skip
    printer = ProgressPrinter(quiet=quiet)
    with Rag(index, notify=printer.notify, **settings) as rag:
        printer.shown = partial(name, rag)
        paths, ways["piped"] = _piped(rag, paths, stdin_name)
        if dry_run:
            return say_plan(rag, partial(rag.plan, *paths, **ways), printer, as_json=as_json)
        say = partial(_say, rag, as_json=as_json, quiet=quiet, verbose=verbose)
        if watch:
            steps = partial(rag.watching, *paths, **ways)
            watch_folders(rag, steps, printer, say=say, as_json=as_json, quiet=quiet)
        with printer:
            report = rag.ingest(*paths, **ways, progress=printer)
        say(report)
        if verbose:
            took = [f"{name(rag, path)}: {duration(s)}" for path, s in printer.slow.items()]
            _tell_some([f"slow: {said} to read" for said in took], None, quiet=quiet)
        if report.failed:
            return FAILED
        if not report.files and not report.removed and not retry_failed:
            raise NothingFoundError(
                "no files to read there", hint="'--dry-run' says for each file why"
            )
        return 0


def _piped(
    rag: Rag, paths: tuple[str, ...], stdin_name: str | None
) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """Return the paths that are left without '-', and what was piped in, by name."""
    if "-" not in paths:
        if stdin_name is not None:
            raise ConfigError("--name is of what '-' reads", hint="ragkit ingest - --name notes.md")
        return paths, {}
    limit = rag.settings.max_file_mb * 1_000_000
    data = sys.stdin.buffer.read(limit + 1)
    if len(data) > limit:
        raise ConfigError(
            f"standard input is more than the limit of {limit // 1_000_000} MB",
            hint="raise it with --max-file-mb",
        )
    if not data:
        raise NothingFoundError("nothing came from standard input", hint="... | ragkit ingest -")
    return tuple(path for path in paths if path != "-"), {stdin_name or "stdin.txt": data}


def _say(rag: Rag, report: IngestReport, *, as_json: bool, quiet: bool, verbose: bool) -> None:
    if as_json:
        print_json(_report_json(report))
    else:
        click.echo(_summary(report))
        sys.stdout.flush()
    _tell(rag, report, quiet=quiet, verbose=verbose)


def _report_json(report: IngestReport) -> dict[str, object]:
    names = ("files", "read", "new", "changed", "unchanged", "removed")
    return {
        **{number: getattr(report, number) for number in names},
        "skipped": len(report.skipped),
        "failed": [failure_json(failure) for failure in report.failed],
        "chunks": report.chunks,
        "embedded": report.embedded,
        "pages_without_text": report.pages_without_text,
        **({"not_retried": report.not_retried} if report.not_retried else {}),
        **({"notes": [{"path": p, "text": t} for p, t in report.notes]} if report.notes else {}),
    }


def _summary(report: IngestReport) -> str:
    files = {failure.path for failure in report.failed if failure.page is None}
    pages = sum(failure.page is not None for failure in report.failed)
    lines = [
        f"{report.files} files: {report.new} new, {report.changed} changed,"
        f" {report.unchanged} unchanged, {report.removed} removed,"
        f" {len(report.skipped)} skipped, {len(files)} failed",
        f"{report.read} read: {report.chunks} passages, {report.embedded} embedded",
    ]
    if report.pages_without_text:
        lines.append(f"{report.pages_without_text} pages without text: 'ragkit status' lists them")
    if pages:
        lines.append(f"{pages} pages failed: 'ragkit status --failed' lists them")
    return "\n".join(lines)


def _tell(rag: Rag, report: IngestReport, *, quiet: bool, verbose: bool) -> None:
    """Say what failed, what was guessed, and what was skipped though its name said otherwise."""
    most = None if verbose else SHOWN
    _tell_some([f"failed: {failed_place(rag, f)}: {f.reason}" for f in report.failed], most)
    if report.not_retried:
        told = f"{report.not_retried} of these failed for good and are as they were: not read again"
        notice(f"note: {told} ('ragkit ingest --retry-failed' does)", quiet=quiet)
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


@cli.command(short_help="Say what the index holds.")
@click.option("--failed", is_flag=True, help="List what failed: why, how often, when last.")
@index_option
@json_option
def status(failed: bool, index: str | None, as_json: bool) -> None:
    """Say what the index holds: files, passages, embedder, failures, pages without text.

    A file that fails keeps the text it had. One that failed for good is read again when it has
    changed, the others by each ingest, and all of them by 'ragkit ingest --retry-failed'.

    \b
        ragkit status
        ragkit status --failed
    """
    from ragkit.rag import Rag

    with Rag(index) as rag:
        found = rag.status()
        if failed:
            _say_failures(rag, found.failed, as_json=as_json)
            return
        if as_json:
            value = asdict(found)
            value["failed"] = [failure_json(failure) for failure in found.failed]
            value["pages_without_text"] = {p: list(n) for p, n in found.pages_without_text}
            print_json(value)
            return
        rows: list[tuple[str, object]] = [
            ("index", rag.shown_path(found.index)),
            ("files", found.files),
            ("passages", f"{found.chunks}{_cut(found)}"),
            ("embedder", f"{found.embedder}, {found.dim} dimensions"),
            *(
                [("waiting", WAITING.format(found.without_vectors))]
                if found.without_vectors
                else []
            ),
            *([("reindexing", BEGUN.format(*found.reindexing))] if found.reindexing else []),
            ("languages", ", ".join(found.languages)),
            ("size", size(found.bytes)),
            ("ingested", ", ".join(map(rag.shown_path, found.roots))),
        ]
        rows += [("failed", f"{failed_place(rag, f)}: {f.reason}") for f in found.failed]
        rows += [
            ("no text", f"{name(rag, path)}, pages {', '.join(map(str, pages))}")
            for path, pages in found.pages_without_text
        ]
        for label, fact in rows:
            click.echo(f"{label:<10} {printable(str(fact))}")


def _say_failures(rag: Rag, failed: Sequence[Failure], *, as_json: bool) -> None:
    if as_json:
        print_json({"failed": [failure_json(failure) for failure in failed]})
        return
    rows = [
        (failed_place(rag, f), f.stage, failure_class(f), f.attempts, moment(f.last), f.reason)
        for f in failed
    ]
    head = ("failed", "stage", "class", "attempts", "last", "reason")
    click.echo(table(rows, head) if rows else "nothing failed")


def _cut(found: Status) -> str:
    """Return how long passages are at most, and what cut them if it is not the default."""
    size = f" of at most {found.chunk_tokens} tokens"
    return {"structure": size, "page": ", a page each", "document": ", a document each"}.get(
        found.chunker, f"{size}, cut by {found.chunker}"
    )


@cli.command(short_help="Drop files from the index.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@index_option
@wait_option
@json_option
@quiet_option
def rm(paths: tuple[str, ...], index: str | None, wait: bool, as_json: bool, quiet: bool) -> None:
    """Drop files, or all files below a folder, from the index; the files themselves stay.

    \b
        ragkit rm docs/old.md
    """
    from ragkit.rag import Rag

    with Rag(index, notify=notices(quiet=quiet)) as rag:
        printer = ProgressPrinter(quiet=quiet)
        try:
            removed = rag.remove(*paths, wait=wait, progress=printer)
        finally:
            printer.clear()
        if as_json:
            print_json({"removed": removed})
        else:
            click.echo("\n".join(f"removed {name(rag, path)}" for path in removed))
    notice(
        "an ingest of their folder brings them back, unless .ragkitignore names them", quiet=quiet
    )
