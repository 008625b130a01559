"""The command line: what it prints where, its JSON, its exit codes.

``python -m tests.test_cli`` writes the help texts of ``tests/snapshots`` anew.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import json
import os
import pty
import re
import runpy
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from ragkit import Rag, __version__, rag
from ragkit.cli import cli
from ragkit.cli.app import SECTIONS, _terminate, main, run
from ragkit.cli.output import size, table
from ragkit.config import Settings
from ragkit.embedding.wordllama import WordLlamaEmbedder
from ragkit.errors import ContextLengthError
from ragkit.types import FloatVector
from tests.test_ingest import LONG_AGO_NS, write

SNAPSHOTS = Path(__file__).parent / "snapshots"
RAGKIT = [sys.executable, "-m", "ragkit"]

Run = tuple[int, str, str]  # exit code, standard output, standard error


class Terminal:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Run:
        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def json(self, *arguments: str | Path) -> Any:  # noqa: ANN401 - whatever a command prints
        return json.loads(self(*arguments, "--json")[1])


@pytest.fixture
def ragkit(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with documents below ``docs``."""
    write(
        tmp_path / "docs",
        bridge="# Bridges\n\nThe bridge over the river was opened by the mayor in 1987.\n",
        model="# Models\n\nA model stays loaded in memory for five minutes by default.\n",
        说明="# 说明\n\n模型默认在内存中保留五分钟。\n",
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def indexed(here: Path) -> Path:
    with Rag(offline=True) as made:
        made.ingest("docs")
    return here


# -- help


def help_of(*command: str) -> str:
    """Return what ``ragkit COMMAND --help`` prints on a wide terminal."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setenv("COLUMNS", "102")
        assert run([*command, "--help"]) == 0
    return said.getvalue()


def snapshot_of(*command: str) -> Path:
    return SNAPSHOTS / f"{'-'.join(('help', *command))}.txt"


def commands(group: click.Group, *above: str) -> Iterator[tuple[str, ...]]:
    """Yield the names of all commands, also of those below others."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*above, name)
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


COMMANDS: list[tuple[str, ...]] = [(), *commands(cli)]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_as_it_was_last_read(command: tuple[str, ...]) -> None:
    assert help_of(*command) == snapshot_of(*command).read_text("utf-8")


def test_help_and_version_exit_with_0(ragkit: Terminal) -> None:
    assert ragkit("-h")[0] == 0
    assert ragkit("--version") == (0, f"ragkit, version {__version__}\n", "")


def test_the_list_of_commands_fits_one_screen(
    ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = ragkit("-h")[1].splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) < 80
    in_sections = [name for names in SECTIONS.values() for name in names]
    assert sorted(cli.commands) == sorted(in_sections)
    shown = [line.split()[0] for line in lines if re.match("  [a-z]", line)]
    assert shown == in_sections


def test_without_a_command_it_says_what_to_do_first(
    here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = ragkit()
    assert code == 0
    assert "no index in this folder" in out
    assert "\n  ragkit ingest FOLDER\n" in out
    ragkit("ingest", "docs", "--offline")
    assert ragkit()[1] == ragkit("-h")[1]
    monkeypatch.setenv("RAGKIT_INDEX", "elsewhere")
    assert ragkit()[1] == out


# Flags that are no settings: what a command is to do this once, or where it is to look.
NO_SETTINGS = {
    "no_probe",
    "as_json", "quiet", "verbose", "help", "version", "batch", "dry_run", "reread", "reindex",
    "retry_failed", "failed", "wait", "prune", "watch", "where", "exclude", "include",
    "sort", "reverse", "fields", "context", "allow_private", "stdin_name",
    "repair", "compact", "jsonl",
    "insecure", "base", "system", "parameters", "file_index",
}  # fmt: skip
OTHER_NAMES = {"index": "RAGKIT_INDEX"}


def test_every_flag_is_a_setting_with_its_variable_or_is_known_to_be_none() -> None:
    settings = {field.name for field in fields(Settings)}
    seen = set()
    for names in COMMANDS:
        command: click.Command = cli
        for name in names:
            assert isinstance(command, click.Group)
            command = command.commands[name]
        for option in (each for each in command.params if isinstance(each, click.Option)):
            assert option.name
            seen.add(option.name)
            if option.name in OTHER_NAMES:
                assert option.envvar == OTHER_NAMES[option.name]
            elif option.name not in settings:
                assert option.name in NO_SETTINGS, (names, option.opts)
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    for name in settings:
        has_flag = re.search(rf"^\| `{name}` \| `-", readme, re.MULTILINE) is not None
        assert has_flag == (name in seen), name


# -- ingest


def test_ingest_says_what_it_did(here: Path, ragkit: Terminal) -> None:
    code, out, err = ragkit("ingest", "docs", "--offline")
    assert (code, err) == (0, "making an index in .ragkit of this folder\n")
    assert out == (
        "3 files: 3 new, 0 changed, 0 unchanged, 0 removed, 0 skipped, 0 failed\n"
        "3 read: 3 passages, 3 embedded\n"
    )
    assert ragkit("ingest")[1].startswith("3 files: 0 new, 0 changed, 3 unchanged")


def test_ingest_json_has_exactly_these_keys(here: Path, ragkit: Terminal) -> None:
    (here / "docs/broken.pdf").write_bytes(b"%PDF-1.7")
    (here / "docs/image.png").write_bytes(b"\x89PNG")
    found = ragkit.json("ingest", "docs", "--offline", "-q")
    (failed,) = found.pop("failed")
    assert (failed.pop("path"), failed.pop("stage")) == ("docs/broken.pdf", "parse")
    assert (failed.pop("class"), failed.pop("attempts")) == ("permanent", 1)
    assert datetime.fromisoformat(failed.pop("last"))
    assert failed.pop("reason").startswith("the PDF is broken")
    assert not failed
    assert found == {
        "files": 4, "read": 3, "new": 3, "changed": 0, "unchanged": 0, "removed": 0, "skipped": 1,
        "chunks": 3, "embedded": 3, "pages_without_text": 0,
    }  # fmt: skip


def test_failures_are_named_even_with_q_and_the_first_five_without_v(
    here: Path, ragkit: Terminal
) -> None:
    for i in range(7):
        (here / f"docs/{i}.pdf").write_bytes(b"%PDF-1.7")
    code, _, err = ragkit("ingest", "docs", "--offline", "-q")
    assert code == 6
    assert err.count("failed: docs/") == 5
    err = ragkit("ingest")[2]
    assert "... and 2 more: -v says all\n" in err
    assert ragkit("ingest", "-v")[2].count("failed: docs/") == 7


def test_what_was_guessed_and_passed_over_is_said(here: Path, ragkit: Terminal) -> None:
    (here / "docs/legacy.txt").write_bytes("déjà vu à la crème brûlée".encode("cp1252"))
    (here / "docs/notes.txt").write_bytes(b"\x00\x01\x02\x00")
    (here / "docs/image.png").write_bytes(b"\x89PNG")
    _, out, err = ragkit("ingest", "docs", "--offline", "-v")
    assert "2 skipped" in out
    assert "note: docs/legacy.txt: read as cp1252" in err
    assert "skipped: docs/notes.txt: binary: it has zero bytes" in err
    assert "skipped: docs/image.png: binary, by its name" in err
    assert ragkit("ingest", "--reread")[2].count("skipped: ") == 1  # the one whose name lies


def test_pages_without_text_are_in_the_summary_and_in_status(here: Path, ragkit: Terminal) -> None:
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_blank_page(200, 200)
    writer.write(here / "docs/scan.pdf")
    out = ragkit("ingest", "docs", "--offline")[1]
    assert out.endswith("2 pages without text: 'ragkit status' lists them\n")
    assert "no text    docs/scan.pdf, pages 1, 2\n" in ragkit("status")[1]
    assert ragkit.json("status")["pages_without_text"] == {"docs/scan.pdf": [1, 2]}


def test_a_dry_run_writes_nothing(here: Path, ragkit: Terminal) -> None:
    (here / "docs/.hidden").write_text("x")
    code, out, _ = ragkit("ingest", "docs", "--dry-run")
    assert code == 0
    assert out.splitlines()[0].split() == ["path", "action", "reason"]
    assert "docs/bridge.md" in out
    assert not (here / ".ragkit").exists()
    rows = {
        row["path"]: row["action"] for row in ragkit.json("ingest", "docs", "--dry-run")["files"]
    }
    assert rows == {
        "docs/.hidden": "skip",
        "docs/bridge.md": "new",
        "docs/model.md": "new",
        "docs/说明.md": "new",
    }
    ragkit("ingest", "docs", "--offline")
    (here / "docs/model.md").unlink()
    (here / "docs/bridge.md").write_text("changed")
    rows = {row["path"]: row["action"] for row in ragkit.json("ingest", "--dry-run")["files"]}
    assert rows == {
        "docs/.hidden": "skip",
        "docs/bridge.md": "changed",
        "docs/model.md": "remove",
        "docs/说明.md": "unchanged",
    }


def test_a_dry_run_looks_at_sizes_and_beginnings(here: Path, ragkit: Terminal) -> None:
    docs = here / "docs"
    (docs / "large.txt").write_text("large words " * 200_000)
    (docs / "not.pdf").write_text("plain text")
    (docs / "image.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7")
    (docs / os.fsdecode(b"odd\xff.md")).write_text("x")
    (docs / "secret.md").symlink_to("/proc/self/mem")
    found = ragkit.json("ingest", "docs", "--dry-run", "--max-file-mb", "1")["files"]
    rows = {row["path"]: (row["action"], row["reason"], row["bytes"]) for row in found}
    assert rows["docs/bridge.md"] == ("new", "", 70)
    assert rows["docs/large.txt"] == ("fail", "2 MB is more than the limit of 1 MB", 0)
    assert rows["docs/not.pdf"] == ("fail", "it is called .pdf but is no PDF", 0)
    assert rows["docs/broken.pdf"][:2] == (
        "fail",
        "the PDF is broken: Stream has ended unexpectedly",
    )
    assert rows["docs/image.txt"] == ("skip", "binary: a PNG image", 0)
    assert rows["docs/secret.md"] == ("fail", "Input/output error", 0)
    assert rows["docs/odd\\xff.md"] == ("new", "", 1)


def test_printed_paths_are_seen_from_the_working_folder_and_those_of_json_are_stored(
    here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "docs/broken.pdf").write_bytes(b"%PDF-1.7")
    (here / "docs/legacy.txt").write_bytes("déjà vu à la crème brûlée".encode("cp1252"))
    (here / "docs/image.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    ragkit("ingest", "docs", "--offline")
    monkeypatch.chdir(here / "docs")
    assert "\nbridge.md   unchanged\n" in ragkit("ingest", ".", "--dry-run")[1]
    rows = ragkit.json("ingest", ".", "--dry-run")["files"]
    assert ("docs/bridge.md", "unchanged") in [(row["path"], row["action"]) for row in rows]
    err = ragkit("ingest", ".", "--reread")[2]
    for said in ("failed: broken.pdf: ", "note: legacy.txt: ", "skipped: image.txt: "):
        assert f"\n{said}" in f"\n{err}"
    status = ragkit("status")[1]
    assert f"\ningested   .{os.linesep}" in status
    assert "\nfailed     broken.pdf: " in status
    assert ragkit.json("status")["roots"] == ["docs"]
    assert ragkit("rm", "bridge.md")[1] == "removed bridge.md\n"
    assert ragkit("rm", "none.md")[2].startswith("Error: the index has no none.md\n")
    assert ragkit.json("rm", "model.md", "-q") == {"removed": ["docs/model.md"]}


# -- ask and search


def test_ask_prints_answer_and_citations_on_standard_output(
    indexed: Path, ragkit: Terminal
) -> None:
    code, out, err = ragkit("ask", "How long does a model stay loaded in memory?")
    assert (code, err) == (0, "")
    assert out.startswith("“A model stays loaded in memory for five minutes by default.” [1]")
    assert "\n\n[1] docs/model.md:3\n" in out


def test_ask_json_has_exactly_these_keys(indexed: Path, ragkit: Terminal) -> None:
    question = "How long does a model stay loaded in memory?"
    found = ragkit.json("ask", question, "-k", "1")
    assert found.pop("answer").startswith("“A model stays")
    citation = found.pop("citations")[0]
    assert citation == {
        "marker": 1, "path": "docs/model.md", "start": 10, "end": 69, "page": None,
        "lines": [3, 3], "text": "A model stays loaded in memory for five minutes by default.",
    }  # fmt: skip
    assert found == {
        "question": question, "refused": False, "model": "builtin:quotes",
        "embedder": "builtin:wordllama-256", "usage": None, "degraded": [],
    }  # fmt: skip


def test_a_refusal_exits_with_1_and_says_what_was_searched(indexed: Path, ragkit: Terminal) -> None:
    code, out, _ = ragkit("ask", "Who invented the saxophone?")
    assert code == 1
    assert out == (
        "The documents do not say. Searched 3 files (3 passages);"
        " not found there: invented, saxophone.\n"
    )
    assert ragkit("ask", "Who invented the saxophone?", "--json")[0] == 1
    assert ragkit.json("ask", "Who invented the saxophone?")["refused"] is True


def test_search_prints_places_headings_and_excerpts(indexed: Path, ragkit: Terminal) -> None:
    code, out, _ = ragkit("search", "模型在内存中保留多久", "-k", "1")
    assert code == 0
    assert out == "1. docs/说明.md:1-3  (0.90)\n   说明\n   # 说明 模型默认在内存中保留五分钟。\n"


def test_long_passages_are_cut_in_search_but_not_in_its_json(here: Path, ragkit: Terminal) -> None:
    write(here / "docs", long="giraffe " * 60)
    ragkit("ingest", "docs", "--offline")
    assert ragkit("search", "giraffe", "-k", "1")[1].endswith("…\n")
    assert len(ragkit.json("search", "giraffe", "-k", "1")["hits"][0]["text"]) == 479


def test_an_excerpt_ends_with_a_whole_character(here: Path, ragkit: Terminal) -> None:
    write(here / "docs", long="giraffe " * 29 + "1234567👩‍👩‍👧 the end")
    ragkit("ingest", "docs", "--offline")
    assert ragkit("search", "giraffe", "-k", "1")[1].endswith("giraffe 1234567…\n")


def test_equal_files_are_cited_with_all_their_paths(indexed: Path, ragkit: Terminal) -> None:
    for copy in ("copy", "other"):
        (indexed / f"docs/{copy}.md").write_bytes((indexed / "docs/bridge.md").read_bytes())
    ragkit("ingest")
    line = "docs/bridge.md:{} (also docs/copy.md, docs/other.md)"
    assert f"[1] {line.format(3)}\n" in ragkit("ask", "Who opened the bridge?")[1]
    assert f"1. {line.format('1-3')}  (" in ragkit("search", "bridge", "-k", "1")[1]
    also = ["docs/copy.md", "docs/other.md"]
    assert ragkit.json("ask", "Who opened the bridge?")["citations"][0]["also"] == also
    assert ragkit.json("search", "bridge", "-k", "1")["hits"][0]["also"] == also


def test_search_json_has_exactly_these_keys(indexed: Path, ragkit: Terminal) -> None:
    found = ragkit.json("search", "bridge", "-k", "1", "--mode", "lexical")
    (hit,) = found.pop("hits")
    assert found == {"question": "bridge", "mode": "lexical"}
    assert hit.pop("score") > 0
    assert hit == {
        "rank": 1, "path": "docs/bridge.md", "start": 0, "end": 69, "page": None,
        "lines": [1, 3], "headings": ["Bridges"],
        "text": (indexed / "docs/bridge.md").read_text().strip(),
    }  # fmt: skip


def test_a_search_that_finds_nothing_exits_with_1(indexed: Path, ragkit: Terminal) -> None:
    code, _, err = ragkit("search", "saxophone", "--mode", "lexical")
    assert code == 1
    assert "nothing matches" in err
    assert "--mode dense" in err
    assert ragkit("search", "saxophone", "--mode", "lexical", "--json")[0] == 1


def test_a_pdf_is_cited_by_page(here: Path, ragkit: Terminal) -> None:
    from fpdf import FPDF

    document = FPDF()
    document.set_font("Helvetica")
    for text in ("The first page is about giraffes.", "The harbour was built by Anna Berg."):
        document.add_page()
        document.cell(text=text)
    document.output(str(here / "docs/pages.pdf"))
    ragkit("ingest", "docs", "--offline")
    assert "[1] docs/pages.pdf#page=2\n" in ragkit("ask", "Who built the harbour?")[1]
    assert ragkit("show", "docs/pages.pdf#page=1")[1] == "The first page is about giraffes."
    assert ragkit("show", "docs/pages.pdf#page=2")[1] == "The harbour was built by Anna Berg."
    assert ragkit.json("show", "docs/pages.pdf#page=2")["path"] == "docs/pages.pdf"
    for wrong, said in (
        ("docs/pages.pdf#page=3", "docs/pages.pdf has pages 1 to 2, not 3"),
        ("docs/pages.pdf#page=0", "docs/pages.pdf has pages 1 to 2, not 0"),
        ("docs/bridge.md#page=1", "docs/bridge.md has no pages"),
    ):
        code, _, err = ragkit("show", wrong)
        assert code == 2
        assert said in err


# -- batches


def batch(ragkit: Terminal, command: str, file: Path, *more: str) -> tuple[int, list[Any]]:
    code, out, err = ragkit(command, "--batch", file, *more)
    assert not err
    return code, [json.loads(line) for line in out.splitlines()]


QUESTIONS = (
    "\ufeffWho opened the bridge?\r\n\n".encode()
    + '{"id": "b", "text": "模型保留多久？"}\n'.encode()
    + b'{"id": 3, "text": " "}\n'
    + b"{not json\n"
    + b'{"id": 4, "text": "a\\ud800b"}\n'
    + b"caf\xe9\n"
    + b'{"id": null, "q": 1}\n'
    + b'{"id": "\\udc00", "text": 1}\n'
    + b'{"a":' * 9999
    + b"\n the last"
)


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize("way", ["file", "stdin"])
def test_a_batch_answers_line_by_line_in_order(
    indexed: Path, ragkit: Terminal, command: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path("-")
    if way == "file":
        file = indexed / "questions.jsonl"
        file.write_bytes(QUESTIONS)
    else:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(QUESTIONS)))
    code, lines = batch(ragkit, command, file)
    assert code == 0
    assert lines.pop(9)["question"].startswith('{"a":{"a":')
    questions = [line["question"] for line in lines]
    assert questions == [
        "Who opened the bridge?", "", "模型保留多久？", " ", "{not json", "a\ufffdb", "caf\ufffd",
        '{"id": null, "q": 1}', '{"id": "\\udc00", "text": 1}', " the last",
    ]  # fmt: skip
    assert [line.get("id", "none") for line in lines] == [
        "none", "none", "b", 3, "none", 4, "none", None, "\ufffd", "none",
    ]  # fmt: skip
    usual: dict[str, object] = {"mode": "hybrid", "hits": []}
    if command == "ask":
        usual = {"answer": "", "refused": False, "citations": []}
    assert lines[3] == {"id": 3, "question": " ", **usual, "error": "the question is blank"}
    no_text = 'it has no "text": give {"id": ..., "text": ...}'
    assert lines[7]["error"] == lines[8]["error"] == no_text
    assert [i for i, line in enumerate(lines) if "error" in line] == [1, 3, 7, 8]


def test_a_question_that_cannot_be_embedded_is_answered_by_its_words(
    indexed: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (indexed / "q.txt").write_text("bridge\nlong\nmodel")

    def embed_query(self: WordLlamaEmbedder, text: str) -> FloatVector:
        if text == "long":
            raise ContextLengthError("the text is too long", hint="shorten it")
        return np.asarray(self.embed_documents([text])[0])

    monkeypatch.setattr(WordLlamaEmbedder, "embed_query", embed_query)
    code, out, err = ragkit("search", "--batch", indexed / "q.txt")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err.count("the text is too long: passages are found by their words")) == (0, 1)
    assert [line["mode"] for line in lines] == ["hybrid", "lexical", "hybrid"]
    assert lines[1]["degraded"] == ["embedder"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["ask", "--batch", "none.txt"], "'--batch -' reads standard input"),
        (["search", "--batch", "docs"], "cannot read docs: Is a directory"),
        (["ask", "why", "--batch", "q.jsonl"], "leave one of them out"),
        (["ask"], 'ragkit ask "How do I ...?"'),
        (["search"], 'ragkit search "How do I ...?"'),
    ],
)
def test_a_batch_that_cannot_be_is_refused(
    indexed: Path, ragkit: Terminal, arguments: list[str], hint: str
) -> None:
    code, _, err = ragkit(*arguments)
    assert code == 2
    assert hint in err


def test_a_batch_from_a_pipe_answers_each_question_at_once(indexed: Path) -> None:
    process = subprocess.Popen(
        [*RAGKIT, "search", "--batch", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    for question in ("bridge", "model"):
        process.stdin.write(question.encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["question"] == question
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


def test_a_batch_reads_standard_input_as_utf_8(
    indexed: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO("模型\n\n".encode() + b"\xff bridge"))
    monkeypatch.setattr(sys, "stdin", stdin)
    lines = [json.loads(line) for line in ragkit("search", "--batch", "-")[1].splitlines()]
    assert [line["question"] for line in lines] == ["模型", "", "\ufffd bridge"]
    assert lines[1]["error"]


# -- the other commands


def test_ls_json_has_exactly_these_keys(indexed: Path, ragkit: Terminal) -> None:
    listed = ragkit.json("ls")[0]
    assert listed.pop("date") == f"{datetime.fromtimestamp(LONG_AGO_NS / 1e9):%Y-%m-%d}"
    assert listed == {
        "path": "docs/bridge.md", "title": "Bridges", "type": "markdown", "chunks": 1,
        "pages": None, "state": "indexed", "language": "en", "fields": {},
    }  # fmt: skip
    assert ragkit("ls")[1].splitlines()[0].split() == [
        "path", "type", "passages", "pages", "state", "title",
    ]  # fmt: skip


def test_status_json_has_exactly_these_keys(indexed: Path, ragkit: Terminal) -> None:
    found = ragkit.json("status")
    assert found.pop("bytes") > 0
    assert found == {
        "index": str(indexed / ".ragkit"), "files": 3, "chunks": 3, "vectors": 3,
        "without_vectors": 0,
        "embedder": "builtin:wordllama-256", "dim": 256, "chunk_tokens": 200,
        "chunker": "structure",
        "roots": ["docs"], "languages": ["en", "zh"], "failed": [], "pages_without_text": {},
        "reindexing": None,
    }  # fmt: skip


def test_status_names_what_failed(indexed: Path, ragkit: Terminal) -> None:
    (indexed / "docs/broken.pdf").write_bytes(b"%PDF-1.7")
    ragkit("ingest")
    assert "failed     docs/broken.pdf: the PDF is broken" in ragkit("status")[1]
    assert ragkit.json("status")["failed"][0]["path"] == "docs/broken.pdf"


def test_show_prints_a_text_or_some_of_its_lines(here: Path, ragkit: Terminal) -> None:
    (here / "docs/lines.txt").write_bytes(b"one\r\ntwo\rthree\nfour")
    ragkit("ingest", "docs", "--offline")
    assert ragkit("show", "docs/lines.txt")[1] == "one\r\ntwo\rthree\nfour"
    assert ragkit("show", "docs/lines.txt:2")[1].strip() == "two"
    assert ragkit("show", "docs/lines.txt:2-4")[1] == "two\rthree\nfour"
    assert ragkit.json("show", "docs/lines.txt:3") == {"path": "docs/lines.txt", "text": "three\n"}
    for wrong in ("5", "0", "3-2", "1-9"):
        code, _, err = ragkit("show", f"docs/lines.txt:{wrong}")
        assert code == 2
        assert f"has lines 1 to 4, not {wrong}" in err
    assert ragkit("show", "docs/none.txt")[0] == 2


def test_show_gives_a_pipe_the_very_text_and_a_terminal_none_of_its_orders(here: Path) -> None:
    text = "\x1b[31mred\x1b[0m\ttab\r\nend\r"
    (here / "docs/text.txt").write_bytes(text.encode())
    with Rag(offline=True) as made:
        made.ingest("docs")
    with contextlib.redirect_stdout(io.StringIO(newline="")) as said:
        run(["show", "docs/text.txt"])
    assert said.getvalue() == text
    command = [*RAGKIT, "show", "docs/text.txt"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == text.encode()
    ours, theirs = pty.openpty()
    subprocess.run(command, stdout=theirs, check=True)
    os.close(theirs)
    shown = all_of(ours).replace("\r\r\n", "\r\n")
    assert shown == "\\x1b[31mred\\x1b[0m\ttab\r\nend\\r\r\n"


def test_rm_drops_files_and_says_which(indexed: Path, ragkit: Terminal) -> None:
    code, out, err = ragkit("rm", "docs/bridge.md")
    assert (code, out) == (0, "removed docs/bridge.md\n")
    assert "an ingest of their folder brings them back" in err
    assert ragkit.json("rm", "docs", "-q") == {"removed": ["docs/model.md", "docs/说明.md"]}
    assert ragkit("rm", "docs")[0] == 2
    assert ragkit("rm")[0] == 2


def test_check_says_whether_the_index_is_whole(indexed: Path, ragkit: Terminal) -> None:
    assert ragkit("check") == (0, "the index is whole\n", "")
    assert ragkit.json("check") == {"whole": True, "damages": []}
    (cache,) = (indexed / ".ragkit").glob("dense-*")
    cache.unlink()
    code, out, err = ragkit("check")
    assert code == 5
    assert out == f"dense cache: {cache.name} is missing or not what was written\n"
    assert err == "hint: 'ragkit check --repair' mends it and embeds nothing\n"
    assert ragkit("search", "bridge", "-k", "1")[1].startswith("1. docs/bridge.md")
    ragkit("ingest")
    assert ragkit("check")[0] == 0


# -- how commands end


def test_a_mistyped_command_names_the_nearest(ragkit: Terminal) -> None:
    code, _, err = ragkit("serach", "bridge")
    assert code == 2
    assert "did you mean 'search'?" in err
    assert "No such command 'xyzzy'" in ragkit("xyzzy")[2]
    assert ragkit("ask", "--no-such-option")[0] == 2


def test_a_question_without_quotes_is_told_to_have_some(ragkit: Terminal) -> None:
    code, _, err = ragkit("ask", "how", "long")
    assert code == 2
    assert err.endswith("\n  hint: give the question in quotes\n")
    assert "hint" not in ragkit("ls", "how", "long")[2]


def test_a_wrong_variable_is_refused_by_name(
    indexed: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_MODUS", "dense")
    code, _, err = ragkit("search", "bridge")
    assert code == 2
    assert err == ("Error: unknown setting 'modus' in RAGKIT_MODUS\n  hint: did you mean mode?\n")


def test_a_fault_of_its_own_says_how_to_see_more(
    indexed: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(_: object) -> None:
        raise ZeroDivisionError("oh \x1b[2J")

    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "oh")

    monkeypatch.setattr(rag.Rag, "ls", broken)
    code, _, err = ragkit("ls")
    assert (code, "OSError: [Errno 5] oh" in err) == (70, True)
    monkeypatch.setattr(rag.Rag, "status", faulty)
    code, _, err = ragkit("status")
    assert code == 70
    assert "a fault of ragkit's own: ZeroDivisionError: oh \\x1b[2J\n" in err
    assert "RAGKIT_DEBUG=1" in err
    monkeypatch.setenv("RAGKIT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        ragkit("status")


def test_a_pipe_that_closes_ends_it_quietly(here: Path) -> None:
    write(here / "docs", **{f"n{i:04}": f"number{i}" for i in range(1000)})
    with Rag(offline=True) as made:
        made.ingest("docs")
    process = subprocess.Popen(
        [*RAGKIT, "ls", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 0
    process.stderr.close()


def test_the_console_script_exits_with_the_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ragkit", "xyzzy"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    for name in ("__main__", "the console script"):
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("ragkit", run_name=name)["main"]()
        assert ended.value.code == 2
        assert "xyzzy" in capsys.readouterr().err


@pytest.mark.parametrize("given", [(), (errno.EPIPE, "Broken pipe")])  # which click takes itself
def test_a_closed_pipe_is_no_fault(
    ragkit: Terminal, monkeypatch: pytest.MonkeyPatch, indexed: Path, given: tuple[object, ...]
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError(*given)

    stdout = sys.stdout
    monkeypatch.setattr(sys, "stderr", sys.stderr)  # click puts others in their places
    monkeypatch.setattr(rag.Rag, "ls", closed)
    assert run(["ls"]) == 0
    if not given:
        sys.stdout.close()
    sys.stdout = stdout


def test_what_ends_the_program_otherwise_does(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.Rag, "ls", lambda *_, **__: sys.exit(3))
    with pytest.raises(SystemExit):
        run(["ls"])


def test_what_nobody_reads_any_more_is_not_said_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, indexed: Path
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys.stderr, "write", closed)
    assert run(["ask", "x", "--index", "none"]) == 5
    assert run(["ingest", "docs", "-v"]) == 0


def test_a_terminal_that_is_gone_ends_no_ingest_and_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, indexed: Path
) -> None:
    assert indexed
    ours, theirs = pty.openpty()
    gone = os.fdopen(theirs, "w", encoding="utf-8")
    os.close(ours)
    clock = iter(range(100_000))
    with monkeypatch.context() as patch, contextlib.suppress(OSError):
        for name in ("stdout", "stderr"):
            patch.setattr(sys, name, gone)
        patch.setattr(gone, "isatty", lambda: True)
        patch.setattr(time, "monotonic", lambda: float(next(clock)))
        codes = run(["ask", "x", "--index", "none"]), run(["ingest", "docs"])
        sys.stdout.close()
        gone.close()
    assert codes == (5, 0)


def test_streams_that_are_closed_are_opened_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    monkeypatch.setattr(sys, "argv", ["ragkit", "completion", "bash"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    for name in ("stdin", "stdout", "stderr"):
        getattr(sys, name).close()


def test_ctrl_c_ends_with_130_and_keeps_what_was_finished(here: Path) -> None:
    write(here / "docs", **{f"n{i:04}": f"number {i}. " * 1500 for i in range(120)})
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*RAGKIT, "ingest", "docs", "--offline"], stderr=subprocess.PIPE, env=environment
    )
    assert process.stderr
    deadline = time.monotonic() + 30
    while not (here / ".ragkit/catalog.sqlite-wal").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(30) == 130, said
    assert said.endswith("Interrupted; what was finished is kept.\n")
    with Rag() as opened:
        assert not opened.check()
        assert opened.ingest("docs").files == 123
        assert not opened.check()


def test_an_interrupt_while_the_command_line_is_loaded_ends_with_130(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "ragkit.cli":
                raise KeyboardInterrupt

    loaded = [name for name in sys.modules if name.startswith("ragkit.cli")]
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("ragkit.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("ragkit", run_name="__main__")
    assert ended.value.code == 130


def test_an_interrupt_anywhere_ends_with_130(
    ragkit: Terminal, monkeypatch: pytest.MonkeyPatch, indexed: Path
) -> None:
    monkeypatch.setattr(rag.Rag, "ls", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert ragkit("ls")[0] == 130


def test_a_termination_anywhere_ends_with_143(
    ragkit: Terminal, monkeypatch: pytest.MonkeyPatch, indexed: Path
) -> None:
    monkeypatch.setattr(rag.Rag, "ls", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        assert ragkit("ls")[0] == 143
    finally:
        signal.signal(signal.SIGTERM, before)


# -- progress


@contextlib.contextmanager
def terminal(*, columns: int) -> Iterator[list[str]]:
    """Make standard error a terminal; all that was written to it is in the list afterwards."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    written: list[str] = []
    with os.fdopen(theirs, "w") as stderr, contextlib.redirect_stderr(stderr):
        yield written
    written.append(all_of(ours))


def all_of(terminal: int) -> str:
    """Return all that was written to a terminal, and close it."""
    data = b""
    with contextlib.suppress(OSError):  # the end, as terminals tell it
        while block := os.read(terminal, 10_000):
            data += block
    os.close(terminal)
    return data.decode()


@contextlib.contextmanager
def terminal_out() -> Iterator[list[str]]:
    """Make standard output a terminal that follows links; what was written is in the list."""
    ours, theirs = pty.openpty()
    written: list[str] = []
    with (
        pytest.MonkeyPatch.context() as patch,
        os.fdopen(theirs, "w") as stdout,
        contextlib.redirect_stdout(stdout),
    ):
        patch.setenv("TERM", "xterm")
        yield written
    written.append(all_of(ours))


def test_citations_are_links_on_a_terminal(indexed: Path) -> None:
    with terminal_out() as written:
        run(["ask", "Who opened the bridge over the river?"])
    address = (indexed / "docs/bridge.md").as_uri()
    assert f"[1] \x1b]8;;{address}\x1b\\docs/bridge.md:3\x1b]8;;\x1b\\" in written[0]


def test_text_on_a_terminal_is_shown_without_what_it_would_obey(indexed: Path) -> None:
    turning = "\u2067עולם\u2069"
    (indexed / "docs/odd.txt").write_text(f"A \x1b]0;gotcha\x07 in a text. {turning}")
    (indexed / "docs/a\u202etxt.gpj.md").write_text("A name that would end in jpg.txt.")
    run(["ingest", "-q"])
    with terminal_out() as written:
        run(["show", "docs/odd.txt"])
    assert written[0] == f"A \\x1b]0;gotcha\\x07 in a text. {turning}\r\n"
    with terminal_out() as written:
        run(["ls"])
    assert "docs/a\\u202etxt.gpj.md" in written[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_an_output_without_space_ends_with_8(
    indexed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w") as full, contextlib.redirect_stdout(full):  # noqa: PTH123
        assert run(["ls"]) == 8
        sys.stdout.close()  # what stands in for it until the exit
        with contextlib.suppress(OSError):
            full.close()
    assert "cannot write the output: No space left" in capsys.readouterr().err


def test_sizes_and_tables() -> None:
    assert [size(n) for n in (0, 999, 1_500, 2_500_000, 3e9, 4e12)] == [
        "0 B", "999 B", "1.5 kB", "2.5 MB", "3.0 GB", "4000.0 GB",
    ]  # fmt: skip
    assert table([], ("a", "b")) == "a  b"
    assert table([("e\u0301", 1), ("ab", 2)], ("x", "y")) == "x   y\ne\u0301   1\nab  2"


if __name__ == "__main__":
    for command in COMMANDS:
        snapshot_of(*command).write_text(help_of(*command), "utf-8")
