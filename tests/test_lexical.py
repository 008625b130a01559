"""tantivy's BM25 and ours are one formula."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.lexical import LENGTHS, Bm25, Entry, LexicalFolder, Query, write_lexical

WORDS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=120)
QUERY: Query = [("a",), ("b", "z"), ("nowhere",)]


def make(folder: Path, bodies: dict[int, str], **more: object) -> LexicalFolder:
    folder.mkdir(exist_ok=True)
    write_lexical(folder, (Entry(i, body, "h") for i, body in bodies.items()), **more)  # type: ignore[arg-type]
    return LexicalFolder(folder)


@settings(deadline=None, max_examples=25)
@given(st.lists(WORDS, min_size=1, max_size=12))
def test_a_folder_and_the_formula_agree(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]]
) -> None:
    folder = make(
        tmp_path_factory.mktemp("lexical"), {i: " ".join(t) for i, t in enumerate(texts, 1)}
    )
    scorer = Bm25()
    for text in texts:
        scorer.add(text)
    expected = {i: scorer.score(QUERY, text) for i, text in enumerate(texts, 1)}
    found = folder.scores("body", QUERY, list(expected))
    assert found == pytest.approx({i: s for i, s in expected.items() if s > 0}, rel=1e-5)
    best = folder.search("body", QUERY, k=3)
    assert [s for _, s in best] == pytest.approx(
        sorted((s for s in expected.values() if s > 0), reverse=True)[:3], rel=1e-5
    )


def test_lengths_are_rounded_as_lucene_rounds_them() -> None:
    assert LENGTHS[:48] == [*range(40), 40, 42, 44, 46, 48, 50, 52, 54]
    assert LENGTHS[-1] == 2_013_265_944


def test_an_interrupted_addition_can_be_made_again(tmp_path: Path) -> None:
    make(tmp_path, {1: "a", 2: "b"})
    make(tmp_path, {3: "a"}, after=2)
    folder = make(tmp_path, {3: "a", 4: "a"}, after=2, removed=[1])
    assert [chunk for chunk, _ in folder.search("body", [("a",)], k=9)] == [3, 4]
    assert len(folder) == 3
    assert folder.frequency("body", "b") == 1


def test_what_is_no_index_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r".+"):
        LexicalFolder(tmp_path)
