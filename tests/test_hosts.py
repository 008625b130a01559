"""Several Ollama servers: work goes to whichever is free, a dead or wrong one is done without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ragkit import Rag
from ragkit.cli.app import run
from ragkit.config import Settings
from ragkit.embedding.batches import IN_FLIGHT
from ragkit.embedding.ollama import OllamaEmbedder
from ragkit.embedding.spread import SPREAD_TEXTS, Known, SpreadEmbedder
from ragkit.errors import (
    BadVectorError,
    ConfigError,
    IndexStaleError,
    ModelNotFoundError,
    OllamaAccessError,
    OllamaUnreachableError,
)
from ragkit.ollama import Client
from ragkit.ollama import hosts as hosts_module
from ragkit.ollama.hosts import Hosts
from ragkit.protocols import ServedEmbedder
from ragkit.types import Progress
from tests.conftest import CLOSED
from tests.ollama_server import Server, serve
from tests.test_cli import Terminal, ragkit, terminal
from tests.test_doctor import examined, first_failure
from tests.test_through_ollama import QUESTION, here, many, texts_sent

__all__ = ["here", "ragkit"]  # fixtures

TEXTS = [f"Text number {n} speaks of the model in memory." for n in range(128)]
DEAD = f"http://{CLOSED}"


@pytest.fixture
def two() -> Iterator[tuple[Server, Server]]:
    with serve() as first, serve() as second:
        yield first, second


class Spread:
    """An embedder over servers, and what it had to say."""

    def __init__(self, *addresses: str, known: Known | None = None, dim: int | None = 768) -> None:
        self.told: list[str] = []
        self.hosts = Hosts(addresses, timeout_s=30, notify=self.told.append)
        self.embedder = SpreadEmbedder(
            self.hosts,
            lambda client: OllamaEmbedder(client, "nomic-embed-text", dim=dim),
            known=known,
            notify=self.told.append,
        )


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def spread(stack: ExitStack, *addresses: str, **more: object) -> Spread:
    made = Spread(*addresses, **more)  # type: ignore[arg-type] # as it takes them
    stack.callback(made.hosts.close)
    return made


def documents_sent(server: Server) -> list[int]:
    """Return how many texts each request had, but for the fixed one."""
    bodies = [body["input"] for body in server.requests_to("/api/embed")]
    return [len(texts) for texts in bodies if "ragkit asks" not in texts[0]]


# -- work goes to whichever is free


def test_the_texts_go_to_all_and_come_back_in_order(
    two: tuple[Server, Server], stack: ExitStack
) -> None:
    for server in two:
        server.embed_s = 0.002
    made = spread(stack, *(server.url for server in two))
    rows = made.embedder.embed_documents([*TEXTS, " "])
    with Client(two[0].url) as client:
        alone = OllamaEmbedder(client, "nomic-embed-text", dim=768).embed_documents([*TEXTS, " "])
    assert np.allclose(rows, alone, atol=1e-6)
    sent = documents_sent(two[1])
    assert 20 <= sum(sent) <= 108
    assert max(sent) <= SPREAD_TEXTS
    assert made.told == []
    assert isinstance(made.embedder, ServedEmbedder)


def test_a_slow_server_is_sent_fewer_texts(two: tuple[Server, Server], stack: ExitStack) -> None:
    two[0].embed_s, two[1].embed_s = 0.02, 0.001
    made = spread(stack, *(server.url for server in two))
    for _ in range(3):
        made.embedder.embed_documents(TEXTS)
    assert sum(documents_sent(two[0])) < sum(documents_sent(two[1])) / 2
    assert min(documents_sent(two[0])[2:], default=1) < SPREAD_TEXTS // 2


def test_no_server_has_more_than_two_requests_at_once(
    two: tuple[Server, Server], stack: ExitStack
) -> None:
    made = spread(stack, *(server.url for server in two))
    most: list[int] = []
    places = made.embedder._places
    watching = threading.Event()

    def watch() -> None:
        while not watching.is_set():
            most.append(max(place.busy for place in places))

    thread = threading.Thread(target=watch)
    thread.start()
    callers = [
        threading.Thread(target=made.embedder.embed_documents, args=(TEXTS,)) for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    watching.set()
    thread.join()
    assert max(most) == IN_FLIGHT


def test_an_ingest_uses_all_that_are_named(here: Path, two: tuple[Server, Server]) -> None:
    docs = many(here / "many", 30)
    for server in two:
        server.embed_s = 0.002
    with Rag(host=",".join(server.url for server in two)) as rag:
        assert rag.ingest(docs).embedded == 420
        assert not rag.check()
    assert sum(map(texts_sent, two)) == 420 + 2  # each shows that it is like the other
    assert min(map(texts_sent, two)) > 60
    with Rag(host=two[1].url) as rag:
        assert rag.ingest(docs).unchanged == 30
        assert rag.search("number3x7", mode="dense")[0].path == "many/n003.md"


def test_the_flag_is_repeated(here: Path, ragkit: Terminal, two: tuple[Server, Server]) -> None:
    flags = [part for server in two for part in ("--host", server.url)]
    many(here / "docs", 10)
    code, _, err = ragkit("ingest", "docs", *flags)
    assert (code, err) == (0, "making an index in .ragkit of this folder\n")
    assert all(map(texts_sent, two))
    code, out, err = ragkit("models", *flags)
    assert (code, "nomic-embed-text" in out) == (0, True)
    assert f"of 2 servers, {two[0].url} is meant" in err
    code, _, err = ragkit("models", *flags, "show", "nomic-embed-text")
    assert (code, f"of 2 servers, {two[0].url}" in err) == (0, True)


def test_servers_can_be_named_by_a_variable() -> None:
    env = {"OLLAMA_HOST": "gpu-box, 10.0.0.7:11434,"}
    assert Settings.load(env=env).hosts == ("gpu-box", "10.0.0.7:11434")
    assert Settings.load(env={"RAGKIT_HOST": " , "}).hosts == ("",)
    named = Hosts(["gpu-box", "http://gpu-box:11434/", "127.0.0.1", ""]).named
    assert [given for given, _ in named] == ["gpu-box", "127.0.0.1"]
    with pytest.raises(ConfigError, match="no address of Ollama"):
        Client("gpu-box,10.0.0.7")


# -- one that is dead


def test_a_dead_one_is_left_out_and_said_once(here: Path, ragkit: Terminal, ollama: Server) -> None:
    flags = ("--host", DEAD, "--host", ollama.url)
    code, _, err = ragkit("ingest", "docs", *flags)
    assert code == 0
    assert err.count(f"{DEAD} is left out until it answers again: no Ollama server") == 1
    for command in ("search", "ask"):
        code, out, err = ragkit(command, QUESTION, *flags)
        assert (code, "docs/bridge.md" in out) == (0, True)
        assert err.count("left out") == 1
        assert "by their words" not in err
    with Rag(host=f"{DEAD},{ollama.url}") as rag:
        assert rag.ask(QUESTION).model == "ollama:llama3.2"
        assert rag.ask(QUESTION).degraded == ()


def test_one_that_dies_meanwhile_loses_nothing(here: Path) -> None:
    docs = many(here / "many", 30)
    told: list[str] = []
    with serve() as first, ExitStack() as dying:
        second = dying.enter_context(serve())

        def kill(step: Progress) -> None:
            if step.report.embedded >= 128:
                dying.close()

        with Rag(host=f"{second.url},{first.url}", notify=told.append) as rag:
            report = rag.ingest(docs, progress=kill)
            assert (report.embedded, report.failed) == (420, ())
            assert rag.search("number3x7", mode="dense")[0].path == "many/n003.md"
    said = [line for line in told if "left out" in line]
    assert said  # once more, if it answered while it went down
    assert all(line.startswith(f"{second.url} is left out") for line in said)


def test_one_that_is_back_is_used_again_and_said(
    two: tuple[Server, Server], stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts_module, "AGAIN_S", 0.0)  # its time has come at once
    made = spread(stack, *(server.url for server in two))
    two[1].faults.no_memory = True
    made.embedder.embed_documents(TEXTS)
    assert documents_sent(two[1]) == []
    two[1].faults.no_memory = False
    made.embedder.embed_documents(TEXTS)
    assert documents_sent(two[1])
    assert len(made.told) == 2
    assert f"{two[1].url} is left out until it answers again: " in made.told[0]
    assert made.told[1] == f"{two[1].url} answers again"


def test_one_that_is_out_is_tried_before_it_is_given_up(
    two: tuple[Server, Server], stack: ExitStack
) -> None:
    made = spread(stack, *(server.url for server in two))
    made.hosts.take_out(made.hosts.clients[0], OllamaUnreachableError("it was away"))
    two[1].faults.no_memory = True
    assert made.embedder.embed_query("a question").any()
    made.hosts.take_out(made.hosts.clients[0], OllamaUnreachableError("it was away"))
    assert made.embedder.embed_documents(TEXTS).shape == (128, 768)
    assert not documents_sent(two[1])


def test_all_dead_is_as_for_one(here: Path, ragkit: Terminal) -> None:
    flags = ("--host", DEAD, "--host", "127.0.0.1:10")
    code, _, err = ragkit("ingest", "docs", *flags)
    assert code == 3
    assert f"no Ollama server at {DEAD}, http://127.0.0.1:10" in err
    assert "--offline" in err
    with serve() as server, Rag(host=server.url) as rag:
        rag.ingest("docs")
    code, out, err = ragkit("ask", QUESTION, *flags)
    assert (code, out[0]) == (0, "“")
    assert "passages are found by their words only" in err
    assert ragkit("search", QUESTION, "--mode", "dense", *flags)[0] == 3


def test_all_that_die_meanwhile_end_the_run(stack: ExitStack) -> None:
    with serve() as first, serve() as second:
        made = spread(stack, first.url, second.url)
        made.embedder.embed_documents(TEXTS)
    with pytest.raises(OllamaUnreachableError, match=f"{first.url}, {second.url}"):
        made.embedder.embed_documents(TEXTS)
    assert len(made.told) == 2


def test_the_error_of_one_that_answers_tells_more(ollama: Server, stack: ExitStack) -> None:
    ollama.faults.unauthorized = 10_000
    made = spread(stack, DEAD, ollama.url)
    with pytest.raises(OllamaAccessError):
        made.embedder.version()


def test_one_that_answers_again_just_as_all_are_given_up_is_no_fault() -> None:
    hosts = Hosts([DEAD, "127.0.0.1:8"])
    assert "again" in hosts.failure().hint
    hosts.close()


def test_a_text_that_has_no_vector_is_no_fault_of_a_server(
    two: tuple[Server, Server], stack: ExitStack
) -> None:
    for server in two:
        server.faults.nan = "poison"
    made = spread(stack, *(server.url for server in two))
    found = made.embedder.embed_each([*TEXTS[:70], "a poison", "word " * 4000])
    assert (list(found.refused), list(found.parts)) == ([70], [71])
    with pytest.raises(BadVectorError, match="no vector for text 1"):
        made.embedder.embed_documents(["good", "a poison"])
    with pytest.raises(BadVectorError):
        made.embedder.embed_query("a poison")
    assert made.told == []


# -- one that is another


def test_another_model_of_the_name_is_refused_by_name(
    here: Path, ragkit: Terminal, two: tuple[Server, Server]
) -> None:
    two[1].add(replace(two[1].models["nomic-embed-text"], quantization="Q4_0"))
    docs = many(here / "many", 30)
    flags = [part for server in two for part in ("--host", server.url)]
    code, _, err = ragkit("ingest", str(docs), *flags)
    assert code == 0
    (line,) = [line for line in err.splitlines() if line.startswith("not used")]
    assert f"{two[1].url} has another nomic-embed-text than the others (digest " in line
    assert f"{two[1].url} is left out" not in err
    assert documents_sent(two[1]) == []


def test_other_vectors_are_refused_by_name(here: Path, two: tuple[Server, Server]) -> None:
    two[1].drift = True
    told: list[str] = []
    docs = many(here / "many", 30)
    with Rag(host=",".join(server.url for server in two), notify=told.append) as rag:
        assert rag.ingest(docs).embedded == 420
    (line,) = [line for line in told if line.startswith("not used")]
    assert f"{two[1].url} gives other vectors than the others: a fixed text has a cosine" in line
    assert documents_sent(two[1]) == []


def test_one_without_the_model_is_refused_by_name(
    here: Path, ragkit: Terminal, two: tuple[Server, Server]
) -> None:
    for name in ("nomic-embed-text", "llama3.2"):
        two[0].remove(name)
    flags = [part for server in two for part in ("--host", server.url)]
    named = ("--embed-model", "nomic-embed-text")
    code, _, err = ragkit("ingest", "docs", *flags, *named)
    assert code == 0
    assert f"not used: the model 'nomic-embed-text' is not installed on {two[0].url}" in err
    code, out, _ = ragkit("ask", QUESTION, *flags, "--model", "llama3.2")
    assert (code, "[1] docs/bridge.md" in out) == (0, True)
    two[1].remove("nomic-embed-text")
    assert ragkit("ingest", *flags)[0] == 4


def test_the_one_that_is_like_the_index_leads(here: Path, two: tuple[Server, Server]) -> None:
    with Rag(host=two[1].url) as rag:
        rag.ingest("docs")
    two[0].release, two[0].drift = type(two[0].release)("0.24.0"), True
    told: list[str] = []
    with Rag(host=",".join(server.url for server in two), notify=told.append) as rag:
        assert rag.search(QUESTION, mode="dense")[0].path == "docs/bridge.md"
        assert rag.ingest().unchanged == 3
    assert f"not used: {two[0].url} gives other vectors than the index has" in told[0]
    two[1].drift, two[1].release = True, two[0].release
    with (
        Rag(host=",".join(server.url for server in two)) as rag,
        pytest.raises(IndexStaleError, match="a cosine of"),
    ):
        rag.search(QUESTION)


def test_the_models_of_all_can_be_missing(stack: ExitStack, two: tuple[Server, Server]) -> None:
    for server in two:
        server.remove("nomic-embed-text")
    made = spread(stack, *(server.url for server in two))
    with pytest.raises(ModelNotFoundError):
        made.embedder.embed_each(TEXTS)
    assert len(made.told) == 2


def test_what_it_is_comes_from_the_first(two: tuple[Server, Server], stack: ExitStack) -> None:
    made = spread(stack, *(server.url for server in two), dim=None)
    embedder = made.embedder
    assert (embedder.name, embedder.dim, embedder.release) == (
        "ollama:nomic-embed-text",
        768,
        "0.33.0-rc2",
    )
    assert embedder.fingerprint.startswith("ollama:nomic-embed-text:latest dim=768")
    assert embedder.batch_texts == SPREAD_TEXTS
    assert embedder.probe().shape == (768,)
    assert not two[1].requests


# -- doctor


def test_the_doctor_looks_at_each(here: Path, ragkit: Terminal, two: tuple[Server, Server]) -> None:
    ragkit("ingest", "docs", "--host", two[0].url)
    flags = ["--host", two[0].url, "--host", DEAD, "--host", two[1].url]
    code, out, _ = ragkit("doctor", "-q", *flags)
    assert code == 0
    assert out.count("Ollama answers at") == 2
    assert "note     server       left out until it answers: nothing listens at" in out
    assert f"ok       same         {two[1].url} has the same model and vectors" in out
    check = examined(ragkit, "--no-probe", *flags)["same"]
    assert check["text"] == f"{two[1].url} has the same model"
    two[1].drift = True
    check = examined(ragkit, *flags)["same"]
    assert (check["state"], check["address"]) == ("note", two[1].url)
    assert check["text"].startswith(f"not used: {two[1].url} gives other vectors")
    two[1].remove("nomic-embed-text")
    text = examined(ragkit, *flags)["same"]["text"]
    assert text.startswith("not used: the model 'nomic-embed-text' is not installed on")


def test_the_doctor_fails_where_all_are_dead(here: Path, ragkit: Terminal) -> None:
    code, said = first_failure(ragkit, "--host", DEAD, "--host", "127.0.0.1:10")
    assert (code, said.startswith("server nothing listens at")) == (3, True)


def test_what_is_said_in_the_midst_takes_the_place_of_the_line(
    here: Path, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"{DEAD},{ollama.url}")
    with terminal(columns=200) as written:
        assert run(["ingest", "docs"]) == 0
    assert f"\x1b[K{DEAD} is left out until it answers again" in "".join(written)
