"""Tell a file's type by what it begins with, where its name says nothing or the wrong thing.

Nearly all files are what they are called, and ordinary text: for these it is one look at the first
bytes. What a name says is overruled only by what cannot be otherwise: a PDF is one whatever it is
called, but notes that begin with "From:" are a mail only where nothing says that they are text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from ragkit.loading.decoding import MARKS
from ragkit.loading.ole import OLE, ole_type
from ragkit.loading.packed import ZIP, packed_type

SAMPLE = 2048  # bytes that are looked at
# What begins so is of the type that the function tells by the rest; "" if of none that is known.
CONTAINERS: tuple[tuple[bytes, Callable[[bytes], str]], ...] = (
    *((magic, packed_type) for magic in ZIP),
    (OLE, ole_type),
)
BEFORE_PDF = b"\0\t\r\n\f \xef\xbb\xbf"  # what else stands there may be notes on PDFs
RTF = b"{\\rtf"
PAGE = re.compile(
    rb"\s*(?:<\?xml[^<>]*\?>\s*)?(?:<!--(?:(?!-->).){,1000}+-->\s*+)*+"
    rb"<(?:(?:!doctype\s+html|html|body)[\s>]|head>)",
    re.I | re.S,
)
XML = re.compile(rb"\s*<\?xml\s")
VALUE = re.compile(rb"\s*(?:\{\s*(?:[\"}]|$)|\[\s*(?:[\"{\[\]]|$))")  # where JSON begins
MOST_TRIED = 1_000_000  # bytes of what may be JSON that are parsed to see whether it is
CUES = re.compile(rb"WEBVTT[ \t\r\n]|\s*\d+\r?\n(?:\d+:)?\d\d:\d\d[,.]\d{3} --> ")
HEADER = re.compile(rb"([!-9;-~]{1,76}):[ \t]?.*(?:\r?\n[ \t].*)*(?:\r?\n|\Z)")
MBOX = re.compile(rb"From \S+ .*\d{4}\r?\n(?=[!-9;-~]+:)")
OF_MAIL = frozenset(
    b"to cc date subject message-id received mime-version return-path delivered-to".split()
)
SHEBANG = re.compile(
    rb"#!\s*\S*/(?:env(?:\s+-\S+|\s+\w+=\S*)*\s+)?(?:\S*/)?([a-zA-Z]+)[\d.]*(?:\s|$)"
)
INTERPRETERS = {
    b"python": "py", b"sh": "sh", b"bash": "sh", b"dash": "sh", b"zsh": "sh", b"ksh": "sh",
    b"fish": "fish", b"node": "js", b"deno": "ts", b"bun": "ts", b"perl": "pl", b"ruby": "rb",
    b"lua": "lua", b"php": "php", b"rscript": "r", b"julia": "jl",
}  # fmt: skip


def by_magic(data: bytes) -> str:
    r"""Return the type of a file that is of one whatever it is called, "" if none is told.

    >>> by_magic(b"%PDF-1.7 ..."), by_magic(b"{\\rtf1 ...}"), by_magic(b"plain words")
    ('pdf', 'rtf', '')
    """
    if b"%PDF-" in data[:1024]:
        is_first = data[:1024].lstrip(BEFORE_PDF).startswith(b"%PDF-")
        return "pdf" if is_first or b"%%EOF" in data[-1024:] else ""
    if data.startswith(RTF):
        return "rtf"
    for magic, tell in CONTAINERS:
        if data.startswith(magic):
            return tell(data)
    return ""


def is_page(data: bytes) -> bool:
    """Say whether text begins as a whole HTML page does.

    >>> is_page(b"<!DOCTYPE html><p>Hello"), is_page(b"<p>Hello")
    (True, False)
    """
    beginning = _beginning(data)
    return beginning[:64].lstrip()[:1] == b"<" and bool(PAGE.match(beginning))


def by_text(data: bytes) -> str:
    """Return the type of text by its form, "" if it is of none that shows.

    >>> by_text(b'{"cells": [], "nbformat": 4}'), by_text(b"{not json}")
    ('ipynb', '')
    """
    beginning = _beginning(data)
    first = beginning[:64].lstrip()[:1]
    if first == b"<":
        is_xml = XML.match(beginning)
        return "html" if PAGE.match(beginning) else "xml" if is_xml else ""
    if first in (b"{", b"["):
        return _json(data) if VALUE.match(beginning) else ""
    if CUES.match(beginning):
        return "vtt" if first == b"W" else "srt"
    return "mbox" if MBOX.match(beginning) else "eml" if _is_mail(beginning) else ""


def interpreter(data: bytes) -> str:
    r"""Return the suffix of the language in which a script says it is, "" if it says none.

    >>> interpreter(b"#!/usr/bin/env python3\n"), interpreter(b"#!/bin/bash -e"), interpreter(b"#")
    ('py', 'sh', '')
    """
    found = SHEBANG.match(data[:128]) if data.startswith(b"#!") else None
    return INTERPRETERS.get(found[1].lower(), "") if found else ""


def _beginning(data: bytes) -> bytes:
    """Return the first bytes as UTF-8 has them, without a byte order mark."""
    sample = data[:SAMPLE]
    if sample[:1] < b"\xef" and sample[:1] != b"\0":  # no mark begins with less
        return sample
    for mark, encoding in MARKS:
        if sample.startswith(mark):
            return sample[len(mark) :].decode(encoding, "ignore").encode()
    return sample


def _json(data: bytes) -> str:
    """Return "json", "jsonl" or "ipynb" if text that begins as JSON is that, else ""."""
    end = data[-64:].rstrip()[-1:]
    if end not in (b"}", b"]"):
        return ""
    if len(data) > MOST_TRIED:
        whole = data[:1] == b"{" and b'"nbformat"' in data[-SAMPLE:]
        first, *more = data.split(b"\n", 1)
        return "ipynb" if whole else "jsonl" if more and _is_value(first) else "json"
    if _is_value(data):
        return "ipynb" if b'"nbformat"' in data and b'"cells"' in data else "json"
    lines = data.split(b"\n", 2)[:2]
    return "jsonl" if len(lines) == 2 and all(map(_is_value, lines)) else ""


def _is_value(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _is_mail(beginning: bytes) -> bool:
    """Say whether text begins with the headers of a mail: who from, and two that are of mails.

    A page that Word or a wiki saves with its pictures is from nobody, but says that it is MIME.
    """
    names = set()
    at = 0
    while found := HEADER.match(beginning, at):
        names.add(found[1].lower())
        at = found.end()
    ends = at >= len(beginning) or beginning.startswith((b"\n", b"\r\n"), at) or at > SAMPLE // 2
    is_mime = {b"mime-version", b"content-type"} <= names
    return ends and (is_mime or (b"from" in names and len(names & OF_MAIL) >= 2))
