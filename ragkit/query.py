"""The query pipeline: question -> candidates -> hits -> evidence -> cited answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ragkit.errors import ConfigError
from ragkit.fusion import reciprocal_rank_fusion, scaled, weighted_sum
from ragkit.grounding import PASSAGES, Evidence, citations, evidence, refusal, unsourced
from ragkit.index.snapshot import Snapshot
from ragkit.protocols import Answerer, Embedder
from ragkit.text.page_ranges import page_ranges
from ragkit.text.surrogates import encodable
from ragkit.text.wording import is_no_answer, wording_for
from ragkit.text.words import asking_bigrams, asking_terms, missing_words, query_terms
from ragkit.types import Citation, Hit, Outcome, Usage

# Chosen on nine public sets; the plateau is wide (tests/benchmarks/RESULTS.md).
WEIGHTS = {"body": 0.35, "dense": 0.25, "headings": 0.1, "window": 0.3}
LEAST = 30  # passages that an index counts as, where evidence is told (RESULTS.md)
VIEWS = {
    "hybrid": ("body", "dense", "headings", "window"),
    "lexical": ("body", "headings", "window"),
    "dense": ("dense",),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and whether it is enough to answer from."""

    question: str
    hits: tuple[Hit, ...]  # best first
    evidence: Evidence
    files: int  # searched
    passages: int  # searched
    mode: str = "hybrid"  # how it was searched
    degraded: tuple[str, ...] = ()  # parts that did not take part, such as "embedder"
    where: str = ""  # the filter; "" if there was none

    @property
    def is_enough(self) -> bool:
        """Say whether the question may be answered."""
        return bool(self.hits) and self.evidence.enough


def search(
    question: str,
    snapshot: Snapshot,
    *,
    embedder: Embedder | None,
    k: int = 8,
    mode: str = "hybrid",
    candidates: int = 100,
    fusion: str = "sum",
    strictness: float = 1.0,
) -> Found:
    """Return the best ``k`` passages for a question, best first.

    Each view gives its best ``candidates``; all of them are then scored in every view, scaled to
    0..1 over the candidates, and summed with weights (or their ranks are fused, with ``"rrf"``).

    Args:
        question: what a person asks.
        snapshot: one state of an index, or the part of it that a filter admits.
        embedder: the one the index was made with; None leaves the dense view out.
        k: how many passages come back.
        mode: "hybrid", "lexical" or "dense".
        candidates: how many passages each view gives, at least ``k``.
        fusion: "sum" or "rrf".
        strictness: how much evidence is asked for; 1 is the measured floor, 0 asks for none.

    Raises:
        ConfigError: the question is blank.
    """
    question = encodable(question)
    if not question.strip():
        raise ConfigError("the question is blank", hint='give it in quotes: "How do I ...?"')
    views = [view for view in VIEWS[mode] if view != "dense" or embedder is not None]
    terms = query_terms(question, snapshot.facts.languages)
    candidates = max(candidates, k)
    vector = embedder.embed_query(question) if embedder and "dense" in views else None

    pool: dict[int, None] = {}  # the union of the views' best, in a stable order
    for view in views:
        if vector is not None and view == "dense":
            pool |= dict.fromkeys(snapshot.best_dense(vector, k=candidates) if vector.any() else ())
        else:
            pool |= dict.fromkeys(snapshot.best_lexical(view, terms, k=candidates))
    chunks = sorted(snapshot.existing(pool))

    scores: dict[str, dict[int, float]] = {}
    for view in views:
        if vector is not None and view == "dense":
            found = snapshot.dense_scores(vector, chunks)
        else:
            found = snapshot.lexical_scores(view, terms, chunks)
        everyone = {chunk: found.get(chunk, 0.0) for chunk in chunks}
        scores[view] = scaled(everyone, from_zero=view == "headings")

    if fusion == "rrf":
        fused = reciprocal_rank_fusion(
            [sorted((c for c in s if s[c] > 0), key=lambda c: (-s[c], c)) for s in scores.values()]
        )
    else:
        fused = weighted_sum(scores, WEIGHTS)

    hits = snapshot.hits(fused, scores, k=max(k, PASSAGES))
    passages = snapshot.bodies([hit.id for hit in hits[:PASSAGES]])
    facts = snapshot.facts
    proof = evidence(terms, passages, telling(question, snapshot), strictness=strictness)
    missing = missing_words(question, facts.languages, proof.missing)
    proof = replace(proof, missing=tuple(missing))
    return Found(question, tuple(hits[:k]), proof, *snapshot.searched, mode, where=snapshot.where)


def telling(question: str, snapshot: Snapshot) -> Callable[[str], float]:
    """Return how much a term of the question tells of whether it can be answered.

    Words that ask, in other languages than English, count nothing where they stand in no passage;
    bigrams that do so too in a small index (RESULTS.md). That is taken for one of ``LEAST``
    passages: else a word that is in none counts several times as much as one that is.
    """
    unknown = snapshot.idf("", least=LEAST)
    asking = asking_terms(question, snapshot.facts.languages)
    if snapshot.facts.chunks < LEAST:
        asking |= asking_bigrams(question)
    idle = {term for term in asking if snapshot.idf(term, least=LEAST) >= unknown}
    return lambda term: 0.0 if term in idle else snapshot.idf(term, least=LEAST)


class Answer:
    """A streaming answer: iterate for its text, piece by piece; the rest waits for its end.

    It may be read as often as you like, and by several threads: each gets the whole of it. An error
    in the middle is raised to whoever reads that far.
    """

    def __init__(
        self,
        found: Found,
        pieces: Iterator[str],
        *,
        refused: bool,
        model: str | None,
        embedder: str,
        degraded: Sequence[str] = (),
    ) -> None:
        self.question = found.question
        self.hits = found.hits  # hits[0] is cited as [1]
        self.evidence = found.evidence
        self.model = model  # None: none was asked
        self.embedder = embedder
        self.degraded = tuple(degraded)
        self.where = found.where
        self._pieces = pieces
        self._said: list[str] = []
        self._refused = refused
        self._outcome = Outcome()
        self._has_ended = False
        self._failure: Exception | None = None  # what it ended with
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[str]:
        at = 0
        while self._has(at):
            yield self._said[at]
            at += 1

    def _has(self, at: int) -> bool:
        """Say whether there is a piece at this place; waits until that is known."""
        with self._lock:
            if at < len(self._said):
                return True
            if self._failure is not None:
                raise self._failure
            if self._has_ended:
                return False
            try:
                self._said.append(next(self._pieces))
            except StopIteration as stop:
                if isinstance(stop.value, Outcome):
                    self._outcome = stop.value
                self._has_ended = True
            except Exception as error:
                self._failure, self._has_ended = error, True
                raise
            except BaseException:  # an interrupt is for who reads now, not for who reads on
                self._end_early()
                raise
            return not self._has_ended

    def _end_early(self) -> None:
        self._has_ended = True
        self._outcome = Outcome(notes=(wording_for(self.question).ended_early,))

    def close(self) -> None:
        """End the answer where it is; a server stops working on it."""
        with self._lock:
            if isinstance(self._pieces, Generator) and not self._has_ended:
                self._pieces.close()
                self._end_early()

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self)

    @property
    def refused(self) -> bool:
        """Whether it says that the documents do not hold the answer."""
        return self._refused or (is_no_answer(self.text) and not self.citations)

    @property
    def citations(self) -> list[Citation]:
        """Where each cited passage stands."""
        text = self.text
        return [] if self._refused else list(citations(text, self._given))

    @property
    def _given(self) -> Sequence[Hit]:
        """The hits that the answer was made from: what a model did not see it cannot cite."""
        return self.hits[: self._outcome.hits]

    @property
    def usage(self) -> Usage | None:
        """What it cost, None where no model was asked."""
        return self._outcome.usage if self.text else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was lost or changed on the way, to be said to the user."""
        text, wording = self.text, wording_for(self.question)  # the outcome is that of its end
        notes = list(self._outcome.notes)
        # What a passage has in brackets is quoted as it stands; what else answers makes numbers up.
        is_quoted = self.model is None or self.model.startswith("builtin:")
        if not is_quoted and (numbers := unsourced(text, self._given)):
            markers = wording.between.join(f"[{number}]" for number in numbers)
            notes.append(wording.not_given.format(markers=markers))
        if not (self.refused or self.citations):
            notes.append(wording.uncited)
        if any(citation.stale for citation in self.citations):
            notes.append(wording.stale)
        cited = {citation.path for citation in self.citations}
        unread = {hit.path: hit.unread for hit in self.hits if hit.path in cited and hit.unread}
        for path, pages in unread.items():
            file = PurePosixPath(path)
            told = wording.unread.format(file=file.name, pages=page_ranges(pages))
            notes.append(told + wording.readable * (file.suffix.lower() == ".pdf"))
        return tuple(notes)


def ask(
    found: Found,
    *,
    answerer: Answerer | None,
    embedder: str,
    degraded: Sequence[str] = (),
) -> Answer:
    """Answer a question from what was found for it, or refuse for lack of evidence.

    Args:
        found: what ``search`` returned.
        answerer: turns passages into an answer; None where evidence is lacking.
        embedder: name of the embedder, told with the answer.
        degraded: the parts that did not take part, told with the answer.
    """
    if answerer is None:
        searched = {"files": found.files, "passages": found.passages}
        said = refusal(found.question, found.evidence, searched, where=found.where)
        pieces = iter([said])
        model = None
    else:
        pieces, model = answerer(found.question, found.hits), answerer.name
    return Answer(
        found, pieces, refused=answerer is None, model=model, embedder=embedder, degraded=degraded
    )
