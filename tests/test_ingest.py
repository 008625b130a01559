"""An ingest does no work twice, loses nothing in silence, and outlives what happens to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from ragkit import Rag, StructureChunker, ingest
from ragkit.errors import (
    IndexDamagedError,
    IndexStaleError,
    NoSuchPathError,
    NothingFoundError,
    OllamaUnreachableError,
)
from ragkit.loading.patterns import Choice
from ragkit.loading.walk import Found, walk
from ragkit.types import (
    Chunk,
    Document,
    Failure,
    FloatMatrix,
    IngestReport,
    Progress,
    Skipped,
)
from tests.embedders import HashingEmbedder

LONG_AGO_NS = 1_600_000_000 * 10**9


def write(folder: Path, **texts: str) -> Path:
    """Write ``name="text"`` as ``folder/name.md``, long enough ago to be trusted unread."""
    folder.mkdir(exist_ok=True, parents=True)
    for name, text in texts.items():
        file = folder / f"{name}.md"
        file.write_text(text, "utf-8")
        os.utime(file, ns=(LONG_AGO_NS, LONG_AGO_NS))
    return folder


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return write(
        tmp_path / "docs",
        bridge="# Bridges\n\nThe bridge over the river was opened by the mayor.",
        model="# Models\n\nA model stays loaded for five minutes.",
    )


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def rag(tmp_path: Path, embedder: HashingEmbedder) -> Iterator[Rag]:
    with Rag(tmp_path / ".ragkit", embedder=embedder) as made:
        yield made


def counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    return report.new, report.changed, report.unchanged, report.removed, report.embedded


def first(rag: Rag, question: str) -> str:
    return rag.search(question)[0].path


# -- what changed, and what did not


def test_a_second_run_reads_and_embeds_nothing(
    rag: Rag, docs: Path, embedder: HashingEmbedder
) -> None:
    assert counts(rag.ingest(docs)) == (2, 0, 0, 0, 2)
    embedder.embedded.clear()
    assert counts(rag.ingest()) == (0, 0, 2, 0, 0)
    assert not embedder.embedded


def test_a_first_run_walks_once_unless_its_folder_is_there(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[Path] = []

    def walked(root: Path, choice: Choice) -> Iterator[Found | Skipped | Failure]:
        walks.append(root)
        return walk(root, choice)

    monkeypatch.setattr("ragkit.index.survey.walk", walked)
    (docs / "kb").mkdir()  # it holds the lock before it holds an index
    for home, count in ((docs.parent / ".ragkit", 1), (docs / "kb", 2)):
        with Rag(home, embedder=HashingEmbedder()) as rag:
            assert rag.ingest(docs).files == 2
            assert rag.ingest(docs).unchanged == 2
        assert len(walks) == count + 1
        walks.clear()


def test_a_changed_file_embeds_only_what_is_new_in_it(
    rag: Rag, docs: Path, embedder: HashingEmbedder
) -> None:
    sections = [f"# Part {i}\n\n{' '.join(f'word{i}x{j}' for j in range(150))}" for i in range(3)]
    write(docs, parts="\n\n".join(sections))
    rag.ingest(docs)
    embedder.embedded.clear()
    sections[1] = sections[1].replace("word1x7", "giraffe")
    write(docs, parts="\n\n".join(sections) + "\n")
    assert rag.ingest(docs).changed == 1
    assert embedder.embedded
    assert all("Part 1" in text for text in embedder.embedded)
    assert first(rag, "giraffe") == "docs/parts.md"


def test_renamed_and_copied_files_cost_no_embedding(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    (docs / "bridge.md").rename(docs / "span.md")
    write(docs, copy=(docs / "model.md").read_text())
    assert counts(rag.ingest(docs)) == (2, 0, 1, 1, 0)
    (hit,) = [hit for hit in rag.search("model loaded minutes") if "Models" in hit.chunk.headings]
    assert (hit.path, hit.also) == ("docs/copy.md", ("docs/model.md",))
    assert first(rag, "bridge mayor") == "docs/span.md"


def test_touched_is_not_changed(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    (docs / "bridge.md").touch()
    actions = {reread: rag.plan(docs, reread=reread).files[0].action for reread in (False, True)}
    assert actions == {False: "unchanged", True: "changed"}
    assert counts(rag.ingest(docs)) == (0, 0, 2, 0, 0)


def test_an_edit_within_the_clocks_tick_is_seen(rag: Rag, docs: Path) -> None:
    file = docs / "bridge.md"
    file.write_text("one two")
    now = time.time_ns()
    os.utime(file, ns=(now, now))
    rag.ingest(docs)
    file.write_text("ten six")  # of the same size, at the same time
    os.utime(file, ns=(now, now))
    assert rag.ingest(docs).changed == 1
    assert "ten" in rag.text(file)


def test_the_same_text_in_another_encoding_is_the_same_document(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    text = (docs / "bridge.md").read_text()
    (docs / "wide.md").write_bytes(text.encode("utf-16"))
    report = rag.ingest(docs)
    assert (report.new, report.embedded) == (1, 0)
    assert rag.text(docs / "wide.md") == text


def test_reread_writes_all_rows_anew_and_embeds_nothing(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    assert counts(rag.ingest(docs, reread=True)) == (0, 2, 0, 0, 0)
    assert len(rag.search("the")) == 2


def test_vanished_files_leave_but_not_those_of_other_roots(rag: Rag, docs: Path) -> None:
    other = write(docs.parent / "other", far="Far away text.")
    rag.ingest(docs, other)
    (docs / "bridge.md").unlink()
    (other / "far.md").unlink()
    write(other, near="Near text.")
    assert rag.ingest(docs).removed == 1
    assert {listed.path for listed in rag.ls()} == {"docs/model.md", "other/far.md"}
    assert rag.ingest().removed == 1


@pytest.mark.no_cover
def test_vectors_that_nothing_uses_go_when_they_are_many(
    rag: Rag, docs: Path, embedder: HashingEmbedder
) -> None:
    for i in range(1100):
        write(docs, **{f"n{i}": f"number{i}"})
    rag.ingest(docs)
    for i in range(1100):
        (docs / f"n{i}.md").unlink()
    rag.ingest(docs)
    assert rag.status().vectors == 2


def test_an_empty_root_drops_nothing_and_a_missing_one_is_told(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    docs.rename(docs.with_name("away"))
    report = rag.ingest()
    assert [(f.path, f.reason.split(";")[0]) for f in report.failed] == [
        ("docs", "no longer there")
    ]
    write(docs, **{".hidden": ""})  # the mount point of a disk that is not there
    report = rag.ingest()
    assert counts(report) == (0, 0, 0, 0, 0)
    stay = "the 2 files that it held stay in the index until 'ragkit ingest --prune' drops them"
    assert report.notes == (("docs", f"it is empty; {stay}"),)
    assert first(rag, "bridge mayor") == "docs/bridge.md"
    with pytest.raises(NoSuchPathError):
        rag.ingest(docs / "no-such-folder")


def test_roots_may_overlap_and_be_files(rag: Rag, docs: Path) -> None:
    report = rag.ingest(docs, docs, docs / "bridge.md", docs.parent)
    assert (report.files, report.new) == (2, 2)
    assert rag.ingest().unchanged == 2


def test_a_folder_whose_files_are_all_ignored_is_not_empty(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    (docs / ".ragkitignore").write_text("*")
    assert counts(rag.ingest()) == (0, 0, 0, 2, 0)
    assert rag.ls() == []


def test_a_root_below_another_may_be_hidden_and_may_vanish(rag: Rag, docs: Path) -> None:
    write(docs / ".notes", hidden="A hidden giraffe.")
    write(docs / "more", zebra="A zebra.")
    rag.ingest(docs, docs / ".notes", docs / "more")
    assert rag.ingest(docs).unchanged == 4  # and not only what is seen from above
    (docs / "more/zebra.md").unlink()
    assert counts(rag.ingest()) == (0, 0, 3, 0, 0)  # more is empty
    (docs / "more").rmdir()
    report = rag.ingest()
    assert (report.removed, report.failed) == (1, ())
    assert counts(rag.ingest()) == (0, 0, 3, 0, 0)
    assert rag.status().roots == ("docs", "docs/.notes")
    docs.rename(docs.with_name("away"))
    assert [failure.path for failure in rag.ingest().failed] == ["docs", "docs/.notes"]
    assert len(rag.ls()) == 5  # with docs itself, which failed


def test_nothing_was_ever_ingested(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    rag.remove(docs)
    with pytest.raises(NothingFoundError, match="no folder was ever ingested"):
        rag.ingest()


# -- bad files cost themselves


def test_one_bad_file_ends_no_run_and_its_old_text_still_answers(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    (docs / "bridge.md").write_bytes(b"%PDF-1.7 and then nothing")
    write(docs, new="Something new about giraffes.")
    report = rag.ingest(docs)
    (failure,) = report.failed
    assert (failure.path, failure.stage) == ("docs/bridge.md", "parse")
    assert report.new == 1
    assert first(rag, "bridge mayor") == "docs/bridge.md"
    assert {f.path: f.state for f in rag.ls()} == {
        "docs/bridge.md": "stale",
        "docs/model.md": "indexed",
        "docs/new.md": "indexed",
    }
    rag.ingest(docs)
    assert [f.attempts for f in rag.status().failed] == [2]
    (docs / "bridge.md").unlink()
    rag.ingest(docs)
    assert not rag.status().failed


def test_a_file_that_became_binary_leaves(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    (docs / "bridge.md").write_bytes(b"\x89PNG\r\n")
    report = rag.ingest(docs)
    assert [(s.path, s.reason) for s in report.skipped] == [
        ("docs/bridge.md", "binary: a PNG image")
    ]
    assert report.files == 1
    assert [listed.path for listed in rag.ls()] == ["docs/model.md"]


def test_a_file_that_goes_while_it_is_read_is_a_failure_worth_trying_again(
    rag: Rag, docs: Path
) -> None:
    steps = rag.ingesting(docs)
    next(steps)
    next(steps)  # bridge.md
    (docs / "model.md").unlink()
    (failure,) = list(steps)[-1].report.failed
    assert (failure.path, failure.stage, failure.permanent) == ("docs/model.md", "read", False)


def test_a_file_over_the_limit_is_named_with_the_limit(tmp_path: Path, docs: Path) -> None:
    with (docs / "large.txt").open("wb") as file:
        file.truncate(2_000_001)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), max_file_mb=1) as rag:
        (failure,) = rag.ingest(docs).failed
    assert failure.reason.startswith("2 MB is more than the limit of 1 MB (raise it")


def test_a_chunker_that_fails_costs_the_file_not_the_run(tmp_path: Path, docs: Path) -> None:
    def chunker(document: Document) -> Iterator[Chunk]:
        if "mayor" in document.text:
            raise RuntimeError("no mayors")
        yield Chunk(document.text, 0, len(document.text), (1, 3))

    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), chunker=chunker) as rag:
        report = rag.ingest(docs)
        assert [(f.path, f.reason) for f in report.failed] == [
            ("docs/bridge.md", "RuntimeError: no mayors")
        ]
        assert rag.search("model")[0].chunk.text.endswith("five minutes.")


def test_a_damaged_catalog_is_no_fault_of_a_file(rag: Rag, docs: Path, tmp_path: Path) -> None:
    rag.ingest(docs)
    write(docs, new="A giraffe.")
    with sqlite3.connect(tmp_path / ".ragkit/catalog.sqlite") as db:
        db.execute("DROP TABLE failures")
        db.execute("DROP TABLE vectors")
        columns = "path, page, stage, reason, permanent, attempts, last, size, mtime_ns, seal"
        db.execute(f"CREATE TABLE failures({columns})")
    db.close()
    with pytest.raises(IndexDamagedError, match="no such table: vectors"):
        rag.ingest()


def test_pages_without_text_and_notes_are_counted(rag: Rag, docs: Path) -> None:
    (docs / "legacy.txt").write_bytes("déjà vu à la crème brûlée".encode("cp1252"))
    report = rag.ingest(docs)
    assert report.notes == (("docs/legacy.txt", "read as cp1252: it is not UTF-8"),)


# -- long runs, and runs that are stopped


def test_documents_longer_than_a_batch_and_many_batches(
    rag: Rag, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_TEXTS", 4)
    monkeypatch.setattr(ingest, "PUBLISH_CHUNKS", 10)
    write(docs, long="\n\n".join(f"Paragraph {i}. " + f"word{i} " * 120 for i in range(20)))
    write(docs, same="\n\n".join(f"Paragraph {i}. " + f"word{i} " * 120 for i in range(20)) + "\n")
    report = rag.ingest(docs)
    assert report.new == 4
    assert report.embedded < report.chunks  # the two share all but a line's end
    assert not rag.check()
    assert first(rag, "word13") in ("docs/long.md", "docs/same.md")


def test_progress_counts_files_and_bytes(rag: Rag, docs: Path) -> None:
    steps: list[Progress] = []
    rag.ingest(docs, progress=steps.append)
    assert [step.stage for step in steps] == ["walk", "read", "read", "publish", "done"]
    assert [step.files_done for step in steps] == [0, 0, 1, 2, 2]
    assert steps[-1].bytes_done == steps[-1].bytes_total > 0
    assert steps[-1].report.new == 2


def test_an_interrupt_keeps_what_was_finished(rag: Rag, tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", **{f"n{i:03}": f"number{i}" for i in range(600)})

    def interrupt(step: Progress) -> None:
        if step.files_done == 400 and step.stage == "read":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        rag.ingest(docs, progress=interrupt)
    assert rag.status().files == 384  # with the batch that was being embedded
    assert first(rag, "number7") == "docs/n007.md"
    assert not rag.check()
    report = rag.ingest(docs)
    assert (report.new, report.unchanged, report.embedded) == (216, 384, 216)


def test_an_interrupt_while_a_file_is_read_is_told_to_who_watches(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", one="a bridge", two="a river")

    def chunker(document: Document) -> Iterator[Chunk]:
        if "river" in document.text:
            signal.raise_signal(signal.SIGINT)
        return StructureChunker()(document)

    seen: list[str] = []
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), chunker=chunker) as rag:
        with pytest.raises(KeyboardInterrupt):
            rag.ingest(docs, progress=lambda step: seen.append(step.stage))
        assert seen == ["walk", "read", "read", "stop"]


def test_a_run_that_is_abandoned_at_once_keeps_nothing(rag: Rag, tmp_path: Path) -> None:
    steps = rag.ingesting(write(tmp_path / "docs", one="a bridge"))
    assert [next(steps).stage, next(steps).stage] == ["walk", "read"]
    steps.close()
    assert rag.status().files == 0


def test_a_run_that_is_abandoned_keeps_what_was_stored(rag: Rag, tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", **{f"n{i:03}": f"number{i}" for i in range(600)})
    steps = rag.ingesting(docs)
    for step in steps:
        if step.files_done == 590:
            break
    steps.close()
    assert rag.status().files == 512  # the batch in hand was not handed over
    assert first(rag, "number7") == "docs/n007.md"
    assert rag.ingest().embedded == 88


class Slow(HashingEmbedder):
    """Takes its time for a request."""

    request_s = 0.3

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        time.sleep(self.request_s)
        return super().embed_documents(texts)


def test_a_run_that_is_abandoned_while_it_embeds_keeps_the_request_under_way(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.embedding.requests.SHOW_EVERY_S", 0.01)
    with Rag(tmp_path / ".ragkit", embedder=Slow()) as rag:
        steps = rag.ingesting(docs)
        stages = (step.stage for step in steps)
        assert "embed" in stages  # it is being waited for
        steps.close()
        assert (rag.status().files, rag.ingest().embedded) == (2, 0)


class FailsAfter(HashingEmbedder):
    """Fails at its second request."""

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        if self.embedded:
            raise RuntimeError("the server went away")
        return super().embed_documents(texts)


def test_an_embedder_that_fails_ends_the_run_and_keeps_the_rest(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", **{f"n{i:03}": f"number{i}" for i in range(600)})
    with Rag(tmp_path / ".ragkit", embedder=FailsAfter()) as rag:
        with pytest.raises(RuntimeError, match="went away"):
            rag.ingest(docs)
        assert rag.status().files == 128


# -- one embedder to an index


def test_another_embedder_or_chunk_size_is_refused(rag: Rag, docs: Path, tmp_path: Path) -> None:
    rag.ingest(docs)
    other = Rag(tmp_path / ".ragkit", embedder=HashingEmbedder("test:other"))
    for use in (lambda: other.ingest(docs), lambda: other.search("bridge")):
        with pytest.raises(IndexStaleError, match="made with the embedder test:hashing"):
            use()
    smaller = Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), chunk_tokens=100)
    with pytest.raises(IndexStaleError, match="chunks of 200 tokens, not 100"):
        smaller.ingest(docs)
    with Rag(tmp_path / "small", embedder=HashingEmbedder(), chunk_tokens=100) as small:
        small.ingest(docs)
    with Rag(tmp_path / "small", embedder=HashingEmbedder()) as small:  # it is remembered
        write(docs, long="word " * 1000)
        small.ingest()
        assert small.status().chunk_tokens == 100
        assert small.status().chunks > 9
    with pytest.raises(IndexStaleError, match="by the chunker 'structure', not 'page'") as told:
        Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), chunker="page").ingest(docs)
    assert "--chunker structure" in told.value.hint
    nameless = Rag(tmp_path / ".ragkit")
    with pytest.raises(IndexStaleError, match="embedder test:hashing, which is not at hand"):
        nameless.search("bridge")
    with pytest.raises(IndexStaleError, match="not at hand"):
        nameless.ingest(docs)


def test_an_index_keeps_its_embedder_without_being_told_again(tmp_path: Path, docs: Path) -> None:
    with Rag(tmp_path / ".ragkit") as rag, pytest.raises(OllamaUnreachableError) as failed:
        rag.ingest(docs)
    assert "ollama serve" in failed.value.hint
    assert "--offline" in failed.value.hint
    assert not (tmp_path / ".ragkit").exists()
    with Rag(tmp_path / ".ragkit", offline=True) as rag:
        rag.ingest(docs)
    with Rag(tmp_path / ".ragkit") as rag:
        assert rag.ingest().unchanged == 2
        assert rag.ask("Who opened the bridge over the river?").embedder == "builtin:wordllama-256"


def test_rows_of_the_wrong_shape_are_refused(tmp_path: Path, docs: Path) -> None:
    class Short(HashingEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
            return np.ones(self.shape, np.float32)

        shape = (1, 32)

    for shape in ((1, 32), (2, 31), (2,)):
        Short.shape = shape  # type: ignore[assignment]
        with (
            Rag(tmp_path / ".ragkit", embedder=Short()) as rag,
            pytest.raises(ValueError, match=r"gave vectors .*, not \(2, 32\)"),
        ):
            rag.ingest(docs)


@pytest.mark.parametrize("number", [0, np.nan, np.inf, 3e38])
def test_a_vector_that_is_none_costs_its_passage_only(
    tmp_path: Path, docs: Path, number: float
) -> None:
    class Odd(HashingEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
            rows = 7 * super().embed_documents(texts)  # not of unit length
            rows[["bridge" in text for text in texts]] = number
            return rows

    with Rag(tmp_path / ".ragkit", embedder=Odd()) as rag:
        (failure,) = rag.ingest(docs).failed
        assert failure.stage == "embed"
        assert "gave zeros or no numbers" in failure.reason
        assert rag.status().without_vectors == 1
        assert first(rag, "bridge") == failure.path
        assert not rag.check()


def test_an_interrupt_within_a_long_document_finishes_one_request_of_it(tmp_path: Path) -> None:
    docs = write(
        tmp_path / "docs", long="".join(f"# Part {i}\n\nword{i} " * 40 for i in range(2000))
    )
    slow = Slow()
    with Rag(tmp_path / ".ragkit", embedder=slow) as rag:

        def interrupt(step: Progress) -> None:
            if step.stage == "embed":
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            rag.ingest(docs, progress=interrupt)
        status = rag.status()
        assert status.files == 0
        assert 0 < status.vectors < 1000
        slow.request_s = 0.0
        assert rag.ingest(docs).embedded > 1000
