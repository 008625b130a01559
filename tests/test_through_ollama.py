"""Ingest, search and ask through Ollama, and all that may go wrong there: nothing lost unsaid."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit import Rag
from ragkit.errors import IndexStaleError, OllamaError, OllamaUnreachableError
from ragkit.types import Progress
from tests.embedders import HashingEmbedder
from tests.ollama_server import RECORDED, Server, serve
from tests.test_cli import Terminal, all_of
from tests.test_ingest import write

QUESTION = "Who opened the bridge over the river?"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(
        tmp_path / "docs",
        bridge="# Bridges\n\nThe bridge over the river was opened by the mayor in 1987.\n",
        model="# Models\n\nA model stays loaded in memory for five minutes by default.\n",
        说明="# 说明\n\n模型默认在内存中保留五分钟。\n",
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ragkit(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


def at(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)


def texts_sent(server: Server) -> int:
    bodies = server.requests_to("/api/embed")
    single = [body for body in server.requests_to("/api/embeddings") if body.get("prompt")]
    return sum(len(body.get("input", ())) for body in bodies) + len(single)


def many(folder: Path, count: int = 60) -> Path:
    """Write documents of a few passages each, 800 of them at 60."""
    names = {
        f"n{i:03}": "".join(
            f"# Part {i} {n}\n\n" + f"number{i}x{n} speaks of many things. " * 15 + "\n\n"
            for n in range(14)
        )
        for i in range(count)
    }
    return write(folder, **names)


# -- the whole way


@pytest.mark.no_cover
@pytest.mark.parametrize("release", ["0.2.5", "0.2.6", "0.3.4", "0.6.3", *RECORDED, "0.0.0"])
def test_the_whole_way_on_any_release(release: str, here: Path) -> None:
    with serve(release) as server:
        with Rag(host=server.url) as rag:
            report = rag.ingest("docs")
            assert (report.new, report.embedded, report.failed) == (3, 3, ())
            answer = rag.ask(QUESTION)
            assert answer.text == "The bridge over the river was opened by the mayor in 1987. [1]"
            (cited,) = answer.citations
            assert (cited.path, cited.lines) == ("docs/bridge.md", (1, 3))
            assert answer.usage
            assert answer.usage.prompt_tokens > 50
            assert (answer.model, answer.embedder) == ("ollama:llama3.2", "ollama:nomic-embed-text")
            assert (answer.degraded, answer.notes) == ((), ())
            assert not rag.check()
        server.forget()
        with Rag(host=server.url) as rag:
            assert rag.ingest().unchanged == 3
        assert not texts_sent(server)


def test_the_commands_do_it(here: Path, ragkit: Terminal, ollama: Server) -> None:
    code, out, err = ragkit("ingest", "docs", "--host", ollama.url)
    assert (code, "3 passages, 3 embedded" in out) == (0, True)
    assert "making an index" in err
    code, out, err = ragkit("ask", QUESTION, "--host", ollama.url)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "The bridge over the river was opened by the mayor in 1987. [1]",
        "",
        "[1] docs/bridge.md:1-3",
    ]
    found = ragkit.json("search", "模型保留多久", "--host", ollama.url)
    assert found["hits"][0]["path"] == "docs/说明.md"
    assert "degraded" not in found


def test_an_answer_in_json_says_what_it_cost(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ragkit("ingest", "docs")
    answer = ragkit.json("ask", QUESTION)
    assert answer["usage"]["prompt_tokens"] > answer["usage"]["answer_tokens"] > 5
    assert answer["model"] == "ollama:llama3.2"
    assert answer["refused"] is False
    assert "notes" not in answer


def test_flags_reach_the_server(here: Path, ragkit: Terminal, ollama: Server) -> None:
    common = ("--host", ollama.url, "--keep-alive", "30m")
    code, *_ = ragkit(
        "ingest",
        "docs",
        *common,
        "--embed-model",
        "all-minilm",
        "-o",
        "num_ctx=512",
        "-o",
        "seed=1",
    )
    assert code == 0
    for body in ollama.requests_to("/api/embed"):
        assert body["model"] == "all-minilm"
        assert (body["options"], body["keep_alive"]) == ({"num_ctx": 512, "seed": 1}, "30m")
    ollama.forget()
    code, *_ = ragkit("ask", QUESTION, *common, "--model", "qwen3", "-o", "temperature=0")
    assert code == 0
    (embedded,) = ollama.requests_to("/api/embed")
    assert embedded["options"] == {"num_ctx": 512, "seed": 1}  # as it was ingested
    (chatted,) = ollama.requests_to("/api/chat")
    assert (chatted["model"], chatted["options"]["temperature"]) == ("qwen3", 0)
    assert ollama.loads["all-minilm"] == 1
    ragkit("search", QUESTION, *common, "--endpoint", "embeddings")
    assert len(ollama.requests_to("/api/embeddings")) == 1


def test_a_model_that_was_not_named_is_said(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ollama.remove("nomic-embed-text")
    ollama.remove("llama3.2")
    _, _, err = ragkit("ingest", "docs")
    assert "using all-minilm:latest: nomic-embed-text is not installed (--embed-model" in err
    code, _, err = ragkit("ask", QUESTION)
    assert code == 0
    assert "using qwen3:latest: llama3.2 is not installed (--model names another)" in err


def test_known_flaws_of_a_release_are_said(here: Path, ragkit: Terminal) -> None:
    with serve("0.24.0") as server:
        _, _, err = ragkit("ingest", "docs", "--host", server.url)
    assert "warning: Ollama 0.24.0 gives all texts in capital letters the same vector" in err
    assert "warning: Ollama 0.24.0 reads letters with accents wrongly" in err


def test_an_option_that_ollama_would_ignore_is_said(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    code, _, err = ragkit("ingest", "docs", "-o", "num_cxt=512", "-o", "seed=1")
    assert code == 0
    assert "warning: 'num_cxt' is no option known here, and Ollama ignores such (did" in err
    code, _, err = ragkit("ask", QUESTION, "-o", "wit=1", "-o", "temperature=0")
    assert code == 0
    assert err == "warning: 'wit' is no option known here, and Ollama ignores such\n"


def test_the_built_in_embedder_goes_with_any_chat_model(here: Path, ollama: Server) -> None:
    with Rag(offline=True) as rag:
        rag.ingest("docs")
    with Rag(host=ollama.url, model="llama3.2") as rag:
        answer = rag.ask(QUESTION)
        assert (answer.model, answer.embedder) == ("ollama:llama3.2", "builtin:wordllama-256")
        assert answer.citations
    with Rag(embedder=HashingEmbedder(), index="other/.ragkit", host=ollama.url) as rag:
        rag.ingest("docs")
        assert rag.ask(QUESTION).model == "builtin:quotes"


# -- what it would cost


def test_a_dry_run_tells_texts_tokens_requests_and_time(
    tmp_path: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    monkeypatch.chdir(tmp_path)
    many(tmp_path / "docs", 20)
    estimate = ragkit.json("ingest", "docs", "--dry-run")["estimate"]
    assert (estimate["passages"], estimate["texts"], estimate["requests"]) == (280, 280, 4)
    assert 20_000 < estimate["tokens"] < 60_000
    assert estimate["seconds"] > 0
    assert texts_sent(ollama) == 17 + 1  # a few to see how long they take, and the probe
    assert not Path(".ragkit").exists()
    ragkit("ingest", "docs")
    with Rag() as rag:
        sent = texts_sent(ollama)
        assert rag.plan().texts == 0
        assert rag.plan(reread=True).texts == 0  # their vectors are known
        (tmp_path / "docs/new.md").write_text("A new document of few words.")
        plan = rag.plan()
        assert (plan.texts, plan.passages, plan.requests) == (1, 1, 1)
        assert plan.seconds  # as it was measured
        assert texts_sent(ollama) == sent
    _, out, _ = ragkit("ingest", "--dry-run")
    assert out.splitlines()[-1] == ("1 passages, 1 to embed: about 7 tokens, 1 requests, about 1 s")


def test_a_dry_run_without_the_server_does_not_know_the_time(here: Path, ragkit: Terminal) -> None:
    code, out, err = ragkit("ingest", "docs", "--dry-run")
    assert (code, out.splitlines()[-1]) == (
        0, "3 passages, 3 to embed: about 59 tokens, 1 requests"
    )  # fmt: skip
    assert "how long it would take is not known: no Ollama server" in err
    estimate = ragkit.json("ingest", "docs", "--dry-run", "--offline")["estimate"]
    assert (estimate["requests"], estimate["seconds"] is None) == (0, False)
    with Rag(endpoint="embeddings") as rag:
        assert rag.plan("docs").requests == 3


# -- refusals


def test_no_model_is_asked_where_evidence_is_lacking(here: Path, ollama: Server) -> None:
    with Rag(host=ollama.url) as rag:
        rag.ingest("docs")
        answer = rag.ask("Which team won the football World Cup?")
        assert answer.refused
        assert answer.model is None
        assert not answer.notes
    assert not ollama.requests_to("/api/chat")
    assert "llama3.2" not in ollama.loads


def test_a_model_may_say_that_the_documents_do_not(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ragkit("ingest", "docs")
    ollama.reply = "The documents do not say."
    code, out, err = ragkit("ask", QUESTION)
    assert (code, out, err) == (1, "The documents do not say.\n", "")


def test_in_chinese_a_model_refuses_and_is_doubted_in_chinese(here: Path, ollama: Server) -> None:
    with Rag(host=ollama.url, strictness=0.0) as rag:
        rag.ingest("docs")
        for said in ("文档中没有答案。", "文档中没有答案", "The documents do not say."):
            ollama.reply = said
            assert rag.ask("谁为大桥揭幕？").refused
        ollama.reply = "我想是市长。"
        answer = rag.ask("谁为大桥揭幕？")
        assert not answer.refused
        assert answer.notes == ("回答没有引用任何段落，请用 'ragkit search' 核对",)
        ollama.reply = "我想是市长 [8]，或者 [9]。"
        assert rag.ask("谁为大桥揭幕？").notes[0] == "回答引用了没有提供给模型的段落：[8]、[9]"


def test_an_answer_that_cites_nothing_is_told(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ragkit("ingest", "docs")
    ollama.reply = "The mayor, I believe [9]."
    code, _, err = ragkit("ask", QUESTION)
    assert code == 0
    assert "note: the answer cites no passage" in err
    assert "note: the answer cites what the model was not given: [9]" in err
    assert ragkit.json("ask", QUESTION)["notes"]


def test_an_answer_can_be_ended_early(here: Path, ollama: Server) -> None:
    ollama.reply, ollama.token_s = "word " * 5000, 0.001
    with Rag(host=ollama.url) as rag:
        rag.ingest("docs")
        answer = rag.ask(QUESTION)
        assert next(iter(answer))
        answer.close()
        assert ollama.wait_for_cancelled()
        refused = rag.ask("Which team won the football World Cup?")
        refused.close()  # nothing to end
        assert refused.refused


def test_several_markers_in_one_are_several_citations(here: Path, ollama: Server) -> None:
    ollama.reply = "The mayor [1, 2] and 市长【1】."
    with Rag(host=ollama.url) as rag:
        rag.ingest("docs")
        assert [citation.marker for citation in rag.ask(QUESTION).citations] == [1, 2]


def test_a_passage_that_did_not_fit_cannot_be_cited(here: Path, ollama: Server) -> None:
    many(here / "docs", 1)
    ollama.reply = "It is so [7]."
    with Rag(host=ollama.url, budget_tokens=300) as rag:
        rag.ingest("docs")
        answer = rag.ask("What does number0x3 speak of, of many things?")
        assert len(answer.hits) == 8
        assert answer.citations == []
        assert "the model was given 1 of 8 passages" in answer.notes[0]
        assert "[7]" in answer.notes[1]


# -- the server is away


def test_without_the_server_ingest_fails_and_says_what_to_do(here: Path, ragkit: Terminal) -> None:
    code, out, err = ragkit("ingest", "docs")
    assert (code, out) == (3, "")
    assert "no Ollama server at http://127.0.0.1:9" in err
    for remedy in ("ollama serve", "OLLAMA_HOST", "--offline", "pip install '.[offline]'"):
        assert remedy in err
    assert not Path(".ragkit").exists()


@pytest.fixture
def away(here: Path) -> Path:
    """An index that was made with a server which is gone."""
    with serve() as server, Rag(host=server.url) as rag:
        rag.ingest("docs")
    return here


def test_without_the_server_search_goes_by_words(away: Path, ragkit: Terminal) -> None:
    code, out, err = ragkit("search", QUESTION)
    assert (code, "docs/bridge.md:1-3" in out) == (0, True)
    assert err.count("no Ollama server") == 1
    assert len(err.splitlines()) == 1
    found = ragkit.json("search", QUESTION)
    assert found["degraded"] == ["embedder"]
    assert ragkit("search", QUESTION, "-q")[2] == ""


def test_without_the_server_ask_quotes(away: Path, ragkit: Terminal) -> None:
    code, out, err = ragkit("ask", QUESTION)
    assert code == 0
    assert out.startswith("“The bridge over the river was opened by the mayor in 1987.” [1]")
    assert "ollama serve" in err
    answer = ragkit.json("ask", QUESTION)
    assert (answer["degraded"], answer["model"]) == (["embedder", "model"], "builtin:quotes")
    code, out, _ = ragkit("ask", "Which team won the football World Cup?")
    assert (code, out.startswith("The documents do not say.")) == (1, True)


def test_without_the_server_a_batch_says_so_once(away: Path, ragkit: Terminal) -> None:
    Path("questions.txt").write_text(f"{QUESTION}\n" * 3, "utf-8")
    _, out, err = ragkit("search", "--batch", "questions.txt")
    assert len(out.splitlines()) == 3
    assert err.count("no Ollama server") == 1


@pytest.mark.parametrize(
    "command",
    [
        ("search", QUESTION, "--mode", "dense"),
        ("ask", QUESTION, "--model", "llama3.2"),
        ("ask", QUESTION, "--mode", "dense"),
        ("search", QUESTION, "--embed-model", "nomic-embed-text"),
        ("ingest",),
    ],
)
def test_what_was_asked_for_by_name_is_not_done_without(
    away: Path, ragkit: Terminal, command: tuple[str, ...]
) -> None:
    assert ragkit(*command)[0] == 3


def test_the_words_alone_need_no_server(away: Path, ragkit: Terminal) -> None:
    code, _, err = ragkit("search", QUESTION, "--mode", "lexical")
    assert (code, err) == (0, "")


def test_offline_leaves_the_server_alone(
    away: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    code, out, err = ragkit("ask", QUESTION, "--offline")
    assert (code, out[0]) == (0, "“")
    assert "offline: passages are found by their words only" in err
    assert not ollama.requests
    assert ragkit("ingest", "--offline")[0] == 5


def test_a_model_that_is_missing_is_an_error(
    away: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    code, _, err = ragkit("ask", QUESTION, "--model", "mistral")
    assert (code, "hint: ollama pull mistral" in err) == (4, True)
    code, _, err = ragkit("ask", QUESTION, "--model", "bge-m3")
    assert (code, "bge-m3 is an embedding model; a model that chats is needed" in err) == (4, True)
    code, _, err = ragkit("ingest", "docs", "--index", "new", "--embed-model", "llama3.2")
    assert (code, "an embedding model is needed" in err) == (4, True)
    ollama.remove("nomic-embed-text")
    for command in (("ask", QUESTION), ("ingest",)):
        code, _, err = ragkit(*command)
        assert (code, "hint: ollama pull nomic-embed-text" in err) == (4, True)
    assert "llama3.2" not in ollama.loads  # nor was it loaded to be refused


def test_what_is_no_ollama_is_said(away: Path, ragkit: Terminal, ollama: Server) -> None:
    ollama.faults.bad_gateway = 99
    code, _, err = ragkit("ingest", "--host", ollama.url)
    assert (code, "is not answered as by Ollama" in err) == (3, True)
    code, _, err = ragkit("ask", QUESTION, "--host", ollama.url)
    assert (code, "is not answered as by Ollama" in err) == (3, True)
    code, _, err = ragkit("search", QUESTION, "--host", "ftp://nowhere")
    assert (code, "is no address of Ollama" in err) == (2, True)


# -- one embedder to an index


def test_another_model_is_refused_with_what_to_do(
    away: Path, ragkit: Terminal, ollama: Server
) -> None:
    for command in ("ingest", "search"):
        arguments = [] if command == "ingest" else [QUESTION]
        code, _, err = ragkit(command, *arguments, "--embed-model", "bge-m3", "--host", ollama.url)
        assert code == 5
        assert "was made with the embedder ollama:nomic-embed-text" in err
        assert "ragkit ingest --reindex" in err


def test_a_new_release_with_the_same_vectors_is_taken(here: Path) -> None:
    with serve("0.5.13") as server, Rag(host=server.url) as rag:
        rag.ingest("docs")
    with serve("0.33.0-rc2") as server:
        with Rag(host=server.url) as rag:
            assert rag.ask(QUESTION).citations
            assert rag.ingest().unchanged == 3
        assert texts_sent(server) == 3  # the probe for the question, the question, the probe again
        server.forget()
        with Rag(host=server.url) as rag:
            rag.ingest()
            assert rag.ask(QUESTION).citations
        assert texts_sent(server) == 1  # the index knows the release now


def test_a_new_release_with_other_vectors_is_refused(here: Path, ragkit: Terminal) -> None:
    with serve("0.33.0-rc2") as server, Rag(host=server.url) as rag:
        rag.ingest("docs")
    with serve("0.24.0") as server:
        for command in (("ask", QUESTION), ("search", QUESTION), ("ingest",)):
            code, _, err = ragkit(*command, "--host", server.url)
            assert code == 5
            assert "gives other vectors than those of the index" in err
            assert "0.33.0-rc2" in err
            assert "ragkit ingest --reindex" in err
        assert ragkit("search", QUESTION, "--mode", "lexical", "--host", server.url)[0] == 0


def test_vectors_that_drift_under_the_same_name_are_found_out(here: Path, ollama: Server) -> None:
    with Rag(host=ollama.url) as rag:
        rag.ingest("docs")
    model = ollama.models["nomic-embed-text"]
    ollama.remove(model.name)
    ollama.add(type(model)(**{**_fields(model), "weights": "others"}))
    with Rag(host=ollama.url) as rag, pytest.raises(IndexStaleError, match="a cosine of"):
        rag.search(QUESTION)


def _fields(model: Any) -> dict[str, Any]:  # noqa: ANN401 - a Model
    return {name: getattr(model, name) for name in model.__dataclass_fields__}


def test_all_passages_can_be_embedded_anew(here: Path, ragkit: Terminal, ollama: Server) -> None:
    with Rag(offline=True) as rag:
        rag.ingest("docs")
    server = ("--host", ollama.url)
    code, out, _ = ragkit("ingest", "--reindex", *server)
    assert (code, "3 embedded" in out, len(ollama.requests)) == (0, True, 0)  # as it was made
    named = ("--embed-model", "nomic-embed-text", "-o", "num_ctx=512")
    estimate = ragkit.json("ingest", "--reindex", "--dry-run", *named, *server)["estimate"]
    assert estimate["texts"] == 3
    code, out, _ = ragkit("ingest", "--reindex", *named, *server)
    assert (code, "3 embedded" in out) == (0, True)
    ollama.forget()
    assert ragkit("ingest", "--reindex", *server)[0] == 0
    assert {b["model"] for b in ollama.requests_to("/api/embed")} == {"nomic-embed-text"}
    assert {b["options"]["num_ctx"] for b in ollama.requests_to("/api/embed")} == {512}
    with Rag(host=ollama.url) as rag:
        status = rag.status()
        assert (status.embedder, status.dim) == ("ollama:nomic-embed-text", 768)
        assert (status.vectors, status.without_vectors) == (3, 0)
        assert rag.ask(QUESTION).citations
        assert not rag.check()
    code, out, _ = ragkit("ingest", "--reindex", "--embed-model", "bge-m3", "--host", ollama.url)
    assert (code, "3 embedded" in out) == (0, True)
    assert ragkit("ingest", "--host", ollama.url)[0] == 0  # it keeps to the new one


def test_a_rag_that_lives_on_sees_what_was_embedded_anew(here: Path, ollama: Server) -> None:
    ollama.add(replace(ollama.models["nomic-embed-text"], name="other", weights="others"))
    with Rag(host=ollama.url) as rag:
        rag.ingest("docs")
        before = rag.search(QUESTION, mode="dense")
        with Rag(host=ollama.url, embed_model="other") as writer:
            writer.ingest(reindex=True)
        after = rag.search(QUESTION, mode="dense")
        assert before[0].path == after[0].path == "docs/bridge.md"
        assert ollama.requests_to("/api/embed")[-1]["model"] == "other"
    old = Rag(host=ollama.url, embed_model="nomic-embed-text")
    with old, pytest.raises(IndexStaleError, match="ollama:other"):
        old.search(QUESTION)


def test_several_threads_share_one_client(here: Path, ollama: Server) -> None:
    with Rag(host=ollama.url) as rag:
        rag.ingest("docs")
    with Rag(host=ollama.url) as rag, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: rag.ask(QUESTION).text, range(16)))
    assert len(set(answers)) == 1


# -- texts and servers that fail


def test_a_question_that_has_no_vector_is_answered_by_its_words(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ragkit("ingest", "docs")
    ollama.faults.nan = "opened"
    code, out, err = ragkit("search", QUESTION)
    assert (code, "docs/bridge.md" in out) == (0, True)
    assert "has no vector for a text" in err
    answer = ragkit.json("ask", QUESTION)
    assert (answer["degraded"], answer["model"]) == (["embedder", "model"], "builtin:quotes")
    assert ragkit("search", QUESTION, "--mode", "dense")[0] == 3


def test_the_words_alone_may_be_answered_without_the_server(away: Path, ragkit: Terminal) -> None:
    code, out, err = ragkit("ask", QUESTION, "--mode", "lexical")
    assert (code, out[0], "passages are quoted" in err) == (0, "“", True)
    assert ragkit("ask", QUESTION, "--mode", "lexical", "--model", "llama3.2")[0] == 3


def test_a_passage_without_a_vector_is_found_by_its_words(
    here: Path, ragkit: Terminal, each_ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(each_ollama, monkeypatch)
    each_ollama.faults.nan = "mayor"
    code, out, err = ragkit("ingest", "docs")
    assert code == 6
    assert "3 passages, 2 embedded" in out
    assert "docs/bridge.md: 1 of 1 passages have no vector and are found by their words" in err
    report = ragkit.json("ls")
    assert (report[0]["path"], report[0]["state"]) == ("docs/bridge.md", "partial")
    assert "1 passages without vectors" in ragkit("status")[1]
    with Rag() as rag:
        assert rag.search(QUESTION)[0].path == "docs/bridge.md"
        assert not rag.check()
    assert ragkit("ingest", "docs")[0] == 6  # it is tried again, and only it
    each_ollama.faults.nan = ""
    each_ollama.forget()
    code, out, _ = ragkit("ingest", "docs")
    assert (code, "1 embedded" in out) == (0, True)
    assert texts_sent(each_ollama) == 1
    with Rag() as rag:
        assert rag.status().failed == ()


def test_a_passage_that_is_too_long_for_the_model_is_told(
    here: Path, ragkit: Terminal, each_ollama: Server
) -> None:
    write(here / "docs", long="# Long\n\n" + "(a)(b)(c) " * 70)  # five times as many tokens
    with serve(str(each_ollama.release)) as server:
        code, _, err = ragkit("ingest", "docs", "--host", server.url, "--embed-model", "all-minilm")
    assert code == 0
    assert "note: docs/long.md: 1 passages are longer than the model takes at once" in err


@pytest.mark.no_cover
def test_a_model_that_dies_in_the_middle_goes_on(tmp_path: Path, each_ollama: Server) -> None:
    docs = many(tmp_path / "docs", 20)

    def kill(step: Progress) -> None:
        if step.files_done == 10 and not each_ollama.faults.eof:
            each_ollama.faults.eof = 1

    with Rag(tmp_path / ".ragkit", host=each_ollama.url) as rag:
        report = rag.ingest(docs, progress=kill)
        assert (report.chunks, report.embedded, report.failed) == (280, 280, ())
        assert rag.status().vectors == 280


def test_a_busy_server_is_waited_for(here: Path, each_ollama: Server) -> None:
    with Rag(host=each_ollama.url) as rag:
        each_ollama.faults.busy = 1
        assert rag.ingest("docs").embedded == 3


@pytest.mark.no_cover
@pytest.mark.parametrize("fault", ["busy", "bad_gateway", "eof"])
def test_what_passes_is_tried_again_within_the_run(
    tmp_path: Path, each_ollama: Server, fault: str
) -> None:
    docs = many(tmp_path / "docs", 20)

    def fail(step: Progress) -> None:
        if step.files_done in (5, 12):
            setattr(each_ollama.faults, fault, 1)

    with Rag(tmp_path / ".ragkit", host=each_ollama.url) as rag:
        each_ollama.faults.bad_gateway = fault == "bad_gateway"  # at first contact too
        report = rag.ingest(docs, progress=fail)
        assert (report.embedded, report.failed) == (280, ())
        assert rag.status().failed == ()
        assert not rag.check()


@pytest.mark.no_cover
def test_a_server_that_goes_away_ends_the_run_and_what_was_done_is_kept(tmp_path: Path) -> None:
    docs = many(tmp_path / "docs")
    with serve() as server:
        rag = Rag(tmp_path / ".ragkit", host=server.url)

        def stop(step: Progress) -> None:
            if step.files_done == 50:
                server.faults.no_memory = True

        with pytest.raises(OllamaError, match="memory"):
            rag.ingest(docs, progress=stop)
        done = rag.status().vectors
        assert 0 < done < 840
        assert rag.search("number3x7", mode="lexical")
        server.faults.no_memory = False
        server.forget()
        assert rag.ingest().embedded == 840 - done
        assert texts_sent(server) == 840 - done
        rag.close()


def test_progress_goes_on_while_the_server_works(tmp_path: Path, ollama: Server) -> None:
    docs = many(tmp_path / "docs", 3)
    ollama.embed_s = 0.03
    with Rag(tmp_path / ".ragkit", host=ollama.url) as rag:
        stages = [step.stage for step in rag.ingesting(docs)]
    assert "embed" in stages


def test_an_interrupt_stops_the_servers_work(tmp_path: Path, ollama: Server) -> None:
    write(tmp_path / "docs", bridge="The bridge over the river was opened by the mayor.\n")
    with Rag(tmp_path / ".ragkit", host=ollama.url) as rag:
        rag.ingest(tmp_path / "docs")
    ollama.reply, ollama.token_s = "word " * 5000, 0.01
    command = [
        sys.executable,
        "-m",
        "ragkit",
        "ask",
        QUESTION,
        "--index",
        str(tmp_path / ".ragkit"),
    ]
    with subprocess.Popen(
        [*command, "--host", ollama.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asking:
        assert asking.stdout
        assert asking.stdout.read(4) == b"word"
        asking.send_signal(signal.SIGINT)
        assert asking.wait(10) == 130
    assert ollama.wait_for_cancelled()


def test_a_second_interrupt_does_not_wait_for_the_server(tmp_path: Path, ollama: Server) -> None:
    many(tmp_path / "docs", 20)
    ollama.faults.only, ollama.faults.first_byte_s = "/api/embed", 60.0
    index = tmp_path / ".ragkit"
    with Rag(index, host=ollama.url) as rag:
        ollama.faults.first_byte_s = 0.0
        rag.ingest(write(tmp_path / "few", one="a bridge"))
    ollama.faults.first_byte_s = 60.0
    command = [sys.executable, "-m", "ragkit", "ingest", str(tmp_path / "docs")]
    command += ["--index", str(index), "--host", ollama.url]
    asked = len(ollama.requests_to("/api/embed"))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as ingesting:
        assert ingesting.stderr
        while len(ollama.requests_to("/api/embed")) == asked:
            time.sleep(0.05)
        time.sleep(0.3)  # it waits in the main thread, not in the reading of files
        ingesting.send_signal(signal.SIGINT)
        assert "finishing the request under way" in ingesting.stderr.readline()
        ingesting.send_signal(signal.SIGINT)
        assert ingesting.wait(10) == 130
    with Rag(index, host=ollama.url) as rag:
        ollama.faults.first_byte_s = 0.0
        assert not rag.check()
        assert rag.ingest(tmp_path / "docs").new == 20


def test_an_interrupt_gives_up_what_is_queued(tmp_path: Path, ollama: Server) -> None:
    docs = many(tmp_path / "docs", 12)  # one batch, and then a document of half a dozen requests
    write(docs, zlong="".join(f"# Part {i}\n\n" + f"long{i} words here. " * 40 for i in range(400)))
    ollama.embed_s = 0.002
    with Rag(tmp_path / ".ragkit", host=ollama.url) as rag:
        steps = rag.ingesting(docs)
        for step in steps:
            if step.files_done == 13:
                break
        steps.close()
        sent = texts_sent(ollama)
        assert sent < 400
        done = rag.status().vectors
        assert sent - 80 < done + 1 <= sent  # what was sent is kept
        assert rag.ingest().new > 0


def test_citations_are_links_where_a_terminal_can_follow_them(here: Path, ollama: Server) -> None:
    with Rag(host=ollama.url) as rag:
        rag.ingest("docs")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ragkit", "ask", QUESTION, "--host", ollama.url]
    environment = {**os.environ, "TERM": "xterm"}
    with os.fdopen(theirs, "wb") as terminal:
        subprocess.run(command, stdout=terminal, env=environment, check=True)
    shown = all_of(ours)
    address = (here / "docs/bridge.md").as_uri()
    assert f"[1] \x1b]8;;{address}\x1b\\docs/bridge.md:1-3\x1b]8;;\x1b\\" in shown


def test_a_prompt_that_was_cut_is_told(here: Path, ragkit: Terminal, ollama: Server) -> None:
    ragkit("ingest", "docs", "--host", ollama.url)
    ollama.faults.counted = 4095
    for quiet in ((), ("-q",)):
        code, _, err = ragkit("ask", QUESTION, "--host", ollama.url, *quiet)
        assert code == 0
        assert "note: the server seems to have cut the prompt" in err


def test_a_model_that_says_nothing_fails(here: Path, ragkit: Terminal, ollama: Server) -> None:
    ragkit("ingest", "docs", "--host", ollama.url)
    ollama.reply = " \n"
    code, out, err = ragkit("ask", QUESTION, "--host", ollama.url)
    assert (code, out) == (3, "")
    assert err.startswith("Error: the model gave no answer\n  hint: ")
    Path("questions.txt").write_text(f"{QUESTION}\n" * 2, "utf-8")
    code, out, _ = ragkit("ask", "--batch", "questions.txt", "--host", ollama.url)
    assert (code, out.count('"error": "the model gave no answer"')) == (0, 2)


def test_an_error_in_mid_answer_has_a_line_of_its_own(
    here: Path, ragkit: Terminal, ollama: Server
) -> None:
    ragkit("ingest", "docs", "--host", ollama.url)
    ollama.faults.error_after = 3
    code, out, err = ragkit("ask", QUESTION, "--host", ollama.url)
    assert (code, err[:7]) == (3, "Error: ")
    assert out.strip()
    assert out.endswith("\n")


def test_options_of_models_may_stand_in_a_file_that_came_along(here: Path) -> None:
    Path(".ragkit").mkdir()
    Path(".ragkit/config.toml").write_text('embed_options = { num_ctx = 512 }\nmodel = "qwen3"\n')
    with Rag(".ragkit") as rag:
        assert rag.settings.embed_options == {"num_ctx": 512}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("-o", "num_ctx"), "-o has 'num_ctx'"),
        (("--endpoint", "sideways"), "--endpoint"),
        (("--keep-alive", "soon"), "keep_alive"),
        (("--keep-alive", "NaN"), "Ollama refuses the request"),
        (("-o", "num_ctx=big"), "num_ctx"),
        (("-o", "num_ctx=NaN"), "num_ctx in -o cannot be NaN"),
    ],
)
def test_what_cannot_be_is_refused(
    here: Path, ragkit: Terminal, ollama: Server, given: tuple[str, ...], message: str
) -> None:
    code, _, err = ragkit("ingest", "docs", "--host", ollama.url, *given)
    assert (code, message in err or "duration" in err) == (2, True)


def test_models_may_stay_for_a_number_of_seconds(here: Path, ollama: Server) -> None:
    with Rag(host=ollama.url, keep_alive=300) as rag:
        rag.ingest("docs")
    assert {body["keep_alive"] for body in ollama.requests_to("/api/embed")} == {300}


def test_probe_vectors_are_kept_as_they_came(here: Path, ollama: Server) -> None:
    with Rag(host=ollama.url) as rag:
        rag.ingest("docs")
        ledger = rag.reader().index.catalog.ledger
        probe = np.frombuffer(bytes.fromhex(ledger.meta("embedder_probe") or ""), "<f4")
        assert np.linalg.norm(probe) == pytest.approx(1, abs=1e-5)
        assert (ledger.meta("embedder_version") or "").startswith("0.33.0-rc2 ")
        parameters = json.loads(ledger.meta("embedder_parameters") or "")
        assert parameters["document"] == "search_document: "


def test_an_unreachable_server_is_told_in_python(away: Path) -> None:
    with Rag(model="llama3.2") as rag, pytest.raises(OllamaUnreachableError):
        rag.ask(QUESTION)
