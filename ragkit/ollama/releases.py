"""What is known of Ollama's releases, where it matters to who embeds, and of their options.

Source: Ollama's release notes and issues, by row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Release = tuple[int, int, int]
NEWEST: Release = (999, 0, 0)
EMBED_SINCE: Release = (0, 2, 6)  # /api/embed; before it there is /api/embeddings
BATCHES_SINCE: Release = (0, 3, 5)  # before it a batch had wrong and shuffled vectors (#6262)
CLAMPS_SINCE: Release = (0, 9, 3)  # before it more was read than a model was made for (#7741)


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

    models: tuple[str, ...]  # their names without a tag; none means all
    first: Release
    fixed: Release
    text: str


# Names of Ollama's library and of Hugging Face's. Each in full: nomic-embed-text-v2-moe and
# snowflake-arctic-embed2 have another tokenizer.
NOMIC = ("nomic-embed-text", "nomic-embed-text-v1", "nomic-embed-text-v1.5")
WORD_PIECE = (
    *NOMIC,
    "all-minilm",
    "all-minilm-l6-v2",
    "all-minilm-l12-v2",
    "mxbai-embed-large",
    "mxbai-embed-large-v1",
    "bge-large",
    "bge-large-en-v1.5",
    "snowflake-arctic-embed",
    *(f"snowflake-arctic-embed-{size}" for size in ("xs", "s", "m", "m-long", "l")),
)
FLAWS = (
    Flaw(
        (),
        EMBED_SINCE,
        BATCHES_SINCE,
        "mixes up the vectors of a batch: one text is sent at a time",
    ),
    Flaw(
        NOMIC,
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
    name = model.lower().rpartition("/")[2].partition(":")[0].removesuffix("-gguf")
    number = parse_release(release)
    return [
        f"Ollama {release} {flaw.text}"
        for flaw in FLAWS
        if flaw.first <= number < flaw.fixed and (not flaw.models or name in flaw.models)
    ]


# Of all releases from 0.2.6 on; what is none is ignored, and only the server's log says so.
OPTIONS = frozenset(
    "num_ctx num_batch num_gpu main_gpu use_mmap num_thread draft_num_predict temperature top_k "
    "top_p min_p typical_p repeat_penalty repeat_last_n presence_penalty frequency_penalty seed "
    "num_predict num_keep stop tfs_z penalize_newline mirostat mirostat_tau mirostat_eta numa "
    "low_vram f16_kv logits_all vocab_only use_mlock".split()
)


def unknown_options(names: Iterable[str]) -> list[str]:
    """Return what is to be said of options that no release known here has, the nearest named.

    >>> unknown_options(["seed", "num_cxt"])
    ["'num_cxt' is no option known here, and Ollama ignores such (did you mean num_ctx?)"]
    """
    said = []
    for name in sorted(set(names) - OPTIONS):
        from difflib import get_close_matches

        close = get_close_matches(name, sorted(OPTIONS), n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        said.append(f"{name!r} is no option known here, and Ollama ignores such{meant}")
    return said
