"""The READMEs are run, not trusted: their sessions, Python, tables, and the two commands.

``python -m tests.test_docs`` writes the sessions' true outputs into both.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import math
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import click
import pytest

from ragkit.cli import cli, progress
from ragkit.cli.app import run
from ragkit.config import Settings
from tests.ollama_server import serve

pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(readme: Path, wanted: str) -> list[str]:
    """Return the bodies of the blocks of one kind."""
    return [body for kind, body in BLOCK.findall(readme.read_text("utf-8")) if kind == wanted]


COMMANDS = [body.strip() for body in blocks(READMES[0], "sh")]

each_readme = pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)


def output_of(command: str) -> str:
    """Return all that a ``ragkit`` command prints, in order."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        run(shlex.split(command)[1:])
    return re.sub(r"(http://127\.0\.0\.1):\d+", r"\1:11434", said.getvalue())


def true_session(body: str) -> str:
    """Return a console block with the outputs that its commands have."""
    commands = re.findall(r"^\$ (.*)$", body, flags=re.MULTILINE)
    return "".join(f"$ {command}\n{output_of(command)}" for command in commands)


def without_sizes(text: str) -> str:
    """Return a session without what differs between machines and runs: sizes, times, ports."""
    text = re.sub(r"(?m)^(size +).*$", r"\1...", text)
    text = re.sub(r"(?m)^(ok +(python|embedding|answer) ).*$", r"\1...", text)
    text = re.sub(r"(?m)^(ok|note) +memory .*(\n +hint: .*)?$", "memory ...", text)
    text = re.sub(r"\bfor \d min\b", "for N min", text)
    return re.sub(r"11434 +", "11434  ", text)


@contextlib.contextmanager
def answering(answers: Mapping[str, str] | None = None) -> Iterator[None]:
    """Have an Ollama with the usual models, which says of a question what ``answers`` has."""
    known = ANSWERS if answers is None else answers
    with serve() as server, pytest.MonkeyPatch.context() as patch:
        server.reply = lambda messages: next(
            (said for asked, said in known.items() if asked in str(messages[-1]["content"])), ""
        )
        server.token_s, server.embed_s = 0.01, 0.001
        patch.setattr(progress, "EVERY_S", math.inf)  # a slow machine would have more to say
        patch.setenv("OLLAMA_HOST", server.url)
        patch.setenv("HOME", str(Path("home").absolute()))
        patch.delenv("XDG_CONFIG_HOME", raising=False)
        yield


ANSWERS = {
    "模型会保留多久": "不写 `keep_alive` 时，模型在最后一次请求之后还会保留五分钟 [1]。",
    "打个招呼": "你好",
    "一条河": "长江。",
    "一个湖": "青海湖。",
    "图里有什么": "椅子上有一只猫。",
    "用 JSON 回答": '{"minutes": 5}',
    "stay loaded by default": "By default a model stays loaded for 5 minutes (`5m`) [1].",
    "say it in a word": "Briefly.",
    "a river": "The Loire.",
    "a lake": "Lake Geneva.",
    "in the picture": "A cat on a chair.",
    "one to twenty": "One, two, three, four, five, six, seven, eight, nine, ten.",
    "as JSON": '{"minutes": 5}',
}


@pytest.fixture
def in_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "sample_corpus", tmp_path / "sample_corpus")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@each_readme
@pytest.mark.usefixtures("in_a_copy")
def test_console_sessions_are_true(readme: Path) -> None:
    sessions = blocks(readme, "console")
    assert len(sessions) > 2
    with answering():
        for body in sessions:
            assert without_sizes(body) == without_sizes(true_session(body))


@each_readme
@pytest.mark.usefixtures("in_a_copy")
def test_python_sessions_are_true(readme: Path) -> None:
    Path("photo.png").write_bytes(b"\x89PNG")
    with answering():
        failed, ran = doctest.testfile(str(readme), module_relative=False, encoding="utf-8")
    assert ran > 30
    assert not failed


@each_readme
def test_every_block_is_run(readme: Path) -> None:
    assert {kind for kind, _ in BLOCK.findall(readme.read_text("utf-8"))} == {
        "sh", "console", "pycon",
    }  # fmt: skip
    assert [body.strip() for body in blocks(readme, "sh")] == COMMANDS
    assert len(COMMANDS) == 2


@each_readme
def test_each_readme_leads_to_the_others(readme: Path) -> None:
    beginning = "".join(readme.read_text("utf-8").splitlines()[:4])
    assert all(f"]({other.name})" in beginning for other in READMES if other != readme)


def test_ci_runs_the_second_command_as_it_stands() -> None:
    assert (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1] == COMMANDS[1]


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_command_is_in_the_readmes_and_shows_an_example(name: str) -> None:
    assert all(re.search(rf"ragkit {name}\b", readme.read_text("utf-8")) for readme in READMES)
    command = cli.get_command(click.Context(cli), name)
    text = (command and command.help) or ""
    assert re.search(rf"\n +ragkit {name}\b", text)


def shown(default: object) -> str:
    """Return a default as the table has it."""
    return "none" if default in ("", {}) else str(default)


@each_readme
def test_every_setting_has_a_row(readme: Path) -> None:
    for field in fields(Settings):
        default = str(shown(getattr(Settings(), field.name))).lower()
        variable = f"RAGKIT_{field.name.upper()}"
        row = rf"^\| `{field.name}` \|[^|]*\| `{variable}` \| {re.escape(default)} \|"
        assert re.search(row, readme.read_text("utf-8"), re.MULTILINE), field.name


@each_readme
def test_every_file_is_in_the_tour(readme: Path) -> None:
    tour = re.split(r"## (?:A tour|源码导览)", readme.read_text("utf-8"))[1].split("## ")[0]
    for path in (ROOT / "ragkit").iterdir():
        if path.name.startswith(("__", "py.typed")):
            continue
        name = f"{path.name}/" if path.is_dir() else path.name
        assert f"`{name}`" in tour, name


def public_names() -> list[tuple[str, ast.AST]]:
    found: list[tuple[str, ast.AST]] = []
    for path in sorted((ROOT / "ragkit").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        found.append((str(path.relative_to(ROOT)), tree))
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef | ast.Module):
                continue
            if isinstance(node, ast.ClassDef) and node.name.startswith("_"):
                continue
            found += [
                (f"{path.name}:{inner.name}", inner)
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.ClassDef)
                and not inner.name.startswith(("_", "handle_"))
            ]
    return found


def test_public_names_have_docstrings() -> None:
    bare = [name for name, node in public_names() if not ast.get_docstring(node)]  # type: ignore[arg-type]
    assert not [name for name in bare if name not in NEED_NONE]


OVERRIDDEN = "list_commands resolve_command format_options format_help_text format_epilog"
NEED_NONE = {f"app.py:{name}" for name in OVERRIDDEN.split()}  # click's own, overridden


def write(readme: Path) -> None:
    """Put the true outputs of the sessions into a README."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "sample_corpus", Path(folder, "sample_corpus"))
        os.chdir(folder)
        with answering():
            text = BLOCK.sub(
                lambda m: f"```console\n{true_session(m[2])}```" if m[1] == "console" else m[0],
                readme.read_text("utf-8"),
            )
        os.chdir(ROOT)
    readme.write_text(text, "utf-8")


if __name__ == "__main__":
    for path in READMES:
        write(path)
