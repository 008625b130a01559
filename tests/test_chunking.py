"""Chunks cover a document, in order, and break nothing: one suite for every chunker."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ragkit.chunkers import NAMED, chunker_named
from ragkit.chunkers.similarity import SimilarityChunker
from ragkit.chunkers.whole import MOST_TOKENS
from ragkit.chunking import StructureChunker
from ragkit.config import CHOICES
from ragkit.protocols import Chunker
from ragkit.text.headings import text_in_context
from ragkit.text.tokens import estimate_tokens
from ragkit.types import Chunk, Document, FloatMatrix, FloatVector, Heading
from tests.embedders import HashingEmbedder

SCRIPTS = "ab. \n\n模型默认。ไทย한국어日本の、مرحباहिन्दी👩‍👩‍👧e\u0301\r\n\u0085\u2028\x00 \t"
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3000),
    st.text(st.sampled_from(SCRIPTS), min_size=200, max_size=4000),
)
CHUNKERS: dict[str, Callable[[int], Chunker]] = {
    **NAMED,
    "similarity": lambda tokens: SimilarityChunker(HashingEmbedder(), tokens),
}
every_chunker = pytest.mark.parametrize("name", CHUNKERS)


def document_of(text: str) -> Document:
    r"""A document whose headings are at each "#", its pages behind each "\f", places at "!"."""
    return Document(
        text,
        "text",
        headings=tuple(Heading(at, 1 + at % 3, f"h{at}") for at in found(text, "#")),
        page_starts=tuple(
            sorted({0, *(at + 1 for at in found(text, "\f"))} if "\f" in text else ())
        ),
        places=tuple((at, f"!{at}") for at in found(text, "!")),
    )


def found(text: str, mark: str) -> list[int]:
    return [match.start() for match in re.finditer(mark, text)]


def chunks_of(text: str, tokens: int = 20, name: str = "structure") -> list[Chunk]:
    return list(CHUNKERS[name](tokens)(document_of(text)))


def assert_sound(text: str, chunks: list[Chunk]) -> None:
    """Every non-blank character is in exactly one chunk; chunks are in order and exact."""
    at = 0
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        assert text[at : chunk.start].strip() == ""
        assert chunk.text.strip()
        at = chunk.end
    assert text[at:].strip() == ""


def most_tokens(name: str, text: str, tokens: int) -> int:
    """Return the limit of a chunk."""
    is_whole = name == "document" or (name == "page" and "\f" in text)
    return MOST_TOKENS if is_whole else tokens


@pytest.mark.no_cover
@every_chunker
@settings(max_examples=60)
@given(text=TEXTS)
@example(text="# one\n" * 40)
@example(text="👩‍👩‍👧" * 200)
@example(text="e" + "\u0301" * 500)
@example(text="a. \u0301b。\u200db! " * 50)
@example(text="word " * 7 + "# " + "x" * 90 + ". y")
def test_every_nonblank_character_is_in_one_chunk(name: str, text: str) -> None:
    chunks = chunks_of(text, name=name)
    assert_sound(text, chunks)
    assert all(estimate_tokens(c.text) <= most_tokens(name, text, 20) for c in chunks)


@every_chunker
@settings(max_examples=40)
@given(text=st.text(st.sampled_from(SCRIPTS), min_size=100, max_size=1500))
@example(text="।\u0301 ab ?\u200d。\u0301" * 30)
@example(text="。\u093f" + "a" * 98)
def test_no_chunk_begins_or_ends_inside_a_grapheme(name: str, text: str) -> None:
    inside = {0, len(text)}
    inside |= {m.start() for m in regex.finditer(r"\X", text)}
    for chunk in chunks_of(text, name=name):
        assert chunk.start in inside or text[chunk.start - 1].isspace()
        assert chunk.end in inside or text[chunk.end].isspace()


@pytest.mark.no_cover
@every_chunker
@settings(max_examples=60)
@given(text=st.text(st.sampled_from("ab. \n\r x。#!\f"), max_size=400))
def test_lines_pages_places_and_headings_are_those_of_the_text(name: str, text: str) -> None:
    document = document_of(text)
    for chunk in CHUNKERS[name](20)(document):
        before = regex.split(r"\r\n|\r|\n", text[: chunk.start])  # what an editor counts
        assert chunk.lines[0] == len(before)
        assert chunk.lines[1] == len(regex.split(r"\r\n|\r|\n", text[: chunk.end - 1]))
        page = bisect_right(document.page_starts, chunk.start)
        assert chunk.page == (page or None)
        # Nothing of the next page is in it, unless it is the whole document.
        ends = [*document.page_starts, len(text)][page] if page else len(text)
        assert chunk.end <= ends or name == "document"
        at = [place for place in document.places if place[0] <= chunk.start]
        assert chunk.place_at(0) == (at[-1][1] if at else "")
        last = [place for place in document.places if place[0] < chunk.end]
        assert chunk.place_at(len(chunk.text)) == (last[-1][1] if last else "")
        above = [heading.title for heading in document.headings if heading.start <= chunk.start]
        assert chunk.headings[-1:] == tuple(above[-1:])


@pytest.mark.no_cover
@every_chunker
def test_lines_without_end_are_cut_and_nothing_is_lost(name: str) -> None:
    size = 300_000 if name == "structure" else 20_000
    for unit in ("x", "猫", "ab cd ", "👩‍👩‍👧", "e\u0301", "กำ"):
        text = unit * (size // len(unit))
        chunks = chunks_of(text, 200, name)
        assert_sound(text, chunks)
        assert len(chunks) < size / 80


def test_a_setting_names_each_chunker() -> None:
    assert tuple(NAMED) == CHOICES["chunker"]
    text = "One sentence. " * 30
    for name in NAMED:
        assert_sound(text, list(chunker_named(name, 50)(Document(text, "text"))))


def test_whole_sentences_are_packed() -> None:
    text = "The first one is short. The second is as well.\n\n## Head\n\nWhat follows is its text."
    assert [c.text for c in chunks_of(text, 14, "sentences")] == [
        "The first one is short. The second is as well.",
        "## Head\n\nWhat follows is its text.",
    ]
    # The heading would fit before, but what it is of does not.
    assert [c.text for c in chunks_of(text, 16, "sentences")][1].startswith("## Head")


def test_a_heading_that_nothing_fits_behind_is_alone() -> None:
    text = "Before it.\n\n# Head line of four words\n\n" + "word " * 15 + "end."
    cut = [c.text for c in chunks_of(text, 20, "sentences")]
    assert cut[0] == "Before it."
    assert cut[1] == "# Head line of four words"


def test_fixed_chunks_end_at_words() -> None:
    cut = [c.text for c in chunks_of("alphabet soup is served " * 20, 20, "fixed")]
    assert all(text.split()[-1] in {"alphabet", "soup", "is", "served"} for text in cut)
    assert all(60 < len(text) <= 80 for text in cut[:-1])
    assert [len(c.text) for c in chunks_of("x" * 200, 20, "fixed")] == [80, 80, 40]


def test_pages_are_chunks_of_their_own() -> None:
    text = "One page. " * 90 + "\f" + "Another.\f \fThe last."
    pages = chunks_of(text, 20, "page")
    assert [(c.page, c.text[-9:]) for c in pages] == [
        (1, "One page."), (2, "Another."), (4, "The last.")
    ]  # fmt: skip
    assert chunks_of("No pages. " * 40, 20, "page") == chunks_of("No pages. " * 40, 20)


def test_a_document_is_one_chunk_up_to_what_memory_holds() -> None:
    assert [c.text for c in chunks_of("a b. " * 9_000, 20, "document")] == [
        ("a b. " * 9_000).strip()
    ]
    first, second = chunks_of("a b. " * 100_000, 20, "document")
    assert MOST_TOKENS * 0.6 < estimate_tokens(first.text) <= MOST_TOKENS
    assert first.end < second.start


class Topics:
    """Sees of a text only which of two things it is about."""

    name = fingerprint = "test:topics"
    dim = 2

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        rows = [[text.count("cat") + 0.01, text.count("ship") + 0.01] for text in texts]
        matrix = np.array(rows, np.float32)
        return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), np.float32)

    def embed_query(self, text: str) -> FloatVector:
        return np.asarray(self.embed_documents([text])[0], np.float32)


def test_similar_sentences_stay_together() -> None:
    cats, ships = "The cat sleeps here. " * 5, "A ship is on the sea. " * 9
    document = Document(cats + ships + cats, "text")
    cut = [chunk.text for chunk in SimilarityChunker(Topics(), 60)(document)]
    assert cut == [cats.strip(), ships.strip(), cats.strip()]
    # What fits as a whole is not cut for that.
    assert len(list(SimilarityChunker(Topics(), 120)(document))) == 1


def test_similarity_looks_at_a_long_text_by_stretches() -> None:
    text = "The cat sleeps here. A ship is on the sea. " * 1500
    chunks = list(SimilarityChunker(Topics(), 60)(Document(text, "text")))
    assert_sound(text, chunks)
    assert all(estimate_tokens(chunk.text) <= 60 for chunk in chunks)
    assert len(chunks) < 370


def test_a_heading_is_not_cut_off_by_similarity() -> None:
    text = "About the cat and cats.\n\n# ship\n\nThe cat sleeps. The cat eats. A cat."
    document = Document(text, "markdown", headings=(Heading(text.index("#"), 1, "ship"),))
    cut = [chunk.text for chunk in SimilarityChunker(Topics(), 12)(document)]
    assert cut == ["About the cat and cats.", "# ship\n\nThe cat sleeps. The cat eats. A cat."]


def test_short_sections_share_a_chunk_and_long_ones_begin_one() -> None:
    text = "# A\n\nshort\n\n# B\n\n" + "A sentence of B. " * 60 + "\n\n# C\n\nend"
    starts = tuple(Heading(text.index(f"# {c}"), 1, c) for c in "ABC")
    chunks = list(StructureChunker(200)(Document(text=text, type="markdown", headings=starts)))
    assert chunks[0].text == "# A\n\nshort"
    assert chunks[1].text.startswith("# B\n\nA sentence of B.")
    assert chunks[-1].text == "# C\n\nend"
    small = text.replace("A sentence of B. " * 60, "tiny")
    starts = tuple(Heading(small.index(f"# {c}"), 1, c) for c in "ABC")
    both = list(StructureChunker(200)(Document(text=small, type="markdown", headings=starts)))
    assert [chunk.text for chunk in both] == [small]


def test_a_heading_stays_with_its_text() -> None:
    text = "# A long enough heading to be cut after\n\n" + "One more sentence here. " * 20
    document = Document(text=text, type="markdown", headings=(Heading(0, 1, "A"),))
    first = next(StructureChunker(50)(document))
    assert "One more sentence" in first.text


def test_chinese_is_cut_at_sentence_ends() -> None:
    text = "模型默认在内存中保留五分钟，之后会被卸载。" * 40
    assert all(chunk.text.endswith("。") for chunk in chunks_of(text, 50))


def test_pages_and_headings_of_a_chunk() -> None:
    text = "first page\n\nsecond page"
    document = Document(text=text, type="pdf", title="T", page_starts=(0, 12))
    chunks = list(StructureChunker(3)(document))
    assert [chunk.page for chunk in chunks] == [1, 2]
    long = Document(
        text=text * 9, type="pdf", page_starts=(0, 12), headings=(Heading(12, 1, "Two"),)
    )
    assert [c.headings for c in StructureChunker(3)(long)][:2] == [(), ("Two",)]
    assert text_in_context("T", chunks[0]) == "T\nfirst page"
    assert text_in_context("", chunks[0]) == "first page"


def test_heading_paths_nest_by_level() -> None:
    text = "aaa\nbbb\nccc\nddd\n"
    heads = (Heading(0, 1, "A"), Heading(4, 2, "B"), Heading(8, 3, "C"), Heading(12, 2, "D"))
    chunker = StructureChunker(1)
    paths = [chunk.headings for chunk in chunker(Document(text=text, type="rst", headings=heads))]
    assert paths == [("A",), ("A", "B"), ("A", "B", "C"), ("A", "D")]


def test_blank_documents_have_no_chunks() -> None:
    assert chunks_of("") == chunks_of(" \n\t\n") == []


def test_a_chunk_knows_the_places_of_its_parts() -> None:
    text = "head\n\nrow one is here\nrow two is here"
    document = Document(text, "csv", places=((6, "!1"), (22, "!2")))
    (chunk,) = StructureChunker()(document)
    assert chunk.places == ((6, "!1"), (22, "!2"))
    assert [chunk.place_at(at) for at in (0, 6, 21, 22, 30)] == ["", "!1", "!1", "!2", "!2"]
    rows = list(StructureChunker(5)(document))
    assert [(one.text, one.place_at(0)) for one in rows] == [
        ("head", ""), ("row one is here", "!1"), ("row two is here", "!2"),
    ]  # fmt: skip
