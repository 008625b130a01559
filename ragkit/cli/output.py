"""What commands print: JSON, tables, citations, progress."""

from __future__ import annotations

import json
import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ragkit.query import Answer
    from ragkit.rag import Rag
    from ragkit.types import Citation, Hit, Progress

EVERY_S = 5.0  # between lines of progress where there is no terminal


def print_json(value: object) -> None:
    """Print one object on one line, at once."""
    click.echo(json.dumps(value, ensure_ascii=False))
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
    }


def answer_json(answer: Answer) -> dict[str, object]:
    """Return an answer as ``ask --json`` has it; waits for the whole of it."""
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
            }
            for c in answer.citations
        ],
        "model": answer.model,
        "embedder": answer.embedder,
        "usage": answer.usage,
        "degraded": list(answer.degraded),
    }


def place(rag: Rag, path: str, lines: tuple[int, int], page: int | None) -> str:
    """Return where a passage stands, such as ``docs/a.md:3-5`` or ``guide.pdf#page=2``."""
    shown = rag.shown_path(path)
    if page is not None:
        return f"{shown}#page={page}"
    return f"{shown}:{lines[0]}" + (f"-{lines[1]}" if lines[1] > lines[0] else "")


def citation_line(rag: Rag, citation: Citation) -> str:
    """Return the line under an answer that says where a marker leads."""
    return f"[{citation.marker}] {place(rag, citation.path, citation.lines, citation.page)}"


def table(rows: Iterable[Sequence[object]], head: Sequence[str]) -> str:
    """Return rows under a head, columns aligned; a Chinese character is two columns wide.

    >>> print(table([("说明.md", 3), ("a.md", 12)], ("path", "chunks")))
    path     chunks
    说明.md  3
    a.md     12
    """
    cells = [[str("" if cell is None else cell) for cell in row] for row in (head, *rows)]
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


def relative(path: str) -> str:
    """Return a path as seen from the working folder."""
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else path


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


class ProgressPrinter:
    """Draws progress on a terminal; elsewhere says a line every few seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        self._began = self._last = time.monotonic()

    def __call__(self, step: Progress) -> None:
        """Show a step, if it is time to."""
        now = time.monotonic()
        if self._quiet or now - self._last < (0.1 if self._terminal else EVERY_S):
            return
        self._last = now
        self._print(self.line(step, now - self._began))

    def line(self, step: Progress, seconds: float) -> str:
        """Return what is said of a step: done and total, rate, time left, the file in hand."""
        if step.stage == "walk":
            return "looking for files"
        if step.stage == "publish":
            return "writing the search files"
        rate = step.bytes_done / max(seconds, 1e-6)
        left = (step.bytes_total - step.bytes_done) / max(rate, 1.0)
        return (
            f"{step.files_done}/{step.files_total} files, {step.report.embedded} texts embedded,"
            f" {size(rate)}/s, {left:.0f} s left: {relative(step.path)}"
        )

    def _print(self, line: str) -> None:
        if self._terminal:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            click.echo("\r\x1b[K" + line[: columns - 1], nl=False, err=True)
        else:
            click.echo(line, err=True)

    def clear(self) -> None:
        """Take the progress off the terminal."""
        if self._terminal and not self._quiet:
            click.echo("\r\x1b[K", nl=False, err=True)
