"""An answer as it is read: whole for whoever reads it, and citing only what was there to cite."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from ragkit.errors import OllamaError
from ragkit.grounding import Evidence
from ragkit.query import Answer, Found
from ragkit.types import Hit, Outcome, Usage
from tests.test_prompting import hits_of

HITS = hits_of(*[f"Passage {n} says so." for n in range(1, 9)])
EARLY = "the answer was ended early: it is not whole"


def answer_of(
    pieces: Iterator[str], hits: Sequence[Hit] = HITS, model: str = "test:model"
) -> Answer:
    found = Found("Is it so?", tuple(hits), Evidence(1.0, 0.5, ()), files=1, passages=8)
    return Answer(found, pieces, refused=False, model=model, embedder="test:embedder")


def said(*pieces: str, hits: int | None = 8) -> Generator[str, None, Outcome]:
    """Say pieces as a model does that was given so many passages."""
    yield from pieces
    return Outcome(Usage(9, 9), hits=hits)


# -- reading


def test_reading_the_text_within_the_loop_takes_nothing_from_it() -> None:
    answer = answer_of(said("It ", "is ", "so [1]."))
    read = []
    for piece in answer:
        read.append(piece)
        assert answer.text == "It is so [1]."
    assert read == ["It ", "is ", "so [1]."]


def test_each_of_several_threads_gets_the_whole() -> None:
    pieces = [f"{n} " for n in range(2000)]
    answer = answer_of(said(*pieces))
    together = Barrier(4, timeout=5)

    def read(_: int) -> list[str]:
        together.wait()
        return list(answer)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(4))) == [pieces] * 4


def test_an_error_in_the_middle_is_raised_to_whoever_reads_on() -> None:
    def fails() -> Iterator[str]:
        yield "It is"
        raise OllamaError("the model died")

    answer = answer_of(fails())
    for _ in range(2):
        read = iter(answer)
        assert next(read) == "It is"
        with pytest.raises(OllamaError, match="died"):
            next(read)
        with pytest.raises(OllamaError, match="died"):
            _ = answer.text
    answer.close()
    with pytest.raises(OllamaError, match="died"):
        _ = answer.notes


def test_an_answer_that_was_ended_early_says_so() -> None:
    answer = answer_of(said("It is so [1]", " and so on."))
    assert next(iter(answer)) == "It is so [1]"
    answer.close()
    assert answer.text == "It is so [1]"
    assert answer.notes == (EARLY,)


def test_an_answer_that_was_ended_at_once_says_so() -> None:
    answer = answer_of(said("It is so [1]."))
    answer.close()
    assert answer.text == ""
    assert EARLY in answer.notes


def test_closing_an_answer_at_its_end_changes_nothing() -> None:
    answer = answer_of(said("It is so [1]."))
    assert answer.text
    answer.close()
    assert answer.notes == ()
    assert answer.usage == Usage(9, 9)


def test_an_interrupt_ends_an_answer_for_good() -> None:
    def interrupted() -> Iterator[str]:
        yield "It is so [1]"
        raise KeyboardInterrupt

    answer = answer_of(interrupted())
    with pytest.raises(KeyboardInterrupt):
        list(answer)
    assert answer.text == "It is so [1]"
    assert answer.notes == (EARLY,)


# -- what it says


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("The documents do not say.", True),
        ("\n The documents do not say", True),
        ("The documents do not say\n\nThey are about bridges.", True),
        ("The documents do not say. Perhaps [99].", True),
        ("The documents do not say. But [1] says 5m.", False),
        ("The documents do not say whether it is so, but I do.", False),
        ("It is so.", False),
    ],
)
def test_an_answer_refuses_if_it_says_so_and_cites_nothing(text: str, refused: bool) -> None:
    assert answer_of(said(text)).refused is refused


def test_a_model_cannot_cite_what_it_was_not_given() -> None:
    answer = answer_of(said("It is so [7], [1], “so” [7] and [99].", hits=1))
    assert [citation.marker for citation in answer.citations] == [1]
    assert answer.notes == ("the answer cites what the model was not given: [7], [99]",)


def test_markers_that_an_answer_without_a_model_has_are_those_of_its_passages() -> None:
    answer = answer_of(said("It is so [99], says [8].", hits=None), model="builtin:quotes")
    assert [citation.marker for citation in answer.citations] == [8]
    assert answer.notes == ()


def test_what_an_answerer_of_ones_own_makes_up_is_told_though_it_tells_nothing_of_its_end() -> None:
    answer = answer_of(iter(["It is so [1], says [4]."]), HITS[:1])
    assert [citation.marker for citation in answer.citations] == [1]
    assert answer.notes == ("the answer cites what the model was not given: [4]",)
