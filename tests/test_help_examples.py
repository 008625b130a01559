"""Every command's help ends in examples, and each of them is run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.cli.app import run
from tests.ollama_server import Server
from tests.pages import PAGE, Pages, reply, serving
from tests.test_cli import COMMANDS, help_of
from tests.test_docs import ROOT
from tests.test_ingest import write

pytestmark = pytest.mark.no_cover

BELOW = [names for names in COMMANDS if names]
EXAMPLES = {
    line.strip(): names
    for names in BELOW
    for line in help_of(*names).partition("\nExamples:\n")[2].splitlines()
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with what the examples speak of, and an index of it."""
    folder = tmp_path_factory.mktemp("examples")
    write(folder / "docs", old="A model stays loaded for five minutes: keep a model loaded so.")
    (folder / "sample_corpus").mkdir()
    shutil.copy(ROOT / "sample_corpus/keep-alive.md", folder / "sample_corpus")
    shutil.copy(ROOT / "sample_corpus/modelfile-guide.pdf", folder / "guide.pdf")
    with Rag(folder / ".ragkit", offline=True) as rag:
        rag.ingest(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def pages() -> Iterator[Pages]:
    with serving() as made:
        made.answers["/guide.html"] = reply(PAGE, content_type="text/html")
        yield made


@pytest.mark.parametrize("command", BELOW, ids=" ".join)
def test_a_help_ends_in_examples(command: tuple[str, ...]) -> None:
    examples = help_of(*command).partition("\nExamples:\n")[2].rstrip("\n").split("\n")
    if command in (("models",), ("config",)):  # they list commands too, which have examples
        assert len(examples) >= 3
    assert all(re.match(rf"  ragkit {' '.join(command)}\b", line) for line in examples)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_does_what_it_says(
    example: str,
    kept: Path,
    ollama: Server,
    pages: Pages,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(kept, folder)
    monkeypatch.chdir(folder)
    if "import" in example:
        run(["export", shlex.split(example)[-1]])
    if "ingest ./docs" in example or "import" in example:  # they make an index of their own
        shutil.rmtree(".ragkit")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    if re.search("(show|open)( 1)?$", example):
        run(["search", "keep a model loaded", "--offline"])
    for variable in ("EDITOR", "RAGKIT_VIEWER"):
        monkeypatch.setenv(variable, "true")
    monkeypatch.delenv("VISUAL", raising=False)
    if "unset" in example:
        run(["config", "set", "model", "qwen3"])
    command = example.replace("gpu-box", ollama.url)
    command = command.replace("https://example.org", pages.url)
    if pages.url in command:
        command += " --allow-private"
    if "--watch" in command:
        watch_and_stop(shlex.split(command)[1:])
        return
    if ">" not in command and "<" not in command:
        assert run(shlex.split(command)[1:]) == 0
        return
    (tmp_path / ".config/fish/completions").mkdir(parents=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command, shell=True, env={**os.environ, "PATH": path}, check=True)
    if "<" not in command:
        assert any("_RAGKIT_COMPLETE" in file.read_text() for file in written(tmp_path, folder))


def watch_and_stop(arguments: list[str]) -> None:
    """Run a command that goes on until Ctrl-C, and press that once it has said what it did."""
    command = [sys.executable, "-m", "ragkit", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("1 files: 1 new")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def written(home: Path, working: Path) -> list[Path]:
    return [file for file in home.rglob("*") if file.is_file() and not file.is_relative_to(working)]
