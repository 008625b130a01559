"""A disk that is full at any byte of a commit or of a search file: told, nothing lost, gone on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.killing import World
from tests.ollama_server import Server
from tests.rights import no_file_larger_than
from tests.test_cli import Terminal, ragkit

pytestmark = pytest.mark.no_cover  # others show each line; it takes twice the time

__all__ = ["ragkit"]  # a fixture

Full = Callable[[World, int], AbstractContextManager[None]]
COMMIT, CACHE = "cannot use the index at", "cannot write the search files in"


def _mount(folder: Path, options: str) -> bool:
    """Give a folder a file system of its own, or change it; say whether that can be done."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not _mount(folder, "size=64m"):
        pytest.skip("only the superuser can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def small_disk(world: World, free: int) -> Iterator[None]:
    """Leave so many bytes free for the block."""
    disk = world.docs.parent
    told = os.statvfs(disk)
    used = (told.f_blocks - told.f_bfree) * told.f_frsize
    assert _mount(disk, f"remount,size={used + free}")
    try:
        yield
    finally:
        assert _mount(disk, "remount,size=64m")


def small_files(_: World, most: int) -> AbstractContextManager[None]:
    """Let no file grow beyond so many bytes for the block."""
    return no_file_larger_than(most)


def fill(
    world: World,
    ragkit: Terminal,
    full: Full,
    sizes: list[int],
    before: Callable[[World], None] = World.change,
) -> set[str]:
    """Ingest with so much space, look, and finish with enough; return what was said."""
    said = set()
    for size in sizes:
        before(world)
        old = world.texts()
        world.server.forget()
        with full(world, size):
            code, _, err = ragkit(
                "ingest", world.docs, "--index", world.index, "--host", world.server.url
            )
        assert code in (0, 8), err
        assert (code == 8) == ("hint: free some space" in err), err
        said |= {words for words in (COMMIT, CACHE) if words in err}
        world.look(old, world.disk, caches=before is not delete_caches)
        world.finish()
    return said


def delete_caches(world: World) -> None:
    """Delete the search files, so that they are all that is to be written."""
    for path in world.index.glob("dense-*"):
        path.unlink()
    for path in world.index.glob("lexical-*"):
        shutil.rmtree(path)


def spread(most: int, count: int) -> list[int]:
    """Return sizes up to ``most``, closer together where they are small."""
    return [int(most * (i / count) ** 2) for i in range(count)]


def test_files_that_cannot_grow(tmp_path: Path, ollama: Server, ragkit: Terminal) -> None:
    world = World(tmp_path, ollama, seed=3, documents=20)
    world.finish()
    assert fill(world, ragkit, small_files, spread(600_000, 6)) == {COMMIT}
    assert CACHE in fill(world, ragkit, small_files, spread(300_000, 4), delete_caches)


def test_a_disk_without_space(disk: Path, ollama: Server, ragkit: Terminal) -> None:
    world = World(disk, ollama, seed=4, documents=20)
    world.finish()
    assert fill(world, ragkit, small_disk, spread(2_000_000, 8)) == {COMMIT, CACHE}


def test_a_disk_without_space_for_a_new_index(disk: Path, ollama: Server, ragkit: Terminal) -> None:
    world = World(disk, ollama, seed=5, documents=3)
    codes = set()
    for size in spread(2_000_000, 8):
        with small_disk(world, size):
            code, _, err = ragkit(
                "ingest", world.docs, "--index", world.index, "--host", ollama.url
            )
        codes.add(code)
        assert (code == 8) == ("hint: free some space" in err), err
        world.look({}, world.disk)
        world.finish()
        world.forget()
    assert codes == {0, 8}


@pytest.mark.soak
def test_a_disk_without_space_at_two_hundred_sizes(
    disk: Path, ollama: Server, ragkit: Terminal
) -> None:
    world = World(disk, ollama, seed=6)
    world.finish()
    assert fill(world, ragkit, small_disk, spread(4_000_000, 100)) == {COMMIT, CACHE}
    assert COMMIT in fill(world, ragkit, small_files, spread(1_500_000, 100))
    assert CACHE in fill(world, ragkit, small_files, spread(800_000, 50), delete_caches)
