"""tantivy's BM25 and ours are one formula."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.lexical import FIELDS, LENGTHS, Bm25, Entry, LexicalFolder, Query, write_lexical

pytestmark = pytest.mark.no_cover

WORDS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=120)
QUERY: Query = [("a",), ("b", "z"), ("nowhere",)]


def make(folder: Path, bodies: dict[int, str], **more: object) -> LexicalFolder:
    folder.mkdir(exist_ok=True)
    write_lexical(folder, (Entry(i, body) for i, body in bodies.items()), **more)  # type: ignore[arg-type]
    return LexicalFolder(folder)


@pytest.mark.parametrize("field", FIELDS)
@settings(max_examples=15)
@given(texts=st.lists(WORDS, min_size=1, max_size=12))
def test_a_folder_and_the_formula_agree(
    tmp_path_factory: pytest.TempPathFactory, field: str, texts: list[list[str]]
) -> None:
    joined = [" ".join(text) for text in texts]
    entries = [
        Entry(i, text, joined[-i][:9].strip(), *near)
        for i, (text, *near) in enumerate(
            zip(joined, ["", *joined[:-1]], [*joined[1:], ""], strict=True), 1
        )
    ]
    place = tmp_path_factory.mktemp("lexical")
    write_lexical(place, entries)
    folder = LexicalFolder(place)
    scorer = Bm25()
    for entry in entries:
        scorer.add(entry.terms(field))
    expected = {entry.chunk: scorer.score(QUERY, entry.terms(field)) for entry in entries}
    found = folder.scores(field, QUERY, list(expected))
    assert found == pytest.approx({i: s for i, s in expected.items() if s > 0}, rel=1e-5)
    best = folder.search(field, QUERY, k=3)
    assert [s for _, s in best] == pytest.approx(
        sorted((s for s in expected.values() if s > 0), reverse=True)[:3], rel=1e-5
    )


def test_a_window_is_one_text_of_a_chunk_and_its_neighbours() -> None:
    alone, amid = Entry(1, "b"), Entry(2, "b", "h i", "a", "c")
    assert [alone.terms(field) for field in FIELDS] == [["b"], [], ["b"]]
    assert [amid.terms(field) for field in FIELDS] == [["h", "i", "b"], ["h", "i"], ["a", "b", "c"]]


def test_more_than_there_are_may_be_asked_for(tmp_path: Path) -> None:
    folder = make(tmp_path / "lexical", {1: "a", 2: "b", 3: "c"})
    assert sorted(chunk for chunk, _ in folder.search("body", QUERY, k=10**20)) == [1, 2]


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
