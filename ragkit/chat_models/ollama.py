"""A chat model of an Ollama server, asked with a context that holds the prompt."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from ragkit.errors import ConfigError
from ragkit.ollama import ChatReply, Client
from ragkit.ollama.installed import Chosen, canonical
from ragkit.types import Prompt, Usage

LEAST_CONTEXT = 2048
TEMPERATURE = 0.1  # what is quoted from sources needs no fancy
OPENING, CLOSING = "<think>", "</think>"


class OllamaChatModel:
    """Chats with a model of an Ollama server.

    Args:
        client: of the server.
        chosen: the model, and what the server says of it.
        options: Ollama's options, such as ``{"num_ctx": 8192}``; they win over ours.
        keep_alive: how long it stays loaded; None is the server's default.
    """

    def __init__(
        self,
        client: Client,
        chosen: Chosen,
        *,
        options: Mapping[str, Any] | None = None,
        keep_alive: str | float | None = None,
    ) -> None:
        self._client = client
        self._chosen = chosen
        self._options = dict(options or {})
        self._keep_alive = keep_alive

    @property
    def name(self) -> str:
        """Name shown with the answer, such as ``"ollama:llama3.2"``."""
        return f"ollama:{self._chosen.name.removesuffix(':latest')}"

    def context_tokens(self, needed: int) -> int:
        """Return the context to ask for: a power of two, so that it is seldom another one.

        Another context makes the server load the model again. Where it is loaded with more than
        needed, that is taken; the model's own limit is the most.

        Raises:
            ConfigError: the option ``num_ctx`` is no number of tokens.
        """
        given = self._options.get("num_ctx")
        if given is not None:
            return _whole("num_ctx", given)
        context = max(LEAST_CONTEXT, 1 << (needed - 1).bit_length())
        if limit := self._chosen.info.context_length:
            context = min(context, limit)
        wanted = canonical(self._chosen.name)
        for model in self._client.ps():
            if canonical(model.name) == wanted:
                context = max(context, model.context_length or 0)
        return context

    def stream(
        self, prompt: Prompt, *, context_tokens: int, answer_tokens: int
    ) -> Generator[str, None, Usage]:
        """Yield the reply piece by piece, without what the model thinks; return what it cost.

        Raises:
            ContextLengthError: the prompt is longer than the context (release 0.12.6 on; older
                ones cut it, which the counts tell). Nothing was yielded.
            OllamaError: the server failed; after some pieces too.
        """
        thinks = "thinking" in (self._chosen.info.capabilities or ())
        messages = [
            {"role": "system", "content": prompt.rules},
            {"role": "user", "content": prompt.text},
        ]
        options = {"temperature": TEMPERATURE, "num_predict": answer_tokens} | self._options
        stream = self._client.chat_stream(
            self._chosen.name,
            messages,
            options={**options, "num_ctx": context_tokens},
            keep_alive=self._keep_alive,
            think=False if thinks else None,
            truncate=False,
        )
        last: list[ChatReply] = []
        try:
            yield from without_thoughts(_contents(stream, last))
        finally:
            stream.close()  # the server stops at once
        metrics = last[0].metrics
        was_cut = last[0].done_reason == "length"
        return Usage(metrics.prompt_eval_count, metrics.eval_count, was_cut)


def _whole(option: str, value: object) -> int:
    """Return a whole positive number; 8192.0 is one."""
    is_truth = isinstance(value, bool)  # which is an int to Python
    if isinstance(value, int | float) and not is_truth and value >= 1 and value % 1 == 0:
        return int(value)
    raise ConfigError(
        f"the option {option} cannot be {value!r}", hint=f"give a whole number: {option}=8192"
    )


def _contents(stream: Iterable[ChatReply], last: list[ChatReply]) -> Iterator[str]:
    """Yield what is said in a stream; put its last record into ``last``."""
    for piece in stream:
        yield piece.content
        if piece.done:
            last[:] = [piece]


def without_thoughts(pieces: Iterable[str]) -> Iterator[str]:
    r"""Yield pieces of text without a thinking part at their beginning, however it is cut.

    >>> list(without_thoughts(["<th", "ink>hm", "m</think>", "\n\nIt ", "works"]))
    ['It ', 'works']
    >>> list(without_thoughts(["<", "b> is bold"]))
    ['<b> is bold']
    """
    held, state = "", "unknown"
    for piece in pieces:
        if state == "said":
            if piece:
                yield piece
            continue
        held += piece
        begun = held.lstrip()
        if state == "unknown" and not OPENING.startswith(begun[: len(OPENING)]):
            state = "said"
        elif begun.startswith(OPENING):
            state = "thinking"
        if state == "thinking" and CLOSING in begun:
            state, held = "ended", begun.partition(CLOSING)[2]
        if state == "ended":
            held = held.lstrip()
            state = "said" if held else state
        if state == "said":
            yield held
    if state == "unknown" and held:
        yield held
