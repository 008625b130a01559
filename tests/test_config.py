"""Settings come from five places in one order, and a wrong one is refused with the right word."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragkit.config import Settings, parse_option, user_file
from ragkit.errors import ConfigError


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose user has a config file that sets three names."""
    file = user_file({"HOME": str(tmp_path)})
    assert file
    file.parent.mkdir(parents=True)
    file.write_text('k = 3\nmode = "dense"\nstrictness = 0\n')
    return {"HOME": str(tmp_path)}


def test_flags_win_over_variables_over_the_index_over_the_user(
    home: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("k = 4\ncandidates = 44\n")
    env = home | {"RAGKIT_K": "5", "RAGKIT_FUSION": "rrf", "RAGKIT_INDEX": "elsewhere"}

    assert Settings.load(env={}) == Settings()
    assert Settings.load(env=home).k == 3
    assert Settings.load(tmp_path, env=home).k == 4
    assert Settings.load(tmp_path, env=env).k == 5
    merged = Settings.load(tmp_path, env=env, given={"k": 6, "fusion": None})
    assert merged == Settings(k=6, candidates=44, mode="dense", fusion="rrf", strictness=0)


def test_options_are_read_out_of_variables_and_files(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("embed_options = { num_ctx = 512 }\n")
    env = {"RAGKIT_OPTIONS": "num_ctx=8192, stop=END,", "OLLAMA_KEEP_ALIVE": "30m"}
    settings = Settings.load(tmp_path, env=env)
    assert settings.options == {"num_ctx": 8192, "stop": ["END"]}
    assert settings.embed_options == {"num_ctx": 512}
    assert settings.keep_alive == "30m"
    with pytest.raises(ConfigError, match="options in here is 5") as told:
        Settings.load(env={}, given={"options": 5})
    assert told.value.hint == "give name=value"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ('stop=["a","b"]', {"stop": ["a", "b"]}),
        ('stop=["]", "a\\",b"],num_ctx=9', {"stop": ["]", 'a",b'], "num_ctx": 9}),
        ('stop="a,b", seed=1', {"stop": ["a,b"], "seed": 1}),
        ('stop=5,odd={"a":[1,2]}', {"stop": ["5"], "odd": {"a": [1, 2]}}),
        ('odd=",seed=1', {"odd": '"', "seed": 1}),
    ],
)
def test_commas_in_brackets_and_quotes_part_no_options(
    text: str, options: dict[str, object]
) -> None:
    assert Settings.load(env={"RAGKIT_OPTIONS": text}).options == options


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "[1, NaN]"])
def test_options_are_numbers_that_json_has(text: str) -> None:
    with pytest.raises(ConfigError, match="temperature in -o cannot be"):
        parse_option(f"temperature={text}")


def test_how_long_models_stay_may_be_a_number_of_seconds(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("keep_alive = -1\n")
    assert Settings.load(tmp_path, env={}).keep_alive == "-1"
    assert Settings.load(env={}, given={"keep_alive": 300}).keep_alive == "300"
    assert Settings.load(env={}, given={"keep_alive": 0.5}).keep_alive == "0.5s"
    with pytest.raises(ConfigError, match="keep_alive in here is True"):
        Settings.load(env={}, given={"keep_alive": True})


def test_there_may_be_no_home() -> None:
    assert user_file({}) is None
    assert user_file({"APPDATA": "/data", "HOME": "/home"}) == Path("/data/ragkit/config.toml")


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("RAGKIT_OFFLINE", "Yes", True),
        ("RAGKIT_OFFLINE", "0", False),
        ("RAGKIT_OFFLINE", "", False),
        ("RAGKIT_CHUNK_TOKENS", " 120 ", 120),
        ("RAGKIT_STRICTNESS", "0.5", 0.5),
        ("RAGKIT_MODE", "lexical", "lexical"),
    ],
)
def test_variables_are_read_as_what_they_set(variable: str, text: str, value: object) -> None:
    name = variable.removeprefix("RAGKIT_").lower()
    assert getattr(Settings.load(env={variable: text}), name) == value


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (
            {"RAGKIT_CANDIDATE": "5"},
            "unknown setting 'candidate' in RAGKIT_CANDIDATE",
            "candidates?",
        ),
        ({"RAGKIT_XYZZY": "5"}, "unknown setting 'xyzzy'", "one of: offline, host"),
        ({"RAGKIT_OFFLINE": "perhaps"}, "offline in RAGKIT_OFFLINE is 'perhaps'", "true or false"),
        ({"RAGKIT_K": "many"}, "k in RAGKIT_K is 'many'", "a whole number"),
        ({"RAGKIT_K": "0"}, "k cannot be 0", "1 or more"),
        ({"RAGKIT_STRICTNESS": "nan"}, "strictness in RAGKIT_STRICTNESS is 'nan'", "a number"),
        ({"RAGKIT_MODE": "sideways"}, "mode cannot be 'sideways'", "hybrid, dense, lexical"),
        ({"RAGKIT_FUSION": "nuclear"}, "fusion cannot be 'nuclear'", "sum, rrf"),
    ],
)
def test_what_is_no_setting_is_refused(given: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as told:
        Settings.load(env=given)
    assert message in told.value.message
    assert hint in told.value.hint


@pytest.mark.parametrize(
    "text",
    ["k = ", "k = 5\xff", "k = true", "mode = 1", "k = " + "9" * 5_000, "k = " + "[" * 5_000],
    ids=lambda text: text[:7],
)
def test_a_config_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as told:
        Settings.load(tmp_path, env={})
    assert str(file) in told.value.message
    assert told.value.hint
