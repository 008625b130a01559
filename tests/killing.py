"""Kill the real command line at chosen moments, and hold what is left against what may be there.

A ``World`` is a folder of documents, an index of it and the server both use. A round changes
documents, runs a command, kills its whole process group at some moment, and looks:

* each document has exactly the text it had before or the one it has now, search finds it, and
  ``check`` has nothing to say;
* no text was sent to the server that was stored when the run began, nor is in the run after it.

Where a kill came is read from what lies on the disk then (``traces``), not from what was aimed at.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ragkit import Rag
from ragkit.catalog import FILE, digest_of
from ragkit.embedding.ollama import PROBE
from tests.ollama_server import Server

PREFIX = "search_document: "  # of nomic-embed-text
Moment = Callable[["World"], Callable[[], bool]]  # of a run that begins: says when it has come


@dataclass(frozen=True, slots=True)
class Command:
    """A command line to kill: what follows ``ragkit``; ``{file}`` is a file of the index."""

    line: tuple[str, ...]
    reads: bool = False  # it brings the index in step with the folder
    forgets: bool = False  # it drops vectors, to embed their texts again
    spoiled: bool = False  # search files are damaged before, and may still be so afterwards
    before: Callable[[World], object] | None = None  # done first, such as damage or deletion


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a round."""

    command: str
    moment: str
    was_killed: bool  # not so where the command was quicker
    traces: frozenset[str]  # where it was killed
    sent: int  # texts, in the killed run
    sent_after: int  # and in the one that finished the work


class World:
    """Documents, their index, and the server."""

    def __init__(self, folder: Path, server: Server, *, seed: int, documents: int = 40) -> None:
        self.docs, self.index = folder / "docs", folder / ".ragkit"
        self.server = server
        self.random = random.Random(seed)
        self.disk: dict[str, str] = {}  # stored path -> text
        self.usual_s = 1.0  # of a whole run
        self._written = 0
        self.docs.mkdir()
        for _ in range(documents):
            self.write(f"n{len(self.disk):03}.md")

    # -- documents

    def write(self, name: str, text: str = "") -> None:
        """Give a document a text; by default one that none ever had."""
        self._written += 1
        word = f"word{self._written}x"
        sections = [
            f"# Part {word} {i}\n\n" + f"{word} speaks of matter {i} and much else. " * 14
            for i in range(self.random.randint(1, 8))
        ]
        self.disk[f"docs/{name}"] = text or "\n\n".join(sections) + "\n"
        (self.docs / name).write_text(self.disk[f"docs/{name}"], "utf-8")

    def change(self) -> None:
        """Add, edit, revert, rename and delete some documents."""
        names = [Path(path).name for path in self.disk]
        self.random.shuffle(names)
        for name in names[:8]:
            self.write(name)
        kept = self.disk[f"docs/{names[8]}"]
        self.write(f"n{self.random.randrange(10**6)}.md", kept)  # a copy, or so it seems:
        for name in names[8:11]:  # one of them was renamed, the others are gone
            (self.docs / name).unlink()
            del self.disk[f"docs/{name}"]
        for _ in range(2):
            self.write(f"n{self.random.randrange(10**6)}.md")

    def forget(self) -> None:
        """Delete the index."""
        shutil.rmtree(self.index, ignore_errors=True)

    def spoil_caches(self) -> None:
        """Delete the search files of vectors, and damage those of words."""
        self.finish()
        for path in self.index.glob("dense-*"):
            path.unlink()
        for path in [*self.index.glob("lexical-*/*")][:2]:
            path.write_bytes(path.read_bytes()[:-3] + b"bad")

    # -- the index, as it is

    @property
    def exists(self) -> bool:
        return (self.index / FILE).exists()

    def texts(self) -> dict[str, str]:
        """Return the text of each source of the index."""
        if not self.exists:
            return {}
        with Rag(self.index, host=self.server.url) as rag:
            texts = rag.reader().index.catalog.texts
            return {p: texts.text(source.content) for p, source in texts.require_sources().items()}

    def keys(self) -> set[bytes]:
        """Return the keys of all vectors that are stored."""
        if not self.exists:
            return set()
        with closing(self._database()) as db:
            return {key for (key,) in db.execute("SELECT key FROM vectors")}

    def sent(self) -> list[bytes]:
        """Return the key of each text that the server was sent, the probe left out."""
        texts = [
            text.removeprefix(PREFIX)
            for body in self.server.requests_to("/api/embed")
            for text in body.get("input", ())  # a killed client may have sent half of it
        ]
        with Rag(self.index, host=self.server.url) as rag:
            fingerprint = rag.reader().index.maker.fingerprint.encode()
        return [digest_of(fingerprint, text.encode()) for text in texts if text != PROBE]

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.index / FILE}?mode=ro", uri=True)

    # -- a round

    def round(self, command: Command, name: str, moment: Moment) -> Round:
        """Run a command, kill it when the moment has come, look, and finish the work."""
        self.change()
        if command.before:
            command.before(self)
        old = self.texts()
        file = self.random.choice(sorted(old)) if old else ""
        line = tuple(part.format(file=file) for part in command.line)
        new = self.disk if command.reads else {p: t for p, t in old.items() if p not in line}
        stored, catalog = self.keys(), self._catalog_bytes()
        self.server.forget()
        was_killed = self._run(line, moment(self))
        traces = frozenset(self._traces(catalog)) if was_killed else frozenset[str]()
        killed_sent = self.sent() if self.exists else []
        assert command.forgets or not stored & set(killed_sent)
        self.look(old, new, caches=not command.spoiled)
        sent_after = self.finish()
        return Round(command.line[0], name, was_killed, traces, len(killed_sent), sent_after)

    def _run(self, line: tuple[str, ...], has_come: Callable[[], bool]) -> bool:
        """Run ``ragkit``; kill it when it is time, and say whether that was before its end."""
        command = [sys.executable, "-m", "ragkit", *line, "--index", str(self.index)]
        environment = os.environ | {"OLLAMA_HOST": self.server.url}
        with (
            subprocess.Popen(
                command,
                cwd=self.docs.parent,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            ) as process,
            _quick_to_switch(),
        ):
            while process.poll() is None:
                if has_come():
                    os.killpg(process.pid, signal.SIGKILL)
                    break
                time.sleep(0.0001)  # or it has only what this leaves of the machine
            said = process.stderr.read().decode() if process.stderr else ""
            code = process.wait()
        assert code in (0, -signal.SIGKILL), said
        return code != 0

    def look(self, old: dict[str, str], new: dict[str, str], *, caches: bool = True) -> None:
        """Hold the index against what each document may be; ``caches`` were whole before."""
        if not self.exists:
            assert not old
            return
        found = self.texts()
        for path in found.keys() | old.keys() | new.keys():
            assert found.get(path) in (old.get(path), new.get(path)), path
        with Rag(self.index, host=self.server.url) as rag:
            assert [line for line in rag.check() if caches or " cache: " not in line] == []
            for path in self.random.sample(sorted(found), min(4, len(found))):
                word = found[path].split()[2]
                hit = rag.search(f"{word} speaks of", k=1)[0]
                assert path in (hit.path, *hit.also)
                assert hit.chunk.text in found[path]

    def finish(self) -> int:
        """Bring the index in step; return how many texts that took."""
        stored = self.keys()
        self.server.forget()
        began = time.monotonic()
        with Rag(self.index, host=self.server.url) as rag:
            report = rag.ingest(self.docs)
            self.usual_s = max(self.usual_s, time.monotonic() - began)
            sent = self.sent()
            assert len(sent) == len(set(sent)) == report.embedded
            assert not stored & set(sent)
            assert rag.check() == []
        assert self.texts() == self.disk
        return len(sent)

    # -- where a kill came

    def _catalog_bytes(self) -> bytes:
        return (self.index / FILE).read_bytes() if self.exists else b""

    def _traces(self, catalog: bytes) -> Iterator[str]:
        """Yield what the disk says of the moment of a kill. Opens nothing that would mend it."""
        if not self.exists:
            yield "before the index"
            return
        log = self.index / f"{FILE}-wal"
        if log.exists() and ends_within_a_commit(log.read_bytes()):
            yield "within a commit"
        if self._catalog_bytes() != catalog:
            yield "folding the log in" if log.exists() else "after the log"
        with closing(self._database()) as db:
            named = {name for (name,) in db.execute("SELECT name FROM caches")}
            keys = {key for (key,) in db.execute("SELECT key FROM vectors")}
        for path in self.index.iterdir():
            kind = path.name.partition("-")[0]
            if kind in ("dense", "lexical") and path.name not in named:
                newest = max((name for name in named if name.startswith(kind)), default="")
                yield f"writing the {kind} cache" if path.name > newest else "removing caches"
        if set(self.sent()) - keys:
            yield "embedding"


def ends_within_a_commit(log: bytes) -> bool:
    """Say whether the last frames of a write-ahead log belong to a commit that was not finished.

    Source: https://www.sqlite.org/fileformat2.html, "The Write-Ahead Log".
    """
    if len(log) < 32:
        return bool(log)
    (page_size,) = struct.unpack(">I", log[8:12])
    last_is_commit, at = True, 32
    while at < len(log):
        frame = log[at : at + 24 + page_size]
        if len(frame) >= 16 and frame[8:16] != log[16:24]:
            break  # of an earlier round of the log
        if len(frame) < 24 + page_size:
            return True
        last_is_commit = frame[4:8] != bytes(4)
        at += len(frame)
    return not last_is_commit


@contextmanager
def _quick_to_switch() -> Iterator[None]:
    """Let the thread that watches not wait for those of the server."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


# -- moments


def any_time(world: World) -> Callable[[], bool]:
    """A time within a usual run, its start included."""
    until = time.monotonic() + world.random.uniform(0, world.usual_s + 0.6)
    return lambda: time.monotonic() >= until


def a_request(world: World) -> Callable[[], bool]:
    """A little after the server has come upon a request."""
    count = world.random.randint(1, 4)
    wait = _after(world, 0.03)
    return lambda: wait(len(world.server.requests_to("/api/embed")) >= count)


def a_commit(world: World) -> Callable[[], bool]:
    """While the catalog's log grows, for the first time or a later one."""
    log = world.index / f"{FILE}-wal"
    last, left = _size(log), world.random.randint(1, 6)
    wait = _after(world, 0.0005)

    def has_come() -> bool:
        nonlocal last, left
        size = _size(log)
        if size != last:
            last, left = size, left - 1
        return wait(left <= 0)

    return has_come


def a_cache(world: World) -> Callable[[], bool]:
    """When a search file is begun, goes on, or an old one goes."""
    seen, left = _caches(world), world.random.randint(1, 4)
    wait = _after(world, 0.003)

    def has_come() -> bool:
        nonlocal seen, left
        found = _caches(world)
        if found != seen:
            seen, left = found, left - 1
        return wait(left <= 0)

    return has_come


def the_folding(world: World) -> Callable[[], bool]:
    """When the catalog's log is folded into its file, at the end."""
    file = world.index / FILE
    last = _changed(file)
    wait = _after(world, 0.0005)
    return lambda: wait(_changed(file) != last)


MOMENTS: dict[str, Moment] = {
    moment.__name__: moment for moment in (any_time, a_request, a_commit, a_cache, the_folding)
}


def _after(world: World, most_s: float) -> Callable[[bool], bool]:
    """Return what says that something was so some time ago, no time in half of the cases."""
    delay_s = world.random.choice([0.0, world.random.uniform(0, most_s)])
    since = 0.0

    def wait(is_so: bool) -> bool:
        nonlocal since
        if is_so and not since:
            since = time.monotonic()
        return bool(since) and time.monotonic() - since >= delay_s

    return wait


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _caches(world: World) -> set[tuple[str, int]]:
    try:
        with os.scandir(world.index) as entries:
            return {
                (entry.name, 0 if entry.is_dir() else entry.stat().st_size)
                for entry in entries
                if entry.name.startswith(("dense-", "lexical-"))
            }
    except OSError:
        return set()
