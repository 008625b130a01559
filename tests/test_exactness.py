r"""Every character of a file is found again: through real files, the whole pipeline, its citations.

Offsets are of characters in the text of a document; for files of text that is the file decoded,
without its byte order mark, all else as it is. Lines are those an editor shows: \n, \r\n and \r end
one, and nothing else does (not \f, \x85 or U+2028).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from fpdf import FPDF
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ragkit import Document, Hit, Rag
from ragkit.config import CHOICES
from ragkit.grounding import citations
from ragkit.index.folder import Index
from tests.embedders import HashingEmbedder

pytestmark = pytest.mark.no_cover

ODD = {
    "line ends": "one\r\ntwo\rthree\nfour\r\n\r\nfive\r\rsix\n\n\n",
    "no line ends": "f\x0cv\x0bn\x85l\u2028p\u2029s\x1c\x1d\x1e\x1fend",
    "blanks": "\u00a0\u3000 \u2003thin\u2009space\u200bzero\ufeffmark \t",
    "combining": "e\u0301a\u0323\u0302" + "o" + "\u0301" * 90 + " ä ü ñ Å",
    "families": "👩‍👩‍👧‍👦 👍🏽 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇩🇪🇫🇷 ❤️‍🔥 #️⃣",
    "right to left": "שָׁלוֹם \u202eabc\u202c مَرْحَبًا \u2067עולם\u2069 (abc) ١٢٣",
    "vertical": "︽縦書き︾の文章︑これは︒「︵例︶」﹁そう﹂",
    "half width": "ﾊﾝｶｸ ｶﾞﾞ Ｆｕｌｌ１２３",
    "scripts": "हिन्दी में क्षत्रिय। ไทยกำลัง བོད་ཡིག། ភាសាខ្មែរ។ አማርኛ። Հայերեն։ 한국어 한글",
    "beyond": "𠮷野家 𝔘𝔫𝔦 𐍈 \U0010fffd\ufffd\ufffe",
    "code": "if a != b:\n\treturn `x`\r\n# none\n* item\n1. one\n> said\n| a | b |\n|---|---|\n",
    "front": "---\ntitle: Ttl\n---\n\n# Head #\n\nText.\n\nSet\n===\n\nMore.\n",
}
PIECES = st.one_of(
    st.sampled_from([*ODD.values()]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1b"), max_size=60),
    st.text(st.sampled_from("word. \n\r\t#-你好。é\u0301👩\u200d"), max_size=120),
)
TEXTS = st.lists(PIECES, min_size=1, max_size=12).map("".join)
SUFFIXES = (".txt", ".md", ".rst", ".py")
SHARED = [HealthCheck.function_scoped_fixture]


def ingested(folder: Path, files: Mapping[str, bytes], chunker: str = "structure") -> list[Hit]:
    """Return all passages of an index of some files, by path and start."""
    docs = folder / "docs"
    docs.mkdir(parents=True)
    for name, data in files.items():
        (docs / name).write_bytes(data)
    home = folder / ".ragkit"
    with Rag(
        home, embedder=HashingEmbedder(), chunker=chunker, chunk_tokens=20, candidates=100_000
    ) as rag:
        report = rag.ingest(docs)
        assert not report.failed
        assert not report.skipped
        hits = rag.search("word", k=100_000, mode="dense")
        assert len(hits) == rag.status().chunks
    return sorted(hits, key=lambda hit: (hit.path, hit.chunk.start))


def of_file(hits: Sequence[Hit], name: str) -> list[Hit]:
    """Return the passages of a file, which may be cited by another of the same text."""
    return [hit for hit in hits if f"docs/{name}" in (hit.path, *hit.also)]


def assert_exact(text: str, hits: Sequence[Hit]) -> None:
    """The passages are the text's, all of it, at the lines and offsets they say, and citable."""
    at = 0
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]  # of lines
    graphemes = {match.start() for match in regex.finditer(r"\X", text)} | {len(text)}
    for hit in hits:
        chunk = hit.chunk
        assert text[chunk.start : chunk.end] == chunk.text
        assert not text[at : chunk.start].strip()
        at = chunk.end
        lines = bisect_right(starts, chunk.start), bisect_right(starts, chunk.end - 1)
        assert chunk.lines == lines
        for edge in (chunk.start, chunk.end):
            assert edge in graphemes or is_torn(text, edge)
        (whole,) = citations("Said so [1].", [Hit(1, 1.0, hit.path, chunk)])
        assert text[whole.start : whole.end] == whole.text == chunk.text
        assert whole.lines == lines
    assert not text[at:].strip()


def is_torn(text: str, edge: int) -> bool:
    """Say whether a grapheme had to be cut: its blank is in no chunk, or it is too long for one."""
    blank = text[edge - 1].isspace() or text[edge : edge + 1].isspace()
    around = regex.match(r"\X", text, pos=max(regex.search(r"\X\Z", text[:edge]).start(), 0))
    return blank or len(around[0]) > 64


@pytest.mark.parametrize("chunker", CHOICES["chunker"])
def test_odd_texts_are_found_again_by_every_chunker(chunker: str, tmp_path: Path) -> None:
    texts = {
        f"{i:02}{suffix}": text + text[:5] * i
        for i, text in enumerate([*ODD.values(), "".join(ODD.values()) * 3])
        for suffix in SUFFIXES
    }
    files = {name: text.encode() for name, text in texts.items()}
    hits = ingested(tmp_path, files, chunker)
    for name, text in texts.items():
        assert_exact(text, of_file(hits, name))


@settings(max_examples=15, suppress_health_check=SHARED)
@given(texts=st.lists(TEXTS, min_size=4, max_size=8), mark=st.booleans())
@example(texts=["\0" + "a\0b. c\0\r\n" * 9, "\ufeff\ufeffmark", "#\n#\n#"], mark=True)
def test_any_text_is_found_again(
    texts: list[str], mark: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = {
        f"{i}{SUFFIXES[i % 4]}": (b"\xef\xbb\xbf" if mark else b"") + text.encode()
        for i, text in enumerate(texts)
        if mark or not text.startswith("\ufeff")
    }
    hits = ingested(tmp_path_factory.mktemp("exact"), files)
    for name, data in files.items():
        assert_exact(data.decode("utf-8-sig"), of_file(hits, name))


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32-le", b"\xff\xfe\0\0"),
    ],
)
def test_the_bytes_of_a_file_decoded_are_what_offsets_count(
    encoding: str, mark: bytes, tmp_path: Path
) -> None:
    text = "".join(ODD.values()) + "zero\0es\r\n"
    data = mark + text.encode(encoding)
    if encoding == "utf-16-le":  # half of a pair is no character
        data += b"\x3d\xd8" + "end\n".encode(encoding)
        text += "\ufffdend\n"
    hits = ingested(tmp_path, {"a.txt": data, "b.md": data})
    for name in ("a.txt", "b.md"):
        assert_exact(text, of_file(hits, name))
        read = (tmp_path / "docs" / name).read_bytes()[len(mark) :].decode(encoding, "replace")
        for hit in of_file(hits, name):
            assert read[hit.chunk.start : hit.chunk.end] == hit.chunk.text


def test_quotes_are_cited_at_their_very_characters(tmp_path: Path) -> None:
    text = "".join(ODD.values())
    hits = of_file(ingested(tmp_path, {"a.txt": text.encode()}), "a.txt")
    quoted = 0
    for hit in hits:
        words = [
            word for word in hit.chunk.text.split() if not set(word) & set('“”"«»「」『』[]【】')
        ]
        for word in words:
            for cited in citations(f"“{word}” [1]", [Hit(1, 1.0, hit.path, hit.chunk)]):
                assert text[cited.start : cited.end] == cited.text == word
                first = len(re.findall(r"\r\n|\r|\n", text[: cited.start])) + 1
                assert cited.lines == (first, first)
                quoted += 1
    assert quoted > 60


def test_what_the_index_keeps_is_the_text(tmp_path: Path) -> None:
    text = "".join(ODD.values())
    ingested(tmp_path, {"a.txt": text.encode(), "b.md": b"\xef\xbb\xbf" + text.encode()})
    with closing(Index.open(tmp_path / ".ragkit")) as index:
        sources, _ = index.catalog.texts.sources()
        for source in sources.values():
            assert index.catalog.texts.text(source.content) == text
            found = [one.chunk for one in index.catalog.chunks.of(source.content)]
            assert all(one.end <= two.start for one, two in pairwise(found))
            assert all(text[one.start : one.end] == one.text for one in found)


def test_pages_are_those_a_viewer_shows(tmp_path: Path) -> None:
    pdf = FPDF()
    pdf.set_font("helvetica", size=12)
    for number in range(1, 6):
        pdf.add_page()
        if number != 3:  # a page without text is a page
            pdf.multi_cell(0, 8, f"This is page{number} of it. " * 20)
    hits = ingested(tmp_path, {"a.pdf": bytes(pdf.output())})
    assert {hit.chunk.page for hit in hits} == {1, 2, 4, 5}
    for hit in hits:
        assert set(re.findall(r"page(\d)", hit.chunk.text)) == {str(hit.chunk.page)}


def test_a_loader_that_gives_half_characters_costs_its_file_and_says_so(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.half").write_text("text")
    (docs / "b.md").write_text("text")
    loaders = {".half": lambda _: Document("half \ud800 of it", "half")}
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), loaders=loaders) as rag:
        report = rag.ingest(docs)
        assert [failure.path for failure in report.failed] == ["docs/a.half"]
        assert "surrogates" in report.failed[0].reason
        assert [hit.path for hit in rag.search("text")] == ["docs/b.md"]
