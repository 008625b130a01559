"""Whatever happens to files, an ingest brings the index in step and embeds nothing twice."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ragkit import Rag
from ragkit.errors import NoSuchPathError
from ragkit.index.survey import survey
from ragkit.types import Progress
from tests.embedders import HashingEmbedder
from tests.ollama_server import Server
from tests.test_cli import Terminal, here, indexed, ragkit
from tests.test_ingest import LONG_AGO_NS, counts, docs, embedder, rag, write
from tests.test_through_ollama import many, texts_sent
from tests.test_walk import as_anybody

__all__ = ["docs", "embedder", "here", "indexed", "rag", "ragkit"]  # fixtures


# -- roots that are gone


def test_a_root_that_is_gone_is_dropped_only_when_asked(indexed: Path, ragkit: Terminal) -> None:
    (indexed / "docs").rename(indexed / "away")
    code, _, err = ragkit("ingest")
    assert code == 6
    stay = "the 3 files that it held stay in the index until 'ragkit ingest --prune' drops them"
    assert f"failed: docs: no longer there; {stay}" in err
    code, _, err = ragkit("ingest", "docs")
    assert code == 2
    assert "no such file or folder: docs; the index holds 3 files from there" in err
    assert "hint: if it is gone for good: ragkit ingest --prune docs" in err
    assert ragkit("search", "bridge", "-k", "1")[1].startswith("1. docs/bridge.md")
    files = ragkit.json("ingest", "--dry-run")["files"]
    assert [(f["path"], f["action"]) for f in files if f["action"] == "stay"] == [
        ("docs/bridge.md", "stay"), ("docs/model.md", "stay"), ("docs/说明.md", "stay")
    ]  # fmt: skip
    files = ragkit.json("ingest", "--dry-run", "--prune")["files"]
    assert {f["action"] for f in files} == {"remove"}
    assert len(ragkit.json("ls")) == 4  # with the root, which failed
    assert ragkit("ingest", "--prune", "docs")[1].startswith("0 files: 0 new, 0 changed, 0 unch")
    assert ragkit.json("ls") == []
    assert ragkit.json("status")["roots"] == []
    assert ragkit("check")[0] == 0


def test_a_root_that_is_empty_is_dropped_only_when_asked(rag: Rag, docs: Path) -> None:
    other = write(docs.parent / "other", far="Far away text.")
    rag.ingest(docs, other)
    for file in docs.iterdir():
        file.unlink()
    assert counts(rag.ingest()) == (0, 0, 1, 0, 0)
    assert counts(rag.ingest(prune=True)) == (0, 0, 1, 2, 0)
    assert rag.status().roots == ("docs", "other")  # it is still there
    assert [listed.path for listed in rag.ls()] == ["other/far.md"]


def test_a_file_that_is_gone_can_be_named(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    (docs / "bridge.md").unlink()
    with pytest.raises(NoSuchPathError, match="holds 1 files from there"):
        rag.ingest(docs / "bridge.md")
    assert rag.ingest(docs / "bridge.md", prune=True).removed == 1
    with pytest.raises(NoSuchPathError, match="check its spelling"):
        rag.ingest(docs / "bridge.md", prune=True)


def test_a_root_that_is_gone_is_forgotten_only_with_what_it_held(rag: Rag, docs: Path) -> None:
    rag.ingest(docs)
    shutil.rmtree(docs)
    steps = rag.ingesting(prune=True)
    next(steps)
    steps.close()  # killed, as it were
    assert rag.ingest(prune=True).removed == 2
    assert rag.status().roots == ()


def test_a_folder_that_cannot_be_listed_is_not_pruned(rag: Rag) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        Path(folder).chmod(0o755)
        docs = write(Path(folder, "docs"), bridge="A bridge.", river="A river.")
        write(docs / "closed", secret="A secret giraffe.")
        rag.ingest(docs)
        (docs / "river.md").unlink()
        (docs / "closed").chmod(0)
        index = rag.reader().index
        with as_anybody():
            found = survey(index, [docs], stored=index.stored_path, prune=True)
        assert found.vanished == (str(docs / "river.md"),)
        assert [failure.path for failure in found.failed] == [str(docs / "closed")]


def test_a_part_of_the_folder_leaves_the_rest_alone(rag: Rag, docs: Path) -> None:
    write(docs / "sub", one="A zebra.", two="A giraffe.")
    rag.ingest(docs)
    (docs / "bridge.md").unlink()
    (docs / "sub/two.md").unlink()
    assert counts(rag.ingest(docs / "sub")) == (0, 0, 1, 1, 0)
    write(docs, model="Another text.")
    assert counts(rag.ingest(docs / "model.md")) == (0, 1, 0, 0, 1)
    assert {f.path for f in rag.ls()} == {"docs/bridge.md", "docs/model.md", "docs/sub/one.md"}
    assert rag.ingest().removed == 1


def test_a_folder_above_the_index_is_kept_in_step(docs: Path, embedder: HashingEmbedder) -> None:
    write(docs.parent / "other", far="A zebra.")
    with Rag(docs / ".ragkit", embedder=embedder) as rag:
        assert counts(rag.ingest(docs.parent)) == (3, 0, 0, 0, 3)
        (docs / "bridge.md").unlink()
        (docs / "model.md").unlink()
        assert rag.ingest(exclude=["bridge.md"]).removed == 1
        assert rag.ingest().removed == 1
        assert [listed.path for listed in rag.ls()] == [str(docs.parent / "other/far.md")]
        write(docs, model="A giraffe.")
        rag.ingest()
        assert len(rag.remove(docs.parent)) == 2


def test_an_index_that_is_moved_to_its_documents_or_reached_by_a_link_has_each_once(
    tmp_path: Path, docs: Path, embedder: HashingEmbedder
) -> None:
    away, link = tmp_path / "away", tmp_path / "link"
    link.symlink_to(docs)
    with Rag(away / ".ragkit", embedder=embedder) as rag:
        rag.ingest(docs)
        assert rag.status().roots == (str(docs),)
    shutil.move(away / ".ragkit", docs / ".ragkit")
    write(docs, bridge="A new bridge.")
    for index in (docs / ".ragkit", link / ".ragkit"):
        with Rag(index, embedder=embedder) as rag:
            rag.ingest(docs)
            assert [listed.path for listed in rag.ls()] == ["bridge.md", "model.md"]
            assert rag.status().roots == (".",)
            assert rag.text("bridge.md") == "A new bridge."


def test_folders_that_overlap_may_hold_names_that_are_not_utf8(rag: Rag, docs: Path) -> None:
    (docs / os.fsdecode(b"caf\xe9.md")).write_text("A zebra.")
    rag.ingest(docs)
    (docs / ".hidden").touch()
    report = rag.ingest(docs.parent)
    assert (counts(report), report.failed) == ((0, 0, 3, 0, 0), ())
    assert [skipped.path for skipped in report.skipped if "docs" in skipped.path] == [
        "docs/.hidden"
    ]
    (docs / os.fsdecode(b"caf\xe9\\xe9.md")).write_text("A giraffe.")
    (docs / os.fsdecode(b"caf\\xe9\xe9.md")).write_text("Another.")
    assert [f.path for f in rag.ingest(docs).failed] == ["docs/caf\\xe9\\xe9.md"]


def test_files_may_swap_and_pass_on_their_texts(rag: Rag, docs: Path) -> None:
    bridge, model = ((docs / f"{name}.md").read_text() for name in ("bridge", "model"))
    rag.ingest(docs)
    write(docs, bridge=model, model=bridge)  # each holds the last copy of the other's text
    assert counts(rag.ingest()) == (0, 2, 0, 0, 0)
    assert rag.text(docs / "model.md") == bridge
    write(docs, bridge="A new text.", zebra=model)  # a text moves on, and another takes its place
    assert counts(rag.ingest()) == (1, 1, 1, 0, 1)
    assert rag.text(docs / "zebra.md") == model
    (docs / "model.md").write_bytes(b"\x89PNG")  # no text any more
    write(docs, zoo=bridge)
    assert counts(rag.ingest()) == (1, 0, 2, 0, 0)
    assert rag.text(docs / "zoo.md") == bridge
    assert not rag.check()


def test_files_of_one_size_and_time_may_swap(rag: Rag, docs: Path) -> None:
    write(docs, one="A zebra.", two="A camel.")  # as an archive unpacks them: of one time
    rag.ingest(docs)
    for old, new in (("one", "way"), ("two", "one"), ("way", "two")):
        (docs / f"{old}.md").rename(docs / f"{new}.md")
    assert rag.freshness("docs/one.md") == "changed"
    assert counts(rag.ingest(docs)) == (0, 2, 2, 0, 0)
    assert rag.text(docs / "one.md") == "A camel."
    (docs / "one.md").chmod(0o600)
    assert (rag.freshness("docs/one.md"), counts(rag.ingest(docs))) == ("", (0, 0, 4, 0, 0))
    assert rag.ingest(docs).read == 0


def test_many_texts_may_pass_on_at_once(rag: Rag, tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", **{f"n{i:03}": f"number{i}" for i in range(300)})
    rag.ingest(docs)
    for file in sorted(docs.iterdir()):
        file.rename(docs / f"m{file.name[1:]}")
    for i in range(300):
        (docs / f"n{i:03}.md").write_text(f"number{299 - i}")
    steps = rag.ingesting(docs)
    for step in steps:
        if step.files_done == 200:
            break
    steps.close()
    assert rag.status().files == 500  # what was read by then is kept
    assert counts(rag.ingest()) == (100, 300, 200, 0, 0)
    assert rag.text(docs / "n007.md") == "number292"
    assert not rag.check()


# -- files that change while they are read


@pytest.fixture
def meanwhile(rag: Rag, docs: Path) -> Callable[[Callable[[Path], None]], list[Progress]]:
    """Return what does something to ``model.md`` after it was found and before it is read."""

    def ingest(change: Callable[[Path], None]) -> list[Progress]:
        steps = rag.ingesting(docs)
        assert [next(steps).stage, next(steps).path] == ["walk", "docs/bridge.md"]
        change(docs / "model.md")
        return list(steps)

    return ingest


def test_a_file_that_grows_before_it_is_read_is_read_whole_next_time_at_the_latest(
    rag: Rag, docs: Path, meanwhile: Callable[[Callable[[Path], None]], list[Progress]]
) -> None:
    def grow(file: Path) -> None:
        file.write_text("one two three " * 40)

    meanwhile(grow)
    assert rag.text(docs / "model.md") == "one two three " * 40
    assert counts(rag.ingest()) == (0, 0, 2, 0, 0)  # looked at again, and the same


def test_a_file_that_grows_too_large_before_it_is_read(
    docs: Path, tmp_path: Path, embedder: HashingEmbedder
) -> None:
    with Rag(tmp_path / ".ragkit", embedder=embedder, max_file_mb=1) as rag:
        steps = rag.ingesting(docs)
        next(steps)
        next(steps)
        os.truncate(docs / "model.md", 10**12)  # nothing of it is read
        (failure,) = list(steps)[-1].report.failed
    assert failure.reason.startswith("1000000 MB is more than the limit of 1 MB (raise it")


def test_a_file_without_a_size_is_read_to_the_limit_at_most(docs: Path, tmp_path: Path) -> None:
    from ragkit.errors import LoadError
    from ragkit.loading import read

    with Path("/proc/self/maps").open("rb") as known:
        assert len(known.read()) > 500
    assert len(read("/proc/self/maps", 10**6)) > 500
    with pytest.raises(LoadError, match="is more than the limit"):
        read("/proc/self/maps", 100)


@pytest.mark.parametrize("becomes", ["a pipe", "a folder", "nothing"])
def test_a_file_that_is_replaced_before_it_is_read(
    rag: Rag,
    docs: Path,
    becomes: str,
    meanwhile: Callable[[Callable[[Path], None]], list[Progress]],
) -> None:
    def replace(file: Path) -> None:
        file.unlink()
        if becomes == "a pipe":
            os.mkfifo(file)
        if becomes == "a folder":
            write(file, inner="A giraffe.")

    (failure,) = meanwhile(replace)[-1].report.failed
    assert (failure.path, failure.stage) == ("docs/model.md", "read")
    report = rag.ingest()
    assert report.new == (becomes == "a folder")
    assert not report.failed
    assert not rag.status().failed


# -- what it costs


def test_only_what_is_new_is_sent_to_the_server(tmp_path: Path, ollama: Server) -> None:
    docs = many(tmp_path / "docs", 20)  # of 14 passages each

    def edit() -> None:
        text = (docs / "n000.md").read_text()
        (docs / "n000.md").write_text(text.replace("number0x7 speaks", "a giraffe speaks", 1))

    changes: dict[str, tuple[Callable[[], object], int]] = {
        "nothing": (lambda: None, 0),
        "edit one passage": (edit, 1),
        "revert it": (lambda: many(docs, 1), 0),
        "touch": ((docs / "n009.md").touch, 0),
        "rename": (lambda: (docs / "n001.md").rename(docs / "m001.md"), 0),
        "move": (lambda: shutil.move(docs / "n002.md", write(docs / "sub")), 0),
        "copy": (lambda: shutil.copy(docs / "n003.md", docs / "copy.md"), 0),
        "swap": (lambda: _swap(docs / "n004.md", docs / "n005.md"), 0),
        "delete": ((docs / "n006.md").unlink, 0),
        "bring it back": (lambda: many(docs, 7), 0),
        "link": (lambda: (docs / "link.md").symlink_to(docs / "n008.md"), 0),
        "add": (lambda: write(docs, new="A new text."), 1),
    }
    with Rag(tmp_path / ".ragkit", host=ollama.url) as rag:
        rag.ingest(docs)
        for name, (change, texts) in changes.items():
            change()
            ollama.forget()
            report = rag.ingest()
            assert (name, texts_sent(ollama), report.embedded) == (name, texts, texts)
            assert not rag.check()


def _swap(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


# -- any sequence of anything

NAMES = ["a.md", "b.md", "A.md", "sub/c.md", "sub/deep/d.md", "other/e.txt", "other/a.md"]
TEXTS = [
    "# One\n\nA first text about bridges.\n",
    "# One\n\nA first text about badgers.\n",  # of the same size
    "# Two\n\nA second text about rivers.\n\n## More\n\n" + "More about rivers. " * 60 + "\n",
    "# Two\n\nA second text about rivers.\n\n## Else\n\n" + "Else about lakes. " * 60 + "\n",
    "A plain text about giraffes.\n",
]
names = st.sampled_from(NAMES)
texts = st.sampled_from(TEXTS)
folders = st.sampled_from(["sub", "sub/deep", "other"])


class Folder(RuleBasedStateMachine):
    """Files are changed at random; ``known`` is what the index must say after each ingest."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp())
        self.docs = self.base / "docs"
        self.embedder = HashingEmbedder()
        self.rag = Rag(self.base / ".ragkit", embedder=self.embedder)
        self.known: dict[str, str] = {}  # path below docs -> text
        self.roots: set[str] = set()
        self.clock_ns = LONG_AGO_NS

    def teardown(self) -> None:
        self.rag.close()
        shutil.rmtree(self.base)

    # -- what is there

    def on_disk(self, scope: str) -> dict[str, str]:
        """Return all files at or below a path and their texts, links followed once."""
        top = self.docs / scope
        if top.is_file():
            return {scope: top.read_text()}
        found: dict[str, str] = {}
        read: set[Path] = set()
        links = [top] if top.is_dir() else []
        while links:
            self._read_below(links.pop(0), read, found, links)
        return found

    def _read_below(
        self, folder: Path, read: set[Path], found: dict[str, str], links: list[Path]
    ) -> None:
        if folder.resolve() in read:
            return
        read.add(folder.resolve())
        for path in sorted(folder.iterdir()):
            if path.is_symlink() and path.is_dir():
                links.append(path)
            elif path.is_dir():
                self._read_below(path, read, found, links)
            elif path.is_file():
                found[path.relative_to(self.docs).as_posix()] = path.read_text()

    # -- what happens to files

    def at(self, name: str) -> Path:
        """Return where a name leads, with a folder above it; a file in its way goes."""
        path = self.docs / name
        for above in reversed(path.relative_to(self.docs).parents):
            if (self.docs / above).is_symlink() or (self.docs / above).is_file():
                (self.docs / above).unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        return path

    def put(self, path: Path, text: str) -> None:
        """Write a file as if long ago, at a time of its own."""
        if path.is_symlink():
            path.unlink()
        path.write_text(text)
        self.clock_ns += 1_000_000
        os.utime(path, ns=(self.clock_ns, self.clock_ns))

    def is_there(self, name: str) -> bool:
        return (self.docs / name).is_file() and not (self.docs / name).is_symlink()

    @initialize(text=texts)
    def begin(self, text: str) -> None:
        self.put(self.at("a.md"), text)
        self.ingest_everything()

    @rule(name=names, text=texts)
    def add_or_edit_or_revert(self, name: str, text: str) -> None:
        self.put(self.at(name), text)

    @rule(name=names)
    def touch(self, name: str) -> None:
        if self.is_there(name):
            self.put(self.docs / name, (self.docs / name).read_text())

    @rule(name=names)
    def delete(self, name: str) -> None:
        path = self.docs / name
        if path.is_symlink() or path.is_file():
            path.unlink()

    @rule(source=names, to=names)
    def rename(self, source: str, to: str) -> None:  # also of case alone, and between folders
        if self.is_there(source) and source != to:
            text = (self.docs / source).read_text()
            (self.docs / source).unlink()
            self.put(self.at(to), text)

    @rule(source=names, to=names)
    def move_with_its_time(self, source: str, to: str) -> None:
        if self.is_there(source) and not to.startswith(f"{source}/"):
            path = self.at(to)
            if self.is_there(source):
                (self.docs / source).rename(path)

    @rule(source=names, to=names)
    def copy_with_its_time(self, source: str, to: str) -> None:
        if self.is_there(source) and source != to:
            path = self.at(to)
            if path.is_symlink():
                path.unlink()
            if self.is_there(source):
                shutil.copy2(self.docs / source, path)

    @rule(name=names, text=texts)
    def replace_by_a_folder(self, name: str, text: str) -> None:
        path = self.at(name)
        if path.is_symlink() or path.exists():
            path.unlink()
        path.mkdir()
        self.put(path / "inner.md", text)

    @rule(folder=folders, text=texts)
    def replace_a_folder_by_a_file(self, folder: str, text: str) -> None:
        self.put(self.at(folder), text)

    @rule(folder=folders)
    def delete_a_folder(self, folder: str) -> None:
        path = self.docs / folder
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)

    @rule(name=names, to=names)
    def link_to_a_file(self, name: str, to: str) -> None:
        path = self.at(name)
        if path.is_symlink() or path.exists():
            path.unlink()
        path.symlink_to(self.docs / to)

    @rule(to=st.sampled_from(["outside", "docs", "docs/sub", "docs/gone"]), text=texts)
    def link_to_a_folder(self, to: str, text: str) -> None:
        (self.base / "outside").mkdir(exist_ok=True)
        self.put(self.base / "outside/far.md", text)
        path = self.docs / "link"
        if path.is_symlink():
            path.unlink()
        path.symlink_to(self.base / to)

    # -- ingests

    def ingest(self, *given: Path, prune: bool = False) -> None:
        """Ingest, and hold what is reported and what is stored against what must be."""
        below = [path.relative_to(self.docs).as_posix() for path in given]
        self.roots |= set(below)
        scopes = [r for r in self.roots if not given or any(_is_below(r, b) for b in below)]
        disk = {path: text for scope in scopes for path, text in self.on_disk(scope).items()}
        bare = [scope for scope in scopes if self.is_bare(scope)]
        whole = [s for s in scopes if s not in bare and (self.docs / s).exists()]
        lost = [s for s in scopes if not (self.docs / s).exists()]
        lost = [s for s in lost if not any(_is_below(s, w) for w in whole)]
        spared = [] if prune else [*bare, *lost]
        inside = {p for p in {*disk, *self.known} if any(_is_below(p, s) for s in scopes)}
        new = {p for p in inside if p in disk and p not in self.known}
        changed = {p for p in inside if p in disk and p in self.known and disk[p] != self.known[p]}
        gone = {
            p
            for p in inside
            if p not in disk and p in self.known and not any(_is_below(p, s) for s in spared)
        }
        report = self.rag.ingest(*given, prune=prune)
        self.roots = {"." if r == "docs" else r[5:] for r in self.rag.status().roots}
        assert (report.new, report.changed, report.removed) == (
            len(new), len(changed), len(gone)
        )  # fmt: skip
        for path in inside & disk.keys():
            self.known[path] = disk[path]
        for path in gone:
            del self.known[path]
        self.look()

    def is_bare(self, scope: str) -> bool:
        """Say whether a root is a folder in which nothing is to be seen but folders."""
        path = self.docs / scope
        inside = list(os.walk(path)) if path.is_dir() else [("", [], ["it is a file, or gone"])]
        return not any(
            files or any(os.path.islink(f"{top}/{name}") for name in folders)  # noqa: PTH114
            for top, folders, files in inside
        )

    def look(self) -> None:
        catalog = self.rag.reader().index.catalog
        found = {
            path.removeprefix("docs/"): catalog.texts.text(source.content)
            for path, source in catalog.texts.require_sources().items()
        }
        assert found == self.known
        assert self.rag.check() == []
        assert len(self.embedder.embedded) == len(set(self.embedder.embedded))
        for path, text in self.known.items():
            hits = self.rag.search(f"about {text.split()[-1].strip('.')}", k=20)
            assert f"docs/{path}" in {home for hit in hits for home in (hit.path, *hit.also)}

    @rule()
    def ingest_everything(self) -> None:
        if self.docs.is_dir():
            self.ingest(self.docs)

    @rule(scope=st.sampled_from([*NAMES, "sub", "other"]))
    def ingest_a_part(self, scope: str) -> None:
        if (self.docs / scope).exists() and not (self.docs / scope).is_symlink():
            self.ingest(self.docs / scope)

    @rule(prune=st.booleans())
    @precondition(lambda self: bool(self.roots))
    def ingest_what_there_ever_was(self, prune: bool) -> None:
        self.ingest(prune=prune)

    @rule(name=names)
    def edit_twice_within_a_tick_of_the_clock(self, name: str) -> None:
        path = self.at(name)
        now = time.time_ns()
        for text in TEXTS[:2]:
            self.put(path, text)
            os.utime(path, ns=(now, now))
            self.ingest_everything()

    @rule(folder=folders, text=texts)
    def a_root_is_emptied(self, folder: str, text: str) -> None:
        self.put(self.at(f"{folder}/c.md"), text)
        self.ingest(self.docs / folder)
        for path in (self.docs / folder).iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.put(self.at("b.md"), text)
        self.ingest_everything()

    @rule(prune=st.booleans())
    def the_disk_goes_and_comes_back(self, prune: bool) -> None:
        away = self.base / "away"
        self.docs.rename(away)
        known = dict(self.known)
        if self.roots:
            self.ingest(prune=prune)
            assert self.known == ({} if prune else known)
        away.rename(self.docs)
        self.ingest_everything()


def _is_below(path: str, folder: str) -> bool:
    return folder in (".", path) or path.startswith(f"{folder}/")


Folder.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
)
test_any_sequence_of_changes = pytest.mark.no_cover(Folder.TestCase)


@pytest.mark.soak
def test_many_sequences_of_changes() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Folder,
        settings=settings(Folder.TestCase.settings, max_examples=600, stateful_step_count=40),
    )


def test_what_a_run_leaves_out_stays_as_it_is(here: Path, ragkit: Terminal) -> None:
    for name, text in {"a.md": "alpha", "b.txt": "beta", "drafts/c.md": "gamma"}.items():
        file = here / "some" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (here / "some/bad.txt").write_bytes(b"%PDF-1.7")
    assert ragkit("ingest", "some", "--offline")[0] == 6
    (here / "some/b.txt").write_text("changed")
    (here / "some/a.md").unlink()
    (here / "some/drafts/c.md").unlink()
    code, out, err = ragkit("ingest", "some", "--exclude", "*.txt", "--exclude", "drafts/")
    assert code == 0
    assert "0 changed, 0 unchanged, 1 removed, 3 skipped, 0 failed" in out
    assert "2 files of the index are left out of this run, and stay as they are" in err
    assert ragkit("show", "some/b.txt")[1] == "beta"
    assert len(ragkit.json("status")["failed"]) == 1  # what failed there did not get well
    plan = ragkit.json("ingest", "some", "--include", "*.md", "--dry-run")["files"]
    assert {row["path"]: (row["action"], row["reason"]) for row in plan} == {
        "some/b.txt": ("skip", "not among --include"),
        "some/bad.txt": ("skip", "not among --include"),
        "some/drafts/c.md": ("remove", "no longer there"),
    }
    (here / "some/b.txt").unlink()
    shutil.rmtree(here / "some/drafts")
    plan = ragkit.json("ingest", "some", "--exclude", "drafts/", "--dry-run")["files"]
    assert [row["path"] for row in plan if row["action"] == "remove"] == ["some/b.txt"]
    code, out, err = ragkit("ingest", "some", "--include", "*.rst")  # it is about no other file
    assert (code, "0 removed" in out) == (1, True)
    assert "2 files of the index are left out of this run, and stay as they are" in err
    kept = ["some/b.txt", "some/bad.txt", "some/drafts/c.md"]
    assert [row["path"] for row in ragkit.json("ls")] == kept
