"""Space of what was deleted is given back, and nobody who reads notices."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.catalog import FILE, Catalog
from ragkit.errors import IndexLockedError, IndexWriteError
from ragkit.index import compaction
from ragkit.index.caches import KINDS
from ragkit.index.folder import bytes_in
from ragkit.index.lock import lock
from tests.embedders import HashingEmbedder
from tests.rights import no_file_larger_than
from tests.test_cli import Terminal, here, indexed, ragkit
from tests.test_ingest import write
from tests.test_snapshot import rankings, write_documents

__all__ = ["here", "indexed", "ragkit"]  # fixtures


@pytest.fixture
def halved(tmp_path: Path) -> Path:
    """A folder with an index half of whose files are gone."""
    write_documents(tmp_path / "docs", 30)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "docs")
        for i in range(0, 30, 2):
            (tmp_path / f"docs/{i}.md").unlink()
        rag.ingest()
    return tmp_path


def fresh(folder: Path) -> Path:
    """Return a folder with an index that never had what is gone."""
    with Rag(folder / "fresh", embedder=HashingEmbedder()) as rag:
        rag.ingest(folder / "docs")
    return folder / "fresh"


def test_what_goes_while_it_is_measured_has_no_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lexical-000001").mkdir()
    (tmp_path / "catalog.sqlite").write_bytes(b"123")
    scandir = os.scandir

    def scan(folder: str | Path) -> Iterator[os.DirEntry[str]]:
        if Path(folder).name == "lexical-000001":
            raise FileNotFoundError(errno.ENOENT, "taken away")
        return scandir(folder)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scan)
        assert bytes_in(tmp_path) == 3


def test_a_compact_index_is_as_one_that_never_had_what_is_gone(halved: Path) -> None:
    embedder = HashingEmbedder()
    with (
        Rag(halved / ".ragkit", embedder=embedder) as rag,
        Rag(fresh(halved), embedder=HashingEmbedder()) as other,
    ):
        assert rag.compact() > 0
        assert embedder.embedded == []
        assert rag.check() == []
        assert rankings(rag) == rankings(other)
        assert rag.status().vectors == other.status().vectors
        assert rag.status().bytes == pytest.approx(other.status().bytes, rel=0.1)
        assert rag.compact() == 0
    with Catalog.open(halved / ".ragkit").errors():
        catalog = Catalog.open(halved / ".ragkit")
        assert catalog.pages()[0] == 0
        catalog.close()


def test_a_compact_index_is_left_as_it_is(halved: Path) -> None:
    with Rag(halved / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.compact()
        catalog = Catalog.open(halved / ".ragkit")
        before = [catalog.ledger.caches(kind) for kind in KINDS]
        rag.compact()
        assert [catalog.ledger.caches(kind) for kind in KINDS] == before
        catalog.close()


def test_readers_go_on_with_what_they_have_open(halved: Path) -> None:
    with (
        Rag(halved / ".ragkit", embedder=HashingEmbedder()) as reader,
        Rag(halved / ".ragkit", embedder=HashingEmbedder()) as writer,
    ):
        found = [hit.path for hit in reader.search("bridge mayor", k=40)]
        with reader.reader().snapshot() as snapshot:
            before = snapshot.facts
            writer.compact()
            scores = dict.fromkeys(snapshot.existing(range(1000)), 1.0)
            hits = snapshot.hits(scores, {}, k=1000)
            assert snapshot.facts == before
            assert {hit.path for hit in hits} == {f"docs/{i}.md" for i in range(1, 30, 2)}
        assert {hit.path for hit in reader.search("bridge mayor", k=40)} == set(found)
        assert writer.check() == []


def test_readers_never_fail_while_it_is_compacted_again_and_again(halved: Path) -> None:
    failed: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            with Rag(halved / ".ragkit", embedder=HashingEmbedder()) as rag:
                while not done.is_set():
                    assert rag.search("bridge mayor", k=5)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    with Rag(halved / ".ragkit", embedder=HashingEmbedder()) as rag:
        for i in range(1, 9, 2):
            rag.remove(halved / f"docs/{i}.md")
            rag.compact()
    done.set()
    for reader in readers:
        reader.join(30)
    assert failed == []


def test_much_free_space_is_given_back_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = write(tmp_path / "docs", **{f"n{i}": f"number{i} river " * 900 for i in range(60)})
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(docs)
        rag.close()
        large = (tmp_path / ".ragkit" / FILE).stat().st_size
        rag.remove(docs / "n0.md")
        assert (tmp_path / ".ragkit" / FILE).stat().st_size >= large  # not worth it
        monkeypatch.setattr(compaction, "FREE_PAGES", 10)  # as in an index of more files
        with monkeypatch.context() as patch:
            patch.setattr(Catalog, "vacuum", no_space)
            rag.remove(*(docs / f"n{i}.md" for i in range(1, 30)))  # is not failed by it
        rag.remove(docs / "n30.md")
        rag.close()
        assert (tmp_path / ".ragkit" / FILE).stat().st_size < 0.7 * large
        assert rag.check() == []
        assert rag.status().files == 29


def no_space(_: Catalog) -> None:
    """Fail as a full disk does."""
    raise IndexWriteError("database or disk is full")


def test_it_is_for_one_writer_with_space(halved: Path) -> None:
    index = halved / ".ragkit"
    with Rag(index, embedder=HashingEmbedder()) as rag:
        with lock(index), pytest.raises(IndexLockedError):
            rag.compact()
        with no_file_larger_than(30_000), pytest.raises(IndexWriteError):
            rag.compact()
        rag.compact()
        assert rag.check() == []


def test_the_command(indexed: Path, ragkit: Terminal) -> None:
    (indexed / "docs/bridge.md").unlink()
    ragkit("ingest")
    assert ragkit.json("check", "--compact")["freed_bytes"] >= 0
    code, out, _ = ragkit("check", "--repair", "--compact")
    assert code == 0
    assert out.startswith("the index is whole\ngave back ")
    assert ragkit.json("check", "--repair") == {
        "whole": True, "mended": [], "lost": [], "damages": [],
    }  # fmt: skip
    assert ragkit.json("check", "--repair", "--compact").keys() >= {"whole", "freed_bytes"}
