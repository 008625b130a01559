"""PDFs are read in processes that can be killed: what hangs or explodes costs itself."""

from __future__ import annotations

import base64
import io
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.errors import LoadError
from ragkit.loading import workers as processes
from ragkit.loading.limits import Limits
from ragkit.loading.pdf import pdf
from ragkit.loading.workers import PdfWorkers
from ragkit.pdf import worker
from ragkit.pdf.found import Facts, Found, Opened, Page, Picture, Refused, unpacked
from ragkit.types import Progress
from tests.embedders import HashingEmbedder
from tests.test_ingest import LONG_AGO_NS, write
from tests.test_pdf import GOOD, paged, shown, stream

WORK = b"BT /F1 9 Tf (a) Tj ET\n" * 500_000  # for minutes
ENDLESS = stream(zlib.compress(WORK, 1), b"/Filter /FlateDecode")
LARGE = stream(zlib.compress(b" " * 70_000_000, 1), b"/Filter /FlateDecode")
QUICK = Limits(page_s=1.0, memory_mb=400, processes=2)


@pytest.fixture(scope="module")
def quick() -> Iterator[PdfWorkers]:
    with PdfWorkers(QUICK) as made:
        yield made


def test_a_process_reads_what_this_one_would(quick: PdfWorkers) -> None:
    assert quick.read(GOOD) == pdf(GOOD)
    documents = [quick.begin(paged(shown(f"Number {n}."))) for n in range(6)]
    assert [future.result().text for future in documents] == [f"Number {n}." for n in range(6)]
    assert 1 <= quick.processes <= quick.most <= 2


def test_what_is_refused_is_raised_here(quick: PdfWorkers) -> None:
    with pytest.raises(LoadError, match="the PDF is broken") as caught:
        quick.read(b"%PDF-1.7\n")
    assert caught.value.stage == "parse"


def test_a_page_that_hangs_costs_itself(quick: PdfWorkers) -> None:
    pages = (shown("First."), ENDLESS, shown("Third."), shown("Fourth."))
    document = quick.read(paged(*pages))
    assert document.text == "First.\n\n\n\nThird.\n\nFourth."
    assert document.failed_pages == (
        (2, "it cannot be read: it takes longer than 1 s (pdf_timeout_s)"),
    )


def test_a_file_that_hangs_again_and_again_is_read_as_far_as_it_goes() -> None:
    with PdfWorkers(Limits(page_s=0.6)) as quick:
        document = quick.read(paged(shown("First."), *[ENDLESS] * 4, shown("Last.")))
    assert document.text.split() == ["First."]
    assert [page for page, _ in document.failed_pages] == [2, 3, 4]
    assert document.failed_pages[-1][1].startswith("pages 4 to 6 are not read: it takes longer")


def test_a_page_that_takes_too_much_memory_costs_itself() -> None:
    with PdfWorkers(Limits(memory_mb=260)) as small:
        document = small.read(paged(shown("First."), LARGE, shown("Third.")))
    assert document.text == "First.\n\n\n\nThird."
    ((page, reason),) = document.failed_pages
    assert (page, reason) == (
        2, "it cannot be read: it takes more than 260 MB of memory (pdf_memory_mb)"
    )  # fmt: skip


def test_a_file_that_hangs_before_its_first_page_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never = "import time; print(flush=True); time.sleep(600)"  # ready, and no word after that
    monkeypatch.setattr(processes, "START", never)
    with PdfWorkers(Limits(page_s=0.05)) as hasty, pytest.raises(LoadError, match="takes") as told:
        hasty.read(GOOD)
    assert told.value.stage == "parse"


def test_the_time_of_a_whole_file_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FILE_PAGES", 0.02)  # 0.6 s, and one for the page
    with PdfWorkers(Limits()) as patient:
        ((page, reason),) = patient.read(paged(ENDLESS)).failed_pages
    assert (page, reason) == (
        1, "it is not read: all of it takes too long (pdf_timeout_s allows for more)"
    )  # fmt: skip


def test_a_process_that_is_killed_is_replaced(quick: PdfWorkers) -> None:
    quick.read(GOOD)
    (running, *_) = quick._idle
    running._process.kill()
    running._process.wait()
    assert quick.read(GOOD) == pdf(GOOD)
    assert running not in quick._workers


def test_a_process_that_is_killed_before_it_is_asked_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(processes._Worker):
        def ask(self, data: bytes, **how: object) -> Iterator[Found]:
            self._process.kill()
            self._process.wait()
            return super().ask(data, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(processes, "_Worker", Killed)
    with PdfWorkers(QUICK) as workers, pytest.raises(LoadError, match=r"ended \(signal 9\)"):
        workers.read(GOOD)


def test_a_process_that_is_killed_as_it_ends_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Late(processes._Worker):
        def ask(self, data: bytes, **how: object) -> Iterator[Found]:
            yield from super().ask(data, **how)  # type: ignore[arg-type]
            self.is_late = True
            self.kill()

    monkeypatch.setattr(processes, "_Worker", Late)
    with PdfWorkers(QUICK) as workers:
        assert workers.read(GOOD) == pdf(GOOD)
        assert not workers.processes


def test_outline_and_properties_that_hang_cost_themselves(
    quick: PdfWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = PdfWorkers._ask

    def cut(self: PdfWorkers, data: bytes, **how: object) -> Iterator[object]:
        for one in asked(self, data, **how):  # type: ignore[arg-type]
            if isinstance(one, Facts):
                raise processes.EndedError("it takes too long")
            yield one

    monkeypatch.setattr(PdfWorkers, "_ask", cut)
    document = quick.read(GOOD)
    assert document.text == "One.\n\nTwo."
    assert document.notes == ("its outline and properties are not read: it takes too long",)


def test_what_was_begun_comes_to_nothing_when_all_is_closed() -> None:
    with PdfWorkers(QUICK) as closing:
        begun = [closing.begin(paged(ENDLESS)) for _ in range(3)]
        while not closing.processes:
            time.sleep(0.01)
    for future in begun:
        with pytest.raises(LoadError):
            future.result(60)


def test_pages_are_drawn(quick: PdfWorkers) -> None:
    drawn = quick.pictures(GOOD, [2])
    assert [picture.number for picture in drawn] == [2]
    assert base64.b64decode(drawn[0].base64).startswith(b"\x89PNG")
    (none,) = quick.pictures(GOOD, [9])
    assert none.error.startswith("it cannot be drawn: ")


def test_pages_that_take_too_long_to_draw_cost_themselves() -> None:
    with PdfWorkers(Limits(page_s=0.01)) as hasty:
        drawn = hasty.pictures(paged(ENDLESS, ENDLESS), [1, 2])
    assert [picture.number for picture in drawn] == [1, 2]
    assert all(" takes " in picture.error for picture in drawn)


def test_what_cannot_be_opened_cannot_be_drawn(quick: PdfWorkers) -> None:
    drawn = quick.pictures(b"%PDF-1.7", [1, 2])
    assert [picture.number for picture in drawn] == [1, 2]
    assert all(p.error.startswith("it cannot be drawn: the PDF is broken") for p in drawn)


def test_a_process_that_starts_while_all_is_closed_ends_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closing = PdfWorkers(QUICK)

    class Late(processes._Worker):
        def __init__(self, limits: Limits) -> None:
            super().__init__(limits)
            closing._is_closed.set()

    monkeypatch.setattr(processes, "_Worker", Late)
    with closing, pytest.raises(LoadError, match="signal 9"):
        closing.read(GOOD)
    assert not closing.processes
    with pytest.raises(LoadError, match="it was stopped"):
        closing.read(GOOD)


# -- the process itself


def asked(data: bytes, first: int = 1, pictures: tuple[int, ...] = ()) -> list[object]:
    out = io.BytesIO()
    request = {"bytes": len(data), "first": first, "pictures": list(pictures)}
    worker.serve(request, data, out, 3600.0)
    *lines, end = out.getvalue().splitlines()
    assert end == b""
    return [unpacked(line) for line in lines]


def test_a_request_is_answered_line_by_line() -> None:
    assert asked(GOOD) == [Opened(2), Page(1, "One."), Page(2, "Two."), Facts()]
    assert asked(GOOD, first=2) == [Opened(2), Page(2, "Two."), Facts()]
    assert asked(GOOD, first=3) == [Opened(2), Facts()]
    (picture,) = asked(GOOD, pictures=(1,))
    assert isinstance(picture, Picture)
    (refused,) = asked(b"%PDF-")
    assert isinstance(refused, Refused)
    (refused,) = asked(b"%PDF-", pictures=(1,))
    assert isinstance(refused, Refused)
    (faulty,) = asked(GOOD, pictures=("x",))  # type: ignore[arg-type]
    assert isinstance(faulty, Refused)
    assert faulty.reason.startswith("the PDF is broken: TypeError")


def test_a_pipe_that_nobody_reads_ends_the_process() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    request = {"bytes": len(GOOD), "first": 1, "pictures": []}
    with os.fdopen(writes, "wb", buffering=0) as nobody, pytest.raises(BrokenPipeError):
        worker.serve(request, GOOD, nobody, 3600.0)


def test_processes_end_with_whoever_started_them(tmp_path: Path) -> None:
    endless = tmp_path / "endless.pdf"
    endless.write_bytes(paged(ENDLESS))
    code = (
        "import sys, time, threading\n"
        "from pathlib import Path\n"
        "from ragkit.loading.workers import PdfWorkers\n"
        "workers = PdfWorkers()\n"
        "workers.begin(Path(sys.argv[1]).read_bytes())\n"
        "while not workers.processes: time.sleep(0.01)\n"
        "print(next(iter(workers._workers))._process.pid, flush=True)\n"
        "threading.Event().wait(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(endless)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        os.kill(child, 0)  # it is there
        parent.kill()
    deadline_s = time.monotonic() + 60
    while _is_running(child) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert not _is_running(child)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # one that nobody has asked for yet


@pytest.mark.parametrize("call", ["watch_memory(1000)", "limit_memory(1000)"])
def test_without_a_limit_of_the_system_a_process_looks_at_its_memory(call: str) -> None:
    code = (
        "import sys, threading\nfrom ragkit.pdf import worker\n"
        f"sys.platform = 'darwin'\nworker.{call}\nthreading.Event().wait(60)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == worker.TOO_LARGE


def test_where_nothing_can_be_limited_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker.peak_bytes() > 1_000_000
    monkeypatch.setattr(worker, "resource", None)
    assert worker.peak_bytes() == 0
    worker.allow_seconds(1.0)


# -- in an ingest


def put(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    os.utime(file, ns=(LONG_AGO_NS, LONG_AGO_NS))


def test_an_ingest_reads_on_past_a_pdf_that_hangs(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", a="A bridge.", z="An island.")
    for n in range(5):
        put(docs / f"n{n}.pdf", paged(shown(f"Number {n} of them.")))
    put(docs / "hangs.pdf", paged(shown("Before it."), ENDLESS))
    put(docs / "lies.md", paged(shown("No markdown at all.")))
    steps: list[Progress] = []
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), pdf_timeout_s=1) as rag:
        report = rag.ingest(docs, progress=steps.append)
        assert (report.new, len(report.failed)) == (9, 1)
        assert (report.failed[0].path, report.failed[0].page) == ("docs/hangs.pdf", 2)
        assert rag.text(docs / "n3.pdf") == "Number 3 of them."
        assert rag.text(docs / "lies.md") == "No markdown at all."
        paths = list(dict.fromkeys(step.path for step in steps if step.stage == "read"))
        assert paths == sorted(paths)  # whatever was read first
        assert rag.ingest(docs).read == 0
        os.utime(docs / "n3.pdf")
        put(docs / "copy.pdf", paged(shown("Number 3 of them.")))
        assert rag.ingest(docs).embedded == 0
        assert not rag.check()


def test_a_pdf_that_is_too_large_is_refused_in_its_turn(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", a="A bridge.")
    put(docs / "large.pdf", GOOD + b"\n" * 1_100_000)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), max_file_mb=1) as rag:
        (failure,) = rag.ingest(docs).failed
    assert failure.reason.startswith("1 MB is more than the limit of 1 MB")


def test_an_interrupt_does_not_wait_for_a_pdf(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", a="A bridge.")
    put(docs / "hangs.pdf", paged(ENDLESS))

    def press(step: Progress) -> None:
        if step.path == "docs/hangs.pdf":
            signal.raise_signal(signal.SIGINT)

    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        with pytest.raises(KeyboardInterrupt):
            rag.ingest(docs, progress=press)
        assert not rag.check()


def test_a_dry_run_has_the_same_limits(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", a="A bridge.")
    put(docs / "hangs.pdf", paged(ENDLESS, shown("Second.")))
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), pdf_timeout_s=1) as rag:
        planned = {one.path: one.passages for one in rag.plan(docs).files}
    assert planned == {"docs/a.md": 1, "docs/hangs.pdf": 1}
