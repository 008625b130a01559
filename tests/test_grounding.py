"""Evidence, refusals, and citations that lead to the very words."""

import re
from dataclasses import fields

import pytest

from ragkit.chat_models.quoting import QuotingAnswerer
from ragkit.grounding import (
    BIGRAMS_FLOOR,
    WORDS_FLOOR,
    Evidence,
    citations,
    evidence,
    locate,
    refusal,
    unsourced,
)
from ragkit.text.wording import WORDINGS, Wording, wording_for
from ragkit.text.words import query_terms, terms
from ragkit.types import Chunk, Hit
from tests.embedders import HashingEmbedder


def hit(rank: int, text: str, *, start: int = 0, line: int = 1, **more: object) -> Hit:
    lines = (line, line + text.count("\n"))
    chunk = Chunk(text=text, start=start, end=start + len(text), lines=lines, **more)  # type: ignore[arg-type]
    return Hit(rank=rank, score=1 / rank, path=f"{rank}.md", chunk=chunk)


def flat(_: str) -> float:
    return 1.0


def test_coverage_is_that_of_the_best_passage() -> None:
    query = query_terms("bridge opened mayor", ["en"])
    found = evidence(query, [terms("The bridge", "en").split(), ["mayor", "open"]], flat)
    assert found.coverage == pytest.approx(2 / 3)
    assert found.missing == ()
    assert found.floor == WORDS_FLOOR
    assert found.enough


def test_passages_beyond_the_fifth_are_no_evidence() -> None:
    assert evidence([("a",)], [[]] * 5 + [["a"]], flat).coverage == 0


def test_the_floor_follows_the_script() -> None:
    words = evidence([("model",), ("模型",)], [["x"]], flat)
    assert words.floor == pytest.approx((WORDS_FLOOR + BIGRAMS_FLOOR) / 2)
    assert evidence([("模型",)], [["x"]], flat, strictness=0.0).enough


def test_a_question_without_words_has_no_evidence() -> None:
    assert not evidence([], [["a"]], flat).enough


def test_a_refusal_names_what_was_searched() -> None:
    said = refusal("Which bridge?", Evidence(0.1, 0.5, ("bridge",)), {"files": 2, "passages": 9})
    assert (
        said == "The documents do not say. Searched 2 files (9 passages); not found there: bridge."
    )
    nothing = {"files": 0, "passages": 0}
    assert refusal("Which?", Evidence(0.1, 0.5, ()), nothing).endswith("(0 passages).")


def test_a_refusal_is_in_the_language_of_the_question() -> None:
    lacking, searched = Evidence(0.1, 0.5, ("球队", "足球")), {"files": 12, "passages": 93}
    assert refusal("哪支球队？", lacking, searched) == (
        "文档中没有答案。已检索 12 个文件（93 个段落）；其中没有找到：球队、足球。"
    )
    none = refusal("哪支球队？", Evidence(0.1, 0.5, ()), searched)
    assert none == "文档中没有答案。已检索 12 个文件（93 个段落）。"


@pytest.mark.parametrize("field", [field.name for field in fields(Wording)])
def test_a_sentence_tells_the_same_in_each_language(field: str) -> None:
    filled = [set(re.findall(r"{\w+}", getattr(wording, field))) for wording in WORDINGS.values()]
    assert all(names == filled[0] for names in filled)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("默认的 num_ctx 是多少？", "zh"),
        ("model not found, try pulling it first 是什么意思", "zh"),
        ("模型為何載入得這麼慢", "zh"),
        ("請說明 OLLAMA_KEEP_ALIVE", "zh"),
        ("What does 上下文窗口.md say?", "en"),
        ("How long?", "en"),
        ("Wie lange bleibt das Modell geladen?", "en"),
        ("コンテキストの長さ", "en"),
        ("模型이 왜 느려요", "en"),
        ("?", "en"),
    ],
)
def test_the_language_of_a_question_is_that_it_asks_in(question: str, language: str) -> None:
    assert wording_for(question) is WORDINGS[language]


def test_a_quote_narrows_its_citation() -> None:
    text = "First line.\nIt stays loaded\nfor 5 minutes. Last."
    (found,) = citations("“It stays loaded for 5 minutes.” [1]", [hit(1, text, start=100, line=7)])
    assert found.text == "It stays loaded\nfor 5 minutes."
    assert (found.start, found.end) == (112, 142)
    assert found.lines == (8, 9)


FOOTNOTES = (
    "The spring tide [2] at Brest\nreaches “seven” [3] metres [1]. The “neap” tide is small."
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (  # all of a passage's own marks are the passage's
            "“The spring tide [2] at Brest reaches “seven” [3] metres [1].” [1]\n“two” [2]",
            [(1, "The spring tide [2] at Brest\nreaches “seven” [3] metres [1]."), (2, "two")],
        ),
        ("“The “neap” tide is small.” [1]", [(1, "The “neap” tide is small.")]),
        ("The \"neap” is 'small' [1], „two“ [2]", [(1, FOOTNOTES), (2, "two")]),
        ("It says 「neap」[1] and 『two』【2】.", [(1, "neap"), (2, "two")]),
        ("“two” [2, 1]", [(2, "two"), (1, FOOTNOTES)]),
        # What no passage says is no quote: its marks, open or closed, hide no marker.
        ("“The tide [2] is “large [1]", [(2, "two"), (1, FOOTNOTES)]),
        ("“The tide [2] is large” [1]", [(2, "two"), (1, FOOTNOTES)]),
        ("A “tide [2] is\nlarge” [1]", [(2, "two"), (1, FOOTNOTES)]),
        ("“A tide” [2], “The “neap” tide” [1]", [(2, "two"), (1, "The “neap” tide")]),
        ("“” [2] “ [1]", [(2, "two"), (1, FOOTNOTES)]),
    ],
)
def test_markers_inside_a_quote_are_the_passages_own(
    answer: str, expected: list[tuple[int, str]]
) -> None:
    found = citations(answer, [hit(1, FOOTNOTES), hit(2, "two")])
    assert [(c.marker, c.text) for c in found] == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It does so [2].", [(2, "two")]),
        ("Both [1][2], again [2].", [(1, "one"), (2, "two")]),
        ("“not there” [1]", [(1, "one")]),
        ("“two” [9] and [0]", []),
        ("No markers", []),
        ("So [1-2].", [(1, "one"), (2, "two")]),
        ("So [ 1 – 2 ], [2-1].", [(1, "one"), (2, "two")]),
        ("So [Source 1] and [sources: 2, 1].", [(1, "one"), (2, "two")]),
        ("So [1 and 2].", [(1, "one"), (2, "two")]),
        ("它【来源1】，〔2〕", [(1, "one"), (2, "two")]),
        ("So [^2].", [(2, "two")]),
        # Brackets of code are the language's, also where it is not ended.
        ("It is `argv[1]` or ``a[`1`][1]``, as ` says [2].", [(2, "two")]),
        ("```\nx = a[1]\n```\nSo [2]. ```\na[1]", [(2, "two")]),
    ],
)
def test_markers_become_citations(answer: str, expected: list[tuple[int, str]]) -> None:
    found = citations(answer, [hit(1, "one"), hit(2, "two")])
    assert [(c.marker, c.text) for c in found] == expected


def test_numbers_without_a_source_are_those_outside_of_code() -> None:
    assert unsourced("`a[0]` [2-4], [source 9], [0-90]", [hit(1, "one"), hit(2, "two")]) == [
        3,
        4,
        9,
        0,
        90,
    ]


def test_white_space_alone_is_nowhere() -> None:
    assert locate("  ", "text") is None


def test_quotes_are_the_best_sentences_and_verbatim() -> None:
    hits = [
        hit(1, "# Bridge\n\nThe old bridge was opened in 1901. It is red. Boats pass below it."),
        hit(2, "Trains do not stop here. Nobody opened a bridge in this place."),
    ]
    for embedder in (None, HashingEmbedder()):
        answerer = QuotingAnswerer(embedder)
        lines = "".join(answerer("When was the bridge opened?", hits)).split("\n")
        assert lines[0] == "“The old bridge was opened in 1901.” [1]"
        assert answerer.name == "builtin:quotes"
        assert "# Bridge" not in "".join(lines)


def test_quotes_are_at_most_three_and_none_is_far_below_the_best() -> None:
    lines = "The bridge was opened by {}. It is of {} make. Boats {} pass below."
    hits = [hit(1, " ".join(lines.format(*[name] * 3) for name in ("Ann", "Ben", "Cid", "Dan")))]
    said = "".join(QuotingAnswerer()("Who opened the bridge?", hits))
    assert said.count("The bridge was opened by") == said.count("[1]") == 3


def test_heads_of_tables_and_front_matter_are_no_sentences() -> None:
    table = "| Topic | Decision | Owner |\n|:--|---|--:|\n| The bridge topic | It opens | Ann |"
    front = "---\ntitle: Bridge topic notes\nowner: Ann of the decision\n---\n"
    for text in (f"{front}The bridge opens soon.\n\n{table}", f"{front}\n{table}", table):
        answer = "".join(QuotingAnswerer()("Topic of the decision by owner Ann?", [hit(1, text)]))
        assert "| The bridge topic | It opens | Ann |" in answer
        for noise in ("Decision", "--", "title"):
            assert noise not in answer
    only = "a | b | c\n--- | --- | ---"
    assert "".join(QuotingAnswerer()("What is a?", [hit(1, only)])).startswith("“a | b | c” [1]")


def test_a_sentence_that_differs_by_quote_marks_only_is_quoted_once() -> None:
    hits = [hit(1, 'Ann said "the bridge" opens.'), hit(2, "Ann  said “the bridge” opens.")]
    said = "".join(QuotingAnswerer()("Who said the bridge opens?", hits))
    assert said == '“Ann said "the bridge" opens.” [1]'


def test_where_no_sentence_tells_anything_the_words_are_quoted_as_they_are() -> None:
    assert "".join(QuotingAnswerer()("bridge?", [hit(1, "bridge")])) == "“bridge” [1]"
    assert list(QuotingAnswerer()("bridge?", [])) == []
