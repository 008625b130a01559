"""A text format's document is the file's own bytes, decoded: a citation's offsets cut the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit import Rag
from ragkit.chunking import StructureChunker
from ragkit.loading.formats import FORMATS, load, told_type
from tests.embedders import HashingEmbedder

pytestmark = pytest.mark.no_cover

EXACT = "text xml markdown rst json jsonl yaml toml ini".split()
SUFFIXES = [
    f".{row.suffixes.split()[0]}"
    for row in FORMATS
    if row.type in EXACT or row.type.startswith("code")
]
PIECES = [
    "\r\n", "\r", "\n", "\n\n", "\f", "\v", "\x1c", "\x85", "\u2028", "\ufeff", "\t", " ", "\u3000",
    "e\u0301", "👩‍👩‍👧", "🏳️‍🌈", "שלום", "\u202eabc\u202c", "מ\u05b8ה", "ﬁ", "模型", "「", "ก็",
    "\U000e0041",
    "---\n", "title: x", "# Heading", "=====", "```", '"', "'", "{", "}", "[", "]", ": ", "- ",
    "def a():", "class B {", "/*", "//", "<!--", "<p>", "key = 1", "|", "\\",
    "plain words", "a.b(c)",
]  # fmt: skip
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{i} "{"&a;" * 10}">' for i in range(9))
    + '<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&a8;&x;</a>'
)


def exact(text: str, suffix: str) -> None:
    for data in (text.encode(), b"\xef\xbb\xbf" + text.encode()):
        document = load(data, suffix=suffix)
        if document.type != told_type(b"plain", suffix=suffix):
            continue  # a whole page in a file of another name
        assert document.text == text
        covered = [False] * len(text)
        for chunk in StructureChunker(8)(document):
            assert data.decode("utf-8-sig")[chunk.start : chunk.end] == chunk.text
            covered[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
        assert all(covered[i] or char.isspace() for i, char in enumerate(text))


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=25)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_the_file_cut_by_a_citation_is_the_passage(suffix: str, text: str) -> None:
    exact("plain words of some length\n" + text, suffix)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_zero_characters_stay(suffix: str) -> None:
    exact("plain words of some length\0 and more of them\r\nso that they are text\0\r", suffix)


def test_nothing_in_xml_is_looked_up_or_unfolded() -> None:
    for suffix in (".xml", ".svg", ""):
        document = load(BOMB.encode(), suffix=suffix)
        assert (document.text, document.type) == (BOMB, "xml")


def test_a_citation_cuts_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(
        "\ufeffserver:\r\n  notes: 模型 e\u0301 stays\r\n".encode() + b"# padding\r\n" * 400
        + "last:\r\n  name: the giraffe 🦒 is tall\r\n".encode()
    )  # fmt: skip
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "a.yaml")
        hit = rag.search("giraffe", k=1, mode="lexical")[0]
        text = (tmp_path / "a.yaml").read_bytes().decode("utf-8-sig")
        assert text[hit.chunk.start : hit.chunk.end] == hit.chunk.text
        assert hit.chunk.headings == ("last",)
