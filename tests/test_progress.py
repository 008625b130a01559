"""What is said while an ingest runs: on a terminal, in a pipe, and of what is slow."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from threading import Event

import pytest

from ragkit import Chunk, Document, Rag, StructureChunker
from ragkit.cli import progress
from ragkit.cli.app import run
from ragkit.cli.progress import ProgressPrinter
from ragkit.index.survey import Survey
from ragkit.index.tally import Tally
from ragkit.types import Failure, FloatMatrix, IngestReport, Progress
from tests.embedders import HashingEmbedder
from tests.ollama_server import Server
from tests.test_cli import Terminal, terminal
from tests.test_ingest import write
from tests.test_through_ollama import many


@pytest.fixture
def ragkit(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


class Clock:
    """Stands in for the clock: time passes only where a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


REPORT = IngestReport(chunks=9, embedded=7)
WALK = Progress("walk")
READ = Progress("read", "docs/a-long-name.md", 3, 10, 300_000, 1_000_000, REPORT, 7, 7)
PUBLISH = Progress("publish", "", 10, 10, 1_000_000, 1_000_000, REPORT, 7, 7)


def show(printer: ProgressPrinter, clock: Clock, steps: Sequence[tuple[float, Progress]]) -> None:
    for clock.now, step in steps:
        printer(step)
    printer.clear()


def test_a_terminal_gets_one_line_that_fits_and_is_cleared(clock: Clock) -> None:
    with terminal(columns=40) as written:
        printer = ProgressPrinter(quiet=False)
        show(printer, clock, [(1, WALK), (2, READ), (2.01, READ), (3, PUBLISH)])
    assert written[0].split("\r\x1b[K") == [
        "",
        "looking for files",
        "3/10 files, 9 passages, 7 embedded, 150",
        "writing the search files",
        "",
    ]


def test_a_line_fits_by_columns_not_by_letters(clock: Clock) -> None:
    with terminal(columns=30) as written:
        printer = ProgressPrinter(quiet=False)
        show(printer, clock, [(1, Progress("plan", "文档/使用说明与常见问题.md", 3))])
    assert written[0].split("\r\x1b[K")[1] == "3 files looked at, last 文档/"


def test_a_pipe_gets_a_line_now_and_then_without_control_characters(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = ProgressPrinter(quiet=False)
    show(printer, clock, [(1, WALK), (10, READ), (11, PUBLISH)])
    assert capsys.readouterr().err == (
        "3/10 files, 9 passages, 7 embedded, 30.0 kB/s, 23 s left: docs/a-long-name.md\n"
    )


def test_q_and_no_color_draw_nothing(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(columns=40) as written:
        quiet = ProgressPrinter(quiet=True)
        monkeypatch.setenv("NO_COLOR", "1")
        plain = ProgressPrinter(quiet=False)
        show(quiet, clock, [(1, WALK), (2, READ)])
        clock.now = 1
        show(plain, clock, [(1, WALK), (6, PUBLISH)])
    assert written == ["writing the search files\r\n"]  # a plain line after 5 s


def test_an_early_end_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressPrinter(quiet=True)(Progress("stop"))
    assert capsys.readouterr().err == (
        "finishing the request under way; Ctrl-C again stops at once\n"
    )


def test_each_stage_has_its_line_and_its_slow_one() -> None:
    line = ProgressPrinter(quiet=False).line
    assert line(None, 1) == "making the embedder ready"
    assert line(None, 9, held_s=9) == "making the embedder ready, for 9 s now"
    assert line(WALK, 9, held_s=9) == "looking for files, for 9 s now"
    plan = Progress("plan", "docs/a.md", 3)
    assert line(plan, 1) == "3 files looked at, last docs/a.md"
    assert line(plan, 9, held_s=9) == "3 files looked at, last docs/a.md, 9 s ago"
    assert line(READ, 9, held_s=9).endswith("s left: docs/a-long-name.md, for 9 s now")
    embed = Progress("embed", "", 10, 10, 1_000, 1_000, REPORT, 7, 20)
    said = "10/10 files, 9 passages, 7 embedded, 1.0 kB/s, 2 s left"
    assert line(embed, 1) == said
    assert line(embed, 1, held_s=150).startswith(f"{said}: the embedder works, for 2 min now")
    assert line(PUBLISH, 9, held_s=9) == "writing the search files, for 9 s now"
    step = Progress("reindex", "", 30, 100, report=IngestReport(embedded=20))
    assert line(step, 2) == "30/100 passages embedded anew, 10 texts/s"
    assert line(Progress("wait"), 3) == "waiting for the other process, 3 s"


def test_the_time_left_counts_the_texts_that_wait() -> None:
    """All of one large file may be read while nearly all of its texts are still to be embedded."""
    line = ProgressPrinter(quiet=False).line
    waiting = Progress("embed", "", 1, 1, 1_000, 1_000, REPORT, 10, 1_000)
    assert "990 s left" not in line(waiting, 10)
    assert ", 16 min left" in line(waiting, 10)
    unknown = Progress("embed", "", 1, 1, 1_000, 1_000, REPORT, 0, 1_000)
    assert " left" not in line(unknown, 10)


def test_what_is_said_meanwhile_has_a_line_of_its_own(clock: Clock) -> None:
    with terminal(columns=40) as written:
        printer = ProgressPrinter(quiet=False)
        show(printer, clock, [(1, WALK)])
        printer.notify("using another model")
        ProgressPrinter(quiet=True).notify("nothing")
    assert written[0].endswith("\r\x1b[Kusing another model\r\n")


# -- whole runs


class Watched(io.StringIO):
    """Standard error of somebody who waits for a word."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word, self.seen = word, Event()

    def write(self, text: str) -> int:
        done = super().write(text)
        if self.word in self.getvalue():
            self.seen.set()
        return done


def test_a_file_that_takes_long_is_named_while_it_is_read_and_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SLOW_S", 0.05)
    monkeypatch.setattr(progress, "EVERY_S", 0.02)
    docs = write(tmp_path / "docs", quick="Quick.", slow="Slow.", zzz="Quick too.")

    def chunker(document: Document) -> Iterator[Chunk]:
        if document.text == "Slow.":
            assert stderr.seen.wait(30)  # no step comes meanwhile: the printer's thread says it
        return StructureChunker()(document)

    with redirect_stderr(Watched("docs/slow.md, for 1 s now\n")) as stderr:
        printer = ProgressPrinter(quiet=False, look_every_s=0.01)
        with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), chunker=chunker) as rag, printer:
            assert rag.ingest(docs, progress=printer).new == 3
    assert list(printer.slow) == ["docs/slow.md"]
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", stderr.getvalue())


def test_an_embedder_that_takes_long_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SLOW_S", 0.05)
    monkeypatch.setattr(progress, "EVERY_S", 0.02)
    docs = write(tmp_path / "docs", one="A first text.")

    class Waits(HashingEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
            assert stderr.seen.wait(30)
            return super().embed_documents(texts)

    with redirect_stderr(Watched(": the embedder works, for 1 s now\n")) as stderr:
        printer = ProgressPrinter(quiet=False, look_every_s=0.01)
        with Rag(tmp_path / ".ragkit", embedder=Waits()) as rag, printer:
            assert rag.ingest(docs, progress=printer).new == 1


def test_a_run_on_a_terminal_draws_and_leaves_nothing_but_its_summary(
    tmp_path: Path, ollama: Server, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    many(tmp_path / "docs", 30)
    ollama.embed_s = 0.01  # a text
    with terminal(columns=70) as written:
        assert run(["ingest", "docs", "--host", ollama.url]) == 0
    assert capsys.readouterr().out.startswith("30 files: 30 new, ")
    drawn = written[0].split("\r\x1b[K")
    assert any(re.match(r"\d+/30 files, \d+ passages, \d+ embedded, ", line) for line in drawn)
    assert any(" left" in line for line in drawn)
    assert max(map(len, drawn)) < 70
    assert drawn[-1] == ""


def test_slow_files_are_told_with_v(
    tmp_path: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SLOW_S", 0.0)
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "docs", one="A first text.", two="A second text.")
    err = ragkit("ingest", "docs", "--offline", "-v")[2]
    assert "slow: docs/one.md: 1 s to read\n" in err
    assert "slow: " not in ragkit("ingest", "docs", "--reread")[2]


def test_another_ingest_counts_its_own_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.delenv("NO_COLOR", raising=False)
    with terminal(columns=60) as written:
        printer = ProgressPrinter(quiet=False)
        now[0] = 100.0
        printer.restart()
        now[0] = 103.0
        printer(Progress("wait"))
    assert written == ["\r\x1b[Kwaiting for the other process, 3 s"]


def test_a_hundred_thousand_notes_are_not_copied_for_each_and_all_there_at_the_end() -> None:
    nothing = Survey((), (), (), (), (), {}, (), (), ())
    tally = Tally(nothing, IngestReport())
    for number in range(100_000):
        tally.noted("a.md", str(number))
        if number < 10 or number % 1000 == 0:
            assert len(tally.progress("read").report.notes) >= 0.9 * number
    tally.failed(Failure("b.md", "read", "it is broken"))
    assert [note for _, note in tally.progress("done").report.notes] == list(
        map(str, range(100_000))
    )
    assert len(tally.report.failed) == 1
