"""``ragkit open``: which program is run, with what, and links on a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import stat
import sys
import time
import zipfile
from pathlib import Path

import pytest

from ragkit import Rag, Settings
from ragkit.cli.app import run
from ragkit.cli.links import address_of
from ragkit.cli.opening import line_of
from ragkit.cli.programs import EDITORS, VIEWERS, editor, text_opener, viewer
from ragkit.errors import ConfigError, LoadError, NoSuchPathError
from ragkit.index.locators import span_of
from ragkit.types import Document
from tests.test_cli import Terminal, here, indexed, ragkit
from tests.test_locators import fill

__all__ = ["here", "indexed", "ragkit"]

PROGRAM = """#!{python}
import json, os, sys
new = {told!r} + ".new"
with open(new, "w") as file:
    json.dump(sys.argv[1:], file)
os.replace(new, {told!r})
"""


class Programs:
    """Programs that write down with what they were run."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._told = folder / "told"
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder))
        for variable in ("VISUAL", "EDITOR"):
            monkeypatch.delenv(variable, raising=False)

    def add(self, name: str) -> Path:
        file = self.folder / name
        file.write_text(PROGRAM.format(python=sys.executable, told=str(self._told)))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return file

    def told(self) -> list[str]:
        """Return the arguments of the last one, once it has them; a viewer goes on by itself."""
        deadline = time.monotonic() + 30
        while not self._told.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        arguments: list[str] = json.loads(self._told.read_text())
        self._told.unlink()
        return arguments


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    return Programs(tmp_path / "bin", monkeypatch)


def test_a_number_opens_the_editor_at_the_line(
    indexed: Path, ragkit: Terminal, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("nvim")
    monkeypatch.setenv("EDITOR", "nvim -R")
    ragkit("ask", "How long does a model stay loaded in memory?")
    file = str(indexed / "docs/model.md")
    assert ragkit("open", "1") == (0, "", "nvim: docs/model.md, line 3\n")
    assert programs.told() == ["-R", "+3", file]
    assert ragkit.json("open", "docs/model.md:1") == {
        "path": "docs/model.md", "file": file, "line": 1, "page": None,
        "command": ["nvim", "-R", "+1", file],
    }  # fmt: skip
    assert programs.told() == ["-R", "+1", file]
    other = str(programs.add("odd editor"))
    monkeypatch.setenv("VISUAL", f"'{other}' --wait")
    err = ragkit("open", "docs/model.md:3")[2]
    assert err.endswith(
        "docs/model.md, line 3 (go there yourself: it is not known how to tell this program)\n"
    )
    assert programs.told() == ["--wait", file]


def test_a_changed_file_is_opened_where_the_passage_stands_now(
    indexed: Path, ragkit: Terminal, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("code")
    monkeypatch.setenv("VISUAL", "code")
    ragkit("ask", "How long does a model stay loaded in memory?")
    model = indexed / "docs/model.md"
    model.write_text("\n\n" + model.read_text())
    err = ragkit("open", "1")[2]
    assert "docs/model.md has changed since it was read" in err
    assert programs.told() == ["-g", f"{model}:5"]
    model.write_text("Other words.\n")
    ragkit("ingest")
    assert "the passage is no longer in its text" in ragkit("open", "1")[2]
    assert programs.told() == ["-g", f"{model}:1"]
    model.unlink()
    os.mkfifo(model)  # which is not waited for
    assert "docs/model.md is no longer there" in ragkit("open", "1")[2]
    model.unlink()
    model.mkdir()
    assert "docs/model.md is no longer there" in ragkit("open", "1")[2]


def test_a_path_that_looks_like_an_option_is_a_path(
    here: Path, ragkit: Terminal, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "-c !touch bad.md").write_text("bad names\n")
    (here / "$(touch bad).md").write_text("worse names\n")
    ragkit("ingest", ".", "--offline")
    programs.add("vim")
    monkeypatch.setenv("EDITOR", "vim")
    for name in ("-c !touch bad.md", "$(touch bad).md"):
        assert ragkit("open", f"./{name}:1")[0] == 0
        assert programs.told() == ["+1", str(here / name)]
    assert not (here / "bad").exists()


def test_pages_and_what_is_no_text_are_shown_by_a_viewer(
    here: Path, ragkit: Terminal, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.test_docs import ROOT

    guide, page = here / "docs/guide.pdf", here / "docs/page.html"
    guide.write_bytes((ROOT / "sample_corpus/modelfile-guide.pdf").read_bytes())
    page.write_text("<title>T</title><p>One two-three.</p><p>The bridge was opened in 1987.</p>")
    ragkit("ingest", "docs", "--offline")
    code, _, err = ragkit("open", "docs/guide.pdf#page=2")
    assert code == 2
    assert "nothing to open" in err
    programs.add("xdg-open")
    assert "go there yourself" in ragkit("open", "docs/guide.pdf#page=2")[2]
    assert programs.told() == [f"{guide.as_uri()}#page=2"]
    monkeypatch.setenv("EDITOR", "none")
    with monkeypatch.context() as patched:
        patched.delattr(Path, "read_bytes")  # whether it is text is seen at its beginning
        ragkit("open", "docs/guide.pdf")
    assert programs.told() == [str(guide)]
    ragkit("search", "bridge 1987 opened", "-k", "1", "--where", "type:html")
    found = ragkit.json("open", "docs/page.html:1")
    assert found["line"] is None
    assert programs.told()[0].startswith(page.as_uri() + "#:~:text=")
    programs.add("zathura")
    assert ragkit("open", "docs/guide.pdf#page=3")[2].endswith("zathura: docs/guide.pdf, page 3\n")
    assert programs.told() == ["-P", "3", str(guide)]
    programs.add("firefox")
    monkeypatch.setenv("RAGKIT_VIEWER", "firefox --new-window")
    ragkit("open", "docs/guide.pdf#page=3")
    assert programs.told() == ["--new-window", f"{guide.as_uri()}#page=3"]
    monkeypatch.setenv("RAGKIT_VIEWER", "nothing-such")
    code, _, err = ragkit("open", "docs/guide.pdf#page=3")
    assert code == 2
    assert "cannot run nothing-such: No such file or directory" in err


def test_a_member_of_an_archive_is_taken_out(
    here: Path, ragkit: Terminal, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(here / "docs/inner.zip", "w") as inner:
        inner.writestr("deep/c.md", "# Deep\n\nThe pelican is deep inside.\n")
    with zipfile.ZipFile(here / "docs/box.zip", "w") as made:
        made.writestr("../b.md", "# Title\n\nThe giraffe is in the box.\n")
        made.write(here / "docs/inner.zip", "inner.zip")
    (here / "docs/inner.zip").unlink()
    ragkit("ingest", "docs", "--offline")
    programs.add("nano")
    monkeypatch.setenv("EDITOR", "nano")
    for query, place, text in (
        ("giraffe", "docs/box.zip!/b.md:1-3", "# Title\n\nThe giraffe is in the box.\n"),
        (
            "pelican",
            "docs/box.zip!/inner.zip!/deep/c.md:1-3",
            "# Deep\n\nThe pelican is deep inside.\n",
        ),
    ):
        assert f"1. {place}  (" in ragkit("search", query, "-k", "1")[1]
        assert ragkit("show", place)[1] == text
        err = ragkit("open", place)[2]
        assert "taken out of its archive into" in err
        line, taken = programs.told()
        assert line == "+1"
        assert Path(taken).read_text() == text
        assert Path(taken).parent != here / "docs"
        assert stat.S_IMODE(Path(taken).parent.stat().st_mode) == 0o700
    monkeypatch.setenv("TMPDIR", str(here / "none"))
    monkeypatch.setattr("tempfile.tempdir", str(here / "none"))
    code, _, err = ragkit("open", "docs/box.zip!/b.md")
    assert code == 8
    assert "cannot take docs/box.zip!/b.md out of its archive" in err


def test_a_member_that_is_gone_or_broken_is_told(here: Path, ragkit: Terminal) -> None:
    box = here / "docs/box.zip"

    def pack(**members: str) -> None:
        with zipfile.ZipFile(box, "w") as made:
            for name, text in members.items():
                made.writestr(f"{name}.md", text)

    pack(a="one giraffe", b="two")
    ragkit("ingest", "docs", "--offline")
    with Rag() as rag:
        assert rag.bytes_of("docs/box.zip!/a.md") == b"one giraffe"
        assert rag.bytes_of("docs/model.md") == (here / "docs/model.md").read_bytes()
        pack(b="two")
        with pytest.raises(NoSuchPathError, match="no longer in its archive"):
            rag.bytes_of("docs/box.zip!/a.md")
        pack(a="one giraffe")
        data = bytearray(box.read_bytes())
        data[data.index(b"giraffe")] ^= 1
        box.write_bytes(data)
        with pytest.raises(LoadError):
            rag.bytes_of("docs/box.zip!/a.md")
        with zipfile.ZipFile(box, "w") as made:
            link = zipfile.ZipInfo("a.md")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            made.writestr(link, "/etc/passwd")
        with pytest.raises(LoadError, match=r"a\.md: "):
            rag.bytes_of("docs/box.zip!/a.md")
        box.unlink()
        with pytest.raises(NoSuchPathError, match="cannot read"):
            rag.bytes_of("docs/box.zip!/a.md")


def test_the_line_is_that_of_the_file_as_it_is_now() -> None:
    span = span_of("a\nb\nfind me\n", "p", 4, 11)
    assert line_of(b"a\r\nb\r\nfind me\r\n", span) == 3
    assert line_of("find me\n1\n2\n3\nfind me".encode("utf-16"), span) == 1
    assert line_of(b"x", span) == 1
    assert line_of(b"a\nb\nc\nd", span_of("a\n\n", "p", 2, 3)) == 2


@pytest.mark.parametrize("name", EDITORS)
def test_each_editor_is_given_line_and_path(name: str) -> None:
    command = editor(Path("/docs/-a b.md"), 8, {"EDITOR": f"/opt/{name}"})
    assert command is not None
    assert any("8" in part for part in command)
    assert any("/docs/-a b.md" in part for part in command)
    assert not any(part.startswith("-a") for part in command)


@pytest.mark.parametrize("name", VIEWERS)
def test_each_viewer_is_given_page_and_file(name: str) -> None:
    command = viewer(Path("/a.pdf"), "file:///a.pdf#page=7", 7, named=name)
    assert any(part.endswith("7") for part in command)
    assert any("/a.pdf" in part for part in command)


def test_other_systems_have_their_own_way_to_open(programs: Programs) -> None:
    programs.add("open")
    assert viewer(Path("/a.pdf"), "file:///a.pdf#page=7", 7, platform="darwin")[1:] == ["/a.pdf"]
    page = viewer(None, "https://example.org/a", None, platform="darwin")
    assert page[1:] == ["https://example.org/a"]
    assert editor(Path("/a"), 1, {}) is None
    with pytest.raises(ConfigError, match="EDITOR is"):
        editor(Path("/a"), 1, {"EDITOR": "'"})


# -- settings and links


@pytest.mark.parametrize("setting", ["viewer", "link"])
def test_an_index_names_no_program_and_no_address(
    indexed: Path, ragkit: Terminal, setting: str
) -> None:
    value = "evil" if setting == "viewer" else "ssh://evil/{path}"
    code, _, err = ragkit("config", "set", setting, value, "--index", ".ragkit")
    assert code == 2
    assert f"{setting} is not taken from" in err
    (indexed / ".ragkit/config.toml").write_text(f'{setting} = "{value}"\n')
    code, _, err = ragkit("open", "docs/model.md")
    assert code == 2
    assert f"{setting} is not taken from" in err


@pytest.mark.parametrize(
    "link",
    ["file", "x:{line}", "x:{path} b", "x:{path}\x1b\\", "x:{path}{home}", "{path}", "x:{path}{"],
)
def test_a_link_that_leads_nowhere_is_refused(link: str) -> None:
    with pytest.raises(ConfigError, match="link cannot be"):
        Settings(link=link)


def on_a_terminal(*arguments: str) -> str:
    """Run a command whose standard output is a terminal; return what it wrote there."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, contextlib.redirect_stdout(terminal):
        assert run(list(arguments)) == 0
    shown = b""
    with contextlib.suppress(OSError):  # the end, as terminals tell it
        while block := os.read(ours, 10_000):
            shown += block
    os.close(ours)
    return shown.decode()


def test_on_a_terminal_places_are_links(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    address = (indexed / "docs/bridge.md").as_uri()
    end = "\x1b]8;;\x1b\\"
    shown = on_a_terminal("search", "bridge", "-k", "1")
    assert f"1. \x1b]8;;{address}\x1b\\docs/bridge.md:1-3{end}  (" in shown
    monkeypatch.setenv("RAGKIT_LINK", "vscode://file/{path}:{line}")
    shown = on_a_terminal("ask", "Who opened the bridge?")
    address = address.replace("file:///", "vscode://file/")
    assert f"[1] \x1b]8;;{address}:3\x1b\\docs/bridge.md:3{end}" in shown
    assert "> 3  \x1b[1mThe bridge over the river" in on_a_terminal("show", "1")
    assert on_a_terminal("show", "docs/bridge.md").startswith("# Bridges\r\n")
    monkeypatch.setenv("RAGKIT_LINK", "none")
    assert "\x1b]8" not in on_a_terminal("search", "bridge", "-k", "1")


def test_an_address_of_the_web_is_opened_and_linked_as_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: Programs,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")
    address = "https://example.org/a b.html?q=1"
    fill(
        tmp_path / ".ragkit",
        {
            address: Document("The bridge.", "html"),
            "stdin://notes.md": Document("Notes.", "markdown"),
        },
    )
    programs.add("xdg-open")
    assert run(["open", address]) == 0
    assert programs.told() == [address]
    shown = on_a_terminal("search", "bridge", "--mode", "lexical")
    assert "\x1b]8;;https://example.org/a%20b.html?q=1\x1b" in shown
    assert "1. stdin://notes.md:1  (" in on_a_terminal("search", "notes", "--mode", "lexical")
    assert run(["open", "stdin://notes.md"]) == 2
    assert "no file to open: stdin://notes.md was not read from one" in capsys.readouterr().err


def test_kitty_is_told_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    assert address_of(Path("/a.md"), 8, None) == "file:///a.md#8"
    assert address_of(Path("/a%\udcff.md"), 8, None, "x:{path}") == "x:/a%25%FF.md"


@pytest.mark.parametrize("variable", ["EDITOR", "RAGKIT_VIEWER"])
def test_a_program_that_fails_is_told(
    indexed: Path, ragkit: Terminal, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "false")
    code, _, err = ragkit("open", "docs/model.md")
    assert (code, "false ended with exit code 1" in err) == (2, True)


def test_a_text_is_never_run_by_its_name() -> None:
    assert text_opener(Path("/run.bat"), platform="win32") == ["notepad", "/run.bat"]
    assert text_opener(Path("/run.bat"), platform="linux") is None
    assert text_opener(Path("/run.bat"), named="firefox", platform="win32") is None
