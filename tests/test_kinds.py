"""A file's type is told by its content where its name says nothing or the wrong thing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.errors import LoadError
from ragkit.loading import kinds
from ragkit.loading.formats import FORMATS, READERS, SUFFIXES, is_binary, load, told_type
from ragkit.loading.own import BUILT_IN
from tests.embedders import HashingEmbedder

MAIL = b"From: Ann <ann@a.example>\nTo: bob@b.example\nSubject: Tea\nDate: x\n\nTea is ready.\n"
NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
PAGE = b"<!-- saved --><!DOCTYPE html><title>Bridge</title><p>The bridge."


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", ""),
        (b"Words: and more words.\n", ""),
        (PAGE, "html"),
        (b"\xef\xbb\xbf\n<html lang=en>", "html"),
        (b"\xff<html>", ""),  # no mark
        ("<html>模型".encode("utf-16"), "html"),
        (b'<?xml version="1.0"?><!DOCTYPE html><html/>', "html"),
        (b'<?xml version="1.0"?><feed/>', "xml"),
        (b"<script>alert(1)</script>", ""),
        (b"<head first> is a book", ""),
        (b'{"a": [1, 2]}\n', "json"),
        (b"[]", "json"),
        (b'[{"a": 1}] and words', ""),
        (b"{curly} words {curly}", ""),
        (b"[1] Ann, A Book. [2]", ""),
        (b'{"a": broken}', ""),
        (b'{"a":1}\n{"a":2}\n', "jsonl"),
        (b'{"a":1} and\nmore {}', ""),
        (b"[" * 100_000 + b"]" * 100_000, ""),
        (NOTEBOOK, "ipynb"),
        (b'{"a": "' + b"x" * 1_000_000 + b'"}', "json"),
        (b'{"a": 1}\n' * 200_000, "jsonl"),
        (NOTEBOOK[:11] + b" " * 1_000_000 + NOTEBOOK[11:], "ipynb"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello", "vtt"),
        (b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHello", "srt"),
        (MAIL, "eml"),
        (MAIL.replace(b"\n", b"\r\n"), "eml"),
        (b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=a\n\n--a\n", "eml"),
        (b"From ann@a.example Thu Nov 26 10:00:00 2026\n" + MAIL, "mbox"),
        (b"From: Ann\nTo: Bob\n\nA poem.", ""),
        (b"From: here to there\nDate: today\nTo: all\nis no header\n", ""),
    ],
)  # fmt: skip
def test_text_by_its_form(data: bytes, kind: str) -> None:
    assert kinds.by_text(data) == kind


@pytest.mark.parametrize(
    ("line", "suffix"),
    [
        ("#!/bin/sh", "sh"), ("#! /usr/bin/python3.11 -u", "py"), ("#!/usr/bin/env node", "js"),
        ("#!/usr/bin/env -S A=b deno run", "ts"), ("#!/usr/local/bin/Rscript", "r"),
        ("#!/usr/bin/wish", ""), ("# a heading", ""), ("#!", ""),
    ],
)  # fmt: skip
def test_scripts_say_their_interpreter(line: str, suffix: str) -> None:
    assert kinds.interpreter(f"{line}\necho\n".encode()) == suffix


def test_every_interpreter_has_a_type_and_every_suffix_one_row() -> None:
    assert {f".{suffix}" for suffix in kinds.INTERPRETERS.values()} <= SUFFIXES.keys()
    assert len(SUFFIXES) == sum(len(row.suffixes.split()) for row in FORMATS)
    assert len(READERS) == len(FORMATS)


PDF = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n"


@pytest.mark.parametrize(
    ("data", "suffix", "kind"),
    [
        (PDF, ".txt", "pdf"),
        (PDF, ".md", "pdf"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + PDF, "", "pdf"),
        (b"A PDF begins with %PDF-1.7 and so on.\n", ".txt", "text"),
        (b"A PDF begins with %PDF-1.7 and so on.\n", ".pdf", "pdf"),
        (b"{\\rtf1 \\ansi words}", ".md", "rtf" if "rtf" in READERS else "markdown"),
        (PAGE, ".txt", "html"),
        (PAGE, "", "html"),
        (PAGE, ".xls", "html"),
        (PAGE, ".md", "html"),
        (PAGE, ".pdf", "html"),
        (PAGE, ".py", "code/python"),
        (b"<p align=center>A logo</p>\n\n# Title", ".md", "markdown"),
        (b"# Title\n\n- one\n", "", "text"),
        (b"a;b\n1;2\n", ".txt", "text"),
        (b"#!/bin/sh\necho", "", "code/shell"),
        (b"#!/bin/sh\necho", ".md", "markdown"),
        (b"plain", ".unheard-of", "text"),
        (b"", "", "text"),
    ],
)
def test_a_name_is_overruled_by_what_cannot_be_otherwise(
    data: bytes, suffix: str, kind: str
) -> None:
    assert told_type(data, suffix=suffix) == BUILT_IN.type_of(suffix, data or b" ") == kind
    assert is_binary(data, suffix=suffix) == ""


def test_a_name_that_lies_is_told_and_no_name_is_none() -> None:
    note = "read as html, as its content is: its name says markdown"
    assert load(PAGE, suffix=".md").notes == (note,)
    assert load(PAGE, suffix=".MD").notes == (note,)
    assert load(PAGE, suffix=".html").notes == load(PAGE, suffix="").notes == ()
    assert load(PAGE, suffix=".md").type == "html"


def test_what_is_called_pdf_and_is_nothing_fails() -> None:
    with pytest.raises(LoadError, match=r"called \.pdf but is no PDF"):
        load(b"words", suffix=".pdf")


def test_a_copy_with_another_name_is_not_read_as_another_type(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_bytes(PAGE)
    (docs / "b.html").write_bytes(PAGE)
    (docs / "c.py").write_bytes(PAGE)
    for file in docs.iterdir():
        os.utime(file, (1_000_000_000, 1_000_000_000))
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        report = rag.ingest(docs)
        kind = {Path(listed.path).name: listed.type for listed in rag.ls()}
        assert kind == {"a.md": "html", "b.html": "html", "c.py": "code/python"}
        assert [Path(path).name for path, _ in report.notes] == ["a.md"]
        (docs / "b.html").rename(docs / "d.txt")
        again = rag.ingest(docs)
        assert (again.new, again.embedded, again.removed) == (1, 0, 1)
        assert {listed.type for listed in rag.ls() if listed.path.endswith("d.txt")} == {"html"}


def test_many_comments_before_a_title_take_no_time() -> None:
    assert told_type(b"<!---->\n" * 250 + b"# Title", suffix=".md") == "markdown"
    assert told_type(b"<!-- a -->\n<!-- b --><html><p>c", suffix=".md") == "html"


@pytest.mark.parametrize("kind", READERS)
def test_every_row_leads_to_a_loader(kind: str) -> None:
    with suppress(LoadError):  # some say that there is nothing to read
        assert READERS[kind].read(b"").text == ""
