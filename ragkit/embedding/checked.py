"""Vectors of any embedder, held against what they must be before an index takes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ragkit.protocols import Embedder, ServedEmbedder
from ragkit.types import Embedded


def embed_checked(embedder: Embedder, texts: Sequence[str]) -> Embedded:
    """Embed texts; a text whose vector is zeros or not of numbers has none.

    Raises:
        ValueError: there are not as many vectors as texts, or of another length than the embedder
            says.
        OllamaError: the embedder's server failed.
    """
    if isinstance(embedder, ServedEmbedder):
        found = embedder.embed_each(texts)
    else:
        found = Embedded(np.asarray(embedder.embed_documents(texts), np.float32))
    wanted = (len(texts), embedder.dim)
    if found.rows.shape != wanted:
        raise ValueError(f"{embedder.name} gave vectors {found.rows.shape}, not {wanted}")
    with np.errstate(over="ignore"):  # a norm that is too large is no number either
        norms = np.linalg.norm(found.rows, axis=1)
    good = np.isfinite(norms) & (norms > 0)
    reason = f"{embedder.name} gave zeros or no numbers for it"
    bad = dict.fromkeys(np.flatnonzero(~good).tolist(), reason)
    rows = np.zeros_like(found.rows)
    rows[good] = found.rows[good] / norms[good, None]
    return Embedded(rows, found.parts, {**bad, **found.refused})
