"""How often the quoted sentences hold the answer, and how well evidence tells what can be answered.

    python -m tests.benchmarks.bench_answers

Answers: of the first 1,000 questions of a set, the share whose gold answer stands in the three
sentences quoted, nothing refused. Refusals: the first 600 questions, once with their documents in
the index and once with these left out of what was found: how well coverage tells the two apart
(area under the curve), and what the floors let through.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ragkit import Rag
from ragkit.chat_models.quoting import QuotingAnswerer
from ragkit.embedding.wordllama import WordLlamaEmbedder
from ragkit.grounding import PASSAGES, evidence
from ragkit.query import search, telling
from ragkit.text.words import query_terms

sys.path.insert(0, str(Path(__file__).parent / "kit"))

from evalkit.data import Dataset, load
from evalkit.external import export

Figures = npt.NDArray[np.float64]

SETS = ("xquad-en", "xquad-zh", "drcd-dev")
ANSWERS, REFUSALS = 1000, 600


def folded(text: str) -> str:
    """Return text with its white space folded, as quotes have it."""
    return " ".join(text.split())


def answered(rag: Rag, data: Dataset) -> float:
    """Return the share of questions whose gold answer stands in the quoted sentences."""
    questions = [query for query in data.queries if query.answer][:ANSWERS]
    answerer = QuotingAnswerer(WordLlamaEmbedder())
    found = [
        folded(query.answer or "") in " ".join(answerer(query.text, rag.search(query.text)))
        for query in questions
    ]
    return sum(found) / len(found)


def coverages(rag: Rag, data: Dataset, names: dict[str, tuple[str, int]]) -> Figures:
    """Return coverage and floor of each question, with and without its documents: (n, 2, 2)."""
    embedder = WordLlamaEmbedder()
    rows: list[list[tuple[float, float]]] = []
    with rag.reader().snapshot() as snapshot:
        for query in data.queries[:REFUSALS]:
            found = search(query.text, snapshot, embedder=embedder, k=30)
            others = [h for h in found.hits if names[Path(h.path).name][0] not in query.relevant]
            rows.append([])
            for hits in (found.hits, others):
                passages = snapshot.bodies([hit.id for hit in hits[:PASSAGES]])
                words = query_terms(query.text, snapshot.facts.languages)
                proof = evidence(words, passages, telling(query.text, snapshot))
                rows[-1].append((proof.coverage, proof.floor))
    return np.array(rows)


def area(one: Figures, other: Figures) -> float:
    """Return the share of pairs in which the first is higher, a tie counting half."""
    a, b = one[:, None], other[None, :]
    return float(np.mean((a > b) + 0.5 * (a == b)))


def main() -> None:
    """Measure and print."""
    print("| set | answer quoted | area | answered | others let through | floor at 20 % |")
    print("|---|---|---|---|---|---|")
    for name in SETS:
        data = load(name)
        with tempfile.TemporaryDirectory() as folder:
            names = export(data, Path(folder, "docs"))
            with Rag(Path(folder, ".ragkit"), offline=True) as rag:
                rag.ingest(Path(folder, "docs"))
                quoted = answered(rag, data)
                table = coverages(rag, data, names)
        with_, without = table[:, 0], table[:, 1]
        figures = (
            quoted,
            area(with_[:, 0], without[:, 0]),
            float(np.mean(with_[:, 0] >= with_[:, 1])),
            float(np.mean(without[:, 0] >= without[:, 1])),
            float(np.quantile(without[:, 0], 0.8)),
        )
        print(f"| {name} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")


if __name__ == "__main__":
    main()
