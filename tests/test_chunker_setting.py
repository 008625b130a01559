"""The setting ``chunker``: which one cuts, that the index keeps it, and what is said of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.config import CHOICES
from ragkit.errors import ConfigError, IndexStaleError, MissingExtraError
from tests.embedders import HashingEmbedder

TEXT = "# Bridges\n\n" + "A bridge crosses the river here. It was built of stone. " * 30


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text(TEXT)
    return folder


def passages(rag: Rag) -> list[tuple[int, int]]:
    return sorted((hit.chunk.start, hit.chunk.end) for hit in rag.search("bridge stone", k=500))


@pytest.mark.parametrize("name", CHOICES["chunker"])
def test_an_index_keeps_its_chunker(name: str, tmp_path: Path, docs: Path) -> None:
    home = tmp_path / ".ragkit"
    with Rag(home, embedder=HashingEmbedder(), chunker=name, chunk_tokens=40) as rag:
        rag.ingest(docs)
        assert rag.status().chunker == name
        before = passages(rag)
        assert " ".join(TEXT[a:b] for a, b in before).split() == TEXT.split()
    with Rag(home, embedder=HashingEmbedder()) as rag:  # which is not told again
        rag.ingest(reread=True)
        assert passages(rag) == before
        (docs / "b.md").write_text(TEXT.replace("stone", "brick"))
        planned = [one.passages for one in rag.plan().files if one.action == "new"]
        assert planned == [len(before)]


def test_a_repair_cuts_as_the_index_does(tmp_path: Path, docs: Path) -> None:
    home = tmp_path / ".ragkit"
    with Rag(home, embedder=HashingEmbedder(), chunker="sentences", chunk_tokens=40) as rag:
        rag.ingest(docs)
        before = passages(rag)
    with sqlite3.connect(home / "catalog.sqlite") as db:
        db.execute("UPDATE chunks SET seal=x'00'")
    db.close()
    with Rag(home, embedder=HashingEmbedder()) as rag:
        rag.repair()
        rag.ingest()
        assert passages(rag) == before


def test_an_older_index_was_cut_along_its_structure(tmp_path: Path, docs: Path) -> None:
    home = tmp_path / ".ragkit"
    with Rag(home, embedder=HashingEmbedder()) as rag:
        rag.ingest(docs)
    with sqlite3.connect(home / "catalog.sqlite") as db:
        from ragkit.catalog.database import seal_of

        for table in ("meta", "meta_again"):
            db.execute(f"DELETE FROM {table} WHERE key='chunker'")
            db.execute(
                f"UPDATE {table} SET value='2', seal=? WHERE key='format'",
                (seal_of(None, "format", "2"),),
            )
    db.close()
    with Rag(home, embedder=HashingEmbedder()) as rag:
        rag.ingest()
        assert rag.status().chunker == "structure"
        assert rag.status().chunks


def test_an_unknown_name_and_another_than_the_indexs_are_refused(
    tmp_path: Path, docs: Path
) -> None:
    with pytest.raises(ConfigError, match="chunker cannot be 'words'") as told:
        Rag(tmp_path / ".ragkit", chunker="words")
    assert "sentences" in told.value.hint
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), chunker="page") as rag:
        rag.ingest(docs)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), chunker="fixed") as rag:
        with pytest.raises(IndexStaleError, match="by the chunker 'page', not 'fixed'"):
            rag.ingest(docs)
        with pytest.raises(IndexStaleError, match="by the chunker 'page', not 'fixed'"):
            rag.ingest(reindex=True)


def test_the_command_line_says_how_documents_are_cut(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ragkit.cli.app import run

    monkeypatch.chdir(docs.parent)
    for name, told in {
        "structure": "of at most 200 tokens\n",
        "sentences": "of at most 200 tokens, cut by sentences\n",
        "page": ", a page each\n",
        "document": "1, a document each\n",
    }.items():
        assert run(["ingest", "docs", "--offline", "--chunker", name, "--index", name]) == 0
        assert run(["status", "--index", name]) == 0
        assert told in capsys.readouterr().out
    assert run(["ingest", "docs", "--chunker", "fixed", "--index", "page"]) == 5
    assert "--chunker page" in capsys.readouterr().err
    assert run(["ingest", "docs", "--chunker", "words"]) == 2


def test_similarity_without_its_extra_is_refused_before_a_folder_is_made(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.extras.find_spec", lambda _: None)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), chunker="similarity") as rag:
        with pytest.raises(MissingExtraError) as told:
            rag.ingest(docs)
        assert "[offline]" in told.value.hint
    assert not (tmp_path / ".ragkit" / "catalog.sqlite").exists()
