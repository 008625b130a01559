"""How much a server is asked at once, how long it may take, what an interrupt does meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.embedding.at_once import at_once
from ragkit.embedding.batches import Batches
from ragkit.embedding.load import GOOD_REQUESTS, MOST_GOOD_REQUESTS, Load
from ragkit.embedding.ollama import OllamaEmbedder
from ragkit.errors import OllamaBusyError, OllamaTimeoutError
from ragkit.ollama import Client
from ragkit.ollama.installed import most_tokens
from ragkit.types import FloatMatrix
from tests.ollama_server import RECORDED, Server, serve
from tests.test_cli import Terminal, ragkit

__all__ = ["ragkit"]  # a fixture

TEXTS = [f"Text number {n} speaks of the model in memory." for n in range(64)]
SHORT_S = 0.5  # a time limit that a test can wait for, and that what is answered keeps


@contextmanager
def embedding(
    server: Server,
    model: str = "nomic-embed-text",
    *,
    timeout_s: float = 60.0,
    dim: int = 768,
    **more: Any,  # noqa: ANN401 - those of the embedder
) -> Iterator[OllamaEmbedder]:
    with Client(server.url, backoff_s=0.01, timeout_s=timeout_s) as client:
        yield OllamaEmbedder(client, model, dim=dim, **more)


def sizes(server: Server) -> list[int]:
    return [len(body["input"]) for body in server.requests_to("/api/embed")]


# -- fewer texts a request


def test_what_takes_too_long_is_sent_in_halves_until_ten_went_well(ollama: Server) -> None:
    ollama.faults.slow_above = 40
    with embedding(ollama, timeout_s=SHORT_S) as embedder:
        assert not embedder.embed_each(TEXTS).refused
        assert sizes(ollama) == [64, 32, 32]
        ollama.faults.slow_above = 0
        for _ in range(4):  # two of them are counted already
            embedder.embed_documents(TEXTS)
        assert sizes(ollama)[3:] == [32] * 8
        embedder.embed_documents(TEXTS)
        assert sizes(ollama)[11:] == [64]


def test_a_busy_server_is_waited_for_and_sent_halves_until_ten_went_well(ollama: Server) -> None:
    ollama.faults.busy = 1
    with embedding(ollama) as embedder:
        assert not embedder.embed_each(TEXTS).refused
        assert sizes(ollama) == [64, 32, 32]
        for _ in range(5):
            embedder.embed_documents(TEXTS)
        assert sizes(ollama)[3:] == [32] * 8 + [64]


def test_two_requests_that_fail_at_once_are_halved_once(ollama: Server) -> None:
    ollama.faults.busy = 2
    with embedding(ollama) as embedder:
        embedder.embed_documents(TEXTS * 2)
    assert sorted(sizes(ollama)) == [32] * 4 + [64] * 2


def test_a_server_that_stays_busy_ends_it(ollama: Server) -> None:
    ollama.faults.busy = 99
    with embedding(ollama) as embedder:
        with pytest.raises(OllamaBusyError):
            embedder.embed_documents(TEXTS)
        assert sizes(ollama) == [64, 32, 16, 8, 4]
        ollama.forget()
        with pytest.raises(OllamaBusyError):
            embedder.embed_query("a question")
        assert sizes(ollama) == [1] * 5


def test_a_server_that_hangs_ends_it_after_a_second_try(ollama: Server) -> None:
    ollama.faults.only, ollama.faults.first_byte_s = "/api/embed", 60.0
    with embedding(ollama, timeout_s=SHORT_S) as embedder:
        with pytest.raises(OllamaTimeoutError):
            embedder.embed_documents(TEXTS)
        assert sizes(ollama) == [64, 32]
        with pytest.raises(OllamaTimeoutError):
            embedder.embed_query("a question")
        assert sizes(ollama) == [64, 32, 1]


def test_single_texts_of_the_other_endpoint_are_fewer_at_once_too(ollama: Server) -> None:
    ollama.faults.busy = 1
    with embedding(ollama, endpoint="embeddings") as embedder:
        rows = embedder.embed_documents(TEXTS[:8])
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


@given(
    st.integers(1, 72),
    st.lists(st.one_of(st.none(), st.tuples(st.integers(1, 72), st.booleans())), max_size=400),
)
def test_a_load_is_never_more_than_it_was_and_never_nothing(
    most: int, events: list[tuple[int, bool] | None]
) -> None:
    load = Load(most)
    good = 0
    for event in events:
        before = load.texts
        if event is None:
            load.went_well()
            good += 1
            assert load.texts in (before, most)
        else:
            load.was_too_much(min(event[0], before), slow=event[1])
            good = 0
            assert load.texts <= max(before // 2, 1) or event[0] < before
        assert 1 <= load.texts <= most
        if good >= MOST_GOOD_REQUESTS:
            assert load.texts == most


def test_what_is_slow_again_is_tried_ever_more_rarely() -> None:
    load = Load(64)
    waits = []
    for _ in range(7):
        load.was_too_much(64, slow=True)
        good = 0
        while load.texts < 64:
            load.went_well()
            good += 1
        waits.append(good)
    assert waits == [GOOD_REQUESTS, 20, 40, 80, 160, 160, MOST_GOOD_REQUESTS]


# -- loading a model


def test_loading_a_model_has_a_limit_of_its_own(ollama: Server) -> None:
    ollama.load_s = 2 * SHORT_S
    with embedding(ollama, timeout_s=SHORT_S) as embedder, pytest.raises(OllamaTimeoutError):
        embedder.embed_query("a question")
    assert not ollama.loads  # it was given up: trying again would never end
    with embedding(ollama, timeout_s=SHORT_S, load_timeout_s=60) as embedder:
        assert embedder.embed_query("a question").any()
    assert ollama.loads == {"nomic-embed-text": 1}


def test_a_model_that_is_to_be_loaded_is_waited_for(
    ollama: Server, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama.load_s = 1.3
    monkeypatch.setenv("RAGKIT_TIMEOUT_S", "1")
    code, out, _ = ragkit("models", "load", "all-minilm", "--host", ollama.url)
    assert (code, out.startswith("all-minilm:latest stays loaded")) == (0, True)
    monkeypatch.setenv("RAGKIT_LOAD_TIMEOUT_S", "1")
    assert ragkit("models", "load", "bge-m3", "--host", ollama.url)[0] == 3


def test_a_model_that_lost_its_place_in_memory_is_given_the_time_again(ollama: Server) -> None:
    ollama.load_s = 2 * SHORT_S
    with embedding(ollama, timeout_s=SHORT_S, load_timeout_s=60) as embedder:
        embedder.warm_up()
        ollama.loaded.unload(ollama.models["nomic-embed-text"])
        assert not embedder.embed_each(TEXTS).refused
    assert [len(body.get("input", ())) for body in ollama.requests_to("/api/embed")] == [
        0, 64, 32, 32
    ]  # fmt: skip
    assert ollama.loads == {"nomic-embed-text": 2}


# -- texts that are sure to be too long


@pytest.mark.parametrize("release", ["0.9.2", RECORDED[-1]])
def test_texts_of_more_words_than_the_context_are_cut_beforehand(release: str) -> None:
    long = "the model stays in memory " * 120  # 600 words, where 254 fit
    texts = [*TEXTS[:9], long, *TEXTS[9:18], f"{long}again", *TEXTS[18:]]
    with serve(release) as server:
        with embedding(server, "all-minilm", dim=384) as embedder:
            by_refusal = embedder.embed_each(texts)
        refused = sizes(server)
        with Client(server.url) as client:
            info = client.show("all-minilm")
        server.forget()
        with embedding(server, "all-minilm", dim=384, info=info) as embedder:
            beforehand = embedder.embed_each(texts)
        if release == RECORDED[-1]:
            assert len(refused) > 25
            assert sizes(server) == [64, *[1] * sum(beforehand.parts.values())]
        else:
            assert sizes(server) == refused  # such a release may read more
    assert beforehand.parts == by_refusal.parts
    assert np.allclose(beforehand.rows, by_refusal.rows, atol=1e-5)


def test_a_text_that_may_fit_is_left_to_the_server(ollama: Server) -> None:
    with Client(ollama.url) as client:
        info = client.show("all-minilm")
    with embedding(ollama, "all-minilm", dim=384, info=info) as embedder:
        found = embedder.embed_each([*TEXTS[:5], "- " * 1000 + "signs alone"])
    assert list(found.parts) == [5]
    assert sizes(ollama)[0] == 6
    assert most_tokens(info, {}) == 256
    assert most_tokens(info, {"num_ctx": 512.0}) == 512
    assert most_tokens(info, {"num_ctx": 8192}) == 512


def test_a_text_of_one_word_without_an_end_is_looked_at_once() -> None:
    sent: list[int] = []

    def send(texts: Sequence[str]) -> FloatMatrix:
        sent.append(len(texts))
        return np.ones((len(texts), 1), np.float32)

    Batches(send, dim=1, context_tokens=512).embed(["A" * 500_000])
    assert sent == [1]


# -- several things at once


def test_the_first_failure_is_raised_and_the_rest_not_begun() -> None:
    begun: list[int] = []
    held = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            held.wait(10)
        if number == 1:
            raise OllamaBusyError("busy")
        return number

    with pytest.raises(OllamaBusyError):
        at_once(work, range(9), threads=2, name="test")
    held.set()
    assert sorted(begun) == [0, 1]


def test_things_done_at_once_come_in_order() -> None:
    assert at_once(lambda n: n * n, range(100), threads=7, name="test") == [
        n * n for n in range(100)
    ]
    assert at_once(str, [], threads=3, name="test") == []


INTERRUPTED = """
import sys
from ragkit.embedding.ollama import OllamaEmbedder
from ragkit.ollama import Client
from ragkit.ollama.installed import most_tokens

embedder = OllamaEmbedder(Client(sys.argv[1]), "nomic-embed-text", dim=768)
try:
    embedder.embed_documents([f"text {n}" for n in range(150)])
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_does_not_wait_for_requests_under_way(ollama: Server) -> None:
    ollama.faults.only, ollama.faults.first_byte_s = "/api/embed", 60.0
    command = [sys.executable, "-c", INTERRUPTED, ollama.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as embedding_:
        while len(ollama.requests_to("/api/embed")) < 2:
            time.sleep(0.02)
        embedding_.send_signal(signal.SIGINT)
        assert embedding_.wait(20) == 0  # and its end does not wait for them either
        assert embedding_.stdout
        assert embedding_.stdout.read() == "interrupted\n"
