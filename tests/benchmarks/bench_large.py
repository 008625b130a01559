"""An index of a million passages: made, opened, searched, added to.

    python -m tests.benchmarks.bench_large               # 10,000, 100,000 and 1,000,000 passages
    python -m tests.benchmarks.bench_large --passages 200000
    python -m tests.benchmarks.bench_large --ingest      # 10,000 files through a server, and again

The vectors are generated: clusters of unit vectors of 384 dimensions, like those of a small model.
The catalog is filled through its own interface, the caches are made by ``publish``, and each figure
that a user feels is taken in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ragkit.catalog import Source, digest_of
from ragkit.index.caches import publish
from ragkit.index.folder import Index, Maker
from ragkit.index.snapshot import Reader
from ragkit.types import Chunk, Document, FloatMatrix
from ragkit.vectors import is_exact, write_vectors
from tests.benchmarks.bench_ollama import RAGKIT, run, stub
from tests.benchmarks.bench_parts import show

DIM = 384
PER_DOCUMENT = 1_000  # passages
CLUSTERS = 2_000
QUERIES = 100
FILES = 10_000  # of an ingest, 20 passages each
WORDS = "model memory context window batch vector index answer question stream token layer".split()


class Generated:
    """Vectors and texts of an endless collection, the same each time."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(7)
        self._centres = self._rng.standard_normal((CLUSTERS, DIM), np.float32)

    def rows(self, count: int) -> FloatMatrix:
        """Return unit vectors ``(count, 384)``."""
        near = self._centres[self._rng.integers(0, CLUSTERS, count)]
        rows = near + 0.8 * self._rng.standard_normal((count, DIM), np.float32)
        found: FloatMatrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return found

    def document(self, number: int) -> tuple[Document, list[Chunk]]:
        """Return a document of a thousand passages."""
        chunks: list[Chunk] = []
        pieces: list[str] = []
        at = 0
        for i in range(PER_DOCUMENT):
            words = [WORDS[j] for j in self._rng.integers(0, len(WORDS), 12)]
            text = f"Passage {number}-{i} on {' '.join(words)}."
            line = 2 * i + 1
            chunks.append(Chunk(text, at, at + len(text), (line, line), None, ()))
            pieces.append(text)
            at += len(text) + 2
        return Document("\n\n".join(pieces), "text"), chunks


def fill(folder: Path, passages: int) -> None:
    """Make an index with that many passages; its caches are not made yet."""
    generated = Generated()
    index = Index.create(folder, Maker("generated", "generated", DIM, 200))
    catalog = index.catalog
    for number in range(passages // PER_DOCUMENT):
        document, chunks = generated.document(number)
        keys = [digest_of(chunk.text.encode()) for chunk in chunks]
        with catalog.transaction():
            ids = catalog.vectors.put(keys, generated.rows(len(keys)))
            content = catalog.texts.put_content(document, "en", chunks, [ids[k] for k in keys])
            digest = digest_of(str(number).encode())
            catalog.texts.put_source(Source(f"{number}.txt", content, 1, 1, 1, digest))
    index.close()


def opened(folder: Path) -> tuple[Index, Generated]:
    """Return the index in ``folder``, and new vectors of the same clusters."""
    return Index.open(folder, writing=True), Generated()


def build(folder: Path) -> None:
    """Make the caches; print how long the vectors' file alone takes, which is made once more."""
    index, _ = opened(folder)
    publish(index.catalog, folder, dim=DIM)
    began = time.perf_counter()
    vectors = index.catalog.vectors
    exact = is_exact(index.catalog.count("vectors"), DIM)
    sample = None if exact else partial(vectors.sample, DIM)
    write_vectors(folder / "again", vectors.after(0, DIM), dim=DIM, sample=sample)
    print(json.dumps({"dense_s": time.perf_counter() - began}))


def first(folder: Path) -> None:
    """Open the index and search it once, by its vectors and by words."""
    index, generated = opened(folder)
    with Reader(index).snapshot() as snapshot:
        snapshot.best_dense(generated.rows(1)[0], k=100)
        snapshot.best_lexical("body", [("memori",), ("context",)], k=100)
        _ = snapshot.facts


def more(folder: Path) -> None:
    """Add a document of ten passages."""
    index, generated = opened(folder)
    document, chunks = generated.document(-1)
    keys = [digest_of(chunk.text.encode()) for chunk in chunks[:10]]
    with index.catalog.transaction():
        ids = index.catalog.vectors.put(keys, generated.rows(10))
        index.catalog.texts.put_content(document, "en", chunks[:10], [ids[k] for k in keys])
    publish(index.catalog, folder, dim=DIM)


def queries(folder: Path) -> None:
    """Print recall@10 of the dense view, and what a query takes."""
    index, generated = opened(folder)
    asked = generated.rows(QUERIES)
    best = [(np.full(10, -2.0, np.float32), np.zeros(10, np.int64)) for _ in asked]
    for ids, rows in index.catalog.vectors.after(0, DIM, batch=50_000):
        for i, scores in enumerate(asked @ rows.T):
            some = np.argpartition(-scores, 10)[:10]
            both = np.concatenate([best[i][0], scores[some]])
            names = np.concatenate([best[i][1], np.asarray(ids)[some]])
            order = np.argsort(-both)[:10]
            best[i] = both[order], names[order]
    seconds: list[float] = []
    found: list[int] = []
    reader = Reader(index)
    for query, (_, exact) in zip(asked, best, strict=True):
        with reader.snapshot() as snapshot:
            began = time.perf_counter()
            chunks = snapshot.best_dense(query, k=100)[:10]
            seconds.append(time.perf_counter() - began)
            vectors = index.catalog.chunks.vectors_of(chunks)
            found.append(len(set(vectors.values()) & set(exact.tolist())))
    seconds.sort()
    print(json.dumps({"recall": sum(found) / (10 * len(found)), "p50_ms": 1e3 * seconds[50]}))


JOBS: dict[str, Callable[[Path], None]] = {
    "build": build,
    "open": first,
    "add": more,
    "query": queries,
}


def measured(job: str, folder: Path) -> dict[str, float]:
    """Run a job in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_large", "--job", job, str(folder)]
    began = time.perf_counter()
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures = {"s": time.perf_counter() - began}  # with Python's start and the imports
    for line in said.splitlines():
        figures |= json.loads(line)
    return figures


def sizes(given: int | None) -> Iterator[tuple[int, dict[str, dict[str, float]]]]:
    """Measure each size."""
    for passages in [given] if given else [10_000, 100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / ".ragkit"
            fill(folder, passages)
            yield (
                passages,
                {job: measured(job, folder) for job in ("build", "open", "query", "add")},
            )


def ingest() -> None:
    """Ingest 200,000 passages of 10,000 files, and once more with nothing changed."""
    generated = Generated()
    with tempfile.TemporaryDirectory() as name, stub() as server:
        folder = Path(name)
        (folder / "docs").mkdir()
        for number in range(FILES):
            _, chunks = generated.document(number)
            paragraphs = (
                " ".join(chunk.text for chunk in chunks[i : i + 7]) for i in range(0, 140, 7)
            )
            (folder / "docs" / f"{number}.txt").write_text("\n\n".join(paragraphs))
        command = [*RAGKIT, "ingest", "docs", "--embed-model", "all-minilm", "--json"]
        rows = []
        for job in ("ingest", "again"):
            used = run(command, folder, server)
            chunks_made = json.loads(used.said)["chunks"]
            rows.append((job, chunks_made, used.cpu_s, used.wall_s, used.peak_mb))
        show(("job", "passages", "CPU s", "wall s", "peak MB"), rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, help="one size only")
    parser.add_argument("--job", nargs=2, metavar=("JOB", "FOLDER"), help="used by itself")
    parser.add_argument("--ingest", action="store_true", help="10,000 files through a server")
    given = parser.parse_args()
    if given.ingest:
        ingest()
        return
    if given.job:
        JOBS[given.job[0]](Path(given.job[1]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"peak_mb": peak}))
        return
    told = (("build", "dense_s"), ("build", "s"), ("build", "peak_mb"), ("open", "s"),
            ("open", "peak_mb"), ("query", "p50_ms"), ("query", "recall"), ("add", "s"),
            ("add", "peak_mb"))  # fmt: skip
    rows = [
        (passages, *(figures[job][name] for job, name in told))
        for passages, figures in sizes(given.passages)
    ]
    head = ("passages", "vectors written s", "all, and again s", "MB", "open and search once s",
            "MB", "dense p50 ms", "recall@10", "ten added s", "MB")  # fmt: skip
    show(head, rows)


if __name__ == "__main__":
    main()
