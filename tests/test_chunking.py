"""Chunks cover a document, in order, and break nothing."""

import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ragkit.chunking import StructureChunker, text_in_context
from ragkit.text.tokens import estimate_tokens
from ragkit.types import Chunk, Document, Heading

SCRIPTS = "ab. \n\n模型默认。ไทย한국어日本の、مرحباहिन्दी👩‍👩‍👧e\u0301\r\n\u0085\u2028\x00 \t"
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3000),
    st.text(st.sampled_from(SCRIPTS), min_size=200, max_size=4000),
)


def chunks_of(text: str, tokens: int = 20) -> list[Chunk]:
    lines = [i for i, c in enumerate(text) if c == "#"]
    headings = tuple(Heading(at, 1 + at % 3, f"h{at}") for at in lines)
    return list(StructureChunker(tokens)(Document(text=text, type="text", headings=headings)))


def assert_sound(text: str, chunks: list[Chunk]) -> None:
    """Every non-blank character is in exactly one chunk; chunks are in order and exact."""
    at = 0
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        assert text[at : chunk.start].strip() == ""
        assert chunk.text.strip()
        at = chunk.end
    assert text[at:].strip() == ""


@settings(deadline=None, max_examples=300)
@given(TEXTS)
@example("# one\n" * 40)
@example("👩‍👩‍👧" * 200)
@example("e" + "\u0301" * 500)
def test_every_nonblank_character_is_in_one_chunk(text: str) -> None:
    chunks = chunks_of(text)
    assert_sound(text, chunks)
    assert all(estimate_tokens(chunk.text) <= 20 for chunk in chunks)


@settings(deadline=None)
@given(st.text(st.sampled_from(SCRIPTS), min_size=100, max_size=1500))
def test_no_chunk_begins_or_ends_inside_a_grapheme(text: str) -> None:
    inside = {0, len(text)}
    inside |= {m.start() for m in regex.finditer(r"\X", text)}
    for chunk in chunks_of(text):
        assert chunk.start in inside or text[chunk.start - 1].isspace()
        assert chunk.end in inside or text[chunk.end].isspace()


@settings(deadline=None)
@given(st.text(st.sampled_from("ab\n\r x。"), max_size=400))
def test_lines_are_those_an_editor_shows(text: str) -> None:
    for chunk in chunks_of(text):
        before = regex.split(r"\r\n|\r|\n", text[: chunk.start])
        assert chunk.lines[0] == len(before)
        assert chunk.lines[1] == len(regex.split(r"\r\n|\r|\n", text[: chunk.end - 1]))


def test_lines_of_a_megabyte_are_cut_and_nothing_is_lost() -> None:
    for unit in ("x", "猫", "ab cd ", "👩‍👩‍👧", "e\u0301", "กำ"):
        text = unit * (1_000_000 // len(unit))
        chunks = chunks_of(text, 200)
        assert_sound(text, chunks)
        assert len(chunks) < 12_000


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
