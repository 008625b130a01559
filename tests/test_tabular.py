"""Tables of text: each row with the names of its columns, at its line's number."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit import Rag
from ragkit.chunking import StructureChunker
from ragkit.loading.formats import load
from ragkit.loading.tabular import names_of
from ragkit.types import Document
from tests.embedders import HashingEmbedder


def read(text: str, suffix: str = ".csv") -> Document:
    document = load(text.encode(), suffix=suffix)
    assert document.type == "csv"
    return document


def rows(document: Document) -> dict[str, str]:
    """Return each row's text by its place."""
    ends = [*(at for at, _ in document.places), len(document.text)][1:]
    return {
        place: document.text[at:end].strip("\n")
        for (at, place), end in zip(document.places, ends, strict=True)
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name,city\nAnn,Bonn\n", {"!1": "name | city", "!2": "name: Ann | city: Bonn"}),
        ("name;rate\r\nAnn;1,5\r\nBob;2,5\r\n",
         {"!1": "name | rate", "!2": "name: Ann | rate: 1,5", "!3": "name: Bob | rate: 2,5"}),
        ("name\tcity\nLee, Ann\tBonn\nRay, Bob\tRome\n",
         {"!1": "name | city", "!2": "name: Lee, Ann | city: Bonn",
          "!3": "name: Ray, Bob | city: Rome"}),
        ("a|b\n1|2\n", {"!1": "a | b", "!2": "a: 1 | b: 2"}),
        ("\ufeffname,n\nAnn,1\n", {"!1": "name | n", "!2": "name: Ann | n: 1"}),
        ("sep=;\nname;n\nAnn;1\n", {"!2": "name | n", "!3": "name: Ann | n: 1"}),
        ('name,note\nAnn,"two\nlines, ""so"""\nBob,one\n',
         {"!1": "name | note", "!2": 'name: Ann | note: two\nlines, "so"',
          "!4": "name: Bob | note: one"}),
        ("a,n\r1,2\r", {"!1": "a | n", "!2": "a: 1 | n: 2"}),
        ("1,2\n3,4\n", {"!1": "1 | 2", "!2": "3 | 4"}),
        ("item,2024,2025\ntea,1,2\n", {"!1": "item | 2024 | 2025",
                                       "!2": "item: tea | 2024: 1 | 2025: 2"}),
        ("Prices of 2026,\n,\nitem,price\ntea,1\nmilk,2\n",
         {"!1": "Prices of 2026", "!3": "item | price", "!4": "item: tea | price: 1",
          "!5": "item: milk | price: 2"}),
        (",x,y\nr1,1,2\n", {"!1": "x | y", "!2": "r1 | x: 1 | y: 2"}),
        ("a,n\n1,2,3,4\n,\n5\n", {"!1": "a | n", "!2": "a: 1 | n: 2 | 3 | 4", "!4": "a: 5"}),
        ("word\n", {"!1": "word"}),
        ("", {}),
        (" \n,,\n", {}),
        ('name,n\nAnn,"open\nBob,2\n', {"!1": "name | n", "!2": 'name: Ann | n: "open',
                                        "!3": "name: Bob | n: 2"}),
        ('n,m\n"5 in,1\n"Lee, Ann",2\n"Sue",3\n',
         {"!1": "n | m", "!2": 'n: "5 in | m: 1', "!3": "n: Lee, Ann | m: 2",
          "!4": "n: Sue | m: 3"}),
        ('n,m,k\nAnn,1,"\nBob,2,"\nSue,3,"\nEve,4,"\n',  # ditto marks
         {"!1": "n | m | k", "!2": 'n: Ann | m: 1 | k: "', "!3": 'n: Bob | m: 2 | k: "',
          "!4": 'n: Sue | m: 3 | k: "', "!5": 'n: Eve | m: 4 | k: "'}),
        ('n,m,k\n"Ann,1,2\nBob,2,3\nSue","3",4\n',  # of two that fit by chance
         {"!1": "n | m | k", "!2": 'n: "Ann | m: 1 | k: 2', "!3": "n: Bob | m: 2 | k: 3",
          "!4": 'n: Sue" | m: 3 | k: 4'}),
        ('n,m\n"Smith, Jr." Bob,3\n', {"!1": "n | m", "!2": 'n: "Smith, Jr." Bob | m: 3'}),
        ("name,pipe\nx,5\" wide\n", {"!1": "name | pipe", "!2": 'name: x | pipe: 5" wide'}),
    ],
)  # fmt: skip
def test_rows_carry_the_names_of_their_columns(text: str, found: dict[str, str]) -> None:
    assert rows(read(text)) == found


def test_a_tsv_is_read_as_a_csv_is() -> None:
    assert read("a\tb\n1\t2\n", ".tsv") == read("a\tb\n1\t2\n", ".csv")


@pytest.mark.parametrize(
    ("table", "at"),
    [
        ([["name", "city"], ["Ann", "Bonn"]], 0),
        ([["Ann", "yes"], ["Bob", "yes"]], -1),  # a word that comes again is no name
        ([["name", "name"], ["a", "b"]], -1),
        ([["name", "3.5"], ["a", "b"]], -1),
        ([["when", "ann@a.example"], ["a", "b"]], -1),
        ([["", "", "", "", "a"], ["1", "2", "3", "4", "5"]], -1),
        ([["x" * 101, "b"], ["1", "2"]], -1),
        ([["only", "row"]], -1),
        ([], -1),
    ],
)
def test_what_are_names(table: list[list[str]], at: int) -> None:
    assert names_of(table)[0] == at


def test_what_was_guessed_is_told() -> None:
    assert read("1,2\n3,4\n").notes == ("its columns seem to have no names",)
    assert "never closed" in read('a,n\n1,"x\n2,y\n').notes[0]
    assert "the quote in line 2 (and 1 more)" in read('a,n\n"1,x\n"2,y\n').notes[0]
    assert "no row" in read("sep=,\na,n\n1,2\n").notes[0]
    assert read("a,n\n1,2\n").notes == ()


def test_a_cell_that_is_too_long_for_a_name_is_not_looked_through() -> None:
    assert names_of([["@" * 500_000], ["a"]]) == (-1, [])


def test_names_that_are_too_long_are_said_once() -> None:
    names = ",".join("n" * 90 + str(i) for i in range(100))
    document = read(names + "\n" + ("1," * 99 + "1\n") * 1000)
    assert len(document.text) < 1_000_000
    assert "too long to stand in each row" in document.notes[0]


def test_a_citation_leads_to_its_row(tmp_path: Path) -> None:
    lines = "".join(f"Town {i},River {i},{i * 7}\n" for i in range(300))
    (tmp_path / "towns.csv").write_text("town,river,people\n" + lines)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "towns.csv")
        hit = rag.search("Town 217", k=1, mode="lexical")[0]
        at = hit.chunk.text.index("town: Town 217 |")
        assert hit.chunk.place_at(at) == "!219"
        assert "river: River 217 | people: 1519" in hit.chunk.text


def test_a_passage_ends_with_a_row() -> None:
    lines = "".join(f"Town {i},River number {i},{i * 7}\n" for i in range(300))
    document = read("town,river,people\n" + lines)
    starts = {at for at, _ in document.places}
    assert all(chunk.start in starts for chunk in StructureChunker()(document))


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PARTING = str.maketrans("", "", ",;\t|")


@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=6), st.sampled_from(",;\t"))
def test_every_character_of_every_cell_is_kept(table: list[list[str]], delimiter: str) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(table)
    document = read(file.getvalue())
    kept = "".join(document.text.split()).translate(PARTING)
    for row in table if all(len(row) > 1 for row in table) else []:
        for cell in row:  # which sign parts is a guess in a table this small
            assert "".join(cell.split()).translate(PARTING) in kept or len(set(map(len, table))) > 1
    assert [at for at, _ in document.places] == sorted({at for at, _ in document.places})


HUGE = 20_000_000


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "text",
    [
        "a,n\n1," + "x" * HUGE + "\n2,y\n",  # one field
        'a,n\n1,"' + "x\n" * 50_000,  # one that never ends
        "x" * 1_000_000,
        "," * 1_000_000,
        '"' * 1_000_001,
        "a,n\n" * 50_000,
        '"a\n' * 20_000,
        "a,n\n" + '"\n' * 20_001 + "end",
    ],
    ids=["one field", "no end", "one word", "commas", "quotes", "same rows", "open", "open again"],
)
def test_hostile_tables_end_in_time(text: str) -> None:
    document = read(text)
    assert sum(map(str.isalnum, document.text[:100_000])) >= sum(map(str.isalnum, text[:1000])) // 2


def test_a_cell_that_is_longer_than_the_sample_is_no_stray_quote() -> None:
    document = read('a;n\n1;"' + "one, two\n" * 10_000 + '"\n')
    assert [place for _, place in document.places] == ["!1", "!2"]
    assert document.notes == ()


@pytest.mark.parametrize("names", ["Zeit;T1;T2;T3", "Name;Preis;Menge;Summe"])
def test_a_comma_of_decimals_parts_no_cells(names: str) -> None:
    rows = "7;0,5;2,25;3,75\n" * 30
    rows = "7;0,5;2,25;3,75\n" * 30
    text = load(f"{names}\n{rows}".encode(), suffix=".csv").text
    first, second, *_ = names.split(";")
    assert f"{first}: 7 | {second}: 0,5" in text
