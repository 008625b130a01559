"""Ctrl-C and SIGTERM: once finishes the request under way and keeps it, twice ends at once."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.types import FloatMatrix, Progress
from tests.embedders import HashingEmbedder
from tests.ollama_server import Server
from tests.test_cli import RAGKIT
from tests.test_ingest import write
from tests.test_through_ollama import many, texts_sent


class Presses:
    """Notes the stages of the steps it is shown, and presses Ctrl-C at the first of each given."""

    def __init__(self, *stages: str) -> None:
        self.seen: list[str] = []
        self._waiting = list(stages)

    def __call__(self, step: Progress) -> None:
        self.seen.append(step.stage)
        if self._waiting[:1] == [step.stage]:
            del self._waiting[0]
            signal.raise_signal(signal.SIGINT)


class WaitsFor(HashingEmbedder):
    """Answers once a stage was shown."""

    def __init__(self, presses: Presses, stage: str) -> None:
        super().__init__()
        self._presses, self._stage = presses, stage

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        while self._stage not in self._presses.seen:
            time.sleep(0.01)
        return super().embed_documents(texts)


@pytest.mark.parametrize("stage", ["walk", "read", "embed", "publish"])
def test_an_interrupt_while_a_step_is_shown_is_told_to_the_ingest(
    tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.embedding.requests.SHOW_EVERY_S", 0.01)
    docs = write(tmp_path / "docs", **{f"n{i:03}": f"number{i}" for i in range(200)})
    presses = Presses(stage)
    embedder = WaitsFor(presses, "embed" if stage == "embed" else "walk")
    with Rag(tmp_path / ".ragkit", embedder=embedder) as rag:
        with pytest.raises(KeyboardInterrupt):
            rag.ingest(docs, progress=presses)
        # Before anything was read nothing is under way, and at the end all is stored.
        assert (presses.seen[-1] == "stop") == (stage in ("read", "embed"))
        kept = {"walk": [0], "read": [0], "embed": [128, 200], "publish": [200]}[stage]
        assert rag.status().files in kept  # whole batches
        assert not rag.check()
        assert rag.ingest(docs).files == 200


@pytest.mark.parametrize("stage", ["reindex", "read"])
def test_an_interrupt_of_a_reindex_is_told_before_and_after_the_switch(
    tmp_path: Path, stage: str
) -> None:
    docs = write(tmp_path / "docs", **{f"n{i:03}": f"number{i}" for i in range(300)})
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(docs)
        write(docs, new="A file that is new.")
        presses = Presses(stage)
        with pytest.raises(KeyboardInterrupt):
            rag.ingest(docs, reindex=True, progress=presses)
        assert presses.seen[-2:] == [stage, "stop"]
        assert not rag.check()
        report = rag.ingest(docs, reindex=True)
        assert (report.files, report.new) == (301, 1)


def test_a_second_interrupt_while_a_step_is_shown_ends_at_once(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", **{f"n{i:03}": f"number{i}" for i in range(200)})
    presses = Presses("read", "stop")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        with pytest.raises(KeyboardInterrupt):
            rag.ingest(docs, progress=presses)
        assert presses.seen == ["walk", "read", "stop"]
        assert rag.ingest(docs).new == 200


@contextmanager
def ingesting(folder: Path, server: Server) -> Iterator[subprocess.Popen[str]]:
    """Run an ingest of many documents; yield it when its first request has come."""
    with Rag(folder / ".ragkit", host=server.url) as rag:  # what the server is asked once is past
        rag.ingest(write(folder / "few", one="a bridge"))
    many(folder / "docs", 20)
    server.forget()
    command = [*RAGKIT, "ingest", str(folder / "docs"), "--host", server.url]
    command += ["--index", str(folder / ".ragkit")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not server.requests_to("/api/embed"):
            time.sleep(0.01)
        yield process


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_once_finishes_the_request_under_way_and_keeps_it(
    tmp_path: Path, ollama: Server, sign: signal.Signals, code: int
) -> None:
    ollama.faults.only = "/api/embed"
    with ingesting(tmp_path, ollama) as process:
        ollama.faults.first_byte_s = 0.5
        process.send_signal(sign)
        said = process.stderr.read() if process.stderr else ""
        assert process.wait(30) == code, said
    assert said.startswith("finishing the request under way; Ctrl-C again stops at once\n")
    assert said.endswith("Interrupted; what was finished is kept.\n")
    ollama.faults.first_byte_s = 0.0
    sent = texts_sent(ollama)
    assert 0 < sent < 280
    ollama.forget()
    with Rag(tmp_path / ".ragkit", host=ollama.url) as rag:
        assert rag.status().vectors == 1 + sent
        assert not rag.check()
        rag.ingest(tmp_path / "docs")
        assert texts_sent(ollama) == 280 - sent


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_twice_does_not_wait_for_the_server(
    tmp_path: Path, ollama: Server, sign: signal.Signals, code: int
) -> None:
    ollama.faults.only = "/api/embed"
    with Rag(tmp_path / ".ragkit", host=ollama.url) as rag:
        rag.ingest(write(tmp_path / "few", one="a bridge"))
    ollama.faults.first_byte_s = 60.0
    many(tmp_path / "docs", 20)
    ollama.forget()
    command = [*RAGKIT, "ingest", str(tmp_path / "docs"), "--host", ollama.url]
    with subprocess.Popen(
        [*command, "--index", str(tmp_path / ".ragkit")], stderr=subprocess.PIPE, text=True
    ) as process:
        while not ollama.requests_to("/api/embed"):
            time.sleep(0.01)
        assert process.stderr
        process.send_signal(sign)
        assert "finishing the request under way" in process.stderr.readline()
        process.send_signal(sign)
        assert process.wait(30) == code
