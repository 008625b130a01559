"""The tests' own server answers as real ones did: the same requests, release by release."""

import base64
import functools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ollama_server import RECORDED, Model, Server, serve
from tests.ollama_server.models import Store
from tests.recorded_models import BAG, MODELS, PLAIN

TRANSCRIPTS = Path(__file__).parent / "transcripts"
PATHS = set(
    """/api/version /api/tags /api/ps /api/show /api/embed /api/embeddings /api/chat
    /api/pull""".split()
)
REGISTRY = "127.0.0.1:11599"  # from which a model was pulled

# What went before, where that matters, and what happened to the server meanwhile.
BEFORE = {
    "ps-forever": ["embed-keep-alive-forever"],
    "ps-chat": ["chat-options"],
    "ps-after-unload": ["chat-cancelled", "chat-unload"],
    "pull-again": ["pull"],
}
FAULTS: dict[str, dict[str, Any]] = {
    "fault-busy": {"busy": 1},
    "fault-runner-killed-streaming": {"error_after": 11},
    "fault-runner-killed-no-stream": {"error_after": 11},
    "fault-runner-killed-embedding": {"crash_above": 1000},
}
# A model with no TEMPLATE went astray where the server does not read the Jinja template of its
# file: how far it got with its sentence is its own doing.
ASTRAY = {f"chat-native{case}" for case in ("", "-history", "-too-long", "-too-long-refused")}
OWN_WORDS = {*ASTRAY, "fault-runner-killed-streaming"}  # 1834 of its records are left out
OWN_COUNT = {*ASTRAY, "chat-wide", "chat-wide-no-stream"}  # some characters are several tokens
LEAST_COUNT = 60  # tokens: with fewer, no limit decides but how each tokenizer cuts words
NOT_ASKED = {"preflight": "browsers ask it before a page may; ragkit is no page"}


def installed(release: str, name: str) -> list[Model]:
    """Return the models that were there in a case."""
    if name == "tags-empty":
        return []
    models = list(MODELS)
    if name == "chat-damaged-model":
        models = [replace(m, is_damaged=m.name == "chat-call") for m in models]
    if name == "chat-broken-model" and release == "0.5.13":  # later ones did not take it
        models.append(replace(PLAIN, name="chat-broken", is_damaged=True))
    return models


def _cases() -> list[Any]:
    """Return the recorded cases of the requests that ragkit sends."""
    return [
        pytest.param(release, case["name"], id=f"{release}-{case['name']}")
        for release in RECORDED
        for case in json.loads((TRANSCRIPTS / release / "index.json").read_text())
        if case["request"].partition(" ")[2] in PATHS and case["name"] not in NOT_ASKED
    ]


@functools.cache
def recorded(release: str, name: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((TRANSCRIPTS / release / f"{name}.json").read_text())
    return case


def whole(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a recorded body with its repetitions written out."""
    if isinstance(value, list):
        return [whole(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"repeat"}:
        text, times = value["repeat"]
        return text * times
    if set(value) == {"times"}:
        each, times = value["times"]
        return [whole(each)] * times
    return {key: whole(each) for key, each in value.items()}


def content(request: dict[str, Any]) -> bytes:
    if "body" in request:
        return json.dumps(whole(request["body"])).encode()
    given = request.get("body_bytes", "")
    return given.encode() if isinstance(given, str) else base64.b64decode(given["base64"])


@contextmanager
def answered(server: Server, case: dict[str, Any]) -> Iterator[httpx.Response]:
    """Send a recorded request."""
    request = case["request"]
    headers = dict(request.get("headers", {}))
    if "host" in request:
        headers["Host"] = request["host"]
    with (
        httpx.Client(base_url=server.url, trust_env=False, verify=False) as client,
        client.stream(
            request["method"], request["path"], content=content(request), headers=headers
        ) as reply,
    ):
        yield reply


def records(data: bytes, content_type: str) -> list[Any]:
    if "json" not in content_type:
        return [data.decode()] if data else []
    return [json.loads(line) for line in data.split(b"\n") if line]


def shape(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the keys and types of a value; of a list, those that are in it."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items() if key != "prompt_eval_duration"}
    if isinstance(value, list):
        shapes = [shape(each) for each in value]
        return [each for i, each in enumerate(shapes) if each not in shapes[:i]]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if is_number else type(value).__name__


def escapes(data: bytes) -> set[bytes]:
    """Return the characters that are escaped, and those that break lines and are not."""
    return set(re.findall(rb"\\u[0-9a-f]{4}|\xc2\x85|\xe2\x80\xa8", data))


def keys(record: Any) -> list[str]:  # noqa: ANN401 - any JSON
    return list(shape(record)) if isinstance(record, dict) else []


def said(record: dict[str, Any]) -> str:
    """Return what a record adds to an answer, thoughts and calls too."""
    message = record.get("message", {})
    calls = [call["function"] for call in message.get("tool_calls", ())]
    return f"{message.get('thinking', '')}{message.get('content', '')}{calls or ''}"


def comparable(text: Any) -> Any:  # noqa: ANN401 - of any shape
    """Return an error's text without what differs from run to run."""
    if not isinstance(text, str):
        return text
    # The last line of the runner's log was there in time, or not.
    text = text.removesuffix("\nllama_model_load_from_file_impl: failed to load model")
    return re.sub(r"\d+(\.\d+)?", "0", text)


@pytest.mark.parametrize(("release", "name"), _cases())
def test_replies_are_those_of_the_release(release: str, name: str) -> None:
    case = recorded(release, name)
    with serve(release, models=installed(release, name)) as server:
        server.registries = {REGISTRY: Store([BAG])}
        server.loaded.most = 1  # as it was recorded
        for fault, value in FAULTS.get(name, {}).items():
            setattr(server.faults, fault, value)
        for earlier in BEFORE.get(name, ()):
            with answered(server, recorded(release, earlier)) as reply:
                next(reply.iter_lines())
        with answered(server, case) as reply:
            if case["response"]["ended"]:
                data = reply.read()
            else:
                lines = reply.iter_lines()
                data = "\n".join(next(lines) for _ in case["response"]["chunks"]).encode()
    expected = case["response"]
    assert f"HTTP/1.1 {reply.status_code} {reply.reason_phrase}" == expected["status"]
    types = [value for header, value in expected["headers"] if header == "Content-Type"]
    assert [reply.headers[h] for h in ("Content-Type",) if h in reply.headers] == types
    body = "".join(expected["chunks"]).encode()
    assert escapes(data) == escapes(body)
    wanted = records(body, types[0] if types else "")
    if "models" in (wanted or [{}])[0]:  # one was made of nothing, by 0.5.13
        wanted[0]["models"] = [each for each in wanted[0]["models"] if each["name"] != "y:latest"]
    found = records(data, types[0] if types else "")
    compare(wanted, found, name)


def compare(wanted: list[Any], found: list[Any], name: str) -> None:
    """Compare the records of two replies."""
    assert [each for each, _ in groupby(map(shape, found))] == [
        each for each, _ in groupby(map(shape, wanted))
    ]
    assert list(map(keys, found[-1:])) == list(map(keys, wanted[-1:])), "the same order"
    if not all(isinstance(record, dict) for record in [*wanted, None][:-1]) or not wanted:
        assert found == wanted
        return
    for record, other in zip(wanted, found, strict=False):
        assert comparable(record.get("error")) == comparable(other.get("error"))
        assert record.get("version") == other.get("version")
        lengths = [list(map(len, each.get("embeddings", []))) for each in (record, other)]
        assert lengths[0] == lengths[1]
        assert [len(each.get("embedding", [])) for each in (record, other)]
    assert "".join(map(said, found)) == "".join(map(said, wanted)) or name in OWN_WORDS
    last, other = wanted[-1], found[-1]
    assert other.get("done_reason") == last.get("done_reason")
    assert other.get("capabilities") == last.get("capabilities")
    if last.get("prompt_eval_count", 0) > LEAST_COUNT and "tool" not in name:
        within = 0 if "too-long" in name else 0.005  # a limit is what it is
        read = pytest.approx(last["prompt_eval_count"], rel=within)
        assert other["prompt_eval_count"] == read
    assert other.get("eval_count") == last.get("eval_count") or name in OWN_COUNT
