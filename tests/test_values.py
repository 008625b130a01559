"""JSON, YAML, TOML, INI: the file's own text, with the paths of its values as headings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.chunking import StructureChunker
from ragkit.loading.formats import load
from ragkit.loading.paths import DEEPEST, MOST
from ragkit.types import Document


def read(text: str, suffix: str) -> Document:
    document = load(text.encode(), suffix=suffix)
    assert document.text == text
    starts = [heading.start for heading in document.headings]
    assert starts == sorted(starts)
    return document


def path(document: Document, words: str) -> str:
    """Return the path in force where some words stand."""
    at = document.text.index(words)
    above: list[tuple[int, str]] = []
    for heading in document.headings:
        if heading.start <= at:
            above = [(level, title) for level, title in above if level < heading.level]
            above.append((heading.level, heading.title))
    return " > ".join(title for _, title in above)


SERVERS = {
    "title": "ours",
    "servers": [
        {"name": "alpha", "ports": [1, 2], "tls": {"on": True}, "zone": "north"},
        {"name": "beta", "notes": "long " * 100},
    ],
    "last": "one",
    "end": "two",
}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_value_is_under_its_path(indent: int | None) -> None:
    document = read(json.dumps(SERVERS, indent=indent), ".json")
    for words, found in {
        '"ours"': "",
        '"alpha"': "servers > 0",
        '"on"': "servers > 0 > tls",
        '"north"': "servers > 0",
        '"beta"': "servers > 1",
        '"long': "servers > 1 > notes",
        '"one"': "last",
        '"two"': "end",
    }.items():
        assert path(document, words) == found
    assert document.notes == ()


def test_keys_are_shown_as_they_are_meant() -> None:
    text = '{"a\\u0020b": {"\\ud83e\\udd92": {"\\ud800": {"x\\qy": {"": {}, "z": [[1]]}}}}}'
    titles = [heading.title for heading in read(text, ".json").headings]
    assert titles == ["a b", "🦒", "\ufffd", "x\\qy", '""', "z"]
    assert read('{"' + "k" * 999 + '": {}}', ".json").headings[0].title == "k" * 79 + "…"


def test_comments_and_last_commas_are_let_pass() -> None:
    text = '// "one": {\n{"a": {"b": 1,}, /* { */ "c": 2}'
    document = read(text, ".jsonc")
    assert (path(document, '"b"'), path(document, '"c"'), document.notes) == ("a", "c", ())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("just words", 1), ('{"a": 1', 1), ('{"a":\n"x', 2), ("[1]\n]", 2), ('{"a": {\n]', 2),
        ('{"a" 1}', 1), ('{"a": {}}\n/* x', 2), ("\0", 1),
    ],
)  # fmt: skip
def test_broken_json_is_text_and_told(text: str, line: int) -> None:
    note = f"no valid JSON from line {line} on: read as plain text from there"
    assert read(text, ".json").notes == (note,)


@pytest.mark.parametrize("text", ["", " \n", "null", "3.5", '"x"', "[]", "{}", "[1, 2]"])
def test_plain_values_have_no_path(text: str) -> None:
    document = read(text, ".json")
    assert (document.headings, document.notes) == ((), ())


def test_each_line_is_a_record() -> None:
    text = '{"a": {"deep": 1}, "b": 2}\r\n\r\n{"c": 3}\r{"d": broken\n{"e": "\u2028"}\n[\n'
    document = read(text, ".jsonl")
    assert path(document, "deep") == "1 > a"
    assert path(document, '"b"') == "1"
    assert path(document, '"c"') == "3"
    assert path(document, '"e"') == "5"
    assert document.notes == ("line 4 and 1 more is no valid JSON: read as plain text",)


YAML = """\
# services: none
version: "3"
services:
  web:
    image: nginx
    ports:
      - "80:80"
    env:
    - name: ALPHA
      value: 1
    - name: BETA
      value: x: y
  db: {image: postgres}
text: |
  not: a key
  - nor this

after: 1
'odd key': &anchor
  inner: !!str x
list:
-
  first: 1
- - nested: 2
---
second: !tag >-
   folded: no
others:
  x: *anchor
"""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_key_is_under_its_path(end: str) -> None:
    document = read(YAML.replace("\n", end), ".yml")
    for words, found in {
        '"3"': "",
        "nginx": "services > web",
        "80:80": "services > web > ports",
        "ALPHA": "services > web > env > 0",
        "value: x": "services > web > env > 1",
        "postgres": "services",
        "not: a key": "text",
        "after: 1": "after",
        "inner:": "odd key",
        "first:": "list > 0",
        "nested:": "list > 1 > 0",
        "folded:": "second",
        "x: *anchor": "others",
    }.items():
        assert path(document, words) == found, words


TOML = '''\
title = "x"
[tool.mine]
a = 1
text = """
[not.a.table]
"""
[tool.mine."deep er"]  # so
b = 2
[[fruit]]
name = "apple"
[[fruit]]
name = "plum"
[other]
c = [
 [1], [2]
]
'''


def test_a_table_is_a_heading() -> None:
    document = read(TOML, ".toml")
    assert path(document, "title") == ""
    assert path(document, "a = 1") == path(document, "not.a") == "tool > mine"
    assert path(document, "b = 2") == "tool > mine > deep er"
    assert path(document, "apple") == "fruit > 0"
    assert path(document, "plum") == "fruit > 1"
    assert path(document, "[1]") == "other"


def test_a_section_is_a_heading() -> None:
    document = read("; x\n[mail server]\nhost = a\n[]\n [web] ; y\nport = 1\n", ".ini")
    assert path(document, "host") == "mail server"
    assert path(document, "port") == "web"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=25,
)


@given(JSON_VALUES, st.sampled_from([None, 0, 1]))
def test_any_json_is_read_whole_and_found_valid(value: object, indent: int | None) -> None:
    document = read(json.dumps(value, indent=indent, ensure_ascii=bool(indent)), ".json")
    assert document.notes == ()
    for chunk in StructureChunker(5)(document):
        assert document.text[chunk.start : chunk.end] == chunk.text


@given(st.text(alphabet="ab-:#|>&*!{}[]\"'\\,=. \n\r\t\fé🦒\u0301", max_size=60))
def test_any_characters_stay_as_they_are(text: str) -> None:
    for suffix in (".json", ".jsonl", ".yaml", ".toml", ".ini"):
        document = load(text.encode(), suffix=suffix)
        assert document.text == text
        assert all(heading.title and "\n" not in heading.title for heading in document.headings)
        for chunk in StructureChunker(5)(document):
            assert text[chunk.start : chunk.end] == chunk.text


def test_levels_of_too_many_headings_have_none() -> None:
    records = [{"id": i, "inner": {"x": i}} for i in range(MOST // 2 + 10)]
    document = read(json.dumps({"records": records}), ".json")
    assert {heading.level for heading in document.headings} == {1, 2}
    assert read(json.dumps([[{}]] * (MOST + 10)), ".json").headings == ()
    assert {h.level for h in read("[" * 100 + "]" * 100, ".json").headings} == set(
        range(1, DEEPEST + 1)
    )


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".json", "[" * 100_000),
        (".json", "[" * 100_000 + "]" * 100_000),
        (".json", '{"a":' * 100_000),
        (".json", '{"a": "' + "\\\"" * 200_000),
        (".json", '"' * 200_001),
        (".json", "/*" * 200_000),
        (".json", "[1," * 100_000),
        (".json", " " * 500_000),
        (".json", '{"' + "k" * 1_000_000 + '": {}}'),
        (".jsonl", "{\n" * 50_000),
        (".yaml", BOMB),
        (".yaml", "!!python/object/apply:os.system ['touch /tmp/owned']"),
        (".yaml", "- " * 100_000),
        (".yaml", "-\n" * 50_000),
        (".yaml", "a" + " " * 300_000 + "b"),
        (".yaml", "a:" * 100_000),
        (".yaml", '"' + "\\" * 200_000),
        (".yaml", "".join(" " * i + f"k{i}:\n" for i in range(1500))),
        (".yaml", "k: " + "&a " * 100_000),
        (".yaml", "k: " + "!" * 100_000 + " and more"),
        (".toml", ("[" + "a." * 100_000 + "a]\n") * 2),
        (".toml", "[" * 200_000),
        (".toml", "[a" + " " * 200_000),
        (".toml", "'" * 200_000),
        (".ini", "[" + " " * 200_000),
    ],
)  # fmt: skip
def test_hostile_data_stays_text_and_ends_in_time(suffix: str, text: str) -> None:
    document = read(text, suffix)
    assert len(document.headings) <= MOST
