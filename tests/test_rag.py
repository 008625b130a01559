"""The library as its users call it: what it says of an index, and parts of one's own."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest

from ragkit import Rag
from ragkit.errors import ConfigError, IndexMissingError, IndexStaleError, NoSuchPathError
from ragkit.protocols import Answerer, Chunker
from ragkit.types import Chunk, Document, Hit
from tests.embedders import HashingEmbedder
from tests.test_ingest import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with documents below ``docs`` and an index of them."""
    write(
        tmp_path / "docs",
        bridge="# Bridges\n\nThe bridge over the river was opened by the mayor.",
        blank=" \n",
    )
    write(tmp_path / "docs" / "deep", model="# Models\n\nA model stays loaded for five minutes.")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "docs")
    return tmp_path


@pytest.fixture
def rag(folder: Path) -> Iterator[Rag]:
    with Rag(folder / ".ragkit", embedder=HashingEmbedder()) as opened:
        yield opened


# -- what is there


def test_status_and_ls_say_what_the_index_holds(rag: Rag, folder: Path) -> None:
    status = rag.status()
    assert (status.files, status.chunks, status.vectors) == (3, 2, 2)
    assert (status.embedder, status.dim, status.chunk_tokens) == ("test:hashing", 32, 200)
    assert (status.roots, status.languages) == (("docs",), ("en",))
    assert status.bytes > 4096
    assert [(f.path, f.title, f.type, f.chunks, f.pages, f.state) for f in rag.ls()] == [
        ("docs/blank.md", "", "markdown", 0, None, "empty"),
        ("docs/bridge.md", "Bridges", "markdown", 1, None, "indexed"),
        ("docs/deep/model.md", "Models", "markdown", 1, None, "indexed"),
    ]
    assert not rag._readers  # what searches is not loaded for it


def test_files_that_failed_are_listed_as_such(rag: Rag, folder: Path) -> None:
    (folder / "docs" / "broken.pdf").write_bytes(b"%PDF-1.7")
    rag.ingest()
    assert [(f.path, f.state) for f in rag.ls() if f.state != "indexed"] == [
        ("docs/blank.md", "empty"),
        ("docs/broken.pdf", "failed"),
    ]


def test_the_text_of_a_source_is_what_was_ingested(rag: Rag, folder: Path) -> None:
    text = (folder / "docs/bridge.md").read_text()
    (folder / "docs/bridge.md").write_text("changed since")
    assert rag.text(folder / "docs/bridge.md") == rag.text("docs/bridge.md") == text
    with pytest.raises(NoSuchPathError, match="the index has no"):
        rag.text("docs/none.md")


def test_paths_are_shown_as_seen_from_the_working_folder(
    rag: Rag, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "docs")
    assert rag.shown_path("docs/bridge.md") == "bridge.md"
    assert rag.shown_path("/elsewhere/a.md") == "/elsewhere/a.md"
    monkeypatch.chdir("/")
    assert rag.shown_path(str(folder / "docs/bridge.md")) == str(folder / "docs/bridge.md")[1:]

    def on_another_drive(_: Path) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", on_another_drive)
    assert rag.shown_path("docs/bridge.md") == str(folder / "docs/bridge.md")


def test_an_index_that_was_moved_with_its_documents_still_finds_them(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = tmp_path_factory.mktemp("elsewhere") / "kb"
    shutil.move(folder, moved)
    with Rag(moved / ".ragkit", embedder=HashingEmbedder()) as rag:
        assert rag.search("bridge mayor")[0].path == "docs/bridge.md"
        assert rag.ingest().unchanged == 3


def test_removed_files_leave_and_failures_with_them(rag: Rag, folder: Path) -> None:
    (folder / "docs" / "broken.pdf").write_bytes(b"%PDF-1.7")
    rag.ingest()
    assert rag.remove(folder / "docs/deep", folder / "docs/broken.pdf") == [
        "docs/broken.pdf",
        "docs/deep/model.md",
    ]
    assert [f.path for f in rag.ls()] == ["docs/blank.md", "docs/bridge.md"]
    assert all(hit.path == "docs/bridge.md" for hit in rag.search("model loaded"))
    with pytest.raises(NoSuchPathError):
        rag.remove(folder / "docs/bridge.md", folder / "docs/none.md")
    assert len(rag.ls()) == 2


def test_an_index_that_was_embedded_anew_in_between_is_not_searched(rag: Rag) -> None:
    other = HashingEmbedder("test:other")
    with pytest.raises(IndexStaleError, match="embedded anew meanwhile"):
        rag._searching._search("bridge", other, rag.settings)


def test_a_plan_says_what_an_ingest_would_do(rag: Rag, folder: Path) -> None:
    (folder / "docs/new.md").write_text("new")
    (folder / "docs/bridge.md").unlink()
    assert [(p.path, p.action, p.size) for p in rag.plan().files] == [
        ("docs/blank.md", "unchanged", 0),
        ("docs/bridge.md", "remove", 0),
        ("docs/deep/model.md", "unchanged", 0),
        ("docs/new.md", "new", 3),
    ]
    assert [p.action for p in rag.plan(reread=True).files] == [
        "changed",
        "remove",
        "changed",
        "new",
    ]
    planned = Rag(folder / "none", offline=True).plan(folder / "docs").files
    assert [p.action for p in planned] == ["new"] * 3


def test_a_pattern_may_be_a_text(rag: Rag, folder: Path) -> None:
    planned = rag.plan(folder / "docs", include="br*.md", exclude="deep/", reread=True).files
    assert [file.path for file in planned if file.action != "skip"] == ["docs/bridge.md"]


@pytest.mark.parametrize("call", ["ingest", "ingesting", "plan", "watching"])
def test_a_way_to_ingest_that_there_is_not_is_refused(rag: Rag, call: str) -> None:
    with pytest.raises(TypeError, match="no argument 'reindx'; it has reread, reindex"):
        list(getattr(rag, call)(reindx=True))


def test_the_folder_of_the_index_may_be_a_root(folder: Path) -> None:
    write(folder.parent / "beside", far="Far away.")
    with Rag(folder / ".ragkit", embedder=HashingEmbedder()) as rag:
        assert rag.ingest(folder, folder.parent / "beside").unchanged == 3
        (folder / "docs/bridge.md").unlink()
        (folder.parent / "beside/far.md").rename(folder.parent / "beside/near.md")
        assert rag.ingest(folder).removed == 1
        assert rag.status().roots == (".", str(folder.parent / "beside"), "docs")


def test_removing_a_folder_forgets_the_roots_below_it(rag: Rag, folder: Path) -> None:
    rag.ingest(folder / "docs/deep", folder / "docs/bridge.md")
    assert rag.status().roots == ("docs", "docs/bridge.md", "docs/deep")
    assert len(rag.remove(folder)) == 3  # the index's own base
    assert rag.status().roots == ()


# -- finding the index


def test_the_index_is_found_from_below_and_made_where_one_works(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "docs" / "deep")
    with Rag(embedder=HashingEmbedder()) as rag:
        assert rag.folder == folder / ".ragkit"
    shutil.rmtree(folder / ".ragkit")
    with Rag(embedder=HashingEmbedder()) as rag:
        for use in (rag.status, lambda: rag.search("x"), lambda: rag.remove("x"), rag.ingest):
            with pytest.raises(IndexMissingError, match="or above it"):
                use()
        rag.ingest("model.md")
        assert rag.folder == folder / "docs" / "deep" / ".ragkit"
        assert rag.status().files == 1


def test_an_index_is_opened_again_after_it_was_closed(rag: Rag) -> None:
    assert rag.search("bridge")
    rag.close()
    rag.close()
    assert rag.search("bridge")


def test_threads_share_a_rag(rag: Rag) -> None:
    expected = rag.search("bridge")
    with ThreadPoolExecutor(4) as pool:
        assert all(hits == expected for hits in pool.map(rag.search, ["bridge"] * 40))
    for _ in range(3):  # what a thread had open is closed once it is gone
        thread = Thread(target=rag.ls)
        thread.start()
        thread.join()
    assert len(rag.ls()) == 3
    rag.close()
    assert rag.search("bridge") == expected


# -- search and ask


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
@pytest.mark.parametrize("fusion", ["sum", "rrf"])
def test_every_mode_finds_the_passage(folder: Path, mode: str, fusion: str) -> None:
    with Rag(folder / ".ragkit", embedder=HashingEmbedder(), fusion=fusion) as rag:
        hits = rag.search("bridge mayor", mode=mode)
        assert hits[0].path == "docs/bridge.md"
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        assert rag.search("bridge mayor", mode=mode, k=1) == hits[:1]


def test_what_no_search_can_be_is_refused(rag: Rag) -> None:
    with pytest.raises(ConfigError, match="mode cannot be 'bogus'") as refused:
        rag.search("bridge", mode="bogus")
    assert refused.value.hint == "one of: hybrid, dense, lexical"
    for k in (0, -1):
        with pytest.raises(ConfigError, match=f"k cannot be {k}"):
            rag.ask("bridge", k=k)


def test_lexical_search_needs_no_embedder(folder: Path) -> None:
    with Rag(folder / ".ragkit") as rag:  # the index's own is not at hand
        assert rag.search("bridge", mode="lexical")[0].path == "docs/bridge.md"


@pytest.mark.parametrize("question", ["", " \n\t", "\u3000"])
def test_a_blank_question_is_refused(rag: Rag, question: str) -> None:
    with pytest.raises(ConfigError, match="blank"):
        rag.search(question)


@pytest.mark.parametrize("question", ["?!", "🦒", "\ud800", "of the", "模", "a" * 100_000])
def test_odd_questions_are_answered_or_refused(rag: Rag, question: str) -> None:
    assert rag.ask(question).refused
    rag.search(question)


def test_an_answer_streams_and_can_be_read_again(rag: Rag) -> None:
    answer = rag.ask("Who opened the bridge?")
    pieces = list(answer)
    assert "".join(pieces) == answer.text == "".join(answer)
    assert "mayor" in answer.text
    (citation, *_) = answer.citations
    assert (citation.path, citation.lines) == ("docs/bridge.md", (3, 3))
    assert rag.text(citation.path)[citation.start : citation.end] == citation.text


@pytest.mark.parametrize(
    ("question", "refused"),
    [
        ("租金是多少？", False),
        ("押金什麼時候退還？", False),
        ("公司有多少员工？", True),
        ("是什么时候？", True),
    ],
)
def test_what_asks_in_chinese_is_not_looked_for_in_a_small_index(
    tmp_path: Path, question: str, refused: bool
) -> None:
    write(tmp_path, lease="月租金为五千元。押金为两个月租金，合同终止后十五日内退还。")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "lease.md")
        assert rag.ask(question).refused == refused


LEASE = (
    "The rent is 800 euros a month. Die Miete beträgt 800 Euro. Le loyer est de 800 euros."
    " El alquiler es de 800 euros. Арендная плата составляет 800 евро. 家賃は八百ユーロです。"
    " 월세는 800유로입니다. किराया 800 यूरो है। الإيجار هو ٨٠٠ يورو."
)


ASKED = [
    ("What’s the rent?", False),
    ("How high is the rent?", False),
    ("How much does the rent cost?", False),
    ("Wie hoch ist die Miete?", False),
    ("Quel est le montant du loyer ?", False),
    ("¿Cuánto cuesta el alquiler?", False),
    ("Сколько составляет арендная плата?", False),
    ("家賃はいくらですか？", False),
    ("월세가 얼마예요?", False),
    ("किराया कितना है?", False),
    ("كم الإيجار؟", False),
    ("Did the landlord die in the war?", True),
    ("Wer ist der Präsident von Frankreich?", True),
    ("¿Quién ganó el mundial?", True),
]


def test_a_small_index_answers_what_stands_in_it_in_any_language(tmp_path: Path) -> None:
    write(tmp_path, lease=LEASE)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "lease.md")
        assert [(question, rag.ask(question).refused) for question, _ in ASKED] == ASKED
        assert "Wie" not in rag.ask("Wie siegte Brasilien?").text  # what asks is not missed


def test_words_of_the_sixth_language_of_an_index_are_found_as_it_stems_them(tmp_path: Path) -> None:
    many = [
        "模型在内存中。",
        "これはモデルの説明です。",
        "이것은 모델입니다.",
        "นี่คือแบบจำลอง",
        "Это описание модели.",
    ]
    texts = {f"t{n}": text for n, text in enumerate([*many, *(f"{text}2" for text in many)])}
    write(tmp_path, **texts, nl="De kinderen van het dorp zijn in het park met een hond.")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), mode="lexical") as rag:
        rag.ingest(tmp_path)
        assert rag.status().languages[-1] == "nl"
        assert [hit.path for hit in rag.search("kinderen")] == ["nl.md"]


def test_what_the_documents_do_not_say_is_refused_unless_asked_to_try(folder: Path) -> None:
    with Rag(folder / ".ragkit", embedder=HashingEmbedder()) as rag:
        answer = rag.ask("Which giraffe won the football cup?")
        assert answer.refused
        assert answer.citations == []
        assert "giraffe" in answer.text
    with Rag(folder / ".ragkit", embedder=HashingEmbedder(), strictness=0) as rag:
        assert not rag.ask("Which giraffe won the football cup?").refused


def test_parts_of_ones_own(tmp_path: Path) -> None:
    class Lines:
        def __call__(self, document: Document) -> Iterator[Chunk]:
            at = 0
            for number, line in enumerate(document.text.splitlines(keepends=True), 1):
                if line.strip():
                    yield Chunk(line, at, at + len(line), (number, number))
                at += len(line)

    class Shouting:
        name = "test:shouting"

        def __call__(self, question: str, hits: Sequence[Hit]) -> Iterator[str]:
            yield hits[0].chunk.text.strip().upper()
            yield " [1] [7]"

    chunker: Chunker = Lines()
    answerer: Answerer = Shouting()
    write(tmp_path / "docs", two="The first line.\nThe mayor opened the bridge.\n")
    own = Rag(tmp_path / "kb", embedder=HashingEmbedder(), chunker=chunker, answerer=answerer, k=3)
    with own as rag:
        assert rag.ingest(tmp_path / "docs").chunks == 2
        answer = rag.ask("Who opened the bridge? mayor")
        assert answer.text == "THE MAYOR OPENED THE BRIDGE. [1] [7]"
        assert answer.model == "test:shouting"
        (citation,) = answer.citations  # there is no seventh passage
        assert citation.lines == (2, 2)


def test_a_chunk_is_as_long_as_its_span() -> None:
    with pytest.raises(ValueError, match="span 3:9 is not 4 characters"):
        Chunk("four", 3, 9, (1, 1))


def test_values_can_be_pickled(rag: Rag) -> None:
    hit = rag.search("bridge")[0]
    assert pickle.loads(pickle.dumps(hit)) == hit


def test_as_many_passages_come_back_as_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "docs", **{f"n{i}": f"Giraffe number{i}." for i in range(12)})
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), candidates=2) as rag:
        rag.ingest(tmp_path / "docs")
        assert len(rag.search("giraffe", k=12, mode="dense")) == 12
