"""What goes wrong is said clearly, exits as the README says, and loses nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.catalog import FORMAT, Catalog
from ragkit.errors import IndexLockedError, IndexWriteError
from ragkit.index.folder import Index, Maker, find
from ragkit.index.room import require_free
from ragkit.index.roots import require
from ragkit.index.survey import survey
from tests.embedders import HashingEmbedder
from tests.rights import NOBODY, no_file_larger_than, read_only
from tests.test_cli import RAGKIT, Terminal, here, indexed, ragkit
from tests.test_ingest import write
from tests.test_walk import as_anybody

__all__ = ["here", "indexed", "ragkit"]  # fixtures

AS_PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF"


# -- paths and files


def test_no_such_path(here: Path, ragkit: Terminal) -> None:
    said = "Error: no such file or folder: dosc\n  hint: check its spelling\n"
    assert ragkit("ingest", "dosc", "--offline") == (2, "", said)
    assert ragkit("ingest", "dosc", "--dry-run")[0] == 2
    assert not (here / ".ragkit").exists()


def test_nothing_to_read(here: Path, ragkit: Terminal) -> None:
    (here / "empty").mkdir()
    code, _, err = ragkit("ingest", "empty", "--offline")
    assert code == 1
    assert "Error: no files to read there\n" in err
    assert not (here / ".ragkit").exists()
    (here / "empty/image.png").write_bytes(b"\x89PNG")
    assert ragkit("ingest", "empty", "--offline", "-v") == (
        1,
        "0 files: 0 new, 0 changed, 0 unchanged, 0 removed, 1 skipped, 0 failed\n"
        "0 read: 0 passages, 0 embedded\n",
        "skipped: empty/image.png: binary, by its name\n"
        "Error: no files to read there\n  hint: '--dry-run' says for each file why\n",
    )
    assert ragkit("ask", "anything at all?")[0] == 5
    (here / "empty/blank.txt").write_text("")
    assert ragkit("ingest", "empty", "--offline")[0] == 0
    assert ragkit("ask", "anything at all?")[0] == 1


def test_no_index_yet(here: Path, ragkit: Terminal) -> None:
    for command in (["ask", "why?"], ["search", "why"], ["status"], ["ls"], ["check"], ["ingest"]):
        code, out, err = ragkit(*command)
        assert (code, out) == (5, "")
        assert "hint: ragkit ingest FOLDER" in err
    code, _, err = ragkit("ingest", "docs")  # no server, and it was not told to do without
    assert code == 3
    assert "making an index" not in err
    assert not (here / ".ragkit").exists()
    for command in (["status"], ["check", "--repair"], ["check", "--compact"], ["rm", "docs"]):
        code, _, err = ragkit(*command, "--index", "elsewhere")
        assert (code, "no index at" in err) == (5, True)
        assert not (here / "elsewhere").exists()  # a name that was misspelled


@pytest.mark.parametrize(
    ("name", "data", "code", "said"),
    [
        ("empty.md", b"", 0, ""),
        ("blank.md", b" \n\n", 0, ""),
        ("image.txt", b"\x89PNG\r\n\x1a\n\x00\x00", 0, "skipped: docs/image.txt: binary"),
        ("broken.pdf", b"%PDF-1.7\ngarbage", 6, "failed: docs/broken.pdf: the PDF is broken"),
        ("hollow.pdf", AS_PDF, 6, "failed: docs/hollow.pdf: the PDF is broken"),
        ("not.pdf", b"plain text", 6, "it is called .pdf but is no PDF"),
    ],
)
def test_odd_files_end_no_run(
    here: Path, ragkit: Terminal, name: str, data: bytes, code: int, said: str
) -> None:
    (here / "docs" / name).write_bytes(data)
    found, _, err = ragkit("ingest", "docs", "--offline")
    assert found == code
    assert said in err
    assert ragkit("ask", "Who opened the bridge?")[0] == 0


def test_an_encrypted_pdf_says_how_to_open_it(here: Path, ragkit: Terminal) -> None:
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(here / "docs/secret.pdf")
    code, _, err = ragkit("ingest", "docs", "--offline")
    assert code == 6
    assert "failed: docs/secret.pdf: the PDF is encrypted (remove its password" in err


def test_an_unreadable_file_is_tried_again(here: Path, ragkit: Terminal) -> None:
    (here / "docs/secret.md").symlink_to("/proc/self/mem")
    code, _, err = ragkit("ingest", "docs", "--offline")
    assert code == 6
    assert "failed: docs/secret.md: " in err
    (here / "docs/secret.md").unlink()
    assert ragkit("ingest")[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_name_that_is_no_text_is_escaped_and_told(here: Path, ragkit: Terminal) -> None:
    Path(os.fsdecode(b"docs/caf\xe9.md")).write_text("coffee in the morning")
    code, out, err = ragkit("ingest", "docs", "--offline")
    assert code == 0
    assert "4 new" in out
    assert "note: docs/caf\\xe9.md: its name is not UTF-8" in err
    assert "docs/caf\\xe9.md:1" in ragkit("search", "coffee morning")[1]
    assert ragkit("show", "docs/caf\\xe9.md")[1] == "coffee in the morning"
    assert ragkit("ingest")[2] == ""  # told once
    code, _, err = ragkit("ingest", os.fsdecode(b"docs/caf\xe9.md"))
    assert code == 2
    assert "name the folder that it lies in" in err
    Path("docs/caf\\xe9.md").write_text("a name that is in the way")
    code, _, err = ragkit("ingest")
    assert code == 6
    assert "failed: docs/caf\\xe9.md: its name is not UTF-8, and as text that of another" in err


def test_a_file_over_the_limit(here: Path, ragkit: Terminal) -> None:
    (here / "docs/large.txt").write_text("large words " * 200_000)
    code, _, err = ragkit("ingest", "docs", "--offline", "--max-file-mb", "1")
    assert code == 6
    assert "2 MB is more than the limit of 1 MB (raise it with --max-file-mb)" in err
    assert ragkit("ingest", "--max-file-mb", "0")[0] == 2


@pytest.mark.parametrize("question", ["", "  ", "\u3000\n"])
def test_a_blank_question(indexed: Path, ragkit: Terminal, question: str) -> None:
    for command in ("ask", "search"):
        code, out, err = ragkit(command, question)
        assert (code, out) == (2, "")
        assert "the question is blank" in err


def test_odd_names(here: Path, ragkit: Terminal) -> None:
    names = ["🦒 giraffe.md", "-q.md", "a:3.md", "new\nline.md", "'quoted\".md", " space .md"]
    for i, name in enumerate(names):
        (here / "docs" / name).write_text(f"The secret word number{i} is here.")
    assert ragkit("ingest", "docs", "--offline")[0] == 0
    for i, name in enumerate(names):
        assert ragkit.json("search", f"number{i}", "-k", "1")["hits"][0]["path"] == f"docs/{name}"
        assert ragkit("show", f"docs/{name}")[1] == f"The secret word number{i} is here."
    assert ragkit("show", "docs/a:3.md:1")[0] == 0
    assert len(ragkit("ls")[1].splitlines()) == 1 + 3 + len(names)
    assert "docs/new\\nline.md" in ragkit("ls")[1]
    assert "1. docs/new\\nline.md:1  (" in ragkit("search", "number3", "-k", "1")[1]
    assert "[1] docs/new\\nline.md:1\n" in ragkit("ask", "What is the secret word number3?")[1]
    assert ragkit("show", "docs/new\nline.md:1")[0] == 0
    (here / "docs/b:3").write_text("A name that ends as a line's number does.")
    assert ragkit("ingest")[0] == 0
    assert ragkit("show", "docs/b:3")[1] == "A name that ends as a line's number does."


def test_what_a_terminal_would_obey_is_shown_escaped(here: Path, ragkit: Terminal) -> None:
    escape = "\x1b]0;gotcha\x07"
    (here / f"docs/{escape}.md").write_text(
        f"# The {escape} heading\n\nGiraffes are {escape} tall."
    )
    (here / f"docs/{escape}.pdf").write_text("no PDF")
    for command in (
        ["ingest", "docs", "--offline"], ["ingest", "--dry-run"], ["ls"], ["status"],
        ["search", "giraffes tall"], ["ask", "Are giraffes tall?"], ["search", "--bad", escape],
        ["show", escape], ["rm", f"docs/{escape}.md"],
    ):  # fmt: skip
        _, out, err = ragkit(*command)
        assert "\x1b" not in out + err
        assert "\\x1b]0;gotcha\\x07" in out + err or "--bad" in command


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@pytest.mark.parametrize("command", ["ls", "ask", "show"])
def test_output_that_finds_no_space(indexed: Path, command: str) -> None:
    given = {"ls": [], "ask": ["Who opened the bridge?"], "show": ["docs/bridge.md"]}[command]
    with Path("/dev/full").open("wb") as full:  # every write fails
        done = subprocess.run(
            [*RAGKIT, command, *given], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 8
    assert done.stderr.decode() == (
        "Error: cannot write the output: No space left on device\n"
        "  hint: free some space, or write the output elsewhere\n"
    )


# -- the index


def test_an_index_that_is_a_file(here: Path, ragkit: Terminal) -> None:
    for command in (["status"], ["ingest", "docs", "--offline"], ["check", "--repair"]):
        code, _, err = ragkit(*command, "--index", "docs/bridge.md")
        assert code == 5
        assert "docs/bridge.md is a file, not the folder of an index\n  hint: name the" in err


def test_two_indexes_where_one_is_meant(indexed: Path, ragkit: Terminal) -> None:
    for command in (["status"], ["ingest", "docs"], ["ask", "why?"]):
        code, _, err = ragkit(*command, "--index", ".ragkit", "--index", "other/kb")
        assert code == 2
        assert "one index is meant, 2 are given: .ragkit, other/kb" in err
    assert not (indexed / "other").exists()


def test_the_variable_names_one_index_with_blanks_in_it(
    indexed: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (indexed / ".ragkit").rename(indexed / "my index")
    monkeypatch.setenv("RAGKIT_INDEX", "my index")
    assert ragkit("status")[0] == 0
    monkeypatch.setenv("RAGKIT_INDEX", "")
    assert ragkit("status")[0] == 5


def test_a_catalog_of_another_program_is_left(here: Path, ragkit: Terminal) -> None:
    (here / "kb").mkdir()
    with sqlite3.connect(here / "kb/catalog.sqlite") as db:
        db.execute("CREATE TABLE songs(title)")
        db.execute("INSERT INTO songs VALUES('Help!')")
    db.close()
    before = (here / "kb/catalog.sqlite").read_bytes()
    for command in (["status"], ["ingest", "docs", "--offline"], ["check", "--repair"]):
        code, _, err = ragkit(*command, "--index", "kb")
        assert code == 5
        assert "no catalog of ragkit" in err
        assert "delete" not in err
    assert (here / "kb/catalog.sqlite").read_bytes() == before


def test_an_index_that_is_deleted_while_it_is_open(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", **{f"n{i:03}": f"number{i} river" for i in range(300)})
    index = tmp_path / ".ragkit"
    with Rag(index, embedder=HashingEmbedder()) as rag, Rag(index) as other:
        rag.ingest(docs)
        assert other.status().files == 300
        steps = rag.ingesting(docs, reread=True)
        next(steps)
        for file in index.glob("catalog*"):
            file.unlink()
        assert other.status().files == 300  # it has the old one open
        with pytest.raises(IndexWriteError, match="was deleted or replaced while it was") as told:
            list(steps)
        assert told.value.hint == "what was done is lost with it: run it again"
        assert rag.ingest(docs).new == 300
        assert rag.check() == []
        steps = rag.ingesting(docs, reread=True)
        next(steps)
        shutil.rmtree(index)
        with pytest.raises(IndexWriteError):
            list(steps)
        assert rag.ingest(docs).new == 300


def test_what_may_not_be_looked_at_costs_itself_and_nothing_is_dropped(open_to_all: Path) -> None:
    sub = write(open_to_all / "docs/sub", model="A zebra.")
    with Rag(open_to_all / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(open_to_all / "docs", sub)
        (open_to_all / "docs").chmod(0)
        reader = rag.reader()
        try:
            with as_anybody():
                require([sub])
                found = survey(
                    reader.index,
                    [sub / "model.md", sub],
                    stored=reader.index.stored_path,
                    prune=True,
                )
                assert rag.freshness("docs/sub/model.md") == "gone"
        finally:
            (open_to_all / "docs").chmod(0o755)
        assert (found.vanished, found.pruned) == ((), ())
        assert {f.path: f.reason for f in found.failed} == dict.fromkeys(
            ("docs/sub/model.md", "docs/sub"), "cannot be looked at: Permission denied"
        )


def test_names_that_no_system_has(indexed: Path, ragkit: Terminal) -> None:
    long = "n" * 300
    for command, code, told in (
        (["ingest", long], 2, "no such file or folder"),
        (["search", "bridge", "--index", long], 8, "cannot look into"),
        (["export", "--jsonl", long], 8, "cannot write to"),
    ):
        found, _, err = ragkit(*command)
        assert (found, told in err, "hint: " in err) == (code, True, True)


def test_search_files_that_vanish_while_they_are_open(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", bridge="The bridge was opened by the mayor.")
    with (
        Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag,
        Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as fresh,
    ):
        rag.ingest(docs)
        expected = rag.search("bridge")
        for path in (tmp_path / ".ragkit").glob("*-00*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert rag.search("bridge") == expected
        assert [hit.path for hit in fresh.search("bridge")] == ["docs/bridge.md"]
        assert len(rag.check()) == 2


def test_a_folder_of_other_things_is_no_index(here: Path, ragkit: Terminal) -> None:
    code, _, err = ragkit("ingest", "docs", "--offline", "--index", "docs")
    assert code == 8
    assert "docs holds other things (bridge.md), so no index is made in it" in err
    assert not (here / "docs/writer.lock").exists()


def test_what_a_deleted_catalog_left_behind_is_in_nobodys_way(
    indexed: Path, ragkit: Terminal
) -> None:
    (indexed / ".ragkit/catalog.sqlite").unlink()
    (indexed / ".ragkit/catalog.sqlite-wal").write_bytes(b"of the old one")
    (indexed / ".ragkit/config.toml").write_text("k = 1\nchunk_tokens = 100\n")
    assert ragkit("ingest", "docs", "--offline")[0] == 0
    assert ragkit("check")[0] == 0
    assert ragkit.json("status")["chunk_tokens"] == 100  # settings that were there first
    (indexed / ".ragkit/catalog.sqlite").unlink()
    (indexed / ".ragkit/dense-of-my-own.txt").write_text("mine")
    assert ragkit("ingest", "docs", "--offline")[0] == 8
    assert len(list((indexed / ".ragkit").glob("dense-*"))) == 2


def test_a_working_folder_that_is_gone(here: Path, ragkit: Terminal) -> None:
    (here / "gone").mkdir()
    os.chdir(here / "gone")
    (here / "gone").rmdir()
    for command in (["ask", "why?"], ["status"], ["ingest", "docs"], ["ls", "--index", "kb"]):
        code, _, err = ragkit(*command)
        assert code == 2
        assert "the working folder is no longer there\n  hint: go to" in err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_an_index_in_a_folder_whose_name_is_no_text(here: Path, ragkit: Terminal) -> None:
    index = os.fsdecode(b"caf\xe9")
    code, _, err = ragkit("ingest", "docs", "--offline", "--index", index)
    assert code == 2
    assert "caf\\xe9: its path is not UTF-8\n  hint: rename that folder" in err


def test_a_catalog_of_garbage(indexed: Path, ragkit: Terminal) -> None:
    (indexed / ".ragkit/catalog.sqlite").write_bytes(os.urandom(20_000))
    for command in (["ask", "why?"], ["status"], ["ingest"], ["rm", "docs"]):
        code, _, err = ragkit(*command)
        assert code == 5
        assert "is damaged or no catalog of ragkit" in err
        assert "hint: 'ragkit check --repair' keeps what is whole of it, if it is one" in err
    code, _, err = ragkit("check", "--repair")
    assert code == 5
    assert "is damaged beyond repair, or no catalog of ragkit" in err
    assert "move it away and ingest again" in err
    assert len((indexed / ".ragkit/catalog.sqlite").read_bytes()) == 20_000


def test_a_catalog_of_something_else(indexed: Path, ragkit: Terminal) -> None:
    (indexed / ".ragkit/catalog.sqlite").unlink()
    with sqlite3.connect(indexed / ".ragkit/catalog.sqlite") as db:
        db.execute("CREATE TABLE meta(key, value)")
        db.execute("INSERT INTO meta VALUES('format', '99')")
    db.close()
    code, _, err = ragkit("status")
    assert code == 5
    assert f"has format 99, this ragkit reads {FORMAT}: it was made by a newer one" in err


def test_an_index_that_was_never_finished(indexed: Path, ragkit: Terminal) -> None:
    catalog = Catalog.open(indexed / ".ragkit", writing=True)
    with catalog.transaction():
        catalog.ledger.set_meta("fingerprint", "")
    catalog.close()
    code, _, err = ragkit("ingest")
    assert code == 5
    assert "was never finished" in err


def test_an_index_of_another_embedder(here: Path, ragkit: Terminal) -> None:
    with Rag(here / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest("docs")
    for command in (["ask", "why?"], ["ingest"]):
        code, _, err = ragkit(*command)
        assert code == 5
        assert "made with the embedder test:hashing, which is not at hand" in err
    code, _, err = ragkit("ingest", "--offline")
    assert code == 5
    assert "their vectors cannot be compared" in err


def test_a_damaged_passage_names_its_file_and_what_mends_it(
    indexed: Path, ragkit: Terminal
) -> None:
    with sqlite3.connect(indexed / ".ragkit/catalog.sqlite") as db:
        db.execute("UPDATE contents SET text=CAST(replace(text,'mayor','baker') AS BLOB)")
    db.close()
    code, _, err = ragkit("ask", "Who opened the bridge?")
    assert code == 5
    assert "a passage of docs/bridge.md is not what was written" in err
    assert "hint: ragkit ingest docs/bridge.md --reread" in err
    assert ragkit("check")[0] == 5
    assert ragkit("ingest", "docs/bridge.md", "--reread")[0] == 0
    assert "mayor" in ragkit("ask", "Who opened the bridge?")[1]
    assert ragkit("check")[0] == 0


# -- writing


def test_one_process_writes_at_a_time_and_the_others_read(indexed: Path, ragkit: Terminal) -> None:
    with Rag(offline=True) as rag:
        steps = rag.ingesting("docs", reread=True)
        next(steps)
        for command in (["ingest"], ["rm", "docs"]):
            code, _, err = ragkit(*command)
            assert code == 8
            assert "another process is writing" in err
        assert ragkit("ask", "Who opened the bridge?")[0] == 0
        with pytest.raises(IndexLockedError):
            Rag().ingest()
        steps.close()
    assert ragkit("ingest")[0] == 0


def test_a_folder_that_cannot_be_written(here: Path, ragkit: Terminal) -> None:
    code, _, err = ragkit("ingest", "docs", "--offline", "--index", "docs/bridge.md/kb")
    assert code == 8
    assert "cannot write to" in err
    assert "name another folder with --index" in err
    (here / ".ragkit/unfinished.sqlite").mkdir(parents=True)  # in the way of a new catalog
    assert ragkit("ingest", "docs", "--offline")[0] == 8


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """Yield a folder with an index that every user of the machine may read."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        base = Path(folder)
        base.chmod(0o755)
        write(base / "docs", bridge="The bridge was opened by the mayor.")
        with Rag(base / ".ragkit", embedder=HashingEmbedder()) as rag:
            rag.ingest(base / "docs")
        yield base


def test_a_read_only_index_is_searched_and_not_written(open_to_all: Path) -> None:
    index = open_to_all / ".ragkit"
    with read_only(index), Rag(index, embedder=HashingEmbedder()) as rag:
        assert rag.search("bridge mayor")[0].path == "docs/bridge.md"
        assert not rag.check()
        with pytest.raises(IndexWriteError, match="cannot write to"):
            rag.ingest()
    with (
        read_only(open_to_all),
        Rag(open_to_all / "new", embedder=HashingEmbedder()) as rag,
        pytest.raises(IndexWriteError, match="cannot write to"),
    ):
        rag.ingest(open_to_all / "docs")


def test_an_index_that_may_not_be_read_is_told(open_to_all: Path) -> None:
    index = open_to_all / ".ragkit"
    is_root = os.geteuid() == 0
    index.chmod(0)
    if is_root:
        os.seteuid(NOBODY)
    try:
        for do in (
            Rag(index).status, Rag(index).check, Rag(index).repair,
            lambda: Rag(index, embedder=HashingEmbedder()).ingest(open_to_all / "docs"),
        ):  # fmt: skip
            with pytest.raises(IndexWriteError, match=r"cannot (look into|write to)") as told:
                do()
            assert "mend its permissions" in told.value.hint
    finally:
        if is_root:
            os.seteuid(0)
        index.chmod(0o755)
    closed = open_to_all / "closed"
    closed.mkdir(mode=0)
    with as_anybody(), pytest.raises(IndexWriteError, match="cannot look into"):
        Rag(closed / ".ragkit").status()
    with as_anybody(), pytest.raises(IndexWriteError, match="cannot write to"):
        require_free(closed)
    closed.chmod(0o755)
    (closed / "lexical-000001").mkdir()
    closed.chmod(0o555)
    with as_anybody(), pytest.raises(IndexWriteError, match="cannot write to"):
        Index.create(closed, Maker("test:hashing", "test", 32, 200))
    above = open_to_all / "below/it"
    above.mkdir(parents=True)
    index.chmod(0)
    if is_root:
        os.seteuid(NOBODY)
    try:
        assert find(above) is None  # it is somebody else's
    finally:
        if is_root:
            os.seteuid(0)
        index.chmod(0o755)
    assert find(above) == index
    (index / "catalog.sqlite").chmod(0)
    if is_root:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(IndexWriteError, match="cannot use the index"):
            Rag(index).status()
    finally:
        if is_root:
            os.seteuid(0)


def test_a_read_only_copy_of_an_index_that_is_being_written_is_not_trusted(
    open_to_all: Path,
) -> None:
    index, copy = open_to_all / ".ragkit", open_to_all / "copy"
    copy.mkdir()
    writer = Catalog.open(index, writing=True)
    with writer.transaction():
        writer.ledger.add_root("elsewhere")
    for name in ("catalog.sqlite", "catalog.sqlite-wal"):
        shutil.copyfile(index / name, copy / name)
    writer.close()
    with (
        read_only(copy),
        Rag(copy, embedder=HashingEmbedder()) as rag,
        pytest.raises(IndexWriteError, match="cannot use the index"),
    ):
        rag.status()


@pytest.mark.no_cover
@pytest.mark.parametrize("kilobytes", [0, 30, 100, 200, 400])
def test_a_full_disk_is_told_and_the_next_run_finishes(tmp_path: Path, kilobytes: int) -> None:
    texts = {f"n{i}": f"# Number {i}\n\n" + f"word{i} " * 1500 for i in range(60)}
    docs = write(tmp_path / "docs", **texts)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        with no_file_larger_than(kilobytes * 1000), pytest.raises(IndexWriteError) as told:
            rag.ingest(docs)
        assert "free some space" in told.value.hint
        assert rag.ingest(docs).files == 60
        assert not rag.check()
        assert rag.search("word17")[0].path == "docs/n17.md"


def test_search_files_that_cannot_be_written_are_told_and_made_next_time(
    indexed: Path, ragkit: Terminal
) -> None:
    write(indexed / "docs", new="Giraffes are tall.")
    for generation in range(1, 9):
        (indexed / f".ragkit/lexical-{generation:06}").mkdir(exist_ok=True)
    code, _, err = ragkit("ingest")
    assert code == 8
    assert "cannot write the search files" in err
    assert ragkit("search", "giraffes", "-k", "1")[1].startswith("1. docs/new.md")
    for folder in (indexed / ".ragkit").glob("lexical-*"):
        if not any(folder.iterdir()):
            folder.rmdir()
    assert ragkit("ingest")[0] == 0
    assert ragkit("check")[0] == 0


def test_output_that_cannot_hold_chinese_does_not_end_it(indexed: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-m", "ragkit", "search", "模型", "-k", "1"],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"1. docs/")
