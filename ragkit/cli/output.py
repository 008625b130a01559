"""What commands print: JSON, tables, citations."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import accumulate
from typing import IO, TYPE_CHECKING

import click

from ragkit.cli.links import linked
from ragkit.cli.wrapping import columns_of, terminal_columns, width, wrapped
from ragkit.text.surrogates import encodable

if TYPE_CHECKING:
    from ragkit.query import Answer
    from ragkit.rag import Rag
    from ragkit.types import Citation, Failure, Hit

LEAST_COLUMNS = 12  # of a table's last column, below which it is left to the terminal
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # say where text runs to


def print_json(value: object) -> None:
    """Print one object on one line, at once."""
    click.echo(encodable(json.dumps(value, ensure_ascii=False)))
    sys.stdout.flush()


def tell(text: str, *, nl: bool = True) -> None:
    """Say something beside the data, on standard error; where that takes nothing, nothing."""
    with suppress(OSError):
        click.echo(text, nl=nl, err=True)


def is_unread(error: OSError, stream: IO[str]) -> bool:
    """Say whether what a stream led to is gone: a pipe that was closed, a terminal."""
    if isinstance(error, BrokenPipeError):
        return True
    with suppress(OSError):  # it may be no file
        return error.errno == errno.EIO and stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    return False


def write_as_it_is(text: str) -> None:
    """Write a text to standard output byte for byte, its line ends and escapes too."""
    binary = getattr(sys.stdout, "buffer", None)  # a notebook's has none
    if binary is None:
        sys.stdout.write(text)
    else:
        binary.write(text.encode())
    sys.stdout.flush()


def hit_json(hit: Hit) -> dict[str, object]:
    """Return a hit as ``search --json`` has it."""
    chunk = hit.chunk
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "path": hit.path,
        "start": chunk.start,
        "end": chunk.end,
        "page": chunk.page,
        "lines": list(chunk.lines),
        **({"place": where} if (where := chunk.place_at(0)) else {}),
        "headings": list(chunk.headings),
        "text": chunk.text,
        **({"also": list(hit.also)} if hit.also else {}),
        **({"stale": list(hit.stale)} if hit.stale else {}),
        **({"read_by": hit.read_by} if hit.read_by else {}),
    }


def failure_class(failure: Failure) -> str:
    """Return "permanent" for what is not tried again until it changes, else "transient"."""
    return "permanent" if failure.permanent else "transient"


def failure_json(failure: Failure) -> dict[str, object]:
    """Return a failure as ``ingest --json`` and ``status --json`` have it."""
    return {
        "path": failure.path,
        **({"page": failure.page} if failure.page else {}),
        "stage": failure.stage,
        "class": failure_class(failure),
        "reason": failure.reason,
        "attempts": failure.attempts,
        "last": failure.last,
    }


def answer_json(answer: Answer) -> dict[str, object]:
    """Return an answer as ``ask --json`` has it; waits for the whole of it."""
    usage = answer.usage
    counts = usage and {
        "prompt_tokens": usage.prompt_tokens,
        "answer_tokens": usage.answer_tokens,
    }
    return {
        "question": answer.question,
        **({"where": answer.where} if answer.where else {}),
        "answer": answer.text,
        "refused": answer.refused,
        "citations": [
            {
                "marker": c.marker,
                "path": c.path,
                "start": c.start,
                "end": c.end,
                "page": c.page,
                "lines": list(c.lines),
                **({"place": c.place} if c.place else {}),
                "text": c.text,
                **({"also": list(c.also)} if c.also else {}),
                **({"stale": list(c.stale)} if c.stale else {}),
                **({"read_by": c.read_by} if c.read_by else {}),
            }
            for c in answer.citations
        ],
        "model": answer.model,
        "embedder": answer.embedder,
        "usage": counts,
        "degraded": list(answer.degraded),
        **({"notes": list(answer.notes)} if answer.notes else {}),
    }


def printable(text: str, *, keep: str = "") -> str:
    r"""Return ``text`` with its control characters escaped, but those to keep.

    A terminal obeys what a file's text or name may hold, and a table has a line a row. A name that
    turns its letters around looks like another one; a passage may need to (``TURNING``).

    >>> printable("a\x1b[2Jb\nc\u009b"), printable("a\r\nb\rc\td", keep="\n\t")
    ('a\\x1b[2Jb\\nc\\x9b', 'a\r\nb\\rc\td')
    >>> printable("a\u202efdp.exe")
    'a\\u202efdp.exe'
    """

    def escaped(found: re.Match[str]) -> str:
        return found[0] if found[0] in keep else found[0].encode("unicode_escape").decode()

    ends = r"\r(?!\n)" if "\n" in keep else r"\r"
    return re.sub(rf"{ends}|[\x00-\x0c\x0e-\x1f\x7f-\x9f{TURNING}]", escaped, text)


def name(rag: Rag, path: str) -> str:
    """Return a stored path as it is printed: as seen from the working folder, on one line.

    It can be typed as it stands, and is taken for no option.
    """
    shown = printable(rag.shown_path(path))
    return f"./{shown}" if shown.startswith("-") else shown


def place(
    rag: Rag, path: str, lines: tuple[int, int], page: int | None = None, where: str = ""
) -> str:
    """Return where a passage stands: ``docs/a.md:3-5``, ``guide.pdf#page=2``, ``b.xlsx!Sums:7``."""
    shown = name(rag, path)
    if where:
        return shown + printable(where)
    if page is not None:
        return f"{shown}#page={page}"
    return f"{shown}:{lines[0]}" + (f"-{lines[1]}" if lines[1] > lines[0] else "")


def failed_place(rag: Rag, failure: Failure) -> str:
    """Return what failed: a file, or ``guide.pdf#page=2``."""
    return name(rag, failure.path) + (f"#page={failure.page}" if failure.page else "")


def others(rag: Rag, found: Hit | Citation) -> str:
    """Return what stands behind a place: whether it is stale, and where else the passage stands."""
    marks = dict.fromkeys(found.stale, " (stale)")
    also = ", ".join(f"{name(rag, path)}{marks.get(path, '')}" for path in found.also)
    by = f" (read by {printable(found.read_by)})" if found.read_by else ""
    return by + marks.get(found.path, "") + (f" (also {also})" if also else "")


def citation_line(rag: Rag, citation: Citation) -> str:
    """Return the line under an answer that says where a marker leads: a link, where it can be."""
    where = place(rag, citation.path, citation.lines, citation.page, citation.place)
    where = linked(rag, where, citation.path, citation.lines[0], citation.page)
    return f"[{citation.marker}] {where}{others(rag, citation)}"


def table(rows: Iterable[Sequence[object]], head: Sequence[str]) -> str:
    """Return rows under a head, columns aligned; a Chinese character is two columns wide.

    On a terminal the last column goes on below itself where it is too long.

    >>> print(table([("说明.md", 3), ("a.md", 12)], ("path", "chunks")))
    path     chunks
    说明.md  3
    a.md     12
    """
    cells = [
        [printable(str("" if cell is None else cell)) for cell in row] for row in (head, *rows)
    ]
    widths = [max(width(row[i]) for row in cells) for i in range(len(head))]
    before = sum(widths[:-1]) + 2 * len(widths[:-1])  # columns, of the last one
    columns = terminal_columns()
    room = columns if columns and columns - before >= LEAST_COLUMNS else None
    lines = []
    for *row, last in cells:
        padded = [cell + " " * (w - width(cell)) for cell, w in zip(row, widths, strict=False)]
        lines.append("  ".join([*padded, wrapped(last, room, indent=before)]).rstrip())
    return "\n".join(lines)


def clipped(text: str, columns: int) -> str:
    """Return the beginning of a text that fits in so many columns.

    >>> clipped("说明.md", 5), clipped("说明.md", 3)
    ('说明.', '说')
    """
    taken = accumulate(map(columns_of, text))
    return text[: sum(sofar <= columns for sofar in taken)]


def size(count: float) -> str:
    """Return a number of bytes for people.

    >>> size(900), size(15_300_000)
    ('900 B', '15.3 MB')
    """
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def moment(told: str) -> str:
    """Return a time of UTC as the clock on the wall has it.

    >>> len(moment("2026-08-21T10:00:00Z"))
    16
    """
    return datetime.fromisoformat(told).astimezone().strftime("%Y-%m-%d %H:%M")


def duration(seconds: float) -> str:
    """Return a time for people.

    >>> duration(0.2), duration(75), duration(9000)
    ('1 s', '75 s', '150 min')
    """
    return f"{max(round(seconds), 1)} s" if seconds < 100 else f"{round(seconds / 60)} min"
