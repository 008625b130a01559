"""``ragkit doctor``: names the cause in its first line that is not "ok", and what to type."""

from __future__ import annotations

import os
import platform
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ragkit import Rag
from ragkit.doctor import server as doctor_server
from ragkit.doctor.advice import check_memory
from ragkit.doctor.machine import Machine, this_machine
from ragkit.doctor.server import unreached
from ragkit.errors import OllamaUnreachableError
from ragkit.ollama.address import parse_address
from ragkit.types import Check
from tests.conftest import CLOSED
from tests.ollama_server import Server, serve
from tests.ollama_server.models import Model
from tests.test_cli import Terminal, ragkit
from tests.test_damage import damage
from tests.test_through_ollama import at, here

__all__ = ["here", "ragkit"]  # fixtures

ALL = (
    "python packages extras server release embed_model model embedding answer loaded memory index"
).split()
SERVED = ALL[4:10]
Facts = dict[str, Any]
Reply = tuple[int, str, bytes]  # status, content type, body


def examined(ragkit: Terminal, *options: str) -> dict[str, Facts]:
    """Return the checks by name."""
    return {check["name"]: check for check in ragkit.json("doctor", "-q", *options)["checks"]}


def first_failure(ragkit: Terminal, *options: str) -> tuple[int, str]:
    """Return the exit code, and the first line that says "fail" with its hint."""
    code, out, _ = ragkit("doctor", *options)
    lines = out.splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("fail"):
            return code, f"{' '.join(line.split()[1:])}\n{after.strip()}"
    return code, ""


@contextmanager
def answering(
    handler: type[BaseHTTPRequestHandler],
) -> Iterator[tuple[str, list[str]]]:
    """Serve by a handler; yield the address, and the paths that were asked for so far."""
    asked: list[str] = []

    class Recording(handler):  # type: ignore[valid-type,misc] # a class that is given
        def parse_request(self) -> bool:
            parsed: bool = super().parse_request()
            asked.append(self.path)
            return parsed

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Recording)
    thread = threading.Thread(target=listener.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}", asked
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def saying(reply: Reply) -> type[BaseHTTPRequestHandler]:
    """Return a handler that says the same whatever it is asked."""

    class Saying(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = reply
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Saying


@contextmanager
def accepting(*, first: bytes = b"") -> Iterator[str]:
    """Accept connections; say nothing on them, or ``first`` and no more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # it was shut down
                    return
                held.append(connection)
                if first:
                    connection.sendall(first)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in held:
                connection.close()


# -- all is well


def test_all_is_well(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ragkit("ingest", "docs")
    code, out, err = ragkit("doctor")
    states = {line.split()[1]: line.split()[0] for line in out.splitlines() if line[0] != " "}
    assert (code, list(states)) == (0, ALL)
    states.pop("memory")  # a small machine has too little for these models
    assert set(states.values()) == {"ok"}
    assert err == "loading the models, which may take minutes (--no-probe leaves that out)\n"
    found = examined(ragkit)
    assert found["release"]["release"] == ollama.release.name
    assert (found["embed_model"]["model"], found["model"]["model"]) == (
        "nomic-embed-text",
        "llama3.2",
    )
    embedding = found["embedding"]
    assert (embedding["count"], embedding["dim"], embedding["norm"]) == (2, 768, 1.0)
    assert embedding["seconds"] >= 0
    assert found["answer"]["tokens_per_s"] > 0
    assert [model["context_length"] for model in found["loaded"]["models"]] == [4096, 2048]
    assert (found["index"]["files"], found["index"]["passages"]) == (3, 3)


def test_nothing_is_changed_and_no_model_is_loaded_twice(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ragkit("ingest", "docs")
    before = {file: file.read_bytes() for file in (here / ".ragkit").iterdir() if file.is_file()}
    ollama.forget()
    assert ragkit("doctor", "--no-probe")[0] == 0
    assert ollama.loads == {"nomic-embed-text": 1}  # by ingest
    ragkit("doctor")
    ragkit("ask", "Who opened the bridge over the river?")
    assert ollama.loads == {"nomic-embed-text": 1, "llama3.2": 1}
    asked = {request.path for request in ollama.requests}
    assert asked == {"/api/" + path for path in "version tags show ps embed chat".split()}
    after = {file: file.read_bytes() for file in before}
    assert after == before


def test_without_probes_no_model_is_asked(here: Path, ragkit: Terminal, ollama: Server) -> None:
    code, _, err = ragkit("doctor", "--no-probe", "--host", ollama.url)
    found = examined(ragkit, "--no-probe", "--host", ollama.url)
    assert (code, err, ollama.loads) == (0, "", {})
    assert {found[name]["text"] for name in ("embedding", "answer")} == {"--no-probe"}
    assert found["loaded"]["text"] == "none of these models now"


def test_no_index_yet_is_a_note(here: Path, ragkit: Terminal, ollama: Server) -> None:
    for options, text in (((), "none yet"), (("--index", "kb"), f"no index at {here / 'kb'}")):
        check = examined(ragkit, "--host", ollama.url, *options)["index"]
        assert (check["state"], check["text"]) == ("note", text)
        assert check["hint"].startswith("ragkit ingest FOLDER")


# -- the server


def test_nothing_listens(here: Path, ragkit: Terminal) -> None:
    code, said = first_failure(ragkit)
    assert (code, said.splitlines()[0]) == (3, f"server nothing listens at http://{CLOSED}")
    assert "hint: Ollama's own port is 11434, not 9; start it with 'ollama serve'" in said
    found = examined(ragkit)
    assert {found[name]["state"] for name in SERVED} == {"skipped"}
    assert {found[name]["text"] for name in SERVED} == {"needs the server"}
    assert (found["memory"]["state"], found["index"]["state"]) == ("ok", "note")


PAGE = b"<!doctype html><title>Shop</title><h1>Welcome</h1>"
STRANGERS: list[tuple[type[BaseHTTPRequestHandler], str]] = [
    (SimpleHTTPRequestHandler, "404"),
    (saying((200, "text/html", PAGE)), "200 Welcome"),
    (saying((502, "text/html", b"<h1>502 Bad Gateway</h1>nginx")), "502 Bad Gateway nginx"),
    (saying((301, "text/html", b"")), "301"),
    (saying((200, "application/json", b'{"status": "up"}')), "none of Ollama's"),
    (saying((200, "application/json", b"[")), "http://127.0.0.1"),
    (saying((404, "application/json", b'{"error": "path not found"}')), "path not found"),
    (saying((500, "application/json", b'{"error": "oops"}')), "oops"),
    (saying((400, "application/json", b'{"error": "bad"}')), "bad"),
]


@pytest.mark.parametrize(("handler", "what"), STRANGERS)
def test_another_server_is_not_ollama(
    handler: type[BaseHTTPRequestHandler], what: str, here: Path, ragkit: Terminal
) -> None:
    with answering(handler) as (url, asked):
        code, said = first_failure(ragkit, "--host", url)
    assert (code, asked) == (3, ["/api/version"])  # once
    first, hint = said.splitlines()
    assert first.startswith("server not Ollama")
    assert what in first
    assert "Ollama's own port is 11434" in hint


def test_another_server_with_a_version_is_not_ollama(here: Path, ragkit: Terminal) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.path == "/api/version"
            body = b'{"version": "2.1.0"}' if is_known else b'{"error": "route not found"}'
            self.send_response(200 if is_known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with answering(Other) as (url, asked):
        code, said = first_failure(ragkit, "--host", url)
    assert (code, asked) == (3, ["/api/version", "/api/tags"])
    assert said.startswith("server not Ollama")


def test_an_ollama_that_cannot_list_its_models_is_one(
    here: Path, ragkit: Terminal, ollama: Server
) -> None:
    ollama.faults.only, ollama.faults.too_many = "/api/tags", 1
    assert ragkit("doctor", "--host", ollama.url, "--no-probe")[0] == 0


def test_a_server_that_speaks_no_http_is_not_ollama(here: Path, ragkit: Terminal) -> None:
    with accepting(first=b"SSH-2.0-OpenSSH_9.6\r\nInvalid identification.\r\n\r\n") as address:
        code, said = first_failure(ragkit, "--host", address)
    assert (code, "server not Ollama: " in said, "does not speak HTTP" in said) == (3, True, True)


def test_a_wrong_path_is_said(here: Path, ragkit: Terminal, ollama: Server) -> None:
    code, said = first_failure(ragkit, "--host", f"{ollama.url}/chat")
    assert (code, "server not Ollama: " in said) == (3, True)
    assert "leave out the path /chat unless a proxy serves Ollama below it" in said


def test_a_proxy_before_ollama_that_fails_is_said(
    here: Path, ragkit: Terminal, ollama: Server
) -> None:
    ollama.faults.bad_gateway = 99
    code, said = first_failure(ragkit, "--host", ollama.url)
    assert (code, "server not Ollama: " in said, "502 nginx" in said) == (3, True, True)
    assert "a proxy seems to stand between: add the host to NO_PROXY" in said
    assert len(ollama.requests) == 1


@pytest.mark.parametrize(
    ("fault", "what"), [("unauthorized", "refuses access"), ("too_many", "is busy")]
)
def test_a_server_that_refuses_is_quoted(
    fault: str, what: str, here: Path, ragkit: Terminal, ollama: Server
) -> None:
    setattr(ollama.faults, fault, 99)
    code, said = first_failure(ragkit, "--host", ollama.url)
    assert (code, what in said.splitlines()[0], len(ollama.requests)) == (3, True, 1)


def test_a_server_that_never_answers_is_given_5_seconds(
    here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor_server.ONCE_S == 5
    monkeypatch.setattr(doctor_server, "ONCE_S", 1.0)
    with accepting() as address:
        code, said = first_failure(ragkit, "--host", address)
    assert code == 3
    assert said.startswith(f"server http://{address} gave no answer within 1 s")
    assert "start Ollama anew" in said


def test_a_name_that_is_looked_up_for_ever_is_given_up(
    here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def waiting(*_: object, **__: object) -> None:
        ended.wait(10)
        raise socket.gaierror

    monkeypatch.setattr(doctor_server, "ONCE_S", 0.6)
    monkeypatch.setattr(socket, "getaddrinfo", waiting)
    code, said = first_failure(ragkit, "--host", "gpu-box")
    ended.set()
    assert (code, "http://gpu-box:11434 gave no answer within 0.6 s" in said) == (3, True)


def test_a_host_name_that_does_not_resolve(
    here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    code, said = first_failure(ragkit, "--host", "no-such-host.invalid")
    assert code == 3
    assert said.startswith("server the host name 'no-such-host.invalid' does not resolve")
    assert "check its spelling" in said
    assert examined(ragkit, "--host", "no-such-host.invalid")["memory"]["state"] == "skipped"


@pytest.mark.parametrize("host", ["ftp://gpu", "http://", "a b", "me:pass@gpu"])
def test_a_malformed_address(
    host: str, here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    code, said = first_failure(ragkit)
    if host == "http://":  # means this machine, at the port of http
        assert (code, "http:// means port 80: add :11434" in said) == (3, True)
        return
    assert code == 2
    assert said.startswith("server ")
    assert "hint: give one such as http://127.0.0.1:11434" in said
    assert "pass" not in said.replace("password", "")


def test_an_address_to_listen_at_is_said(here: Path, ragkit: Terminal, ollama: Server) -> None:
    host = ollama.url.replace("127.0.0.1", "0.0.0.0")
    text = examined(ragkit, "--host", host)["server"]["text"]
    assert (
        text
        == f"Ollama answers at {ollama.url} ({host} is an address to listen at, and none to ask)"
    )


def hints(cause: OSError, host: str, machine: Machine | None = None) -> tuple[str, str]:
    """Return what is said of a server that cannot be reached, and the hint."""
    error = OllamaUnreachableError("no safe connection", hint="SSL_CERT_FILE")
    error.__cause__ = cause
    check = unreached(error, parse_address(host), host=host, machine=machine or Machine())
    return check.text, check.hint


REFUSED = ConnectionRefusedError()


@pytest.mark.parametrize(
    ("host", "machine", "hint"),
    [
        ("", Machine(), "start it with 'ollama serve', or set OLLAMA_HOST to where it runs"),
        ("http://gpu", Machine(), "http://gpu means port 80: add :11434; start it there with"),
        ("gpu:8080", Machine(), "Ollama's own port is 11434, not 8080; start it there with"),
        ("localhost", Machine(), "by default it listens at 127.0.0.1 only, not at ::1"),
        ("[::1]", Machine(), "by default it listens at 127.0.0.1 only, not at ::1"),
        ("", Machine(in_container=True), "its host is OLLAMA_HOST=host.docker.internal"),
        ("", Machine(in_wsl=True), "networkingMode=mirrored"),
    ],
)
def test_the_hint_fits_the_address_and_the_place(host: str, machine: Machine, hint: str) -> None:
    text, found = hints(REFUSED, host, machine)
    assert text.startswith("nothing listens at http://")
    assert hint in found


def test_the_cause_is_told_apart() -> None:
    assert hints(TimeoutError(), "gpu")[0] == "no connection to http://gpu:11434"
    assert "(which 0.0.0.0 means to who asks)" in hints(REFUSED, "0.0.0.0")[0]
    assert hints(OSError(), "https://gpu") == ("no safe connection", "SSL_CERT_FILE")
    text, hint = hints(socket.gaierror(), "host.docker.internal")
    assert text == "the host name 'host.docker.internal' does not resolve"
    assert hint == "start the container with --add-host=host.docker.internal:host-gateway"


def test_a_proxy_that_does_not_answer_is_blamed_itself(
    here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{CLOSED}")
    monkeypatch.setenv("NO_PROXY", "")
    code, said = first_failure(ragkit, "--host", "gpu.example.com")
    assert code == 3
    assert said.startswith(
        "server no connection to http://gpu.example.com:11434 by way of the proxy in HTTP_PROXY"
    )
    assert "add the host to NO_PROXY" in said


# -- releases and models


def test_what_an_old_release_gets_wrong_is_the_first_thing_said(
    here: Path, ragkit: Terminal
) -> None:
    for release, wrong in (
        ("0.2.6", "Ollama 0.2.6 mixes up the vectors of a batch: one text is sent at a time"),
        ("0.2.5", "Ollama 0.2.5 has no /api/embed: one text is sent at a time"),
        ("0.24.0", "reads letters with accents wrongly with this model"),
    ):
        with serve(release) as server:
            code, out, _ = ragkit("doctor", "--host", server.url)
        (first, *_) = (line for line in out.splitlines() if not line.startswith("ok"))
        assert (code, first.split()[:2], wrong in first) == (0, ["note", "release"], True)
        assert "update Ollama" in out


def test_no_models_at_all(here: Path, ragkit: Terminal) -> None:
    with serve(models=()) as server:
        code, said = first_failure(ragkit, "--host", server.url)
        found = examined(ragkit, "--host", server.url)
    assert (code, said.startswith("embed_model an embedding model is needed and none")) == (4, True)
    assert said.endswith("hint: ollama pull nomic-embed-text")
    assert (found["model"]["state"], found["model"]["hint"]) == ("fail", "ollama pull llama3.2")
    for name, needs in (("embedding", "needs the embed_model"), ("answer", "needs the model")):
        assert (found[name]["state"], found[name]["text"]) == ("skipped", needs)


def test_a_model_that_was_named_is_missing_or_unfit(
    here: Path, ragkit: Terminal, ollama: Server
) -> None:
    code, said = first_failure(ragkit, "--host", ollama.url, "--model", "mistral")
    assert (code, said.startswith("model the model 'mistral' is not installed")) == (4, True)
    assert "hint: ollama pull mistral" in said
    code, said = first_failure(ragkit, "--host", ollama.url, "--embed-model", "llama3.2")
    assert (code, "llama3.2 is a model that chats; an embedding model is needed" in said) == (
        4,
        True,
    )


def test_a_model_that_was_not_expected_is_a_note(
    here: Path, ragkit: Terminal, ollama: Server
) -> None:
    ollama.remove("nomic-embed-text")
    check = examined(ragkit, "--host", ollama.url)["embed_model"]
    assert check["state"] == "note"
    assert "taken because nomic-embed-text is not installed" in check["text"]
    assert check["hint"] == "ollama pull nomic-embed-text; or name another with --embed-model"


@pytest.mark.no_cover
@pytest.mark.parametrize("release", ["0.5.13", "0.24.0", "0.33.0-rc2"])
@pytest.mark.parametrize("fault", ["nan", "null", "zeros", "nan_literal"])
def test_the_only_embedder_is_broken(
    release: str, fault: str, here: Path, ragkit: Terminal
) -> None:
    with serve(release, models=[Model("all-minilm"), CHATS]) as server:
        setattr(server.faults, fault, "a")
        code, said = first_failure(ragkit, "--host", server.url)
        found = examined(ragkit, "--host", server.url)
    assert (code, said.startswith("embedding ")) == (3, True)
    assert "all-minilm" in said
    assert "num_gpu" in said
    assert found["answer"]["state"] == "ok"  # all else is looked at


CHATS = Model("llama3.2", ("completion",), context_length=131_072)


def test_a_text_without_a_vector_is_told(here: Path, ragkit: Terminal, ollama: Server) -> None:
    ollama.faults.zeros = "five minutes"  # not in the text that the model is tried with first
    code, said = first_failure(ragkit, "--host", ollama.url)
    assert (code, "has no vector for a plain text" in said) == (3, True)


@pytest.mark.parametrize(
    ("fault", "value", "name"),
    [
        ("lost", 1, "embedding"),
        ("wrong_dim", "five", "embedding"),
        ("empty_error", 99, "embedding"),
        ("error_after", 2, "answer"),
        ("drop_after", 2, "answer"),
        ("end_after", 2, "answer"),
    ],
)
def test_whatever_goes_wrong_in_a_probe_is_told(
    fault: str, value: object, name: str, here: Path, ragkit: Terminal, ollama: Server
) -> None:
    ollama.reply = "One, two, three, four, five."
    setattr(ollama.faults, fault, value)
    code, said = first_failure(ragkit, "--host", ollama.url)
    assert (code, said.partition(" ")[0], "hint: " in said) == (3, name, True)


def test_a_connection_that_is_closed_at_once_may_want_tls(
    here: Path, ragkit: Terminal, ollama: Server
) -> None:
    ollama.faults.drop = 99
    code, said = first_failure(ragkit, "--host", ollama.url)
    assert (code, "if it wants TLS, give https://" in said, len(ollama.requests)) == (3, True, 1)


def test_a_model_that_does_not_load(here: Path, ragkit: Terminal, ollama: Server) -> None:
    ollama.faults.no_memory = True
    code, said = first_failure(ragkit, "--host", ollama.url)
    assert (code, "embedding the model 'nomic-embed-text' cannot be loaded" in said) == (4, True)
    assert "use a smaller model" in said
    assert examined(ragkit, "--host", ollama.url)["answer"]["state"] == "fail"


def test_a_model_that_says_nothing_fails(here: Path, ragkit: Terminal, ollama: Server) -> None:
    ollama.reply = ""
    check = examined(ragkit, "--host", ollama.url)["answer"]
    assert (check["state"], check["text"]) == ("fail", "the model gave no answer")
    ollama.reply = "Word"
    assert "tokens a second" not in examined(ragkit, "--host", ollama.url)["answer"]["text"]


def test_a_long_answer_is_ended(here: Path, ragkit: Terminal, ollama: Server) -> None:
    ollama.reply, ollama.token_s = "word " * 5000, 0.001
    assert examined(ragkit, "--host", ollama.url)["answer"]["state"] == "ok"
    assert ollama.wait_for_cancelled()


def test_what_is_loaded_cannot_be_told(here: Path, ragkit: Terminal, ollama: Server) -> None:
    ollama.faults.only, ollama.faults.missing = "/api/ps", 99
    code, said = first_failure(ragkit, "--host", ollama.url, "--no-probe")
    assert (code, said.startswith("loaded ")) == (3, True)


# -- what would make it faster


def advice(ragkit: Terminal, *options: str) -> str:
    return str(examined(ragkit, *options).get("advice", {"text": ""})["text"])


def test_advice_is_given_only_where_it_applies(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    assert advice(ragkit) == ""
    ollama.gpu_share = 1.0
    assert advice(ragkit) == ""
    loaded = examined(ragkit)["loaded"]["text"]
    assert loaded.startswith("llama3.2 on the GPU (context 4096), ")
    assert "keep_alive is 0" in advice(ragkit, "--keep-alive", "0s")
    assert "one text goes in a request" in advice(ragkit, "--endpoint", "embeddings")
    monkeypatch.setenv("RAGKIT_OPTIONS", "num_ctx=32768")
    assert "context of 32768 tokens, and 3694 would do" in advice(ragkit)
    monkeypatch.delenv("RAGKIT_OPTIONS")
    ollama.gpu_share = 0.6
    assert "60% on the GPU and the rest on the CPU" in examined(ragkit)["loaded"]["text"]
    assert "does not fit on the GPU" in advice(ragkit)
    ollama.gpu_share = 0.0
    ollama.remove("llama3.2")
    ollama.add(replace(CHATS, parameters=1_300_000_000))
    assert advice(ragkit) == "llama3.2 has weights of F16, 2.6 GB"


def test_memory_is_held_against_the_models() -> None:
    def of(machine: Machine, *, is_here: bool = True) -> tuple[str, str]:
        check = check_memory(machine, model_bytes=9_000_000_000, is_here=is_here)
        return check.state, check.text

    roomy = Machine(memory_bytes=16_000_000_000, free_bytes=12_000_000_000)
    assert of(roomy) == ("ok", "16.0 GB, 12.0 GB of it free")
    small = replace(roomy, memory_bytes=8_000_000_000, free_bytes=None)
    assert of(small) == ("note", "8.0 GB; the models alone take 9.0 GB")
    assert of(Machine()) == ("note", "this system does not say how much it has")
    assert of(small, is_here=False) == ("skipped", "the server is on another machine")


# -- this machine


def test_the_machine_is_known_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:  2000 kB\nMemAvailable:  1000 kB\n")
    assert this_machine(tmp_path) == Machine(memory_bytes=2_048_000, free_bytes=1_024_000)
    (tmp_path / ".dockerenv").touch()
    assert this_machine(tmp_path).in_container
    monkeypatch.setattr(platform, "release", lambda: "5.15.90-Microsoft-standard-WSL2")
    assert this_machine(tmp_path).in_wsl
    (tmp_path / "proc/meminfo").write_text("MemTotal:  2000 kB\nMemFree:  1000 kB\n")
    elsewhere = this_machine(tmp_path)
    assert elsewhere.memory_bytes
    assert elsewhere.free_bytes is None
    (tmp_path / "proc/meminfo").unlink()
    assert this_machine(tmp_path) == elsewhere
    monkeypatch.delattr(os, "sysconf")
    assert this_machine(tmp_path).memory_bytes is None


def test_a_package_that_is_broken_is_named(
    here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    code, said = first_failure(ragkit)
    assert (code, said.startswith("packages pypdf cannot be imported: ")) == (2, True)
    assert "pip install" in said
    assert "pip install ragkit" not in said
    assert examined(ragkit)["index"]["text"] == "needs the packages"


def test_a_package_without_which_nothing_starts_is_named(
    here: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("ragkit.doctor", "ragkit.doctor.server"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "ragkit.doctor", None)
    code, out, err = ragkit("doctor")
    assert (code, out, "a package that ragkit needs cannot be imported" in err) == (2, "", True)


def test_an_extra_is_a_note_unless_it_is_needed(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    check = examined(ragkit, "--host", ollama.url)["extras"]
    assert (check["state"], check["missing"]) == ("note", ["offline"])
    assert check["hint"] == "pip install '.[offline]' in the folder of ragkit's source"
    code, said = first_failure(ragkit, "--offline")
    assert (code, said.startswith("extras not installed: offline")) == (2, True)


# -- offline


def test_offline_the_server_is_not_asked(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    found = examined(ragkit, "--offline")
    assert {found[name]["state"] for name in ("server", *SERVED)} == {"skipped"}
    assert ragkit("doctor", "--offline")[0] == 0
    assert not ollama.requests


def test_an_index_of_the_built_in_embedder_needs_no_server(here: Path, ragkit: Terminal) -> None:
    ragkit("ingest", "docs", "--offline")
    code, out, _ = ragkit("doctor")
    assert (code, "note     server       nothing listens" in out) == (0, True)
    assert first_failure(ragkit, "--model", "llama3.2")[0] == 3


# -- the index


@pytest.fixture
def kept(here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an index made by the server, which answers."""
    at(ollama, monkeypatch)
    ragkit("ingest", "docs")
    return here


def test_a_damaged_index(kept: Path, ragkit: Terminal) -> None:
    damage(kept / ".ragkit", "UPDATE contents SET text=x'00'")
    code, said = first_failure(ragkit)
    assert (code, said.startswith("index damaged: ")) == (5, True)
    assert ", and " in said
    assert "ragkit check --repair" in said
    (kept / ".ragkit/catalog.sqlite").write_bytes(b"no database" * 1000)
    code, said = first_failure(ragkit)
    assert (code, said.startswith("index ")) == (5, True)


def test_an_index_whose_embedder_gives_other_vectors(
    kept: Path, ragkit: Terminal, ollama: Server
) -> None:
    ollama.add(replace(ollama.models["nomic-embed-text"], weights="others"))
    code, said = first_failure(ragkit)
    assert (code, "index ollama:nomic-embed-text gives other vectors" in said) == (5, True)
    assert "ragkit ingest --reindex" in said
    assert ragkit("doctor", "--no-probe")[0] == 0


def test_an_index_of_another_embedder_than_the_one_named(kept: Path, ragkit: Terminal) -> None:
    code, said = first_failure(ragkit, "--embed-model", "all-minilm")
    assert (code, "was made with the embedder ollama:nomic-embed-text" in said) == (5, True)


def test_the_model_of_the_index_is_the_one_that_is_needed(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ragkit("ingest", "docs", "--embed-model", "bge-m3")
    assert examined(ragkit)["embedding"]["dim"] == 1024
    ollama.remove("bge-m3")
    code, said = first_failure(ragkit)
    assert (code, said.splitlines()[1].startswith("hint: ollama pull bge-m3")) == (4, True)


def test_what_an_index_lacks_is_a_note(
    here: Path, ragkit: Terminal, ollama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(ollama, monkeypatch)
    ollama.faults.zeros = "bridge"
    ragkit("ingest", "docs")
    ollama.faults.zeros = ""
    damage(here / ".ragkit", "DELETE FROM caches")
    check = examined(ragkit)["index"]
    assert check["state"] == "note"
    assert check["text"].endswith(
        "the dense cache is behind, the lexical cache is behind,"
        " 1 passages have no vector, 1 files could not be read"
    )


def test_a_server_that_goes_while_it_is_examined(
    kept: Path, ragkit: Terminal, ollama: Server
) -> None:
    with Rag() as rag:
        checks: list[Check] = []
        for check in rag.doctor():
            checks.append(check)
            if check.name == "memory":
                ollama.faults.bad_gateway = 99
    assert (checks[-1].state, checks[-1].name) == ("skipped", "index")
    assert "its vectors could not be compared" in checks[-1].text


def test_a_doctor_that_is_left_early_closes_the_index(kept: Path) -> None:
    with Rag() as rag:
        checks = rag.doctor(probe=False)
        assert next(iter(checks)).name == "python"
        close: Callable[[], None] = checks.close  # type: ignore[attr-defined] # a generator
        close()
