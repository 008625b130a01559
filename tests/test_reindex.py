"""All passages embedded anew beside the old vectors: killed, stopped, gone on with, never mixed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import pytest

from ragkit import Rag
from ragkit.errors import IndexDamagedError, IndexStaleError, OllamaError
from ragkit.index import beside, survey
from ragkit.index.beside import begun
from ragkit.index.folder import Index
from ragkit.protocols import Embedder
from ragkit.types import FloatMatrix, Progress, Ways
from tests.embedders import HashingEmbedder
from tests.ollama_server import Server, serve
from tests.test_cli import Terminal, ragkit
from tests.test_damage import damage
from tests.test_ingest import write
from tests.test_repair import torn
from tests.test_through_ollama import many, texts_sent

__all__ = ["ragkit"]  # a fixture

OLD, NEW = "ollama:nomic-embed-text", "ollama:bge-m3"
COUNT = 420  # passages, of 30 documents
QUESTION = "number3x7"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents, and an index of them made with the old model."""
    folder = tmp_path_factory.mktemp("made")
    docs = many(folder / "docs", COUNT // 14)
    with serve() as server, Rag(folder / ".ragkit", host=server.url) as rag:
        assert rag.ingest(docs).embedded == COUNT
    return folder


@pytest.fixture
def docs(made: Path, tmp_path: Path, ollama: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The documents, with the index beside them."""
    here = shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(here)
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    return here / "docs"


def started(*arguments: str) -> subprocess.Popen[bytes]:
    """Start the real command line, in a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ragkit", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def killed_when(is_time: Callable[[], bool], *arguments: str) -> None:
    """Start the command line and kill it at some instant, or let it end before that."""
    with started(*arguments) as process:
        while process.poll() is None and not is_time():
            time.sleep(0.0002)  # or it has only what this leaves of the machine
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None


def is_whole(embedder: str) -> None:
    """Hold the index to have all vectors of an embedder, and to be found by them."""
    with Rag() as rag:
        status = rag.status()
        assert (status.embedder, status.vectors, status.without_vectors) == (embedder, COUNT, 0)
        assert not rag.check()
        assert rag.search(QUESTION, mode="dense")[0].path == "docs/n003.md"


# -- killed


@pytest.mark.no_cover
@pytest.mark.parametrize("sent", [1, COUNT])
def test_killed_while_it_embeds_both_are_whole_and_it_goes_on(
    docs: Path, ollama: Server, sent: int
) -> None:
    ollama.embed_s = 0.001
    command = ("ingest", "--reindex", "--embed-model", "bge-m3")
    killed_when(lambda: texts_sent(ollama) > sent, *command)
    is_whole(OLD)
    with Rag() as rag:
        built = rag.status().reindexing
        stored = built[1] if built else 0
        assert stored < COUNT
        assert sent - 3 * 128 <= stored  # what was under way is lost
        assert rag.ingest().unchanged == 30  # as it was
        write(docs, zebra="# Zebra\n\nA zebra has stripes.\n")
        assert rag.ingest().embedded == 1
        assert rag.search("zebra stripes", mode="dense")[0].path == "docs/zebra.md"
        (docs / "zebra.md").unlink()
        assert rag.ingest().removed == 1
    ollama.forget()
    with started(*command) as process:
        assert process.wait(60) == 0
    new = [body for body in ollama.requests_to("/api/embed") if body["model"] == "bge-m3"]
    assert sum(len(body["input"]) for body in new) == COUNT - stored + 1  # and the fixed text
    is_whole(NEW)
    assert not Path(".ragkit/reindex").exists()


@pytest.mark.no_cover
@pytest.mark.parametrize("share", [0.02, 1.8, 2.05])
def test_killed_while_it_switches_it_is_one_or_the_other(
    docs: Path, ollama: Server, share: float
) -> None:
    log = Path(".ragkit/catalog.sqlite-wal")

    def is_time() -> bool:
        written = log.stat().st_size if log.exists() else 0
        return texts_sent(ollama) >= COUNT and written > share * COUNT * 4096

    killed_when(is_time, "ingest", "--reindex", "--embed-model", "bge-m3")
    with Rag() as rag:
        found = rag.status().embedder
    is_whole(found)
    ollama.forget()
    with Rag(embed_model="bge-m3") as rag:
        rag.ingest(reindex=True)
    assert texts_sent(ollama) <= 2  # what was built is not built again
    is_whole(NEW)


@pytest.mark.soak
def test_killed_at_any_instant(docs: Path, ollama: Server) -> None:
    models = ["bge-m3", "nomic-embed-text"]
    for _ in range(60):
        until = time.monotonic() + random.uniform(0.3, 2.5)
        command = ("ingest", "--reindex", "--embed-model", models[0])
        killed_when(lambda until=until: time.monotonic() > until, *command)  # type: ignore[misc]
        with Rag() as rag:
            found = rag.status().embedder
        is_whole(found)
        if found == f"ollama:{models[0]}":
            models.reverse()


# -- stopped, and gone on with


def stop_at(rag: Rag, texts: int, **more: Unpack[Ways]) -> None:
    ways: Ways = {"reindex": True, **more}
    steps = rag.ingesting(**ways)
    for step in steps:
        if step.stage == "reindex" and step.report.embedded >= texts:
            break
    steps.close()


def test_what_was_begun_goes_on_without_naming_it(
    docs: Path, ollama: Server, ragkit: Terminal
) -> None:
    with Rag(embed_model="bge-m3", embed_options={"num_ctx": 1024}) as rag:
        stop_at(rag, 100)
        built = rag.status().reindexing
        assert built is not None
        assert built[0] == NEW
        assert 100 <= built[1] < COUNT
    told = f"{built[1]} texts embedded with {NEW}: 'ragkit ingest --reindex' goes on"
    assert told in ragkit("status")[1]
    ollama.forget()
    assert ragkit.json("ingest", "--reindex", "--dry-run")["estimate"]["texts"] == COUNT - built[1]
    assert ragkit("ingest")[0] == 0
    assert not [b for b in ollama.requests_to("/api/embed") if b["model"] == "bge-m3"]
    report = ragkit.json("ingest", "--reindex")
    assert (report["chunks"], report["embedded"]) == (COUNT, COUNT - built[1])
    bodies = [body for body in ollama.requests_to("/api/embed") if body["model"] == "bge-m3"]
    assert {body["options"]["num_ctx"] for body in bodies} == {1024}
    is_whole(NEW)
    assert "reindexing" not in ragkit("status")[1]


def test_the_old_vectors_answer_until_the_switch(
    docs: Path, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama.embed_s = 0.002  # so that it is looked at while a request is under way
    monkeypatch.setattr("ragkit.embedding.requests.SHOW_EVERY_S", 0.1)
    with Rag() as reading, Rag(embed_model="bge-m3") as writing:
        asked = []
        for step in writing.ingesting(reindex=True):
            before = len(ollama.requests_to("/api/embed"))
            assert reading.search(QUESTION, mode="dense")[0].path == "docs/n003.md"
            sent = ollama.requests_to("/api/embed")[before:]
            by_search = {body["model"] for body in sent if len(body["input"]) == 1}
            asked.append((step.stage, by_search))
    stages = [stage for stage, _ in asked]
    switched = stages.index("publish")
    assert stages[: switched + 1].count("reindex") >= 4
    assert all("nomic-embed-text" in models for _, models in asked[: switched + 1])
    assert all(models == {"bge-m3"} for _, models in asked[switched + 1 :])
    assert asked[-1][0] == "done"


def test_a_question_is_answered_though_it_is_switched_meanwhile(
    docs: Path, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = Index.require_same_vectors
    with Rag() as reading, Rag(embed_model="bge-m3") as writing:
        meanwhile = [lambda: writing.ingest(reindex=True)]

        def compared(index: Index, embedder: Embedder) -> bool:
            if meanwhile:
                meanwhile.pop()()
            return compare(index, embedder)

        monkeypatch.setattr(Index, "require_same_vectors", compared)
        assert reading.search(QUESTION, mode="dense")[0].path == "docs/n003.md"
    is_whole(NEW)


def test_a_server_that_goes_away_leaves_what_was_built(docs: Path, ollama: Server) -> None:
    def fail(step: Progress) -> None:
        if step.report.embedded >= 200:
            ollama.faults.no_memory = True

    with Rag(embed_model="bge-m3") as rag:
        with pytest.raises(OllamaError, match="memory"):
            rag.ingest(reindex=True, progress=fail)
        ollama.faults.no_memory = False
        built = rag.status().reindexing
        assert built is not None
        assert built[1] >= 200
        is_whole(OLD)
        assert rag.ingest(reindex=True).embedded == COUNT - built[1]
    is_whole(NEW)


def test_an_interrupt_finishes_the_request_under_way(docs: Path, ollama: Server) -> None:
    ollama.embed_s = 0.003
    command = [sys.executable, "-m", "ragkit", "ingest", "--reindex", "--embed-model", "bge-m3"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while texts_sent(ollama) < 2:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        assert "finishing the request under way" in process.stderr.readline()
        assert process.wait(20) == 130
    with Rag() as rag:
        built = rag.status().reindexing
        assert built is not None
        assert built[1] >= 128
        # What is handed over in the very moment of the interrupt is not waited for.
        assert texts_sent(ollama) - 1 - built[1] in (0, 128)
    is_whole(OLD)


def test_an_interrupt_is_told_to_who_watches(docs: Path) -> None:
    class Interrupting(HashingEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
            if 128 <= len(self.embedded) < 200:
                signal.raise_signal(signal.SIGINT)
            return super().embed_documents(texts)

    seen: list[str] = []
    with Rag(embedder=Interrupting()) as rag:
        with pytest.raises(KeyboardInterrupt):
            rag.ingest(reindex=True, progress=lambda step: seen.append(step.stage))
        assert seen[-1] == "stop"
        assert rag.status().reindexing == ("test:hashing", 256)
        assert rag.ingest(reindex=True).embedded == COUNT - 256


# -- begun anew


def test_what_was_begun_with_another_model_is_given_up(docs: Path, ollama: Server) -> None:
    with Rag(embed_model="all-minilm") as rag:
        stop_at(rag, 100)
    with Rag(embed_model="bge-m3") as rag:
        assert rag.ingest(reindex=True).embedded == COUNT
    is_whole(NEW)


def test_what_was_begun_and_has_drifted_since_is_given_up(docs: Path, ollama: Server) -> None:
    with Rag(embed_model="bge-m3") as rag:
        stop_at(rag, 100)
    ollama.add(replace(ollama.models["bge-m3"], weights="others"))
    with Rag(embed_model="bge-m3") as rag:
        assert rag.ingest(reindex=True).embedded == COUNT
    is_whole(NEW)


def test_an_index_whose_vectors_have_drifted_is_embedded_anew(docs: Path, ollama: Server) -> None:
    ollama.add(replace(ollama.models["nomic-embed-text"], weights="others"))
    with Rag() as rag:
        with pytest.raises(IndexStaleError, match="--reindex"):
            rag.ingest()
        assert rag.ingest(reindex=True).embedded == COUNT
    is_whole(OLD)


@pytest.mark.usefixtures("docs")
def test_what_is_built_is_closed_again_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Path] = []

    def close(index: Index) -> None:
        closed.append(index.folder)
        real(index)

    def fails(*_: object, **__: object) -> None:
        raise IndexDamagedError("its row is damaged")

    with Rag(embed_model="bge-m3") as rag:
        stop_at(rag, 100)
        real = Index.close
        monkeypatch.setattr(Index, "close", close)
        with monkeypatch.context() as patch:
            patch.setattr(survey, "survey", fails)
            with pytest.raises(IndexDamagedError):
                rag.plan(reindex=True)
        assert [folder.name for folder in closed].count("reindex") == 1
        monkeypatch.setattr(beside, "_is_taken", fails)
        assert begun(rag.index()) is None
        assert closed[-1].name == "reindex"


def test_a_model_whose_vectors_have_another_length_now_is_refused(
    docs: Path, ollama: Server
) -> None:
    ollama.add(replace(ollama.models["nomic-embed-text"], dim=384))
    with Rag() as rag:
        with pytest.raises(IndexStaleError, match="384 numbers, not 768") as told:
            rag.ingest()
        assert "--reindex" in (told.value.hint or "")
        assert rag.ingest(reindex=True).embedded == COUNT
    is_whole(OLD)


def test_a_model_that_becomes_another_while_it_embeds_is_told(docs: Path, ollama: Server) -> None:
    other = replace(ollama.models["nomic-embed-text"], weights="others")
    (docs / "new.md").write_text("# New\n\nThe gnu walks.\n", "utf-8")

    def change(step: Progress) -> None:
        if step.stage == "publish":
            ollama.add(other)

    with Rag() as rag:
        with pytest.raises(IndexStaleError, match="gives other vectors"):
            rag.ingest(progress=change)
        assert rag.ingest(reindex=True).embedded == COUNT + 1


@pytest.mark.parametrize("left", [b"no database" * 1000, b"", None])
def test_what_was_begun_and_is_damaged_is_begun_anew(docs: Path, left: bytes | None) -> None:
    beside = Path(".ragkit/reindex")
    with Rag(embed_model="bge-m3") as rag:
        stop_at(rag, 100)
    file = beside / "catalog.sqlite"
    if left is None:  # the pages that vectors are found by are lost
        with closing(sqlite3.connect(file)) as db:
            roots = db.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name='vectors'")
            torn(beside, *[page - 1 for (page,) in roots])
    else:
        file.unlink()
        if left:
            file.write_bytes(left)
    with Rag() as rag:
        assert rag.status().reindexing is None
        assert rag.plan(reindex=True).texts == COUNT
        assert rag.ingest().unchanged == 30
    with Rag(embed_model="bge-m3") as rag:
        assert rag.ingest(reindex=True).embedded == COUNT
    is_whole(NEW)


def test_a_damaged_vector_is_built_again(docs: Path) -> None:
    with Rag(embed_model="bge-m3") as rag:
        stop_at(rag, 128)
        built = rag.status().reindexing
        assert built is not None
        damage(Path(".ragkit/reindex"), "UPDATE vectors SET vector=x'00' WHERE id<3")
        assert rag.ingest(reindex=True).embedded == COUNT - built[1] + 2
    is_whole(NEW)


# -- around the switch


def test_what_is_left_of_a_run_that_was_killed_just_after_goes(docs: Path, ollama: Server) -> None:
    beside, kept = Path(".ragkit/reindex"), Path("kept")
    with Rag(embed_model="bge-m3") as rag:
        for step in rag.ingesting(reindex=True):
            if step.stage == "publish" and not kept.exists():
                shutil.copytree(beside, kept)
        shutil.copytree(kept, beside)
        assert rag.status().reindexing is None
        ollama.forget()
        assert rag.ingest(reindex=True).embedded == 0  # it was done
        assert not beside.exists()
        shutil.copytree(kept, beside)
        rag.ingest()
        assert not beside.exists()
        assert rag.ingest(reindex=True).embedded == COUNT
    is_whole(NEW)


def test_passages_that_are_damaged_are_read_again(docs: Path) -> None:
    damage(Path(".ragkit"), "UPDATE chunks SET headings='[]x' WHERE id=20")
    damage(Path(".ragkit"), "UPDATE contents SET title='another' WHERE id=9")
    with Rag(embed_model="bge-m3") as rag:
        assert len(rag.check()) >= 2
        assert rag.ingest(reindex=True).embedded == COUNT
    is_whole(NEW)


def test_a_passage_that_the_new_model_has_no_vector_for_waits(docs: Path, ollama: Server) -> None:
    ollama.faults.nan = "number3x7"
    with Rag(embed_model="bge-m3") as rag:
        report = rag.ingest(reindex=True)
        assert [failure.path for failure in report.failed] == ["docs/n003.md"]
        assert rag.status().without_vectors == 1
        assert rag.search(QUESTION, mode="lexical")[0].path == "docs/n003.md"
        ollama.faults.nan = ""
        assert rag.ingest().embedded == 1
    is_whole(NEW)


def test_chunks_of_another_size_are_refused_before_anything(docs: Path, ollama: Server) -> None:
    ollama.forget()
    with (
        Rag(embed_model="bge-m3", chunk_tokens=100) as rag,
        pytest.raises(IndexStaleError, match="chunks of 200 tokens"),
    ):
        rag.ingest(reindex=True)
    assert texts_sent(ollama) == 1  # a text to learn its dimensions
    is_whole(OLD)


def test_one_s_own_embedder_can_take_the_place(docs: Path) -> None:
    with Rag(embedder=HashingEmbedder()) as rag:
        assert rag.ingest(reindex=True).embedded == COUNT
        assert rag.search(QUESTION, mode="dense")
        assert begun(rag.reader().index) is None
        assert not rag.check()


def test_changed_files_are_embedded_with_the_new_model_only(docs: Path, ollama: Server) -> None:
    write(docs, zebra="# Zebra\n\nA zebra has stripes.\n")
    with Rag(embed_model="bge-m3") as rag:
        report = rag.ingest(reindex=True)
        assert (report.new, report.chunks, report.embedded) == (1, COUNT + 1, COUNT + 1)
        assert rag.search("zebra", mode="dense")[0].path == "docs/zebra.md"
    assert {body["model"] for body in ollama.requests_to("/api/embed")} == {"bge-m3"}
