"""Requests to the tests' own server, without ragkit's client."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np

from tests.ollama_server import Server

ASKED = [{"role": "user", "content": "[1] The bridge opened in 1932.\n\nWhen did it open?"}]


def post(server: Server, path: str, **body: Any) -> httpx.Response:  # noqa: ANN401
    return httpx.post(server.url + path, json=body, trust_env=False, verify=False)


def embed(server: Server, *texts: str, model: str = "all-minilm", **more: Any) -> httpx.Response:  # noqa: ANN401
    return post(server, "/api/embed", model=model, input=list(texts), **more)


def vectors(server: Server, *texts: str, **more: Any) -> Any:  # noqa: ANN401
    return np.array(embed(server, *texts, **more).json()["embeddings"], np.float32)


def chat(server: Server, model: str = "llama3.2", **more: Any) -> httpx.Response:  # noqa: ANN401
    return post(server, "/api/chat", **{"model": model, "messages": ASKED} | more)


def lines(reply: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.content.split(b"\n") if line]


@contextmanager
def chunks(server: Server, **body: Any) -> Iterator[Iterator[bytes]]:  # noqa: ANN401
    """Send a chat, and give the pieces of the reply as they arrive."""
    body = {"model": "llama3.2", "messages": ASKED} | body
    with (
        httpx.Client(trust_env=False, verify=False) as client,
        client.stream("POST", f"{server.url}/api/chat", json=body) as reply,
    ):
        yield reply.iter_raw()
