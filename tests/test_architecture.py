"""The import order of ragkit, as a test: a file imports only from layers above its own."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ragkit"
LAYERS = [
    {"errors"},
    {"types", "trust"},
    {"protocols", "config", "settings_file", "extras", "text"},
    {"pdf"},
    {
        "ollama",
        "loading",
        "chunking",
        "catalog",
        "vectors",
        "lexical",
        "fusion",
        "grounding",
        "prefixes",
        "prompting",
        "where",
    },
    {"embedding", "chat_models", "index"},
    {"chunkers", "reading"},
    {"ingest", "reindex", "query"},
    {"doctor", "repair", "watch"},
    {"rag"},
    {"cli"},
    {"__main__"},
]
OWNERS = {  # third-party package -> the one file (or sub-package) that imports it
    "charset_normalizer": "loading",
    "click": "cli",
    "faiss": "vectors",
    "filelock": "index",
    "httpx": "ollama",
    "orjson": "ollama",
    "pathspec": "loading",
    "pypdf": "pdf",
    "pypdfium2": "pdf",
    "regex": "text",
    "Stemmer": "text",
    "tantivy": "lexical",
    "tokenizers": "embedding",
    "watchfiles": "watch",
    "xlrd": "loading",
}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path: Path) -> str:
    """Return the layer's name of a file: a sub-package counts as one."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Every module named by an import anywhere in the file, lazy ones included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_every_file_has_a_layer() -> None:
    assert {room(path) for path in FILES} == LEVEL.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_up(path: Path) -> None:
    mine = room(path)
    for name in imported(path):
        root, _, inner = name.partition(".")
        other = inner.partition(".")[0]
        if root == "ragkit" and other in LEVEL and other != mine:
            assert LEVEL[other] < LEVEL[mine], f"{mine} must not import {other}"
        if root in OWNERS:
            assert mine == OWNERS[root], f"only {OWNERS[root]} may import {root}"
        known = {"ragkit", "numpy", "", *OWNERS, *sys.stdlib_module_names}
        assert root in known, f"{root} has no owner"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda p: p.parent.name)
def test_a_list_of_a_packages_files_has_them_all(path: Path) -> None:
    told = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    files = {file.stem for file in path.parent.glob("*.py")} - {"__init__"}
    listed = set(re.findall(r"^\* ``(\w+)``", told, re.MULTILINE))
    if listed <= files:  # of chunkers there are the settings
        assert {name for name in files if f"``{name}``" not in told} == set()


HEAVY = (
    "faiss",
    "httpx",
    "pypdf",
    "tantivy",
    "regex",
    "tokenizers",
    "charset_normalizer",
    "watchfiles",
    "xlrd",
    "filelock",
    "mimetypes",
    "ragkit.index.survey",
    "ragkit.loading.formats",
)
ASKED = "ragkit.query, ragkit.rag, ragkit.index.snapshot, ragkit.embedding.ollama"
OF_OTHERS = ("cli.models", "text.sentences", "catalog.mending", "index.survey", "loading.formats")


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        (
            "import sys; from ragkit.cli.app import run; run(['--help'])",
            (*HEAVY, "numpy", "subprocess", "tempfile", "ragkit.cli.history"),
        ),
        (
            f"from ragkit.cli.app import run; run(['ask', '--help']); import {ASKED}",
            ("asyncio", "tomllib", "pypdf", "filelock", *(f"ragkit.{name}" for name in OF_OTHERS)),
        ),
        ("import ragkit.rag, ragkit.index.inventory as i, ragkit.index.on_disk", HEAVY),
    ],
)
def test_starting_is_light(code: str, heavy: tuple[str, ...]) -> None:
    code += f"\nimport sys\nprint([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"


def test_files_stay_small() -> None:
    sizes = sorted(len(path.read_text("utf-8").splitlines()) for path in FILES)
    assert sizes[len(sizes) // 2] <= 180
    for path in FILES:
        text = path.read_text("utf-8")
        if len(text.splitlines()) > 400:
            assert "Why one file" in text, f"{path.name} is long and does not say why"


def test_exported_names_are_complete() -> None:
    import ragkit

    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    listed = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ragkit.")
        for alias in node.names
    }
    assert listed == set(ragkit.__all__)
    assert all(getattr(ragkit, name) is not None for name in dir(ragkit))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ragkit.nothing
