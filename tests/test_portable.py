"""An index as one file: taken in wholly, without embedding, or refused with nothing written."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from ragkit import Rag
from ragkit.catalog import FILE, FORMAT, Catalog
from ragkit.errors import ConfigError, IndexDamagedError, IndexWriteError, RagkitError
from ragkit.index.portable import BEGIN, DIGEST
from tests.embedders import HashingEmbedder
from tests.rights import no_file_larger_than, read_only
from tests.test_bad_input import open_to_all
from tests.test_cli import Terminal, here, indexed, ragkit
from tests.test_damage import damage
from tests.test_ingest import write
from tests.test_snapshot import rankings, write_documents

__all__ = ["here", "indexed", "open_to_all", "ragkit"]  # fixtures


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder with documents, an index of them, and a file of it."""
    write_documents(tmp_path / "docs")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "docs")
        (tmp_path / "docs/0.md").unlink()
        rag.ingest()
        rag.export(tmp_path / "index.ragkit")
    return tmp_path


def test_an_index_goes_elsewhere_and_nothing_is_embedded(exported: Path) -> None:
    (exported / "elsewhere").mkdir()
    shutil.copytree(exported / "docs", exported / "elsewhere/docs")
    embedder = HashingEmbedder()
    with Rag(exported / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.compact()
        expected = rankings(rag)
    with Rag(exported / "elsewhere/.ragkit", embedder=embedder) as rag:
        rag.take_in(exported / "index.ragkit")
        assert rag.check() == []
        assert rankings(rag) == expected
        assert rag.ingest().unchanged + rag.ingest().new >= 11
        assert embedder.embedded == []
    assert sorted(file.name for file in exported.iterdir()) == [
        ".ragkit", "docs", "elsewhere", "index.ragkit",
    ]  # fmt: skip


def refused(file: Path, index: Path) -> RagkitError:
    """Have a file refused, and return why."""
    with (
        Rag(index, embedder=HashingEmbedder()) as rag,
        pytest.raises((ConfigError, IndexDamagedError)) as told,
    ):
        rag.take_in(file)
    assert told.value.hint
    return told.value


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_is_refused_whole(exported: Path, seed: int) -> None:
    file = exported / "index.ragkit"
    rng = random.Random(seed)
    data = bytearray(file.read_bytes())
    at = rng.choice([0, 20, len(data) - 1, rng.randrange(len(data))])
    data[at] ^= 1 << rng.randrange(8)
    if seed % 3 == 0:
        data = data[:at]
    file.write_bytes(data)
    refused(file, exported / "new/kb")
    assert not (exported / "new/kb").exists()


def sealed(catalog: bytes) -> bytes:
    return BEGIN + catalog + hashlib.blake2b(BEGIN + catalog, digest_size=DIGEST).digest()


def changed(exported: Path, *changes: str) -> Path:
    """Return an export whose catalog was changed by whoever made the file."""
    body = (exported / "index.ragkit").read_bytes()[len(BEGIN) : -DIGEST]
    (exported / "body").mkdir()
    (exported / "body" / FILE).write_bytes(body)
    damage(exported / "body", *changes)
    made = exported / "made.ragkit"
    made.write_bytes(sealed((exported / "body" / FILE).read_bytes()))
    return made


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE vectors SET vector=zeroblob(128) ", "a vector of "),
        ("UPDATE sources SET path='/etc/passwd' WHERE path='docs/3.md'", "is not what was"),
        (
            "CREATE TRIGGER more AFTER INSERT ON meta BEGIN DELETE FROM vectors; END",
            "its tables are not those that were made",
        ),
        ("DELETE FROM meta", "its 'chunk_tokens' is not what was written"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(exported: Path, change: str, told: str) -> None:
    error = refused(changed(exported, change), exported / "kb")
    assert told in error.message
    assert not (exported / "kb").exists()


def test_a_file_of_something_else_is_refused(exported: Path) -> None:
    for name, data in (("empty", b""), ("text", b"hello"), ("body", sealed(b"no catalog" * 999))):
        (exported / name).write_bytes(data)
        refused(exported / name, exported / "kb")
        assert not (exported / "kb").exists()
    assert "no such file" in refused(exported / "nothing", exported / "kb").message
    assert "cannot be read" in refused(exported / "docs", exported / "kb").message


def test_a_file_of_another_format_is_refused(exported: Path) -> None:
    file = exported / "index.ragkit"
    catalog = Catalog.open(exported / ".ragkit", writing=True)
    catalog.copy_to(exported / "copy")
    catalog.close()
    with sqlite3.connect(exported / "copy") as db:
        db.execute("DELETE FROM meta_again")
        db.execute("UPDATE meta SET value=? WHERE key='format'", (str(int(FORMAT) + 1),))
    db.close()
    file.write_bytes(sealed((exported / "copy").read_bytes()))
    with Rag(exported / "kb") as rag, pytest.raises(RagkitError, match="by a newer one") as told:
        rag.take_in(file)
    assert told.value.exit_code == 5
    assert told.value.hint == "export it again with this ragkit, where it came from"


def test_an_index_or_other_things_are_in_nobodys_way(exported: Path) -> None:
    file = exported / "index.ragkit"
    assert "there is an index at" in refused(file, exported / ".ragkit").message
    before = sorted((exported / "docs").iterdir())
    with Rag(exported / "docs") as rag, pytest.raises(IndexWriteError, match="holds other things"):
        rag.take_in(file)
    assert sorted((exported / "docs").iterdir()) == before


def test_there_is_no_space_for_it(exported: Path, open_to_all: Path) -> None:
    shutil.copyfile(exported / "index.ragkit", open_to_all / "index.ragkit")
    with no_file_larger_than(20_000), Rag(exported / "kb") as rag:
        with pytest.raises(IndexWriteError):
            rag.take_in(exported / "index.ragkit")
        assert not (exported / "kb").exists()
    with Rag(exported / ".ragkit") as rag, no_file_larger_than(20_000):
        with pytest.raises(IndexWriteError):
            rag.export(exported / "large.ragkit")
        assert not list(exported.glob("*large*"))
    with read_only(open_to_all), Rag(open_to_all / ".ragkit") as rag:
        with pytest.raises(IndexWriteError):
            rag.export(open_to_all / "new.ragkit")
        with pytest.raises(IndexWriteError):
            Rag(open_to_all / "kb").take_in(open_to_all / "index.ragkit")


def test_only_an_export_is_replaced_by_an_export(exported: Path) -> None:
    with Rag(exported / ".ragkit") as rag:
        before = (exported / "index.ragkit").stat().st_size
        assert rag.export(exported / "index.ragkit") == before
        for name in ("docs", "docs/3.md"):
            with pytest.raises(ConfigError, match="is there and no export of ragkit"):
                rag.export(exported / name)
        with pytest.raises(IndexWriteError, match="cannot write to"):
            rag.export(exported / ("x" * 300))
        (exported / ".new.unfinished").mkdir()
        with pytest.raises(IndexWriteError, match="cannot write to"):
            rag.export(exported / "new")
        assert not (exported / "new").exists()
        with pytest.raises(ConfigError, match="no such folder"):
            rag.export(exported / "nowhere/index.ragkit")


def test_a_damaged_index_is_not_exported(exported: Path) -> None:
    damage(exported / ".ragkit", "UPDATE contents SET title='Wrong'")
    with Rag(exported / ".ragkit") as rag, pytest.raises(IndexDamagedError) as told:
        rag.export(exported / "new.ragkit")
    assert told.value.hint == "ragkit check --repair"
    assert not (exported / "new.ragkit").exists()


# -- the commands


def test_the_commands(indexed: Path, ragkit: Terminal) -> None:
    code, out, _ = ragkit("export", "kb.ragkit")
    assert (code, out.startswith("wrote kb.ragkit, ")) == (0, True)
    assert ragkit.json("export", "kb.ragkit") == {
        "file": "kb.ragkit", "bytes": (indexed / "kb.ragkit").stat().st_size,
    }  # fmt: skip
    code, _, err = ragkit("export", "-")
    assert (code, "not written to standard output" in err, Path("-").exists()) == (2, True, False)
    code, _, err = ragkit("import", "kb.ragkit")
    assert code == 2
    assert "there is an index at" in err
    shutil.rmtree(indexed / ".ragkit")
    code, out, err = ragkit("import", "kb.ragkit")
    assert (code, out) == (0, ".ragkit: 3 files, 3 passages\n")
    assert err == "'ragkit ingest' brings it in step with the files that are here\n"
    assert "3 unchanged" in ragkit("ingest")[1]
    assert ragkit.json("import", "kb.ragkit", "--index", "other/kb", "-q")["files"] == 3


def test_lines_of_json_for_other_programs(indexed: Path, ragkit: Terminal) -> None:
    shutil.copyfile(indexed / "docs/bridge.md", indexed / "docs/copy.md")
    ragkit("ingest")
    assert ragkit("export", "--jsonl", "p.jsonl") == (0, "wrote p.jsonl, 3 passages\n", "")
    found = [json.loads(line) for line in (indexed / "p.jsonl").read_text("utf-8").splitlines()]
    (bridge,) = [line for line in found if line["path"] == "docs/bridge.md"]
    assert bridge["also"] == ["docs/copy.md"]
    assert bridge["title"] == "Bridges"
    assert bridge["lines"] == [1, 3]
    text = (indexed / "docs/bridge.md").read_text("utf-8")
    assert text[bridge["start"] : bridge["end"]] == bridge["text"]
    assert np.linalg.norm(bridge["vector"]) == pytest.approx(1, abs=1e-6)
    assert len(bridge["vector"]) == 256
    assert ragkit("export", "--jsonl", "-")[1] == (indexed / "p.jsonl").read_text("utf-8")
    code, _, err = ragkit("export", "--jsonl", "p.jsonl")
    assert code == 2
    assert "p.jsonl is there already" in err
    assert ragkit("export", "--jsonl", ".")[0] == 2
    code, _, err = ragkit("export", "--jsonl", "nowhere/p.jsonl")
    assert code == 8
    assert "cannot write to nowhere/p.jsonl" in err


def test_a_passage_without_a_vector_is_exported_without(tmp_path: Path) -> None:
    write(tmp_path / "docs", blank="word")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "docs")
        rag.close()
        damage(tmp_path / ".ragkit", "DELETE FROM vectors")
        rag.repair()
        (line,) = rag.lines()
        assert json.loads(line)["vector"] is None
