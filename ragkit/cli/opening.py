"""The command open: a cited passage in the editor, at its line, or in a viewer, at its page."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from ragkit.cli.app import cli, index_option, json_option, notice
from ragkit.cli.links import WEB
from ragkit.cli.output import name, print_json, printable
from ragkit.cli.programs import editor, goes_to_pages, takes_lines, text_opener, viewer
from ragkit.cli.showing import NUMBER, STATES, last_of, passages_of
from ragkit.errors import IndexWriteError, NoSuchPathError

if TYPE_CHECKING:
    from ragkit.rag import Rag
    from ragkit.types import Span

LOOKED_AT = 8192  # bytes, for whether a file is text
SOON_S = 1.0  # by then a program that can show nothing has said so
WORDS = 8  # of a passage that a browser looks for
WIDE = (b"\xff\xfe", b"\xfe\xff")  # how UTF-16 begins, which has zero bytes


@cli.command("open", short_help="Open a cited passage in the editor or viewer.")
@click.argument("place", metavar="NUMBER|PATH[:LINES|#page=N]")
@index_option
@json_option
def open_(place: str, index: str | None, as_json: bool) -> None:
    """Open what a number of the last answer or search, or a place, leads to.

    Text is opened at its line with $VISUAL or $EDITOR; pages, and what is no text, with the program
    of the setting "viewer", or one that is installed, at the page where it can. What lies in an
    archive is taken out into a temporary file. A file called 3 is ./3.

    \b
        ragkit open 1
        ragkit open sample_corpus/keep-alive.md:8
        ragkit open 'guide.pdf#page=2'
    """
    from ragkit.rag import Rag

    with Rag(index) as rag:
        span, page = _meant(rag, place)
        shown = name(rag, span.path)
        state = rag.freshness(span.path)
        path = None if span.path.startswith(WEB) else _on_disk(rag, span.path)
        if path is None:
            command, line = viewer(None, span.path, None, named=rag.settings.viewer), None
        else:
            command, line = _command(path, span, page, rag.settings.viewer)
    where = f"page {page}" if page else f"line {line}" if line else ""
    told = " ".join(filter(None, (f"{shown},", where))) if where else shown
    if (page and not goes_to_pages(command)) or (line and not takes_lines(command)):
        told += " (go there yourself: it is not known how to tell this program)"
    notice(f"{command[0]}: {told}")
    if state:
        notice(f"note: {STATES[state].format(shown)}")
    _run(command, waits=line is not None)
    if as_json:
        at = {"path": span.path, "file": str(path) if path else None, "line": line, "page": page}
        print_json({**at, "command": command, **({"state": state} if state else {})})


def _meant(rag: Rag, place: str) -> tuple[Span, int | None]:
    """Return the stretch of text that is meant, and the page that it stands on, if any."""
    number = NUMBER.fullmatch(place)
    if not number:
        span = rag.locate(place, shown=partial(name, rag))
        return span, span.page
    passage = passages_of(last_of(rag), int(number[1]))[0]
    try:
        return rag.relocate(passage.path, passage.start, passage.end, passage.text), passage.page
    except NoSuchPathError as error:
        notice(f"note: {printable(error.message)}")
        return rag.locate(passage.path), passage.page


def _on_disk(rag: Rag, stored: str) -> Path:
    """Return the file of a stored path; a member of an archive is taken out first.

    Raises:
        NoSuchPathError: it is no longer there.
    """
    from ragkit.catalog import is_by_name

    if is_by_name(stored):
        raise NoSuchPathError(
            f"no file to open: {name(rag, stored)} was not read from one",
            hint=f"ragkit show {name(rag, stored)}",
        )
    path, inside = rag.file(stored)
    if not (os.path.isfile(path) and os.access(path, os.R_OK)):  # noqa: PTH113 - never raises
        raise NoSuchPathError(
            f"{name(rag, stored)} is no longer there, or cannot be read",
            hint=f"ragkit show {name(rag, stored)}",
        )
    if not inside:
        return path
    import tempfile

    data = rag.bytes_of(stored)
    try:
        folder = tempfile.mkdtemp(prefix="ragkit-")  # for its owner only
        member = Path(folder, stored.rpartition("/")[2])
        member.write_bytes(data)
        member.chmod(0o400)  # what is changed in it would be lost
    except OSError as error:
        raise IndexWriteError(
            f"cannot take {name(rag, stored)} out of its archive: {error.strerror}",
            hint="free some space, or set TMPDIR to a folder that has some",
        ) from error
    notice(f"taken out of its archive into {member}, which is yours to delete")
    return member


def _command(path: Path, span: Span, page: int | None, named: str) -> tuple[list[str], int | None]:
    """Return what opens a file, and at which line if it is opened as text."""
    from ragkit.loading.reading import beginning

    if page is not None:
        return viewer(path, f"{path.as_uri()}#page={page}", page, named=named), None
    begins = beginning(str(path), LOOKED_AT)
    is_page = path.suffix.lower() in (".html", ".htm", ".xhtml")
    if not is_page and is_text(begins):
        line = line_of(path.read_bytes(), span)
        if command := editor(path, line) or text_opener(path, named=named):
            return command, line
    uri = path.as_uri()
    words = span.text.split()[:WORDS]
    if is_page and words and span.end - span.start < len(span.document):
        uri += f"#:~:text={quote(' '.join(words), safe='').replace('-', '%2D')}"
    return viewer(path, uri, None, named=named), None


def is_text(begins: bytes) -> bool:
    """Say whether a file is one that an editor shows as it is, by its beginning."""
    return begins.startswith(WIDE) or b"\0" not in begins


def line_of(data: bytes, span: Span) -> int:
    """Return the line of a file that a passage begins in, as the file is now.

    It may have changed; and of some formats the text that was read has other lines than the file.
    """
    from ragkit.loading.decoding import decode

    wanted = span.text.strip().splitlines()[:1]
    lines = decode(data)[0].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = min(span.lines[0], len(lines))
    if not wanted or wanted[0] in lines[first - 1]:
        return first
    found = [number for number, line in enumerate(lines, start=1) if wanted[0] in line]
    return min(found, key=lambda number: abs(number - first), default=first)


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Leave Ctrl-C to the program that has the terminal: for an editor it is a key."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run(command: list[str], *, waits: bool) -> None:
    """Run a program: an editor has the terminal until it ends, a viewer goes on by itself.

    Raises:
        NoSuchPathError: there is no such program.
    """
    import subprocess

    sys.stdout.flush()
    try:
        if waits:
            with subprocess.Popen(command) as process, ignoring_interrupts():
                process.wait()
            if process.returncode:
                raise _failed(f"{command[0]} ended with exit code {process.returncode}")
        else:
            quiet = subprocess.DEVNULL
            shown = subprocess.Popen(
                command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=os.name != "nt"
            )
            with suppress(subprocess.TimeoutExpired):  # it goes on when this process is gone
                if code := shown.wait(SOON_S):
                    raise _failed(f"{command[0]} ended with exit code {code}")
            Thread(target=shown.wait, daemon=True).start()
    except OSError as error:
        raise _failed(f"cannot run {command[0]}: {error.strerror}") from error


def _failed(why: str) -> NoSuchPathError:
    return NoSuchPathError(why, hint="set EDITOR, or 'ragkit config set viewer PROGRAM'")
