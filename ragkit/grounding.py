"""Whether there is evidence, and where each statement of an answer stands.

A question is refused when too little of it stands in the passages: *coverage* is the share of its
telling words, weighted by how rare each is, that the best of the first five passages has. It tells
answerable questions from others far better than a cosine does (area under the curve .936 against
.788 on xquad-en, .916 against .588 on xquad-zh), see tests/benchmarks/RESULTS.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ragkit.text.wording import wording_for
from ragkit.text.words import is_bigram
from ragkit.types import Citation, Hit

PASSAGES = 5  # looked at for evidence
# One in five questions whose document is missing from the index gets past these.
WORDS_FLOOR = 0.48  # set on xquad-en
BIGRAMS_FLOOR = 0.24  # set on xquad-zh and drcd-dev

# Models are asked for [1], and write [1-3], [Source 2], 【来源1】 and [1 and 2] too.
NUMBER = r"(?:(?i:sources?)|来源|來源)?[ ：:#^]*\d{1,3}"
LONGEST_RANGE = 20
RANGE = "~～–—至到-"
BETWEEN = rf"\s*(?:[,，、;；&和与與及{RANGE}]|and)\s*"
MARKER = re.compile(rf"[\[【［〔]\s*({NUMBER}(?:{BETWEEN}{NUMBER})*)\s*[\]】］〕]")
CODE = r"(?s:```.*?(?:```|\Z))|``[^\n]+?``|`[^`\n]+`"  # its brackets are the language's: argv[1]
OPENING_OR_MARKER = re.compile(rf"[“\"„«「『]|{CODE}|{MARKER.pattern}")
CLOSING_AND_MARKER = re.compile(rf"[”\"“»」』]\s*{MARKER.pattern}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much of a question stands in the passages."""

    coverage: float  # 0..1, of the best passage
    floor: float  # below it the question is refused
    missing: tuple[str, ...]  # what stands in none of the passages

    @property
    def enough(self) -> bool:
        """Say whether the question may be answered."""
        return self.coverage >= self.floor


def evidence(
    query: Sequence[tuple[str, ...]],
    passages: Sequence[Sequence[str]],
    idf: Callable[[str], float],
    *,
    strictness: float = 1.0,
) -> Evidence:
    """Return how much of a question stands in the first passages.

    Args:
        query: one tuple a word of the question, of the forms it may have.
        passages: the terms of each passage, best first.
        idf: the weight of a term.
        strictness: what the floor is multiplied with; 0 refuses nothing.

    >>> found = evidence([("bridg",), ("open",)], [["the", "bridg"], ["open"]], lambda term: 1.0)
    >>> found.coverage, found.missing
    (0.5, ())
    """
    weights = [min(map(idf, forms)) for forms in query]
    total = sum(weights)
    if not total:
        return Evidence(0.0, strictness * WORDS_FLOOR, ())
    sets = [set(terms) for terms in passages[:PASSAGES]]
    covered = [
        sum(w for forms, w in zip(query, weights, strict=True) if not terms.isdisjoint(forms))
        for terms in sets
    ]
    everywhere = set().union(*sets)
    missing = tuple(  # a stretch of bigrams is told whole, also where a part of it asks
        f[0]
        for f, w in zip(query, weights, strict=True)
        if (w or is_bigram(f[0])) and everywhere.isdisjoint(f)
    )
    bigrams = sum(w for forms, w in zip(query, weights, strict=True) if is_bigram(forms[0])) / total
    return Evidence(
        coverage=max(covered, default=0.0) / total,
        floor=strictness * (bigrams * BIGRAMS_FLOOR + (1 - bigrams) * WORDS_FLOOR),
        missing=missing,
    )


def citations(answer: str, hits: Sequence[Hit]) -> Iterator[Citation]:
    """Yield a citation for each marker ``[n]`` or ``[n, m]``, each passage once, in order.

    Words quoted just before a marker narrow the citation to where they stand in the passage;
    otherwise it is the whole passage. A marker without a passage cites nothing, and neither does
    one inside quoted words, which is a footnote of the passage's own, or inside code.
    """
    seen = set()
    for quote, numbers in _markers(answer, hits):
        for number in numbers:
            if not 1 <= number <= len(hits):
                continue
            hit = hits[number - 1]
            start, end = locate(quote, hit.chunk.text) or (0, len(hit.chunk.text))
            if (number, start, end) not in seen:
                seen.add((number, start, end))
                yield _citation(number, hit, start, end)


def unsourced(answer: str, hits: Sequence[Hit]) -> list[int]:
    """Return the numbers of an answer's markers that have no source, each once, in order."""
    numbers = [number for _, found in _markers(answer, hits) for number in found]
    return [number for number in dict.fromkeys(numbers) if not 1 <= number <= len(hits)]


def _markers(answer: str, hits: Sequence[Hit]) -> Iterator[tuple[str, list[int]]]:
    """Yield the words quoted before each marker, "" for none, and the marker's numbers.

    A quote is what stands between quote marks of one line and before a marker, and verbatim in the
    marker's passage. Passages have quote marks and models forget some, so the marks alone do not
    tell where one ends: of all that could be it, it is the longest that the passage has.
    """
    passages = [_folded(hit.chunk.text) for hit in hits]
    at = 0
    while found := OPENING_OR_MARKER.search(answer, at):
        at = found.end()
        if found[1]:
            yield "", _numbers(found)
            continue
        if found[0].startswith("`"):
            continue
        line = answer.find("\n", at) % (len(answer) + 1)  # the end, if there is no other line
        ends = [end for end in CLOSING_AND_MARKER.finditer(answer, at) if end.start() < line]
        for end in reversed(ends):
            quote, numbers = _folded(answer[at : end.start()]), _numbers(end)
            if quote and any(quote in passage for n in numbers for passage in passages[n - 1 : n]):
                yield quote, numbers
                at = end.end()
                break


def _numbers(marker: re.Match[str]) -> list[int]:
    """Return the numbers of a marker; of a range, all that are in it, if it can be one."""
    found: list[int] = []
    for ends in re.findall(rf"(\d+)(?:\s*[{RANGE}]\D*(\d+))?", marker[1]):
        first, last = int(ends[0]), int(ends[1] or ends[0])
        is_range = 0 < first <= last < first + LONGEST_RANGE
        found += range(first, last + 1) if is_range else (first, last)
    return found


def _folded(text: str) -> str:
    return " ".join(text.split())


def _citation(number: int, hit: Hit, start: int, end: int) -> Citation:
    chunk = hit.chunk
    first = chunk.lines[0] + _breaks(chunk.text[:start])
    page, read_by = hit.page_of(start, end)
    return Citation(
        marker=number,
        path=hit.path,
        start=chunk.start + start,
        end=chunk.start + end,
        lines=(first, first + _breaks(chunk.text[start:end].rstrip())),
        page=page,
        text=chunk.text[start:end],
        place=chunk.place_at(start),
        also=hit.also,
        stale=hit.stale,
        read_by=read_by,
    )


def _breaks(text: str) -> int:
    return len(re.findall(r"\r\n|\r|\n", text))


def locate(quote: str, text: str) -> tuple[int, int] | None:
    r"""Return where ``quote`` stands in ``text``, white space apart; None if it does not.

    >>> locate("it stays  loaded", "By default it stays\nloaded.")
    (11, 26)
    """
    words = quote.split()
    found = re.search(r"\s+".join(map(re.escape, words)), text) if words else None
    return found.span() if found else None


def refusal(question: str, found: Evidence, searched: Mapping[str, int], *, where: str = "") -> str:
    """Return what was searched and what was not found there, in the question's language.

    >>> lacking = Evidence(0.1, 0.5, ("bridge",))
    >>> refusal("Which bridge?", lacking, {"files": 3, "passages": 40})
    'The documents do not say. Searched 3 files (40 passages); not found there: bridge.'
    """
    wording = wording_for(question)
    words = wording.between.join(found.missing[:8])
    missing = wording.missing.format(words=words) if words else ""
    within = wording.within.format(where=where) if where else ""
    return wording.searched.format(
        no_answer=wording.no_answer, within=within, missing=missing, **searched
    )
