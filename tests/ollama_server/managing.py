"""/api/copy, /api/delete, and /api/create of a model from another: for the client's examples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.ollama_server.models import Model, Name
from tests.ollama_server.replies import Failure, Stream, Whole, whole
from tests.ollama_server.requests import Request
from tests.ollama_server.server import Server


def copy(server: Server, request: Request) -> Whole:
    """Answer /api/copy."""
    body = request.body or {}
    source, destination = str(body.get("source", "")), str(body.get("destination", ""))
    for kind, name in (("source", source), ("destination", destination)):
        if Name.parse(name) is None:
            raise Failure(400, f'{kind} "{name}" is invalid')
    model = server.models.find(source)
    if model is None:
        raise Failure(404, f'model "{source}" not found')
    server.add(replace(model, name=destination))
    return Whole(b"", content_type="")


def delete(server: Server, request: Request) -> Whole:
    """Answer /api/delete."""
    name = str((request.body or {}).get("model", ""))
    if name not in server.models:
        raise Failure(404, f"model '{name}' not found")
    server.remove(name)
    return Whole(b"", content_type="")


def create(server: Server, request: Request) -> Whole | Stream:
    """Answer /api/create of a model from another."""
    body = request.body or {}
    base = server.models.find(str(body.get("from", "")))
    if base is None:
        raise Failure(400, "neither 'from' or 'files' was specified")
    made = replace(
        base,
        name=str(body["model"]),
        system=str(body.get("system", base.system)),
        num_ctx=(body.get("parameters") or {}).get("num_ctx", base.num_ctx),
    )
    if body.get("stream", True):
        return Stream(_steps(server, base, made))
    return whole(list(_steps(server, base, made))[-1])


def _steps(server: Server, base: Model, made: Model) -> Iterator[dict[str, Any]]:
    yield {"status": f"using existing layer sha256:{base.blob}"}
    if made.system != base.system:
        digest = hashlib.sha256(made.system.encode()).hexdigest()
        yield {"status": f"creating new layer sha256:{digest}"}
    yield {"status": "writing manifest"}
    server.add(made)
    yield {"status": "success"}
