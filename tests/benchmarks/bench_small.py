"""How many questions an index of a few passages answers, and how many it should not have.

    python -m tests.benchmarks.bench_small            # those of the sets that are at hand

Of a set's passages some are drawn, as an index would hold them; asked are the questions about them
and as many about others. Coverage and floor alone, without a search: all passages are looked at.
Once as the passages weigh by themselves, once as among thirty (``ragkit.query.LEAST``).
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from ragkit.grounding import evidence
from ragkit.lexical import Bm25
from ragkit.query import LEAST
from ragkit.text.words import asking_bigrams, asking_terms, query_terms, terms

sys.path.insert(0, str(Path(__file__).parent / "kit"))

from evalkit.data import load

SETS = {"xquad-en": "en", "xquad-de": "de", "xquad-es": "es", "xquad-zh": "zh", "drcd-dev": "zh"}
SIZES = {1: 120, 3: 80, 10: 24}  # passages of an index -> indexes
ASKED = 40  # most of each kind, of an index


def is_answered(question: str, language: str, index: list[list[str]], least: int) -> bool:
    """Say whether some passage of an index has enough of a question."""
    scorer = Bm25()
    for passage in index:
        scorer.add(passage)
    asking = asking_terms(question, [language]) | asking_bigrams(question)
    unknown = scorer.idf("", least=least)

    def weight(term: str) -> float:
        own = scorer.idf(term, least=least)
        return 0.0 if term in asking and own >= unknown else own

    query = query_terms(question, [language])
    return any(evidence(query, [passage], weight).enough for passage in index)


def main() -> None:
    """Measure and print."""
    print("| set | passages | answered | let through | by themselves | let through |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, language in SETS.items():
        data = load(name)
        passages = {doc.id: terms(doc.text, language).split() for doc in data.docs}
        for size, indexes in SIZES.items():
            draw = random.Random(size)
            rates: dict[tuple[int, bool], list[bool]] = {}
            for _ in range(indexes):
                held = draw.sample(sorted(passages), size)
                index = [passages[id_] for id_ in held]
                own = [q for q in data.queries if not set(held).isdisjoint(q.relevant)][:ASKED]
                drawn = draw.sample(data.queries, ASKED)
                others = [q for q in drawn if set(held).isdisjoint(q.relevant)]
                for kind, queries in ((True, own), (False, others)):
                    for least in (LEAST, 0):
                        rates.setdefault((least, kind), []).extend(
                            is_answered(q.text, language, index, least) for q in queries
                        )
            figures = [sum(r) / len(r) for r in rates.values()]
            print(
                f"| {name} | {size} | "
                + " | ".join(f"{figures[i]:.3f}" for i in (0, 2, 1, 3))
                + " |",
                flush=True,
            )


if __name__ == "__main__":
    main()
