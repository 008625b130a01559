"""Tokens, and vectors that mean something: texts that share words are near.

Each word is a random direction that its spelling alone decides, a text the sum of its words, so the
cosine of two texts is about the share of words that they have in common.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
FIRST_CJK = re.compile(f"[{CJK}]")
WORD = re.compile(rf"[{CJK}]+|[^\W{CJK}]+")
# An embedder's tokens: words, each mark, and each CJK character.
PIECE = re.compile(rf"[{CJK}]|[^\W_{CJK}]+|[^\w\s]|_")
# A chat model's: a word with the space before it, digits, marks, and spaces that are left.
TOKEN = re.compile(rf"[{CJK}]|[^\S\n]?[^\W\d_{CJK}]+|\d{{1,3}}|[^\S\n]?(?:[^\w\s]|_)|\n+|[^\S\n]+?")

LIGHT_LETTERS = 3  # "the", "of", "is": words as short as these say little
LIGHT = 0.35
DRIFT = 0.85  # cosine of a text with itself in a release that reads it otherwise


def pieces(text: str) -> list[str]:
    """Return the tokens that an embedder makes of a text.

    >>> pieces("Memory, 模型")
    ['Memory', ',', '模', '型']
    """
    return PIECE.findall(text)


def tokens(text: str) -> list[str]:
    """Return the tokens that a chat model makes of a text; together they are the text.

    >>> tokens("of the model.")
    ['of', ' the', ' model', '.']
    """
    return TOKEN.findall(text)


def cut(text: str, count: int) -> str:
    """Return the text of its first ``count`` pieces."""
    ends = [match.end() for match in PIECE.finditer(text)]
    return text if len(ends) <= count else text[: ends[count - 1] if count else 0]


def words(text: str) -> Iterator[str]:
    """Yield the words of a text; of CJK text, the characters and each two beside each other."""
    for found in WORD.findall(text.lower()):
        if found[0] > "\u3000" and FIRST_CJK.match(found):
            yield from found
            yield from (found[i : i + 2] for i in range(len(found) - 1))
        else:
            yield found


@lru_cache(maxsize=4096)
def embed(text: str, *, weights: str, dim: int, drift: bool) -> Vector:
    """Return the vector of a text, ``(dim,)``, of no particular length; the same every time.

    Args:
        text: as the model reads it; one without words has a vector too, that of its ends.
        weights: of the model; others give other vectors.
        dim: how many numbers.
        drift: whether the release reads texts otherwise; cosine with what it was is about .85.
    """
    total = 0.1 * _direction("", weights, dim, drift)
    found = list(words(text))
    for word, count in Counter(found).items():
        weight = LIGHT if len(word) <= LIGHT_LETTERS and word.isascii() else 1.0
        total += count * weight * _direction(word, weights, dim, drift)
    # A mean of words is shorter than a word where they differ, and no model's vectors are unit.
    vector: Vector = np.divide(4 * total, np.sqrt(1 + len(found))).astype(np.float32)
    vector.setflags(write=False)
    return vector


def unit(vector: Vector) -> Vector:
    """Return a vector at length 1, zeros as they are."""
    norm = float(np.linalg.norm(vector))
    return np.divide(vector, np.float32(norm)) if norm else vector


@lru_cache(maxsize=8192)
def _direction(word: str, weights: str, dim: int, drift: bool) -> Vector:
    seed = hashlib.sha256(f"{weights}\n{word}".encode("utf-8", "replace")).digest()
    random = np.random.Generator(np.random.PCG64(int.from_bytes(seed[:8], "little")))
    here = random.standard_normal(dim)
    there = random.standard_normal(dim) if drift else here
    mixed = DRIFT * here + np.sqrt(1 - DRIFT**2) * there if drift else here
    return np.divide(mixed, np.linalg.norm(mixed)).astype(np.float32)
