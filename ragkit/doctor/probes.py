"""A text embedded and a question answered, by the parts that ingest and ask use themselves."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np

from ragkit.chat_models.prompted import PromptedAnswerer
from ragkit.doctor.models import failed
from ragkit.embedding.checked import embed_checked
from ragkit.embedding.ollama import OllamaEmbedder
from ragkit.embedding.spread import require_same
from ragkit.errors import BadVectorError, OllamaError
from ragkit.types import Check, Chunk, Hit

TEXTS = (
    "ragkit asks: is this text embedded?",
    "A model stays loaded for five minutes after its last request, unless it is told otherwise.",
)
QUESTION = "Count from one to twenty, in words."
SOURCE = "One, two, three, four, five, six, seven, eight, nine, ten, and so on to twenty."
MOST_PIECES = 40  # of the answer: enough to tell how fast it comes


def probe_embedding(embedder: OllamaEmbedder) -> Check:
    """Embed some texts; say what came and how long it took."""
    began = time.monotonic()
    try:
        embedder.probe()  # loads the model, which takes time of its own
        loaded = time.monotonic()
        found = embed_checked(embedder, TEXTS)
        for reason in found.refused.values():
            raise BadVectorError(
                f"{embedder.model} has no vector for a plain text: {reason}",
                hint="try -o num_gpu=0 (on the CPU), a newer Ollama, or another --embed-model",
            )
    except OllamaError as error:
        return failed("embedding", error)
    ended = time.monotonic()
    count, dim = found.rows.shape
    norm = float(np.linalg.norm(found.rows, axis=1).mean())
    facts = {
        "count": count,
        "dim": dim,
        "norm": round(norm, 6),
        "load_s": round(loaded - began, 3),
        "seconds": round(ended - loaded, 3),
    }
    text = (
        f"{count} texts, {dim} dimensions, norm {norm:.2f}, in {ended - loaded:.2f} s"
        f" after {loaded - began:.1f} s to load"
    )
    return Check("embedding", "ok", text, facts=facts)


def check_same(first: OllamaEmbedder, other: OllamaEmbedder, *, address: str, probe: bool) -> Check:
    """Say whether another server embeds as the first does; if not, it is not used.

    Args:
        first: of the first server that answers.
        other: of the other.
        address: of the other.
        probe: embed a text, which loads the model.
    """
    facts: dict[str, object] = {"address": address}
    try:
        digest = first.version().rpartition(" ")[2]
        require_same(other, digest, first.probe() if probe else None, address=address)
    except OllamaError as error:
        facts["error"] = type(error).__name__
        at = "" if address in error.message else f"{address}: "
        return Check("same", "note", f"not used: {at}{error.message}", error.hint, facts)
    same = "the same model and vectors" if probe else "the same model"
    return Check("same", "ok", f"{address} has {same}", facts=facts)


def probe_answer(answerer: PromptedAnswerer) -> Check:
    """Ask a question, and stop at some words; say how soon and how fast they came.

    Args:
        answerer: asks with the context of every other question, so that the model is not
            loaded again for those.
    """
    hit = Hit(1, 1.0, "numbers", Chunk(SOURCE, 0, len(SOURCE), (1, 1)))
    began = time.monotonic()
    came: list[float] = []
    try:
        stream = answerer(QUESTION, [hit])
        try:
            came.extend(time.monotonic() for piece in islice(stream, MOST_PIECES) if piece)
        finally:
            stream.close()  # the server stops at once
    except OllamaError as error:
        return failed("answer", error)
    first_s, rest_s = came[0] - began, came[-1] - came[0]
    rate = (len(came) - 1) / max(rest_s, 1e-3)
    text = f"first token after {first_s:.1f} s"
    text += f", then {rate:.0f} tokens a second" if len(came) > 1 else ""
    facts = {"first_token_s": round(first_s, 3), "tokens_per_s": round(rate, 1) or None}
    return Check("answer", "ok", text, facts=facts)
