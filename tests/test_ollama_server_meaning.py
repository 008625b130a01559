"""What the tests' own server says: vectors, answers, and what it records."""

import http.client
import itertools
import json
import signal
import subprocess
import sys
from typing import Any

import httpx
import numpy as np
import pytest

from tests.ollama_requests import ASKED, chat, chunks, embed, lines, post, vectors
from tests.ollama_server import Model, Server, serve
from tests.ollama_server.vectors import tokens

# -- what vectors and replies mean


def test_texts_that_share_words_are_near(ollama: Server) -> None:
    rows = vectors(
        ollama, "a cat on the mat", "The cat, on a MAT!", "stocks fell", "模型温度", "模型"
    )
    cosines = rows @ rows.T
    assert np.allclose(np.diag(cosines), 1, atol=1e-5)
    assert cosines[0, 1] > 0.9
    assert abs(cosines[0, 2]) < 0.2
    assert cosines[3, 4] > 0.5


def test_vectors_are_the_same_each_time_and_others_for_another_model(ollama: Server) -> None:
    ollama.add(Model("other", dim=384, context_length=512))
    first, again = vectors(ollama, "a cat"), vectors(ollama, "a cat")
    other = vectors(ollama, "a cat", model="other")
    assert np.array_equal(first, again)
    assert abs(float((first @ other.T).item())) < 0.3


def test_a_release_that_reads_texts_otherwise_gives_other_vectors(ollama: Server) -> None:
    text = "The quick brown fox jumps over the lazy dog."
    before = vectors(ollama, text)
    ollama.drift = True
    assert 0.8 < (before @ vectors(ollama, text).T).item() < 0.9


def test_recorded_releases_drift_as_they_did() -> None:
    rows = []
    for release in ("0.5.13", "0.24.0", "0.33.0-rc2"):
        with serve(release) as server:
            rows.append(vectors(server, "the model stays in memory")[0])
    assert 0.8 < rows[0] @ rows[1] < 0.9
    assert np.allclose(rows[0], rows[2])


@pytest.mark.parametrize(
    ("release", "model", "is_unit"),
    [
        ("0.5.13", "all-minilm", False),
        ("0.33.0-rc2", "all-minilm", True),
        ("0.33.0-rc2", "bge-m3", False),
        ("0.33.0-rc2", "nomic-embed-text", False),
    ],
)
def test_the_legacy_path_gives_raw_vectors_where_the_release_does(
    release: str, model: str, is_unit: bool
) -> None:
    with serve(release) as server:
        row = post(server, "/api/embeddings", model=model, prompt="a cat").json()["embedding"]
        assert (abs(np.linalg.norm(row) - 1) < 1e-3) == is_unit
        assert vectors(server, "a cat", model=model)[0] @ row == pytest.approx(
            np.linalg.norm(row), rel=1e-3
        )


def test_a_context_of_the_modelfile_cuts_texts_without_a_word(ollama: Server) -> None:
    long = "word " * 300  # all-minilm has num_ctx 256
    assert embed(ollama, long).json()["prompt_eval_count"] == 256
    assert "exceeds the context length" in embed(ollama, long, truncate=False).json()["error"]
    longer = embed(ollama, long, truncate=False, options={"num_ctx": 512})
    assert longer.json()["prompt_eval_count"] == 302


def test_an_encoder_reads_2048_tokens_at_once_unless_told_otherwise(ollama: Server) -> None:
    asked: dict[str, Any] = {"model": "bge-m3", "truncate": False}
    text = "word " * 3000
    assert embed(ollama, text, **asked, options={"num_ctx": 8192}).status_code == 400
    given = {"num_ctx": 8192, "num_batch": 8192}
    assert embed(ollama, text, **asked, options=given).status_code == 200


def test_the_reply_quotes_the_best_sentence_with_its_number(ollama: Server) -> None:
    prompt = "[1] Cats sleep. Dogs bark.\n[2] The bridge opened in 1932.\n\nQuestion: The bridge?"
    reply = chat(ollama, messages=[{"role": "user", "content": prompt}], stream=False)
    assert reply.json()["message"]["content"] == "The bridge opened in 1932. [2]"


def test_the_reply_may_be_a_text_or_made_of_the_messages(ollama: Server) -> None:
    ollama.reply = "温度\u2028\x85 is <high>."
    assert "".join(m["message"]["content"] for m in lines(chat(ollama))) == ollama.reply
    ollama.reply = lambda messages: f"{len(messages)} messages"
    assert chat(ollama, stream=False).json()["message"]["content"] == "1 messages"


def test_a_cut_prompt_is_answered_from_what_is_left_of_it(ollama: Server) -> None:
    filler = "nothing at all. " * 800
    asked = [{"role": "user", "content": f"[1] It opened in 1932.\n[2] {filler}\n\nopened?"}]
    given: dict[str, Any] = {"stream": False, "messages": asked}
    whole = chat(ollama, **given, options={"num_ctx": 8192}).json()
    cut = chat(ollama, **given, options={"num_ctx": 1024}).json()
    assert (whole["message"]["content"], whole["prompt_eval_count"] > 2400) == (
        "It opened in 1932. [1]",
        True,
    )
    assert (cut["message"]["content"], cut["prompt_eval_count"]) == (
        "The sources do not say.",
        1024 - (1024 - 5) // 2,
    )


def test_a_schema_is_filled(ollama: Server) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "n": {"type": "integer"}}}
    ollama.reply = "five"
    content = chat(ollama, stream=False, format=schema).json()["message"]["content"]
    assert json.loads(content) == {"a": "five", "n": 1}


def test_thoughts_come_first_and_can_be_turned_off(ollama: Server) -> None:
    ollama.reply = "Five."
    kinds = [
        ("thinking" in r["message"], r["message"]["content"]) for r in lines(chat(ollama, "qwen3"))
    ]
    assert [kind for kind, _ in itertools.groupby(is_thought for is_thought, _ in kinds)] == [
        True,
        False,
    ]
    assert not any("thinking" in r["message"] for r in lines(chat(ollama, "qwen3", think=False)))


def test_tokens_are_the_text() -> None:
    text = "It’s 12,345 words\n\n  of 模型 _under_score_ text…\t😀 é"
    assert "".join(tokens(text)) == text


# -- what it records


def test_requests_are_recorded_in_order(ollama: Server) -> None:
    httpx.get(f"{ollama.url}/api/version", headers={"X-Sent": "Yes"}, trust_env=False, verify=False)
    embed(ollama, "a", truncate=False)
    assert [(r.method, r.path) for r in ollama.requests] == [
        ("GET", "/api/version"),
        ("POST", "/api/embed"),
    ]
    assert ollama.requests[0].headers["x-sent"] == "Yes"
    expected = {"model": "all-minilm", "input": ["a"], "truncate": False}
    assert ollama.requests_to("/api/embed") == [expected]
    ollama.forget()
    assert ollama.requests == []


def test_a_connection_serves_many_requests(ollama: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(ollama.url.rpartition(":")[2]))
    connection.connect()
    socket = connection.sock
    body = json.dumps({"model": "llama3.2", "messages": ASKED})
    for _ in range(3):
        connection.request("POST", "/api/chat", body)
        assert connection.getresponse().read().endswith(b"}\n")
    assert connection.sock is socket
    connection.close()


def test_a_model_is_loaded_again_when_a_load_time_option_changes(ollama: Server) -> None:
    for num_ctx in (4096, 4096, 8192):
        chat(ollama, options={"num_ctx": num_ctx, "temperature": num_ctx / 10_000})
    assert ollama.loads["llama3.2"] == 2
    assert ollama.loaded["llama3.2"].context_length == 8192
    chat(ollama, keep_alive=0)
    assert "llama3.2" not in ollama.loaded


def test_models_come_and_go(ollama: Server) -> None:
    ollama.remove("llama3.2:latest")
    assert chat(ollama).json() == {"error": "model 'llama3.2' not found"}
    statuses = [r["status"] for r in lines(post(ollama, "/api/pull", model="llama3.2"))]
    assert statuses[-1] == "success"
    assert chat(ollama).status_code == 200


def test_a_client_that_leaves_a_stream_ends_it(each_ollama: Server) -> None:
    each_ollama.add(Model("endless", ("completion",), reply=(" on", " and"), endless=True))
    with chunks(each_ollama, model="endless", options={"num_ctx": 131_072}) as found:
        next(found)
    assert each_ollama.wait_for_cancelled()
    assert each_ollama.cancelled == each_ollama.requests


def test_a_client_that_leaves_before_a_reply_ends_it(ollama: Server) -> None:
    ollama.embed_s = 0.05
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{ollama.url}/api/embed",
            json={"model": "all-minilm", "input": ["a text"] * 1000},
            timeout=0.1,
            trust_env=False,
            verify=False,
        )
    assert ollama.wait_for_cancelled()


def test_it_can_be_started_by_hand() -> None:
    command = [sys.executable, "-m", "tests.ollama_server", "--release", "0.24.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        reply = httpx.get(f"{url}/api/version", trust_env=False, verify=False)
        process.send_signal(signal.SIGINT)
    assert (reply.json(), process.returncode) == ({"version": "0.24.0"}, 0)
