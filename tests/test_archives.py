"""Members of archives are documents of their own, and an archive costs what has changed in it."""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.errors import NoSuchPathError
from ragkit.types import Document
from tests.archives import put, tarred, zipped
from tests.embedders import HashingEmbedder
from tests.test_cli import Terminal, here, ragkit
from tests.test_ingest import counts, embedder, rag

__all__ = ["embedder", "here", "rag", "ragkit"]  # fixtures

BRIDGE = "# Bridges\n\nThe bridge over the river was opened by the mayor."
MODEL = "# Models\n\nA model stays loaded for five minutes."
TWO = {"a/bridge.md": BRIDGE, "model.md": MODEL}


def paths(rag: Rag) -> list[str]:
    return [listed.path for listed in rag.ls()]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped(TWO)),
        ("a.tar", tarred(TWO)),
        ("a.tar.gz", tarred(TWO, "gz")),
        ("a.tgz", tarred(TWO, "gz")),
        ("a.tar.bz2", tarred(TWO, "bz2")),
        ("a.tar.xz", tarred(TWO, "xz")),
        ("archive", tarred(TWO, "gz")),
        ("archive.txt", zipped(TWO)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_members_are_documents(tmp_path: Path, rag: Rag, name: str, data: bytes) -> None:
    put(tmp_path / name, data)
    assert counts(rag.ingest(tmp_path / name)) == (3, 0, 0, 0, 2)
    assert [(one.path, one.title, one.type, one.chunks, one.state) for one in rag.ls()] == [
        (name, "", "archive", 0, "indexed"),
        (f"{name}!/a/bridge.md", "Bridges", "markdown", 1, "indexed"),
        (f"{name}!/model.md", "Models", "markdown", 1, "indexed"),
    ]
    hit = rag.search("bridge river mayor")[0]
    assert (hit.path, hit.title, hit.chunk.lines) == (f"{name}!/a/bridge.md", "Bridges", (1, 3))
    assert rag.text(f"{name}!/model.md") == MODEL


def test_a_single_compressed_file_is_one(tmp_path: Path, rag: Rag) -> None:
    put(tmp_path / "notes.md.gz", gzip.compress(BRIDGE.encode()))
    rag.ingest(tmp_path)
    assert paths(rag) == ["notes.md.gz", "notes.md.gz!/notes.md"]
    assert rag.ls()[1].type == "markdown"


def test_archives_in_archives(tmp_path: Path, rag: Rag) -> None:
    inner = zipped({"c.md": BRIDGE, "deep.tar.gz": tarred({"d.md": MODEL}, "gz")})
    put(tmp_path / "a.zip", zipped({"b.zip": inner}))
    assert not rag.ingest(tmp_path).failed
    assert paths(rag) == [
        "a.zip", "a.zip!/b.zip", "a.zip!/b.zip!/c.md", "a.zip!/b.zip!/deep.tar.gz",
        "a.zip!/b.zip!/deep.tar.gz!/d.md",
    ]  # fmt: skip
    put(tmp_path / "a.zip", zipped({"b.zip": zipped({"c.md": BRIDGE})}), later_s=9)
    assert counts(rag.ingest(tmp_path)) == (0, 2, 1, 2, 0)
    assert paths(rag) == ["a.zip", "a.zip!/b.zip", "a.zip!/b.zip!/c.md"]


def test_no_two_members_have_one_path(tmp_path: Path, rag: Rag) -> None:
    put(tmp_path / "a.zip", zipped({"b.zip": zipped({"c.md": BRIDGE}), "b.zip!/c.md": MODEL}))
    report = rag.ingest(tmp_path)
    assert [(one.path, one.reason) for one in report.skipped if "!" in one.path] == [
        ("a.zip!/b.zip!/c.md", "another member has this path")
    ]
    assert rag.text("a.zip!/b.zip!/c.md") == BRIDGE


def test_what_is_packed_in_an_archive_but_is_none(tmp_path: Path, rag: Rag) -> None:
    office = zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": "<w/>"})
    put(tmp_path / "letter.zip", office)
    put(tmp_path / "program", zipped({"META-INF/MANIFEST.MF": "x", "readme.md": MODEL}))
    put(tmp_path / "tool.whl", zipped({"readme.md": MODEL}))
    put(tmp_path / "fits.gz", b"not compressed at all")
    report = rag.ingest(tmp_path)
    assert "fits.gz" in paths(rag)
    assert not [path for path in paths(rag) if "!" in path]
    assert {Path(one.path).name for one in report.skipped} >= {"program", "tool.whl"}


def test_an_archive_costs_what_has_changed_in_it(
    tmp_path: Path, rag: Rag, embedder: HashingEmbedder
) -> None:
    file = put(tmp_path / "docs/a.zip", zipped(TWO))
    rag.ingest(tmp_path / "docs")
    report = rag.ingest(tmp_path / "docs")
    assert counts(report) == (0, 0, 3, 0, 0)
    assert report.read == 0  # one look at the archive
    put(file, zipped({"model.md": MODEL, "c.md": "# New\n\nWords of it."}), later_s=9)
    assert counts(rag.ingest(tmp_path / "docs")) == (1, 1, 1, 1, 1)
    assert paths(rag) == ["docs/a.zip", "docs/a.zip!/c.md", "docs/a.zip!/model.md"]
    put(file, zipped({"renamed.md": MODEL}), later_s=19)
    assert counts(rag.ingest(tmp_path / "docs")) == (1, 1, 0, 2, 0)  # its text is known
    assert counts(rag.ingest(tmp_path / "docs", reread=True)) == (0, 2, 0, 0, 0)
    file.unlink()
    put(tmp_path / "docs/b.md", b"another")
    assert rag.ingest(tmp_path / "docs").removed == 2
    assert paths(rag) == ["docs/b.md"]


def test_an_archive_that_is_no_longer_one(tmp_path: Path, rag: Rag) -> None:
    file = put(tmp_path / "a.zip", zipped(TWO))
    rag.ingest(tmp_path)
    put(file, b"now it is text", later_s=9)
    assert counts(rag.ingest(tmp_path)) == (0, 1, 0, 2, 1)
    assert paths(rag) == ["a.zip"]
    put(file, zipped(TWO), later_s=19)
    rag.ingest(tmp_path)
    put(file, b"\0\1\2" * 50, later_s=29)  # nor is it text
    rag.ingest(tmp_path)
    assert paths(rag) == []


def test_members_leave_with_rm(tmp_path: Path, rag: Rag) -> None:
    file = put(tmp_path / "docs/a.zip", zipped(TWO))
    rag.ingest(tmp_path / "docs")
    assert rag.remove(f"{file}!/model.md") == ["docs/a.zip!/model.md"]
    assert rag.remove(file) == ["docs/a.zip", "docs/a.zip!/a/bridge.md"]
    assert paths(rag) == []
    assert rag.ingest(tmp_path / "docs").new == 3


def test_a_member_that_is_named_means_its_archive(tmp_path: Path, rag: Rag) -> None:
    file = put(tmp_path / "a.zip", zipped(TWO))
    rag.ingest(f"{file}!/model.md")
    assert len(paths(rag)) == 3
    assert rag.ingest(f"{file}!/model.md", reread=True).read == 3  # as errors say to type
    with pytest.raises(NoSuchPathError):
        rag.ingest(tmp_path / "b.zip!/model.md")


def test_a_member_that_fails_costs_itself(tmp_path: Path, rag: Rag) -> None:
    file = put(tmp_path / "a.zip", zipped({**TWO, "x.pdf": b"%PDF-1.4 and nothing else"}))
    report = rag.ingest(tmp_path)
    assert [failure.path for failure in report.failed] == ["a.zip!/x.pdf"]
    assert report.new == 3
    again = rag.ingest(tmp_path)
    assert (again.read, again.not_retried, again.unchanged) == (0, 1, 3)
    retried = rag.ingest(retry_failed=True)
    assert [failure.attempts for failure in retried.failed] == [2]
    assert retried.read == 1  # the archive's own row, no other member
    put(file, zipped({**TWO, "new.md": b"words, after all"}), later_s=9)
    report = rag.ingest(retry_failed=True)  # the archive has changed: all of it is read
    assert report.read == 4
    assert not report.failed
    assert not rag.status().failed


def test_a_failure_that_may_pass_opens_the_archive_again(tmp_path: Path) -> None:
    is_away = [True]

    def of_odd(data: bytes) -> Document:
        if is_away[0]:
            raise OSError(5, "the disk is asleep")
        return Document(data.decode(), "odd")

    put(tmp_path / "a.zip", zipped({**TWO, "b.odd": "an odd text"}))
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), loaders={".odd": of_odd}) as rag:
        assert [failure.path for failure in rag.ingest(tmp_path).failed] == ["a.zip!/b.odd"]
        is_away[0] = False
        report = rag.ingest(tmp_path)
        assert (report.new, report.unchanged, report.failed) == (1, 3, ())
        assert rag.status().failed == ()
    put(tmp_path / "a.zip", zipped({"b.odd": "an odd text", "c.md": MODEL}), later_s=9)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        report = rag.ingest(tmp_path)
        assert [f.path for f in report.failed] == ["a.zip!/b.odd"]
        assert "not at hand" in report.failed[0].reason
        assert rag.text("a.zip!/b.odd") == "an odd text"
    own = {".zip": of_odd, ".odd": of_odd}
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), loaders=own) as rag:
        put(tmp_path / "b.tar", tarred({"c.zip": "no archive to its own loader"}))
        put(tmp_path / "a.zip", b"no archive to its own loader", later_s=19)
        rag.ingest(tmp_path)
        assert paths(rag) == ["a.zip", "b.tar", "b.tar!/c.zip"]


def test_an_archive_that_is_too_large(tmp_path: Path) -> None:
    put(tmp_path / "a.zip", zipped({"a.md": os.urandom(1_100_000).hex()}))
    put(tmp_path / "b.tgz", tarred({"b.md": MODEL * 40_000, "c.md": MODEL}, "gz"))
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), max_file_mb=1) as rag:
        told = {failure.path: failure.reason for failure in rag.ingest(tmp_path).failed}
        assert {path: reason.partition(" is more")[0] for path, reason in told.items()} == {
            "a.zip": "1 MB",
            "b.tgz!/b.md": "2 MB",
        }
        assert [one.path for one in rag.ls() if one.state == "indexed"] == ["b.tgz", "b.tgz!/c.md"]


def test_an_archive_that_breaks_off(tmp_path: Path, rag: Rag) -> None:
    members = {f"{n}.md": f"# Part {n}\n\n" + f"word{n} " * 600 for n in range(6)}
    whole = tarred(members)
    file = put(tmp_path / "a.tar", whole)
    rag.ingest(tmp_path)
    put(file, whole[: len(whole) // 2], later_s=9)
    report = rag.ingest(tmp_path)
    failed = {failure.path: failure.reason for failure in report.failed}
    assert "cut off" in failed["a.tar"]
    lost = [path for path in failed if path != "a.tar"]
    assert 2 <= len(lost) <= 4
    states = {one.path: one.state for one in rag.ls() if one.path != "a.tar"}
    assert {path for path, state in states.items() if state == "stale"} == set(lost)
    assert len(states) == 6  # they stay, and say that they are older
    assert rag.ingest(tmp_path).read == 0
    put(file, whole, later_s=19)
    assert not rag.ingest(tmp_path).failed
    assert {one.state for one in rag.ls()} == {"indexed"}


def test_an_archive_that_cannot_be_opened_keeps_its_members(tmp_path: Path, rag: Rag) -> None:
    whole = zipped(TWO)
    file = put(tmp_path / "a.zip", whole)
    rag.ingest(tmp_path)
    put(file, whole[:-30], later_s=9)
    assert [failure.path for failure in rag.ingest(tmp_path).failed] == ["a.zip"]
    assert {one.state for one in rag.ls()} == {"stale"}
    assert rag.search("bridge")[0].stale
    put(file, zipped({"in.zip": whole}), later_s=19)
    rag.ingest(tmp_path)
    put(file, zipped({"in.zip": whole[:-30]}), later_s=29)
    assert [failure.path for failure in rag.ingest(tmp_path).failed] == ["a.zip!/in.zip"]
    assert {one.path: one.state for one in rag.ls()} == {
        "a.zip": "indexed",
        "a.zip!/in.zip": "stale",
        "a.zip!/in.zip!/a/bridge.md": "stale",
        "a.zip!/in.zip!/model.md": "stale",
    }


def test_a_dry_run_says_what_would_be_done_with_each_member(tmp_path: Path, rag: Rag) -> None:
    file = put(tmp_path / "a.zip", zipped(TWO))
    rag.ingest(tmp_path)
    put(
        file,
        zipped({"model.md": MODEL, "new.md": "new", ".git/x": "x", "p.png": "x", "x.pdf": "%PDF-"}),
        later_s=9,
    )
    plan = rag.plan(tmp_path)
    assert {one.path: one.action for one in plan.files if "!" in one.path} == {
        "a.zip!/.git": "skip",
        "a.zip!/a/bridge.md": "remove",
        "a.zip!/model.md": "unchanged",
        "a.zip!/new.md": "new",
        "a.zip!/p.png": "skip",
        "a.zip!/x.pdf": "fail",
    }
    report = rag.ingest(tmp_path)
    assert {one.path: one.reason for one in report.skipped if "!" in one.path} == {
        "a.zip!/.git": "hidden",
        "a.zip!/p.png": "binary, by its name",
    }
    put(tmp_path / "b.zip", zipped(TWO)[:-60])
    assert [one.action for one in rag.plan(tmp_path).files if one.path == "b.zip"] == ["fail"]


def test_a_folder_that_has_the_paths_of_members(tmp_path: Path, rag: Rag) -> None:
    put(tmp_path / "a.zip", zipped(TWO))
    put(tmp_path / "a.zip!/model.md", b"a file of its own")
    report = rag.ingest(tmp_path)
    assert [failure.path for failure in report.failed] == ["a.zip"]
    assert rag.text("a.zip!/model.md") == "a file of its own"


KILLED = """
import os, signal, sys
from pathlib import Path
from ragkit import Rag
from tests.embedders import HashingEmbedder
from tests.test_cli import Terminal, here, ragkit

__all__ = ["here", "ragkit"]  # fixtures

class Killing(HashingEmbedder):
    def embed_documents(self, texts):
        self.asked = getattr(self, "asked", 0) + 1
        if self.asked > 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_documents(texts)

folder = Path(sys.argv[1])
with Rag(folder / ".ragkit", embedder=Killing()) as rag:
    rag.ingest(folder / "docs")
"""


def test_a_killed_run_goes_on(tmp_path: Path, embedder: HashingEmbedder) -> None:
    members = {f"{n:03}.md": f"# Part {n}\n\nword{n} of it" for n in range(400)}
    put(tmp_path / "docs/a.tar.gz", tarred(members, "gz"))
    code = textwrap.dedent(KILLED)
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert run.returncode == -signal.SIGKILL
    with Rag(tmp_path / ".ragkit", embedder=embedder) as rag:
        before = paths(rag)
        assert before
        assert "docs/a.tar.gz" not in before
        report = rag.ingest(tmp_path / "docs")
        assert report.embedded < 400
        assert len(paths(rag)) == 401
        assert not report.failed


def test_damage_is_read_anew_from_the_archive(tmp_path: Path, embedder: HashingEmbedder) -> None:
    put(tmp_path / "docs/a.zip", zipped(TWO))
    index = tmp_path / ".ragkit"

    def damage(statement: str) -> None:
        with closing(sqlite3.connect(index / "catalog.sqlite")) as db, db:
            db.execute(statement)

    def is_whole(rag: Rag) -> bool:
        return rag.text("docs/a.zip!/model.md") == MODEL and not rag.check()

    with Rag(index, embedder=embedder) as rag:
        rag.ingest(tmp_path / "docs")
    damage("UPDATE sources SET size=7 WHERE path LIKE '%model.md'")
    with Rag(index, embedder=embedder) as rag:
        rag.ingest(tmp_path / "docs")
        assert is_whole(rag)
    damage("UPDATE contents SET text=CAST('other' AS BLOB) WHERE title='Models'")
    with Rag(index, embedder=embedder) as rag:
        assert "read again: docs/a.zip" in rag.repair().mended
        assert is_whole(rag)
    damage("UPDATE sources SET path='nowhere' WHERE path LIKE '%model.md'")
    with Rag(index, embedder=embedder) as rag:
        rag.repair()
        rag.ingest(tmp_path / "docs")
        assert is_whole(rag)
    (tmp_path / "docs/a.zip").unlink()
    damage("UPDATE contents SET text=CAST('other' AS BLOB) WHERE title='Models'")
    with Rag(index, embedder=embedder) as rag:
        assert any("a.zip!/model.md" in line for line in rag.repair().lost)


# -- mails


def mail(*attached: tuple[str, bytes | EmailMessage], subject: str = "Plans") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@a.example", "b@b.example", subject
    message.set_content(f"The text of the mail on {subject.lower()}.")
    for name, data in attached:
        if isinstance(data, bytes):
            message.add_attachment(data, maintype="application", subtype="x", filename=name)
        else:
            message.add_attachment(data)
    return message.as_bytes()


def test_attachments_are_documents_beside_their_mail(tmp_path: Path, rag: Rag) -> None:
    inner = EmailMessage()
    inner["From"], inner["To"], inner["Subject"] = "c@c.example", "a@a.example", "Forwarded"
    inner.set_content("What was forwarded.")
    inner.add_attachment(MODEL.encode(), maintype="text", subtype="x", filename="deep.md")
    data = mail(
        ("bridge.md", BRIDGE.encode()),
        ("bridge.md", b"# Another\n\nof the same name"),
        ("../../out.zip", zipped({"model.md": MODEL})),
        ("", inner),
        ("bridge (6).md", b"# Sixth"),
        ("bridge.md", b"# Last"),
    )
    file = put(tmp_path / "docs/a.eml", data)
    report = rag.ingest(tmp_path / "docs")
    assert not report.failed
    found = {one.path.removeprefix("docs/a.eml"): (one.type, one.title) for one in rag.ls()}
    forwarded = next(path for path in found if path.endswith(".eml"))
    assert found == {
        "": ("eml", "Plans"),
        "!/bridge (2).md": ("markdown", "Another"),
        "!/bridge (6) (6).md": ("markdown", "Last"),
        "!/bridge (6).md": ("markdown", "Sixth"),
        "!/bridge.md": ("markdown", "Bridges"),
        "!/out.zip": ("archive", ""),
        "!/out.zip!/model.md": ("markdown", "Models"),
        forwarded: ("eml", "Forwarded"),
        f"{forwarded}!/deep.md": ("markdown", "Models"),
    }
    assert rag.ingest(tmp_path / "docs").read == 0
    put(file, mail(("bridge.md", BRIDGE.encode()), subject="Changes"), later_s=9)
    assert counts(rag.ingest(tmp_path / "docs")) == (0, 1, 1, 7, 1)
    put(file, mail(subject="Changes"), later_s=19)
    rag.ingest(tmp_path / "docs")
    assert paths(rag) == ["docs/a.eml"]


def test_mails_in_mails_have_an_end(tmp_path: Path, rag: Rag) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@a.example", "b@b.example", "Deep"
    message.set_content("The innermost.")
    message.add_attachment(b"words", maintype="text", subtype="x", filename="last.md")
    for _ in range(5):
        outer = EmailMessage()
        outer["From"], outer["To"], outer["Subject"] = "a@a.example", "b@b.example", "Around it"
        outer.set_content("See below.")
        outer.add_attachment(message)
        message = outer
    put(tmp_path / "a.eml", message.as_bytes())
    report = rag.ingest(tmp_path)
    assert not report.failed
    assert [one.reason for one in report.skipped if "!" in one.path] == [
        "what is attached 4 deep is not read"
    ]
    assert len(paths(rag)) == 4


def test_a_parser_that_fails_costs_its_file(
    tmp_path: Path, rag: Rag, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.zip", zipped(TWO))
    rag.ingest(tmp_path)
    put(tmp_path / "b.md", MODEL.encode())
    put(tmp_path / "a.zip", zipped(TWO), later_s=9)

    def broken(*_: object) -> object:
        raise RecursionError("maximum depth")

    monkeypatch.setattr("zipfile.ZipFile.infolist", broken)
    report = rag.ingest(tmp_path)
    assert [(one.path, one.reason) for one in report.failed] == [
        ("a.zip", "RecursionError: maximum depth")
    ]
    assert report.new == 1
    assert len(paths(rag)) == 4


def test_the_commands_know_members(here: Path, ragkit: Terminal) -> None:
    put(here / "kit/a.zip", zipped({**TWO, "secret.pdf": b"%PDF-1.4"}))
    code, out, err = ragkit("ingest", "kit", "--offline")
    assert code == 6
    assert "3 new" in out
    assert "failed: kit/a.zip!/secret.pdf: " in err
    assert ragkit("show", "kit/a.zip!/a/bridge.md:1")[1].strip() == "# Bridges"
    assert "kit/a.zip!/a/bridge.md:" in ragkit("search", "bridge river mayor")[1]
    assert [row["path"] for row in ragkit.json("status", "--failed")["failed"]] == [
        "kit/a.zip!/secret.pdf"
    ]
    plan = ragkit.json("ingest", "--dry-run")["files"]
    assert {row["path"]: row["action"] for row in plan} == {
        "kit/a.zip": "unchanged",
        "kit/a.zip!/a/bridge.md": "unchanged",
        "kit/a.zip!/model.md": "unchanged",
        "kit/a.zip!/secret.pdf": "fail",
    }
    assert ragkit("rm", "kit/a.zip")[1].split() == [
        "removed", "kit/a.zip", "removed", "kit/a.zip!/a/bridge.md",
        "removed", "kit/a.zip!/model.md", "removed", "kit/a.zip!/secret.pdf",
    ]  # fmt: skip
