"""What each way of cutting documents is worth, by what a search finds.

    python -m tests.benchmarks.bench_chunkers                       # all, 200 tokens, three sets
    python -m tests.benchmarks.bench_chunkers sentences:100 fixed   # those only

The built-in embedder, hybrid mode, the first 600 questions of a set.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from ragkit import Rag

sys.path.insert(0, str(Path(__file__).parent / "kit"))

from evalkit.data import load
from evalkit.external import export
from evalkit.metrics import Hit, evaluate

from ragkit.config import CHOICES

SETS = ("chroma-chunking", "cookbook-docs", "drcd-dev-long")
QUESTIONS, HITS = 600, 50
FIGURES = ("recall@5", "precision@5", "R@500tok", "R@1000tok", "R@2000tok", "nDCG@10")


def measure(name: str, chunker: str, tokens: int) -> tuple[dict[str, float], int, float]:
    """Return the figures of a set, how many chunks it has, and the CPU seconds of the ingest."""
    data = load(name)
    data.queries = data.queries[:QUESTIONS]
    with tempfile.TemporaryDirectory() as folder:
        names = export(data, Path(folder, "docs"))
        home = Path(folder, ".ragkit")
        with Rag(home, offline=True, chunker=chunker, chunk_tokens=tokens) as rag:
            began = time.process_time()
            rag.ingest(Path(folder, "docs"))
            took = time.process_time() - began
            chunks = rag.status().chunks
            results: list[list[Hit]] = []
            for query in data.queries:
                results.append([])
                for hit in rag.search(query.text, k=HITS):
                    document, shift = names[Path(hit.path).name]
                    size = len(data.by_id[document].text)
                    start, end = (max(at - shift, 0) for at in (hit.chunk.start, hit.chunk.end))
                    results[-1].append(Hit(document, start, min(end, size), hit.score))
    return evaluate(data, results), chunks, took


def main(wanted: list[str]) -> None:
    """Measure and print."""
    print("| set | chunker | tokens | chunks | " + " | ".join(FIGURES) + " | ingest CPU s |")
    print("|---|---|---:|---:|" + "---:|" * (len(FIGURES) + 1))
    for name in SETS:
        for one in wanted or CHOICES["chunker"]:
            chunker, _, tokens = one.partition(":")
            figures, chunks, took = measure(name, chunker, int(tokens or 200))
            cells = [f"{figures[f]:.3f}" if f in figures else "" for f in FIGURES]
            row = [name, chunker, tokens or "200", str(chunks), *cells, f"{took:.1f}"]
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
