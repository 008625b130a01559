"""What a search within a filter costs, by how much the filter admits.

``python -m tests.benchmarks.bench_where``: generated passages and vectors, no files, no model.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from ragkit import Rag
from ragkit.catalog import Source, digest_of
from ragkit.chunking import chunks_of
from ragkit.index.caches import publish
from ragkit.index.folder import Index, Maker
from ragkit.types import Document, FloatMatrix, FloatVector

DIM = 384
SHARES = (1, 100, 1_000, 10_000, 20_000, 50_000)  # documents that have a tag


class Drawn:
    """Vectors drawn at random, the same for the same text."""

    name, fingerprint, dim = "bench:drawn", "bench:drawn 1", DIM

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return rows of unit length."""
        rows = np.random.default_rng(len(texts)).standard_normal((len(texts), DIM), np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def embed_query(self, text: str) -> FloatVector:
        """Return one of them."""
        return np.asarray(self.embed_documents([text])[0])


def make(folder: Path, count: int) -> None:
    """Make an index of ``count`` documents of a passage each, tagged by how many share the tag."""
    rng = np.random.default_rng(1)
    words = [f"word{i}" for i in range(20_000)]
    drawn = Drawn()
    index = Index.create(folder, Maker(drawn.name, drawn.fingerprint, DIM, 200))
    with index.catalog.transaction():
        rows = drawn.embed_documents([""] * count)
        keys = [digest_of(str(i).encode()) for i in range(count)]
        vectors = index.catalog.vectors.put(keys, rows)
        for i, key in enumerate(keys):
            text = " ".join(words[int(j)] for j in (rng.pareto(1.0, 60) * 10) % len(words))
            tags = tuple(("tag", f"of{share}") for share in SHARES if i < share)
            document = Document(text, "text", fields=tags)
            chunks = list(chunks_of(document, [(0, len(text))]))
            content = index.catalog.texts.put_content(document, "en", chunks, [vectors[key]])
            index.catalog.texts.put_source(Source(f"docs/{i}.txt", content, 1, 1, 1, key))
    publish(index.catalog, folder, dim=DIM)
    index.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as name:
        make(Path(name, ".ragkit"), count)
        with Rag(Path(name, ".ragkit"), embedder=Drawn()) as rag:
            print("| admitted | first ms | then ms (CPU, median of 9) |")
            for where in (None, *(f"tag:of{share}" for share in SHARES if share <= count)):
                taken = []
                for i in range(10):
                    began = time.process_time()
                    rag.search(f"word{i} word7 word{300 + i}", where=where)
                    taken.append(1000 * (time.process_time() - began))
                shown = where.removeprefix("tag:of") if where else f"no filter, {count}"
                print(f"| {shown} | {taken[0]:.0f} | {median(taken[1:]):.0f} |", flush=True)


if __name__ == "__main__":
    main()
