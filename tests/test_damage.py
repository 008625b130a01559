"""A damaged index gives right results, or says which file is lost and what to type: never a fault.

Damage is done to the file behind the catalog's back: a column by SQL, or any byte of it.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragkit import Rag
from ragkit.catalog import FILE
from tests.test_cli import Terminal, here, indexed, ragkit
from tests.test_ingest import write

pytestmark = pytest.mark.no_cover

__all__ = ["here", "indexed", "ragkit"]  # fixtures

QUESTION = "Who opened the bridge over the river?"
READING = (
    ["search", QUESTION],
    ["search", "giraffe", "--mode", "lexical"],
    ["ls"],
    ["show", "docs/bridge.md"],
    ["status"],
)


def damage(index: Path, *changes: str) -> None:
    db = sqlite3.connect(index / FILE)
    with db:
        for change in changes:
            db.execute(change)
    db.close()


# -- columns


PLAIN, REREAD = "ragkit ingest", "ragkit ingest docs/bridge.md --reread"


@pytest.mark.parametrize(
    ("change", "told_by", "hint"),
    [
        ("UPDATE sources SET path='docs/bridgX.md'", "search ls show", PLAIN),
        ("UPDATE sources SET path=CAST(x'ff' AS TEXT)", "search ls show", PLAIN),
        ("UPDATE sources SET digest=x'00'", "search ls show", PLAIN),
        ("UPDATE sources SET content=999", "search ls show", PLAIN),
        ("DELETE FROM sources", "search", PLAIN),
        ("UPDATE contents SET title='Wrong'", "search ls show status", REREAD),
        ("UPDATE contents SET page_starts='[0,'", "search ls show status", REREAD),
        ("UPDATE contents SET text=x'00'", "search show", REREAD),
        ("DELETE FROM contents", "search ls show", REREAD),
        ("DELETE FROM vectors", "", REREAD),
    ],
)
def test_a_damaged_row_is_told_by_what_reads_it_and_mended_by_what_is_said(
    here: Path, ragkit: Terminal, change: str, told_by: str, hint: str
) -> None:
    for other in ("model", "说明"):
        (here / "docs" / f"{other}.md").unlink()
    ragkit("ingest", "docs", "--offline")
    whole = [ragkit(*command) for command in READING]
    damage(here / ".ragkit", change)
    for command in READING:
        if command[0] in told_by.split() and "giraffe" not in command:
            code, _, err = ragkit(*command)
            assert code == 5
            assert err.endswith(f"is not what was written\n  hint: {hint}\n")
    assert ragkit("check")[0] == 5
    assert ragkit(*hint.split()[1:])[0] == 0
    assert ragkit("check") == (0, "the index is whole\n", "")
    assert [ragkit(*command)[:2] for command in READING[:4]] == [run[:2] for run in whole[:4]]


def test_a_damaged_record_of_a_cache_counts_as_none_and_is_made_again(
    indexed: Path, ragkit: Terminal
) -> None:
    whole = ragkit("search", QUESTION)
    damage(indexed / ".ragkit", "UPDATE caches SET files='[]x'")
    assert ragkit("search", QUESTION) == whole
    code, out, err = ragkit("check")
    assert (code, out) == (0, "the index is whole\n")
    assert err.splitlines() == [
        "dense cache: behind the catalog, which 'ragkit ingest' mends",
        "lexical cache: behind the catalog, which 'ragkit ingest' mends",
    ]
    assert ragkit("ingest")[0] == 0
    assert ragkit("check") == (0, "the index is whole\n", "")


def test_a_damaged_fact_of_the_index_is_told(indexed: Path, ragkit: Terminal) -> None:
    damage(indexed / ".ragkit", "UPDATE meta SET value='x' WHERE key='dim'")
    assert ragkit("search", QUESTION)[0] == 0  # it stands twice
    assert "its 'dim' is not what was written" in ragkit("check")[1]
    damage(indexed / ".ragkit", "UPDATE meta_again SET value='x' WHERE key='dim'")
    for command in (*READING, ["check"], ["ingest"], ["rm", "docs"]):
        code, _, err = ragkit(*command)
        assert code == 5
        assert "its 'dim' is not what was written\n  hint: 'ragkit check --repair' says" in err


def test_a_damaged_row_that_leads_nowhere_can_be_removed(indexed: Path, ragkit: Terminal) -> None:
    damage(indexed / ".ragkit", "UPDATE sources SET path='docs/x.md' WHERE path='docs/bridge.md'")
    assert ragkit("rm", "docs/x.md")[0] == 0
    assert ragkit("check")[0] == 0
    assert len(ragkit.json("ls")) == 2


def test_a_damaged_path_outside_all_roots_leaves_with_any_ingest(
    indexed: Path, ragkit: Terminal
) -> None:
    damage(indexed / ".ragkit", "UPDATE sources SET path='eocs/x.md' WHERE path='docs/bridge.md'")
    write(indexed / "other", far="Far away.")
    assert ragkit("ingest", "other")[0] == 0
    assert ragkit("check")[0] == 0
    assert "1 new" in ragkit("ingest")[1]
    assert len(ragkit.json("ls")) == 4


def test_a_copy_does_not_inherit_a_damaged_row(indexed: Path, ragkit: Terminal) -> None:
    damage(
        indexed / ".ragkit",
        "UPDATE sources SET content=(SELECT content FROM sources WHERE path='docs/model.md')"
        " WHERE path='docs/bridge.md'",
    )
    shutil.copyfile(indexed / "docs/bridge.md", indexed / "docs/copy.md")
    assert ragkit("ingest")[0] == 0
    assert "bridge" in ragkit("show", "docs/copy.md")[1]
    assert ragkit("check")[0] == 0


def test_a_vector_that_two_texts_share_is_mended_for_both(here: Path, ragkit: Terminal) -> None:
    same = "# Guide\n\n## Shared\n\n" + "The giraffe is tall. " * 30 + "\n\n## Own\n\n"
    write(here / "docs", one=same + "A zebra is striped. " * 30, two=same + "A yak has hair. " * 30)
    ragkit("ingest", "docs", "--offline")
    whole = ragkit("search", "giraffe", "--json")
    damage(
        here / ".ragkit",
        "UPDATE vectors SET vector=zeroblob(1024) WHERE id IN"
        " (SELECT vector FROM chunks GROUP BY vector HAVING count(*)>1)",
    )
    code, out, _ = ragkit("check")
    assert code == 5
    assert "a vector of docs/one.md, docs/two.md is not what was written" in out
    assert ragkit("ingest", "docs/one.md", "--reread")[0] == 0
    assert ragkit("check") == (0, "the index is whole\n", "")
    assert ragkit("search", "giraffe", "--json") == whole


def test_a_damaged_vector_that_nothing_uses_stops_no_run(indexed: Path, ragkit: Terminal) -> None:
    (indexed / "docs/bridge.md").unlink()
    assert ragkit("ingest")[0] == 0
    damage(
        indexed / ".ragkit",
        "UPDATE vectors SET seal=x'00' WHERE id NOT IN (SELECT vector FROM chunks)",
        "DELETE FROM caches",
    )
    assert ragkit("ingest")[0] == 5
    assert ragkit("ingest", "--reread")[0] == 0
    assert ragkit("check")[0] == 0


def test_errors_name_some_files_and_how_many_more(here: Path, ragkit: Terminal) -> None:
    write(here / "docs", **{f"n{i}": "The same text." for i in range(7)})
    ragkit("ingest", "docs", "--offline")
    damage(here / ".ragkit", "UPDATE contents SET text=x'00'")
    code, _, err = ragkit("show", "docs/n3.md")
    assert code == 5
    assert "of docs/n0.md, docs/n1.md, docs/n2.md, docs/n3.md, docs/n4.md and 2 more is" in err
    assert "hint: ragkit ingest --reread\n" in err


# -- bytes


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents and an index of them; tests work on copies."""
    folder = tmp_path_factory.mktemp("whole")
    rng = random.Random(7)
    words = "model memory window token cache river yeast flour engine harbour".split()
    texts = {f"n{i:02}": f"# Part {i}\n\n" + " ".join(rng.choices(words, k=300)) for i in range(20)}
    write(folder / "docs", **texts, bridge="# Bridges\n\nThe bridge was opened by the mayor.\n")
    write(folder / "docs", copy=texts["n03"], animal="# Animals\n\nThe giraffe is tall.\n")
    (folder / "docs/broken.pdf").write_bytes(b"%PDF-1.7")
    with Rag(folder / ".ragkit", offline=True) as rag:
        rag.ingest(folder / "docs")
    return folder


def flipped(whole: Path, to: Path, seed: int) -> Path:
    """Return a copy whose catalog has one other byte."""
    shutil.copytree(whole, to)
    rng = random.Random(seed)
    data = bytearray((to / ".ragkit" / FILE).read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    (to / ".ragkit" / FILE).write_bytes(data)
    return to


def answers(ragkit: Terminal) -> Iterator[tuple[list[str], int, object, str]]:
    for command in READING:
        code, out, err = ragkit(*command, "--json")
        value: Any = json.loads(out) if code == 0 else None
        if code == 0 and command == ["status"]:
            del value["bytes"], value["index"]
            del value["failed"][0]["attempts"], value["failed"][0]["last"]
        yield command, code, value, err


def survives(whole: Path, tmp_path: Path, ragkit: Terminal, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole)
        expected = list(answers(ragkit))
        patch.chdir(flipped(whole, tmp_path / "copy", seed))
        for (command, code, value, err), (_, _, right, _) in zip(
            answers(ragkit), expected, strict=True
        ):
            assert code in (0, 5), (command, err)
            assert value == right if code == 0 else "hint: " in err, command
        assert ragkit("check")[0] in (0, 5)
        code, _, err = ragkit("ingest")
        assert code in (5, 6), err
        assert "failed: docs/broken.pdf" in err if code == 6 else "hint: " in err
        code, _, said = ragkit("ingest", "--reread")
        assert code in (5, 6), said
        code, out, err = ragkit("check")
        if code == 0:
            assert [value for _, _, value, _ in answers(ragkit)] == [
                value for _, _, value, _ in expected
            ]
        else:
            assert "--repair" in said + out + err, (said, out, err)


@pytest.mark.parametrize("seed", range(5))
def test_one_flipped_byte(whole: Path, tmp_path: Path, ragkit: Terminal, seed: int) -> None:
    survives(whole, tmp_path, ragkit, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5, 205))
def test_one_flipped_byte_of_many(whole: Path, tmp_path: Path, ragkit: Terminal, seed: int) -> None:
    survives(whole, tmp_path, ragkit, seed)
