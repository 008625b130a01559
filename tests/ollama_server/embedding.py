"""/api/embed and /api/embeddings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
import orjson

from tests.ollama_server import vectors
from tests.ollama_server.loading import num_ctx
from tests.ollama_server.models import Model
from tests.ollama_server.releases import AFTER_0_5, Release
from tests.ollama_server.replies import Dropped, Failure, Whole, encoded, whole
from tests.ollama_server.requests import Request, fields_of, read
from tests.ollama_server.server import Server, is_name
from tests.ollama_server.vectors import Vector

Gone = Callable[[], bool]  # whether the client has left

NO_EMBEDDINGS = "This server does not support embeddings. Start it with `--embeddings`"
NAN = "failed to encode response: json: unsupported value: NaN"
NUM_BATCH = 2048  # tokens that an encoder reads at once, from 0.30 on
NO_ROWS = b'"embeddings":[]'
RUNNER = "http://127.0.0.1:40001"


def embed(server: Server, request: Request, gone: Gone) -> Whole:
    """Answer /api/embed: a vector of length 1 a text."""
    began = time.perf_counter_ns()
    release = server.release
    body = read(request.data, "EmbedRequest", fields_of("/api/embed", release))
    texts = _texts(body.get("input"))
    model = _embed_model(server, body.get("model", ""))
    server.load(model, body, gone)
    loaded = time.perf_counter_ns()
    if not texts:
        server.release_after(model, body)
        return whole({"model": body["model"], "embeddings": []})
    if 0 < server.faults.slow_above < len(texts):
        while not gone():
            time.sleep(0.005)
        raise Dropped
    try:
        _check_whole(server, texts)
        read_texts = [_read(server, model, text, body) for text in texts]
        rows = [_vector(server, model, text, gone) for text in read_texts]
    except _Failed as failed:
        if failed.is_crash:
            server.loaded.unload(model)
        raise failed.at(release, legacy=False) from failed
    finally:
        server.release_after(model, body)
    dimensions = body.get("dimensions", 0)
    units = [vectors.unit(row[:dimensions] if dimensions > 0 else row) for row in rows]
    if release.between("0.2.6", "0.3.5") and len(units) > 1:  # vectors of a batch were mixed up
        units = units[1:] + units[:1]
    reply: dict[str, Any] = {"model": body["model"], "embeddings": []}
    if release >= "0.3.1":
        extra = model.special_tokens if release >= "0.13.3" else 0
        reply |= {
            "total_duration": time.perf_counter_ns() - began,
            "load_duration": loaded - began,
        }
        count = sum(len(vectors.pieces(text)) + extra for text in read_texts)
        reply |= {"prompt_eval_count": count} if count else {}
    rows_shown = b",".join(map(_row_written, _shown(server, texts, units)))
    return Whole(encoded(reply).replace(NO_ROWS, NO_ROWS[:-1] + rows_shown + b"]", 1))


def embeddings(server: Server, request: Request, gone: Gone) -> Whole:
    """Answer /api/embeddings: the vector of one text, of any length; too long a text fails."""
    release = server.release
    body = read(request.data, "EmbeddingRequest", fields_of("/api/embeddings", release))
    name = body.get("model", "")
    if not name or (release < AFTER_0_5 and not is_name(name)):
        raise Failure(400, "model is required")
    if not is_name(name):
        raise Failure(400, "invalid model name")
    model = server.models.find_exact(name)
    if model is None:
        raise Failure(404, f'model "{name}" not found, try pulling it first')
    server.load(model, body, gone)
    text = body.get("prompt", "")
    if not text:
        return whole({"embedding": []})
    try:
        _check_whole(server, [text])
        row = _vector(server, model, _read(server, model, text, body | {"truncate": None}), gone)
    except _Failed as failed:
        if failed.is_crash:
            server.loaded.unload(model)
        raise failed.at(release, legacy=True) from failed
    finally:
        server.release_after(model, body)
    found = row if _is_raw(model, release) else vectors.unit(row)
    if server.faults.marks("wrong_dim", text):
        found = found[:-1]
    # float32 as float64: seventeen digits
    return whole({"embedding": [float(x) or 0 for x in found]})


class _Failed(Exception):  # noqa: N818 - what the runner says, not yet what the client is told
    """A text that the runner does not embed."""

    def __init__(self, words: str, status: int = 0, *, is_checked: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.status = status  # 0: what the release gives failures that it does not know
        self.is_checked = is_checked  # found by the server itself, before the runner
        self.is_crash = words.endswith("EOF")

    def at(self, release: Release, *, legacy: bool) -> Failure:
        """Return what a release tells a client."""
        if release.between("0.3.5", "0.6.1") and not (self.is_checked and not legacy):
            return Failure(500, {})  # a Go error, marshalled
        if legacy:
            return Failure(500, self.words)
        return Failure(self.status or (400 if release >= "0.13.3" else 500), self.words)


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - any JSON
    """Return the texts of a request; "" is none."""
    if value is None or value == "":
        return []
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Failure(400, "invalid input type")
    return texts


def _embed_model(server: Server, name: str) -> Model:
    model = server.models.find(name)
    if model is not None:
        return model
    if name and not is_name(name) and server.release >= AFTER_0_5:
        raise Failure(400, "invalid model name")
    if not name and server.release >= AFTER_0_5:
        raise Failure(404, "model '' not found")
    raise Failure(404, f'model "{name}" not found, try pulling it first')


def _check_whole(server: Server, texts: Sequence[str]) -> None:
    """Raise what fails a request as a whole."""
    faults = server.faults
    if faults.takes("empty_error"):
        raise Failure(500, {})
    if faults.no_embeddings:
        old = "this model does not support embeddings"
        raise _Failed(NO_EMBEDDINGS if server.release >= "0.30.0" else old, 501)
    path = "/v1/embeddings" if server.release >= "0.30.0" else "/embedding"
    if faults.takes("eof") or any(faults.marks("crash", text) for text in texts):
        raise _Failed(f'do embedding request: Post "{RUNNER}{path}": EOF')
    if faults.crash_above and len(texts) > faults.crash_above:
        # From 0.30 on all texts are taken apart at once, while the first is embedded.
        tokenizing = f'Post "{RUNNER}/tokenize": EOF'
        embedding = f'do embedding request: Post "{RUNNER}{path}": EOF'
        raise _Failed(tokenizing if server.release >= "0.30.0" else embedding)


def _read(server: Server, model: Model, text: str, body: Mapping[str, Any]) -> str:
    """Return as much of a text as the model reads.

    ``truncate`` of None is the way of /api/embeddings: nothing is cut off.
    """
    release, special = server.release, model.special_tokens
    truncate = body.get("truncate", True)
    if model.chats and release >= "0.30.0":
        raise _Failed(NO_EMBEDDINGS, 501)
    if server.faults.marks("over_long", text):
        raise _too_long(release)
    asked = num_ctx(model, body.get("options") or {}, release)
    context = min(asked, model.context_length or asked)
    count = len(vectors.pieces(text))
    is_checked = release >= "0.12.0"  # with the special tokens
    limit = context - special if is_checked or truncate is None else context
    if count > limit:
        if not truncate or server.faults.cut_fails:
            raise _too_long(release)
        if limit <= 0:
            words = "input after truncation exceeds maximum context length"
            raise _Failed(words, 400, is_checked=True)
        text, count = vectors.cut(text, limit), limit
    if not is_checked and count + special > (model.context_length or asked):
        raise _Failed("the runner has no place for the special tokens")
    batch = (body.get("options") or {}).get("num_batch") or min(NUM_BATCH, asked)
    if release < "0.30.0" or count + special <= batch:
        return text
    if model.causal:
        raise _Failed(f'do embedding request: Post "{RUNNER}/v1/embeddings": EOF')
    if not truncate:
        raise _too_long(release)
    return vectors.cut(text, batch - special)


def _too_long(release: Release) -> _Failed:
    if release >= "0.12.6":
        return _Failed("the input length exceeds the context length", 400, is_checked=True)
    return _Failed("input length exceeds maximum context length", 400, is_checked=True)


def _vector(server: Server, model: Model, text: str, gone: Gone) -> Vector:
    """Return the vector of a text, of no particular length."""
    release, faults = server.release, server.faults
    if server.embed_s:
        time.sleep(server.embed_s)
    if gone():
        raise Dropped
    if faults.marks("nan_refused", text):
        raise _Failed("embedding contains NaN or Inf values", 400)
    if faults.marks("nan", text) or (model.nan and model.nan in vectors.words(text)):
        if release < "0.30.0":
            raise _Failed(NAN, 500)
        return np.zeros(model.dim, np.float32)  # llama-server wrote null, Go read nought
    # nomic's upper case was mangled: texts of capitals had all the same vector.
    is_mangled = model.architecture == "nomic-bert" and release.between("0.13.1", "0.30.0")
    return vectors.embed(
        "" if is_mangled and text.isupper() else text,
        weights=model.weights or model.shown,
        dim=model.dim,
        drift=server.drift,
    )


def _is_raw(model: Model, release: Release) -> bool:
    """Say whether /api/embeddings leaves vectors as long as they are."""
    is_left = model.architecture == "nomic-bert" or not model.wordpiece
    is_encoder = model.architecture in {"bert", "nomic-bert"}
    return release < "0.12.0" or model.chats or (is_encoder and is_left)


def _row_written(row: list[Any]) -> bytes:
    return orjson.dumps(row) if all(map(isfinite, filter(None, row))) else encoded(row)


def _shown(server: Server, texts: Sequence[str], rows: Sequence[Vector]) -> list[list[Any]]:
    """Return vectors as they are written, with what is to be wrong with them."""
    faults = server.faults
    # float32 in about as many digits as Go writes; nought has none behind its point.
    shown: list[list[Any]] = [
        np.round(row.astype(np.float64), 8).tolist() if row.any() else [0] * len(row)
        for row in rows
    ]
    for text, row in zip(texts, shown, strict=True):
        if faults.marks("zeros", text):
            row[:] = [0] * len(row)
        if faults.marks("null", text):
            row[0] = None
        if faults.marks("nan_literal", text):
            row[0] = float("nan")
        if faults.marks("wrong_dim", text):
            row.pop()
    return shown[: len(shown) - faults.lost]
