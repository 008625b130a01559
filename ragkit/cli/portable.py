"""Commands that carry an index elsewhere: export, import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click

from ragkit.cli.app import cli, index_option, json_option, notice, quiet_option
from ragkit.cli.output import print_json, printable, size, write_as_it_is
from ragkit.errors import ConfigError, IndexWriteError


@cli.command(short_help="Write the index to one file.")
@click.argument("file")
@click.option("--jsonl", is_flag=True, help="A line of JSON a passage, for other programs.")
@index_option
@json_option
def export(file: str, jsonl: bool, index: str | None, as_json: bool) -> None:
    """Write the index to FILE, which 'ragkit import' makes an index of again, anywhere.

    An older export at FILE is replaced, any other file is left. With --jsonl each line is a
    passage with its text, place and vector; FILE may be '-' then.

    \b
        ragkit export handbook.ragkit
        ragkit export --jsonl passages.jsonl
    """
    from ragkit.rag import Rag

    with Rag(index) as rag:
        if not jsonl:
            if file == "-":
                raise ConfigError(
                    "an index is not written to standard output",
                    hint="name a file; or 'ragkit export --jsonl -' for lines of JSON",
                )
            written = rag.export(file)
            told, facts = f"{file}, {size(written)}", {"file": file, "bytes": written}
        elif file == "-":
            for line in rag.lines():
                write_as_it_is(line + "\n")
            return
        else:
            count = _write_lines(rag.lines, Path(file))
            told, facts = f"{file}, {count} passages", {"file": file, "passages": count}
    if as_json:
        print_json(facts)
    else:
        click.echo(printable(f"wrote {told}"))


def _write_lines(lines: Callable[[], Iterator[str]], file: Path) -> int:
    """Write lines to a new file; it has its name once it is whole."""
    unfinished = file.parent / f".{file.name}.unfinished"  # a folder may have no name: '.'
    count = 0
    try:
        if file.exists():
            raise ConfigError(f"{file} is there already", hint="name another file")
        with unfinished.open("w", encoding="utf-8", newline="\n") as opened:
            for line in lines():
                opened.write(line + "\n")
                count += 1
        unfinished.replace(file)
    except OSError as error:
        raise IndexWriteError(
            f"cannot write to {file}: {error.strerror}",
            hint="free some space or mend its permissions, or name another file",
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return count


@cli.command(name="import", short_help="Make an index of a file that 'export' wrote.")
@click.argument("file")
@index_option
@json_option
@quiet_option
def import_(file: str, index: str | None, as_json: bool, quiet: bool) -> None:
    """Make an index of FILE, which 'ragkit export' wrote. Nothing is embedded.

    It is made in .ragkit of this folder or where --index says, where there must be none yet. A file
    that is damaged or of something else is refused, and nothing is written.

    \b
        ragkit import handbook.ragkit
    """
    from ragkit.rag import Rag

    with Rag(index or ".ragkit") as rag:
        rag.take_in(file)
        found = rag.status()
        if as_json:
            facts = {"index": found.index, "files": found.files, "chunks": found.chunks}
            print_json(facts)
        else:
            where = rag.shown_path(found.index)
            click.echo(printable(f"{where}: {found.files} files, {found.chunks} passages"))
    notice("'ragkit ingest' brings it in step with the files that are here", quiet=quiet)
