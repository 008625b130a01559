"""What it costs to find files, and to open archives instead of folders.

    python -m tests.benchmarks.bench_sources          # 100,000 files; 1,000 members; prints tables
    python -m tests.benchmarks.bench_sources 10000    # of fewer files

Each figure is of a process of its own: CPU seconds, wall seconds, and the most memory it had.
"""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

IGNORED = "*.tmp\nbuild/\n!keep.tmp\n/out\n"
LONG_AGO_S = 1_600_000_000


def many(root: Path, files: int) -> None:
    """Make files of a byte, a hundred a folder, ten folders a folder."""
    for number in range(files):
        folder = root / f"{number // 1000:04}/{number // 100 % 10}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"document-{number % 100:02}.md").write_bytes(b"x")


def documents(count: int) -> dict[str, bytes]:
    """Return documents of some 4 kB by name, none of which is like another."""
    return {
        f"part-{n % 10}/document-{n:04}.md": (
            f"# Document {n}\n\n"
            + "\n\n".join(
                f"Passage {p} of document {n} says what number {n * 31 + p} is about: "
                + "word " * 60
                for p in range(10)
            )
        ).encode()
        for n in range(count)
    }


def walked(root: Path) -> None:
    """Find all files."""
    from ragkit.loading.walk import Found, walk

    print(sum(isinstance(found, Found) for found in walk(root)), "files")


def surveyed(root: Path) -> None:
    """Find all files, and hold them against an index that has none of them."""
    from functools import partial

    from ragkit.catalog import stored_path
    from ragkit.index.survey import survey

    found = survey(None, [root], stored=partial(stored_path, base=root.parent))
    print(len(found.fresh), "files")


def ingested(root: Path) -> None:
    """Ingest offline."""
    from ragkit import Rag

    with Rag(root.parent / ".ragkit", offline=True) as rag:
        report = rag.ingest(root)
    print(f"{report.files} files, {report.read} read, {report.embedded} embedded")


def measured(work: Callable[[Path], None], root: Path) -> str:
    """Run one of the above in a process of its own; return what it says and costs."""
    code = f"from tests.benchmarks.bench_sources import *; {work.__name__}(Path({str(root)!r}))"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    script = f"{code}\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{said[-2]} | {cpu:.2f} | {wall:.2f} | {int(said[-1]) / 1024:.0f}"


def main() -> None:
    """Measure, and print tables."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print("| what | found | CPU s | wall s | MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "many"
        many(root, files)
        print(f"| walk | {measured(walked, root)} |")
        (root / ".gitignore").write_text(IGNORED)
        print(f"| walk, four ignore rules | {measured(walked, root)} |")
        print(f"| walk and survey | {measured(surveyed, root)} |")
    docs = documents(1000)
    for kind in ("folder", "zip", "tar.gz"):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "docs"
            root.mkdir()
            write(root, kind, docs)
            print(f"| {kind}, new | {measured(ingested, root)} |")
            print(f"| {kind}, unchanged | {measured(ingested, root)} |")
            write(root, kind, docs | {"part-0/document-0000.md": b"# Another\n\nand other words"})
            print(f"| {kind}, one changed | {measured(ingested, root)} |")


def write(root: Path, kind: str, docs: dict[str, bytes]) -> None:
    """Write documents: to a folder those that have changed, to an archive all."""
    if kind == "folder":
        for name, data in docs.items():
            file = root / name
            file.parent.mkdir(exist_ok=True)
            if not (file.exists() and file.read_bytes() == data):
                file.write_bytes(data)
                os.utime(file, (LONG_AGO_S, LONG_AGO_S + len(data)))
        return
    made = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in docs.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=made, mode="w:gz") as tar:
            for name, data in docs.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    file = root / f"docs.{kind}"
    file.write_bytes(made.getvalue())
    os.utime(file, (LONG_AGO_S, LONG_AGO_S + len(made.getvalue())))


if __name__ == "__main__":
    main()
