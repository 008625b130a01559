"""Answers by a chat model of Ollama's: context, stream, counts, and what is said of a cut."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.chat_models.ollama import OllamaChatModel, without_thoughts
from ragkit.chat_models.prompted import PromptedAnswerer
from ragkit.errors import ConfigError, ContextLengthError, OllamaError, OllamaReplyError
from ragkit.ollama import Client
from ragkit.ollama.installed import choose
from ragkit.types import Hit, Outcome, Prompt, Usage
from tests.ollama_server import Model, Server, serve
from tests.test_prompting import hits_of

QUESTION = "How long does the model stay?"
HITS = hits_of("The model stays for five minutes.", "Bread needs flour and yeast.")
DENSE = hits_of(*["!?" * 500] * 8)  # four times as many tokens as by the estimate


@contextmanager
def chatting(
    server: Server,
    model: str = "llama3.2",
    **more: Any,  # noqa: ANN401 - those of the model
) -> Iterator[OllamaChatModel]:
    with Client(server.url, backoff_s=0.01) as client:
        chosen = choose(client, model, default=model, capability="completion")
        yield OllamaChatModel(client, chosen, **more)


def run(answer: Iterator[str]) -> tuple[str, Outcome]:
    """Return what an answerer says, and what it returns at its end."""
    said = []
    while True:
        try:
            said.append(next(answer))
        except StopIteration as stop:
            return "".join(said), stop.value


def ask(
    model: OllamaChatModel,
    hits: Sequence[Hit] = HITS,
    **more: Any,  # noqa: ANN401 - as PromptedAnswerer has them
) -> tuple[str, Outcome]:
    return run(PromptedAnswerer(model, **more)(QUESTION, hits))


# -- the model


def test_an_answer_is_streamed_with_its_citation_and_its_cost(each_ollama: Server) -> None:
    with chatting(each_ollama) as model:
        said, outcome = ask(model)
    assert said == "The model stays for five minutes. [1]"
    assert outcome.usage
    assert outcome.usage.prompt_tokens > 50
    assert outcome.usage.answer_tokens > 5
    assert outcome.notes == ()
    (body,) = each_ollama.requests_to("/api/chat")
    assert body["truncate"] is False
    assert body["stream"] is True
    assert body["options"] == {"temperature": 0.1, "num_predict": 1024, "num_ctx": 4096}
    assert "think" not in body
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_options_that_were_given_win(ollama: Server) -> None:
    given = {"temperature": 0, "num_ctx": 9000, "seed": 1}
    with chatting(ollama, options=given, keep_alive="30m") as model:
        ask(model)
        assert model.context_tokens(100) == 9000
    (body,) = ollama.requests_to("/api/chat")
    assert body["options"] == {"num_predict": 1024, **given}
    assert body["keep_alive"] == "30m"


def test_a_context_that_is_given_is_a_whole_number(ollama: Server) -> None:
    with chatting(ollama, options={"num_ctx": 8192.0}) as model:
        ask(model)
    (body,) = ollama.requests_to("/api/chat")
    assert repr(body["options"]["num_ctx"]) == "8192"
    for wrong in ("8k", 0, -1, 0.5, 8192.5, True, float("nan"), float("inf")):
        with (
            chatting(ollama, options={"num_ctx": wrong}) as model,
            pytest.raises(ConfigError, match="the option num_ctx cannot be"),
        ):
            ask(model)


def test_the_context_is_a_power_of_two_within_the_models_own(ollama: Server) -> None:
    ollama.add(Model("small", ("completion",), context_length=3000))
    ollama.add(Model("unknown", ("completion",), context_length=0))
    with chatting(ollama) as model:
        assert [model.context_tokens(n) for n in (1, 4096, 4097)] == [2048, 4096, 8192]
        assert model.name == "ollama:llama3.2"
    with chatting(ollama, "small") as model:
        assert model.context_tokens(4097) == 3000
    with chatting(ollama, "unknown") as model:
        assert model.context_tokens(4097) == 8192


def test_a_model_that_is_loaded_with_more_is_not_loaded_again(ollama: Server) -> None:
    with Client(ollama.url) as client:
        client.chat("llama3.2", [], options={"num_ctx": 16_384})
    with chatting(ollama) as model:
        for _ in range(3):
            ask(model)
    assert ollama.loads["llama3.2"] == 1
    assert ollama.requests_to("/api/chat")[-1]["options"]["num_ctx"] == 16_384


def test_every_question_has_the_same_context(ollama: Server) -> None:
    with chatting(ollama) as model:
        for hits in (HITS, HITS[:1], hits_of(*["word " * 100] * 9)):
            ask(model, hits)
    assert ollama.loads["llama3.2"] == 1


def test_a_model_that_thinks_is_told_not_to(ollama: Server) -> None:
    with chatting(ollama, "qwen3") as model:
        said, _ = ask(model)
    assert said == "The model stays for five minutes. [1]"
    assert ollama.requests_to("/api/chat")[0]["think"] is False


def test_what_a_model_thinks_aloud_is_not_its_answer(ollama: Server) -> None:
    ollama.reply = "<think>\nHm, [2]?\n</think>\n\nFive minutes [1]."
    with chatting(ollama) as model:
        assert ask(model)[0] == "Five minutes [1]."


@given(text=st.text(), sizes=st.lists(st.integers(1, 5), min_size=1))
def test_thoughts_are_left_out_however_the_stream_is_cut(text: str, sizes: list[int]) -> None:
    def pieces(whole: str) -> Iterator[str]:
        at = 0
        for size in [*sizes, *[9] * len(whole)]:
            yield whole[at : at + size]
            at += size

    clean = text.replace("<", "").lstrip()
    assert "".join(without_thoughts(pieces(f"<think>{clean}</think>\n{clean}"))) == clean
    assert "".join(without_thoughts(pieces(clean))) == clean


def test_an_unfinished_thought_or_beginning_is_kept_apart() -> None:
    assert list(without_thoughts(["<think>", "never ends"])) == []
    assert list(without_thoughts(["<thi"])) == ["<thi"]
    assert list(without_thoughts(["<think>x</think>", "", " \n", "said", " on"])) == ["said", " on"]


def test_closing_an_answer_ends_the_servers_work(each_ollama: Server) -> None:
    each_ollama.reply = "word " * 5000
    each_ollama.token_s = 0.001
    with chatting(each_ollama) as model:
        answer = PromptedAnswerer(model)(QUESTION, HITS)
        assert next(answer)
        answer.close()
        assert each_ollama.wait_for_cancelled()


def test_a_failure_in_mid_answer_is_raised_after_the_good_part(each_ollama: Server) -> None:
    each_ollama.faults.error_after = 3
    with chatting(each_ollama) as model:
        answer = PromptedAnswerer(model)(QUESTION, HITS)
        assert next(answer)
        with pytest.raises(OllamaError, match="unexpected EOF"):
            list(answer)


def test_an_answer_without_an_end_is_no_answer(ollama: Server) -> None:
    ollama.faults.end_after = 3
    with chatting(ollama) as model, pytest.raises(OllamaReplyError, match="ended before"):
        ask(model)


@pytest.mark.parametrize("reply", [" \n ", "<think>Hm.</think>\n"])
def test_a_model_that_says_nothing_is_an_error(ollama: Server, reply: str) -> None:
    ollama.reply = reply
    with chatting(ollama) as model, pytest.raises(OllamaReplyError, match="gave no answer"):
        ask(model)


def test_a_model_that_thinks_to_its_limit_is_told_so(ollama: Server) -> None:
    ollama.reply = "<think>" + "hm " * 50
    with chatting(ollama) as model, pytest.raises(OllamaReplyError) as failed:
        ask(model, answer_tokens=10)
    assert failed.value.message == "the model gave no answer within 10 tokens"
    assert "raise answer_tokens" in failed.value.hint


# -- prompts that are too long, whatever the estimate said


def test_a_prompt_that_is_refused_is_asked_with_less(ollama: Server) -> None:
    ollama.add(Model("tiny", ("completion",), context_length=1024))
    with chatting(ollama, "tiny") as model:
        said, outcome = ask(model, DENSE)
    assert said
    assert "of 8 passages: more did not fit" in outcome.notes[0]
    assert len(ollama.requests_to("/api/chat")) > 1


@pytest.mark.parametrize("release", ["0.24.0", "0.33.0-rc2"])  # the first does not say how long
def test_a_prompt_that_never_fits_is_an_error(release: str) -> None:
    with serve(release) as server:
        server.faults.over_long = "model"
        with chatting(server) as model, pytest.raises(ContextLengthError):
            ask(model)
        assert 2 < len(server.requests_to("/api/chat")) < 9


def test_what_the_server_counted_says_how_much_less(ollama: Server) -> None:
    ollama.add(Model("native", ("completion",), context_length=1024, native=True))
    with chatting(ollama, "native") as model:
        said, _ = ask(model, DENSE)
    assert said
    assert len(ollama.requests_to("/api/chat")) == 2


def test_an_old_server_that_cuts_the_prompt_is_found_out() -> None:
    with serve("0.5.13") as server:
        server.add(Model("tiny", ("completion",), context_length=1024))
        with chatting(server, "tiny") as model:
            _, outcome = ask(model, DENSE)
    assert any("seems to have cut the prompt" in note for note in outcome.notes)


@pytest.mark.parametrize("counted", [30, 2050, 4090])
def test_counts_that_show_a_cut_are_told(ollama: Server, counted: int) -> None:
    ollama.faults.counted = counted
    with chatting(ollama) as model:
        _, outcome = ask(
            model, hits_of(*["word " * 100] * 30), budget_tokens=3100, answer_tokens=50
        )
    assert any("seems to have cut the prompt" in note for note in outcome.notes)


def test_an_answer_that_reaches_its_limit_is_told(ollama: Server) -> None:
    ollama.reply = "word " * 50
    with chatting(ollama) as model:
        said, outcome = ask(model, answer_tokens=10)
    assert len(said.split()) <= 11
    assert any("cut after" in note for note in outcome.notes)


def test_an_answer_that_has_begun_is_not_begun_anew() -> None:
    class TooLongLate(Counts):
        def stream(
            self, prompt: Prompt, *, context_tokens: int, answer_tokens: int
        ) -> Generator[str, None, Usage]:
            yield "It stays"
            raise ContextLengthError("too long", n_ctx=100, n_prompt_tokens=300)

    answer = PromptedAnswerer(TooLongLate())(QUESTION, HITS)
    assert next(answer) == "It stays"
    with pytest.raises(ContextLengthError):
        next(answer)


class Counts:
    """A chat model whose server counts, and takes one source at a time."""

    name = "test:cuts"

    def context_tokens(self, needed: int) -> int:
        return needed

    def stream(
        self, prompt: Prompt, *, context_tokens: int, answer_tokens: int
    ) -> Generator[str, None, Usage]:
        if prompt.hits > 1:
            raise ContextLengthError("too long", n_ctx=100, n_prompt_tokens=300)
        yield "It stays [1]."
        return Usage()


def test_any_chat_model_can_be_asked() -> None:
    said, outcome = run(PromptedAnswerer(Counts())(QUESTION, hits_of(*["word " * 100] * 4)))
    assert said == "It stays [1]."
    assert outcome.notes == (
        "the model was given 1 of 4 passages: more did not fit (budget_tokens)",
    )


def test_a_passage_that_did_not_fit_whole_is_told() -> None:
    said, outcome = run(PromptedAnswerer(Counts())(QUESTION, hits_of("word " * 4000)))
    assert (said, outcome.hits) == ("It stays [1].", 1)
    assert outcome.notes == (
        "the model was given only the beginning of [1]: the rest did not fit (budget_tokens)",
    )
