"""Fixtures of all tests."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.ollama_server import RECORDED, Server, serve

CLOSED = "127.0.0.1:9"  # the port "discard", where nothing listens
MEMORY = Path("/dev/shm")
ROOM = 2 << 30


def pytest_configure() -> None:
    """Spare each test what it does not show: a disk, compiling in each process, a fast machine."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    slow = [HealthCheck.too_slow]
    settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=slow)
    settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """Keep the collector from what stays until the end: thousands of tests and their modules."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def one_model() -> Iterator[None]:
    """Read the files of the built-in embedder once: each ``Rag`` would take 0.2 s for them."""
    from ragkit.embedding.wordllama import WordLlamaEmbedder  # not before coverage has begun

    def once(name: str) -> property:
        read, had = vars(WordLlamaEmbedder)[name].func, dict[Path, Any]()

        def value(model: WordLlamaEmbedder) -> Any:  # noqa: ANN401 - either of the two
            if model._folder not in had:
                had[model._folder] = read(model)
            return had[model._folder]

        return property(value)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_tokenizer", "_weights"):
            patch.setattr(WordLlamaEmbedder, name, once(name))
        yield


@pytest.fixture(scope="session", autouse=True)
def impatient() -> Iterator[None]:
    """Have a client that is not told otherwise wait 0.02 s where it would wait a second."""
    from ragkit.ollama import AsyncClient, Client

    with pytest.MonkeyPatch.context() as patch:
        for client in (Client, AsyncClient):
            patch.setitem(client.__init__.__kwdefaults__ or {}, "backoff_s", 0.02)
        yield


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests from a server that may run on this machine, and from the user's settings."""
    monkeypatch.setenv("OLLAMA_HOST", CLOSED)
    for name in ("OLLAMA_API_KEY", "OLLAMA_KEEP_ALIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what is remembered of answers out of the user's own folder; each index has its own."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture
def ollama() -> Iterator[Server]:
    """An Ollama of the newest release that was recorded."""
    with serve(RECORDED[-1]) as server:
        yield server


@pytest.fixture(params=RECORDED)
def each_ollama(request: pytest.FixtureRequest) -> Iterator[Server]:
    """An Ollama of each release that was recorded, one after another."""
    with serve(request.param) as server:
        yield server
