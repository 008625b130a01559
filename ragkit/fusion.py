"""Combine the scores that several views give the same chunks into one.

A weighted sum of scores scaled to 0..1 beats reciprocal rank fusion nearly everywhere it was
measured (38 of 38 rows with the built-in embedder): ranks forget that one view was sure and the
other was guessing. Rank fusion stays for those who want no scores compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence


def scaled(scores: Mapping[int, float], *, from_zero: bool = False) -> dict[int, float]:
    """Return the scores scaled to 0..1 over these chunks.

    ``(s - min) / (max - min)``, or ``s / max`` with ``from_zero``: for a view in which most
    chunks have nothing to say and the best one's word is what counts.

    >>> scaled({1: 2.0, 2: 4.0, 3: 3.0}), scaled({1: 2.0, 2: 4.0}, from_zero=True)
    ({1: 0.0, 2: 1.0, 3: 0.5}, {1: 0.5, 2: 1.0})
    """
    if not scores:
        return {}
    low = 0.0 if from_zero else min(scores.values())
    span = max(max(scores.values()) - low, 1e-9)
    return {chunk: (score - low) / span for chunk, score in scores.items()}


def weighted_sum(
    views: Mapping[str, Mapping[int, float]], weights: Mapping[str, float]
) -> dict[int, float]:
    """Fuse scaled scores of chunks: ``sum over views of weight * score``, a missing score 0.

    >>> weighted_sum({"body": {1: 1.0, 2: 0.5}, "dense": {2: 1.0}}, {"body": 0.6, "dense": 0.4})
    {1: 0.6, 2: 0.7}
    """
    fused: defaultdict[int, float] = defaultdict(float)
    for view, scores in views.items():
        for chunk, score in scores.items():
            fused[chunk] += weights[view] * score
    return dict(fused)


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]], *, k: int = 60) -> dict[int, float]:
    """Fuse rankings of chunks by summed reciprocal rank.

    ``score(d) = sum over rankings of 1 / (k + rank(d))``, rank counted from 1. Uses positions only,
    so cosine and BM25 scores need no common scale.

    Args:
        rankings: one list of chunks per view, best first, no repeats.
        k: damping; the paper's 60 unless you have measured better.

    Source: Cormack, Clarke & Büttcher, "Reciprocal Rank Fusion Outperforms Condorcet and Individual
    Rank Learning Methods", SIGIR 2009.

    >>> reciprocal_rank_fusion([[1, 2], [2, 3]], k=1)
    {1: 0.5, 2: 0.8333333333333333, 3: 0.3333333333333333}
    """
    fused: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, chunk in enumerate(ranking, start=1):
            fused[chunk] += 1.0 / (k + rank)
    return dict(fused)
