"""Whether what came out of a PDF can be a text, or is what fonts without a mapping leave."""

from __future__ import annotations

import re

# Lost and private characters, controls, names of glyphs that nothing maps to characters.
BAD = re.compile(
    r"[\ufffd\ue000-\uf8ff\U000f0000-\U0010fffd\x00-\x08\x0e-\x1f\x7f-\x9f]"
    r"|\(cid:\d+\)|/g\d+|/uni[0-9A-F]{4}"
)
# Scripts that part their words by spaces: what stands below Hebrew.
SPACED = re.compile("[A-Za-z\u00c0-\u058f]")
FEW = 60  # letters: less says little of how words are parted
LONGEST, SHORTEST = 22.0, 1.4  # letters of a word, on average: nothing is written like that
DOUBTFUL = 0.1


def badness(text: str) -> float:
    r"""Return how little a text looks like one: from 0 to 1.

    >>> badness("Plain words on a page."), badness("\ufffd\ufffd\x03 a")
    (0.0, 0.75)
    >>> badness("nospacebetweenthewordsofaline" * 5), badness("l o o s e " * 20)
    (0.5, 0.5)
    """
    dense = "".join(text.split())
    if not dense:
        return 1.0
    bad = sum(map(len, BAD.findall(dense))) / len(dense)
    letters = len(SPACED.findall(dense))
    if letters > max(FEW, len(dense) / 2):
        mean = len(dense) / len(text.split())
        if not SHORTEST < mean < LONGEST:
            bad = max(bad, 0.5)
    return bad


def is_doubtful(text: str) -> bool:
    """Say whether a text is worth a second look; one that is blank is not: it is none."""
    return bool(text.strip()) and badness(text) > DOUBTFUL
