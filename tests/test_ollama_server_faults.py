"""What the tests' own server does wrong when it is told to, in the words of its release."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from tests.ollama_requests import chat, chunks, embed, lines, post, vectors
from tests.ollama_server import Faults, Model, Server, serve

# -- faults of embedding


@pytest.mark.parametrize(
    ("fault", "is_seen"),
    [
        ("zeros", lambda row: not any(row)),
        ("null", lambda row: row[0] is None),
        ("nan_literal", lambda row: row[0] != row[0]),
        ("wrong_dim", lambda row: len(row) == 383),
    ],
)
def test_a_vector_is_wrong(
    ollama: Server, fault: str, is_seen: Callable[[list[float]], bool]
) -> None:
    setattr(ollama.faults, fault, "poison")
    good, bad = json.loads(embed(ollama, "good", "poison here").content)["embeddings"]
    assert (is_seen(bad), is_seen(good)) == (True, False)


def test_vectors_may_be_missing(ollama: Server) -> None:
    ollama.faults.lost = 1
    assert len(embed(ollama, "a", "b", "c").json()["embeddings"]) == 2


RUNNER = 'do embedding request: Post "http://127.0.0.1:40001'
FAILING: list[tuple[str, dict[str, Any], int, object]] = [
    ("0.5.13", {"nan": "poison"}, 500, {}),
    ("0.24.0", {"nan": "poison"}, 500, "failed to encode response: json: unsupported value: NaN"),
    ("0.33.0", {"nan_refused": "poison"}, 400, "embedding contains NaN or Inf values"),
    ("0.5.13", {"over_long": "poison"}, 400, "input length exceeds maximum context length"),
    ("0.33.0", {"over_long": "poison"}, 400, "the input length exceeds the context length"),
    ("0.5.13", {"crash": "poison"}, 500, {}),
    ("0.12.6", {"crash": "poison"}, 500, f'{RUNNER}/embedding": EOF'),
    ("0.24.0", {"crash": "poison"}, 400, f'{RUNNER}/embedding": EOF'),
    ("0.33.0", {"crash": "poison"}, 400, f'{RUNNER}/v1/embeddings": EOF'),
]


@pytest.mark.parametrize(("release", "fault", "status", "error"), FAILING)
def test_a_marked_text_fails_as_in_its_release(
    release: str, fault: dict[str, Any], status: int, error: object
) -> None:
    with serve(release) as server:
        setattr(server.faults, *fault.popitem())
        for _ in range(2):
            reply = embed(server, "good", "some poison")
            assert (reply.status_code, reply.json()) == (status, {"error": error})
        assert embed(server, "good").status_code == 200


def test_a_runner_dies_once_and_another_is_started(ollama: Server) -> None:
    ollama.faults.eof = 1
    assert embed(ollama, "a").status_code == 400
    assert embed(ollama, "a").status_code == 200
    assert ollama.loads["all-minilm"] == 2


def test_a_runner_dies_of_many_texts(ollama: Server) -> None:
    ollama.faults.crash_above = 2
    assert "EOF" in embed(ollama, "a", "b", "c").json()["error"]
    assert embed(ollama, "a", "b").status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ({"empty_error": 1}, 500, {}),
        ({"no_embeddings": True}, 501, "This server does not support embeddings. Start it with "
         "`--embeddings`"),
        ({"busy": 2}, 503, "server busy, please try again.  maximum pending requests exceeded"),
    ],
)  # fmt: skip
def test_an_embedding_fails(
    ollama: Server, fault: dict[str, Any], status: int, error: object
) -> None:
    setattr(ollama.faults, *fault.popitem())
    reply = embed(ollama, "a")
    assert (reply.status_code, reply.json()) == (status, {"error": error})


def test_texts_may_be_refused_though_they_may_be_cut() -> None:
    with serve("0.15.0") as server:
        server.faults.cut_fails = True
        assert embed(server, "word " * 300).status_code == 400


def test_vectors_of_a_batch_were_mixed_up_once() -> None:
    with serve("0.3.4") as server:
        rows = vectors(server, "cats", "dogs", "birds")
        assert not np.allclose(rows[0], vectors(server, "cats")[0])
        assert np.allclose(rows[2], vectors(server, "cats")[0])


# -- faults of streams


def test_a_stream_is_cut_into_chunks_of_any_bytes(ollama: Server) -> None:
    ollama.reply = "温度 für 😀"
    ollama.faults.chunk_bytes = 5
    with chunks(ollama) as found:
        pieces = list(found)
    assert {len(piece) for piece in pieces[:-1]} == {5}
    with pytest.raises(UnicodeDecodeError):
        [piece.decode() for piece in pieces]
    records = [json.loads(line) for line in b"".join(pieces).splitlines()]
    assert "".join(record["message"]["content"] for record in records) == "温度 für 😀"


def test_records_come_together_and_the_last_line_may_have_no_end(ollama: Server) -> None:
    ollama.reply = "one two three four five"
    ollama.faults.chunk_records = 2
    ollama.faults.no_last_newline = True
    with chunks(ollama) as found:
        pieces = list(found)
    assert [piece.count(b"done") for piece in pieces[:-1]] == [2, 2]
    assert pieces[-1].endswith(b"}")


def test_a_stream_goes_wrong_after_some_records(ollama: Server) -> None:
    ollama.reply = "one two three"
    ollama.faults.error_after = 1
    assert [next(iter(record)) for record in lines(chat(ollama))] == ["model", "error"]
    assert chat(ollama, stream=False).status_code == 500
    ollama.faults = Faults(end_after=2)
    assert [record["done"] for record in lines(chat(ollama))] == [False, False]
    assert chat(ollama, stream=False).json()["done"] is False
    ollama.faults = Faults(drop_after=2)
    with chunks(ollama) as found, pytest.raises(httpx.RemoteProtocolError):
        list(found)


def test_the_first_record_may_be_an_error() -> None:
    for release, status in (("0.5.13", 200), ("0.24.0", 500)):
        with serve(release) as server:
            server.faults.error_after = 0
            reply = chat(server)
            assert (reply.status_code, "error" in lines(reply)[0]) == (status, True)


def test_a_count_may_tell_of_a_cut(ollama: Server) -> None:
    ollama.faults.counted = 7
    assert lines(chat(ollama))[-1]["prompt_eval_count"] == 7


def test_an_over_long_chat_is_refused_with_json_in_json(ollama: Server) -> None:
    ollama.faults.over_long = "bridge"
    inner = json.loads(chat(ollama).json()["error"])["error"]
    assert (inner["type"], inner["n_ctx"]) == ("exceed_context_size_error", 4096)
    assert inner["n_prompt_tokens"] > inner["n_ctx"]


def test_a_model_does_not_fit(each_ollama: Server) -> None:
    each_ollama.faults.no_memory = True
    reply = chat(each_ollama)
    assert (reply.status_code, "memory" in reply.json()["error"]) == (500, True)


def test_a_pull_goes_wrong(ollama: Server) -> None:
    ollama.remove("bge-m3")
    ollama.faults.pull_error = "pull model manifest: file does not exist"
    manifest, failed = lines(post(ollama, "/api/pull", model="bge-m3"))
    assert (manifest, failed) == (
        {"status": "pulling manifest"},
        {"error": "pull model manifest: file does not exist"},
    )
    assert post(ollama, "/api/pull", model="bge-m3", stream=False).status_code == 500
    ollama.faults = Faults(pull_cut=True, pull_uncounted=True)
    records = lines(post(ollama, "/api/pull", model="bge-m3"))
    assert records[-1]["status"] != "success"
    assert not any("completed" in record for record in records)
    assert "bge-m3" not in ollama.models


def test_a_registry_may_be_out_of_reach_or_not_know_a_model(ollama: Server) -> None:
    (_, failed) = lines(post(ollama, "/api/pull", model="no-such-model"))
    assert failed == {"error": "pull model manifest: file does not exist"}
    ollama.registries.clear()
    (_, failed) = lines(post(ollama, "/api/pull", model="bge-m3"))
    assert "no such host" in failed["error"]


# -- faults of connections


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "start"),
    [
        ("bad_gateway", 502, "text/html", b"<html>"),
        ("forbidden", 403, None, b""),
        ("missing", 404, "text/plain", b"404 page not found"),
        ("unauthorized", 401, "application/json; charset=utf-8", b'{"error":"unauthorized","sig'),
        ("too_many", 429, "application/json; charset=utf-8", b'{"StatusCode":429,'),
    ],
)
def test_what_stands_in_between_answers_so_often(
    ollama: Server, fault: str, status: int, content_type: str | None, start: bytes
) -> None:
    setattr(ollama.faults, fault, 2)
    ollama.faults.only = "/api/embed"
    assert chat(ollama).status_code == 200
    for _ in range(2):
        reply = embed(ollama, "a")
        assert (reply.status_code, reply.headers.get("Content-Type")) == (status, content_type)
        assert reply.content.startswith(start)
    assert embed(ollama, "a").status_code == 200


def test_a_connection_drops_before_a_reply(ollama: Server) -> None:
    ollama.faults.drop = 1
    with pytest.raises(httpx.RemoteProtocolError):
        embed(ollama, "a")
    assert embed(ollama, "a").status_code == 200


def test_a_first_byte_may_take_its_time(ollama: Server) -> None:
    ollama.faults.first_byte_s = 60.0
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{ollama.url}/api/embed", json={}, timeout=0.2, trust_env=False, verify=False)
    ollama.faults.first_byte_s = 0.1
    assert embed(ollama, "a").status_code == 200


# -- releases that were not recorded


def test_a_release_before_embed_has_only_the_legacy_path() -> None:
    with serve("0.2.5") as server:
        reply = embed(server, "a")
        assert (reply.status_code, reply.text) == (404, "404 page not found")
        assert "json" not in reply.headers["Content-Type"]
        assert len(post(server, "/api/embeddings", model="all-minilm", prompt="a").json()) == 1


@pytest.mark.parametrize(
    ("release", "in_show", "in_tags"),
    [
        ("0.6.3", False, False),
        ("0.6.4", True, False),
        ("0.30.0", True, True),
        ("0.0.0", True, True),  # built from source: taken for the newest
    ],
)
def test_capabilities_are_said_from_some_release_on(
    release: str, in_show: bool, in_tags: bool
) -> None:
    with serve(release) as server:
        assert ("capabilities" in post(server, "/api/show", model="qwen3").json()) == in_show
        tags = httpx.get(f"{server.url}/api/tags", trust_env=False, verify=False).json()
        assert ("capabilities" in tags["models"][0]) == in_tags


def test_a_model_may_not_say_its_context(ollama: Server) -> None:
    ollama.add(Model("unknown", context_length=0))
    info = post(ollama, "/api/show", model="unknown").json()["model_info"]
    assert not any(key.endswith(".context_length") for key in info)
    assert embed(ollama, "a", model="unknown").status_code == 200


def test_an_older_release_does_not_cut_by_half_or_refuse() -> None:
    long = [{"role": "user", "content": "word " * 3000}]
    for release, truncate, status in (
        ("0.12.5", False, 200),
        ("0.12.6", False, 400),
        ("0.30.10", True, 200),
    ):
        with serve(release) as server:
            given: dict[str, Any] = {"messages": long, "truncate": truncate, "stream": False}
            reply = chat(server, **given, options={"num_ctx": 1024})
            assert reply.status_code == status
            if status == 200:
                cut = 1023 if release == "0.30.10" else 1024
                assert reply.json()["prompt_eval_count"] == cut
