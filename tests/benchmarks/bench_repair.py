"""What checking, mending, compacting and carrying an index costs.

``python -m tests.benchmarks.bench_repair``: generated documents, an embedder of hashes, no model.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ragkit import Rag
from ragkit.catalog import FILE
from tests.embedders import HashingEmbedder

PAGE = 8192


def documents(folder: Path, count: int) -> None:
    """Write ``count`` files of about ten passages each."""
    rng = random.Random(1)
    words = [f"word{i}" for i in range(5000)]
    folder.mkdir()
    for i in range(count):
        parts = (f"## Part {n}\n\n" + " ".join(rng.choices(words, k=110)) for n in range(10))
        (folder / f"{i}.md").write_text(f"# Number {i}\n\n" + "\n\n".join(parts))


def timed(what: str, do: Callable[[], object]) -> None:
    began = time.process_time()
    do()
    print(f"| {what} | {time.process_time() - began:.1f} |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=2000)
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        documents(base / "docs", files)
        embedder = HashingEmbedder()
        with Rag(base / ".ragkit", embedder=embedder) as rag:
            print("| what | CPU s |\n|---|---:|")
            timed("ingest", lambda: rag.ingest(base / "docs"))
            print(f"| passages | {rag.status().chunks} |")
            print(f"| MB | {rag.status().bytes / 1e6:.0f} |")
            embedder.embedded.clear()
            timed("check", rag.check)
            timed("check --repair, nothing damaged", rag.repair)
            rag.close()
            with (base / ".ragkit" / FILE).open("rb+") as file:
                file.write(bytes(PAGE))
            timed("check --repair, the first page lost", rag.repair)
            timed("export", lambda: rag.export(base / "index.ragkit"))
            with Rag(base / "elsewhere", embedder=embedder) as other:
                timed("import", lambda: other.take_in(base / "index.ragkit"))
            rag.remove(*(base / f"docs/{i}.md" for i in range(files // 8)))
            timed("check --compact, an eighth of the files gone", rag.compact)
            print(f"| texts embedded since the ingest | {len(embedder.embedded)} |")
            assert rag.check() == []


if __name__ == "__main__":
    main()
