"""Random damage to any file of an index is told, and mended; or what is lost and brings it back is.

As long as the documents are there, all of it comes back; what is whole is never embedded again.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.catalog import Catalog
from ragkit.errors import RagkitError
from ragkit.types import Hit, Repaired
from tests.damaging import damage
from tests.embedders import HashingEmbedder
from tests.test_ingest import write

pytestmark = pytest.mark.no_cover  # others show each line; it takes twice the time

QUESTIONS = ("river yeast flour", "the giraffe is tall", "bridge mayor")


def made(folder: Path, seed: int) -> Path:
    """Return a folder with documents and an index of them."""
    rng = random.Random(seed)
    words = "model memory window token cache river yeast flour engine harbour".split()
    texts = {f"n{i:02}": f"# Part {i}\n\n" + " ".join(rng.choices(words, k=300)) for i in range(20)}
    write(folder / "docs", **texts, bridge="# Bridges\n\nThe bridge was opened by the mayor.\n")
    write(folder / "docs", copy=texts["n03"], animal="# Animals\n\nThe giraffe is tall.\n")
    (folder / "docs/broken.pdf").write_bytes(b"%PDF-1.7")
    for file in (folder / "docs").iterdir():
        os.utime(file, (seed, 1_600_000_000 + seed))  # a swapped index knows files by it
    with Rag(folder / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(folder / "docs")
    return folder


@dataclass(frozen=True, slots=True)
class Case:
    """An index that is whole, and what it answers: as it is, and once it is compact."""

    folder: Path
    answers: list[object]
    when_compact: list[object]


def case(folder: Path, compacted: Path) -> Case:
    shutil.copytree(folder, compacted)
    with Rag(compacted / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.compact()
    return Case(folder, answers(folder), answers(compacted))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """An index that was closed as it should be, and one whose writer was killed."""
    folder = tmp_path_factory.mktemp("cases")
    well, badly = (made(folder / name, 7) for name in ("well", "badly"))
    leave_a_log(badly)
    return [case(well, folder / "compact1"), case(badly, folder / "compact2")]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("other"), 8)


def leave_a_log(folder: Path) -> None:
    """Have all that is in an index, or the end of it, in the log of its catalog."""
    index, kept = folder / ".ragkit", folder / "kept"
    late = folder / "docs/n07.md"
    with Rag(index, embedder=HashingEmbedder()) as rag:
        rag.remove(late)
    reader = Catalog.open(index)  # as long as it reads, the log stays
    with reader.snapshot():
        reader.count("sources")
        with Rag(index, embedder=HashingEmbedder()) as rag:
            rag.ingest(late)
            rag.ingest(folder / "docs")
        shutil.copytree(index, kept)
    reader.close()
    shutil.rmtree(index)
    kept.rename(index)
    (index / "catalog.sqlite-shm").unlink()


def found(hits: list[Hit]) -> list[tuple[str, int, float]]:
    return [(hit.path, hit.chunk.start, round(hit.score, 4)) for hit in hits]


READING: list[Callable[[Rag], object]] = [
    *(lambda rag, q=question: found(rag.search(q)) for question in QUESTIONS),
    lambda rag: found(rag.search(QUESTIONS[0], mode="lexical")),
    lambda rag: rag.ls(),
    lambda rag: rag.text("docs/bridge.md"),
    lambda rag: (rag.status().files, rag.status().chunks),
    lambda rag: rag.status().roots,
    lambda rag: [(failure.path, failure.reason) for failure in rag.status().failed],
]


def answers(folder: Path) -> list[object]:
    """Return what each way of reading says; the error if it says one."""
    said: list[object] = []
    for read in READING:
        with Rag(folder / ".ragkit", embedder=HashingEmbedder()) as rag:
            said.append(outcome(partial(read, rag)))
    return said


def survives(cases: list[Case], other: Path, tmp_path: Path, seed: int) -> None:
    known = cases[seed % 3 == 0]
    folder = tmp_path / "copy"
    shutil.copytree(known.folder, folder)
    index = folder / ".ragkit"
    told = damage(index, other / ".ragkit", seed)

    said = answers(folder)
    for answer in said:
        if isinstance(answer, RagkitError):
            assert answer.exit_code in (5, 8), told
            assert answer.hint, told
    is_swapped = "swap" in told  # the whole catalog of another index is one too
    embedder = HashingEmbedder()
    with Rag(index, embedder=embedder) as rag:
        damages = outcome(rag.check)
        if damages == [] and not is_swapped:  # an answer may be wrong only if 'check' tells
            assert said == known.answers, told
        repaired = outcome(rag.repair)
        if isinstance(repaired, RagkitError):
            assert repaired.exit_code == 5, (told, repaired)
            assert "ingest" in repaired.hint, (told, repaired)
            shutil.rmtree(index)
        else:
            assert isinstance(repaired, Repaired)
            assert not repaired.damages, (told, repaired)
            assert rag.check() == [], told
            assert embedder.embedded == [], told
            if not repaired.lost and not is_swapped:
                rag.compact()  # what was dropped no longer counts
                assert answers(folder)[:-1] == known.when_compact[:-1], (told, repaired)
        rag.ingest(folder / "docs")
        assert rag.check() == [], told
        rag.compact()
    assert without_roots(answers(folder)) == without_roots(known.when_compact), told
    if told.split(":")[0] in ("noise", "zeros", "flip") and not isinstance(repaired, RagkitError):
        # Lost are the vectors on the pages that the stretch touches, and no others.
        assert len(embedder.embedded) <= 45, told


def without_roots(said: list[object]) -> list[object]:
    """Leave out which files and folders were given: those that are lost are given again."""
    return [*said[:-2], said[-1]]


def outcome(do: Callable[[], object]) -> object:
    try:
        return do()
    except RagkitError as error:
        return error


@pytest.mark.parametrize("seed", range(40))
def test_random_damage(cases: list[Case], other: Path, tmp_path: Path, seed: int) -> None:
    survives(cases, other, tmp_path, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(40, 540))
def test_random_damage_of_many(cases: list[Case], other: Path, tmp_path: Path, seed: int) -> None:
    survives(cases, other, tmp_path, seed)
