"""The embedder on Ollama: what it sends, and what becomes of texts that a server fails on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from ragkit.embedding.batches import IN_A_ROW, Batches
from ragkit.embedding.ollama import OllamaEmbedder
from ragkit.errors import (
    BadVectorError,
    ContextLengthError,
    ModelCrashError,
    ModelNotFoundError,
    ModelUnfitError,
    NotOllamaError,
    OllamaError,
)
from ragkit.ollama import Client
from ragkit.ollama.installed import can, canonical, choose
from ragkit.ollama.releases import flaws, parse_release
from ragkit.prefixes import Prefixes
from ragkit.types import FloatMatrix
from tests.ollama_server import RECORDED, Model, Server, serve

FEW = [f"Text number {n} speaks of the model in memory." for n in range(150)]
POISON = 7  # the place of a bad text among the others


@contextmanager
def embedding(
    server: Server,
    model: str = "nomic-embed-text",
    **more: Any,  # noqa: ANN401 - those of the embedder
) -> Iterator[OllamaEmbedder]:
    dim = 384 if model == "all-minilm" else 768
    with Client(server.url, backoff_s=0.01) as client:
        yield OllamaEmbedder(client, model, **{"dim": dim, **more})


def with_bad(text: str, texts: list[str] = FEW) -> list[str]:
    return [*texts[:POISON], text, *texts[POISON:]]


# -- what is sent


def test_passages_and_questions_have_the_prefixes_of_the_model(ollama: Server) -> None:
    with embedding(ollama) as embedder:
        embedder.embed_documents(["a passage"])
        embedder.embed_query("a question")
    sent = [body["input"] for body in ollama.requests_to("/api/embed")]
    assert sent == [["search_document: a passage"], ["search_query: a question"]]


@pytest.mark.parametrize("release", ["0.2.5", *RECORDED])
def test_a_model_can_be_loaded_before_it_is_needed(release: str) -> None:
    with serve(release) as server, embedding(server, keep_alive="30m") as embedder:
        embedder.warm_up()
        assert server.loads == {"nomic-embed-text": 1}
        embedder.embed_query("a question")
        assert server.loads == {"nomic-embed-text": 1}
        last = server.requests[-1].body or {}
        assert last["keep_alive"] == "30m"


def test_prefixes_can_be_given(ollama: Server) -> None:
    with embedding(ollama, prefixes=Prefixes("ask: ", "")) as embedder:
        embedder.embed_query("a question")
        assert embedder.parameters["query"] == "ask: "
        assert embedder.fingerprint.endswith("dim=768 document=''")
    assert ollama.requests_to("/api/embed")[0]["input"] == ["ask: a question"]


def test_every_request_has_the_same_options_and_cuts_nothing(ollama: Server) -> None:
    with embedding(ollama, options={"num_ctx": 1024}, keep_alive="30m") as embedder:
        embedder.embed_documents(FEW)
        embedder.embed_query("a question")
        embedder.probe()
    bodies = ollama.requests_to("/api/embed")
    assert len(bodies) == 5
    for body in bodies:
        assert body["truncate"] is False
        assert (body["options"], body["keep_alive"]) == ({"num_ctx": 1024}, "30m")
    assert ollama.loads == {"nomic-embed-text": 1}


def test_batches_are_even_and_two_are_under_way() -> None:
    sizes: list[int] = []
    both = threading.Barrier(2, timeout=5)

    def send(texts: Sequence[str]) -> FloatMatrix:
        sizes.append(len(texts))
        both.wait()
        return np.eye(len(texts), 200, dtype=np.float32)

    found = Batches(send, dim=200).embed(FEW[:144])
    assert sizes == [72, 72]
    assert found.rows.shape == (144, 200)
    longs = ["x" * 40_000] * 2
    Batches(send, dim=200).embed(longs)
    assert sizes == [72, 72, 1, 1]


def test_a_server_that_mixes_up_batches_is_sent_one_text_at_a_time() -> None:
    with serve("0.3.4") as server, embedding(server) as embedder:
        rows = embedder.embed_documents(FEW[:5])
        assert all(len(body["input"]) == 1 for body in server.requests_to("/api/embed"))
        assert np.allclose(rows[3], embedder.embed_documents([FEW[3]])[0], atol=1e-6)


@pytest.mark.parametrize("release", ["0.2.5", *RECORDED])
def test_the_other_endpoint_gives_the_same_vectors(release: str) -> None:
    with serve(release) as server:
        with embedding(server, endpoint="embeddings") as embedder:
            rows = embedder.embed_documents(FEW[:20])
        assert not server.requests_to("/api/embed")
        assert len(server.requests_to("/api/embeddings")) == 20
        with embedding(server) as embedder:
            assert np.allclose(embedder.embed_documents(FEW[:20]), rows, atol=1e-5)


def test_a_server_without_the_endpoint_is_asked_at_the_other(ollama: Server) -> None:
    ollama.faults.only, ollama.faults.missing = "/api/embed", 99
    with embedding(ollama) as embedder:
        assert embedder.embed_documents(FEW[:3]).shape == (3, 768)
        embedder.embed_query("again")
    assert len(ollama.requests_to("/api/embed")) == 1
    with embedding(ollama, endpoint="embed") as embedder, pytest.raises(NotOllamaError):
        embedder.embed_query("a question")


@pytest.mark.parametrize("warm", [True, False])
def test_a_stray_404_does_not_change_the_endpoint(ollama: Server, warm: bool) -> None:
    with embedding(ollama) as embedder:
        embedder.warm_up() if warm else embedder.embed_documents(FEW[:3])
        ollama.faults.only, ollama.faults.missing = "/api/embed", 1
        with pytest.raises(NotOllamaError):
            embedder.embed_documents(FEW[:3])
        embedder.embed_documents(FEW[:3])
    assert not ollama.requests_to("/api/embeddings")


def test_the_digest_and_the_release_make_the_version(ollama: Server) -> None:
    with embedding(ollama) as embedder:
        assert embedder.version() == f"0.33.0-rc2 {ollama.models['nomic-embed-text'].digest}"
    with embedding(ollama, "none") as embedder, pytest.raises(ModelNotFoundError) as failed:
        embedder.version()
    assert failed.value.hint == "ollama pull none"


# -- texts that fail


@pytest.mark.no_cover
def test_a_text_without_a_vector_costs_itself_only(each_ollama: Server) -> None:
    each_ollama.faults.nan = "poison"
    with embedding(each_ollama) as embedder:
        texts = with_bad("A poison that gives no numbers.")
        found = embedder.embed_each(texts)
        assert list(found.refused) == [POISON]
        assert not found.rows[POISON].any()
        good = np.delete(found.rows, POISON, axis=0)
        assert np.linalg.norm(good, axis=1) == pytest.approx(1, abs=1e-5)
        assert np.allclose(good, embedder.embed_documents(FEW), atol=1e-5)
        with pytest.raises(BadVectorError, match="no vector for text 7"):
            embedder.embed_documents(texts)
        with pytest.raises(BadVectorError, match="no vector for a text"):
            embedder.embed_query("poison?")


@pytest.mark.no_cover
@pytest.mark.parametrize("fault", ["nan_refused", "nan_literal", "null", "zeros", "wrong_dim"])
def test_each_form_of_a_bad_vector_is_told(each_ollama: Server, fault: str) -> None:
    setattr(each_ollama.faults, fault, "poison")
    with embedding(each_ollama) as embedder:
        found = embedder.embed_each(with_bad("A poison."))
    assert list(found.refused) == [POISON]


def test_vectors_that_are_missing_are_asked_for_again(ollama: Server) -> None:
    ollama.faults.lost = 1  # the last of each reply
    with embedding(ollama) as embedder, pytest.raises(OllamaError, match="0 vectors came") as told:
        embedder.embed_each(FEW[:20])
    assert "ragkit doctor" in (told.value.hint or "")


def test_a_text_that_kills_the_model_costs_itself_only(each_ollama: Server) -> None:
    each_ollama.faults.crash = "deadly"
    with embedding(each_ollama) as embedder:
        found = embedder.embed_each(with_bad("A deadly text."))
    assert list(found.refused) == [POISON]


def test_a_text_that_kills_the_model_is_given_up_at_its_first_bad_part(ollama: Server) -> None:
    ollama.faults.crash = "deadly"
    with embedding(ollama) as embedder:
        assert embedder.embed_each(["A deadly text. " * 50]).refused
    assert len(ollama.requests_to("/api/embed")) < 30


def test_a_model_that_dies_within_a_batch_is_tried_again(each_ollama: Server) -> None:
    each_ollama.faults.eof = 1
    with embedding(each_ollama) as embedder:
        assert not embedder.embed_each(FEW).refused


@pytest.mark.no_cover
def test_a_model_that_dies_of_large_batches_is_sent_smaller_ones(each_ollama: Server) -> None:
    each_ollama.faults.crash_above = 10
    with embedding(each_ollama) as embedder:
        assert not embedder.embed_each(FEW).refused


@pytest.mark.no_cover
def test_a_model_that_dies_of_everything_ends_the_run(each_ollama: Server) -> None:
    each_ollama.faults.eof = 100_000
    with embedding(each_ollama) as embedder, pytest.raises(OllamaError):
        embedder.embed_each(FEW)
    assert len(each_ollama.requests_to("/api/embed")) < 100


def test_many_bad_texts_in_a_row_do_not_end_the_run(ollama: Server) -> None:
    ollama.faults.nan = "poison"
    texts = [f"poison {n}" for n in range(3 * IN_A_ROW)]
    with embedding(ollama) as embedder:
        assert len(embedder.embed_each([*FEW[:3], *texts]).refused) == len(texts)


def test_texts_refused_in_a_row_are_counted_over_all_calls(ollama: Server) -> None:
    ollama.faults.zeros = "e"
    with embedding(ollama) as embedder:
        for n in range(IN_A_ROW - 1):
            assert embedder.embed_each([f"text {n}"]).refused
        with pytest.raises(BadVectorError, match="zeros"):
            embedder.embed_each(["text"])


def test_a_text_that_is_too_long_is_embedded_in_parts(each_ollama: Server) -> None:
    begin = "the model stays in memory. " * 120
    long = begin + "yeast makes bread rise. " * 120
    with embedding(each_ollama, "all-minilm") as embedder:
        found = embedder.embed_each(with_bad(long))
        assert not found.refused
        assert list(found.parts) == [POISON]
        assert found.parts[POISON] > 2
        row = found.rows[POISON]
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)
        half = embedder.embed_documents([begin])[0]
        assert float(row @ half) < 0.99  # its end counts too
        assert not embedder.embed_each(FEW).parts
    assert not any(body.get("truncate", True) for body in each_ollama.requests_to("/api/embed"))


def test_each_part_of_a_long_text_has_the_prefix(each_ollama: Server) -> None:
    long = "the model stays in memory. " * 600
    with embedding(each_ollama) as embedder:
        assert embedder.embed_each([long]).parts[0] > 1
        sent = [text for body in each_ollama.requests_to("/api/embed") for text in body["input"]]
        assert len(sent) > 2
        assert all(text.startswith("search_document: ") for text in sent)
        each_ollama.forget()
        assert embedder.embed_query(long).any()
        sent = [text for body in each_ollama.requests_to("/api/embed") for text in body["input"]]
        assert len(sent) > 2
        assert all(text.startswith("search_query: ") for text in sent)


@pytest.mark.no_cover
def test_a_long_text_is_embedded_in_parts_at_the_other_endpoint(each_ollama: Server) -> None:
    long = "the model stays in memory. " * 120
    with embedding(each_ollama, "all-minilm", endpoint="embeddings") as embedder:
        assert list(embedder.embed_each(with_bad(long)).parts) == [POISON]


def test_a_long_text_with_a_bad_part_is_refused_whole(ollama: Server) -> None:
    ollama.faults.nan = "poison"
    long = "the model stays in memory. " * 60 + "poison " + "and stays there. " * 60
    with embedding(ollama, "all-minilm") as embedder:
        found = embedder.embed_each(with_bad(long))
    assert list(found.refused) == [POISON]
    assert not found.parts


def test_a_short_text_that_is_too_long_is_refused(ollama: Server) -> None:
    ollama.faults.over_long = "endless"
    with embedding(ollama) as embedder:
        found = embedder.embed_each(with_bad("endless"))
    assert "too long" in found.refused[POISON]


@pytest.mark.parametrize("fault", ["busy", "bad_gateway", "unauthorized", "no_memory"])
def test_what_is_wrong_with_the_server_is_raised_at_once(ollama: Server, fault: str) -> None:
    setattr(ollama.faults, fault, 99)
    with embedding(ollama) as embedder, pytest.raises(OllamaError):
        embedder.embed_each(FEW)
    assert len(ollama.requests_to("/api/embed")) < 20


def test_a_server_that_is_busy_for_a_while_is_waited_for(each_ollama: Server) -> None:
    each_ollama.faults.busy = 2
    with embedding(each_ollama) as embedder:
        assert not embedder.embed_each(FEW[:3]).refused


def test_a_gateway_that_has_a_bad_moment_is_waited_for(each_ollama: Server) -> None:
    each_ollama.faults.only, each_ollama.faults.bad_gateway = "/api/embed", 3
    with embedding(each_ollama) as embedder:
        assert not embedder.embed_each(FEW[:3]).refused
    assert len(each_ollama.requests_to("/api/embed")) == 4


def test_what_a_gateway_says_is_not_of_a_text() -> None:
    def send(texts: Sequence[str]) -> FloatMatrix:
        raise OllamaError("dial tcp: no such host", status=502)

    with pytest.raises(OllamaError, match="dial tcp"):
        Batches(send, dim=8).embed(["one", "two"])


def test_errors_of_no_class_may_be_those_of_a_text() -> None:
    def send(texts: Sequence[str]) -> FloatMatrix:
        if any("bad" in text for text in texts):
            raise OllamaError("it does not say why")
        return np.eye(len(texts), 8, dtype=np.float32)

    found = Batches(send, dim=8).embed(["good", "bad", "good"])
    assert found.refused == {1: "it does not say why"}


def test_one_that_works_the_second_time_is_taken() -> None:
    failures = iter([ModelCrashError("died")])

    def send(texts: Sequence[str]) -> FloatMatrix:
        for error in failures:
            raise error
        return np.eye(len(texts), 8, dtype=np.float32)

    assert not Batches(send, dim=8).embed(["only"]).refused


def test_a_server_that_fails_between_two_tries_is_told() -> None:
    failures = iter([ContextLengthError("long"), NotOllamaError("gone")])

    def send(texts: Sequence[str]) -> FloatMatrix:
        raise next(failures)

    with pytest.raises(NotOllamaError):
        Batches(send, dim=8).embed(["word " * 100])
    failures = iter([ModelCrashError("died"), NotOllamaError("gone")])
    with pytest.raises(NotOllamaError):
        Batches(send, dim=8).embed(["word"])


def test_vectors_of_several_lengths_are_told(ollama: Server) -> None:
    ollama.faults.wrong_dim = "poison"
    with embedding(ollama, endpoint="embeddings") as embedder:
        assert list(embedder.embed_each(with_bad("A poison.", FEW[:20])).refused) == [POISON]


def test_a_model_that_gives_zeros_for_everything_ends_the_run(ollama: Server) -> None:
    ollama.faults.zeros = "e"
    with embedding(ollama) as embedder, pytest.raises(BadVectorError, match="zeros"):
        embedder.embed_each(FEW)


def test_no_texts_have_no_vectors() -> None:
    assert Batches(lambda _: np.empty((0, 0), np.float32), dim=None).embed([]).rows.shape == (0, 0)


# -- which model


@pytest.fixture
def client(ollama: Server) -> Iterator[Client]:
    with Client(ollama.url) as made:
        yield made


def test_the_default_is_chosen_if_it_is_there(client: Client) -> None:
    chosen = choose(client, "", default="nomic-embed-text", capability="embedding")
    assert (chosen.name, chosen.info.context_length) == ("nomic-embed-text", 2048)


def test_another_that_can_is_chosen_if_not(client: Client, ollama: Server) -> None:
    ollama.remove("nomic-embed-text")
    chosen = choose(client, "", default="nomic-embed-text", capability="embedding")
    assert chosen.name == "all-minilm:latest"
    for name in ("all-minilm", "bge-m3", "embeddinggemma", "qwen3-embedding"):
        ollama.remove(name)
    with pytest.raises(ModelNotFoundError, match="an embedding model is needed") as failed:
        choose(client, "", default="nomic-embed-text", capability="embedding")
    assert failed.value.hint == "ollama pull nomic-embed-text"
    assert not ollama.loads


def test_a_model_that_another_server_runs_is_taken_only_if_it_is_named(
    client: Client, ollama: Server
) -> None:
    ollama.models.clear()
    cloud = "https://ollama.com:443"
    ollama.add(Model("gpt-oss:120b-cloud", ("completion",), remote_host=cloud))
    ollama.add(Model("llama3.2", ("completion",), remote_host=cloud))  # named as the default is
    ollama.add(Model("glm-4.6:cloud", ("completion",)))  # by its name
    with pytest.raises(ModelNotFoundError) as failed:
        choose(client, "", default="llama3.2", capability="completion")
    assert "glm-4.6:cloud, llama3.2:latest, gpt-oss:120b-cloud would send" in failed.value.hint
    for name in ("gpt-oss:120b-cloud", "llama3.2"):
        chosen = choose(client, name, default="llama3.2", capability="completion")
        assert chosen.name == name
    ollama.add(Model("mistral", ("completion",)))
    ollama.add(Model("kimi-k2:1t-cloud", ("completion",)))
    chosen = choose(client, "", default="llama3.2", capability="completion")
    assert chosen.name == "mistral:latest"
    listed = client.tags()[-1]
    assert (listed.remote_model, listed.remote_host) == ("gpt-oss:120b-cloud", cloud)


def test_the_registry_may_stand_before_a_name(client: Client, ollama: Server) -> None:
    for name in ("library/bge-m3", "registry.ollama.ai/library/BGE-m3:latest"):
        assert choose(client, name, default="", capability="embedding").name == name
        embedder = OllamaEmbedder(client, name)
        assert embedder.version().endswith(ollama.models["bge-m3"].digest)
        assert embedder.fingerprint == OllamaEmbedder(client, "bge-m3").fingerprint


def test_a_named_model_must_be_there_and_fit(each_ollama: Server) -> None:
    with Client(each_ollama.url) as client:
        chosen = choose(client, "BGE-m3", default="nomic-embed-text", capability="embedding")
        assert chosen.name == "BGE-m3"
        with pytest.raises(ModelNotFoundError) as failed:
            choose(client, "bge-m4", default="nomic-embed-text", capability="embedding")
        assert failed.value.hint.startswith("ollama pull bge-m4; or did you mean bge-m3")
        with pytest.raises(ModelUnfitError, match="is a model that chats") as unfit:
            choose(client, "llama3.2", default="nomic-embed-text", capability="embedding")
        assert "--embed-model" in unfit.value.hint
        with pytest.raises(ModelUnfitError, match="all-minilm is an embedding model"):
            choose(client, "all-minilm", default="llama3.2", capability="completion")
    assert not each_ollama.loads  # nothing was loaded to find out


def test_an_old_server_does_not_say_what_a_model_can() -> None:
    with serve("0.5.13") as server, Client(server.url) as client:
        server.add(Model("qwen3-embedding", family="qwen3", causal=True))
        assert can(client.show("qwen3-embedding"), "embedding")
        assert can(client.show("nomic-embed-text"), "embedding")
        assert not can(client.show("llama3.2"), "embedding")
        assert can(client.show("llama3.2"), "completion")
    assert canonical("host:5000/a/b") == "host:5000/a/b:latest"


def test_known_flaws_are_those_of_release_and_model() -> None:
    assert len(flaws("0.20.1", "nomic-embed-text:v1.5")) == 2
    assert len(flaws("0.20.1", "hf.co/nomic-ai/nomic-embed-text-v1.5-GGUF:Q8_0")) == 2
    assert len(flaws("0.24.0", "snowflake-arctic-embed:335m")) == 1
    for other in ("bge-m3", "snowflake-arctic-embed2", "nomic-embed-text-v2-moe:latest"):
        assert not flaws("0.24.0", other)
    assert "mixes up" in flaws("0.3.0", "bge-m3")[0]
    assert parse_release("made by hand") > parse_release("0.33.0")
