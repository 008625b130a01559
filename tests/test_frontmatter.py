"""What documents say of themselves becomes fields; what is no plain value is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.loading.formats import load
from ragkit.loading.frontmatter import iso, yaml_front
from ragkit.types import Document


def read(text: str, suffix: str = ".md") -> Document:
    document = load(text.encode(), suffix=suffix)
    assert document.text == text
    for name, value in document.fields:
        assert value == " ".join(value.split())
        assert name == name.lower()
        assert value
    return document


FULL = """\
---
# about tea
title: "On: tea"  # the best
Author: Ann Müller
authors:
  - Bob
  - name: Cas
    email: c@c.example
tags: [green, "black, hot", 'it''s']
categories:
- drinks
date: 2026-11-20 10:00:00 +0100
lastmod: 2026/11/26
lang: zh-CN
summary: >-
  Folded words
  and more.
description:
  plain words
  go on
draft: true
weight: 10
empty:
nothing: ~
"quoted key": value
---
# Heading
"""


def test_yaml_becomes_fields() -> None:
    document = read(FULL)
    assert document.title == "On: tea"
    assert document.notes == ()
    assert document.fields == (
        ("author", "Ann Müller"), ("author", "Bob"), ("author", "Cas"), ("tag", "green"),
        ("tag", "black, hot"), ("tag", "it's"), ("tag", "drinks"),
        ("created", "2026-11-20T10:00:00+01:00"), ("date", "2026-11-26"), ("language", "zh-CN"),
        ("description", "Folded words and more."), ("description", "plain words go on"),
        ("draft", "true"), ("weight", "10"), ("quoted_key", "value"),
    )  # fmt: skip
    for end in ("\r\n", "\r"):
        assert read(FULL.replace("\n", end)).fields == document.fields


def test_toml_becomes_fields() -> None:
    document = read(
        '+++\r\ntitle = "On tea"\r\ndate = 2026-11-26T10:00:00Z\r\ntags = ["a", "b"]\r\n'
        'draft = false\r\nlayout = 3\r\nauthors = [{name = "Ann"}]\r\n[menu]\r\nmain = 1\r\n+++\r\n'
    )
    assert document.title == "On tea"
    assert document.fields == (
        ("date", "2026-11-26T10:00:00+00:00"), ("tag", "a"), ("tag", "b"), ("draft", "false"),
        ("layout", "3"), ("author", "Ann"),
    )  # fmt: skip
    assert document.notes == ("in the front matter: no plain values, so no fields: menu",)


@pytest.mark.parametrize(
    ("front", "fields"),
    [
        ("tags: a, b,c", (("tag", "a"), ("tag", "b"), ("tag", "c"))),
        ("tags: one two", (("tag", "one two"),)),
        ("tags: []", ()),
        ("tags: [a,\n  b] # so", (("tag", "a"), ("tag", "b"))),
        (
            "tags:\n  - a\n    goes on\n  - ''\n  - \"b\\tc\"",
            (("tag", "a goes on"), ("tag", "b c")),
        ),
        ("by: [Ann, Ann]", (("author", "Ann"),)),
        ("published: 2026-01-02", (("created", "2026-01-02"), ("date", "2026-01-02"))),
        ("date: 2026年1月2日", (("date", "2026-01-02"),)),
        ("date: 2026", (("date", "2026"),)),
        ("published: 2026-01", (("created", "2026-01"), ("date", "2026-01"))),
        ('x: "\\x41 \\u0042"', (("x", "A B"),)),
        ('x: "\\e \\u0042"', (("x", "e u0042"),)),
        ("x: https://a.example/#b", (("x", "https://a.example/#b"),)),
        ("x: |\n  one\n  two", (("x", "one two"),)),
    ],
)
def test_plain_values(front: str, fields: tuple[tuple[str, str], ...]) -> None:
    document = read(f"---\n{front}\n---\n")
    assert (document.fields, document.notes) == (fields, ())


@pytest.mark.parametrize(
    "value",
    [
        " &a x", " *a", " !!python/object/apply:os.system ['x']", " {a: 1}",
        " [[a], b]", " [a: {}]",
        " [a, b", ' "open', " 'open", "\n  a: 1\n  b: 2", "\n- - a", "\n- a: 1", "\n- {a: 1}",
        "\n- name: *a", "\n- [a]", " [*a]", " [\"a\" b]", "\n  - a\n - &b c",
        " 'a' b", "\n  words: on\n  - a",
    ],
)  # fmt: skip
def test_what_is_no_plain_value_is_named(value: str) -> None:
    document = read(f"---\nodd:{value}\nlang: en\n---\n")
    assert document.fields == (("language", "en"),)
    assert document.notes == ("in the front matter: no plain values, so no fields: odd",)


def test_what_is_said_of_many_is_short() -> None:
    many = "".join(f"key{i}: *a\n" for i in range(100))
    (note,) = read(f"---\n{many}date: soon\n---\n").notes
    assert note == (
        "in the front matter: no plain values, so no fields: key0, key1, key2, key3, key4 and 95"
        " more; no dates that are understood: date"
    )
    assert "longer than" in read("---\na: " + "x" * 70_000 + "\n---\n").notes[0]
    assert "its TOML" in read("+++\na = \n+++\n").notes[0]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-11-26", "2026-11-26"), ("20261126", "2026-11-26"),
        ("2026-11-26T10:30", "2026-11-26T10:30:00"), ("2026-11-26 10:30:00 Z",
         "2026-11-26T10:30:00+00:00"), ("26 Nov 2026", "2026-11-26"), ("26.11.2026", "2026-11-26"),
        ("2026/11/6", "2026-11-06"), ("", ""), ("yesterday", ""), ("2026-13-01", ""),
        ("9999999999", ""), ("12/11/2026", ""),
    ],
)  # fmt: skip
def test_dates_that_are_certain(value: str, found: str) -> None:
    assert iso(value) == found


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("=====\nTitle\n=====\n\n:Author: Ann\n:Date: 2026-11-26\n:Long name: goes\n  on\n\n"
         "Text :a: b\n",
         (("author", "Ann"), ("date", "2026-11-26"), ("long_name", "goes on"))),
        (":Authors: Ann\n\nTitle\n=====\n", (("author", "Ann"),)),
        ("Title\n=====\n\n.. meta::\n   :description: On tea\n   :keywords: a, b\n",
         (("description", "On tea"), ("tag", "a"), ("tag", "b"))),
        ("Title\n=====\n\nText\n\n:param: not above all\n", ()),
        ("Title\r\n=====\r\n\r\n:Author: Ann\r\n", (("author", "Ann"),)),
        ("", ()),
    ],
)  # fmt: skip
def test_fields_of_restructured_text(text: str, fields: tuple[tuple[str, str], ...]) -> None:
    assert read(text, ".rst").fields == fields


def test_a_date_of_restructured_text_that_is_none_is_told() -> None:
    note = "no dates that are understood: date"
    assert read(":Date: $Date$\n\nText", ".rst").notes == (note,)


BOMB = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 99))


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "front",
    [
        BOMB, "a: [" + " " * 60_000 + '"', "a: [" * 10_000, "a: " + "[" * 50_000,
        "a:\n" + "- " * 30_000, "a:\n" + "-\n" * 30_000, "a: '" + "'" * 60_001,
        'a: "' + "\\" * 60_001,
        "a" * 60_000, "a: " + "#" * 60_000, "a: " + " #" * 30_000, "a " * 30_000 + ":",
        ":\n" * 20_000, "a: |\n" + " \n" * 30_000, "? a\n: b", "\"" * 60_000,
    ],
)  # fmt: skip
def test_hostile_front_matter_ends_in_time(front: str) -> None:
    read(f"---\n{front}\n---\n# Heading\n")
    read(f"---\nb: 1\n{front}\n---\n# Heading\n")
    read(f"+++\n{front}\n+++\n# Heading\n")
    yaml_front(front)
    read(front.replace("a:", ":a:"), ".rst")


@given(st.text(alphabet="ab:-#[]{}'\"|>*&!,~ \n\r\té.", max_size=60))
def test_any_front_matter_is_read_or_named(front: str) -> None:
    read(f"---\nlang: en\n{front}\n---\nText")
    read(f":a: b\n{front}", ".rst")


def test_directives_and_tables_of_restructured_text_stay_as_they_are() -> None:
    text = (
        "Title\n=====\n\n.. include:: /etc/passwd\n\n.. code:: sh\n\n   Inner\n   =====\n\n"
        "=====  =====\nName   Price\n=====  =====\nTea    3\n=====  =====\n\n"
        "+------+\n| cell |\n+------+\n\nPart\n----\n\n.. image:: a.png\n"
    )
    document = read(text, ".rst")
    assert [heading.title for heading in document.headings] == ["Title", "Part"]
