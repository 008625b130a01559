"""What is known of Ollama's releases, where it matters to who embeds.

Source: Ollama's release notes and issues, by row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Release = tuple[int, int, int]
NEWEST: Release = (999, 0, 0)
EMBED_SINCE: Release = (0, 2, 6)  # /api/embed; before it there is /api/embeddings
BATCHES_SINCE: Release = (0, 3, 5)  # before it a batch had wrong and shuffled vectors (#6262)


def parse_release(text: str) -> Release:
    """Return a release as numbers; what is none, and 0.0.0, was built from source: the newest.

    >>> parse_release("0.33.0-rc2"), parse_release("0.5.13") < BATCHES_SINCE, parse_release("0.0.0")
    ((0, 33, 0), False, (999, 0, 0))
    """
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    release = (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)
    return release if any(release) else NEWEST


@dataclass(frozen=True, slots=True)
class Flaw:
    """Wrong vectors of some models on some releases."""

    models: tuple[str, ...]  # how their names begin; none means all
    first: Release
    fixed: Release
    text: str


WORD_PIECE = (
    "all-minilm",
    "nomic-embed-text",
    "mxbai-embed",
    "bge-large",
    "snowflake-arctic-embed",
)
FLAWS = (
    Flaw(
        (),
        EMBED_SINCE,
        BATCHES_SINCE,
        "mixes up the vectors of a batch: one text is sent at a time",
    ),
    Flaw(
        ("nomic-embed-text",),
        (0, 13, 1),
        (0, 30, 0),
        "gives all texts in capital letters the same vector (ollama/ollama#13942)",
    ),
    Flaw(
        WORD_PIECE,
        (0, 14, 0),
        (0, 30, 0),
        "reads letters with accents wrongly with this model (ollama/ollama#15609)",
    ),
)


def flaws(release: str, model: str) -> list[str]:
    """Return what a release is known to get wrong with an embedding model.

    >>> flaws("0.24.0", "all-minilm")
    ['Ollama 0.24.0 reads letters with accents wrongly with this model (ollama/ollama#15609)']
    >>> flaws("0.33.0", "all-minilm")
    []
    """
    number, name = parse_release(release), model.lower().rpartition("/")[2]
    return [
        f"Ollama {release} {flaw.text}"
        for flaw in FLAWS
        if flaw.first <= number < flaw.fixed and (not flaw.models or name.startswith(flaw.models))
    ]
