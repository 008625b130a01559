"""What stemming and the folding of accents are worth, by words alone.

    python -m tests.benchmarks.bench_words            # those of the sets that are at hand

Sets are looked for in kit/evaldata, or where $EVALDATA says.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ragkit import Rag
from ragkit.text import folding, words
from tests.embedders import HashingEmbedder

KIT = Path(__file__).parent / "kit"
sys.path.insert(0, str(KIT))

from evalkit.data import load
from evalkit.external import export
from evalkit.metrics import Hit, evaluate

SETS = ("xquad-de", "xquad-es", "xquad-en", "xquad-zh")
QUESTIONS = 600
STEMMERS = dict(words.STEMMERS)


def measure(name: str) -> float:
    """Return nDCG@10 of a set."""
    data = load(name)
    data.queries = data.queries[:QUESTIONS]
    words._terms.cache_clear()
    with tempfile.TemporaryDirectory() as folder:
        names = export(data, Path(folder, "docs"))
        with Rag(Path(folder, ".ragkit"), embedder=HashingEmbedder(), mode="lexical") as rag:
            rag.ingest(Path(folder, "docs"))
            results = [
                [
                    Hit(names[Path(hit.path).name][0], 0, 1, hit.score)
                    for hit in rag.search(query.text, k=20)
                ]
                for query in data.queries
            ]
    return float(evaluate(data, results)["nDCG@10"])


def as_it_is() -> None:
    """Make terms as ragkit does."""
    words.STEMMERS.update(STEMMERS)
    vars(words)["unaccented"] = folding.unaccented


def not_stemmed() -> None:
    """Make terms without any stemmer."""
    words.STEMMERS.clear()


def accents_as_they_are() -> None:
    """Make no terms without accents."""
    vars(words)["unaccented"] = str


def main() -> None:
    """Measure and print."""
    ways: tuple[Callable[[], None], ...] = (as_it_is, not_stemmed, accents_as_they_are)
    evaldata = Path(os.environ.get("EVALDATA", KIT / "evaldata"))
    print("| set | " + " | ".join(way.__name__.replace("_", " ") for way in ways) + " |")
    print("|---|" + "---:|" * len(ways))
    for name in SETS:
        if not (evaldata / name).is_dir():
            continue
        figures = []
        for way in ways:
            as_it_is()
            way()
            figures.append(measure(name))
        print(f"| {name} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")


if __name__ == "__main__":
    main()
