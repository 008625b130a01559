"""Loaders and prompts of one's own: what they read, and that nothing is taken for another's."""

from __future__ import annotations

import email
import os
from collections.abc import Iterator, Mapping, Sequence
from email import policy
from pathlib import Path

import pytest

from ragkit import Document, Rag
from ragkit.errors import LoadError
from ragkit.loading.own import Loaders
from ragkit.prompting import RULES, build_prompt
from ragkit.protocols import Loader, PromptBuilder
from ragkit.types import Hit, Prompt
from tests.embedders import HashingEmbedder
from tests.ollama_server import Server
from tests.test_ingest import write

MAIL = b"Subject: The bridge\nFrom: a@b.example\n\nIt was opened by the mayor.\n"


def read_mail(data: bytes) -> Document:
    """Read an e-mail: its subject is the title, its text what was written."""
    message = email.message_from_bytes(data, policy=policy.default)
    body = message.get_body(("plain",))
    return Document(body.get_content() if body else "", "mail", title=str(message["Subject"]))


def read_shouting(data: bytes) -> Document:
    return Document(data.decode().upper(), "text")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path / "docs", tea="Boil water for tea.")
    (tmp_path / "docs/one.eml").write_bytes(MAIL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def age(folder: Path) -> None:
    """Let the files have been written a while ago: a fresh one is looked at twice."""
    for file in (folder / "docs").iterdir():
        os.utime(file, (1_000_000_000, 1_000_000_000))


def opened(loaders: Mapping[str, Loader] | None = None) -> Rag:
    return Rag(".ragkit", embedder=HashingEmbedder(), loaders=loaders)


def types(rag: Rag) -> dict[str, str]:
    return {listed.path: listed.type for listed in rag.ls()}


MINE: Mapping[str, Loader] = {".eml": read_mail}


def test_files_are_read_by_the_loader_of_their_suffix(folder: Path) -> None:
    (folder / "docs/TWO.EML").write_bytes(MAIL.replace(b"mayor", b"queen"))
    age(folder)
    with opened(MINE) as rag:
        assert rag.plan("docs").passages == 3
        report = rag.ingest("docs")
        assert (report.new, report.read, report.failed) == (3, 3, ())
        assert types(rag) == {
            "docs/TWO.EML": "own:read_mail", "docs/one.eml": "own:read_mail",
            "docs/tea.md": "markdown",
        }  # fmt: skip
        assert rag.text("docs/one.eml") == "It was opened by the mayor.\n"
        (hit,) = rag.search("mayor", k=1)
        assert (hit.path, hit.title) == ("docs/one.eml", "The bridge")
        assert rag.ingest("docs").unchanged == 3
        assert not rag.check()


def test_a_binary_type_can_be_read(folder: Path) -> None:
    (folder / "docs/a.docx").write_bytes(b"PK\x03\x04\0\0mayor")
    with opened({".docx": lambda data: Document(data[6:].decode(), "word")}) as rag:
        assert rag.plan("docs/a.docx").passages == 1
        assert rag.ingest("docs/a.docx").new == 1
        assert rag.text("docs/a.docx") == "mayor"


def test_another_loader_reads_unchanged_files_again(folder: Path) -> None:
    age(folder)
    with opened() as rag:
        rag.ingest("docs")
        assert types(rag)["docs/one.eml"] == "eml"
    with opened(MINE) as rag:
        assert [p.action for p in rag.plan("docs").files] == ["changed", "unchanged"]
        report = rag.ingest("docs")
        assert (report.read, report.unchanged) == (1, 2)
        assert rag.text("docs/one.eml") == "It was opened by the mayor.\n"
    with opened({".eml": read_shouting}) as rag:
        rag.ingest("docs")
        assert "MAYOR" in rag.text("docs/one.eml")


def test_a_fingerprint_tells_one_version_from_the_next(folder: Path) -> None:
    class Mail:
        def __init__(self, version: int) -> None:
            self.fingerprint = f"mail {version}"
            self.version = version

        def __call__(self, data: bytes, /) -> Document:
            return Document(f"version {self.version}", "mail")

    for version in (1, 2):
        with opened({".eml": Mail(version)}) as rag:
            rag.ingest("docs")
            assert rag.text("docs/one.eml") == f"version {version}"
            assert types(rag)["docs/one.eml"] == f"own:mail {version}"
    assert Loaders({".eml": Mail(3)}).type_of(".eml") == "own:mail 3"


def test_equal_bytes_under_another_suffix_are_not_taken_for_the_same(folder: Path) -> None:
    (folder / "docs/copy.txt").write_bytes(MAIL)
    (folder / "docs/copy.eml").write_bytes(MAIL)
    with opened(MINE) as rag:
        rag.ingest("docs")
        assert rag.text("docs/copy.txt") == MAIL.decode()
        (hit,) = rag.search("mayor", k=1)
        assert "docs/copy.txt" not in (hit.path, *hit.also)


def test_without_its_loader_a_file_keeps_its_text_and_is_told(folder: Path) -> None:
    with opened(MINE) as rag:
        rag.ingest("docs")
    with opened() as rag:
        report = rag.ingest("docs")  # not changed: nothing is lost, nothing to tell
        assert (report.unchanged, report.failed) == (2, ())
        (folder / "docs/one.eml").write_bytes(MAIL + b"And by the queen.\n")
        (folder / "docs/new.eml").write_bytes(MAIL)
        assert {p.path: p.action for p in rag.plan("docs").files} == {
            "docs/new.eml": "fail", "docs/one.eml": "fail", "docs/tea.md": "unchanged",
        }  # fmt: skip
        failed = rag.ingest("docs").failed
        assert {failure.path for failure in failed} == {"docs/new.eml", "docs/one.eml"}
        assert "Rag(index, loaders={'.eml': ...})" in failed[0].reason
        assert rag.text("docs/one.eml") == "It was opened by the mayor.\n"
        rag.remove("docs/one.eml")
        assert rag.ingest("docs").new == 2  # they are mails now
        assert types(rag)["docs/one.eml"] == "eml"


@pytest.mark.parametrize(
    ("returned", "stage", "reason"),
    [
        ("a text", "parse", "the loader of .eml returned str, not a Document"),
        (Document("\ud800", "mail"), "decode", "a text that is not Unicode"),
        (Document("x", "mail", title="\ud800"), "decode", "a text that is not Unicode"),
        (LoadError("it is encrypted", stage="decode", hint="ask"), "decode", "encrypted (ask)"),
        (ZeroDivisionError("oh"), "parse", "ZeroDivisionError: oh"),
    ],
)
def test_a_loader_that_fails_costs_its_file_only(
    folder: Path, returned: object, stage: str, reason: str
) -> None:
    def loader(data: bytes) -> Document:
        if isinstance(returned, Exception):
            raise returned
        return returned  # type: ignore[return-value] # that is what it is about

    with opened({".eml": loader}) as rag:
        assert [p.action for p in rag.plan("docs").files] == ["new", "fail"][::-1]
        report = rag.ingest("docs")
        (failure,) = report.failed
        assert (report.new, failure.path, failure.stage) == (1, "docs/one.eml", stage)
        assert reason in failure.reason


@pytest.mark.parametrize("suffix", ["eml", ".EML", ".tar.gz", ""])
def test_what_is_no_suffix_is_refused(suffix: str) -> None:
    with pytest.raises(ValueError, match="is no suffix in lower case"):
        Rag(loaders={suffix: read_mail})


# -- prompts


def test_rules_of_ones_own(folder: Path, ollama: Server) -> None:
    def prompt(question: str, hits: Sequence[Hit], *, budget_tokens: int) -> Prompt:
        rules = f"{RULES}\n- End with a joke."
        return build_prompt(question, hits, budget_tokens=budget_tokens, rules=rules)

    builder: PromptBuilder = prompt
    ollama.reply = "By the mayor [1]."
    rag = Rag(".ragkit", host=ollama.url, loaders=MINE, prompt=builder)
    with rag:
        rag.ingest("docs")
        answer = rag.ask("Who opened the bridge? mayor")
        assert answer.text == "By the mayor [1]."
        assert answer.citations[0].path == "docs/one.eml"
    system, asked = ollama.requests_to("/api/chat")[-1]["messages"]
    assert system["content"].endswith("- End with a joke.")
    assert "The documents do not say." in system["content"]
    assert asked["content"].endswith("Question: Who opened the bridge? mayor")


def test_a_prompt_with_long_rules_has_a_context_that_holds_them(
    folder: Path, ollama: Server
) -> None:
    def contexts(rules: str) -> Iterator[int]:
        def prompt(question: str, hits: Sequence[Hit], *, budget_tokens: int) -> Prompt:
            return build_prompt(question, hits, budget_tokens=budget_tokens, rules=rules)

        with Rag(".ragkit", host=ollama.url, prompt=prompt) as rag:
            rag.ingest("docs")
            for question in ("Who opened the bridge? mayor", "How is tea made? Boil water"):
                rag.ask(question).text  # noqa: B018 - waits for the whole of it
                yield ollama.requests_to("/api/chat")[-1]["options"]["num_ctx"]

    usual, same = contexts(RULES)
    assert usual == same
    long, again = contexts(f"{RULES}\n" + "Mind the house style. " * 1000)
    assert long == again > usual
