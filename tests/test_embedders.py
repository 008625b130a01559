"""One contract for every embedder, and what is particular to the built-in one."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ragkit import extras
from ragkit.embedding.ollama import OllamaEmbedder
from ragkit.embedding.wordllama import TOKENIZER, WEIGHTS, WordLlamaEmbedder
from ragkit.errors import MissingExtraError
from ragkit.ollama import Client
from ragkit.protocols import Embedder
from tests.embedders import HashingEmbedder
from tests.ollama_server import RECORDED, serve

TEXTS = [
    "The model stays in memory.",
    "模型留在内存里。",
    "النموذج في الذاكرة",
    "👩‍👩‍👧 🎉",
    "a\0b",
    "x" * 5000,
]


Maker = Callable[[], Embedder]


@pytest.fixture(scope="module")
def maker(request: pytest.FixtureRequest) -> Iterator[Maker]:
    """What makes an embedder of the kind that the test is run for."""
    kind, _, release = request.param.partition(" ")
    if kind != "ollama":
        yield {"built-in": WordLlamaEmbedder, "hashing": HashingEmbedder}[kind]
        return
    with serve(release) as server, Client(server.url) as client:
        yield lambda: OllamaEmbedder(client, "nomic-embed-text")


@pytest.fixture(scope="module")
def embedder(maker: Maker) -> Embedder:
    return maker()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "maker" in metafunc.fixturenames:
        releases = [f"ollama {release}" for release in ("0.2.5", *RECORDED)]
        kinds = ["built-in", "hashing", *releases]
        metafunc.parametrize("maker", kinds, indirect=True, scope="module")


def test_rows_are_unit_vectors_in_the_order_given(embedder: Embedder) -> None:
    rows = embedder.embed_documents(TEXTS)
    assert rows.shape == (len(TEXTS), embedder.dim)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    backwards = embedder.embed_documents(TEXTS[::-1])
    assert np.allclose(rows, backwards[::-1], atol=1e-6)


def test_a_text_has_one_vector_whatever_its_batch(embedder: Embedder) -> None:
    rows = embedder.embed_documents([*TEXTS, *TEXTS])
    assert np.allclose(rows[: len(TEXTS)], rows[len(TEXTS) :], atol=1e-6)
    for text, row in zip(TEXTS, rows, strict=False):
        assert np.allclose(embedder.embed_documents([text])[0], row, atol=1e-6)


def test_no_texts_are_no_rows(embedder: Embedder) -> None:
    assert embedder.embed_documents([]).shape == (0, embedder.dim)


def test_blank_texts_are_zeros_not_nan(embedder: Embedder) -> None:
    rows = embedder.embed_documents(["", " \n\t", "word"])
    assert rows[:2].any() == np.False_
    assert embedder.embed_query("").any() == np.False_


def test_a_query_is_near_its_answer(embedder: Embedder) -> None:
    near, far = embedder.embed_documents(
        ["the model stays in memory", "bread needs flour and yeast"]
    )
    query = embedder.embed_query("how long the model stays in memory")
    assert query.shape == (embedder.dim,)
    assert float(query @ near) > float(query @ far)


@pytest.mark.no_cover
def test_a_long_text_is_embedded_whole(embedder: Embedder) -> None:
    begin = "memory " * 4_000
    row, other = embedder.embed_documents([begin + "yeast " * 8_000, begin])
    assert not np.allclose(row, other, atol=1e-2)


def test_two_of_one_kind_agree(embedder: Embedder, maker: Maker) -> None:
    other = maker()
    assert (other.name, other.fingerprint, other.dim) == (
        embedder.name, embedder.fingerprint, embedder.dim
    )  # fmt: skip
    assert np.array_equal(other.embed_query("same"), embedder.embed_query("same"))


@pytest.mark.no_cover
@given(text=st.text())
@example(text="\ud800 lone")
@example(text="</s><unk><s>")
def test_any_text_has_a_finite_vector(embedder: Embedder, text: str) -> None:
    row = embedder.embed_query(text) if _encodable(text) else np.ones(1)
    norm = float(np.linalg.norm(row))
    assert norm == pytest.approx(1, abs=1e-4) or norm == 0


def _encodable(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in text)


# -- the built-in one


def test_lone_surrogates_do_not_stop_it() -> None:
    assert WordLlamaEmbedder().embed_query("\ud800 lone").any()


def test_vectors_are_those_of_the_package() -> None:
    texts = [*TEXTS[:4], "  two  spaces\n\nlines\t", "num_ctx=4096, keep_alive: '5m'"]
    code = (
        "import json, sys, pathlib, wordllama\n"
        "folder = pathlib.Path(wordllama.__file__).parent\n"
        "model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)\n"
        "texts = json.load(sys.stdin)\n"
        "print(json.dumps([model.embed([t], norm=True)[0].tolist() for t in texts]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(texts), capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = np.array(json.loads(done.stdout.splitlines()[-1]))
    assert np.allclose(WordLlamaEmbedder().embed_documents(texts), expected, atol=1e-5)


def test_it_imports_nothing_that_could_download() -> None:
    code = (
        "import sys; from ragkit.embedding.wordllama import WordLlamaEmbedder\n"
        "WordLlamaEmbedder().embed_query('x')\n"
        "names = 'wordllama', 'requests', 'httpx', 'huggingface_hub'\n"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[offline\]'"):
        extras.folder("no_such_package", extra="offline")
    with pytest.raises(MissingExtraError, match="no_such_package is not installed"):
        extras.require("no_such_package", extra="offline")


def test_a_package_that_is_broken_inside_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_inside.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        extras.require("broken_inside", extra="offline")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (WEIGHTS, b""),
        (WEIGHTS, (2).to_bytes(8, "little") + b"{}"),
        (WEIGHTS, (99).to_bytes(8, "little") + b"not json".ljust(99)),
        (
            WEIGHTS,
            (90).to_bytes(8, "little")
            + b'{"embedding.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}'.ljust(90),
        ),
        (TOKENIZER, b"{}"),
    ],
)
def test_files_that_are_not_as_expected_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes
) -> None:
    package = tmp_path / "wordllama"
    real = extras.folder("wordllama", extra="offline")
    for file in (WEIGHTS, TOKENIZER):
        (package / file).parent.mkdir(parents=True)
        (package / file).symlink_to(real / file)
    (package / name).unlink()
    (package / name).write_bytes(data)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError, match="is not as expected"):
        WordLlamaEmbedder().embed_query("x")
