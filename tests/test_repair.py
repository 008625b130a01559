"""``check --repair`` mends what it can, embeds nothing, and says how to get back what is lost."""

from __future__ import annotations

import ast
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.catalog import FILE, Catalog, is_cut_short
from ragkit.catalog.carving import carved
from ragkit.embedding.checked import embed_checked
from ragkit.errors import IndexLockedError, IndexWriteError
from ragkit.index import caches
from ragkit.index.binding import misled
from ragkit.index.folder import WRITER, Index, Maker
from ragkit.index.lock import lock
from ragkit.protocols import ServedEmbedder
from ragkit.repair import NoEmbedder
from ragkit.types import Progress
from tests.embedders import HashingEmbedder
from tests.rights import no_file_larger_than
from tests.test_cli import Terminal, here, indexed, ragkit
from tests.test_damage import damage
from tests.test_ingest import write

__all__ = ["here", "indexed", "ragkit"]  # fixtures

QUESTION = "Who opened the bridge over the river?"
BRIDGE = "(SELECT content FROM sources WHERE path='docs/bridge.md')"
PAGE = 8192


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DELETE FROM caches", "made anew: the dense cache\nmade anew: the lexical cache\n"),
        ("UPDATE meta SET value='x' WHERE key='dim'", "mended: its 'dim' is not what was"),
        ("DELETE FROM meta WHERE key='dim'", "mended: its 'dim' is not what was written"),
        ("UPDATE meta SET key='eim' WHERE key='dim'", "mended: its 'dim' is not what was"),
        (f"UPDATE contents SET title='Wrong' WHERE id={BRIDGE}", "read again: docs/bridge.md\n"),
        (f"UPDATE contents SET text=x'00' WHERE id={BRIDGE}", "read again: docs/bridge.md\n"),
        (f"DELETE FROM contents WHERE id={BRIDGE}", "read again: docs/bridge.md\n"),
        (f"UPDATE chunks SET page=9 WHERE content={BRIDGE}", "read again: docs/bridge.md\n"),
        ("UPDATE sources SET size=0 WHERE path='docs/bridge.md'", "read again: docs/bridge.md\n"),
        (
            "UPDATE sources SET path=CAST(x'ff' AS TEXT) WHERE path='docs/bridge.md'",
            "read again: docs/bridge.md\n",
        ),
        ("PRAGMA application_id=7", "mended: its file does not say that it is one of ragkit's\n"),
        ("UPDATE sqlite_sequence SET seq=0", "mended: the last number given in vectors is not"),
        ("UPDATE sqlite_sequence SET seq='x'", "mended: the last number given in vectors is not"),
        ("DROP INDEX sources_digest", "made the catalog anew: 3 texts, 3 passages and 3 vectors"),
    ],
)
def test_what_is_damaged_is_mended_and_nothing_embedded(
    indexed: Path, ragkit: Terminal, change: str, told: str
) -> None:
    whole = ragkit("search", QUESTION)
    damage(indexed / ".ragkit", change)
    code, out, err = ragkit("check", "--repair", "--quiet")
    assert (code, err) == (0, "")
    assert told in out
    assert out.endswith("the index is whole\n")
    assert ragkit("check") == (0, "the index is whole\n", "")
    assert ragkit("search", QUESTION) == whole
    assert "3 unchanged" in ragkit("ingest")[1]


def test_facts_that_can_be_made_anew_are(indexed: Path, ragkit: Terminal) -> None:
    whole = ragkit("search", QUESTION, "--json")
    keys = "('lexical_terms', 'generation')"
    for table in ("meta", "meta_again"):
        damage(indexed / ".ragkit", f"UPDATE {table} SET value='x' WHERE key IN {keys}")
    assert ragkit("search", QUESTION)[0] == 5
    code, out, _ = ragkit("check", "--repair")
    assert code == 0, out
    assert "made anew: the lexical cache" in out
    assert ragkit("search", QUESTION, "--json") == whole


def test_a_probe_that_is_lost_is_taken_again(indexed: Path, ragkit: Terminal) -> None:
    with (
        Rag(offline=True) as rag,
        lock(indexed / ".ragkit") as held,
        rag._writing.opened(held) as index,
    ):
        for key in ("embedder_version", "embedder_probe"):
            with index.catalog.transaction():
                index.catalog.ledger.set_meta(key, "00000000")
    for table in ("meta", "meta_again"):
        damage(indexed / ".ragkit", f"UPDATE {table} SET seal=x'' WHERE key='embedder_probe'")
    assert ragkit("check", "--repair")[0] == 0
    catalog = Catalog.open(indexed / ".ragkit")
    assert catalog.ledger.meta("embedder_version") is None
    catalog.close()


def test_a_lost_root_and_a_lost_failure_are_told(indexed: Path, ragkit: Terminal) -> None:
    (indexed / "docs/broken.pdf").write_bytes(b"%PDF-1.7")
    assert ragkit("ingest")[0] == 6
    damage(indexed / ".ragkit", "UPDATE failures SET reason='none'")
    code, _, err = ragkit("status")
    assert code == 5
    assert "why docs/broken.pdf failed is not what was written\n" in err
    assert "hint: ragkit ingest" in err  # which finds out again
    damage(indexed / ".ragkit", "UPDATE roots SET path='x'")
    assert "that x was given to ingest is not what" in ragkit("ingest", "docs")[2]
    code, out, _ = ragkit("check", "--repair")
    assert "mended: that x was given to ingest is not what was written\n" in out
    assert "mended: why docs/broken.pdf failed is not" in out
    assert "lost: which folders were given to ingest; 'ragkit ingest FOLDER' tells it again" in out
    assert code == 5
    assert ragkit("check")[0] == 0
    assert "no folder was ever ingested\n  hint: ragkit ingest FOLDER" in ragkit("ingest")[2]
    assert "3 unchanged" in ragkit("ingest", "docs")[1]


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE vectors SET seal=x'' WHERE id=(SELECT vector FROM chunks WHERE content={BRIDGE})",
        f"DELETE FROM vectors WHERE id=(SELECT vector FROM chunks WHERE content={BRIDGE})",
        # Rows that are whole, but not each other's: as if pages of another index stood there.
        f"UPDATE vectors SET key=x'00', seal=seal('00', vector)"
        f" WHERE id=(SELECT vector FROM chunks WHERE content={BRIDGE})",
    ],
)
def test_a_lost_vector_is_told_and_embedded_by_the_next_ingest(
    indexed: Path, ragkit: Terminal, change: str
) -> None:
    from ragkit.catalog.database import seal_of

    whole = ragkit("search", QUESTION)
    db = sqlite3.connect(indexed / ".ragkit" / FILE)
    db.create_function("seal", 2, lambda key, vector: seal_of(vector, bytes.fromhex(key)))
    with db:
        db.execute(change)
    db.close()
    code, out, _ = ragkit("check")
    assert code == 5
    assert "a vector of docs/bridge.md is not what was written" in out
    code, out, _ = ragkit("check", "--repair")
    assert code == 5
    assert (
        "lost: docs/bridge.md: 1 passages have no vector any more and are found by their words;"
        " 'ragkit ingest' embeds them\n"
    ) in out
    assert ragkit("check")[0] == 0
    assert ragkit("search", "bridge river", "--mode", "lexical", "-k", "1")[0] == 0
    assert "1 embedded" in ragkit("ingest")[1]
    assert ragkit("search", QUESTION) == whole


def test_a_text_whose_file_is_gone_is_told_and_comes_back_with_it(
    here: Path, ragkit: Terminal
) -> None:
    parts = "".join(f"# Part {i}\n\n" + f"word{i} river " * 100 + "\n\n" for i in range(5))
    write(here / "docs", long=parts, gone="Giraffes are tall.", gone_copy="Giraffes are tall.")
    ragkit("ingest", "docs", "--offline")
    for name in ("long", "gone", "gone_copy"):
        (here / f"docs/{name}.md").rename(here / f"{name}.md")
    damage(
        here / ".ragkit",
        "UPDATE chunks SET last_line=99 WHERE id=(SELECT min(id) FROM chunks WHERE content="
        "(SELECT content FROM sources WHERE path='docs/long.md'))",
        "UPDATE contents SET text=x'00' WHERE id="
        "(SELECT content FROM sources WHERE path='docs/gone.md')",
    )
    code, out, _ = ragkit("check", "--repair", "--json")
    said = json.loads(out)
    assert code == 5
    assert not said["whole"]
    assert said["damages"] == []
    assert [line.partition(":")[0] for line in said["lost"]] == [
        "docs/gone.md", "docs/gone_copy.md", "docs/long.md",
    ]  # fmt: skip
    assert "is lost, and so is the file; put it back; then 'ragkit ingest'" in said["lost"][0]
    assert "made anew: the lexical cache" in said["mended"]  # a neighbour had its words too
    assert ragkit("search", "word4", "-k", "1")[1].startswith("1. docs/long.md")  # what is whole
    assert ragkit("show", "docs/gone.md")[0] == 2
    for name in ("long", "gone", "gone_copy"):
        (here / f"{name}.md").rename(here / f"docs/{name}.md")
    assert ", 0 embedded" in ragkit("ingest")[1]
    assert ragkit("check")[0] == 0
    assert ragkit("search", "word0", "-k", "1")[1].startswith("1. docs/long.md:1-")


def test_texts_that_no_file_has_any_more_are_counted(indexed: Path, ragkit: Terminal) -> None:
    (indexed / "docs/bridge.md").unlink()
    damage(indexed / ".ragkit", "UPDATE sources SET size=9 WHERE path='docs/bridge.md'")
    code, out, _ = ragkit("check", "--repair")
    assert code == 5
    assert "lost: 1 texts: where they belong is lost, and no file has them any more" in out
    assert ragkit("check")[0] == 0


# -- the file


def torn(index: Path, *pages: int, by: bytes = b"\xff") -> None:
    """Fill pages of a catalog, counted from 0, with nonsense."""
    data = bytearray((index / FILE).read_bytes())
    for page in pages:
        data[page * PAGE : (page + 1) * PAGE] = by * PAGE
    (index / FILE).write_bytes(data)


def test_a_catalog_without_a_header_is_made_anew_from_its_rows(
    indexed: Path, ragkit: Terminal
) -> None:
    whole = ragkit("search", QUESTION)
    torn(indexed / ".ragkit", 0)
    assert ragkit("search", QUESTION)[0] == 5
    code, out, _ = ragkit("check", "--repair")
    assert code == 0, out
    assert "made the catalog anew: 3 texts, 3 passages and 3 vectors are whole" in out
    assert ragkit("search", QUESTION) == whole
    assert "3 unchanged" in ragkit("ingest")[1]


@pytest.mark.parametrize("at", [18, 19])
@pytest.mark.parametrize("mark", [1, 9])
def test_a_header_that_forbids_writing_is_noticed(
    indexed: Path, ragkit: Terminal, at: int, mark: int
) -> None:
    data = bytearray((indexed / ".ragkit" / FILE).read_bytes())
    data[at] = mark
    (indexed / ".ragkit" / FILE).write_bytes(data)
    assert ragkit("check")[0] == 5
    assert ragkit("check", "--repair")[0] == 0
    assert ragkit("check")[0] == 0
    assert "3 unchanged" in ragkit("ingest")[1]


@pytest.mark.parametrize("pages", [[20], [0, 20], [9, 10, 11, 12], [0, 1, 2, 3, 4]])
def test_pages_that_are_lost_cost_what_was_on_them(tmp_path: Path, pages: list[int]) -> None:
    texts = {f"n{i}": f"# Number {i}\n\n" + f"word{i} river " * 800 for i in range(20)}
    docs = write(tmp_path / "docs", **texts)
    embedder = HashingEmbedder()
    with Rag(tmp_path / ".ragkit", embedder=embedder) as rag:
        rag.ingest(docs)
        vectors = len(embedder.embedded)
        rag.close()
        torn(tmp_path / ".ragkit", *pages)
        embedder.embedded.clear()
        steps: list[Progress] = []
        repaired = rag.repair(progress=steps.append)
        assert steps[-1].stage == "done"
        assert not repaired.damages
        assert embedder.embedded == []
        if 2 in pages:  # the list of roots
            assert "which folders were given to ingest; 'ragkit ingest" in repaired.lost[0]
        rag.ingest(docs)
        assert len(embedder.embedded) < vectors / 2
        assert rag.check() == []
        assert rag.status().files == 20
        assert rag.search("word17")[0].path == "docs/n17.md"


def test_what_was_only_in_the_log_is_kept_too(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", **{f"n{i}": f"word{i} river " * 99 for i in range(9)})
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(docs)
        keeps_the_log = Catalog.open(tmp_path / ".ragkit")  # who reads while the writer ends
        with keeps_the_log.snapshot():
            keeps_the_log.count("sources")
            write(docs, new="The giraffe is tall.")
            rag.ingest()
            (tmp_path / "killed").mkdir()
            for name in (FILE, f"{FILE}-wal"):
                shutil.copyfile(tmp_path / ".ragkit" / name, tmp_path / "killed" / name)
        keeps_the_log.close()
    torn(tmp_path / "killed", 0)
    log = tmp_path / "killed" / f"{FILE}-wal"
    log.write_bytes(log.read_bytes()[:-5])  # a frame that was not finished
    rows = [row for number, row in carved(tmp_path / "killed" / FILE) if len(row) == 7]
    assert {row[0] for row in rows} >= {f"docs/n{i}.md" for i in range(9)}
    (tmp_path / ".ragkit").rename(tmp_path / "old")
    (tmp_path / "killed").rename(tmp_path / ".ragkit")
    embedder = HashingEmbedder()
    with Rag(tmp_path / ".ragkit", embedder=embedder) as rag:
        assert not rag.repair().lost
        assert rag.text("docs/new.md") == "The giraffe is tall."
        assert embedder.embedded == []


def test_dropped_texts_do_not_come_back_with_a_repair(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", **{f"n{i}": f"secret{i} " * 3000 for i in range(30)})
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(docs)
        rag.close()
        for file in docs.iterdir():
            file.unlink()
        damage(  # as SQLite deletes, unless it was built to wipe what it deletes
            tmp_path / ".ragkit",
            "PRAGMA secure_delete=OFF",
            "DELETE FROM chunks WHERE content <= 20",
            "DELETE FROM contents WHERE id <= 20",
            "DELETE FROM sources WHERE content <= 20",
        )
        data = bytearray((tmp_path / ".ragkit" / FILE).read_bytes())
        assert data.count(b"secret7 secret7") > 0  # in pages that SQLite has given up
        data[100] ^= 0xFF
        (tmp_path / ".ragkit" / FILE).write_bytes(data)
        rag.repair()
        assert len(rag.ls()) == 10


def test_a_catalog_that_says_nothing_of_its_embedder_is_left_as_it_is(
    indexed: Path, ragkit: Terminal
) -> None:
    damage(indexed / ".ragkit", "DELETE FROM meta", "DELETE FROM meta_again")
    before = (indexed / ".ragkit" / FILE).read_bytes()
    code, _, err = ragkit("check", "--repair")
    assert code == 5
    assert "it does not say its 'embedder'\n  hint: if " in err
    assert (indexed / ".ragkit" / FILE).read_bytes() == before
    assert not list((indexed / ".ragkit").glob("unfinished*"))


def test_a_repair_is_for_one_writer_with_rights_and_space(tmp_path: Path, ragkit: Terminal) -> None:
    docs = write(tmp_path / "docs", **{f"n{i}": f"word{i} river " * 800 for i in range(20)})
    index = tmp_path / ".ragkit"
    with Rag(index, embedder=HashingEmbedder()) as rag:
        rag.ingest(docs)
        rag.close()
        torn(index, 0)
        before = (index / FILE).read_bytes()
        with lock(index), pytest.raises(IndexLockedError):
            rag.repair()
        with no_file_larger_than(100_000), pytest.raises(IndexWriteError):
            rag.repair()
        assert (index / FILE).read_bytes() == before
        rag.repair()
        assert rag.check() == []
        with no_file_larger_than(0), pytest.raises(IndexWriteError):
            rag.repair()  # of one that is whole
        assert rag.check() == []


def test_what_stands_for_the_embedder_has_no_vector_for_any_text() -> None:
    none = NoEmbedder(Maker("test:hashing", "test:hashing 1", 32, 200))
    assert isinstance(none, ServedEmbedder)
    found = embed_checked(none, ["one", "two"])
    assert found.refused == dict.fromkeys((0, 1), "a repair embeds nothing")
    assert not found.rows.any()
    assert not none.embed_query("one").any()
    assert none.version() == ""


# -- after an unclean end


def test_large_caches_are_read_whole_after_an_unclean_end(
    indexed: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "CHECKED_BYTES", 0)  # as if they were larger than that
    expected = ragkit("search", QUESTION)
    (dense,) = (indexed / ".ragkit").glob("dense-*")
    data = bytearray(dense.read_bytes())
    data[-200:] = bytes(200)  # of vectors and ids: the header is whole
    dense.write_bytes(data)
    index = Index.open(indexed / ".ragkit")
    assert not index.ended_badly()
    (record,) = index.catalog.ledger.caches("dense")
    assert caches.is_whole(record, index.folder)  # nobody has looked
    index.close()
    script = (
        "import os, sys; from pathlib import Path; from ragkit.index.folder import Index;"
        "Index.open(Path(sys.argv[1]), writing=True); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, indexed / ".ragkit"], check=True)
    index = Index.open(indexed / ".ragkit")
    assert index.ended_badly()
    index.close()
    assert ragkit("search", QUESTION) == expected  # straight from the catalog
    assert ragkit("ingest")[0] == 0
    assert not dense.exists()
    assert ragkit("check") == (0, "the index is whole\n", "")
    index = Index.open(indexed / ".ragkit")
    assert index.catalog.ledger.meta(WRITER) == ""
    index.close()


def test_a_writer_of_this_machine_that_runs_is_no_unclean_end(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_allowed(*_: object) -> None:
        raise PermissionError

    writing = Index.open(indexed / ".ragkit", writing=True)
    reading = Index.open(indexed / ".ragkit")
    assert not reading.ended_badly()
    monkeypatch.setattr(os, "kill", not_allowed)  # it is another user's
    assert not reading.ended_badly()
    reading.close()
    writing.close()


# -- nothing of an index is run


@pytest.mark.no_cover
def test_nothing_is_ever_unpickled(indexed: Path) -> None:
    for file in Path(caches.__file__).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "")}
                assert not names & {"pickle", "marshal", "shelve", "dill", "joblib"}, file
            if isinstance(node, ast.keyword):
                assert node.arg != "allow_pickle", file
    script = (
        "import sys; from ragkit import Rag\n"
        "rag = Rag(offline=True)\n"
        "rag.search('the bridge')\n"  # all modules are there now
        "sys.addaudithook(lambda event, _: event != 'pickle.find_class' or sys.exit(event))\n"
        "rag.close(); rag.search('the river'); rag.check(); rag.repair(); rag.ingest()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=indexed)


# -- the log


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A folder with an index whose last file is in the log only."""
    docs = write(tmp_path / "docs", **{f"n{i}": f"word{i} river " * 99 for i in range(9)})
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(docs)
        reading = Catalog.open(tmp_path / ".ragkit")
        with reading.snapshot():
            reading.count("sources")
            write(docs, new="The giraffe is tall.")
            rag.ingest()
            (tmp_path / "kb").mkdir()
            for name in (FILE, f"{FILE}-wal"):
                shutil.copyfile(tmp_path / ".ragkit" / name, tmp_path / "kb" / name)
        reading.close()
    return tmp_path


def test_a_log_that_is_whole_or_not_finished_is_no_damage(killed: Path) -> None:
    log = killed / "kb" / f"{FILE}-wal"
    data = log.read_bytes()
    assert len(data) > 32 + 3 * (24 + PAGE)
    assert not is_cut_short(log)
    log.write_bytes(data[: -(24 + PAGE) // 2])  # a kill within a write
    assert not is_cut_short(log)
    stale = bytearray(data[32 : 32 + 24 + PAGE])
    stale[8:16] = bytes(8)  # of a log before this one
    log.write_bytes(data + stale)
    assert not is_cut_short(log)
    log.write_bytes(b"")
    assert not is_cut_short(log)
    assert not is_cut_short(killed / "none")


@pytest.mark.parametrize("at", [0, 9, 20, 25, 32 + 9, 32 + 17, 32 + 24 + 500])
def test_a_log_with_a_flipped_byte_is_told_and_what_it_holds_kept(killed: Path, at: int) -> None:
    log = killed / "kb" / f"{FILE}-wal"
    data = bytearray(log.read_bytes())
    data[at] ^= 0x10
    log.write_bytes(data)
    (killed / ".ragkit").rename(killed / "old")
    (killed / "kb").rename(killed / ".ragkit")
    with Rag(killed / ".ragkit", embedder=HashingEmbedder()) as rag:
        told = "the index is damaged: some of what was last committed to it is not seen"
        assert told in rag.check()
        repaired = rag.repair()
        assert not repaired.damages
        assert rag.check() == []
        rag.ingest()
        assert rag.text("docs/new.md") == "The giraffe is tall."
        assert rag.check() == []


def test_a_log_that_is_being_written_is_not_judged(killed: Path) -> None:
    writing = Index.open(killed / ".ragkit", writing=True)
    log = killed / ".ragkit" / f"{FILE}-wal"
    data = log.read_bytes()
    log.write_bytes(data[:20] + b"\xff" + data[21:])
    assert is_cut_short(log)
    assert not writing.has_lost_transactions()
    log.write_bytes(data)
    writing.close()


# -- the pages


def test_all_rows_are_carved_that_sql_reads(tmp_path: Path) -> None:
    name = "a-long-name-" * 14
    docs = write(tmp_path / "docs", **{f"{name}{i}": f"word{i} river " * 900 for i in range(90)})
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(docs)
    rows = [columns for _, columns in carved(tmp_path / ".ragkit" / FILE)]
    with sqlite3.connect(tmp_path / ".ragkit" / FILE) as db:
        for table, numbered in (("sources", 0), ("contents", 1), ("vectors", 1), ("chunks", 1)):
            for row in db.execute(f"SELECT * FROM {table}"):
                assert (*[None] * numbered, *row[numbered:]) in rows
    db.close()


def test_cells_that_lead_nowhere_are_no_rows(tmp_path: Path) -> None:
    page = bytearray(PAGE)
    page[100] = 0x0D  # a leaf of numbered rows, with four cells
    page[103:105] = (4).to_bytes(2)
    for i, (at, cell) in enumerate(
        [
            (4000, b"\xff" * 9),  # larger than the file
            (5000, b"\xc6\x28\x01"),  # 9,000 bytes, which go on in page 0
            (8191, b"\xff"),  # beyond the end
            (6000, b"\x0a\x01\x02\x07" + bytes(8)),  # a number of a kind that nothing here has
        ]
    ):
        page[108 + 2 * i : 110 + 2 * i] = at.to_bytes(2)
        page[at : at + len(cell)] = cell
    (tmp_path / FILE).write_bytes(page + bytes(PAGE))
    assert list(carved(tmp_path / FILE)) == []


@pytest.mark.parametrize("change", ["DELETE FROM chunks", "UPDATE chunks SET page=9"])
def test_a_text_that_lacks_a_passage_is_read_again(tmp_path: Path, change: str) -> None:
    docs = write(
        tmp_path / "docs", long="".join(f"# Part {i}\n\n" + "word " * 180 for i in range(3))
    )
    embedder = HashingEmbedder()
    with Rag(tmp_path / ".ragkit", embedder=embedder) as rag:
        rag.ingest(docs)
        chunks = rag.status().chunks
        rag.close()
        embedder.embedded.clear()
        damage(tmp_path / ".ragkit", f"{change} WHERE id=2")
        torn(tmp_path / ".ragkit", 0)
        assert "read again: docs/long.md" in rag.repair().mended
        assert rag.status().chunks == chunks
        assert embedder.embedded == []


def test_damaged_passages_are_not_called_misled_too(indexed: Path) -> None:
    damage(indexed / ".ragkit", "UPDATE contents SET title='Wrong', text=x'00'")
    index = Index.open(indexed / ".ragkit")
    assert list(misled(index)) == []
    index.close()
