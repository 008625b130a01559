"""PDFs beside a bare pypdf loop: CPU, pages a second by processes, characters recovered.

    python -m tests.benchmarks.bench_pdf            # 30 PDFs of 20 pages
    python -m tests.benchmarks.bench_pdf 8 10 1     # 8 PDFs of 10 pages, measured once

The PDFs are made here (fpdf2, a seed): headings, paragraphs, a table, two columns, a header and a
page number on each page. What they say is known, so that what is lost can be counted.
"""

from __future__ import annotations

import io
import random
import resource
import sys
import time
from collections.abc import Callable

from fpdf import FPDF

from ragkit.loading.limits import Limits
from ragkit.loading.workers import PdfWorkers
from ragkit.pdf.first import First
from ragkit.pdf.second import Second
from ragkit.types import Document

SYLLABLES = (
    "an bor cel dri fen gal hin jor kel lum mor nep ost pra quil ros sen tam vul wex".split()
)


class Made(FPDF):
    """A PDF with a header and a page number on each page."""

    def header(self) -> None:
        self.set_font("Helvetica", size=8)
        self.cell(text="Proceedings of the harbour office", new_x="LMARGIN", new_y="NEXT")

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", size=8)
        self.cell(text=f"Page {self.page_no()}")


def made(pages: int, seed: int) -> tuple[bytes, list[str]]:
    """Return a PDF, and the paragraphs, cells and headings that stand in it."""
    rng = random.Random(seed)
    pdf, known = Made(), []

    def words(count: int) -> str:
        return " ".join("".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(count))

    for number in range(pages):
        pdf.add_page()
        title = f"{number + 1}. {words(3).capitalize()}"
        pdf.set_font("Helvetica", style="B", size=13)
        pdf.start_section(title)
        pdf.cell(text=title, new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("Times", size=11)
        known.append(title)
        for _ in range(4):
            known.append(words(70).capitalize() + ".")
            pdf.multi_cell(0, 5, known[-1], align="J", new_x="LMARGIN", new_y="NEXT")
        rows = [[words(1), str(rng.randint(1, 10**6)), words(2)] for _ in range(5)]
        with pdf.table() as table:
            for cells in rows:
                row = table.row()
                for cell in cells:
                    row.cell(cell)
        known += [cell for cells in rows for cell in cells]
        with pdf.text_columns(ncols=2, gutter=8, text_align="L") as columns:
            known.append(words(60).capitalize() + ".")
            columns.write(known[-1])
    return bytes(pdf.output()), known


def cpu_s(who: int) -> float:
    """Return the CPU seconds of this process, or of those it has waited for."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def measured(work: Callable[[], object]) -> tuple[float, float, float]:
    """Return the CPU seconds of some work, those of them in this process, and the wall's."""
    own, others = cpu_s(resource.RUSAGE_SELF), cpu_s(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    work()
    wall = time.perf_counter() - wall
    own = cpu_s(resource.RUSAGE_SELF) - own
    return own + cpu_s(resource.RUSAGE_CHILDREN) - others, own, wall


def bare(files: list[bytes]) -> None:
    from pypdf import PdfReader

    for data in files:
        for page in PdfReader(io.BytesIO(data)).pages:
            page.extract_text()


def read(files: list[bytes], processes: int) -> list[Document]:
    """Read PDFs as an ingest does, so many at once."""
    with PdfWorkers(Limits(processes=processes)) as workers:
        return [future.result() for future in [workers.begin(data) for data in files]]


def squeezed(text: str) -> str:
    return "".join(text.replace("-", "").split())


def recovered(texts: list[str], known: list[list[str]]) -> float:
    """Return the share of the known characters, blanks apart, that stand in the texts."""
    total = found = 0
    for text, paragraphs in zip(texts, known, strict=True):
        whole = squeezed(text)
        for paragraph in map(squeezed, paragraphs):
            total += len(paragraph)
            found += len(paragraph) * (paragraph in whole)
    return found / total


def main(count: int = 30, pages: int = 20, repeats: int = 5) -> None:
    both = [made(pages, seed) for seed in range(count)]
    files, known = [data for data, _ in both], [paragraphs for _, paragraphs in both]
    bare(files[:1])  # imports
    runs: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(repeats):  # in turn, as the machine is shared
        for name, work in (
            ("bare pypdf loop", lambda: bare(files)),
            ("1 process", lambda: read(files, 1)),
            ("2 processes", lambda: read(files, 2)),
        ):
            runs.setdefault(name, []).append(measured(work))
    total = count * pages
    print(f"{count} PDFs, {total} pages, {sum(map(len, files)) / 1e6:.1f} MB")
    # The least of each: what others do on the machine only ever adds to it.
    least = {name: [min(run[i] for run in taken) for i in range(3)] for name, taken in runs.items()}
    for name, (cpu, own, wall) in least.items():
        print(
            f"{name:16} CPU {cpu:5.2f} s, {cpu / least['bare pypdf loop'][0]:.2f} of bare"
            f" ({own:.2f} s in the parent)  wall {wall:5.2f} s,"
            f" {least['1 process'][2] / wall:.2f} times one process  {total / wall:4.0f} pages/s"
        )
    small, _ = made(1, 99)
    print(f"one page, start included: wall {measured(lambda: read([small], 1))[2]:.2f} s")
    documents = read(files, 2)
    for name, texts in (
        ("ragkit", [document.text for document in documents]),
        ("pypdf", [_all(First(data)) for data in files]),
        ("pypdfium2", [_all(Second(data)) for data in files]),
    ):
        print(f"{name:10} recovers {recovered(texts, known):.2%} of the characters")
    left = sum(document.text.count("Proceedings of the harbour office") for document in documents)
    print(f"headers left: {left} of {total} (one of each file stays)")


def _all(reader: First | Second) -> str:
    texts = map(reader.text, range(1, reader.pages + 1))
    return "\n".join(text if isinstance(text, str) else text[0] for text in texts)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
