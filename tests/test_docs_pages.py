"""The pages of ``docs/`` are run: sessions, Python, curl and JavaScript, with what they say.

``python -m tests.test_docs_pages`` writes the true outputs of the sessions into them.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.test_docs import BLOCK, READMES, ROOT, answering, true_session, without_sizes

PAGES = sorted((ROOT / "docs").glob("*.md"))
KINDS = {"console", "pycon", "sh", "js", "json", "text"}
RUN_IN_A_PROCESS = {"sh": "bash", "js": "node"}  # what stands below is what they print

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return kind and body of each block, in order."""
    return BLOCK.findall(page.read_text("utf-8"))


def with_blocks(kind: str) -> list[Path]:
    return [page for page in PAGES if kind in dict(blocks(page))]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the handbook, and what else the pages speak of."""
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepare(folder: Path) -> None:
    shutil.copytree(ROOT / "sample_corpus", folder / "sample_corpus")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (folder / "questions.txt").write_text(
        "How long does a model stay loaded by default?\n"
        '{"id": 7, "text": "世界杯哪支球队赢了？"}\n',
        "utf-8",
    )


@each_page
def test_every_block_is_of_a_kind_that_is_run(page: Path) -> None:
    found = [kind for kind, _ in blocks(page)]
    assert set(found) <= KINDS
    for i, kind in enumerate(found):  # an output belongs to what is above it
        assert (kind in ("json", "text")) == (i > 0 and found[i - 1] in RUN_IN_A_PROCESS)


def test_the_index_leads_to_every_page_and_the_readmes_to_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    assert all(f"]({page.name})" in index for page in PAGES if page.name != "README.md")
    assert all("](docs/README.md)" in readme.read_text("utf-8") for readme in READMES)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("page", with_blocks("console"), ids=lambda page: page.name)
def test_console_sessions_are_true(page: Path) -> None:
    with answering(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        for body in (body for kind, body in blocks(page) if kind == "console"):
            assert without_sizes(body) == without_sizes(true_session(body))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("page", with_blocks("pycon"), ids=lambda page: page.name)
def test_python_sessions_are_true(page: Path) -> None:
    with answering():
        failed, ran = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert ran >= 10
    assert not failed


def examples() -> Sequence[object]:
    """Return each program of the pages, and what stands below it."""
    found = []
    for page in PAGES:
        listed = blocks(page)
        for i, (kind, body) in enumerate(listed[:-1]):
            if kind in RUN_IN_A_PROCESS:
                found.append(pytest.param(kind, body, *listed[i + 1], id=f"{page.name}-{i}"))
    return found


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("kind", "program", "told", "output"), examples())
def test_programs_print_what_stands_below_them(
    kind: str, program: str, told: str, output: str
) -> None:
    command = RUN_IN_A_PROCESS[kind]
    for needed in (command, "curl" if kind == "sh" else command):
        if not shutil.which(needed):
            pytest.skip(f"there is no {needed} here")
    with answering():
        host = os.environ["OLLAMA_HOST"]
        body = program.replace("http://127.0.0.1:11434", host)
        arguments = {
            "bash": ["bash", "-euo", "pipefail", "-c", body],
            "node": ["node", "--input-type=module", "-e", body],
        }
        done = subprocess.run(
            arguments[command], capture_output=True, encoding="utf-8", check=False, timeout=60
        )
    assert done.returncode == 0 or "| head" in program, done.stderr
    if told == "text":
        assert done.stdout == output
    else:
        assert shape(json.loads(done.stdout)) == shape(json.loads(output))


def shape(value: object) -> object:
    """Return what a value is made of: names, kinds, and texts that are not free."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


def write(page: Path) -> None:
    """Put the true outputs of the sessions into a page."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        prepare(Path(folder))
        os.chdir(folder)
        with answering():
            text = BLOCK.sub(
                lambda m: f"```console\n{true_session(m[2])}```" if m[1] == "console" else m[0],
                page.read_text("utf-8"),
            )
        os.chdir(ROOT)
    page.write_text(text, "utf-8")


if __name__ == "__main__":
    for path in with_blocks("console"):
        write(path)
