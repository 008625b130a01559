"""What commands print: JSON, tables, citations, progress."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit.text.surrogates import encodable

if TYPE_CHECKING:
    from ragkit.ollama.transfers import Transfer
    from ragkit.query import Answer
    from ragkit.rag import Rag
    from ragkit.types import Citation, Hit, Progress

EVERY_S = 5.0  # between lines of progress where there is no terminal
RATE_OVER_S = 15.0  # a pull's rate is that of so many seconds: networks change
BAR = 20  # cells


def print_json(value: object) -> None:
    """Print one object on one line, at once."""
    click.echo(encodable(json.dumps(value, ensure_ascii=False)))
    sys.stdout.flush()


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
        "headings": list(chunk.headings),
        "text": chunk.text,
        **({"also": list(hit.also)} if hit.also else {}),
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
                "text": c.text,
                **({"also": list(c.also)} if c.also else {}),
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

    A terminal obeys what a file's text or name may hold, and a table has a line a row.

    >>> printable("a\x1b[2Jb\nc\u009b"), printable("a\r\nb\rc\td", keep="\n\t")
    ('a\\x1b[2Jb\\nc\\x9b', 'a\r\nb\\rc\td')
    """

    def escaped(found: re.Match[str]) -> str:
        return found[0] if found[0] in keep else found[0].encode("unicode_escape").decode()

    ends = r"\r(?!\n)" if "\n" in keep else r"\r"
    return re.sub(rf"{ends}|[\x00-\x0c\x0e-\x1f\x7f-\x9f]", escaped, text)


def name(rag: Rag, path: str) -> str:
    """Return a stored path as it is printed: as seen from the working folder, on one line."""
    return printable(rag.shown_path(path))


def place(rag: Rag, path: str, lines: tuple[int, int], page: int | None) -> str:
    """Return where a passage stands, such as ``docs/a.md:3-5`` or ``guide.pdf#page=2``."""
    shown = name(rag, path)
    if page is not None:
        return f"{shown}#page={page}"
    return f"{shown}:{lines[0]}" + (f"-{lines[1]}" if lines[1] > lines[0] else "")


def others(rag: Rag, also: Sequence[str]) -> str:
    """Return the other files that hold the same passage, as they stand behind the first."""
    return f" (also {', '.join(name(rag, path) for path in also)})" if also else ""


def citation_line(rag: Rag, citation: Citation) -> str:
    """Return the line under an answer that says where a marker leads: a link, where it can be."""
    where = place(rag, citation.path, citation.lines, citation.page)
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        address = Path(rag.shown_path(citation.path)).absolute().as_uri()
        address += f"#page={citation.page}" if citation.page else ""
        where = f"\x1b]8;;{address}\x1b\\{where}\x1b]8;;\x1b\\"
    return f"[{citation.marker}] {where}{others(rag, citation.also)}"


def table(rows: Iterable[Sequence[object]], head: Sequence[str]) -> str:
    """Return rows under a head, columns aligned; a Chinese character is two columns wide.

    >>> print(table([("说明.md", 3), ("a.md", 12)], ("path", "chunks")))
    path     chunks
    说明.md  3
    a.md     12
    """
    cells = [
        [printable(str("" if cell is None else cell)) for cell in row] for row in (head, *rows)
    ]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for row in cells:
        padded = [cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


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


def duration(seconds: float) -> str:
    """Return a time for people.

    >>> duration(0.2), duration(75), duration(9000)
    ('1 s', '75 s', '150 min')
    """
    return f"{max(round(seconds), 1)} s" if seconds < 100 else f"{round(seconds / 60)} min"


def is_drawn_over() -> bool:
    """Say whether progress is a line that is drawn over itself."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


class OneLine:
    """A line that is drawn over itself on a terminal; elsewhere one every few seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self.is_drawn = is_drawn_over()
        self._began = self._last = time.monotonic()

    def show(self, line: Callable[[float], str]) -> None:
        """Show what ``line`` makes of the seconds since the beginning, if it is time to."""
        now = time.monotonic()
        if self._quiet or now - self._last < (0.1 if self.is_drawn else EVERY_S):
            return
        self._last = now
        text = printable(line(now - self._began))
        if self.is_drawn:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            click.echo("\r\x1b[K" + text[: columns - 1], nl=False, err=True)
        else:
            click.echo(text, err=True)

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self.is_drawn and not self._quiet:
            click.echo("\r\x1b[K", nl=False, err=True)


class ProgressPrinter:
    """Shows how far an ingest is."""

    def __init__(self, *, quiet: bool, shown: Callable[[str], str] = str) -> None:
        self._line = OneLine(quiet=quiet)
        self._shown = shown  # turns a stored path into what is printed
        self.clear = self._line.clear

    def __call__(self, step: Progress) -> None:
        """Show a step, if it is time to."""
        if step.stage == "stop":  # said at once, whatever was drawn
            self.clear()
            click.echo("finishing the request under way; Ctrl-C again stops at once", err=True)
        else:
            self._line.show(lambda seconds: self.line(step, seconds))

    def line(self, step: Progress, seconds: float) -> str:
        """Return what is said of a step: done and total, rate, time left, the file in hand."""
        if step.stage == "walk":
            return "looking for files"
        if step.stage == "plan":
            return f"{step.files_done} files looked at: {self._shown(step.path)}"
        if step.stage == "reindex":
            rate = step.report.embedded / max(seconds, 1e-6)
            return (
                f"{step.files_done}/{step.files_total} passages embedded anew, {rate:.0f} texts/s"
            )
        if step.stage == "publish":
            return "writing the search files"
        rate = step.bytes_done / max(seconds, 1e-6)
        left = (step.bytes_total - step.bytes_done) / max(rate, 1.0)
        return (
            f"{step.files_done}/{step.files_total} files, {step.report.embedded} texts embedded,"
            f" {size(rate)}/s, {left:.0f} s left"
            + (f": {self._shown(step.path)}" if step.path else "")
        )


class TransferPrinter:
    """Shows how far a pull is: a bar on a terminal, the share, the rate, the time left."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self._name = name
        self._line = OneLine(quiet=quiet)
        self._seen = deque([(0.0, 0)])  # (seconds, bytes moved) of the last lines
        self.clear = self._line.clear

    def __call__(self, transfer: Transfer) -> None:
        """Show how far it is, if it is time to."""
        self._line.show(lambda seconds: self.line(transfer, seconds))

    def line(self, transfer: Transfer, seconds: float) -> str:
        """Return what is said of a transfer. The rate is that of the last seconds."""
        self._seen.append((seconds, transfer.moved))
        while len(self._seen) > 2 and seconds - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        if not transfer.total or transfer.done >= transfer.total:
            return f"{self._name}: {transfer.status}"
        since, moved = self._seen[0]
        rate = (transfer.moved - moved) / max(seconds - since, 1e-6)
        share = transfer.done / transfer.total
        bar = f" [{'#' * int(share * BAR):-<{BAR}}]" if self._line.is_drawn else ""
        left = f", {duration((transfer.total - transfer.done) / rate)} left" if rate else ""
        return (
            f"{self._name}:{bar} {int(share * 100)}% of {size(transfer.total)},"
            f" {size(rate)}/s{left}"
        )
