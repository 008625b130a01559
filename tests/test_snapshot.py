"""A search finds the same whatever state the caches are in, and never uses a damaged one."""

import os
import random
import shutil
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.catalog import Catalog
from tests.embedders import HashingEmbedder

WORDS = "bridge river mayor opened model memory window token 模型内存 窗口大小 缓存文件".split()
QUESTIONS = ["bridge mayor", "model memory window", "模型内存窗口", "token river", "opened"]


def write_documents(folder: Path, count: int = 12) -> None:
    rng = random.Random(1)
    folder.mkdir(exist_ok=True)
    for i in range(count):
        paragraphs = (" ".join(rng.choices(WORDS, k=rng.randint(20, 120))) for _ in range(4))
        (folder / f"{i}.md").write_text(f"# {rng.choice(WORDS)} {i}\n\n" + ".\n\n".join(paragraphs))


Rankings = list[list[tuple[str, int]]]


def rankings(rag: Rag) -> tuple[Rankings, list[float]]:
    """Return what is found, in order, and the scores, which tantivy has in single precision."""
    hits = [rag.search(question, k=10) for question in QUESTIONS]
    places = [[(hit.path, hit.chunk.start) for hit in found] for found in hits]
    return places, [hit.score for found in hits for hit in found]


def assert_same(one: tuple[Rankings, list[float]], other: tuple[Rankings, list[float]]) -> None:
    assert one[0] == other[0]
    assert one[1] == pytest.approx(other[1], abs=1e-4)


def paths(rag: Rag) -> set[str]:
    return {path for found in rankings(rag)[0] for path, _ in found}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_documents(tmp_path / "docs")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "docs")
    return tmp_path


def opened(folder: Path) -> Rag:
    return Rag(folder / ".ragkit", embedder=HashingEmbedder())


def forget(folder: Path, *kinds: str) -> None:
    catalog = Catalog.open(folder / ".ragkit", writing=True)
    with catalog.transaction():
        for kind in kinds:
            catalog.ledger.set_caches(kind, [])
    catalog.close()


@pytest.mark.parametrize("kinds", [("dense",), ("lexical",), ("dense", "lexical")])
def test_rows_that_no_cache_holds_rank_as_if_one_did(folder: Path, kinds: tuple[str, ...]) -> None:
    with opened(folder) as rag:
        expected = rankings(rag)
    forget(folder, *kinds)
    with opened(folder) as rag:
        assert_same(rankings(rag), expected)


def test_caches_that_lag_rank_as_if_they_did_not(folder: Path) -> None:
    write_documents(folder / "docs", 15)  # the same twelve, and three more
    catalog = Catalog.open(folder / ".ragkit")
    before = {kind: catalog.ledger.caches(kind) for kind in ("dense", "lexical")}
    terms = catalog.ledger.meta("lexical_terms") or ""
    catalog.close()
    shutil.copytree(folder / ".ragkit", folder / "kept")
    with opened(folder) as rag:
        rag.ingest(folder / "docs")
        expected = rankings(rag)
    for records in before.values():  # as if the run had been killed before it published
        for record in records:
            old = folder / "kept" / record.name
            new = folder / ".ragkit" / record.name
            shutil.copytree(old, new) if old.is_dir() else shutil.copyfile(old, new)
    catalog = Catalog.open(folder / ".ragkit", writing=True)
    with catalog.transaction():
        for kind, records in before.items():
            catalog.ledger.set_caches(kind, records)
        catalog.ledger.set_meta("lexical_terms", terms)
    catalog.close()
    with opened(folder) as rag:
        found = rankings(rag)
        assert_same(found, expected)
        rag.ingest(folder / "docs")
        assert rag.check() == []


@pytest.mark.no_cover
@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
@pytest.mark.parametrize("kind", ["dense", "lexical"])
def test_a_damaged_cache_is_not_used_told_and_made_again(
    folder: Path, kind: str, damage: str
) -> None:
    with opened(folder) as rag:
        expected = rankings(rag)
    (path,) = (folder / ".ragkit").glob(f"{kind}-*")
    file = path if path.is_file() else max(path.iterdir(), key=lambda f: f.stat().st_size)
    data = bytearray(file.read_bytes())
    file.unlink()
    if damage == "flip":
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)
    elif damage == "truncate":
        file.write_bytes(data[: len(data) // 2])
    embedder = HashingEmbedder()
    with Rag(folder / ".ragkit", embedder=embedder) as rag:
        assert_same(rankings(rag), expected)
        assert any(line.startswith(f"{kind} cache") for line in rag.check())
        rag.ingest(folder / "docs")
        assert embedder.embedded == []
        assert rag.check() == []
        assert_same(rankings(rag), expected)


def test_a_large_and_a_small_file_are_searched_as_one(folder: Path) -> None:
    (folder / "docs" / "new.md").write_text("# bridge\n\nAn index of bridge and mayor")
    with opened(folder) as rag:
        rag.ingest(folder / "docs")
        assert len(list((folder / ".ragkit").glob("dense-*"))) == 2
        assert rag.search("bridge mayor", mode="dense")
        expected = rankings(rag)
    large = min((folder / ".ragkit").glob("dense-*"))
    large.write_bytes(b"")
    with opened(folder) as rag:
        assert_same(rankings(rag), expected)


def test_codes_in_place_of_vectors_rank_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(folder) as rag:
        expected = rankings(rag)
    forget(folder, "dense")
    monkeypatch.setattr("ragkit.vectors.EXACT_BYTES", 0)
    with opened(folder) as rag:
        rag.ingest()
        assert_same(rankings(rag), expected)
        best = rag.search("bridge mayor", mode="dense")
        assert best
        (folder / "docs" / "new.md").write_text("# bridge\n\nAn index of bridge and mayor")
        for path in {hit.path for hit in best}:
            (folder / path).unlink()
        rag.ingest()
        assert rag.search("bridge mayor", mode="dense")[0].path == "docs/new.md"
        assert rag.check() == []


def test_what_was_dropped_is_not_found(folder: Path) -> None:
    with opened(folder) as rag:
        before = paths(rag)
        for i in range(9):
            (folder / "docs" / f"{i}.md").unlink()
        rag.ingest(folder / "docs")
        after = paths(rag)
        assert after == {f"docs/{i}.md" for i in (9, 10, 11)}
        assert after < before
        assert rag.check() == []


def test_a_reader_that_was_open_before_a_run_sees_the_next_state(folder: Path) -> None:
    with opened(folder) as reader, opened(folder) as writer:
        before = rankings(reader)
        with reader.reader().snapshot() as snapshot:
            writer.ingest(folder / "docs", reread=True)
            assert snapshot.facts.files == 12
        assert_same(rankings(reader), before)
        (folder / "docs" / "0.md").write_text("yeast and flour")
        writer.ingest(folder / "docs")
        assert reader.search("yeast flour")[0].path == "docs/0.md"


def test_vectors_of_files_that_went_do_not_crowd_out_the_others(folder: Path) -> None:
    write_documents(folder / "docs", 60)
    vector = HashingEmbedder().embed_query("bridge river mayor opened")
    with opened(folder) as rag:
        rag.ingest()
        with rag.reader().snapshot() as snapshot:
            best = snapshot.hits(dict.fromkeys(snapshot.best_dense(vector, k=40), 1.0), {}, k=40)
        for path in {hit.path for hit in best}:
            (folder / path).unlink()
        rag.ingest()
        with rag.reader().snapshot() as snapshot:
            assert len(snapshot.best_dense(vector, k=10)) >= 10


def test_caches_that_are_behind_are_told_and_no_damage(folder: Path) -> None:
    forget(folder, "dense", "lexical")
    said: list[str] = []
    with Rag(folder / ".ragkit", embedder=HashingEmbedder(), notify=said.append) as rag:
        assert rag.check() == []
        assert said == [
            "dense cache: behind the catalog, which 'ragkit ingest' mends",
            "lexical cache: behind the catalog, which 'ragkit ingest' mends",
        ]
        rag.ingest()
        said.clear()
        assert rag.check() == said == []


def test_a_cache_is_made_where_there_are_no_links(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError("this file system has none")

    monkeypatch.setattr(os, "link", no_links)
    (folder / "docs/new.md").write_text("A giraffe.")
    with opened(folder) as rag:
        rag.ingest()
        assert rag.search("giraffe", mode="lexical")[0].path == "docs/new.md"
        assert not rag.check()


# -- a passage among its neighbours

ABOUT = "The ferry of Kessock crosses at dawn. " * 12  # each a passage of its own
CREW = "Its crew of three has tea on board. " * 12
SAME = "The crew of three has tea at home. " * 12
OTHERS = ["Sheep graze on the hills. " * 12, "A library lends maps. " * 12]


def write_ferry(folder: Path) -> None:
    """Write a file whose middle says what its first passage is about, and one that does not."""
    folder.mkdir(exist_ok=True)
    (folder / "ferry.md").write_text("\n\n".join([ABOUT, CREW, OTHERS[0]]))
    (folder / "home.md").write_text("\n\n".join([OTHERS[1], SAME, OTHERS[0]]))
    (folder / "rest.md").write_text("\n\n".join(OTHERS))


def windows(rag: Rag, question: str) -> dict[tuple[str, int], float]:
    """Return what the window of each passage found scores."""
    hits = rag.search(question, k=50, mode="lexical")
    return {(hit.path, hit.chunk.start): dict(hit.views)["window"] for hit in hits}


@pytest.fixture
def ferry(tmp_path: Path) -> Path:
    write_ferry(tmp_path / "docs")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), chunk_tokens=100) as rag:
        rag.ingest(tmp_path / "docs")
    return tmp_path


def test_a_passage_is_found_by_what_its_neighbours_say(ferry: Path) -> None:
    with opened(ferry) as rag:
        first, second = rag.search("crew on the Kessock ferry", k=2, mode="lexical")
        assert {first.path, second.path} == {"docs/ferry.md"}
        best = max(windows(rag, "Kessock crew").items(), key=lambda item: item[1])
        assert best[0][0] == "docs/ferry.md"


@pytest.mark.parametrize("kinds", [(), ("lexical",)])
def test_windows_end_where_a_document_does(ferry: Path, kinds: tuple[str, ...]) -> None:
    forget(ferry, *kinds)
    with opened(ferry) as rag, rag.reader().snapshot() as snapshot:
        found = snapshot.best_lexical("window", [("kessock",)], k=50)
        hits = snapshot.hits(dict.fromkeys(found, 1.0), {}, k=50)
    assert {hit.path for hit in hits} == {"docs/ferry.md"}
    texts = [hit.chunk.text for hit in hits]
    assert not any("Sheep" in text for text in texts)  # two passages further on
    assert [text.startswith("Its crew") for text in texts] == [False] * (len(texts) - 1) + [True]


def test_passages_of_the_cache_and_fresh_ones_have_the_same_windows(ferry: Path) -> None:
    (ferry / "docs/new.md").write_text("A bicycle.")
    catalog = Catalog.open(ferry / ".ragkit")
    before, terms = catalog.ledger.caches("lexical"), catalog.ledger.meta("lexical_terms") or ""
    catalog.close()
    shutil.copytree(ferry / ".ragkit", ferry / "kept")
    with opened(ferry) as rag:
        rag.ingest()
        expected = windows(rag, "crew of the ferry at dawn")
    shutil.copytree(ferry / "kept" / before[0].name, ferry / ".ragkit" / before[0].name)
    catalog = Catalog.open(ferry / ".ragkit", writing=True)
    with catalog.transaction():
        catalog.ledger.set_caches("lexical", before)
        catalog.ledger.set_meta("lexical_terms", terms)
    catalog.close()
    with opened(ferry) as rag:  # one passage is fresh: all are scored from the catalog
        assert windows(rag, "crew of the ferry at dawn") == pytest.approx(expected, abs=1e-4)


def test_a_cache_without_windows_is_made_anew_and_nothing_embedded(ferry: Path) -> None:
    catalog = Catalog.open(ferry / ".ragkit", writing=True)
    *counts, version = (catalog.ledger.meta("lexical_terms") or "").split()
    with catalog.transaction():  # as it was when there were two fields
        catalog.ledger.set_meta("lexical_terms", " ".join([*counts[:2], version]))
    catalog.close()
    (old,) = (ferry / ".ragkit").glob("lexical-*")
    embedder = HashingEmbedder()
    with Rag(ferry / ".ragkit", embedder=embedder) as rag:
        expected = rankings(rag)
        rag.ingest()
        assert embedder.embedded == []
        assert_same(rankings(rag), expected)
        assert rag.check() == []
    (new,) = (ferry / ".ragkit").glob("lexical-*")
    assert new != old
