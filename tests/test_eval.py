"""How well the built-in models do with questions about the handbook, in words of their own.

Of a question, ``answer`` stands verbatim, white space apart, in ``path``; ``also`` names further
places where what is asked stands, by path. ``answer`` is null where the handbook does not say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ragkit import Rag

pytestmark = pytest.mark.no_cover  # others show each line; it takes twice the time

ROOT = Path(__file__).parents[1]
QUESTIONS = ROOT / "tests" / "eval" / "questions.jsonl"

RECALL_AT_5 = 0.9
REFUSALS = 0.8  # of the questions that the handbook does not answer
WRONGLY_REFUSED = 1 / 6  # of those that it does: measured at 14 of 99


@dataclass(frozen=True)
class Question:
    """A question, and where its answer stands."""

    id: str
    lang: str
    question: str
    answer: str | None
    path: str | None
    also: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, str]:
        """What stands where, by path."""
        first = {self.path: self.answer} if self.path and self.answer else {}
        return {path: folded(text) for path, text in (first | self.also).items()}


def folded(text: str) -> str:
    """Return text with its white space folded."""
    return " ".join(text.split())


ALL = [Question(**json.loads(line)) for line in QUESTIONS.read_text("utf-8").splitlines()]
ANSWERABLE = [question for question in ALL if question.path]
OTHERS = [question for question in ALL if not question.path]


@pytest.fixture(scope="module")
def rag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rag]:
    """The handbook in an index of the built-in models."""
    with Rag(tmp_path_factory.mktemp("eval") / ".ragkit", offline=True) as rag:
        assert not rag.ingest(ROOT / "sample_corpus").failed
        yield rag


def holds(path: str, text: str, question: Question) -> bool:
    """Say whether a passage holds the answer."""
    return any(Path(path) == ROOT / p and a in text for p, a in question.places.items())


def test_there_are_questions_of_each_kind() -> None:
    assert len({question.id for question in ALL}) == len(ALL)
    assert len({question.question for question in ALL}) == len(ALL)
    assert len(ANSWERABLE) >= 60
    assert len(OTHERS) == 10
    for kind in (ANSWERABLE, OTHERS):
        assert sum(question.lang == "zh" for question in kind) >= 0.3 * len(kind)
    asked = {path for question in ANSWERABLE for path in question.places}
    assert asked >= {f"sample_corpus/{path.name}" for path in (ROOT / "sample_corpus").glob("*.md")}


def test_answers_stand_where_the_questions_say(rag: Rag) -> None:
    passages: dict[str, list[str]] = {}
    hits = rag.search("the handbook", k=10_000, mode="dense")  # all of it
    assert len(hits) == rag.status().chunks
    for hit in hits:
        passages.setdefault(hit.path, []).append(folded(hit.chunk.text))
    for question in ANSWERABLE:
        for path, answer in question.places.items():
            assert any(answer in text for text in passages[str(ROOT / path)]), (question.id, path)


def test_recall_at_5(rag: Rag) -> None:
    missed = [
        question.id
        for question in ANSWERABLE
        if not any(
            holds(hit.path, folded(hit.chunk.text), question)
            for hit in rag.search(question.question, k=5)
        )
    ]
    assert 1 - len(missed) / len(ANSWERABLE) >= RECALL_AT_5, missed


def test_what_is_not_in_the_handbook_is_refused(rag: Rag) -> None:
    let_through = [question.id for question in OTHERS if not rag.ask(question.question).refused]
    assert 1 - len(let_through) / len(OTHERS) >= REFUSALS, let_through


def test_what_is_in_the_handbook_is_answered(rag: Rag) -> None:
    refused = [question.id for question in ANSWERABLE if rag.ask(question.question).refused]
    assert len(refused) / len(ANSWERABLE) <= WRONGLY_REFUSED, refused
