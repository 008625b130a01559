"""``ingest --watch`` keeps a folder in step, whatever comes and goes meanwhile."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, redirect_stdout
from pathlib import Path
from queue import Queue

import pytest

from ragkit import Rag, extras, watch
from ragkit.cli.app import run
from ragkit.errors import MissingExtraError, ModelNotFoundError, OllamaUnreachableError
from ragkit.index.lock import WriterLock
from ragkit.types import Change, Synced
from tests.embedders import HashingEmbedder
from tests.ollama_server import Server, serve
from tests.test_cli import RAGKIT, Terminal, here, ragkit
from tests.test_ingest import docs, embedder, rag, write
from tests.test_through_ollama import texts_sent

__all__ = ["docs", "embedder", "here", "rag", "ragkit"]  # fixtures

PATIENCE_S = 60  # before a test gives up


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "QUIET_MS", 50)
    monkeypatch.setattr(watch, "ROOTS_S", 0.05)
    monkeypatch.setattr(watch, "AGAIN_S", 0.05)
    monkeypatch.setattr(watch, "POLL_MS", 50)


def told(step: Synced) -> list[tuple[str, str]]:
    return [(change.kind, change.path) for change in step.changes]


def until(steps: Iterator[Synced], *expected: tuple[str, str]) -> None:
    """Wait until all that is expected was told, in one ingest or several, and nothing else."""
    waiting = set(expected)
    while waiting:
        for change in told(next(steps)):
            assert change in waiting
            waiting.remove(change)


# -- the command


class Watching:
    """A ``ragkit ingest --watch`` that runs, and what it says, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out = self._lines(process.stdout)
        self.err = self._lines(process.stderr)

    @staticmethod
    def _lines(stream: object) -> Queue[str]:
        lines: Queue[str] = Queue()

        def read() -> None:
            for line in stream:  # type: ignore[attr-defined]
                lines.put(line.removesuffix("\n"))

        threading.Thread(target=read, daemon=True).start()
        return lines

    def says(self, count: int = 1) -> list[str]:
        """Return so many lines of its output, when they have come."""
        return [self.out.get(timeout=PATIENCE_S) for _ in range(count)]

    def ends(self, sign: signal.Signals) -> int:
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE_S)


Start = Callable[..., Watching]


@pytest.fixture
def watching(here: Path, ollama: Server) -> Iterator[Start]:
    """Return what starts a watch."""
    with ExitStack() as stack:

        def start(*flags: str) -> Watching:
            process = subprocess.Popen(
                [*RAGKIT, "ingest", "docs", "--watch", "--host", ollama.url, *flags],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            stack.enter_context(process)
            stack.callback(process.kill)
            return Watching(process)

        yield start


def test_each_change_is_a_line(here: Path, watching: Start, ollama: Server) -> None:
    run = watching()
    assert run.says(2) == [
        "3 files: 3 new, 0 changed, 0 unchanged, 0 removed, 0 skipped, 0 failed",
        "3 read: 3 passages, 3 embedded",
    ]
    assert run.err.get(timeout=PATIENCE_S) == "watching; Ctrl-C ends it"
    (here / "docs/new.md").write_text("Giraffes are tall.")
    assert run.says() == ["new     docs/new.md"]
    (here / "docs/new.md").write_text("Giraffes are very tall.")
    assert run.says() == ["changed docs/new.md"]
    (here / "docs/new.md").rename(here / "docs/old.md")
    assert sorted(run.says(2)) == ["new     docs/old.md", "removed docs/new.md"]
    (here / "docs/old.md").unlink()
    assert run.says() == ["removed docs/old.md"]
    (here / "docs/bad.pdf").write_text("no PDF")
    assert run.says()[0].startswith("failed  docs/bad.pdf: it is called .pdf but is no PDF")
    assert texts_sent(ollama) == 3 + 2 + 1  # the probe
    assert run.ends(signal.SIGINT) == 130
    with Rag(host=ollama.url) as rag:
        assert {f.path for f in rag.ls() if f.state == "indexed"} == {
            "docs/bridge.md", "docs/model.md", "docs/说明.md"
        }  # fmt: skip
        assert not rag.check()


def test_in_json_each_change_is_an_object(here: Path, watching: Start) -> None:
    run = watching("--json", "-q")
    assert json.loads(run.says()[0])["new"] == 3
    write(here / "docs/sub", **{f"n{i:02}": f"number{i}" for i in range(40)})  # a burst
    found = [json.loads(line) for line in run.says(40)]
    assert {(f["path"], f["change"]) for f in found} == {
        (f"docs/sub/n{i:02}.md", "new") for i in range(40)
    }
    (here / "docs/bad.pdf").write_text("no PDF")
    (failed,) = [json.loads(line) for line in run.says()]
    assert failed.keys() == {"path", "change", "reason"}
    assert run.ends(signal.SIGTERM) == 143
    said = [run.err.get(timeout=PATIENCE_S) for _ in range(2)]
    assert said == ["", "Interrupted; what was finished is kept."]


class Acting(io.StringIO):
    """An output that does something when it is written to."""

    def __init__(self, actions: Mapping[str, Callable[[], object]]) -> None:
        super().__init__()
        self._actions = dict(actions)

    def write(self, text: str) -> int:
        written = super().write(text)
        for mark in [mark for mark in self._actions if mark in text]:
            self._actions.pop(mark)()
        return written


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_lines_come_as_things_happen(here: Path, flags: tuple[str, ...]) -> None:
    out = Acting(
        {
            "3": lambda: write(here / "docs", new="Giraffes are tall."),
            "docs/new.md": lambda: (here / "docs/bad.pdf").write_text("no PDF"),
            "docs/bad.pdf": lambda: signal.raise_signal(signal.SIGINT),
        }
    )
    with redirect_stdout(out):
        assert run(["ingest", "docs", "--watch", "--offline", *flags]) == 130
    lines = out.getvalue().splitlines()
    reason = "it is called .pdf but is no PDF (is it complete?)"
    if not flags:
        assert lines[2:] == ["new     docs/new.md", f"failed  docs/bad.pdf: {reason}"]
    else:
        assert [json.loads(line) for line in lines[1:]] == [
            {"path": "docs/new.md", "change": "new"},
            {"path": "docs/bad.pdf", "change": "failed", "reason": reason},
        ]


def test_a_watch_that_cannot_be(
    here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = ragkit("ingest", "docs", "--watch", "--dry-run")
    assert (code, "exclude each other" in err) == (2, True)
    assert ragkit("ingest", "docs", "--watch")[0] == 3  # no server, and nothing to keep in step
    assert ragkit("ingest", "nowhere", "--watch", "--offline")[0] == 2
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    code, _, err = ragkit("ingest", "docs", "--watch", "--offline")
    assert code == MissingExtraError.exit_code
    assert "hint: pip install '.[watch]' in the folder of ragkit's source" in err


# -- what comes and goes


def test_changes_of_what_is_not_read_start_nothing(docs: Path, tmp_path: Path) -> None:
    folders = [tmp_path, docs, tmp_path / ".notes/in"]
    counts = watch._Counts(folders, [tmp_path / ".config/one.md"], tmp_path / "kb")
    is_read = {
        "docs/a.md": True, "docs/.ragkitignore": True, "docs/sub/b.md": True, "docs/.git/x": False,
        "docs/.hidden": False, "docs/node_modules/x.md": False, "kb/catalog.sqlite": False,
        ".config/one.md": True, ".config/two.md": False, "../elsewhere.md": False,
        ".notes/in/a.md": True, ".notes/a.md": False, ".notes/in/.b.md": False,
    }  # fmt: skip
    for name, expected in is_read.items():
        path = os.path.normpath(tmp_path / name)
        assert counts(None, path) == expected, name


def test_the_rules_of_what_is_read_may_change(rag: Rag, docs: Path) -> None:
    with closing(rag.watching(docs)) as steps:
        assert told(next(steps)) == [("new", "docs/bridge.md"), ("new", "docs/model.md")]
        (docs / ".ragkitignore").write_text("model.md")
        until(steps, ("removed", "docs/model.md"))


def test_folders_may_be_named_in_any_way(
    rag: Rag, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docs.parent / "link").symlink_to(docs)
    monkeypatch.chdir(docs)
    for name, path in (("here", "."), ("above", "../docs"), ("link", "../link")):
        with closing(rag.watching(path)) as steps:
            next(steps)
            write(docs, **{name: f"A zebra, by way of {path}"})
            until(steps, ("new", f"{'link' if name == 'link' else 'docs'}/{name}.md"))


def test_a_folder_begins_empty_and_the_index_is_made_with_its_first_file(
    tmp_path: Path, rag: Rag
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    with closing(rag.watching(docs)) as steps:
        assert next(steps).report.files == 0
        assert not (tmp_path / ".ragkit/catalog.sqlite").exists()
        write(docs, one="A bridge.")
        until(steps, ("new", "docs/one.md"))


def test_a_file_is_watched_also_if_another_takes_its_place(rag: Rag, docs: Path) -> None:
    with closing(rag.watching(docs / "bridge.md")) as steps:
        assert told(next(steps)) == [("new", "docs/bridge.md")]
        write(docs, other="Not asked for.")
        write(docs.parent, draft="A new bridge.")
        (docs.parent / "draft.md").replace(docs / "bridge.md")
        until(steps, ("changed", "docs/bridge.md"))
        assert len(rag.ls()) == 1


def test_all_folders_that_were_ever_given_are_watched(rag: Rag, docs: Path) -> None:
    other = write(docs.parent / "other", far="Far away.")
    rag.ingest(docs, other)
    with closing(rag.watching()) as steps:
        assert told(next(steps)) == []
        write(other, farther="Farther away.")
        until(steps, ("new", "other/farther.md"))


def test_a_folder_that_goes_is_waited_for(
    tmp_path: Path, docs: Path, embedder: HashingEmbedder
) -> None:
    said: list[str] = []

    def notify(text: str) -> None:
        said.append(text)
        if "no longer there" in text:
            write(docs, zebra="A zebra.")  # it is back, or another in its place

    with (
        Rag(tmp_path / ".ragkit", embedder=embedder, notify=notify) as rag,
        closing(rag.watching(docs)) as steps,
    ):
        next(steps)
        docs.rename(docs.with_name("away"))
        until(
            steps,
            ("new", "docs/zebra.md"), ("removed", "docs/bridge.md"), ("removed", "docs/model.md"),
        )  # fmt: skip
        write(docs, giraffe="A giraffe.")
        until(steps, ("new", "docs/giraffe.md"))
    stays = "what it held stays until it is back, or pruned"
    assert f"{docs} is no longer there: {stays}" in said


def test_what_a_folder_held_stays_while_it_is_gone(rag: Rag, docs: Path) -> None:
    other = write(docs.parent / "other", far="Far away.")
    with closing(rag.watching(docs, other)) as steps:
        next(steps)
        docs.rename(docs.with_name("away"))
        assert told(next(steps)) == []
        write(other, farther="Farther away.")
        until(steps, ("new", "other/farther.md"))
        assert len(rag.ls()) == 4
        docs.with_name("away").rename(docs)
        write(docs, zebra="A zebra.")
        until(steps, ("new", "docs/zebra.md"))


def test_a_server_that_goes_away_is_waited_for_and_it_is_said_once(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", bridge="A bridge.")
    said: list[str] = []
    with ExitStack() as servers:
        first = servers.enter_context(serve("0.33.0-rc2"))
        port = int(first.url.rpartition(":")[2])

        def notify(text: str) -> None:
            said.append(text)
            if "changes wait" in text:
                write(docs, giraffe="A giraffe.")  # meanwhile
                servers.enter_context(serve("0.33.0-rc2", port=port))

        with (
            Rag(tmp_path / ".ragkit", host=first.url, notify=notify) as rag,
            closing(rag.watching(docs)) as steps,
        ):
            next(steps)
            servers.close()
            write(docs, zebra="A zebra.")
            (docs / "bridge.md").unlink()
            until(
                steps,
                ("new", "docs/giraffe.md"), ("new", "docs/zebra.md"), ("removed", "docs/bridge.md"),
            )  # fmt: skip
    waits = [text for text in said if "changes wait" in text]
    assert len(waits) == 1
    assert waits[0].startswith(f"no Ollama server at {first.url}: changes wait until that is over")
    assert said[-1] == "going on"


def test_with_an_index_a_server_may_be_away_at_the_beginning(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", bridge="A bridge.")
    with ExitStack() as servers:
        first = servers.enter_context(serve("0.33.0-rc2"))
        port = int(first.url.rpartition(":")[2])
        with Rag(tmp_path / ".ragkit", host=first.url) as rag:
            rag.ingest(docs)
        servers.close()
        write(docs, zebra="A zebra.")

        def notify(text: str) -> None:
            if "changes wait" in text:
                servers.enter_context(serve("0.33.0-rc2", port=port))

        with (
            Rag(tmp_path / ".ragkit", host=first.url, notify=notify) as rag,
            closing(rag.watching(docs)) as steps,
        ):
            until(steps, ("new", "docs/zebra.md"))
    with (
        Rag(tmp_path / "new/.ragkit", host=first.url) as rag,
        pytest.raises(OllamaUnreachableError),
    ):
        next(rag.watching(docs))


def test_a_model_that_is_deleted_is_not_waited_for(tmp_path: Path, ollama: Server) -> None:
    docs = write(tmp_path / "docs", bridge="A bridge.")
    with Rag(tmp_path / ".ragkit", host=ollama.url) as rag, closing(rag.watching(docs)) as steps:
        next(steps)
        ollama.remove("nomic-embed-text")
        write(docs, zebra="A zebra.")
        with pytest.raises(ModelNotFoundError):
            next(steps)


def test_what_a_release_is_known_for_is_said_once(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", bridge="A bridge.")
    said: list[str] = []
    with (
        serve("0.24.0") as server,
        Rag(tmp_path / ".ragkit", host=server.url, notify=said.append) as rag,
        closing(rag.watching(docs)) as steps,
    ):
        next(steps)
        write(docs, zebra="A zebra.")
        until(steps, ("new", "docs/zebra.md"))
    assert len([text for text in said if "capital letters" in text]) == 1


def test_another_writer_is_waited_for(
    tmp_path: Path, docs: Path, embedder: HashingEmbedder
) -> None:
    index = tmp_path / ".ragkit"
    with ExitStack() as others:

        def notify(text: str) -> None:
            if "changes wait" in text:
                others.close()

        with (
            Rag(index, embedder=embedder, notify=notify) as rag,
            closing(rag.watching(docs)) as steps,
        ):
            next(steps)
            assert others.enter_context(WriterLock(index)).acquire()
            write(docs, zebra="A zebra.")
            until(steps, ("new", "docs/zebra.md"))


def test_a_failure_is_told_once(rag: Rag, docs: Path) -> None:
    (docs / "bad.pdf").write_text("no PDF")
    with closing(rag.watching(docs)) as steps:
        first = next(steps)
        assert ("failed", "docs/bad.pdf") in told(first)
        assert first.changes[0] == Change("docs/bad.pdf", "failed", first.report.failed[0].reason)
        write(docs, zebra="A zebra.")
        until(steps, ("new", "docs/zebra.md"))


def test_what_no_one_tells_of_is_found_by_and_by(
    rag: Rag, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LOOK_S", 0.2)
    far = write(docs.parent / "far", text="A bridge far away.") / "text.md"
    (docs / "link.md").symlink_to(far)  # its folder is not watched
    with closing(rag.watching(docs)) as steps:
        next(steps)
        far.write_text("A bridge farther away.")
        until(steps, ("changed", "docs/link.md"))


def test_where_the_system_watches_no_more_files_are_looked_at(
    tmp_path: Path, docs: Path, embedder: HashingEmbedder
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    said: list[str] = []

    def notify(text: str) -> None:
        said.append(text)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    changed = threading.Event()
    counts = watch._Counts([docs], [], tmp_path / ".ragkit")
    follower = watch.Follower([docs], is_deep=True, counts=counts, changed=changed, notify=notify)
    extras.require("watchfiles", extra="watch")  # while files can be opened
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with follower:
            assert follower.ready.wait(PATIENCE_S)
            write(docs, zebra="A zebra.")
            assert changed.wait(PATIENCE_S)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "the system watches no more" in said[0]


def test_a_folder_that_is_gone_before_it_is_watched_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")  # else it waits there for nothing
    said: list[str] = []
    with watch.Follower(
        [tmp_path / "gone"],
        is_deep=True,
        counts=lambda *_: True,
        changed=threading.Event(),
        notify=said.append,
    ) as follower:
        assert follower.ready.wait(PATIENCE_S)  # so that nobody waits for it
    assert not said
