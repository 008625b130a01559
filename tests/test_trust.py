"""An index's own config.toml, which may be a stranger's, sends nothing elsewhere unasked."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.cli.app import run
from ragkit.config import Settings
from ragkit.errors import ConfigError, UntrustedHostError
from ragkit.trust import FILE, is_trusted
from tests.ollama_server import Server
from tests.rights import read_only
from tests.test_cli import RAGKIT, Terminal
from tests.test_ingest import write

FOREIGN = "https://models.example"


@pytest.fixture
def ragkit(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder of settings; the working folder is a checkout with documents."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "APPDATA", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    checkout = tmp_path / "checkout"
    write(checkout / "docs", bridge="# Bridges\n\nThe bridge was opened by the mayor.\n")
    (checkout / ".ragkit").mkdir()
    monkeypatch.chdir(checkout)
    return tmp_path / "home/.config/ragkit"


def named(host: str) -> None:
    """Let the checkout's config.toml name a server."""
    Path(".ragkit/config.toml").write_text(f'host = "{host}"\n')


def elsewhere(server: Server) -> str:
    """Return an address of the server that is not seen to be this machine's."""
    return server.url.replace("127.0.0.1", "0.0.0.0")


# -- without a terminal


def test_a_server_elsewhere_is_not_used_and_what_to_type_is_said(
    home: Path, ragkit: Terminal
) -> None:
    named(FOREIGN)
    for command in (["ingest", "docs"], ["ask", "who opened the bridge?"], ["doctor"], ["config"]):
        code, out, err = ragkit(*command)
        assert (code, out) == (2, "")
        assert f"names the server {FOREIGN}, which you have not confirmed" in err
        assert f"ragkit config set host {FOREIGN} --index " in err
        assert "--host HOST" in err
    assert not home.exists()


def test_what_is_to_be_typed_confirms_it_for_this_index_and_server_only(
    home: Path, ragkit: Terminal, ollama: Server, tmp_path: Path
) -> None:
    named(elsewhere(ollama))
    err = ragkit("ingest", "docs")[2]
    typed = err.partition("to use it: ")[2].partition(";")[0]
    assert ragkit(*shlex.split(typed)[1:])[0] == 0
    assert ragkit("ingest", "docs")[0] == 0
    assert ollama.requests_to("/api/embed")
    assert ragkit("config")[0] == 0
    named(FOREIGN)
    assert ragkit("ls")[0] == 2
    Path.cwd().rename(tmp_path / "moved")
    os.chdir(tmp_path / "moved")
    named(elsewhere(ollama))
    assert ragkit("ls")[0] == 2  # another folder's confirmation is not this one's


def test_a_stronger_source_is_used_and_nothing_is_asked(
    home: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(FOREIGN)
    assert ragkit("ingest", "docs", "--host", ollama.url)[0] == 0
    assert ragkit("search", "bridge")[0] == 2
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    assert ragkit("search", "bridge")[0] == 0


def test_this_machine_and_the_users_own_server_are_not_elsewhere(
    home: Path, ragkit: Terminal, ollama: Server
) -> None:
    named(ollama.url)
    assert ragkit("ingest", "docs")[0] == 0
    home.mkdir(parents=True)
    (home / "config.toml").write_text(f'host = "{FOREIGN}"\n')
    named(FOREIGN)
    with Rag() as rag:
        assert rag.settings.host == FOREIGN


@pytest.mark.parametrize(
    "host", ["https://mod\u0435ls.example", "models.example\\nhttp://localhost", "a b"]
)
def test_an_address_that_deceives_is_refused(home: Path, ragkit: Terminal, host: str) -> None:
    named(host)
    code, _, err = ragkit("ls")
    assert (code, "give an address of ASCII letters" in err) == (2, True)
    assert err.isascii()


def test_what_is_to_be_typed_does_nothing_else(home: Path, ragkit: Terminal) -> None:
    named("evil;touch$IFS.owned")
    err = ragkit("ls")[2]
    typed = err.partition("to use it: ")[2].partition("; or name another")[0]
    assert shlex.split(typed)[1:5] == ["config", "set", "host", "evil;touch$IFS.owned"]


def test_a_key_is_never_taken_from_an_index(home: Path, ragkit: Terminal) -> None:
    Path(".ragkit/config.toml").write_text('api_key = "stolen"\n')
    code, _, err = ragkit("ls")
    assert (code, "api_key is not taken from" in err) == (2, True)
    code, _, err = ragkit("config", "set", "api_key", "mine", "--index", ".ragkit")
    assert (code, "RAGKIT_API_KEY" in err, "mine" in err) == (2, True, False)


def test_in_python_it_is_an_error(home: Path) -> None:
    named(FOREIGN)
    with pytest.raises(UntrustedHostError) as told:
        Rag()
    assert (told.value.host, told.value.index) == (FOREIGN, Path.cwd() / ".ragkit")
    assert isinstance(told.value, ConfigError)
    with pytest.raises(UntrustedHostError):  # where there is no home, nothing was confirmed
        Settings.load(Path(".ragkit"), env={})


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": [1]}'])
def test_a_list_that_cannot_be_read_confirms_nothing(
    home: Path, ragkit: Terminal, text: str
) -> None:
    home.mkdir(parents=True)
    (home / FILE).write_text(text)
    named(FOREIGN)
    assert ragkit("ls")[0] == 2
    assert ragkit("config", "set", "host", FOREIGN, "--index", ".ragkit")[0] == 0
    assert ragkit("config")[0] == 0
    assert ragkit("config", "set", "host", FOREIGN, "--index", ".ragkit")[0] == 0
    assert json.loads((home / FILE).read_text())[str(Path(".ragkit").resolve())] == [FOREIGN]


def test_a_home_that_cannot_be_written(home: Path, ragkit: Terminal) -> None:
    home.mkdir(parents=True)
    with read_only(home):
        code, _, err = ragkit("config", "set", "host", FOREIGN, "--index", ".ragkit")
    assert (code, "cannot write ~/.config/ragkit" in err) == (8, True)
    assert not Path(".ragkit/config.toml").exists()
    assert ragkit("config", "set", "host", "localhost:1234", "--index", ".ragkit")[0] == 0


# -- on a terminal


def session(*command: str, answer: str) -> tuple[int, str, str]:
    """Run a command on a terminal, and type an answer as soon as a question is asked.

    Returns:
        Its exit code, its standard output, and what stood on the terminal.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*RAGKIT, *command], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True
    )
    os.close(theirs)
    said = b""
    while block := _read(ours):
        said += block
        if said.endswith(b"[y/N]: "):
            os.write(ours, answer.encode())
    assert process.stdout
    out = process.stdout.read()
    process.stdout.close()
    os.close(ours)
    return process.wait(), out, said.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 10_000)
    except OSError:  # the end, as terminals tell it
        return b""


def test_a_person_is_asked_once(home: Path, ollama: Server) -> None:
    named(elsewhere(ollama))
    code, out, said = session("ingest", "docs", answer="n\n")
    assert (code, out) == (2, "")
    assert f"names the server {elsewhere(ollama)}, which you have not confirmed" in said
    assert "Use it for this index from now on? [y/N]: " in said
    assert not home.exists()
    code, _, said = session("ingest", "docs", answer="\x04")  # the end of input
    assert code == 130
    assert not ollama.requests
    code, out, said = session("ingest", "docs", answer="y\n")
    assert (code, out.startswith("1 files: 1 new")) == (0, True), said
    assert ollama.requests_to("/api/embed")
    code, out, said = session("ask", "Who opened the bridge?", answer="n\n")
    assert (code, "[y/N]" in said) == (0, False)
    assert run(["search", "bridge"]) == 0  # without a terminal too, from now on


@pytest.mark.parametrize(("answer", "code"), [("n\n", 2), ("y\n", 0)])
def test_a_person_is_asked_within_this_process(
    home: Path, answer: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(FOREIGN)
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    with os.fdopen(os.dup(theirs), "w") as stderr, os.fdopen(theirs) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with redirect_stderr(stderr):
            assert run(["config"]) == code
    os.close(ours)
    assert is_trusted(FOREIGN, index=Path(".ragkit"), own=home) == (code == 0)


def test_a_pipe_is_not_asked(home: Path) -> None:
    named(FOREIGN)
    done = subprocess.run(
        [*RAGKIT, "ask", "--batch", "-"], input="y\n", capture_output=True, text=True, check=False
    )
    assert (done.returncode, "[y/N]" in done.stderr) == (2, False)


def test_nothing_is_confirmed_without_a_place_for_it() -> None:
    assert not is_trusted(FOREIGN, index=Path(".ragkit"), own=None)
    assert is_trusted("localhost", index=Path(".ragkit"), own=None)
