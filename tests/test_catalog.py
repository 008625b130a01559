"""The catalog keeps what it was given, and notices what is not what was written."""

import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

from ragkit.catalog import FILE, CacheRecord, Catalog, Source, digest_of
from ragkit.chunking import StructureChunker
from ragkit.errors import (
    IndexDamagedError,
    IndexMissingError,
    IndexStaleError,
    IndexWriteError,
)
from ragkit.types import Document, Failure


def put(catalog: Catalog, path: str, document: Document) -> int:
    """Store a document as ingest does; its vectors are counted up."""
    chunks = list(StructureChunker(20)(document))
    keys = [digest_of(chunk.text.encode()) for chunk in chunks]
    with catalog.transaction():
        missing = [key for key in dict.fromkeys(keys) if key not in catalog.vectors.ids(keys)]
        catalog.vectors.put(missing, np.ones((len(missing), 2), np.float32))
        ids = catalog.vectors.ids(keys)
        content = catalog.texts.put_content(document, "en", chunks, [ids[key] for key in keys])
        catalog.texts.put_source(Source(path, content, 1, 2, 3, digest_of(path.encode())))
    return content


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.create(tmp_path, {})


TEXT = Document(text="Ünïcode first.\n\nSecond 猫 paragraph. " * 5, type="text", title="T")


def test_chunks_that_nobody_reads_to_the_end_do_not_outlive_a_catalog(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    put(catalog, "a", TEXT)
    reading = iter(catalog.chunks.after(0))
    next(reading)
    catalog.close()
    del reading  # what it raised would be told on stderr
    assert told == []


def test_chunks_come_back_as_they_were_cut(catalog: Catalog) -> None:
    content = put(catalog, "a", TEXT)
    stored = list(catalog.chunks.after(0))
    assert [s.chunk for s in stored] == list(StructureChunker(20)(TEXT))
    assert catalog.texts.text(content) == TEXT.text
    assert catalog.chunks.get([stored[1].id, 999]) == {stored[1].id: stored[1]}
    assert catalog.texts.contents([content])[content].title == "T"
    assert catalog.texts.contents().keys() == {content}
    assert catalog.damages(2) == []


def test_equal_texts_share_a_content_until_the_last_home_goes(catalog: Catalog) -> None:
    content = put(catalog, "a", TEXT)
    assert put(catalog, "b", TEXT) == content
    assert catalog.texts.paths_of([content]) == {content: ["a", "b"]}
    with catalog.transaction():
        catalog.texts.remove_sources(["a", "nothing"])
    assert catalog.count("contents") == 1
    with catalog.transaction():
        catalog.texts.remove_sources(["b"])
    assert catalog.count("contents") == catalog.count("chunks") == 0
    assert catalog.ledger.removed()
    with catalog.transaction():
        assert catalog.vectors.remove_orphans() > 0
        catalog.ledger.clear_removed()
    assert catalog.ledger.removed() == []


def test_ids_are_never_used_twice(catalog: Catalog) -> None:
    put(catalog, "a", TEXT)
    last = catalog.last_id("chunks")
    put(catalog, "a", TEXT)
    assert next(s.id for s in catalog.chunks.after(0)) == last + 1


def test_a_changed_file_replaces_its_text(catalog: Catalog) -> None:
    put(catalog, "a", TEXT)
    put(catalog, "a", Document(text="other", type="text"))
    assert [s.chunk.text for s in catalog.chunks.after(0)] == ["other"]
    assert catalog.count("contents") == 1


def test_a_failed_transaction_keeps_nothing(catalog: Catalog) -> None:
    def write() -> None:
        with catalog.transaction():
            catalog.ledger.set_meta("x", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert catalog.ledger.meta("x") is None


def test_a_reader_sees_one_state(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog, "a", TEXT)
    reader = Catalog.open(tmp_path)
    with reader.snapshot():
        before = reader.count("sources")
        put(catalog, "b", TEXT)
        assert reader.count("sources") == before == 1
    assert reader.count("sources") == 2


def test_failures_count_attempts_and_are_cleared(catalog: Catalog) -> None:
    with catalog.transaction():
        catalog.failures.put(Failure("a", "read", "no"))
        last = catalog.failures.put(Failure("a", "parse", "broken", permanent=False))
    assert catalog.failures.all() == [
        Failure("a", "parse", "broken", permanent=False, attempts=2, last=last.last)
    ]
    with catalog.transaction():
        catalog.failures.clear(["a"])
    assert catalog.failures.all() == []


def test_roots_caches_and_languages(catalog: Catalog) -> None:
    put(catalog, "a", TEXT)
    record = CacheRecord("dense", "dense-1", 7, 3, (("dense-1", 10, 20),))
    with catalog.transaction():
        catalog.ledger.add_root("docs")
        catalog.ledger.add_root("docs")
        catalog.ledger.set_caches("dense", [record])
    assert catalog.ledger.roots() == ["docs"]
    assert catalog.ledger.caches("dense") == [record]
    assert catalog.ledger.caches("lexical") == []
    assert catalog.texts.languages() == ["en"]
    with catalog.transaction():
        catalog.ledger.remove_root("docs")
    assert catalog.ledger.roots() == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE contents SET text=replace(text,'first','worst')", "the text of docs/a b.md"),
        ("UPDATE contents SET title='U'", "the text of docs/a b.md"),
        ("UPDATE chunks SET first_byte=-9", "a passage of docs/a b.md"),
        ("UPDATE chunks SET last_line=9", "a passage of docs/a b.md"),
        ("UPDATE vectors SET vector=x'0000803f00000000'", "a vector of docs/a b.md"),
        ("UPDATE vectors SET vector=x'00'", "a vector of docs/a b.md"),
        ("UPDATE meta SET value='x'", "its 'format' is not what was written"),
        ("ALTER TABLE roots RENAME path TO qath", "its tables are not those that were made"),
        ("UPDATE sources SET size=99", "where docs/a b.md belongs"),
        ("DELETE FROM vectors", "a vector of docs/a b.md"),
    ],
)
def test_a_row_that_is_not_what_was_written_is_told(
    catalog: Catalog, tmp_path: Path, change: str, what: str
) -> None:
    put(catalog, "docs/a b.md", TEXT)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute(change)
    db.close()
    assert any(what in line for line in catalog.damages(2)), catalog.damages(2)


def test_a_damaged_row_is_an_error_with_the_command_that_mends_it(
    catalog: Catalog, tmp_path: Path
) -> None:
    content = put(catalog, "docs/a b.md", TEXT)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE contents SET text='x'")
        db.execute("UPDATE vectors SET seal=x'00'")
    db.close()
    with pytest.raises(IndexDamagedError, match=r"ragkit ingest 'docs/a b.md' --reread"):
        catalog.texts.text(content)
    with pytest.raises(IndexDamagedError, match="a vector"):
        list(catalog.vectors.after(0, 2))


def test_a_passage_without_its_text_is_told(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog, "a.md", TEXT)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("DELETE FROM contents")
    db.close()
    with pytest.raises(IndexDamagedError, match="a passage of"):
        list(catalog.chunks.after(0))
    assert catalog.vectors.rows([999], 2)[0] == []


def test_what_is_no_catalog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match="no index at"):
        Catalog.open(tmp_path)
    (tmp_path / FILE).write_bytes(b"something else entirely " * 100)
    with pytest.raises(IndexDamagedError, match="no catalog of ragkit"):
        Catalog.open(tmp_path)
    (tmp_path / FILE).write_bytes(b"")
    with pytest.raises(IndexDamagedError, match="no such table"):
        Catalog.open(tmp_path)


def test_another_format_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    with catalog.transaction():
        catalog.ledger.set_meta("format", "999")
    with pytest.raises(IndexStaleError, match="has format 999, this ragkit reads"):
        Catalog.open(tmp_path)


def test_a_catalog_that_is_used_wrongly_is_not_called_damaged(catalog: Catalog) -> None:
    catalog.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"), catalog.errors():
        catalog.count("sources")


def test_a_vector_that_is_put_again_keeps_its_id_and_its_cache_is_made_again(
    catalog: Catalog,
) -> None:
    record = CacheRecord("dense", "dense-1", 7, 3, ())
    rows = np.eye(2, dtype=np.float32)
    with catalog.transaction():
        ids = catalog.vectors.put([b"a", b"b"], rows)
        catalog.ledger.set_caches("dense", [record])
        assert catalog.vectors.put([b"c"], rows[:1]) == {b"c": 3}
        assert catalog.ledger.caches("dense") == [record]
        assert catalog.vectors.put([b"b"], rows[:1]) == {b"b": ids[b"b"]}
    assert catalog.ledger.caches("dense") == []
    assert catalog.vectors.rows([ids[b"b"]], 2)[1].tolist() == [[1, 0]]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(IndexWriteError, match="cannot use the index"):
        Catalog.create(tmp_path / "none", {})
