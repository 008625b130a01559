"""What ragkit itself says in an answer and below it, in the language of the question.

Chinese for a question in Chinese, else English. A language more is a row in ``WORDINGS`` and a way
to tell its questions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragkit.text.languages import ENGLISH, SCRIPTS
from ragkit.types import NO_ANSWER


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of one language."""

    no_answer: str  # all that a model says where the sources do not hold the answer
    searched: str  # with {no_answer}, {files}, {passages} and {missing}
    missing: str  # with {words}; stands in ``searched``
    between: str  # the words of a list
    uncited: str


WORDINGS = {
    "en": Wording(
        no_answer=NO_ANSWER,
        searched="{no_answer} Searched {files} files ({passages} passages){missing}.",
        missing="; not found there: {words}",
        between=", ",
        uncited="the answer cites no passage: check it with 'ragkit search'",
    ),
    "zh": Wording(
        no_answer="文档中没有答案。",
        searched="{no_answer}已检索 {files} 个文件（{passages} 个段落）{missing}。",
        missing="；其中没有找到：{words}",
        between="、",
        uncited="回答没有引用任何段落，请用 'ragkit search' 核对",
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


def is_no_answer(text: str) -> bool:
    """Say whether a reply begins with a refusal, or is one without its full stop.

    >>> [is_no_answer(text) for text in ("文档中没有答案", " The documents do not say.", "5m [1]")]
    [True, True, False]
    """
    text = text.strip()
    sentences = tuple(wording.no_answer for wording in WORDINGS.values())
    return text.startswith(sentences) or any(text == sentence[:-1] for sentence in sentences)
