"""Killed at any moment, an index has each document's old or new text, and no work is done twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.killing import MOMENTS, Command, Round, World, ends_within_a_commit
from tests.ollama_server import Server

pytestmark = pytest.mark.no_cover  # others show each line; it takes twice the time

COMMANDS = [  # a command that is added here is killed as the others are
    Command(("ingest", "docs"), reads=True),
    Command(("rm", "{file}")),
    Command(("ingest", "docs", "--reread"), reads=True),
    Command(("ingest", "docs"), reads=True, before=World.forget),
    Command(
        ("ingest", "docs", "--reindex", "--embed-model", "nomic-embed-text"),
        reads=True,
        forgets=True,
    ),
    Command(("check", "--compact"), before=World.finish),  # with vectors that nothing uses
    Command(("check", "--repair"), spoiled=True, before=World.spoil_caches),
]


def play(world: World, kills: int) -> list[Round]:
    """Play rounds, each command at each moment in turn, until so many were killed."""
    pairs = [(command, name) for command in COMMANDS for name in MOMENTS]
    world.random.shuffle(pairs)
    rounds: list[Round] = []
    while sum(played.was_killed for played in rounds) < kills:
        command, name = pairs[len(rounds) % len(pairs)]
        rounds.append(world.round(command, name, MOMENTS[name]))
    return rounds


def test_twenty_kills_lose_nothing_and_cost_nothing(tmp_path: Path, ollama: Server) -> None:
    world = World(tmp_path, ollama, seed=1, documents=20)
    world.finish()
    rounds = play(world, 20)
    assert {played.command for played in rounds if played.was_killed} == {"check", "ingest", "rm"}


@pytest.mark.soak
def test_two_hundred_kills_in_every_phase(tmp_path: Path, ollama: Server) -> None:
    world = World(tmp_path, ollama, seed=2)
    world.finish()
    rounds = play(world, 200)
    killed = [played for played in rounds if played.was_killed]
    traces = Counter(f"{played.command}: {t}" for played in killed for t in played.traces)
    for trace, count in sorted(traces.items()):
        print(f"{count:4} {trace}")  # noqa: T201 - for RESULTS.md
    print(f"{len(killed)} kills in {len(rounds)} rounds")  # noqa: T201
    for trace in (
        "before the index", "within a commit", "folding the log in", "embedding",
        "writing the dense cache", "writing the lexical cache", "removing caches",
    ):  # fmt: skip
        assert traces[f"ingest: {trace}"], trace
    assert any(trace.startswith("rm: ") for trace in traces)
    assert traces["check: within a commit"]
    assert traces["check: writing the dense cache"]


def test_a_log_that_ends_within_a_commit_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    log = tmp_path / "db-wal"
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as db:
        db.execute("PRAGMA page_size=512")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE t(x)")
        db.execute("INSERT INTO t VALUES(zeroblob(3000))")
        whole = log.read_bytes()
        db.execute("PRAGMA wal_checkpoint")
        db.execute("INSERT INTO t VALUES(1)")  # begins the log anew, over the old frames
        begun_anew = log.read_bytes()
    assert not ends_within_a_commit(b"")
    assert ends_within_a_commit(whole[:20])
    assert not ends_within_a_commit(whole)
    assert ends_within_a_commit(whole[:-1])
    assert ends_within_a_commit(whole[: -(512 + 24)])
    assert len(begun_anew) == len(whole)
    assert not ends_within_a_commit(begun_anew)
