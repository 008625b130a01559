"""Ollama, for tests: a real server on a real socket, with models that need no weights.

It answers what ragkit asks of Ollama as a given release does, which is held to what real servers
answered (``tests/transcripts``), and fails as Ollama fails wherever a test turns that on::

    with serve(release="0.24.0") as server:
        server.faults.busy = 2
        Client(server.url).embed("nomic-embed-text", ["a text"])
        assert len(server.requests_to("/api/embed")) == 3

By hand: ``python -m tests.ollama_server --release 0.24.0``.
"""

from tests.ollama_server.faults import Faults
from tests.ollama_server.models import USUAL, Model
from tests.ollama_server.releases import RECORDED, Release
from tests.ollama_server.requests import Request
from tests.ollama_server.server import Server
from tests.ollama_server.wire import serve

__all__ = ["RECORDED", "USUAL", "Faults", "Model", "Release", "Request", "Server", "serve"]
