"""The notebooks are run, not trusted: each from its first cell, against what it says it prints.

There is no Jupyter here: a code cell is a piece of Python, and its outputs are what it prints, the
value of its last expression, and the figures it draws. ``python -m tests.test_notebooks`` writes
the true outputs into the notebooks.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import contextlib
import inspect
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest

from tests.test_docs import READMES, ROOT, answering

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PNG_BYTES = 30_000  # of a figure: the notebooks stay light to clone and to compare
DPI = 80

ANSWERS = {
    "stay loaded by default": "By default a model stays loaded for 5 minutes (`5m`) [1].",
    "in one sentence": "It takes work off the processor that the graphics card does faster.",
    "Name a river": "The Loire.",
    "how long is it": "The Loire is about 1,006 km long.",
    "Name a lake": "Lake Geneva.",
    "as JSON": '{"release": "0.5.0", "needs_restart": false}',
}

Cell = dict[str, Any]
Output = dict[str, Any]


def cells_of(notebook: Path) -> list[Cell]:
    """Return the cells of a notebook."""
    cells: list[Cell] = json.loads(notebook.read_text("utf-8"))["cells"]
    return cells


def code_of(notebook: Path) -> list[Cell]:
    """Return the cells that are run."""
    return [cell for cell in cells_of(notebook) if cell["cell_type"] == "code"]


@contextlib.contextmanager
def in_a_copy() -> Iterator[None]:
    """Be in the folder ``notebooks`` of a copy that has ``sample_corpus`` beside it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, answering(ANSWERS):
        shutil.copytree(ROOT / "sample_corpus", Path(folder, "sample_corpus"))
        Path(folder, "notebooks").mkdir()
        os.chdir(Path(folder, "notebooks"))
        try:
            yield
        finally:
            os.chdir(before)


def run(notebook: Path) -> list[list[Output]]:
    """Run the code cells in order, in one namespace; return the outputs of each."""
    matplotlib.use("Agg")
    plt.close("all")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with in_a_copy():
        return [
            outputs_of("".join(cell["source"]), namespace, number)
            for number, cell in enumerate(code_of(notebook), start=1)
        ]


def outputs_of(source: str, namespace: dict[str, Any], number: int) -> list[Output]:
    """Run one cell; return what it prints, its last value and its figures, as a notebook has it."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        value = value_of(source, namespace)
    outputs: list[Output] = []
    if said.getvalue():
        outputs.append(
            {"name": "stdout", "output_type": "stream", "text": lines_of(said.getvalue())}
        )
    if value is not None:
        outputs.append(
            {
                "data": {"text/plain": lines_of(repr(value))},
                "execution_count": number,
                "metadata": {},
                "output_type": "execute_result",
            }
        )
    return outputs + [drawn(figure) for figure in plt.get_fignums()]


def value_of(source: str, namespace: dict[str, Any]) -> object:
    """Run a cell, which may await; return the value of its last line, None if that is no value."""
    body = ast.parse(source).body
    last = body[-1]
    if isinstance(last, ast.Expr):
        evaluated(ast.Module(body[:-1], []), namespace)
        return evaluated(ast.Expression(last.value), namespace)
    return evaluated(ast.Module(body, []), namespace)


def evaluated(tree: ast.Module | ast.Expression, namespace: dict[str, Any]) -> object:
    """Run a piece of a cell; return its value if it is an expression."""
    mode = "eval" if isinstance(tree, ast.Expression) else "exec"
    code = compile(tree, "<cell>", mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    value: Any = eval(code, namespace)
    return asyncio.run(value) if code.co_flags & inspect.CO_COROUTINE else value


def drawn(number: int) -> Output:
    """Return a figure as an output, and close it."""
    figure, png = plt.figure(number), io.BytesIO()
    figure.savefig(png, dpi=DPI, metadata={"Software": None})
    shown = repr(figure)
    plt.close(figure)
    image = base64.b64encode(png.getvalue()).decode()
    data = {"image/png": image, "text/plain": [shown]}
    return {"data": data, "metadata": {}, "output_type": "display_data"}


def lines_of(text: str) -> list[str]:
    """Return a text as notebooks keep it: a list of lines with their ends."""
    return text.splitlines(keepends=True)


def comparable(outputs: list[Output]) -> list[Output]:
    """Return outputs without what differs between machines and runs: pixels, times, ports."""
    kept = json.loads(json.dumps(outputs))
    for output in kept:
        data = output.get("data", {})
        if "image/png" in data:
            data["image/png"] = "an image"
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", json.dumps(kept, ensure_ascii=False))
    text = re.sub(r"\b\d+(\.\d+)? (ms|s|MB)\b", r"N \2", text)
    compared: list[Output] = json.loads(text)
    return compared


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_true(notebook: Path) -> None:
    for cell, outputs in zip(code_of(notebook), run(notebook), strict=True):
        assert comparable(outputs) == comparable(cell["outputs"]), "".join(cell["source"])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_figure_is_kept_and_is_small(notebook: Path) -> None:
    outputs = [output for cell in code_of(notebook) for output in cell["outputs"]]
    images = [output["data"]["image/png"] for output in outputs if "image/png" in str(output)]
    assert images
    for image in images:
        png = base64.b64decode(image)
        assert png.startswith(b"\x89PNG")
        assert len(png) <= PNG_BYTES


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_readme_names_it_and_a_heading_begins_it(notebook: Path) -> None:
    for readme in READMES:
        assert f"(notebooks/{notebook.name})" in readme.read_text("utf-8")
    first = cells_of(notebook)[0]
    assert first["cell_type"] == "markdown"
    assert first["source"][0].startswith("# ")


def test_a_cell_may_await_and_its_last_value_is_an_output() -> None:
    source = "import asyncio\nasync def two():\n    return 2\nprint('so')\nawait two()"
    said, value = outputs_of(source, {}, 1)
    assert said["text"] == ["so\n"]
    assert value["data"] == {"text/plain": ["2"]}


def test_an_output_that_is_not_true_is_found() -> None:
    kept = [{"output_type": "stream", "text": ["http://127.0.0.1:11434 in 1.5 s, 41 files\n"]}]
    said = [{"output_type": "stream", "text": ["http://127.0.0.1:39999 in 0.2 s, 41 files\n"]}]
    assert comparable(said) == comparable(kept)
    said[0]["text"] = ["http://127.0.0.1:39999 in 0.2 s, 40 files\n"]
    assert comparable(said) != comparable(kept)


def write() -> None:
    """Put the true outputs into the notebooks."""
    for notebook in NOTEBOOKS:
        kept = json.loads(notebook.read_text("utf-8"))
        code = [cell for cell in kept["cells"] if cell["cell_type"] == "code"]
        for number, (cell, outputs) in enumerate(zip(code, run(notebook), strict=True), start=1):
            cell["execution_count"], cell["outputs"] = number, outputs
        text = json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True)
        notebook.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    write()
