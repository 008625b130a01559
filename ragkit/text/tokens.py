"""How many tokens a text costs a language model, estimated from its scripts alone.

Why an estimate: each model has its own tokenizer and Ollama has no endpoint that counts, so that
exactness is not to be had before a model is asked. What matters for a budget is the script: four
letters of English make about one token, one Chinese character about one.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

# Quarter tokens for each character from a code point on, up to the next row: how many characters
# of the script common byte-pair vocabularies (Llama 2 and 3, Qwen 2.5) put into one token.
SCRIPTS = (
    (0x0000, 1),  # Latin and all that is not below
    (0x0370, 2),  # Greek, Cyrillic, Armenian, Hebrew, Arabic, Syriac
    (0x0900, 3),  # the scripts of India, Thai, Lao, Tibetan, Burmese, Georgian
    (0x1100, 4),  # Hangul letters
    (0x1200, 3),  # Ethiopic, Cherokee, Khmer, Mongolian
    (0x1E00, 1),  # Latin and Greek with marks, punctuation, arrows
    (0x2190, 2),  # mathematical signs, boxes, dingbats
    (0x2E80, 4),  # CJK, kana, Hangul
    (0xD800, 2),
    (0xF900, 4),  # CJK compatibility, full width
    (0xFFF0, 4),
)
BEYOND = 4  # emoji and ideographs past the first 65,536


@cache
def _quarters() -> npt.NDArray[np.uint8]:
    """Return quarter tokens by code point, ``(65537,)`` uint8; the last row is all beyond."""
    table = np.full(0x10001, BEYOND, np.uint8)
    starts = [start for start, _ in SCRIPTS] + [0x10000]
    for (start, quarters), end in zip(SCRIPTS, starts[1:], strict=True):
        table[start:end] = quarters
    return table


def _weights(text: str) -> npt.NDArray[np.uint8]:
    """Return the quarter tokens of each character, ``(len(text),)`` uint8."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return _quarters().take(codes, mode="clip")


def estimate_tokens(text: str) -> int:
    """Return about how many tokens ``text`` is, rounded up.

    >>> estimate_tokens("four letters a token"), estimate_tokens("模型默认保留五分钟")
    (5, 9)
    """
    if text.isascii():
        return -(-len(text) // 4)
    return -(-int(_weights(text).sum()) // 4)


def fitting(text: str, start: int, tokens: int) -> int:
    """Return the furthest offset at which ``text[start:offset]`` is at most ``tokens`` tokens.

    At least one character is taken, so that whoever cuts always moves on. Looks at no more of
    the text than could fit.

    >>> fitting("一二三四五 six seven", 0, 5), fitting("six seven", 4, 100)
    (5, 9)
    """
    window = text[start : start + 4 * tokens]
    if window.isascii():
        return start + max(len(window), 1)
    used = _weights(window).cumsum()
    return start + max(int(used.searchsorted(4 * tokens, "right")), 1)


def fits(text: str, start: int, end: int, tokens: int) -> bool:
    """Say whether ``text[start:end]`` is at most ``tokens`` tokens; far too long costs nothing.

    >>> fits("一二三", 0, 3, 3), fits("一二三", 0, 3, 2)
    (True, False)
    """
    return end - start <= 4 * tokens and fitting(text, start, tokens) >= end
