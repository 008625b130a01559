"""Every file below a root is found once, in order, or it is said why not."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragkit.catalog import Catalog
from ragkit.errors import ConfigError
from ragkit.loading.patterns import EXCLUDED, NOT_INCLUDED, Choice
from ragkit.loading.walk import ELSEWHERE, Found, walk
from ragkit.types import Failure, Skipped
from tests.rights import NOBODY


def write(root: Path, *names: str, text: str = "text") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(root: Path, below: Path | None = None) -> list[str]:
    """Return the files that a walk yields, relative to the root."""
    start = below or root
    return [os.path.relpath(item.path, root) for item in walk(start) if isinstance(item, Found)]


def skipped(root: Path) -> dict[str, str]:
    return {
        os.path.relpath(item.path, root): item.reason
        for item in walk(root)
        if isinstance(item, Skipped)
    }


@contextmanager
def as_anybody() -> Iterator[None]:
    """Be a user whom permissions hold for."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_files_come_sorted_whatever_they_are(tmp_path: Path) -> None:
    write(tmp_path, "b.md", "a/z.txt", "a/B/x.py", "photo.png", "c", "a.txt", "内/文.md")
    assert found(tmp_path) == ["a/B/x.py", "a/z.txt", "a.txt", "b.md", "c", "photo.png", "内/文.md"]


def test_size_and_time_are_those_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", text="twelve bytes")
    state = (tmp_path / "a.txt").stat()
    path = str(tmp_path / "a.txt")
    expected = [Found(path, 12, state.st_mtime_ns, changed_ns=state.st_ctime_ns)]
    assert list(walk(tmp_path)) == list(walk(tmp_path / "a.txt")) == expected


def test_what_is_hidden_or_never_read_is_skipped(tmp_path: Path) -> None:
    write(
        tmp_path,
        ".git/config",
        ".hidden.md",
        "node_modules/x/a.md",
        "a/__pycache__/b.py",
        "kept.md",
    )
    write(tmp_path / "files", "node_modules")  # only the folder is
    assert found(tmp_path) == ["files/node_modules", "kept.md"]
    assert skipped(tmp_path) == {
        ".git": "hidden",
        ".hidden.md": "hidden",
        "a/__pycache__": "__pycache__ is never read",
        "node_modules": "node_modules is never read",
    }


def test_an_index_is_no_document(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "kb/more.md")
    Catalog.create(tmp_path / "kb", {}).close()
    assert found(tmp_path) == ["a.md"]
    assert skipped(tmp_path) == {"kb": "an index of ragkit"}


def test_a_file_that_is_merely_called_as_an_index_is_costs_itself_alone(tmp_path: Path) -> None:
    write(tmp_path, "a/catalog.sqlite", "a/more.md", "b/catalog.sqlite/c.md")
    assert found(tmp_path) == ["a/catalog.sqlite", "a/more.md", "b/catalog.sqlite/c.md"]


def test_a_root_that_is_hidden_is_read(tmp_path: Path) -> None:
    write(tmp_path / ".notes", "a.md")
    assert found(tmp_path / ".notes") == ["a.md"]


IGNORING = [
    ("*.log", ["a.log", "a/b.log"], ["a.md"]),
    ("/a.log", ["a.log"], ["a/a.log"]),
    ("build/", ["build/x", "a/build/y"], ["b/build"]),
    ("a/b", ["a/b/c"], ["x/a/b"]),
    ("*\n!keep.md", ["a.md"], ["keep.md"]),
    ("!keep.md\nkeep.md", ["keep.md"], []),
    ("a/*\n!a/keep.md", ["a/x.md"], ["a/keep.md"]),
    ("a/\n!a/keep.md", ["a/keep.md"], []),
    ("# a.md\n\\#b.md\n\\!c.md\n", ["#b.md", "!c.md"], ["a.md"]),
    ("**/x/**/y.md", ["x/y.md", "a/x/b/c/y.md"], ["y.md"]),
    ("[ab].md\n?.txt", ["a.md", "b.md", "c.txt"], ["c.md", "ab.txt"]),
    ("a.md   \r\nb.md\r\n", ["a.md", "b.md"], ["c.md"]),
    ("\ufeffa.md\nb.md", ["a.md", "b.md"], ["c.md"]),
    ("!\n\\\n[z-a]\n[[:alpha:]\na.md", ["a.md"], ["b.md"]),
    ("a\u2028b.md\nc.md", ["a\u2028b.md", "c.md"], ["b.md"]),
    ("", [], ["a.md"]),
]


@pytest.mark.parametrize("name", [".gitignore", ".ragkitignore"])
@pytest.mark.parametrize(("rules", "ignored", "kept"), IGNORING)
def test_ignore_files(
    tmp_path: Path, name: str, rules: str, ignored: list[str], kept: list[str]
) -> None:
    write(tmp_path, *ignored, *kept)
    write(tmp_path, name, text=rules)
    assert sorted(found(tmp_path)) == sorted(kept)
    reasons = set(skipped(tmp_path).values())
    assert reasons == ({"hidden", f"ignored by {name}"} if ignored else {"hidden"})


def test_the_deeper_ignore_file_wins_and_ragkits_own_over_gits(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.md", "in/a.md", "in/b.md", "in/c.md", "in/deep/c.md")
    write(tmp_path, ".gitignore", text="a.md\n!c.md\nb.md")
    write(tmp_path, "in/.gitignore", text="!a.md\nc.md\n/b.md")
    write(tmp_path, ".ragkitignore", text="!b.md")
    assert found(tmp_path) == ["b.md", "in/a.md"]


def test_a_root_inside_a_repository_takes_the_rules_above_it(tmp_path: Path) -> None:
    write(tmp_path, "repo/.git/HEAD", "repo/docs/a.md", "repo/docs/b.md", "repo/docs/in/c.md")
    write(tmp_path, ".gitignore", text="*")  # above the repository
    write(tmp_path, "repo/.gitignore", text="/docs/b.md\nc.md")
    write(tmp_path, "repo/docs/.ragkitignore", text="!c.md")
    assert found(tmp_path / "repo/docs") == ["a.md", "in/c.md"]
    assert found(tmp_path / "repo/docs/in") == ["c.md"]
    shutil.rmtree(tmp_path / "repo/.git")
    assert found(tmp_path / "repo/docs") == ["a.md", "b.md", "in/c.md"]
    write(tmp_path, ".ragkitignore", text="repo/docs/a.md")  # meant for ragkit, repository or not
    assert found(tmp_path / "repo/docs") == ["b.md", "in/c.md"]


def test_a_relative_root_is_judged_by_the_same_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, ".git/HEAD", "docs/a.md", "docs/b.md")
    write(tmp_path, ".gitignore", text="/docs/b.md")
    monkeypatch.chdir(tmp_path / "docs")
    assert [item.path for item in walk(Path()) if isinstance(item, Found)] == ["./a.md"]


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@pytest.mark.parametrize("seed", range(16))
def test_git_ignores_the_same(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    names = ["a", "b", "ab", "x.md", "y.log", "z z.txt"]
    folders = ["", "a/", "b/", "a/b/", "ab/a/b/", "b/ab/"]
    patterns = (
        "a b ab/ /a /b/ *.md !x.md !*.md y.* a/* !a/b **/ab ab/** a/**/b !/b/x.md [ab] ? z\\ z.txt "
        "*/x.md !b/ #a * !*/ !a/ !b/** **/ */ !x.md !y.log"
    ).split(" ")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for folder in folders:
        for name in names:
            if not (tmp_path / folder / name).is_dir():
                write(tmp_path, folder + name)
        if not folder or rng.random() < 0.5:
            chosen = rng.choices(patterns, k=rng.randint(1, 4))
            write(tmp_path, f"{folder}.gitignore", text="\n".join(chosen) + "\n")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = {name for name in listed.stdout.split("\0") if name and ".gitignore" not in name}
    assert set(found(tmp_path)) == expected


def test_links_are_followed_but_not_around_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path, "a/x.md", "b/y.md")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "a/self").symlink_to(".")
    (tmp_path / "a/b").symlink_to("../b")
    (tmp_path / "a/z.md").symlink_to("../b/y.md")
    assert found(tmp_path) == ["a/x.md", "a/z.md", "b/y.md"]
    assert skipped(tmp_path) == dict.fromkeys(["a/b", "a/self", "a/up"], ELSEWHERE)


def test_folders_that_link_to_each_other_are_read_once(tmp_path: Path) -> None:
    write(tmp_path, *(f"{i}/{i}.md" for i in range(7)))
    for i in range(7):
        for j in range(7):
            (tmp_path / f"{i}/to{j}").symlink_to(tmp_path / f"{j}")
    assert found(tmp_path) == [f"{i}/{i}.md" for i in range(7)]
    assert len(skipped(tmp_path)) == 49


def test_what_only_links_lead_to_is_read_once_after_all_else(tmp_path: Path) -> None:
    write(tmp_path, "beyond/x.md", "beyond/deep/y.md", "root/.hidden/h.md", "root/z.md")
    for link, to in (
        ("a", "beyond/deep"),
        ("b", "beyond"),
        ("c", "beyond"),
        ("h", "root/.hidden"),
        (".i", "beyond"),
    ):
        (tmp_path / "root" / link).symlink_to(tmp_path / to)
    assert found(tmp_path / "root") == ["z.md", "a/y.md", "b/x.md", "h/h.md"]
    assert skipped(tmp_path / "root") == {
        ".hidden": "hidden",
        ".i": "hidden",
        "b/deep": ELSEWHERE,
        "c": ELSEWHERE,
    }


def test_what_is_no_file_is_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.mkfifo(tmp_path / ".gitignore")  # reading it would never end
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    assert skipped(tmp_path) == {
        ".gitignore": "hidden",
        "fifo": "not a regular file",
        "gone": "a link to nothing",
        "round": "a link to nothing",
    }
    fifo = str(tmp_path / "fifo")
    assert list(walk(tmp_path / "fifo")) == [Skipped(fifo, "not a regular file")]


def test_a_folder_called_gitignore_ignores_nothing(tmp_path: Path) -> None:
    write(tmp_path, ".git/HEAD", ".gitignore/a", "docs/.ragkitignore/b", "docs/a.md")
    assert found(tmp_path) == found(tmp_path, tmp_path / "docs") == ["docs/a.md"]


def test_a_name_that_is_no_text_is_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.md")
    try:
        write(tmp_path, name, "good.md")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert found(tmp_path) == [name, "good.md"]


def test_what_programs_can_make_again_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, "env/pyvenv.cfg", "env/lib/a.py", "target/a.md", "pages/CACHEDIR.TAG", "b.md")
    mark = "Signature: 8a477f597d28d172789f06886806bc55\n# of cargo"
    write(tmp_path, "target/CACHEDIR.TAG", text=mark)
    assert found(tmp_path) == ["b.md", "pages/CACHEDIR.TAG"]
    assert skipped(tmp_path) == {
        "env": "an environment of Python's: it has a pyvenv.cfg",
        "target": "a cache: it has a CACHEDIR.TAG",
    }
    assert len(found(tmp_path, tmp_path / "env")) == 2  # what is named is read
    assert found(tmp_path, tmp_path / "target") == ["target/CACHEDIR.TAG", "target/a.md"]


def test_pipes_that_are_called_as_what_is_opened_are_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "a/x.md", "b/x.md", "c/x.md")
    os.mkfifo(tmp_path / "a/catalog.sqlite")
    os.mkfifo(tmp_path / "b/CACHEDIR.TAG")
    os.mkfifo(tmp_path / "c/pyvenv.cfg")
    assert found(tmp_path) == ["a/x.md", "b/x.md"]


def test_an_ignore_file_without_end_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    (tmp_path / ".gitignore").write_text("*.md\n" * 300_000)
    reasons = [item.reason for item in walk(tmp_path) if isinstance(item, Failure)]
    assert reasons == [
        "cannot be read, so nothing is ignored by it: 2 MB is more than the limit of 1 MB"
    ]
    assert found(tmp_path) == ["a.md"]


def test_a_path_that_is_longer_than_the_system_takes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(25):  # from within: there is no other way
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    Path("deep.md").write_text("words")
    os.chdir(tmp_path)
    write(tmp_path, "near.md")
    items = list(walk(tmp_path))
    subprocess.run(["rm", "-r", "d" * 200], cwd=tmp_path, check=True)  # what pytest cannot
    (failure,) = [item for item in items if isinstance(item, Failure)]
    assert failure.reason.endswith("File name too long")
    assert [item.path for item in items if isinstance(item, Found)] == [f"{tmp_path}/near.md"]


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        (["*.md"], [], ["a.md", "docs/b.md", "docs/drafts/d.md"]),
        ([], ["drafts/"], ["a.md", "docs/b.md", "docs/c.txt"]),
        (["docs/"], ["*.txt"], ["docs/b.md", "docs/drafts/d.md"]),
        (["*.md", "!a.md"], ["/docs/drafts"], ["docs/b.md"]),
        ([], ["*", "!*.md", "!docs/"], ["a.md", "docs/b.md"]),
        (["/docs/*.txt"], [], ["docs/c.txt"]),
    ],
)
def test_a_run_may_be_about_some_files(
    tmp_path: Path, include: list[str], exclude: list[str], left: list[str]
) -> None:
    write(tmp_path, "a.md", "docs/b.md", "docs/c.txt", "docs/drafts/d.md", ".gitignore")
    choice = Choice(include, exclude)
    items = list(walk(tmp_path, choice))
    chosen = [os.path.relpath(i.path, tmp_path) for i in items if isinstance(i, Found)]
    assert chosen == left
    reasons = {item.reason for item in items if isinstance(item, Skipped)}
    assert reasons <= {"hidden", EXCLUDED, NOT_INCLUDED}
    assert [i.path for i in walk(tmp_path / "a.md", choice)] == [str(tmp_path / "a.md")]  # named


@pytest.mark.parametrize("pattern", ["", "# a remark", "[", "a\\"])
def test_a_pattern_that_means_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="means nothing"):
        Choice(exclude=["*.md", pattern])


def test_what_may_not_be_read_is_a_failure_and_the_rest_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, ".git/HEAD", "docs/a.md", "docs/closed/b.md", "docs/names/c.md", "docs/d.md")
    write(tmp_path, ".gitignore", "docs/.ragkitignore", text="d.md")
    (tmp_path / "docs/.ragkitignore").chmod(0)
    (tmp_path / "docs/closed").chmod(0)
    (tmp_path / "docs/names").chmod(0o444)  # its names can be listed, no more
    for folder in (tmp_path, tmp_path / "docs"):
        folder.chmod(0o755)
    monkeypatch.chdir(tmp_path / "docs")  # those above may be closed, too
    with as_anybody():
        failures = [item for item in walk(Path()) if isinstance(item, Failure)]
    (tmp_path / "docs/closed").chmod(0o755)
    (tmp_path / "docs/names").chmod(0o755)
    denied = "Permission denied"
    assert [(failure.path, failure.reason) for failure in failures] == [
        ("./.ragkitignore", f"cannot be read, so nothing is ignored by it: {denied}"),
        ("./closed", f"cannot be listed: {denied}"),
        ("./names/c.md", denied),
    ]
    assert not any(failure.permanent for failure in failures)


def test_a_folder_that_vanishes_meanwhile_is_a_failure(tmp_path: Path) -> None:
    write(tmp_path, "a/x.md", "b/y.md", "c.md")
    items = walk(tmp_path)
    assert isinstance(next(items), Found)
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "c.md").unlink()
    assert [item.reason for item in items if isinstance(item, Failure)] == [
        "No such file or directory",
        "No such file or directory",
    ]


def test_a_root_that_vanishes_is_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(walk(tmp_path / "nowhere"))


def test_folders_may_lie_deeper_than_python_can_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(600):
        Path("d").mkdir()
        os.chdir("d")
    Path("x.md").write_text("deep")
    os.chdir(tmp_path)
    assert [path.count("d/") for path in found(tmp_path)] == [600]
    Path("d/" * 600, "x.md").unlink()  # what removes temporary folders cannot go that deep
    for depth in range(600, 0, -1):
        Path("d/" * depth).rmdir()
