"""One text may have many homes: it is embedded once, cited with all, and outlives each of them.

Counted at the server: what a request asks for is what an ingest costs.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ragkit import Rag
from tests.ollama_server import Server, serve
from tests.test_cli import Terminal
from tests.test_ingest import write
from tests.test_through_ollama import at, many

pytestmark = pytest.mark.no_cover

QUESTION = "Who opened the bridge over the river?"
BRIDGE = "# Bridges\n\nThe bridge over the river was opened by the mayor in 1987.\n"
COPIES = ["docs/b/copy.md", "docs/c.md"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path / "docs", model="# Models\n\nA model stays loaded for five minutes.\n", c=BRIDGE)
    write(tmp_path / "docs/a", bridge=BRIDGE)
    write(tmp_path / "docs/b", copy=BRIDGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ragkit(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


def sent(server: Server) -> Counter[str]:
    """Return how often the server was sent each text, the one that probes it left out."""
    batches = [body.get("input", ()) for body in server.requests_to("/api/embed")]
    singles = [body["prompt"] for body in server.requests_to("/api/embeddings") if body["prompt"]]
    texts = Counter([*singles, *(text for batch in batches for text in batch)])
    return Counter({text: n for text, n in texts.items() if "ragkit asks" not in text})


@pytest.mark.parametrize("release", ["0.2.5", "0.3.4", "0.5.13", "0.24.0", "0.33.0-rc2"])
def test_equal_files_are_embedded_once(here: Path, release: str) -> None:
    with serve(release) as server, Rag(host=server.url) as rag:
        report = rag.ingest("docs")
        assert (report.new, report.embedded) == (4, 2)
        assert sorted(sent(server).values()) == [1, 1]
        server.forget()
        shutil.copytree("docs/a", "docs/d")
        (here / "docs/c.md").rename(here / "docs/e.md")
        (here / "docs/f.md").write_text(BRIDGE, "utf-16")  # the same text, other bytes
        report = rag.ingest()
        assert (report.new, report.removed, report.embedded) == (3, 1, 0)
        assert not sent(server)
        (hit,) = rag.search(QUESTION, k=1, mode="lexical")
        assert (hit.path, *hit.also) == (
            "docs/a/bridge.md", "docs/b/copy.md", "docs/d/bridge.md", "docs/e.md", "docs/f.md",
        )  # fmt: skip
        assert (rag.status().chunks, rag.status().vectors) == (2, 2)
        assert not rag.check()


def test_every_surface_cites_all_homes(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ragkit("ingest", "docs")
    shown = "docs/a/bridge.md:1-3 (also docs/b/copy.md, docs/c.md)"
    assert ragkit("ask", QUESTION)[1].endswith(f"\n\n[1] {shown}\n")
    assert ragkit("search", QUESTION)[1].startswith(f"1. {shown}  (")
    (cited,) = ragkit.json("ask", QUESTION)["citations"]
    (found, _) = ragkit.json("search", QUESTION)["hits"]
    Path("asked.txt").write_text(QUESTION, "utf-8")
    (answered,) = json.loads(ragkit("ask", "--batch", "asked.txt")[1])["citations"]
    listed = json.loads(ragkit("search", "--batch", "asked.txt")[1])["hits"][0]
    for place in (cited, found, answered, listed):
        assert (place["path"], place["also"]) == ("docs/a/bridge.md", COPIES)
    with Rag() as rag:
        hit = rag.search(QUESTION)[0]
        citation = rag.ask(QUESTION).citations[0]
        assert (hit.path, *hit.also) == (citation.path, *citation.also)
        assert list(hit.also) == COPIES
    for mode in ("hybrid", "dense", "lexical"):
        assert ragkit.json("search", QUESTION, "--mode", mode)["hits"][0]["also"] == COPIES
    code, out, _ = ragkit("ask", QUESTION, "--offline")  # quoted
    assert (code, "(also docs/b/copy.md, docs/c.md)" in out) == (0, True)
    assert {one["path"] for one in ragkit.json("ls")} >= {"docs/a/bridge.md", *COPIES}
    for path in ("docs/a/bridge.md", *COPIES):
        assert ragkit("show", path)[1] == BRIDGE


def test_a_text_outlives_all_of_its_homes_but_the_last(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ragkit("ingest", "docs")
    ollama.forget()
    (here / "docs/a/bridge.md").unlink()  # the one that was cited first
    assert "1 removed" in ragkit("ingest")[1]
    assert ragkit("ask", QUESTION)[1].endswith("[1] docs/b/copy.md:1-3 (also docs/c.md)\n")
    assert ragkit("rm", "docs/b/copy.md")[0] == 0
    assert ragkit("ask", QUESTION)[1].endswith("[1] docs/c.md:1-3\n")
    write(here / "docs", c="# Rivers\n\nThe river has another text.\n")  # it becomes another
    (here / "docs/b").rename(here / "b")
    assert ragkit("ingest")[0] == 0
    assert not [hit for hit in ragkit.json("search", QUESTION)["hits"] if "1987" in hit["text"]]
    assert sum("1987" in text for text in sent(ollama)) == 0
    write(here / "docs", again=BRIDGE)  # its vector may still be there: then it costs nothing
    assert ragkit("ingest")[0] == 0
    assert sum("1987" in text for text in sent(ollama)) == 0
    assert ragkit("check")[0] == 0


def test_equal_passages_of_different_files_are_embedded_once(here: Path, ollama: Server) -> None:
    shared = "## Shared\n\n" + "The giraffe is tall and looks over the wall. " * 20 + "\n\n"
    own = "## Own\n\n" + "This part of number {} is of its own, and so it stays. " * 15 + "\n\n"
    for n in range(5):
        write(here / "docs", **{f"n{n}": "# Guide\n\n" + shared + own.replace("{}", str(n))})
    write(here / "docs", other="# Another guide\n\n" + shared)  # of another title: another text
    with Rag(host=ollama.url) as rag:
        rag.ingest("docs")
        counted = sent(ollama)
        assert set(counted.values()) == {1}
        giraffes = [text for text in counted if "giraffe" in text]
        assert len({text.partition("\n")[0] for text in giraffes}) == 2
        hits = [hit for hit in rag.search("giraffe", k=50) if "giraffe" in hit.chunk.text]
        assert {hit.path for hit in hits} == {
            *(f"docs/n{n}.md" for n in range(5)), "docs/other.md"
        }  # fmt: skip
        ollama.forget()
        for n in range(4):
            (here / f"docs/n{n}.md").unlink()
        write(here / "docs", n9="# Guide\n\n" + shared)
        rag.ingest()
        assert not [text for text in sent(ollama) if "giraffe" in text]
        found = [hit.path for hit in rag.search("giraffe", k=50) if "giraffe" in hit.chunk.text]
        assert {"docs/n4.md", "docs/n9.md", "docs/other.md"} == set(found)


def test_texts_of_a_long_run_are_sent_once(tmp_path: Path, ollama: Server) -> None:
    docs = many(tmp_path / "docs", 30)  # four batches
    for name in ("n000", "n015", "n029"):
        for copy in ("a", "m", "z"):  # before, between and after
            shutil.copy2(docs / f"{name}.md", docs / f"{copy}-{name}.md")
    with Rag(tmp_path / ".ragkit", host=ollama.url) as rag:
        report = rag.ingest(docs)
        assert (report.new, report.embedded) == (39, 420)
        counted = sent(ollama)
        assert (len(counted), set(counted.values())) == (420, {1})
        (hit,) = rag.search("number15x7", k=1)
        assert [Path(path).name for path in (hit.path, *hit.also)] == [
            "a-n015.md", "m-n015.md", "n015.md", "z-n015.md",
        ]  # fmt: skip
