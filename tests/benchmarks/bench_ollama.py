"""Ingest and ask through a server that costs nothing, beside the floor, and LangChain if given.

    python -m tests.benchmarks.bench_ollama
    python -m tests.benchmarks.bench_ollama --langchain VENV/bin/python    # with kit/langchain.txt
    python -m tests.benchmarks.bench_ollama --slow          # as slow as a model: its bound, 5 min

The stub (kit/stub_ollama.py) speaks Ollama's API and answers at once, so that what is left is the
client's own cost. The floor (kit/floor.py) is the least that does the job: fixed cuts, requests of
64 texts on four connections, a flat index. Each run stands beside one of the floor, in turned-about
order; the ratio is taken within the pair.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.bench_parts import KIT, QUESTION, show

PAIRS = 5
RAGKIT = (sys.executable, "-m", "ragkit")
SLOW = ("--us-per-char", "20", "--ms-per-request", "5", "--parallel", "1")


@dataclass(frozen=True, slots=True)
class Used:
    """What a run took."""

    cpu_s: float
    wall_s: float
    first_s: float  # to the first byte of standard output
    peak_mb: float
    said: str


class Stub:
    """The server, and what it saw."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, data: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(f"http://{self.address}{path}", data)
        with urllib.request.urlopen(request, timeout=60) as reply:
            found: dict[str, Any] = json.loads(reply.read())
            return found


@contextmanager
def stub(*options: str) -> Iterator[Stub]:
    """Run the server for the block."""
    command = [sys.executable, str(KIT / "stub_ollama.py"), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Stub(f"127.0.0.1:{process.stdout.readline().split()[-1]}")
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def run(command: Sequence[str | Path], cwd: Path, server: Stub) -> Used:
    """Run a command to its end."""
    environment = {**os.environ, "PYTHONPATH": f"{KIT}{os.pathsep}{Path.cwd()}"}
    environment |= {"OLLAMA_HOST": f"http://{server.address}", "BENCH_EMBED": "all-minilm"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdout is not None
    with process.stdout as out:
        said = out.read(1)
        first_s = time.perf_counter() - began
        said += out.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    wall_s = time.perf_counter() - began
    cpu_s = used.ru_utime + used.ru_stime
    return Used(cpu_s, wall_s, first_s, used.ru_maxrss / 1024, said.decode())


class Contest:
    """The contestants, each with a folder of its own."""

    def __init__(self, scratch: Path, langchain: str | None) -> None:
        self.docs = scratch / "medium"
        self.scratch = scratch
        self.others = {"ragkit": ""} | ({"langchain": langchain} if langchain else {})

    def folder(self, name: str, *, empty: bool = False) -> Path:
        folder = self.scratch / f"store-{name}"
        if empty:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        return folder

    def ingest(self, name: str, server: Stub, *, again: bool = False) -> Used:
        folder = self.folder(name, empty=not again)
        server.get("/__reset", b"")
        if name == "ragkit":
            ours = ("--embed-model", "all-minilm", "--json")
            command: list[str | Path] = [*RAGKIT, "ingest", self.docs, *ours]
        else:
            command = [*self._peer(name), "ingest", self.docs, folder]
        return run(command, folder, server)

    def ask(self, name: str, server: Stub) -> Used:
        folder = self.folder(name)
        if name == "ragkit":
            return run([*RAGKIT, "ask", QUESTION, "--model", "llama3"], folder, server)
        return run([*self._peer(name), "ask", folder, QUESTION], folder, server)

    def _peer(self, name: str) -> list[str | Path]:
        if name == "floor":
            return [sys.executable, KIT / "floor.py"]
        return [self.others[name], KIT / "langchain_peer.py"]


def pairs(contest: Contest, name: str, job: str, server: Stub) -> list[tuple[Used, Used]]:
    """Return runs of a contestant, each with the floor's beside it."""
    found = []
    for i in range(PAIRS):
        order = ("floor", name) if i % 2 else (name, "floor")
        both = {who: getattr(contest, job)(who, server) for who in order}
        found.append((both[name], both["floor"]))
    return found


def fast(contest: Contest) -> None:
    """Measure against the server that answers at once."""
    with stub() as server:
        rows: list[Sequence[object]] = []
        for name in contest.others:
            for job in ("ingest", "ask"):
                found = pairs(contest, name, job, server)
                rows.append(
                    (
                        name,
                        job,
                        median(one.cpu_s for one, _ in found),
                        median(one.cpu_s / least.cpu_s for one, least in found),
                        median(one.first_s for one, _ in found),
                        median(one.first_s / least.first_s for one, least in found),
                        median(one.peak_mb for one, _ in found),
                    )
                )
        head = ("contestant", "job", "CPU s", "÷ floor", "first byte s", "÷ floor", "peak MB")
        floor = [contest.ingest("floor", server) for _ in range(PAIRS)]
        rows.append(("floor", "ingest", median(f.cpu_s for f in floor), 1.0, 0.0, 1.0,
                     median(f.peak_mb for f in floor)))  # fmt: skip
        show(head, rows)
        again = [contest.ingest("ragkit", server, again=True) for _ in range(PAIRS)]
        stats = server.get("/__stats")
        print(f"again: {median(a.cpu_s for a in again):.2f} s CPU, {stats['texts']} texts embedded")


def slow(contest: Contest) -> None:
    """Measure against a server as slow as a model: the share of what it could do at best."""
    with stub(*SLOW) as server:
        used = contest.ingest("ragkit", server)
        stats = server.get("/__stats")
        bound_s = stats["work_s"]
        print(f"slow server: {used.wall_s:.1f} s, its bound {bound_s:.1f} s:"
              f" {bound_s / used.wall_s:.1%} of it over the whole run")  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--langchain", help="the Python of an environment with LangChain")
    parser.add_argument("--slow", action="store_true", help="against a server as slow as a model")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        subprocess.run([sys.executable, KIT / "make_corpus.py", scratch], check=True)
        (slow if given.slow else fast)(Contest(scratch, given.langchain))


if __name__ == "__main__":
    main()
