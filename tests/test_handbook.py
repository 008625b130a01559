"""The examples of ``sample_corpus`` are run, against an Ollama that answers as a real one does."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.ollama_server import Server

CORPUS = Path(__file__).parents[1] / "sample_corpus"
PAGES = sorted(CORPUS.glob("*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FENCES = [
    pytest.param(kind, body, id=f"{page.name}-{number}")
    for page in PAGES
    for number, (kind, body) in enumerate(FENCE.findall(page.read_text("utf-8")))
]
UNSERVED = re.compile(r"/v1/|/api/generate|photo\.jpg")  # what no server of tests answers

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")
needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def running(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder of the handbook; return what it said."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **variables}
    return subprocess.run(
        command, cwd=CORPUS, env=environment, check=False,
        capture_output=True, encoding="utf-8", timeout=60,
    )  # fmt: skip


@pytest.fixture
def run(ollama: Server) -> Iterator[Run]:
    """Run an example, by its name, with the server where it looks for one; a proxy stands by."""
    programs = {".py": sys.executable, ".mjs": "node", ".sh": "bash"}
    ollama.add(replace(ollama.models["qwen3"], name="qwen3:8b"))

    def example(name: str, *given: str) -> subprocess.CompletedProcess[str]:
        command = [programs[Path(name).suffix], str(CORPUS / name), *given]
        return running(command, OLLAMA_HOST=ollama.url, HTTP_PROXY="http://127.0.0.1:9")

    yield example
    assert not list(CORPUS.glob("__pycache__"))


def test_every_example_is_run_here() -> None:
    examples = {path.name for path in CORPUS.iterdir() if path.suffix in {".py", ".mjs", ".sh"}}
    source = Path(__file__).read_text("utf-8")
    assert len(examples) >= 7
    assert not [name for name in examples if f'"{name}"' not in source]


def test_the_handbook_has_every_kind_of_file_in_two_languages() -> None:
    names = [path.name for path in CORPUS.iterdir()]
    assert {Path(name).suffix for name in names} == {
        ".md", ".html", ".txt", ".pdf", ".py", ".mjs", ".sh"
    }  # fmt: skip
    assert sum(not name.isascii() for name in names) >= 8
    assert len(names) >= 30


# -- programs


def test_chat_client(run: Run, ollama: Server) -> None:
    ollama.reply = "It scatters blue light."
    done = run("chat_client.py", "llama3.2", "Why is the sky blue?", "--url", ollama.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "It scatters blue light."
    assert re.search(r"\d+ tokens read, \d+ written", done.stderr)


def test_chat_client_tells_of_an_answer_that_breaks_off(run: Run, ollama: Server) -> None:
    ollama.reply, ollama.faults.error_after = "It scatters blue light.", 2
    done = run("chat_client.py", "llama3.2", "Why is the sky blue?", "--url", ollama.url)
    assert done.returncode == 1
    assert "an error was encountered while running the model" in done.stderr


def test_embed_and_search(run: Run, ollama: Server) -> None:
    done = run("embed_and_search.py", "Which cats sleep sixteen hours a day?")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith("Cats sleep up to sixteen hours a day.")
    documents, query = (body["input"] for body in ollama.requests_to("/api/embed"))
    assert all(text.startswith("search_document: ") for text in documents)
    assert [text.partition(": ")[0] for text in query] == ["search_query"]


def test_embed_and_search_refuses_a_vector_of_zeros(run: Run, ollama: Server) -> None:
    ollama.faults.zeros = "Loire"
    done = run("embed_and_search.py")
    assert done.returncode
    assert "no usable vector for the texts [1]" in done.stderr


def test_tool_loop_calls_and_gives_up_in_the_end(run: Run, ollama: Server) -> None:
    call = ("temperature_in", {"city": "Oslo"})
    ollama.add(replace(ollama.models["qwen3"], tool_call=call))
    done = run("tool_loop.py", "How warm is it in Oslo?")
    assert "no answer after 5 rounds of calls" in done.stderr
    messages = ollama.requests_to("/api/chat")[1]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[2]["content"] == "7"
    assert messages[2]["tool_call_id"] == messages[1]["tool_calls"][0]["id"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("format_disk", {}), "error: there is no function format_disk"),
        (("temperature_in", {"town": "Oslo"}), "error: temperature_in() got an unexpected"),
        (("temperature_in", {"city": "Atlantis"}), "error: no temperature is known for Atlantis"),
    ],
)
def test_tool_loop_reports_a_wrong_call(
    run: Run, ollama: Server, call: tuple[str, dict[str, str]], said: str
) -> None:
    ollama.add(replace(ollama.models["qwen3"], tool_call=call))
    run("tool_loop.py")
    assert ollama.requests_to("/api/chat")[1]["messages"][2]["content"].startswith(said)


def test_tool_loop_answers(run: Run, ollama: Server) -> None:
    ollama.reply = "It is 7 degrees in Oslo."
    assert run("tool_loop.py").stdout == "It is 7 degrees in Oslo.\n"


def test_pull_model(run: Run, ollama: Server) -> None:
    ollama.remove("all-minilm")
    done = run("pull_model.py", "all-minilm")
    assert done.returncode == 0, done.stderr
    *_, success, facts = done.stdout.splitlines()
    assert success.startswith("success")
    assert facts == "all-minilm: embedding; context 512"
    assert "all-minilm" in ollama.models


def test_pull_model_tells_what_failed(run: Run, ollama: Server) -> None:
    assert "file does not exist" in run("pull_model.py", "no-such-model").stderr
    ollama.faults.pull_cut = True
    assert "the next one goes on from there" in run("pull_model.py", "bge-m3").stderr


@needs_node
@pytest.mark.parametrize("chunk_bytes", [0, 1, 7])
def test_chat_stream(run: Run, ollama: Server, chunk_bytes: int) -> None:
    ollama.reply, ollama.faults.chunk_bytes = "Température 温度 🌡 \x85 \u2028 done.", chunk_bytes
    done = run("chat_stream.mjs", "llama3.2", "How warm is it?")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Température 温度 🌡 \x85 \u2028 done."
    assert re.search(r"\d+ tokens read, \d+ written", done.stderr)


@needs_node
def test_chat_stream_takes_a_last_line_without_its_end(run: Run, ollama: Server) -> None:
    ollama.reply, ollama.faults.no_last_newline = "Seven.", True
    assert run("chat_stream.mjs").stdout == "Seven."


@needs_node
def test_chat_stream_tells_what_failed(run: Run, ollama: Server) -> None:
    assert "model 'mistral' not found" in run("chat_stream.mjs", "mistral").stderr
    ollama.reply, ollama.faults.end_after = "It scatters blue light.", 2
    assert "the answer is incomplete" in run("chat_stream.mjs").stderr
    ollama.faults.end_after, ollama.faults.error_after = None, 2
    done = run("chat_stream.mjs")
    assert "an error was encountered while running the model" in done.stderr
    assert done.returncode == 1


@needs_node
def test_embed_in_javascript(run: Run) -> None:
    done = run("embed.mjs", "Do cats sleep a lot?", "Rust is a language.", "Cats sleep a lot.")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.endswith("Cats sleep a lot.")
    assert float(first.split()[0]) > float(second.split()[0])


@needs_bash
def test_api_tour_is_a_script() -> None:
    assert running(["bash", "-n", str(CORPUS / "api_tour.sh")]).returncode == 0


@needs_bash
@needs_curl
def test_api_tour(run: Run, ollama: Server) -> None:
    before = [model.name for model in ollama.models]
    done = run("api_tour.sh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"done_reason":"unload"' in done.stdout
    assert [model.name for model in ollama.models] == before
    for path in "version tags show chat embed ps create copy delete".split():
        assert any(request.path == f"/api/{path}" for request in ollama.requests), path


@needs_bash
@needs_curl
def test_api_tour_stops_at_an_error(run: Run, ollama: Server) -> None:
    ollama.remove("nomic-embed-text")
    done = run("api_tour.sh")
    assert done.returncode
    assert "try pulling it first" in done.stdout


# -- what stands in pages


def test_the_reference_is_what_its_script_makes() -> None:
    pytest.importorskip("fpdf", reason="makes PDFs")
    from tests.api_reference import TARGET, build

    kept, made = PdfReader(TARGET), PdfReader(io.BytesIO(build()))
    assert [page.extract_text() for page in kept.pages] == [
        page.extract_text() for page in made.pages
    ]


def test_pages_have_examples_of_each_kind() -> None:
    kinds = {kind for page in PAGES for kind, _ in FENCE.findall(page.read_text("utf-8"))}
    assert kinds == {"json", "python", "shell", "text"}


@pytest.mark.parametrize(("kind", "body"), FENCES)
def test_an_example_in_a_page(
    kind: str, body: str, ollama: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    if kind == "json":
        assert json_values(body)
    elif kind == "python":
        exec(compile(ast.parse(body), "page", "exec"), {})
    elif kind == "shell" and shutil.which("bash"):
        assert running(["bash", "-n", "-c", body]).returncode == 0
        if "curl " in body and shutil.which("curl") and not UNSERVED.search(body):
            ollama.add(replace(ollama.models["qwen3"], name="qwen3:8b"))
            here = body.replace("http://127.0.0.1:11434", ollama.url)
            done = running(["bash", "-e", "-c", here.replace("curl ", "curl -sSf --noproxy '*' ")])
            assert done.returncode == 0, done.stderr
            assert ollama.requests


def json_values(text: str) -> list[object]:
    """Return what a block holds: one value, or one a line as streams have them."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


def test_a_stream_is_read_as_the_chinese_page_does() -> None:
    page = (CORPUS / "对话与流式输出.md").read_text("utf-8")
    names: dict[str, Callable[[list[bytes]], Iterator[object]]] = {}
    exec(next(body for kind, body in FENCE.findall(page) if kind == "python"), names)
    data = '{"a":"天\x85空"}\n{"b":1}'.encode()
    chunks = [data[i : i + 1] for i in range(len(data))]
    assert list(names["records"](chunks)) == [{"a": "天\x85空"}, {"b": 1}]


def test_structured_output_is_parsed_as_the_page_does() -> None:
    page = (CORPUS / "structured-output.md").read_text("utf-8")
    names: dict[str, Callable[[dict[str, object]], object]] = {}
    exec(next(body for kind, body in FENCE.findall(page) if kind == "python"), names)
    reply: dict[str, object] = {"message": {"content": '{"n": 1}'}, "done_reason": "stop"}
    assert names["parsed"](reply) == {"n": 1}
    with pytest.raises(ValueError, match="cut off"):
        names["parsed"](reply | {"done_reason": "length"})
