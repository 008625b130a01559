"""How fast text formats are read: megabytes of files a second of CPU, and the most memory held.

    python -m tests.benchmarks.bench_text_formats       # 4 MB of each
    python -m tests.benchmarks.bench_text_formats 16    # 16 MB of each

Each format is read in a process of its own. The files are generated, Python's own library stands
for source code. "told" is what it costs to tell the type of a file of prose.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
import time
from base64 import encodebytes
from collections.abc import Callable
from itertools import count
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from ragkit.loading.formats import load, told_type

WORDS = "The model stays in memory for five minutes and the next request pays for it once more. "
TOLD = 20_000


def _python() -> list[str]:
    return [file.read_text("utf-8") for file in sorted(Path(LIBRARY).glob("*.py"))]


LIBRARY = sysconfig.get_paths()["stdlib"]
MADE: dict[str, Callable[[int], str]] = {
    ".txt": lambda i: f"{i} {WORDS}\n\n" if i % 4 == 0 else f"{WORDS}\n",
    ".md": lambda i: f"## Part {i}\n\n{WORDS * 4}\n\n",
    ".rst": lambda i: f"Part {i}\n===========\n\n{WORDS * 4}\n\n",
    ".csv": lambda i: ("" if i else "id,name,city,amount\n")
    + f'{i},"Lee, Ann {i}",Bonn,{i * 3.5}\n',
    ".json": lambda i: ("[" if not i else ",\n")
    + json.dumps({"id": i, "name": f"n{i}", "tags": ["a"], "notes": WORDS, "in": {"x": [1, 2]}}),
    ".jsonl": lambda i: json.dumps({"id": i, "name": f"n{i}", "notes": WORDS}) + "\n",
    ".yaml": lambda i: f"key{i}:\n  name: n{i}\n  list:\n    - a: 1\n      b: {WORDS}\n    - c\n",
    ".toml": lambda i: f'[table.t{i}]\nname = "n{i}"\nnotes = "{WORDS}"\n\n',
    ".srt": lambda i: f"{i}\n{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02},000 --> 99:00:00,000\n"
    f"{WORDS[:40]}\n{WORDS[40:]}\n\n",
    ".ipynb": lambda i: ('{"cells": [' if not i else ",")
    + json.dumps({"cell_type": "code" if i % 2 else "markdown", "source": [f"# Part {i}\n", WORDS],
                  "outputs": [{"output_type": "stream", "text": [WORDS]}]}),
    ".eml": lambda i: ("" if i else "From: a\nContent-Type: multipart/mixed; boundary=b\n")
    + "\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    + encodebytes((f"{i} " + WORDS * 20).encode()).decode(),
}  # fmt: skip
ENDS = {".json": "]", ".ipynb": '], "nbformat": 4}'}


def made(suffix: str, size: int) -> bytes:
    """Return a file of about ``size`` bytes."""
    parts, length = [], 0
    pieces = iter(_python() * 9) if suffix == ".py" else map(MADE[suffix], count())
    while length < size:
        parts.append(next(pieces))
        length += len(parts[-1])
    return ("".join(parts) + ENDS.get(suffix, "")).encode()


def measure(file: Path) -> None:
    """Read a file and print a row of the table."""
    suffix, data = file.suffix, file.read_bytes()
    load(data[:1000], suffix=".txt")
    before = getrusage(RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    document = load(data, suffix=suffix)
    took = time.process_time() - began
    more = (getrusage(RUSAGE_SELF).ru_maxrss - before) / 1e3
    print(f"| {suffix[1:]} | {len(data) / 1e6 / took:.1f} | {more / (len(data) / 1e6):.1f} | "
          f"{len(document.headings):,} | {len(document.places):,} |", flush=True)  # fmt: skip


def main(size: int) -> None:
    """Print a row for each format."""
    print("| format | MB/s of CPU | MB held for each MB | headings | places |")
    print("|---|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in [*MADE, ".py"]:
            file = Path(folder, f"made{suffix}")
            file.write_bytes(made(suffix, size))
            command = [sys.executable, "-m", "tests.benchmarks.bench_text_formats", str(file)]
            subprocess.run(command, check=True)
    data = made(".md", 10_000)
    for suffix in (".md", ".txt", ".py"):
        began = time.process_time()
        for _ in range(TOLD):
            told_type(data, suffix=suffix)
        print(f"told {suffix}: {(time.process_time() - began) / TOLD * 1e6:.1f} µs")


if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].isdigit():
        measure(Path(sys.argv[1]))
    else:
        main(int(sys.argv[1]) * 1_000_000 if sys.argv[1:] else 4_000_000)
