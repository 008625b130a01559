"""What each part of an offline ingest costs, in CPU seconds, and the whole of it beside the floor.

    python -m tests.benchmarks.bench_parts            # makes the corpus `medium`; prints tables

The floor is the least that does the job through a server: fixed cuts, embedding requests, a flat
index (kit/floor.py, against kit/stub_ollama.py, which answers at once). It needs httpx, numpy and
faiss alone; its CPU is what ragkit's chunking is held against.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ragkit.loading.walk import Found, walk

if TYPE_CHECKING:
    from ragkit.types import Chunk, Document, FloatMatrix

KIT = Path(__file__).parent / "kit"
QUESTION = "How does newborn cerebral white matter develop?"
REPEATS = 3


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that ``work`` takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def parts(docs: Path, scratch: Path) -> dict[str, float]:
    """Return the CPU seconds of each part, one after the other in this process."""
    from ragkit.catalog import digest_of
    from ragkit.chunking import StructureChunker
    from ragkit.embedding.wordllama import WordLlamaEmbedder
    from ragkit.lexical import Entry, write_lexical
    from ragkit.loading.formats import load
    from ragkit.text.headings import heading_path, text_in_context
    from ragkit.text.languages import detect
    from ragkit.text.words import terms
    from ragkit.vectors import write_vectors

    seconds = {}
    found: list[Found] = []
    seconds["walk"] = cpu(lambda: found.extend(f for f in walk(docs) if isinstance(f, Found)))
    data: list[bytes] = []
    seconds["read, digest"] = cpu(lambda: data.extend(Path(f.path).read_bytes() for f in found))
    seconds["read, digest"] += cpu(lambda: [digest_of(d) for d in data])
    documents: list[Document] = []
    seconds["decode, headings"] = cpu(lambda: documents.extend(load(d, suffix=".md") for d in data))
    languages: list[str] = []
    seconds["language"] = cpu(lambda: languages.extend(detect(d.text) for d in documents))
    chunker = StructureChunker()
    cut: list[list[Chunk]] = []
    seconds["chunking"] = cpu(lambda: cut.extend(list(chunker(d)) for d in documents))
    rows = [
        (document.title, language, chunk)
        for document, language, chunks in zip(documents, languages, cut, strict=True)
        for chunk in chunks
    ]
    texts = [text_in_context(title, chunk) for title, _, chunk in rows]
    embedder = WordLlamaEmbedder()
    vectors: list[FloatMatrix] = []
    seconds["embedding (WordLlama)"] = cpu(
        lambda: vectors.extend(
            embedder.embed_documents(texts[i : i + 256]) for i in range(0, len(texts), 256)
        )
    )
    entries: list[Entry] = []

    def count() -> None:
        for i, ((title, language, chunk), text) in enumerate(zip(rows, texts, strict=True), 1):
            path = terms(heading_path(title, chunk.headings), language)
            entries.append(Entry(i, terms(text, language), path))

    seconds["terms"] = cpu(count)
    folder = scratch / "lexical"
    folder.mkdir()
    seconds["tantivy"] = cpu(lambda: write_lexical(folder, entries))
    batches = [
        (range(i * 256 + 1, i * 256 + 1 + len(some)), some) for i, some in enumerate(vectors)
    ]
    seconds["faiss"] = cpu(lambda: write_vectors(scratch / "dense", batches, dim=embedder.dim))
    shutil.rmtree(folder)
    return seconds


def run(*command: str | Path, cwd: Path) -> tuple[float, float, float, str]:
    """Return CPU seconds, wall seconds, peak MB and standard output of a command."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(KIT)},
    )
    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    wall = time.perf_counter() - began
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, said


def floor(docs: Path, scratch: Path) -> tuple[float, float, float, str]:
    """Return the same of the floor."""
    stub = subprocess.Popen(
        [sys.executable, KIT / "stub_ollama.py", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert stub.stdout is not None
    try:
        address = stub.stdout.readline().split()[-1]
        os.environ["OLLAMA_HOST"] = address if "://" in address else f"http://127.0.0.1:{address}"
        store = scratch / "floor"
        store.mkdir(exist_ok=True)
        return run(sys.executable, KIT / "floor.py", "ingest", docs, store, cwd=scratch)
    finally:
        stub.terminate()
        stub.wait()
        stub.stdout.close()


def show(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(f"{c:.2f}" if isinstance(c, float) else str(c) for c in row) + " |")
    print()


def main() -> None:
    """Measure and print; other processes first, as they begin with this one's peak of memory."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        subprocess.run([sys.executable, KIT / "make_corpus.py", scratch], check=True)
        docs = scratch / "medium"
        ragkit = (sys.executable, "-m", "ragkit")
        whole = []
        for _ in range(REPEATS):
            shutil.rmtree(scratch / ".ragkit", ignore_errors=True)
            whole.append(run(*ragkit, "ingest", docs, "--offline", "--json", cwd=scratch))
        again = [run(*ragkit, "ingest", docs, "--json", cwd=scratch) for _ in range(5)]
        search = [run(*ragkit, "search", QUESTION, "-k", "4", cwd=scratch) for _ in range(5)]
        show(
            ("command", "CPU s", "wall s", "peak MB"),
            [
                (label, *(median(figures) for figures in zip(*(r[:3] for r in runs), strict=True)))
                for label, runs in (
                    ("ingest", whole),
                    ("ingest again, nothing changed", again),
                    ("search, cold", search),
                )
            ],
        )
        print(
            whole[0][3], sum(f.stat().st_size for f in (scratch / ".ragkit").rglob("*")) / 1e6, "MB"
        )
        questions = "".join(f"{QUESTION} {i}\n" for i in range(200))
        (scratch / "questions").write_text(questions)
        batch = run(*ragkit, "search", "--batch", "questions", "-k", "4", cwd=scratch)
        each = (batch[1] - median(r[1] for r in search)) * 5
        print(f"200 questions in one process: {each:.1f} ms each")
        assert json.loads(batch[3].splitlines()[-1])["hits"]

        rounds = [parts(docs, scratch) for _ in range(REPEATS)]
        floors = [floor(docs, scratch) for _ in range(REPEATS)]
        least = median(f[0] for f in floors)
        rows = [
            (part, median(r[part] for r in rounds), median(r[part] for r in rounds) / least)
            for part in rounds[0]
        ]
        rows.append(("the floor, whole", least, 1.0))
        show(("part", "CPU s", "of the floor's CPU"), rows)


if __name__ == "__main__":
    main()
