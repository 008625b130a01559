"""``ragkit models``: what is installed, and all that is done with it, over HTTP alone."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ragkit.cli.facts import stays
from ragkit.cli.progress import TransferPrinter
from ragkit.ollama import RunningModel
from ragkit.ollama.transfers import Transfer
from tests.ollama_server import USUAL, Model, Server, serve
from tests.test_cli import COMMANDS, RAGKIT, Terminal, help_of, terminal


@pytest.fixture
def ragkit(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture
def here(ollama: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """An Ollama that variables name, and a folder without an index."""
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    monkeypatch.chdir(tmp_path)
    return ollama


def installed(server: Server) -> list[str]:
    return sorted(model.shown.removesuffix(":latest") for model in server.models)


# -- what is installed


def test_models_are_listed_with_what_they_are_good_for(here: Server, ragkit: Terminal) -> None:
    code, out, err = ragkit("models")
    assert (code, err) == (0, "")
    rows = [line.split(maxsplit=4) for line in out.splitlines()]
    assert rows[0] == ["model", "size", "context", "good", "for               loaded"]
    assert ["nomic-embed-text", "274.1", "MB", "2048", "embedding"] in rows
    assert ["qwen3", "8.0", "GB", "40960", "chat, tools, thinking"] in rows
    assert ["llava", "14.0", "GB", "32768", "chat, vision"] in rows
    assert not here.loads


def test_what_is_loaded_says_until_when_and_with_what_context(
    here: Server, ragkit: Terminal
) -> None:
    ragkit("models", "load", "llama3.2", "-o", "num_ctx=8192")
    ragkit("models", "load", "bge-m3", "--keep-alive", "-1")
    out = ragkit("models")[1]
    assert "chat, tools            for 5 min, context 8192\n" in out
    assert "embedding              for ever, context 4096\n" in out
    assert "loaded     for 5 min, context 8192\n" in ragkit("models", "show", "llama3.2")[1]
    loaded = {row["name"]: row["loaded"] for row in ragkit.json("models")}
    assert loaded["llama3.2:latest"].pop("until").startswith("20")
    assert loaded["llama3.2:latest"].pop("bytes") > 6e9
    assert loaded["llama3.2:latest"] == {"context_length": 8192, "gpu_bytes": 0}
    assert loaded["llava:latest"] is None


def test_the_list_as_json_has_exactly_these_keys(here: Server, ragkit: Terminal) -> None:
    found = ragkit.json("models")
    assert len(found) == len(USUAL)
    assert len(found[0].pop("digest")) == 64
    assert found[0] == {
        "name": "nomic-embed-text:latest", "bytes": 274_150_000, "family": "nomic-bert",
        "parameters": "137M", "quantization": "F16", "context_length": 2048,
        "embedding_length": 768, "capabilities": ["embedding"], "loaded": None,
    }  # fmt: skip


@pytest.mark.parametrize("release", ["0.2.5", "0.5.13", "0.24.0"])
def test_old_releases_say_less_and_are_listed_all_the_same(release: str, ragkit: Terminal) -> None:
    with serve(release) as server:
        ragkit("models", "load", "llama3.2", "--host", server.url)
        found = ragkit.json("models", "--host", server.url)
        told = {row["name"].removesuffix(":latest"): row["capabilities"] for row in found}
        assert told["nomic-embed-text"] == ["embedding"]
        assert told["qwen3-embedding"] == ["embedding"]
        assert told["llama3.2"][0] == "completion"
        assert "for 5 min" in ragkit("models", "--host", server.url)[1]


def test_a_list_that_lies_about_a_model_is_not_believed(here: Server, ragkit: Terminal) -> None:
    here.add(Model("sorted", keys_sorted=True))
    (row,) = (row for row in ragkit.json("models") if row["name"] == "sorted:latest")
    assert row["capabilities"] == ["embedding"]


def test_a_server_without_models_says_what_to_pull(here: Server, ragkit: Terminal) -> None:
    here.models.clear()
    code, out, err = ragkit("models")
    assert (code, out) == (0, "model  size  context  good for  loaded\n")
    assert "'ragkit models pull nomic-embed-text'" in err
    assert ragkit("models", "--json")[1:] == ("[]\n", "")


def test_a_model_that_the_server_cannot_read_is_named_and_the_others_are_listed(
    here: Server, ragkit: Terminal
) -> None:
    here.faults.only, here.faults.bad_gateway = "/api/show", 2  # once it is asked again
    code, out, err = ragkit("models")
    assert code == 0
    assert out.splitlines()[1].split() == ["nomic-embed-text", "274.1", "MB", "?"]
    assert len(out.splitlines()) == 1 + len(USUAL)
    assert err.startswith("nomic-embed-text:latest: ")


def test_a_model_that_is_deleted_meanwhile_is_not_listed(here: Server, ragkit: Terminal) -> None:
    here.faults.only, here.faults.first_byte_s = "/api/show", 0.1

    def delete() -> None:
        while not here.requests_to("/api/show"):
            time.sleep(0.01)
        here.remove("llava")  # which comes last in the list

    deleting = threading.Thread(target=delete)
    deleting.start()
    code, out, err = ragkit("models")
    deleting.join()
    assert (code, err) == (0, "")
    assert "\nqwen3 " in out
    assert "llava" not in out


def test_a_model_is_shown_with_its_parameters_and_system_prompt(
    here: Server, ragkit: Terminal
) -> None:
    here.add(Model("mine", ("completion",), num_ctx=8192, system="Be\x1b[2J brief."))
    code, out, _ = ragkit("models", "show", "Mine")
    assert code == 0
    assert out.startswith("model      mine:latest\nsize       2.4 MB, 1.10M F16\n")
    assert "good for   chat\n" in out
    assert "loaded     no\n" in out
    assert "parameter  num_ctx 8192\n" in out
    assert out.endswith("system     Be\\x1b[2J brief.\n")
    found = ragkit.json("models", "show", "mine")
    assert (found["num_ctx"], found["capabilities"]) == (8192, ["completion"])
    assert any(line.startswith("num_ctx ") for line in found["modelfile_parameters"])
    assert "vectors    768 dimensions" in ragkit("models", "show", "nomic-embed-text")[1]


def test_a_server_that_does_not_say_until_when_is_believed_to_keep_it_for_a_while() -> None:
    assert stays(RunningModel("m", "", 0, 0, "soon")) == "for a while"


# -- what is done with them


def test_a_model_is_loaded_and_unloaded_by_the_endpoint_that_fits_it(
    here: Server, ragkit: Terminal
) -> None:
    code, out, err = ragkit("models", "load", "llama3.2", "--keep-alive", "30m")
    assert (code, err) == (0, "loading llama3.2:latest\n")
    assert out == "llama3.2:latest stays loaded for 30 min, context 4096\n"
    (sent,) = here.requests_to("/api/chat")
    assert (sent["messages"], sent["keep_alive"]) == ([], "30m")
    found = ragkit.json("models", "load", "nomic-embed-text", "--keep-alive", "90", "-q")
    assert found["loaded"]["context_length"] == 2048
    (sent,) = here.requests_to("/api/embed")
    assert (sent["input"], sent["keep_alive"]) == ([], 90)
    for name in ("llama3.2", "nomic-embed-text"):
        assert name in here.loaded
        assert ragkit("models", "unload", name)[1].startswith(f"unloaded {name}:latest, ")
        assert name not in here.loaded
        assert ragkit("models", "unload", name)[1] == f"{name}:latest was not loaded\n"
    assert ragkit.json("models", "unload", "llama3.2") == {
        "model": "llama3.2:latest", "was_loaded": False,
    }  # fmt: skip


def test_loading_for_no_time_says_so_and_a_wrong_time_is_refused(
    here: Server, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_KEEP_ALIVE", "0")
    code, out, _ = ragkit("models", "load", "llama3.2")
    assert (code, out) == (0, "llama3.2:latest was loaded, and is no longer: see --keep-alive\n")
    code, _, err = ragkit("models", "load", "llama3.2", "--keep-alive", "5 minutes")
    assert code == 2
    assert '"10m"' in err
    here.faults.no_memory = True
    assert ragkit("models", "load", "llama3.2", "--keep-alive", "5m")[0] == 4


def test_a_model_is_made_of_another_copied_and_deleted(here: Server, ragkit: Terminal) -> None:
    made = ("models", "create", "brief", "--from", "LLAMA3.2", "--system", "Be brief.")
    code, out, _ = ragkit(*made, "-p", "num_ctx=8192", "-p", "temperature=0")
    assert (code, out) == (0, "made brief of llama3.2:latest\n")
    (sent,) = here.requests_to("/api/create")
    assert sent["parameters"] == {"num_ctx": 8192, "temperature": 0}
    assert (here.models["brief"].system, here.models["brief"].num_ctx) == ("Be brief.", 8192)
    assert ragkit("models", "copy", "brief", "short")[1] == "copied brief:latest to short\n"
    assert ragkit.json("models", "copy", "brief", "b2") == {"model": "b2", "from": "brief:latest"}
    assert ragkit.json(*made) == {"model": "brief", "from": "llama3.2:latest"}
    code, out, err = ragkit("models", "rm", "brief", "short")
    assert (code, err) == (0, "")
    assert out == "removed brief:latest, 6.4 GB\nremoved short:latest, 6.4 GB\n"
    assert ragkit.json("models", "rm", "registry.ollama.ai/library/b2") == {
        "removed": ["b2:latest"]
    }
    assert installed(here) == sorted(model.name for model in USUAL)


def test_nothing_is_deleted_where_one_name_is_wrong(here: Server, ragkit: Terminal) -> None:
    code, out, err = ragkit("models", "rm", "llava", "qwne3")
    assert (code, out) == (4, "")
    assert err.endswith("'qwne3' is not installed\n  hint: did you mean qwen3?\n")
    assert ragkit("models", "rm", "xyzzy")[2].endswith("hint: 'ragkit models' lists what is\n")
    assert len(here.models) == len(USUAL)


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "lama3.2"),
        ("load", "lama3.2"),
        ("unload", "lama3.2"),
        ("rm", "lama3.2"),
        ("copy", "lama3.2", "x"),
        ("create", "x", "--from", "lama3.2"),
        ("pull", "lama3.2"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_mistyped_name_names_the_nearest_installed_one(
    here: Server, ragkit: Terminal, arguments: tuple[str, ...]
) -> None:
    code, out, err = ragkit("models", *arguments)
    assert (code, out) == (4, "")
    assert "did you mean llama3.2" in err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("show", "m"),
        ("pull", "m"),
        ("load", "m"),
        ("unload", "m"),
        ("rm", "m"),
        ("copy", "m", "x"),
        ("create", "x", "--from", "m"),
    ],
    ids=lambda arguments: " ".join(arguments[:1]),
)
def test_no_server_exits_with_3_and_no_index_is_asked_for(
    ragkit: Terminal, arguments: tuple[str, ...]
) -> None:
    code, out, err = ragkit("models", *arguments, "--host", "127.0.0.1:9")
    assert (code, out) == (3, "")
    assert err.startswith("Error: no Ollama server at http://127.0.0.1:9\n")


def test_a_server_that_goes_away_amid_the_list_exits_with_3(here: Server, ragkit: Terminal) -> None:
    here.faults.only, here.faults.drop = "/api/show", 9
    code, out, _ = ragkit("models")
    assert (code, out) == (3, "")


def test_options_before_a_command_hold_for_it(ragkit: Terminal, ollama: Server) -> None:
    code, out, _ = ragkit("models", "--host", ollama.url, "--json", "rm", "llava")
    assert (code, json.loads(out)) == (0, {"removed": ["llava:latest"]})


def test_the_key_goes_to_the_server(
    here: Server, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_API_KEY", "s3cret")
    ragkit("models")
    assert here.requests[0].headers["authorization"] == "Bearer s3cret"


# -- pull


def test_a_pull_says_what_it_got(here: Server, ragkit: Terminal) -> None:
    here.models.clear()
    code, out, err = ragkit("models", "pull", "all-minilm")
    assert (code, out, err) == (0, "pulled all-minilm, 46.2 MB\n", "")
    assert installed(here) == ["all-minilm"]
    assert ragkit.json("models", "pull", "bge-m3") == {
        "model": "bge-m3", "bytes": 1_134_150_261, "moved_bytes": 907_320_000,
    }  # fmt: skip


def test_what_an_earlier_pull_left_is_not_counted_as_moved(here: Server, ragkit: Terminal) -> None:
    here.models.clear()
    here.faults.pull_there = 4
    assert ragkit.json("models", "pull", "all-minilm")["moved_bytes"] == 9_230_000
    assert ragkit.json("models", "pull", "all-minilm")["moved_bytes"] == 0


def test_a_pull_that_breaks_says_what_is_kept(here: Server, ragkit: Terminal) -> None:
    here.models.clear()
    here.faults.pull_cut = True
    code, out, err = ragkit("models", "pull", "all-minilm")
    assert (code, out) == (3, "")
    assert "46.2 MB are kept: the same command goes on from there" in err
    assert not len(here.models)


@pytest.mark.parametrize(
    ("said", "code", "hint"),
    [
        ("pull model manifest: file does not exist", 4, "check its name"),
        ("dial tcp: lookup registry.ollama.ai: no such host", 3, "check the network"),
        ("insecure protocol http", 3, "--insecure"),
        ("max retries exceeded: EOF", 3, "Ollama's log says more"),
    ],
)
def test_a_pull_that_fails_in_its_stream_says_why(
    here: Server, ragkit: Terminal, said: str, code: int, hint: str
) -> None:
    here.faults.pull_error = said
    found, out, err = ragkit("models", "pull", "mxbai-embed-large")
    assert (found, out) == (code, "")
    assert said in err
    assert hint in err


def test_a_registry_without_tls_is_for_who_asks(here: Server, ragkit: Terminal) -> None:
    ragkit("models", "pull", "all-minilm", "--insecure")
    ragkit("models", "pull", "all-minilm")
    assert [body.get("insecure") for body in here.requests_to("/api/pull")] == [True, None]


STEPS = (
    (0.0, Transfer("pulling manifest")),
    (1.0, Transfer("pulling a1", 0, 2_000_000_000)),
    (3.0, Transfer("pulling a1", 300_000_000, 2_000_000_000, 300_000_000)),
    (20.0, Transfer("pulling a1", 2_000_000_000, 2_000_000_000, 2_000_000_000)),
    (21.0, Transfer("verifying sha256 digest", 2_000_000_000, 2_000_000_000, 2_000_000_000)),
)


def test_a_terminal_gets_a_bar_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    clock = iter([-1.0, *(seconds for seconds, _ in STEPS)])
    monkeypatch.setattr(time, "monotonic", clock.__next__)
    with terminal(columns=70) as written:
        printer = TransferPrinter("llama3.2", quiet=False)
        for _, step in STEPS:
            printer(step)
        printer.clear()
    assert written[0].split("\r\x1b[K")[1:] == [
        "llama3.2: pulling manifest",
        "llama3.2: [--------------------] 0% of 2.0 GB, 0 B/s",
        "llama3.2: [###-----------------] 15% of 2.0 GB, 75.0 MB/s, 23 s left",
        "llama3.2: pulling a1",
        "llama3.2: verifying sha256 digest",
        "",
    ]


def test_no_color_and_pipes_get_lines_now_and_then_and_q_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(*, quiet: bool) -> None:
        clock = iter([-1.0, *(seconds for seconds, _ in STEPS)])
        monkeypatch.setattr(time, "monotonic", clock.__next__)
        printer = TransferPrinter("llama3.2", quiet=quiet)
        for _, step in STEPS[:3]:
            printer(step)
        printer(Transfer("pulling a1", 1_000_000_000, 2_000_000_000, 1_000_000_000))
        printer.clear()

    line = "llama3.2: 50% of 2.0 GB, 47.6 MB/s, 21 s left"
    shown(quiet=False)
    assert capsys.readouterr().err == f"{line}\n"
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal(columns=40) as written:
        shown(quiet=False)
        shown(quiet=True)
    assert written == [f"{line}\r\n"]


def test_the_rate_is_that_of_the_last_seconds() -> None:
    printer = TransferPrinter("m", quiet=False)
    for seconds in range(100):
        printer.line(Transfer("pulling a", seconds * 1000, 10**6, seconds * 1000), float(seconds))
    for seconds in range(100, 120):
        line = printer.line(Transfer("pulling a", 99_000, 10**6, 99_000), float(seconds))
    assert line == "m: 9% of 1.0 MB, 0 B/s"


def test_a_pull_on_a_terminal_draws_and_leaves_nothing_but_its_result(
    here: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragkit.cli.app import run

    monkeypatch.delenv("NO_COLOR", raising=False)
    here.models.clear()
    here.faults.pull_part_s = 0.15
    with terminal(columns=70) as written:
        assert run(["models", "pull", "all-minilm"]) == 0
    assert capsys.readouterr().out == "pulled all-minilm, 46.2 MB\n"
    drawn = written[0].split("\r\x1b[K")
    assert any("% of 46.1 MB, " in line and "[####" in line for line in drawn)
    assert drawn[-1] == ""


def test_ctrl_c_ends_a_pull_and_the_server_stops_too(here: Server) -> None:
    here.models.clear()
    here.faults.pull_part_s = 0.3
    process = subprocess.Popen(
        [*RAGKIT, "models", "pull", "all-minilm"],
        stderr=subprocess.PIPE,
        env=os.environ | {"OLLAMA_HOST": here.url},
    )
    assert process.stderr
    for _ in itertools.takewhile(lambda _: not here.requests_to("/api/pull"), range(1000)):
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(10) == 130, said
    assert here.wait_for_cancelled()
    assert not len(here.models)


@pytest.mark.parametrize("command", [names for names in COMMANDS if len(names) > 1], ids=" ".join)
def test_every_command_below_another_shows_an_example(command: tuple[str, ...]) -> None:
    assert f"\n  ragkit {' '.join(command)} " in help_of(*command)
