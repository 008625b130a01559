"""What ragkit itself says in an answer and below it, in the language of the question.

Chinese for a question in Chinese, else English. A language more is a row in ``WORDINGS`` and a way
to tell its questions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragkit.text.languages import ENGLISH, SCRIPTS

NO_ANSWER = "The documents do not say."


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of one language."""

    no_answer: str  # all that a model says where the sources do not hold the answer
    searched: str  # with {no_answer}, {files}, {passages}, {within} and {missing}
    within: str  # with {where}, a filter; stands in ``searched``
    missing: str  # with {words}; stands in ``searched``
    between: str  # the words of a list
    note: str  # with {note}, one of those that follow
    uncited: str
    not_given: str  # with {markers}
    ended_early: str
    stale: str
    unread: str  # with {file} and {pages}
    readable: str  # stands behind it where that can be mended
    left_out: str  # with {given} and {all}
    source_cut: str
    prompt_cut: str  # with {read}, {sent} and {context}
    answer_cut: str  # with {tokens}


WORDINGS = {
    "en": Wording(
        no_answer=NO_ANSWER,
        searched="{no_answer} Searched {files} files ({passages} passages){within}{missing}.",
        within=" that match {where}",
        missing="; not found there: {words}",
        between=", ",
        note="note: {note}",
        uncited="the answer cites no passage: check it with 'ragkit search'",
        not_given="the answer cites what the model was not given: {markers}",
        ended_early="the answer was ended early: it is not whole",
        stale=(
            "what is marked (stale) is the older text of a file that could not be read again:"
            " 'ragkit status --failed' says why"
        ),
        unread="{file} has pages without text (scans?): {pages}",
        readable="; 'ragkit ingest --vision-model llava' reads them",
        left_out="the model was given {given} of {all} passages: more did not fit (budget_tokens)",
        source_cut=(
            "the model was given only the beginning of [1]: the rest did not fit (budget_tokens)"
        ),
        prompt_cut=(
            "the server seems to have cut the prompt: it read {read} tokens of about {sent}, with a"
            " context of {context}; do not trust this answer, and lower budget_tokens or update"
            " Ollama"
        ),
        answer_cut="the answer was cut after {tokens} tokens: raise answer_tokens for more",
    ),
    "zh": Wording(
        no_answer="文档中没有答案。",
        searched="{no_answer}已检索 {files} 个文件（{passages} 个段落）{within}{missing}。",
        within="，限于 {where}",
        missing="；其中没有找到：{words}",
        between="、",
        note="注意：{note}",
        uncited="回答没有引用任何段落，请用 'ragkit search' 核对",
        not_given="回答引用了没有提供给模型的段落：{markers}",
        ended_early="回答被提前终止，并不完整",
        stale="标有 (stale) 的是未能重新读取的文件的旧内容，原因见 'ragkit status --failed'",
        unread="{file} 有没有文字的页（扫描件？）：{pages}",
        readable="；'ragkit ingest --vision-model llava' 可以读取这些页",
        left_out="只有 {all} 个段落中的 {given} 个提供给了模型，其余放不下（budget_tokens）",
        source_cut="段落 [1] 超出 budget_tokens，只有开头提供给了模型",
        prompt_cut=(
            "服务端似乎截断了提示词：约 {sent} 个词元只读了 {read} 个，上下文长度为 {context}。"
            "这个回答不可信，请调小 budget_tokens 或升级 Ollama"
        ),
        answer_cut="回答写满 {tokens} 个词元后被截断，需要更长的回答请调大 answer_tokens",
    ),
}

HAN = re.compile(f"[{SCRIPTS['zh']}]")
OTHER = re.compile(f"[{SCRIPTS['ja']}{SCRIPTS['ko']}]")  # Han characters stand there too
ASKING = re.compile("什[么麼]|[怎多][么麼]|如何|[为為]何|多少|多[久长長大]|哪|是否|能否|[吗嗎呢]")


def wording_for(question: str) -> Wording:
    """Return the sentences in the language of a question.

    Chinese ones about software are often Latin letters for the most part, and English ones may
    quote a Chinese message: what counts is in which of both it asks.

    >>> asked = ("num_ctx 和 num_predict 的关系", "How do I fix 模型加载失败?", "なぜ遅い")
    >>> [wording_for(question).no_answer for question in asked]
    ['文档中没有答案。', 'The documents do not say.', 'The documents do not say.']
    """
    han = len(HAN.findall(question))
    if not han or OTHER.search(question):
        return WORDINGS["en"]
    english = sum(word in ENGLISH for word in re.findall("[a-z]+", question.lower()))
    return WORDINGS["zh" if ASKING.search(question) or 4 * english < han else "en"]


NO_ANSWERS = "|".join(re.escape(wording.no_answer[:-1]) for wording in WORDINGS.values())
SAYS_NO = re.compile(rf"\s*(?:{NO_ANSWERS})[ \t]*(?:[.。]|$)", re.MULTILINE)


def is_no_answer(text: str) -> bool:
    """Say whether a reply begins with a refusal, in whichever language, with a full stop or none.

    >>> [is_no_answer(text) for text in ("文档中没有答案", "The documents do not say.", "5m [1]")]
    [True, True, False]
    """
    return bool(SAYS_NO.match(text))
