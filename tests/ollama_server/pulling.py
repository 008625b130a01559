"""/api/pull."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests.ollama_server.models import Model, Name
from tests.ollama_server.replies import PLAIN_JSON, Failure, Stream, Whole, encoded
from tests.ollama_server.requests import Request, fields_of, read
from tests.ollama_server.server import Server

Record = dict[str, Any]
CONFIG_BYTES = 261
PARTS = 5  # in which a large file comes


def pull(server: Server, request: Request) -> Whole | Stream:
    """Answer /api/pull; what goes wrong after "pulling manifest" is a record of its own."""
    body = read(request.data, "PullRequest", fields_of("/api/pull", server.release))
    name = Name.parse(body.get("model") or body.get("name") or "")
    if name is None:
        raise Failure(400, "invalid model name")
    records = _records(server, name, body)
    if body.get("stream", True):
        return Stream(records)
    try:
        last = list(records)[-1]
    except Failure as failure:
        return Whole(encoded(failure.value), failure.status, PLAIN_JSON)
    return Whole(encoded(last), content_type=PLAIN_JSON)


def _records(server: Server, name: Name, body: Mapping[str, Any]) -> Iterator[Record]:
    faults = server.faults
    yield {"status": "pulling manifest"}
    if faults.pull_error:
        raise Failure(500, faults.pull_error)
    model = _manifest(server, name, body)
    if model.shown != name.shown:  # of another registry
        model = replace(model, name=name.shown)
    old = server.models.find(model.name)
    is_there = old is not None and old.digest == model.digest
    config = hashlib.sha256(f"config of {model.digest}".encode()).hexdigest()
    for digest, total in ((model.blob, model.file_bytes), (config, CONFIG_BYTES)):
        parts = 1 if is_there or total == CONFIG_BYTES else PARTS
        there = faults.pull_there if parts > 1 else 0
        for part in range(max(there, 1), parts + 1):
            time.sleep(faults.pull_part_s)
            record: Record = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}"}
            record |= {"total": total, "completed": total * part // parts}
            if faults.pull_uncounted:
                del record["completed"]
            yield record
    if faults.pull_cut:
        return
    yield {"status": "verifying sha256 digest"}
    yield {"status": "writing manifest"}
    server.add(model)
    if old is not None and not is_there:
        yield {"status": "removing unused layers"}
    yield {"status": "success"}


def _manifest(server: Server, name: Name, body: Mapping[str, Any]) -> Model:
    """Return what a registry has by that name."""
    path = f"v2/{name.namespace}/{name.model}/manifests/{name.tag}"
    get = f'pull model manifest: Get "https://{name.host}/{path}"'
    if name.host not in server.registries:
        raise Failure(500, f"{get}: dial tcp: lookup {name.host} on 127.0.0.53:53: no such host")
    if name.scheme == "http" and not body.get("insecure"):
        raise Failure(500, f"{get}: tls: first record does not look like a TLS handshake")
    model = server.registries[name.host].find(f"{name.namespace}/{name.model}:{name.tag}")
    if model is None:
        raise Failure(500, "pull model manifest: file does not exist")
    return model
