"""Fixtures of all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ollama_server import RECORDED, Server, serve

CLOSED = "127.0.0.1:9"  # the port "discard", where nothing listens


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
