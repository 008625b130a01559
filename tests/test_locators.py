"""Places that are printed lead back: ``show`` and what it remembers of the last answer."""

from __future__ import annotations

import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragkit import Rag
from ragkit.catalog import Source, digest_of
from ragkit.chunking import chunks_of
from ragkit.cli import history
from ragkit.cli.history import Last, Passage, recall, remember, state_folder
from ragkit.cli.output import name, place
from ragkit.cli.showing import NUMBER
from ragkit.errors import ConfigError, NoSuchPathError
from ragkit.index.caches import publish
from ragkit.index.folder import Index, Maker
from ragkit.loading.pdf import BETWEEN
from ragkit.types import Document
from tests.embedders import HashingEmbedder
from tests.test_cli import Terminal, here, indexed, ragkit
from tests.test_damage import damage
from tests.test_ingest import write

__all__ = ["here", "indexed", "ragkit"]


def fill(folder: Path, documents: dict[str, Document]) -> None:
    """Make an index of documents under any paths, each cut every 30 characters."""
    embedder = HashingEmbedder()
    index = Index.create(folder, Maker(embedder.name, embedder.fingerprint, embedder.dim, 200))
    with index.catalog.transaction():
        for path, document in documents.items():
            key = digest_of(path.encode(), document.text.encode())
            vectors = index.catalog.vectors.put([key], embedder.embed_documents([document.text]))
            cuts = range(0, len(document.text), 30)
            chunks = list(
                chunks_of(document, [(at, min(at + 30, len(document.text))) for at in cuts])
            )
            content = index.catalog.texts.put_content(
                document, "en", chunks, [vectors[key]] * len(chunks)
            )
            index.catalog.texts.put_source(Source(path, content, 1, 1, 1, key))
    publish(index.catalog, folder, dim=embedder.dim)
    index.close()


SHEET = Document(
    "Name  Sum\nAnn  3\nBo  4\n\nName  Sum\nCy  5\n", "xlsx",
    places=((0, "!Sums:1"), (10, "!Sums:2"), (17, "!Sums:3"), (24, "!My Sheet@1!:1"),
            (34, "!My Sheet@1!:2")),
)  # fmt: skip
TALK = Document(
    "Welcome to the talk.\nIt is about bridges.\nThank you all.\n", "srt",
    places=((0, "@00:00:01"), (21, "@00:12:03"), (42, "@01:00:00.500")),
)  # fmt: skip
PAGES = Document(f"First page.\nSecond line.{BETWEEN}The last page.", "pdf", page_starts=(0, 26))
TEXT = Document("one\r\ntwo\rthree\nfour five six seven eight nine ten\n\nend", "text")

# -- places


@pytest.fixture
def rag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rag]:
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "docs")
    fill(
        tmp_path / ".ragkit",
        {"docs/table.xlsx": SHEET, "docs/talk.srt": TALK, "docs/file.pdf": PAGES, "notes.md": TEXT,
         "docs/a.zip!/b/c.md": TEXT, "docs/a.zip!/t.xlsx": SHEET, "docs/3": TEXT, "docs/n:2": TALK},
    )  # fmt: skip
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("given_place", "text", "lines"),
    [
        ("table.xlsx!Sums:2", "Ann  3\n", (2, 2)),
        ("table.xlsx!My Sheet@1!:1", "Name  Sum\n", (5, 5)),
        ("a.zip!/t.xlsx!Sums:3", "Bo  4\n\n", (3, 3)),
        ("talk.srt@00:12:03", "It is about bridges.\n", (2, 2)),
        ("talk.srt@0:13:00", "It is about bridges.\n", (2, 2)),
        ("talk.srt@59:59", "It is about bridges.\n", (2, 2)),
        ("talk.srt@2:00:00", "Thank you all.", (3, 3)),
        ("file.pdf#page=2", "The last page.", (4, 4)),
        ("../notes.md:2-3", "two\rthree\n", (2, 3)),
        ("notes.md:6", "end", (6, 6)),
        ("a.zip!/b/c.md:3", "three\n", (3, 3)),
        ("./3", TEXT.text, (1, 6)),
        ("3:1", "one\r\n", (1, 1)),
        ("n:2", TALK.text, (1, 3)),
        ("n:2:2", "It is about bridges.\n", (2, 2)),
        ("docs/talk.srt:1", "Welcome to the talk.\n", (1, 1)),
    ],
)  # fmt: skip
def test_a_place_leads_to_its_text(
    rag: Rag, given_place: str, text: str, lines: tuple[int, int]
) -> None:
    found = rag.locate(given_place)
    assert (found.text, found.lines) == (text, lines)
    assert found.document[found.start : found.end] == text


@pytest.mark.parametrize(
    ("given_place", "said"),
    [
        ("table.xlsx!Sums:9", "table.xlsx has no !Sums:9"),
        ("talk.srt@00:00:00", "talk.srt has no @00:00:00"),
        ("file.pdf#page=3", "file.pdf has pages 1 to 2, not 3"),
        ("talk.srt#page=1", "talk.srt has no pages"),
        ("../notes.md:7", "../notes.md has lines 1 to 6, not 7"),
        ("a.zip!/b/c.md:0", "a.zip!/b/c.md has lines 1 to 6, not 0"),
    ],
)
def test_a_place_that_is_not_there_is_told(rag: Rag, given_place: str, said: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        rag.locate(given_place)
    assert wrong.value.message == said


def test_a_path_that_is_not_there_is_told(rag: Rag) -> None:
    for missing in ("none.md:3", "none@1!2", "x", "!", "@1", "\x00:1"):
        with pytest.raises(NoSuchPathError):
            rag.locate(missing)


names = st.text(
    st.sampled_from("ab3:-#=!@ ./说\n\x1b\"'\\[]page") | st.characters(codec="utf-8"),
    min_size=1,
    max_size=9,
).map(lambda text: "/".join(part for part in text.split("/") if part.strip(".")) or "x")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(names, min_size=4, max_size=4, unique=True))
def test_every_printed_place_can_be_typed_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_names: list[str]
) -> None:
    shutil.rmtree(tmp_path / ".ragkit", ignore_errors=True)
    monkeypatch.chdir(tmp_path)
    documents = dict(zip(given_names, (SHEET, TALK, PAGES, TEXT), strict=True))
    fill(tmp_path / ".ragkit", documents)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        shown = partial(name, rag)
        printed = {shown(path): path for path in documents}
        for path in documents:
            content = rag.reader().index.catalog.texts.require_sources()[path].content
            for stored in rag.reader().index.catalog.chunks.of(content):
                chunk = stored.chunk
                where = place(rag, path, chunk.lines, chunk.page, chunk.place_at(0))
                if where in printed:  # a name that ends as a place does is taken for the name
                    continue
                found = rag.locate(where, shown=shown)
                assert not where.startswith("-")
                if any(where.startswith(other) for other in printed if other != shown(path)):
                    continue  # one name begins as another does, and goes on as a place
                assert found.path == path
                if chunk.places:
                    assert found.place == chunk.place_at(0)
                else:
                    assert found.start <= chunk.start < found.end


def test_a_time_after_the_last_leads_there_and_says_so(rag: Rag, ragkit: Terminal) -> None:
    told = "note: nothing begins after @01:00:00.500: this is the last of talk.srt\n"
    for place_given, is_beyond in (("@99:00:00", True), ("@01:00:00.500", False), ("@0:13", False)):
        _, out, err = ragkit("show", f"talk.srt{place_given}")
        assert (told in err) == is_beyond
        assert out
    assert rag.locate("talk.srt@2:00:00").place == "@01:00:00.500"


# -- show


def test_show_of_a_number_is_the_passage_of_the_last_answer(
    indexed: Path, ragkit: Terminal
) -> None:
    ragkit("ask", "How long does a model stay loaded in memory?")
    code, out, err = ragkit("show", "1")
    assert (code, err) == (
        0, "passage 1 of the answer to “How long does a model stay loaded in memory?”\n"
    )  # fmt: skip
    assert out == (
        "[1] docs/model.md:3\n"
        "  1  # Models\n"
        "  2\n"
        "> 3  A model stays loaded in memory for five minutes by default.\n"
        "  4\n"
    )
    assert ragkit("show", "[1]", "-C", "0")[1].splitlines()[1:] == [
        "> 3  A model stays loaded in memory for five minutes by default."
    ]
    found = ragkit.json("show", "1", "-C", "1")
    (passage,) = found.pop("passages")
    assert found == {
        "number": 1, "of": "answer", "question": "How long does a model stay loaded in memory?",
    }  # fmt: skip
    assert passage == {
        "path": "docs/model.md", "start": 10, "end": 69, "page": None, "lines": [3, 3],
        "before": "\n", "text": "A model stays loaded in memory for five minutes by default.",
        "after": "\n",
    }  # fmt: skip


def test_show_of_a_number_is_the_hit_of_a_search_that_came_later(
    indexed: Path, ragkit: Terminal
) -> None:
    ragkit("ask", "Who opened the bridge?", "--json")
    hits = ragkit.json("search", "模型在内存中保留多久")["hits"]
    code, out, err = ragkit("show", "2")
    assert (code, err) == (0, "hit 2 of the search for “模型在内存中保留多久”\n")
    assert out.startswith(f"[2] {hits[1]['path']}:1-3\n> 1  #")
    listed = ragkit("show")
    assert listed[1].splitlines() == [f"[{hit['rank']}] {hit['path']}:1-3" for hit in hits]
    assert listed[2] == "the last search: 模型在内存中保留多久\n"
    assert [each["number"] for each in ragkit.json("show")["passages"]] == [1, 2, 3]
    code, _, err = ragkit("show", "7")
    assert code == 2
    assert err == "Error: the last search has 1, 2, 3, not 7\n  hint: a file called 7 is ./7\n"


def test_a_refusal_has_no_passages(indexed: Path, ragkit: Terminal) -> None:
    ragkit("ask", "Who invented the saxophone?")
    assert ragkit("show")[1] == "no passages\n"
    assert "the last answer has no passages, not 1" in ragkit("show", "1")[2]


def test_nothing_is_remembered_where_that_is_not_wanted(
    indexed: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ragkit("search", "bridge", "--no-history")
    (indexed / "q.txt").write_text("bridge\n")
    ragkit("search", "--batch", "q.txt")
    monkeypatch.setenv("RAGKIT_HISTORY", "false")
    ragkit("ask", "Who opened the bridge?")
    code, _, err = ragkit("show", "1")
    assert code == 1
    assert "no answer or search over this index is remembered" in err


def test_a_file_with_the_name_of_a_number_is_named_with_its_folder(
    indexed: Path, ragkit: Terminal
) -> None:
    (indexed / "3").write_text("a file called three")
    (indexed / "-x.md").write_text("a file called so\n")
    ragkit("ingest", ".", "--offline")
    assert ragkit("show", "./3")[1] == "a file called three"
    assert ragkit("show", "3:1")[1] == "a file called three"
    assert ragkit("show", "3")[0] == 1
    assert "1. ./-x.md:1  (" in ragkit("search", "file called so", "-k", "1")[1]
    assert ragkit("show", "./-x.md:1")[1] == "a file called so\n"
    assert not NUMBER.fullmatch("./3")


def test_a_passage_that_moved_is_followed_and_one_that_is_gone_shown_as_it_was(
    indexed: Path, ragkit: Terminal
) -> None:
    ragkit("ask", "How long does a model stay loaded in memory?")
    model = indexed / "docs/model.md"
    text = model.read_text()
    model.write_text("# Above\n\n" + text)
    out, err = ragkit("show", "1")[1:]
    assert "> 3  A model stays" in out
    assert "docs/model.md has changed since it was read: 'ragkit ingest' reads it again" in err
    assert ragkit.json("show", "1")["state"] == "changed"
    assert ragkit.json("show", "docs/model.md:3")["state"] == "changed"
    ragkit("ingest")
    out, err = ragkit("show", "1")[1:]
    assert "> 5  A model stays" in out
    assert "the passage has moved since: it stood at docs/model.md:3" in err
    model.write_text("# Models\n\nThey leave at once.\n")
    ragkit("ingest")
    out, err = ragkit("show", "1")[1:]
    assert out.endswith("> 1  A model stays loaded in memory for five minutes by default.\n")
    assert "no longer in its text: docs/model.md; this is the passage as it was" in err
    model.unlink()
    assert (
        "docs/model.md is no longer there, or cannot be looked at"
        in (ragkit("show", "docs/model.md")[2])
    )
    ragkit("rm", "docs/model.md")
    assert "no longer in the index: docs/model.md" in ragkit("show", "1")[2]


def test_show_says_that_a_file_could_not_be_read_again(indexed: Path, ragkit: Terminal) -> None:
    file = indexed / "docs/model.md"
    content = file.read_bytes()
    times = file.stat().st_mtime_ns
    file.write_bytes(b"\x00" * 70_000_000)
    assert ragkit("ingest")[0] == 6
    file.write_bytes(content)
    os.utime(file, ns=(times, times))
    assert (
        "docs/model.md could not be read again: this is its older text"
        in (ragkit("show", "docs/model.md:1")[2])
    )


def test_a_file_that_was_merely_touched_has_not_changed(indexed: Path) -> None:
    (indexed / "docs/model.md").touch()
    with Rag(indexed / ".ragkit", offline=True) as opened:
        assert opened.freshness("docs/model.md") == ""
        assert opened.freshness("docs/none.md") == ""


def test_of_a_member_it_is_the_archive_that_is_looked_at(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("b.md", "text")
    fill(tmp_path / ".ragkit", {"a.zip!/b.md": TEXT, "a.zip!/b.zip!/c.md": TALK})
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as opened:
        assert opened.freshness("a.zip!/b.md") == "changed"
        os.utime(tmp_path / "a.zip", ns=(1, 1))
        assert opened.freshness("a.zip!/b.md") == opened.freshness("a.zip!/b.zip!/c.md") == ""
        (tmp_path / "a.zip").unlink()
        assert opened.freshness("a.zip!/b.md") == "gone"


# -- what is remembered

PASSAGE = Passage(1, "a.md", 0, 4, (1, 1), None, "", "text")
LAST = Last("answer", "why?", "2026-08-21T10:00:00Z", (PASSAGE,))


def test_it_is_for_its_owners_eyes_and_of_one_index(tmp_path: Path, state: Path) -> None:
    remember(tmp_path / "a/.ragkit", LAST)
    assert recall(tmp_path / "a/.ragkit") == recall(tmp_path / "a/../a/.ragkit") == LAST
    assert recall(tmp_path / "b/.ragkit") is None
    folder = state / "ragkit/last"
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir())


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(history, "MOST_FILES", 3)
    for i in range(5):
        remember(tmp_path / str(i), LAST)
        (file,) = set((tmp_path / "ragkit/last").glob("*.json")) - {
            f for f in (tmp_path / "ragkit/last").glob("*.json") if f.stat().st_mtime_ns < 10**12
        }
        os.utime(file, ns=(i, i))
    assert [recall(tmp_path / str(i)) is not None for i in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    "broken",
    ["", "{", "[]", "null", '{"passages": [{}]}', '{"passages": [{"number": "x"}]}', "[" * 5000,
     json.dumps({"of": "answer", "question": "", "at": "", "passages": [
         {"number": -1, "path": "a", "start": 0, "end": 1, "lines": [1, 1], "page": None,
          "place": "", "text": ""}]})],
)  # fmt: skip
def test_a_file_that_is_not_ours_is_as_none(tmp_path: Path, state: Path, broken: str) -> None:
    index = tmp_path / ".ragkit"
    remember(index, LAST)
    newest = max((state / "ragkit/last").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    newest.write_text(broken)
    assert recall(index) is None


def test_an_answer_never_fails_because_it_cannot_be_remembered(
    indexed: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (indexed / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(indexed / "file"))
    code, out, err = ragkit("search", "bridge", "-k", "1")
    assert (code, out[:2]) == (0, "1.")
    assert err == "note: 'ragkit show 1' will not know this: it cannot be kept (Not a directory)\n"
    assert ragkit("ask", "Who opened the bridge?", "-q")[2] == ""
    for variable in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert state_folder() is None
    assert ragkit("search", "bridge", "-k", "1")[2] == ""
    assert ragkit("show", "1")[0] == 1


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    remember(tmp_path, LAST)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        remember(tmp_path, Last("search", "what?", "", ()))
    assert recall(tmp_path) == LAST
    assert not list((state / "ragkit/last").glob(".last-*"))


def test_long_passages_are_kept_by_their_beginnings(here: Path, ragkit: Terminal) -> None:
    write(here / "docs", long="giraffe " * 20)
    ragkit("ingest", "docs", "--offline")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "MOST_TEXT", 50)
        ragkit("search", "giraffe", "-k", "1")
    found = ragkit.json("show", "1")["passages"][0]
    assert found["text"] == ("giraffe " * 20).strip()


def test_a_passage_that_is_gone_is_marked_and_one_damaged_row_blocks_no_other(
    indexed: Path, ragkit: Terminal
) -> None:
    ragkit("ask", "How long does a model stay loaded in memory?")
    damage(indexed / ".ragkit", "UPDATE sources SET size=1 WHERE path='docs/bridge.md'")
    assert ragkit("show", "1")[0] == 0
    assert ragkit("show", "docs/model.md:1")[0] == 0
    assert ragkit("show", "docs/bridge.md:1")[0] == 5
    ragkit("ingest", "--reread")
    (indexed / "docs/model.md").write_text("# Models\n\nThey leave at once.\n")
    ragkit("ingest")
    (passage,) = ragkit.json("show", "1")["passages"]
    assert (passage["lost"], passage["lines"]) == (True, [3, 3])
    assert "has moved" not in ragkit("show", "1")[2]


def test_a_search_that_finds_nothing_is_the_last_one(indexed: Path, ragkit: Terminal) -> None:
    ragkit("search", "bridge")
    ragkit("search", "qqzzxx", "--mode", "lexical")
    assert "qqzzxx" in ragkit("show")[2]
