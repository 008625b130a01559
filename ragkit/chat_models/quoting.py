"""Answers without a model: the best sentences of the passages, quoted and cited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragkit.fusion import scaled, weighted_sum
from ragkit.lexical import Bm25
from ragkit.loading.markup import FRONT
from ragkit.protocols import Embedder
from ragkit.text.languages import detect
from ragkit.text.sentences import spans
from ragkit.text.words import query_terms, terms
from ragkit.types import Hit

# Weights of a sentence's own words, its nearness to the question, and its passage's score: of 1,000
# questions of xquad-en the answer stands in the three best sentences of .908 with all three, of
# .875 with the words alone (tests/benchmarks/RESULTS.md).
WEIGHTS = {"words": 0.4, "dense": 0.2, "passage": 0.4}
# Of the best sentence's score, what another must have to stand beside it: .927 of the answers are
# quoted with it in 2.4 sentences, .934 without it in 3 (xquad-en; .904 of .907, .922 of .933 in
# xquad-zh and drcd-dev).
NEAR = 0.55
LEAST_TERMS = 3
HEADING = re.compile(r"#{1,6}\s[^\n]*\Z")
TABLE_RULE = re.compile(r"[ \t]*\r?\n[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\||\r?\n|\Z)")  # below its head
QUOTE_MARKS = re.compile("[\"'`“”„‘’‚«»「」『』]+")


@dataclass(frozen=True, slots=True)
class QuotingAnswerer:
    """Quotes up to three sentences, best first, each with the number of its passage."""

    embedder: Embedder | None = None  # None: by words and passages alone
    sentences: int = 3
    passages: int = 5  # looked at

    @property
    def name(self) -> str:
        """Name shown with the answer."""
        return "builtin:quotes"

    def __call__(self, question: str, hits: Sequence[Hit]) -> Iterator[str]:
        """Yield a line a sentence, such as ``“It stays loaded for 5 minutes.” [1]``."""
        chosen = self._choose(question, hits[: self.passages])
        for position, (hit, sentence) in enumerate(chosen):
            ending = "" if position == len(chosen) - 1 else "\n"
            yield f"“{' '.join(sentence.split())}” [{hit.rank}]{ending}"

    def _choose(self, question: str, hits: Sequence[Hit]) -> list[tuple[Hit, str]]:
        """Return the best sentences with their passages, best first, no text twice."""
        found: dict[str, tuple[str, Hit]] = {}  # by what is left without quote marks
        for hit in hits:
            for sentence in _telling(hit):
                words = " ".join(QUOTE_MARKS.sub("", sentence).split())
                found.setdefault(words, (sentence, hit))
        if not found:  # then words that tell little are better than none
            pairs = [(hit.chunk.text[a:b], hit) for hit in hits for a, b in spans(hit.chunk.text)]
            found = {text: (text, hit) for text, hit in pairs}
        texts = [text for text, _ in found.values()]
        homes = [hit for _, hit in found.values()]
        views = {
            "words": scaled(self._word_scores(question, texts)),
            "passage": scaled({i: hit.score for i, hit in enumerate(homes)}),
        }
        if self.embedder is not None and texts:
            cosines = self.embedder.embed_documents(texts) @ self.embedder.embed_query(question)
            views["dense"] = scaled(dict(enumerate(cosines.tolist())))
        fused = weighted_sum(views, WEIGHTS)
        best = sorted(fused, key=lambda i: (-fused[i], i))[: self.sentences]
        return [(homes[i], texts[i]) for i in best if fused[i] >= NEAR * fused[best[0]]]

    def _word_scores(self, question: str, texts: Sequence[str]) -> dict[int, float]:
        """Return the BM25 score of each text among these."""
        language = detect(" ".join(texts))
        counted = [terms(text, language).split() for text in texts]
        scorer = Bm25()
        for words in counted:
            scorer.add(words)
        query = query_terms(question, [language])
        return {i: scorer.score(query, words) for i, words in enumerate(counted)}


def _telling(hit: Hit) -> Iterator[str]:
    """Yield the sentences of a passage that say something.

    A heading, a rule, a lone word, the head of a table and a document's front matter do not.
    """
    text = hit.chunk.text
    front = FRONT.match(text) if hit.chunk.start == 0 else None
    for start, end in spans(text, front.end() if front else 0):
        sentence = text[start:end]
        is_heading = HEADING.match(sentence) or sentence in (*hit.chunk.headings, hit.title)
        is_head = "|" in sentence and TABLE_RULE.match(text, end)
        if not is_heading and not is_head and len(terms(sentence).split()) >= LEAST_TERMS:
            yield sentence
