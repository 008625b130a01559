"""A newcomer's first session, in a fresh virtual environment made by the README's first command."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import CLOSED
from tests.ollama_server import serve
from tests.test_docs import COMMANDS, ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("CI"), reason="makes a virtual environment: set CI=1"),
]


class Newcomer:
    """Someone with a clone and a shell."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.folder = clone
        self.host = CLOSED

    def types(self, command: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error of a command line."""
        path = f"{self.clone / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env={**os.environ, "PATH": path, "OLLAMA_HOST": self.host, "HOME": str(self.clone)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """A clean clone, after the README's first command."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.split(b"\0")):
        target = folder / os.fsdecode(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / os.fsdecode(name), target)
    newcomer = Newcomer(folder)
    code, out, err = newcomer.types(COMMANDS[0])
    assert code == 0, err
    assert "5 minutes (`5m`)" in out
    assert "[1] sample_corpus/keep-alive.md:8" in out
    yield newcomer
    shutil.rmtree(folder)


@pytest.fixture
def newcomer(clone: Newcomer, tmp_path: Path) -> Newcomer:
    """The same, in an empty folder of documents of their own."""
    clone.folder, clone.host = tmp_path, CLOSED
    return clone


def test_what_is_installed_is_light_and_runs_as_a_module(newcomer: Newcomer) -> None:
    _, out, _ = newcomer.types("pip list --format=freeze")
    assert len(out.splitlines()) < 60
    assert newcomer.types("python -m ragkit --version")[1].startswith("ragkit")


def test_a_first_session_without_a_server(newcomer: Newcomer) -> None:
    code, out, _ = newcomer.types("ragkit")
    assert (code, "ragkit ingest FOLDER" in out) == (0, True)
    code, _, err = newcomer.types("ragkit ask 'where is it?'")
    assert (code, "hint: ragkit ingest FOLDER" in err) == (5, True)
    code, _, err = newcomer.types("ragkit ingst docs")
    assert (code, "did you mean 'ingest'?" in err) == (2, True)
    (newcomer.folder / "docs").mkdir()
    code, _, err = newcomer.types("ragkit ingest docs")
    assert (code, "no files to read" in err) == (1, True)
    (newcomer.folder / "docs/rent.md").write_text("# Rent\n\nThe rent is due on the third.\n")
    (newcomer.folder / "docs/租金.md").write_text("# 租金\n\n房租每月三号交。\n", "utf-8")
    code, _, err = newcomer.types("ragkit ingest docs")
    assert (code, "ollama serve" in err, "--offline" in err) == (3, True, True)
    code, out, _ = newcomer.types("ragkit doctor")
    assert code == 3
    first = next(line for line in out.splitlines() if line.startswith("fail"))
    assert "no Ollama" in first or "nothing listens" in first
    code, out, err = newcomer.types("ragkit ingest docs --offline")
    assert (code, out.splitlines()[1]) == (0, "2 read: 2 passages, 2 embedded"), err
    code, out, _ = newcomer.types("ragkit ask 'When is the rent due?'")
    assert (code, "third" in out, "[1] docs/rent.md:3" in out) == (0, True, True)
    code, out, _ = newcomer.types("ragkit ask '房租几号交？'")
    assert (code, "docs/租金.md:3" in out) == (0, True)
    code, out, _ = newcomer.types("ragkit ask 'Who won the World Cup in 1998?'")
    assert (code, out.startswith("The documents do not say.")) == (1, True)
    assert newcomer.types("ragkit ingest")[1].startswith("2 files: 0 new, 0 changed, 2 unchanged")
    assert newcomer.types("ragkit check")[:2] == (0, "the index is whole\n")


def test_a_first_session_with_a_server(newcomer: Newcomer) -> None:
    (newcomer.folder / "notes.md").write_text("# Notes\n\nThe rent is due on the third.\n")
    with serve() as server:
        newcomer.host = server.url
        server.remove("nomic-embed-text")
        code, _, err = newcomer.types("ragkit ingest notes.md --embed-model nomic-embed-text")
        assert (code, "hint: ollama pull nomic-embed-text" in err) == (4, True)
        assert newcomer.types("ragkit models pull nomic-embed-text")[0] == 0
        assert newcomer.types("ragkit ingest notes.md")[0] == 0
        code, out, err = newcomer.types("ragkit ask 'When is the rent due?'")
        assert (code, out.splitlines()[0]) == (0, "The rent is due on the third. [1]"), err
        assert newcomer.types("ragkit doctor")[0] == 0
    code, out, err = newcomer.types("ragkit ask 'When is the rent due?'")
    assert (code, "ollama serve" in err, "third" in out) == (0, True, True)
