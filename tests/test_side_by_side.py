"""Several processes at one index: one writes and is named, the others read what is whole."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.errors import IndexLockedError
from ragkit.index.folder import Index
from ragkit.index.lock import NOTE, Writer, WriterLock
from tests.ollama_server import Server
from tests.reading import DOCUMENTS, EVERYTHING, QUESTION, SECTIONS, Witness, document
from tests.rights import read_only
from tests.test_cli import RAGKIT, Terminal
from tests.test_ingest import write

ROOT = Path(__file__).parents[1]
QUICK = [
    sys.executable,
    "-c",
    """
from ragkit.__main__ import main
from ragkit.cli import progress
progress.EVERY_S = 0.1
main()
""",
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(
        tmp_path / "docs",
        bridge="# Bridges\n\nThe bridge over the river was opened by the mayor in 1987.\n",
        model="# Models\n\nA model stays loaded in memory for five minutes.\n",
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ragkit(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@contextmanager
def started(*arguments: str, quick: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Start a real ragkit; it is killed at the end of the block, if it still runs.

    A ``quick`` one says how far it is ten times a second, not every five seconds.
    """
    command = [*(RAGKIT if not quick else QUICK), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def writing(server: Server) -> Iterator[subprocess.Popen[str]]:
    """Let a real ragkit write for the block: the server does not answer it."""
    with Rag(host=server.url) as rag:
        rag.ingest("docs")
    write(Path("docs"), new="# Engines\n\nAn engine in the harbour is always warm.\n")
    server.forget()
    server.faults.only, server.faults.first_byte_s = "/api/embed", 600.0
    with started("ingest", "docs", "--host", server.url) as process:
        while not server.requests_to("/api/embed"):
            time.sleep(0.02)
        server.faults.first_byte_s = 0.0
        yield process


# -- a second writer


def test_a_second_writer_is_told_at_once_who_writes(
    here: Path, ragkit: Terminal, ollama: Server
) -> None:
    with writing(ollama) as first:
        ollama.forget()
        for command in (["ingest", "docs", "--host", ollama.url], ["rm", "docs/bridge.md"]):
            code, out, err = ragkit(*command)
            assert (code, out) == (8, "")
            assert f"is writing to the index at {here / '.ragkit'}: " in err
            assert f"'ragkit ingest docs --host {ollama.url}' (process {first.pid} on" in err
            assert f" on {socket.gethostname()}, since {time.strftime('%Y-')}" in err
            assert "hint: '--wait' waits until it is done; searching goes on meanwhile" in err
        code, _, err = ragkit("check", "--repair")  # which cannot wait
        assert (code, "hint: run this again when that is done; searching" in err) == (8, True)
        assert not ollama.requests  # before the server is asked for anything
        code, out, _ = ragkit("search", "bridge", "--mode", "lexical")
        assert (code, "docs/bridge.md" in out) == (0, True)


def test_a_writer_that_died_leaves_no_lock(here: Path, ragkit: Terminal, ollama: Server) -> None:
    with writing(ollama) as first:
        first.kill()
        first.wait()
        assert Path(".ragkit", NOTE).exists()  # which nobody believes
        code, out, _ = ragkit("ingest", "docs", "--host", ollama.url)
        assert (code, "1 new" in out) == (0, True)
    assert not Path(".ragkit", NOTE).exists()


def test_a_writer_that_waits_says_for_whom_and_goes_on(here: Path, ollama: Server) -> None:
    with (
        writing(ollama) as first,
        started("ingest", "docs", "--wait", "--host", ollama.url, quick=True) as second,
    ):
        assert second.stderr
        assert second.stdout
        said = second.stderr.readline()
        assert said.startswith(f"waiting for 'ragkit ingest docs --host {ollama.url}' (process")
        assert f"(process {first.pid} on " in said
        assert "waiting for the other process, " in second.stderr.readline()
        assert second.poll() is None
        first.kill()
        assert second.wait(60) == 0
        assert "3 files: 1 new, 0 changed, 2 unchanged" in second.stdout.read()


def test_one_who_waits_can_be_interrupted(here: Path, ollama: Server) -> None:
    with writing(ollama) as first:
        ours, theirs = pty.openpty()
        command = [*RAGKIT, "ingest", "docs", "--wait", "--host", ollama.url]
        with subprocess.Popen(command, stderr=theirs) as second:
            os.close(theirs)
            shown = ""
            while "\r\x1b[Kwaiting for the other process, " not in shown:  # drawn over itself
                shown += os.read(ours, 1000).decode()
            second.send_signal(signal.SIGINT)
            assert second.wait(60) == 130
        os.close(ours)
        assert first.poll() is None  # it writes on
        with pytest.raises(IndexLockedError):
            Rag(host=ollama.url).ingest()


def test_removing_waits_too(here: Path) -> None:
    waits = threading.Event()
    with Rag(offline=True) as rag, ThreadPoolExecutor(1) as pool:
        rag.ingest("docs")
        steps = rag.ingesting("docs", reread=True)
        next(steps)
        removed = pool.submit(
            Rag().remove, "docs/bridge.md", wait=True, progress=lambda _: waits.set()
        )
        assert waits.wait(60)
        list(steps)
        assert removed.result() == ["docs/bridge.md"]
        steps = rag.ingesting("docs", reread=True)
        next(steps)
        with started("rm", "docs/model.md", "--wait") as command:
            assert command.stderr
            assert command.stderr.readline().startswith("waiting for '")
            list(steps)
            assert command.wait(60) == 0


# -- who writes


def test_only_who_writes_is_named(tmp_path: Path) -> None:
    note = tmp_path / NOTE
    with WriterLock(tmp_path) as held:
        assert held.acquire()
        assert held.writer() == Writer.this()
        other = WriterLock(tmp_path)
        assert not other.acquire()
        assert f"(process {os.getpid()} on" in str(other.refusal())
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        for left in ("", "[]", '{"pid": 1}', json.dumps({**_note(), "pid": ended.pid})):
            note.write_text(left)
            assert other.writer() is None
        assert str(other.refusal()).startswith(
            f"another process is writing to the index at {tmp_path}\n"
        )
        note.write_text(json.dumps({**_note(), "pid": ended.pid, "host": "elsewhere"}))
        assert "on elsewhere, since" in str(other.refusal())
        note.write_text(json.dumps({**_note(), "command": "x" * 999}))
        assert f"{'x' * 200}…' (" in str(other.refusal())
    assert not note.exists()
    assert other.acquire()
    other.release()
    other.release()  # once is enough


def _note() -> dict[str, object]:
    this = Writer.this()
    return {name: getattr(this, name) for name in Writer.__slots__}


def test_the_process_of_another_user_is_alive(tmp_path: Path) -> None:
    with read_only(tmp_path):
        assert Writer(1, socket.gethostname(), "init", "2026-08-21T10:00:00+00:00").is_alive


# -- readers


def test_a_reader_does_not_wait_for_a_transaction(here: Path, ragkit: Terminal) -> None:
    with Rag(offline=True) as rag:
        rag.ingest("docs")
    index = Index.open(Path(".ragkit"), writing=True)
    with index.catalog.transaction():
        index.catalog.texts.remove_sources(["docs/bridge.md", "docs/model.md"])
        out = subprocess.run(
            [*RAGKIT, "search", "bridge", "--json"], capture_output=True, text=True, check=True
        ).stdout
        assert json.loads(out)["hits"][0]["path"] == "docs/bridge.md"
    assert ragkit("search", "bridge")[0] == 1
    index.close()


def read_by_command_line(index: Path, stop: Path) -> int:
    """Search with a new ``ragkit search`` each time; return how often."""
    witness = Witness()
    command = [*RAGKIT, "search", QUESTION, "-k", str(EVERYTHING), "--json", "--index", str(index)]
    while not stop.exists():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        witness.sees((hit["path"], hit["text"]) for hit in json.loads(done.stdout)["hits"])
    return witness.searches


def read_by_batch(index: Path, stop: Path) -> int:
    """Search with one ``ragkit search --batch -`` that lives on; return how often."""
    witness = Witness()
    command = [*RAGKIT, "search", "--batch", "-", "-k", str(EVERYTHING), "--index", str(index)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as reader:
        assert reader.stdin
        assert reader.stdout
        while not stop.exists():
            reader.stdin.write(QUESTION + "\n")
            found = json.loads(reader.stdout.readline())
            witness.sees((hit["path"], hit["text"]) for hit in found["hits"])
        reader.stdin.close()
        assert reader.wait(60) == 0
    return witness.searches


def read_by_library(way: str, index: Path, stop: Path) -> int:
    command = [sys.executable, "-m", "tests.reading", way, str(index), str(stop)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return int(json.loads(done.stdout)["searches"])


def read_while_written(folder: Path, seconds: float) -> tuple[int, list[int]]:
    """Let four readers read while a writer writes; return generations and searches of each."""
    docs, index, stop = folder / "docs", folder / ".ragkit", folder / "stop"
    ingest = [*RAGKIT, "ingest", str(docs), "--index", str(index), "--offline", "-q"]

    def write_generation(generation: int) -> None:
        write(docs, **{f"d{n:02}": document(n, generation) for n in range(DOCUMENTS)})
        for n in range(DOCUMENTS):  # another time, or the size alone would not tell
            os.utime(docs / f"d{n:02}.md", ns=(generation * 10**9, generation * 10**9))
        if generation % 3 == 1:  # a process of its own opens and closes all files
            subprocess.run(ingest, check=True, stdout=subprocess.DEVNULL)
        else:
            assert writer.ingest(docs).changed == DOCUMENTS

    writer = Rag(index, offline=True)
    write_generation(1)
    with writer, ThreadPoolExecutor(4) as pool:
        readers = [
            pool.submit(read_by_library, "open", index, stop),
            pool.submit(read_by_library, "anew", index, stop),
            pool.submit(read_by_command_line, index, stop),
            pool.submit(read_by_batch, index, stop),
        ]
        try:
            generation, until = 1, time.monotonic() + seconds
            while time.monotonic() < until and not any(reader.done() for reader in readers):
                generation += 1
                write_generation(generation)
        finally:
            stop.touch()
        searches = [reader.result() for reader in readers]
    with Rag(index) as rag:
        assert not rag.check()
        assert rag.status().chunks == DOCUMENTS * SECTIONS
    return generation, searches


def test_readers_see_whole_documents_while_they_are_written(tmp_path: Path) -> None:
    generations, searches = read_while_written(tmp_path, 3)
    assert generations > 1
    assert all(searches)


@pytest.mark.soak
def test_readers_see_whole_documents_for_a_minute(tmp_path: Path) -> None:
    generations, searches = read_while_written(tmp_path, 60)
    print(f"\n{generations} generations, searches of four readers: {searches}")  # noqa: T201
    assert generations > 1
    assert all(searches)
