"""``ragkit config`` and ``ragkit completion``: settings, where they come from, and the shell."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.config import Settings
from ragkit.errors import ConfigError
from ragkit.settings_file import with_setting, without_setting
from tests.ollama_server import Server
from tests.test_cli import RAGKIT, Terminal


@pytest.fixture
def ragkit(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's config.toml, which is not there yet; the working folder has an empty index."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "APPDATA", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".ragkit").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home/.config/ragkit/config.toml"


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())


# -- shown


def test_each_setting_is_shown_with_where_it_comes_from(
    own: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(own, "k = 3\ncandidates = 50\noptions = { num_ctx = 8192, stop = ['a'] }\n")
    write(Path(".ragkit/config.toml"), "k = 4\n")
    monkeypatch.setenv("RAGKIT_FUSION", "rrf")
    monkeypatch.setenv("OLLAMA_KEEP_ALIVE", "30m")
    code, out, err = ragkit("config")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    for row in (
        ["setting", "value", "from"],
        ["offline", "false", "default"],
        ["model", "-", "default"],
        ["k", "4", str(Path(".ragkit/config.toml"))],
        ["candidates", "50", "~/.config/ragkit/config.toml"],
        ["fusion", "rrf", "RAGKIT_FUSION"],
        ["keep_alive", "30m", "OLLAMA_KEEP_ALIVE"],
    ):
        assert row in rows
    assert 'num_ctx=8192,stop=["a"]' in out
    assert len(rows) == 1 + len(Settings.__dataclass_fields__)
    found = ragkit.json("config")
    assert found["candidates"] == {"value": 50, "from": str(own)}
    assert found["options"]["value"] == {"num_ctx": 8192, "stop": ["a"]}
    assert found["mode"] == {"value": "hybrid", "from": "default"}


def test_another_index_has_settings_of_its_own(own: Path, ragkit: Terminal) -> None:
    write(Path("other/config.toml"), "k = 9\n")
    assert ragkit.json("config", "--index", "other")["k"]["value"] == 9
    assert ragkit.json("config")["k"]["value"] == 8


def test_a_key_is_never_shown(own: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [ragkit("config", "set", "api_key", "s3cret"), ragkit("config")]
    write(own, "api_key = 123456\n")
    code, _, err = ragkit("config")
    assert code == 2
    assert "api_key in " in err
    assert "123456" not in err
    write(own, "")
    monkeypatch.setenv("RAGKIT_API_KEY", "s3cret2")
    said += [ragkit("config"), ragkit("config", "--json"), ragkit("config", "unset", "api_key")]
    assert "not shown" in said[-2][1]
    assert "s3cret" not in repr(said)


# -- written


def test_a_setting_is_written_into_the_users_file_and_taken_out(
    own: Path, ragkit: Terminal
) -> None:
    code, out, err = ragkit("config", "set", "model", "qwen3")
    assert (code, out, err) == (0, "model is set in ~/.config/ragkit/config.toml\n", "")
    assert own.read_text() == 'model = "qwen3"\n'
    assert ragkit.json("config", "set", "options", "num_ctx=8192,stop=END") == {
        "name": "options", "file": str(own),
    }  # fmt: skip
    ragkit("config", "set", "offline", "yes")
    ragkit("config", "set", "timeout_s", "30")
    settings = Settings.load()
    assert (settings.model, settings.offline, settings.timeout_s) == ("qwen3", True, 30.0)
    assert settings.options == {"num_ctx": 8192, "stop": ["END"]}
    assert ragkit("config", "unset", "model")[1] == (
        "model is no longer set in ~/.config/ragkit/config.toml\n"
    )
    assert Settings.load().model == ""
    assert ragkit("config", "unset", "model")[1] == (
        "model is not set in ~/.config/ragkit/config.toml\n"
    )
    assert ragkit.json("config", "unset", "offline")["was_set"] is True


def test_an_index_has_a_file_of_its_own_without_keys(own: Path, ragkit: Terminal) -> None:
    assert ragkit("config", "set", "k", "5", "--index", ".ragkit")[0] == 0
    assert Path(".ragkit/config.toml").read_text() == "k = 5\n"
    assert not own.exists()
    code, _, err = ragkit("config", "set", "api_key", "evil", "--index", ".ragkit")
    assert (code, "api_key is not taken from" in err) == (2, True)
    assert ragkit("config", "unset", "k", "--index", ".ragkit")[0] == 0
    assert Path(".ragkit/config.toml").read_text() == ""
    code, _, err = ragkit("config", "set", "k", "5", "--index", "none")
    assert code == 5
    assert "ragkit ingest FOLDER --index none" in err


def test_options_before_a_command_hold_for_it_and_a_variable_does_not(
    own: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ragkit("config", "--index", ".ragkit", "--json", "set", "k", "5")[1]
    assert json.loads(out)["file"] == str(Path(".ragkit/config.toml"))
    assert not own.exists()
    monkeypatch.setenv("RAGKIT_INDEX", ".ragkit")
    ragkit("config", "set", "k", "6")
    assert own.read_text() == "k = 6\n"


def test_a_variable_that_wins_all_the_same_is_named(
    own: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box")
    assert ragkit("config", "set", "host", "other")[2] == (
        "OLLAMA_HOST is set too, and wins over ~/.config/ragkit/config.toml\n"
    )
    monkeypatch.setenv("RAGKIT_HOST", "gpu-box-2")
    assert ragkit("config", "unset", "host")[2].startswith("RAGKIT_HOST is set too, ")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("modle", "qwen3", "did you mean mode?"),
        ("k", "many", "give a whole number"),
        ("k", "0", "1 or more"),
        ("mode", "sideways", "one of: hybrid, dense, lexical"),
        ("options", "num_ctx", "give it as name=value"),
        ("options", "seed=null", "leave it out"),
        ("options", "top_p=NaN", "give a number"),
        ("model", os.fsdecode(b"odd\xff"), "model is not UTF-8"),
    ],
)
def test_what_is_wrong_is_not_written(
    own: Path, ragkit: Terminal, name: str, value: str, said: str
) -> None:
    code, _, err = ragkit("config", "set", name, value)
    assert code == 2
    assert said in err
    assert not own.exists()


def test_a_wrong_name_can_be_taken_out_of_a_file(own: Path, ragkit: Terminal) -> None:
    write(own, "modle = 'qwen3'\nk = 3\n")
    assert ragkit("config")[0] == 2
    assert ragkit("config", "unset", "modle")[0] == 0
    assert own.read_text() == "k = 3\n"
    code, _, err = ragkit("config", "unset", "modle")
    assert code == 2
    assert "did you mean mode?" in err


def test_a_file_that_cannot_be_read_stays_as_it_is(own: Path, ragkit: Terminal) -> None:
    write(own, "k = \n")
    code, _, err = ragkit("config", "set", "k", "5")
    assert code == 2
    assert f"cannot read {own}" in err
    assert own.read_text() == "k = \n"


def test_a_file_is_written_where_its_link_leads_and_keeps_its_rights(
    own: Path, ragkit: Terminal, tmp_path: Path
) -> None:
    real = tmp_path / "dotfiles/ragkit.toml"
    write(real, "k = 3\n")
    real.chmod(0o640)
    own.parent.mkdir(parents=True)
    own.symlink_to(real)
    ragkit("config", "set", "k", "5")
    assert own.is_symlink()
    assert real.read_text() == "k = 5\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    ragkit("config", "set", "api_key", "s3cret")
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert sorted(path.name for path in real.parent.iterdir()) == ["ragkit.toml"]


def test_a_folder_that_cannot_be_written_exits_with_8(own: Path, ragkit: Terminal) -> None:
    own.parent.parent.mkdir(parents=True)
    own.parent.write_text("a file where a folder should be")
    code, _, err = ragkit("config", "set", "k", "5")
    assert code == 8
    assert "cannot write ~/.config/ragkit/config.toml: " in err


def test_without_a_home_there_is_no_place_for_it(
    own: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    code, _, err = ragkit("config", "set", "k", "5")
    assert code == 2
    assert "set HOME or XDG_CONFIG_HOME" in err
    monkeypatch.setenv("XDG_CONFIG_HOME", "settings")
    assert ragkit("config", "set", "k", "5")[1] == (
        f"k is set in {Path('settings/ragkit/config.toml')}\n"
    )


# -- the editor of lines

FILES = [
    ("", "k = 5\n"),
    ("k = 3", "k = 5\n"),
    ("# a\n\n  k=3  # why # not\nmode = 'dense'\n", "# a\n\nk = 5  # why # not\nmode = 'dense'\n"),
    ("mode = 'dense'", "mode = 'dense'\nk = 5\n"),
    ("mode = 'dense'\r\n", "mode = 'dense'\r\nk = 5\r\n"),
    ("k = 3\r\nmode = 'dense'\r\n", "k = 5\r\nmode = 'dense'\r\n"),
    ("[options]\nk = 3\n", "k = 5\n[options]\nk = 3\n"),
]


@pytest.mark.parametrize(("text", "changed"), FILES)
def test_one_line_is_changed_and_all_else_stays(text: str, changed: str) -> None:
    assert with_setting(text, "k", 5) == changed


def test_a_comment_sign_within_a_text_is_part_of_it() -> None:
    assert with_setting("model = 'a#b' # c\n", "model", "x#y") == 'model = "x#y" # c\n'


@pytest.mark.parametrize(
    "text",
    [
        "[options]\nnum_ctx = 1\n",
        "options.num_ctx = 1\n",
        '"options" = {}\n',
        "model = '''\noptions = 1\n'''\n",
    ],
)
def test_what_is_not_one_line_is_left_to_a_person(text: str) -> None:
    with pytest.raises(ConfigError) as told:
        with_setting(text, "options", {"seed": 1})
    assert told.value.hint == "edit it by hand: one line, options = ..."
    if not text.startswith("model"):
        with pytest.raises(ConfigError):
            without_setting(text, "options")


def test_a_value_on_several_lines_is_left_to_a_person() -> None:
    for text in ("model = '''\nqwen3'''\n", "embed_options = { stop = [\n1] }\n"):
        name = text.split()[0]
        with pytest.raises(ConfigError):
            with_setting(text, name, "x")
        with pytest.raises(ConfigError):
            without_setting(text, name)


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(VALUES, st.sampled_from([text for text, _ in FILES]))
def test_any_value_is_read_back_as_it_was_written(value: object, text: str) -> None:
    written = with_setting(text, "k", value)
    assert tomllib.loads(written)["k"] == value
    assert tomllib.loads(without_setting(written, "k")).get("k") is None


# -- completion


def completed(*words: str, shell: str = "bash") -> list[str]:
    """Return what a shell is told for the last of the words."""
    done = subprocess.run(
        RAGKIT,
        env=os.environ
        | {
            "_RAGKIT_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": " ".join(["ragkit", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line.removeprefix("plain,") for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["mo"], ["models"]),
        (["models", "un"], ["unload"]),
        (["ask", "--model", "q"], ["qwen3"]),
        (["ask", "--embed-model", "q"], ["qwen3-embedding"]),
        (["ingest", "--embed-model", "n"], ["nomic-embed-text"]),
        (["models", "rm", "qwen3", "L"], ["llama3.2", "llava"]),
        (["models", "create", "x", "--from", "ll"], ["llama3.2", "llava"]),
        (["config", "set", "ke"], ["keep_alive"]),
        (["completion", "b"], ["bash"]),
    ],
    ids=" ".join,
)
def test_commands_models_and_settings_complete(
    ollama: Server, monkeypatch: pytest.MonkeyPatch, words: list[str], found: list[str]
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    assert completed(*words) == found


def test_the_host_that_was_typed_is_asked(ollama: Server) -> None:
    assert completed("ask", "--host", ollama.url, "--model", "q") == ["qwen3"]
    assert completed("models", "--host", ollama.url, "rm", "b") == ["bge-m3"]


def test_without_a_server_nothing_is_said() -> None:
    assert completed("ask", "--model", "q") == []


def test_a_silent_server_is_not_waited_for(ollama: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from ragkit.cli.completing import complete_models

    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    ollama.faults.first_byte_s = 3.0
    ctx = click.Context(click.Command("ask"))
    assert complete_models("embedding")(ctx, click.Argument(["x"]), "") == []
    assert len(ollama.requests) == 1


def test_models_complete_within_this_process(
    ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import click

    from ragkit.cli.completing import complete_models

    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    ctx = click.Context(click.Command("ask"))
    argument = click.Argument(["x"])
    assert complete_models("completion")(ctx, argument, "") == ["llama3.2", "qwen3", "llava"]
    assert complete_models()(ctx, argument, "b") == ["bge-m3"]
    monkeypatch.setenv("RAGKIT_NONSENSE", "1")
    assert complete_models()(ctx, argument, "b") == []


def test_each_shell_has_its_script(ragkit: Terminal) -> None:
    for shell, mark in (("bash", "complete -o"), ("zsh", "#compdef ragkit"), ("fish", "complete ")):
        code, out, err = ragkit("completion", shell)
        assert (code, err) == (0, "")
        assert mark in out
        assert "_RAGKIT_COMPLETE" in out
    assert ragkit("completion", "cmd")[0] == 2


def test_bash_completes_a_name_with_a_colon(ollama: Server, ragkit: Terminal) -> None:
    """Bash cuts words at colons, and would complete "qwen3:4b" to "qwen3:qwen3:4b"."""
    from tests.ollama_server import Model

    ollama.add(Model("tiny:1b", ("completion",)))
    script = ragkit("completion", "bash")[1]
    script += (
        '[[ "$COMP_WORDBREAKS" != *:* ]] && COMP_WORDS=(ragkit ask --model tiny:) COMP_CWORD=3'
        ' && _ragkit_completion ragkit && echo "${COMPREPLY[@]}"\n'
    )
    folder = Path(RAGKIT[0]).parent
    done = subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"OLLAMA_HOST": ollama.url, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "tiny:1b\n", done.stderr
