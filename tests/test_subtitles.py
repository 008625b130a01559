"""What is said in subtitles, each cue at its time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit import Rag
from ragkit.loading.formats import load
from ragkit.types import Document
from tests.embedders import HashingEmbedder

SRT = """\
1
00:00:01,000 --> 00:00:02,500
{\\an8}<i>The model stays</i>
in memory

2
00:00:02,500 --> 00:00:04,000
for <font color="red">five</font> minutes.

3
01:02:03,999 --> 01:02:05,000
- Really?
- Yes.
"""
VTT = """\
WEBVTT - a talk

STYLE
::cue { color: red }

NOTE reviewed by Bob

intro
01:02.000 --> 01:03.000 align:start
<v.loud Ann>Tea &amp; milk,

01:03.000 --> 01:04.000
<v Ann>if you <00:01:03.500><c.x>please</c>.</v>

100:00:00.000 --> 100:00:01.000
<v Bob>1 < 2
"""

CUES = (
    "{}\n00:00:01,000 --> 00:00:02,000\n{}\n{}\n00:00:03,000 --> 00:00:04,000\n{}\n{}\n"
    "00:00:05,000 --> 00:00:06,000\n"
)
CUE_PLACES = ["@00:00:01", "@00:00:03"]


def read(text: str, suffix: str = ".srt") -> Document:
    document = load(text.encode(), suffix=suffix)
    assert document.type == suffix[1:]
    return document


def said(document: Document) -> dict[str, str]:
    ends = [*(at for at, _ in document.places), len(document.text)][1:]
    return {
        place: document.text[at:end]
        for (at, place), end in zip(document.places, ends, strict=True)
    }  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_cues_are_joined_to_sentences(end: str) -> None:
    document = read(SRT.replace("\n", end))
    assert document.text == ("The model stays in memory for five minutes.\n- Really?\n- Yes.")
    assert said(document) == {
        "@00:00:01": "The model stays in memory ", "@00:00:02": "for five minutes.\n",
        "@01:02:03": "- Really?\n- Yes.",
    }  # fmt: skip
    assert document.notes == ()


def test_who_says_it_stands_before_it() -> None:
    document = read(VTT, ".vtt")
    assert document.text == (
        "NOTE reviewed by Bob\nAnn: Tea & milk,\nAnn: if you please.\nBob: 1 < 2"
    )
    assert [place for _, place in document.places] == ["@00:01:02", "@00:01:03", "@100:00:00"]
    assert document.notes == ("styles are left out", "1 name of a cue is left out")


def test_lines_that_roll_are_said_once_and_counted() -> None:
    rolling = "\n".join(
        f"{i}\n00:00:0{i},000 --> 00:00:0{i},900\n{' '.join(words)}\n"
        for i, words in enumerate([["one,"], ["one,"], ["two,"], ["two,"], ["three"]])
    )
    document = read(rolling)
    assert document.text == "one, two, three"
    assert document.notes == ("2 lines that repeat the one before are left out",)


def test_lines_without_spaces_stay_lines() -> None:
    cue = "1\n00:00:01,000 --> 00:00:02,000\n模型留在\n内存里\n"
    assert read(cue).text == "模型留在\n内存里"


@pytest.mark.parametrize(
    ("text", "found", "places"),
    [
        ("", "", []),
        ("words only\n", "words only\n", []),
        ("00:01,000 --> x\nno\n", "00:01,000 --> x\nno\n", []),
        ("1\n-00:00:01,000 --> -00:00:00,500\nearly\n", "early", ["@00:00:01"]),
        ("1\n0:0:1.0 --> 0:0:2.0\nshort\n", "short", ["@00:00:01"]),
        ("1\n00:99:99,000 --> 00:00:00,000\nodd\n", "odd", ["@00:99:99"]),
        ("lost words\n\n1\n00:00:01,000 --> 00:00:02,000\nHello", "lost words Hello",
         ["@00:00:01"]),
        ("1\n00:00:01,000 --> 00:00:02,000\n\n2\n00:00:02,000 --> 00:00:03,000\nHi\n42\n",
         "Hi 42", ["@00:00:02"]),
        ("1\n00:00:01,000 --> 00:00:02,000\n<b></b>\n", "", []),
        ("1\n00:00:01,000 --> 00:00:02,000\n<laughs> <I>Hi</I>, <Ann>\n", "<laughs> Hi, <Ann>",
         ["@00:00:01"]),
        (CUES.format("1", "It is\n", "42", "Oh", "\nYes"), "It is 42 Oh Yes", CUE_PLACES),
        (CUES.format("1", "It is", "42", "Yes", "3"), "It is 42 Yes 3", CUE_PLACES),
        (CUES.format("1", "a", "2", "b", "3"), "a b", CUE_PLACES[:2]),
        (CUES.format("7", "a\n", "7", "b\n", "8"), "a b", CUE_PLACES[:2]),
    ],
)  # fmt: skip
def test_odd_subtitles_keep_what_is_said(text: str, found: str, places: list[str]) -> None:
    document = read(text)
    assert (document.text, [place for _, place in document.places]) == (found, places)
    told = ("it has no cues with times: read as plain text",)
    assert document.notes == (told if found == text and text else ())


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "unit",
    ["<", "<v ", "<v a", "{\\", "-->", "1\n", "0:", "00:00:01,000 --> ", "&", " ", "<c", "a\n"],
)
def test_nothing_but_a_mark_takes_no_time(unit: str) -> None:
    cue = "1\n00:00:01,000 --> 00:00:02,000\n"
    for suffix in (".srt", ".vtt"):
        read(cue + unit * (100_000 // len(unit)) + "\n" + cue + "end", suffix)


@given(st.text(alphabet="a1:,.-> \n<v/{\\}é", max_size=80))
def test_every_letter_is_kept(text: str) -> None:
    for suffix in (".srt", ".vtt"):
        document = read("\n\n1\n00:00:01,000 --> 00:00:02,000\n" + text, suffix)
        starts = [at for at, _ in document.places]
        assert starts == sorted(starts)
        assert document.text.count("é") <= text.count("é")


def test_a_citation_leads_to_its_time(tmp_path: Path) -> None:
    cues = "".join(
        f"{i}\n00:{i // 60:02}:{i % 60:02},000 --> 00:{i // 60:02}:{i % 60:02},900\n"
        f"Sentence number {i} is about river{i}.\n\n" for i in range(300)
    )  # fmt: skip
    (tmp_path / "talk.srt").write_text(cues)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "talk.srt")
        hit = rag.search("river217", k=1, mode="lexical")[0]
        assert hit.chunk.place_at(hit.chunk.text.index("Sentence number 217")) == "@00:03:37"
