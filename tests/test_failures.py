"""What failed is known: why, whether for good, how often; it is tried again, marked meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.errors import ConfigError
from ragkit.types import Chunk, Document
from tests.embedders import HashingEmbedder
from tests.ollama_server import Server
from tests.test_cli import Terminal
from tests.test_damage import damage
from tests.test_ingest import LONG_AGO_NS, write
from tests.test_pdf import paged, shown, stream

QUESTION = "Who opened the bridge over the river?"
BROKEN = b"%PDF-1.7 and then nothing"
WHOLE = paged(shown("The first page is about bridges."), shown("The second is about rivers."))
TORN = paged(shown("The first page is about bridges."), stream(b"x", b"/Filter /NoSuchFilter"))


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


def put(file: Path, data: bytes, ns: int = LONG_AGO_NS) -> Path:
    """Write a file, long enough ago to be trusted unread."""
    file.write_bytes(data)
    os.utime(file, ns=(ns, ns))
    return file


def failed(ragkit: Terminal) -> list[dict[str, object]]:
    found: list[dict[str, object]] = ragkit.json("status", "--failed")["failed"]
    return found


# -- what is known, and when it is tried again


def test_a_file_that_failed_for_good_is_read_again_when_it_changes_or_is_asked_for(
    here: Path, ragkit: Terminal
) -> None:
    pdf = put(here / "docs/broken.pdf", BROKEN)
    code, out, err = ragkit("ingest", "docs", "--offline")
    assert (code, "3 files: 2 new" in out, "1 failed" in out) == (6, True, True)
    assert "failed: docs/broken.pdf: the PDF is broken" in err
    (known,) = failed(ragkit)
    assert datetime.now(UTC) - datetime.fromisoformat(str(known.pop("last"))) < timedelta(hours=1)
    assert str(known.pop("reason")).startswith("the PDF is broken: ")
    assert known == {
        "path": "docs/broken.pdf", "stage": "parse", "class": "permanent", "attempts": 1
    }  # fmt: skip
    code, out, err = ragkit("ingest")
    assert (code, "3 files: 0 new, 0 changed, 2 unchanged" in out) == (6, True)
    assert "failed: docs/broken.pdf: the PDF is broken" in err
    assert "1 of these failed for good and are as they were: not read again" in err
    assert ragkit.json("ingest")["not_retried"] == 1
    assert failed(ragkit)[0]["attempts"] == 1
    assert ragkit("ingest", "--retry-failed")[0] == 6
    assert failed(ragkit)[0]["attempts"] == 2
    assert ragkit("ingest", "--reread")[0] == 6
    assert failed(ragkit)[0]["attempts"] == 3
    put(pdf, BROKEN, LONG_AGO_NS + 1)
    assert ragkit("ingest")[0] == 6
    assert failed(ragkit)[0]["attempts"] == 4
    put(pdf, WHOLE, LONG_AGO_NS + 2)
    code, out, _ = ragkit("ingest")
    assert (code, "1 new" in out) == (0, True)
    assert not failed(ragkit)
    assert ragkit("status", "--failed")[1] == "nothing failed\n"


def test_a_file_that_was_just_written_is_read_again(here: Path, ragkit: Terminal) -> None:
    (here / "docs/broken.pdf").write_bytes(BROKEN)  # the next edit may have the same time
    for attempts in (1, 2):
        assert ragkit("ingest", "docs", "--offline")[0] == 6
        assert failed(ragkit)[0]["attempts"] == attempts


def test_what_nobody_foresaw_is_tried_again_by_each_run(here: Path) -> None:
    is_broken = True

    def chunker(document: Document) -> Iterator[Chunk]:
        if is_broken and "mayor" in document.text:
            raise RuntimeError("no mayors")
        yield Chunk(document.text, 0, len(document.text), (1, 3))

    with Rag(embedder=HashingEmbedder(), chunker=chunker) as rag:
        for attempts in (1, 2):
            assert rag.ingest("docs").not_retried == 0
            (known,) = rag.status().failed
            assert (known.stage, known.permanent, known.attempts) == ("parse", False, attempts)
        is_broken = False
        assert rag.ingest().failed == rag.status().failed == ()


def test_a_limit_is_asked_each_time(here: Path, ragkit: Terminal) -> None:
    put(here / "docs/large.txt", b"word " * 250_000)
    assert ragkit("ingest", "docs", "--offline", "--max-file-mb", "1")[0] == 6
    (here / "docs/large.txt").write_bytes(b"word " * 100)
    os.truncate(here / "docs/large.txt", 500)
    assert ragkit("ingest", "--max-file-mb", "2")[0] == 0


def test_only_what_failed_is_retried(here: Path, ragkit: Terminal) -> None:
    put(here / "docs/broken.pdf", BROKEN)
    ragkit("ingest", "docs", "--offline")
    put(here / "docs/broken.pdf", WHOLE)
    write(here / "docs", new="Something new about giraffes.")
    (here / "docs/model.md").unlink()
    planned = ragkit.json("ingest", "--retry-failed", "--dry-run")["files"]
    assert [(one["path"], one["action"]) for one in planned] == [("docs/broken.pdf", "new")]
    code, out, _ = ragkit("ingest", "--retry-failed")
    assert (code, out.startswith("1 files: 1 new, 0 changed, 0 unchanged, 0 removed")) == (0, True)
    assert {one["path"] for one in ragkit.json("ls")} == {
        "docs/bridge.md", "docs/broken.pdf", "docs/model.md",
    }  # fmt: skip
    code, out, _ = ragkit("ingest", "--retry-failed")  # nothing did
    assert (code, out.startswith("0 files: ")) == (0, True)
    assert "1 new, 0 changed, 2 unchanged, 1 removed" in ragkit("ingest")[1]


def test_a_failed_file_that_is_gone_is_forgotten(here: Path, ragkit: Terminal) -> None:
    pdf = put(here / "docs/broken.pdf", BROKEN)
    ragkit("ingest", "docs", "--offline")
    pdf.unlink()
    assert ragkit("ingest", "--retry-failed")[0] == 0
    assert not failed(ragkit)


def test_what_cannot_be_retried_is_refused(here: Path, ragkit: Terminal) -> None:
    assert ragkit("ingest", "--retry-failed", "docs", "--offline")[0] == 5  # no index yet
    assert not Path(".ragkit").exists()
    ragkit("ingest", "docs", "--offline")
    for other in ("--reread", "--reindex"):
        code, _, err = ragkit("ingest", "--retry-failed", other)
        assert (code, "leave one of them out" in err) == (2, True)
    with Rag() as rag, pytest.raises(ConfigError):
        rag.plan(retry_failed=True, reread=True)


def test_a_dry_run_says_what_would_not_be_read_again(here: Path, ragkit: Terminal) -> None:
    put(here / "docs/broken.pdf", BROKEN)
    put(here / "docs/torn.pdf", TORN)
    ragkit("ingest", "docs", "--offline")
    planned = {one["path"]: one for one in ragkit.json("ingest", "--dry-run")["files"]}
    assert planned["docs/broken.pdf"]["action"] == "fail"
    assert planned["docs/broken.pdf"]["reason"].endswith(": not read again as it is")
    assert planned["docs/torn.pdf"]["action"] == "unchanged"


# -- pages


def test_a_page_that_cannot_be_read_is_a_failure_of_its_own(here: Path, ragkit: Terminal) -> None:
    pdf = put(here / "docs/guide.pdf", TORN)
    code, out, err = ragkit("ingest", "docs", "--offline")
    assert code == 6
    assert "3 files: 3 new, 0 changed, 0 unchanged, 0 removed, 0 skipped, 0 failed" in out
    assert "1 pages failed: 'ragkit status --failed' lists them" in out
    assert "failed: docs/guide.pdf#page=2: it cannot be read: " in err
    (known,) = failed(ragkit)
    assert {name: known[name] for name in ("path", "page", "stage", "class", "attempts")} == {
        "path": "docs/guide.pdf", "page": 2, "stage": "parse", "class": "permanent", "attempts": 1
    }  # fmt: skip
    head, row = ragkit("status", "--failed")[1].splitlines()
    assert head.split() == ["failed", "stage", "class", "attempts", "last", "reason"]
    assert row.split()[:4] == ["docs/guide.pdf#page=2", "parse", "permanent", "1"]
    assert "failed     docs/guide.pdf#page=2: it cannot" in ragkit("status")[1]
    found = ragkit.json("search", "first page")["hits"][0]
    assert (found["path"], "stale" in found) == ("docs/guide.pdf", False)  # page 1 is as it is
    assert ragkit("ingest")[0] == 6  # it is still so
    assert failed(ragkit)[0]["attempts"] == 1
    report = ragkit.json("ingest", "--retry-failed")
    assert (report["files"], report["embedded"]) == (1, 0)
    assert failed(ragkit)[0]["attempts"] == 2
    assert "1 pages could not be read" in ragkit("doctor", "--offline")[1]
    put(pdf, WHOLE)
    assert ragkit("ingest")[0] == 0
    assert not failed(ragkit)


def test_a_copy_lacks_the_same_pages(here: Path, ragkit: Terminal) -> None:
    pdf = put(here / "docs/guide.pdf", TORN)
    ragkit("ingest", "docs", "--offline")
    shutil.copy2(pdf, here / "docs/copy.pdf")
    os.utime(pdf, ns=(LONG_AGO_NS + 5, LONG_AGO_NS + 5))  # touched: it is read no more than that
    report = ragkit.json("ingest")
    assert (report["new"], report["unchanged"], report["embedded"]) == (1, 3, 0)
    assert [(one["path"], one["page"], one["attempts"]) for one in failed(ragkit)] == [
        ("docs/copy.pdf", 2, 1),
        ("docs/guide.pdf", 2, 1),
    ]
    pdf.unlink()
    ragkit("ingest")
    assert [one["path"] for one in failed(ragkit)] == ["docs/copy.pdf"]


# -- what answers meanwhile


@pytest.fixture
def stale(here: Path, ragkit: Terminal) -> Path:
    """An index whose docs/bridge.md could not be read again."""
    ragkit("ingest", "docs", "--offline")
    put(here / "docs/bridge.md", BROKEN)
    assert ragkit("ingest")[0] == 6
    return here


def test_the_text_that_a_file_had_answers_and_is_marked_everywhere(
    stale: Path, ragkit: Terminal
) -> None:
    code, out, err = ragkit("ask", QUESTION)
    assert code == 0
    assert "[1] docs/bridge.md:3 (stale)\n" in out
    assert err.startswith("note: what is marked (stale) is the older text of a file")
    answer = ragkit.json("ask", QUESTION)
    assert answer["citations"][0]["stale"] == ["docs/bridge.md"]
    assert len(answer["notes"]) == 1
    assert "1. docs/bridge.md:1-3 (stale)  (" in ragkit("search", QUESTION)[1]
    hits = {hit["path"]: hit for hit in ragkit.json("search", QUESTION)["hits"]}
    assert hits["docs/bridge.md"]["stale"] == ["docs/bridge.md"]
    assert "stale" not in hits["docs/model.md"]
    Path("asked.txt").write_text(QUESTION, "utf-8")
    for command in ("ask", "search"):
        assert '"stale": ["docs/bridge.md"]' in ragkit(command, "--batch", "asked.txt")[1]
    assert ragkit.json("ls")[0]["state"] == "stale"
    with Rag(strictness=0.0) as rag:
        assert rag.search(QUESTION)[0].stale == ("docs/bridge.md",)
        assert rag.ask(QUESTION).citations[0].stale == ("docs/bridge.md",)
        assert (
            "标有 (stale) 的是未能重新读取的文件的旧内容" in rag.ask("谁开通了 bridge？").notes[0]
        )
        assert not rag.ask("How long does a model stay loaded?").notes


def test_a_file_that_is_as_it_was_is_stale_no_more(stale: Path, ragkit: Terminal) -> None:
    text = "# Bridges\n\nThe bridge over the river was opened by the mayor in 1987.\n"
    put(stale / "docs/bridge.md", text.encode())
    code, out, _ = ragkit("ingest")
    assert (code, "2 unchanged" in out) == (0, True)
    assert "stale" not in ragkit("ask", QUESTION)[1]
    assert ragkit.json("ls")[0]["state"] == "indexed"


def test_of_equal_files_the_one_that_is_up_to_date_is_cited_first(
    here: Path, ragkit: Terminal
) -> None:
    shutil.copy2(here / "docs/bridge.md", here / "docs/copy.md")
    ragkit("ingest", "docs", "--offline")
    put(here / "docs/bridge.md", BROKEN)
    ragkit("ingest")
    assert "[1] docs/copy.md:3 (also docs/bridge.md (stale))\n" in ragkit("ask", QUESTION)[1]
    with Rag() as rag:
        hit = rag.search(QUESTION)[0]
        assert (hit.path, hit.also, hit.stale) == (
            "docs/copy.md", ("docs/bridge.md",), ("docs/bridge.md",)
        )  # fmt: skip


def test_files_of_a_folder_that_is_gone_are_stale(here: Path, ragkit: Terminal) -> None:
    ragkit("ingest", "docs", "--offline")
    (here / "docs").rename(here / "elsewhere")  # a disk that is not mounted
    assert ragkit("ingest")[0] == 6
    assert "(stale)" in ragkit("ask", QUESTION)[1]
    assert {one["state"] for one in ragkit.json("ls")} == {"failed", "stale"}
    (here / "elsewhere").rename(here / "docs")
    assert ragkit("ingest", "--retry-failed")[0] == 0
    assert {one["state"] for one in ragkit.json("ls")} == {"indexed"}


def test_a_file_whose_passage_has_no_vector_is_not_stale(
    here: Path, ragkit: Terminal, ollama: Server
) -> None:
    ollama.faults.nan = "mayor"
    assert ragkit("ingest", "docs", "--host", ollama.url)[0] == 6
    (known,) = failed(ragkit)
    assert (known["stage"], known["class"]) == ("embed", "transient")
    with Rag(host=ollama.url) as rag:
        assert rag.search("bridge", mode="lexical")[0].stale == ()
        ollama.faults.nan = ""
        assert rag.ingest(retry_failed=True).embedded == 1
        assert rag.status().failed == ()


# -- damage


@pytest.mark.no_cover
@pytest.mark.parametrize("change", ["reason='x'", "path=CAST(x'ff' AS TEXT)", "page='x'"])
def test_a_row_that_is_not_what_was_written_is_told_and_made_again(
    stale: Path, ragkit: Terminal, change: str
) -> None:
    damage(stale / ".ragkit", f"UPDATE failures SET {change}")
    for command in (["status"], ["ls"], ["search", QUESTION]):
        code, _, err = ragkit(*command)
        assert (code, "failed is not what was written\n  hint: ragkit ingest\n" in err) == (5, True)
    assert ragkit("check")[0] == 5
    code, _, err = ragkit("ingest")
    assert (code, "failed: docs/bridge.md" in err) == (6, True)
    assert [one["attempts"] for one in failed(ragkit)] == [1]
    assert ragkit("check")[0] == 0


def test_removed_files_take_their_failures_along(stale: Path, ragkit: Terminal) -> None:
    assert ragkit("rm", "docs/bridge.md")[0] == 0
    with Rag() as rag:
        assert rag.status().failed == ()
