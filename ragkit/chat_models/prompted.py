"""Answers by a chat model, from a prompt that holds the passages; a cut prompt is told."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

from ragkit.errors import ContextLengthError, OllamaReplyError
from ragkit.prompting import build_prompt
from ragkit.protocols import ChatModel, PromptBuilder
from ragkit.text.wording import Wording, wording_for
from ragkit.types import Hit, Outcome, Prompt, Usage

MARGIN = 1.25  # real tokens for an estimated one, at most, in running text of most languages
LEAST_SHARE = 0.45  # of the estimate: Chinese is two thirds with some vocabularies
CUT_WITHIN = 8  # tokens that a prompt which fills the context may lack


@dataclass(frozen=True, slots=True)
class PromptedAnswerer:
    """Asks a chat model, with as many passages as the budget holds, the best first.

    The context is the same for every question under the same settings: another one would make the
    server load the model again.
    """

    model: ChatModel
    budget_tokens: int = 2000  # of sources and question, estimated
    answer_tokens: int = 1024  # most of an answer
    prompt: PromptBuilder = build_prompt

    @property
    def name(self) -> str:
        """Name shown with the answer."""
        return self.model.name

    @property
    def needed_tokens(self) -> int:
        """Most tokens that rules, prompt and answer take together, with a margin."""
        return int((self.budget_tokens + self._own_tokens) * MARGIN) + self.answer_tokens

    @property
    def _own_tokens(self) -> int:
        """Tokens of a prompt that asks nothing: rules, and whatever else is in each."""
        return self.prompt("", (), budget_tokens=0).tokens

    def __call__(self, question: str, hits: Sequence[Hit]) -> Generator[str, None, Outcome]:
        """Yield the answer piece by piece; return what it cost and what was left out.

        Raises:
            ContextLengthError: not even the first passage fits.
            OllamaReplyError: the model said nothing.
            OllamaError: the server failed; after some pieces too.
        """
        rules = self._own_tokens
        context = self.model.context_tokens(self.needed_tokens)
        answer_tokens = min(self.answer_tokens, context // 2)
        budget = min(self.budget_tokens, int((context - answer_tokens) / MARGIN) - rules)
        while True:
            prompt = self.prompt(question, hits, budget_tokens=budget)
            stream = self.model.stream(prompt, context_tokens=context, answer_tokens=answer_tokens)
            with closing(stream):
                try:
                    begun = _beginning(stream)
                except ContextLengthError as error:
                    if prompt.hits <= 1 and budget < self.budget_tokens // 8:
                        raise
                    budget = _smaller(budget, error)
                    continue
                if isinstance(begun, Usage):
                    raise _no_answer(begun)
                yield begun
                usage = yield from stream  # too long only now: it cannot be begun anew
            notes = _notes(prompt, hits, context, usage, wording_for(question))
            return Outcome(usage, tuple(notes), prompt.hits)


def _beginning(stream: Generator[str, None, Usage]) -> str | Usage:
    """Return what is said first, with the white space before it; what it cost if nothing is."""
    held = ""
    while not held.strip():
        try:
            held += next(stream)
        except StopIteration as stop:
            usage: Usage = stop.value
            return usage
    return held


def _no_answer(usage: Usage) -> OllamaReplyError:
    if usage.was_cut:  # it may have thought all the while
        return OllamaReplyError(
            f"the model gave no answer within {usage.answer_tokens} tokens",
            hint="raise answer_tokens, or use another model (--model)",
        )
    return OllamaReplyError(
        "the model gave no answer", hint="ask again or in other words, or use another --model"
    )


def _smaller(budget: int, error: ContextLengthError) -> int:
    """Return a budget that should fit, by what the server counted, else half of it."""
    if error.n_ctx and error.n_prompt_tokens:
        return min(int(budget * 0.9 * error.n_ctx / error.n_prompt_tokens), budget // 2)
    return budget // 2


def _notes(
    prompt: Prompt, hits: Sequence[Hit], context: int, usage: Usage, wording: Wording
) -> list[str]:
    notes = []
    if prompt.hits < len(hits):
        notes.append(wording.left_out.format(given=prompt.hits, all=len(hits)))
    if prompt.is_cut:
        notes.append(wording.source_cut)
    if was_cut(prompt.tokens, usage.prompt_tokens, context):
        read = usage.prompt_tokens
        notes.append(wording.prompt_cut.format(read=read, sent=prompt.tokens, context=context))
    if usage.was_cut:
        notes.append(wording.answer_cut.format(tokens=usage.answer_tokens))
    return notes


def was_cut(estimated: int, read: int, context: int) -> bool:
    """Say whether a server that read so many tokens of a prompt must have cut it.

    Cut prompts fill the context, or from release 0.30.11 on about half of it; 0 is not known.

    >>> was_cut(2000, 1800, 4096), was_cut(2000, 0, 4096), was_cut(5000, 4095, 4096)
    (False, False, True)
    >>> was_cut(4200, 2050, 4096), was_cut(3000, 500, 4096)
    (True, True)
    """
    if not read:
        return False
    half = context - (context - 4) // 2
    return (
        read >= context - CUT_WITHIN
        or read < LEAST_SHARE * estimated
        or (abs(read - half) <= CUT_WITHIN and estimated > context * 0.7)
    )
