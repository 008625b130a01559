"""An index of an older format is renewed by an ingest; one of a newer format is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.catalog import FILE, FORMAT, Catalog
from ragkit.catalog.database import seal_of
from ragkit.errors import ConfigError, IndexDamagedError, IndexStaleError
from ragkit.index.folder import RENEWED
from tests.embedders import HashingEmbedder
from tests.test_cli import Terminal, here, indexed, ragkit
from tests.test_damage import damage
from tests.test_ingest import write

__all__ = ["here", "indexed", "ragkit"]  # fixtures

FORMAT_1 = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL, seal BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE roots(path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE contents(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE,
  type TEXT NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL, page_starts TEXT NOT NULL,
  pages_without_text TEXT NOT NULL, notes TEXT NOT NULL, text_digest BLOB NOT NULL,
  seal BLOB NOT NULL, text BLOB NOT NULL);
CREATE INDEX contents_language ON contents(language);
CREATE TABLE sources(path TEXT PRIMARY KEY, content INTEGER NOT NULL REFERENCES contents(id),
  size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, seen_ns INTEGER NOT NULL,
  digest BLOB NOT NULL, seal BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX sources_content ON sources(content);
CREATE INDEX sources_digest ON sources(digest);
CREATE TABLE chunks(id INTEGER PRIMARY KEY AUTOINCREMENT, content INTEGER NOT NULL,
  start INTEGER NOT NULL, end INTEGER NOT NULL, first_byte INTEGER NOT NULL,
  bytes INTEGER NOT NULL, first_line INTEGER NOT NULL, last_line INTEGER NOT NULL, page INTEGER,
  headings TEXT NOT NULL, vector INTEGER NOT NULL, seal BLOB NOT NULL);
CREATE INDEX chunks_content ON chunks(content);
CREATE INDEX chunks_vector ON chunks(vector);
CREATE TABLE vectors(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE,
  vector BLOB NOT NULL, seal BLOB NOT NULL);
CREATE TABLE failures(path TEXT PRIMARY KEY, stage TEXT NOT NULL, reason TEXT NOT NULL,
  permanent INTEGER NOT NULL, attempts INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE caches(kind TEXT NOT NULL, name TEXT NOT NULL, last_id INTEGER NOT NULL,
  rows INTEGER NOT NULL, files TEXT NOT NULL, seal BLOB NOT NULL,
  PRIMARY KEY(kind, name)) WITHOUT ROWID;
CREATE TABLE removed(chunk INTEGER PRIMARY KEY);
"""


def made_old(index: Path) -> None:
    """Put what an index holds into a catalog of format 1."""
    names = {
        "roots": "path",
        "failures": "path,stage,reason,permanent,attempts",
        "contents": "id,key,type,title,language,page_starts,pages_without_text,notes,text_digest,"
        "seal,text",
        "chunks": "id,content,start,end,first_byte,bytes,first_line,last_line,page,headings,vector,"
        "seal",
    }
    old = index / "old.sqlite"
    with closing(sqlite3.connect(old, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(FORMAT_1)
        db.execute("ATTACH ? AS new", (str(index / FILE),))
        for table in "contents sources chunks vectors failures caches removed roots meta".split():
            columns = names.get(table, "*")
            db.execute(f"INSERT INTO main.{table} SELECT {columns} FROM new.{table}")
        db.execute("DELETE FROM meta WHERE key='writer'")
        seal = seal_of(None, "format", "1")
        db.execute("UPDATE meta SET value='1', seal=? WHERE key='format'", (seal,))
    old.replace(index / FILE)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with two roots and an index of format 1 of both."""
    write(tmp_path / "docs", bridge="# Bridges\n\nThe bridge was opened by the mayor.")
    write(tmp_path / "more", giraffe="# Animals\n\nThe giraffe is tall.")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "docs", tmp_path / "more")
    made_old(tmp_path / ".ragkit")
    return tmp_path


def test_an_older_index_is_renewed_by_an_ingest_of_any_of_it(old: Path) -> None:
    embedder = HashingEmbedder()
    said: list[str] = []
    with Rag(old / ".ragkit", embedder=embedder, notify=said.append) as rag:
        for read in (rag.status, rag.ls, rag.check, rag.repair, lambda: rag.search("bridge")):
            with pytest.raises(IndexStaleError, match=f"format 1, this ragkit reads {FORMAT}") as e:
                read()
            assert e.value.hint.startswith("'ragkit ingest' reads the files again")
        report = rag.ingest(old / "docs")
        assert said == ["an index of an older format: all is read again, 2 vectors stay"]
        assert report.new == 2
        assert embedder.embedded == []
        assert rag.check() == []
        assert rag.search("giraffe")[0].path == "more/giraffe.md"
        assert rag.status().roots == ("docs", "more")
        assert rag.ingest().unchanged == 2
    catalog = Catalog.open(old / ".ragkit")
    assert catalog.ledger.meta(RENEWED) is None
    catalog.close()


def test_a_renewal_that_is_interrupted_is_gone_on_with(old: Path) -> None:
    embedder = HashingEmbedder()
    with Rag(old / ".ragkit", embedder=embedder) as rag:
        steps = rag.ingesting(old / "docs")
        next(steps)
        steps.close()
        assert rag.status().files == 0
        assert rag.ingest(old / "docs").new == 2  # of both roots
        assert embedder.embedded == []


def test_an_older_index_some_of_whose_files_are_not_there_is_not_renewed(old: Path) -> None:
    (old / "more").rename(old / "unmounted")
    before = (old / ".ragkit" / FILE).read_bytes()
    with Rag(old / ".ragkit", embedder=HashingEmbedder()) as rag:
        with pytest.raises(IndexStaleError, match="and more, which would be read again, is not"):
            rag.ingest()
        assert (old / ".ragkit" / FILE).read_bytes() == before
        (old / "unmounted").rename(old / "more")
        assert rag.ingest().new == 2


def test_an_older_index_that_is_damaged_is_refused_and_left(old: Path) -> None:
    damage(old / ".ragkit", "UPDATE meta SET value='x' WHERE key='dim'")
    before = (old / ".ragkit" / FILE).read_bytes()
    with (
        Rag(old / ".ragkit", embedder=HashingEmbedder()) as rag,
        pytest.raises(IndexDamagedError, match="of an older format, and damaged: its 'dim'"),
    ):
        rag.ingest()
    assert (old / ".ragkit" / FILE).read_bytes() == before


def test_vectors_of_an_older_index_that_are_damaged_or_do_not_fit_are_embedded(old: Path) -> None:
    damage(old / ".ragkit", "UPDATE vectors SET seal=x'00' WHERE id=1")
    (old / "more/giraffe.md").write_text("# Animals\n\nThe giraffe is very tall.")
    embedder = HashingEmbedder()
    with Rag(old / ".ragkit", embedder=embedder) as rag:
        rag.ingest()
        assert len(embedder.embedded) == 2
        assert rag.check() == []


def test_a_newer_index_is_refused_with_what_to_do(indexed: Path, ragkit: Terminal) -> None:
    newer = str(int(FORMAT) + 1)
    catalog = Catalog.open(indexed / ".ragkit", writing=True)
    with catalog.transaction():
        catalog.ledger.set_meta("format", newer)
    catalog.close()
    before = (indexed / ".ragkit" / FILE).read_bytes()
    for command in (["search", "x"], ["ingest"], ["check"], ["check", "--repair"], ["rm", "docs"]):
        code, _, err = ragkit(*command)
        assert code == 5
        assert f"has format {newer}, this ragkit reads {FORMAT}: it was made by a newer one" in err
        assert "hint: use that one, or make another index with --index FOLDER\n" in err
    assert (indexed / ".ragkit" / FILE).read_bytes() == before


def test_a_format_that_is_no_number_is_damage(indexed: Path, ragkit: Terminal) -> None:
    for table in ("meta", "meta_again"):
        damage(indexed / ".ragkit", f"UPDATE {table} SET value='q' WHERE key='format'")
    code, _, err = ragkit("status")
    assert code == 5
    assert "its format is 'q'" in err
    assert ragkit("check", "--repair")[0] == 0
    assert ragkit("status")[0] == 0


def test_what_was_piped_in_is_not_lost_in_a_renewal(old: Path) -> None:
    with closing(sqlite3.connect(old / ".ragkit" / FILE)) as db, db:
        db.execute("UPDATE sources SET path='stdin://n.md' WHERE path='more/giraffe.md'")
    with (
        Rag(old / ".ragkit", embedder=HashingEmbedder()) as rag,
        pytest.raises(IndexStaleError, match=r"stdin://n\.md, which was piped in, cannot"),
    ):
        rag.ingest()


def test_a_renewal_is_of_all_files(old: Path) -> None:
    with Rag(old / ".ragkit", embedder=HashingEmbedder()) as rag:
        with pytest.raises(IndexStaleError, match="all of it is to be read again first"):
            rag.ingest(retry_failed=True)
        steps = rag.ingesting()
        next(steps)
        steps.close()
        with pytest.raises(IndexStaleError, match="all of it is to be read again first"):
            rag.ingest(include=["*.md"])
        assert rag.ingest().new == 2
        assert rag.ingest(include=["*.md"]).unchanged == 2
        with pytest.raises(ConfigError, match="--prune is about all files"):
            rag.ingest(include=["*.md"], prune=True)
    with Rag(old / "new/.ragkit", embedder=HashingEmbedder()) as rag:
        assert rag.ingest(old / "docs", include=["*.md"]).new == 1
