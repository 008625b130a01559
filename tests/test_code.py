"""Classes and functions are the headings of source code; Python's are held against its parser."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.loading.code import LANGUAGES, MODULE
from ragkit.loading.formats import SUFFIXES, load
from ragkit.types import Document

HERE = Path(__file__).parents[1]
LIBRARY = Path(sysconfig.get_paths()["stdlib"])
Path_ = tuple[str, ...]


def read(text: str, suffix: str) -> Document:
    document = load(text.encode(), suffix=suffix)
    assert document.text == text
    starts = [heading.start for heading in document.headings]
    assert starts == sorted(starts)
    return document


def outline(document: Document) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in document.headings]


def parsed(text: str) -> set[tuple[int, Path_]]:
    """Return line and path of each definition, as Python's own parser finds them."""
    found = set()

    def go(node: ast.AST, above: Path_) -> None:
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                kind = "class" if isinstance(inner, ast.ClassDef) else "def"
                path = (*above, f"{kind} {inner.name}")
                first = min([inner.lineno, *(one.lineno for one in inner.decorator_list)])
                found.add((first, path))
                go(inner, path)
            else:
                go(inner, above)

    go(ast.parse(text), ())
    return found


def told(document: Document) -> set[tuple[int, Path_]]:
    found, above = set(), list[str]()
    line, at = 1, 0
    for heading in document.headings:
        above = [*above[: heading.level - 1], heading.title]
        line, at = line + document.text.count("\n", at, heading.start), heading.start
        begins = document.text[heading.start : heading.start + 100].lstrip()
        if begins.startswith(("def ", "class ", "async ", "@")):
            found.add((line, tuple(above)))
    return found


@pytest.mark.no_cover
def test_python_is_told_as_its_parser_does() -> None:
    names = "dataclasses enum functools tarfile typing".split()
    files = [*(LIBRARY / f"{name}.py" for name in names), *(HERE / "ragkit").rglob("*.py")]
    all_of_them = found = wrong = 0
    for file in files:
        text = file.read_text("utf-8")
        mine, theirs = told(read(text, ".py")), parsed(text)
        all_of_them += len(theirs)
        found += len(mine & theirs)
        wrong += len(mine - theirs)
    assert all_of_them > 1500
    assert found >= 0.998 * all_of_them
    assert wrong <= 0.002 * all_of_them


PYTHON = '''\
"""class Not: a definition."""
import os

class Foo(Bar):
    """def nor(this)."""

    x = 1

    @property
    @cached(
        size=3,
    )
    async def bar(
        self,
    ) -> int:
        def inner(): ...
        # def no(): ...
        return inner

    y = 2

print("def either():")
if os:
    def last(): pass
'''


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_follows_a_definition_is_not_in_it(end: str) -> None:
    document = read(PYTHON.replace("\n", end), ".py")
    assert outline(document) == [
        (1, "class Foo"), (2, "def bar"), (3, "def inner"), (2, "def bar"), (1, "class Foo"),
        (1, MODULE), (1, "def last"),
    ]  # fmt: skip
    assert document.text[document.headings[1].start :].lstrip().startswith("@property")


SAMPLES = {
    ".js": (
        "// function no() {}\nexport default class Foo extends Bar {\n  constructor(a) {\n"
        "    if (a) {\n    }\n    super(a);\n  }\n  static async get(x) {\n  }\n  #own() {\n"
        "  }\n}\n"
        "const text = `\nfunction no() {\n`;\nexport const fold = async (x) => x;\n"
        "const one = x => x;\nasync function* two() {\n}\n",
        [(1, "class Foo"), (2, "constructor"), (2, "get"), (2, "#own"), (1, "fold"), (1, "one"),
         (1, "function* two")],
    ),
    ".ts": (
        "export interface A<T> {\n}\n@Decorated()\nexport abstract class B {\n"
        "  private async run(a: string): Promise<void> {\n  }\n}\nexport type C = string;\n"
        "enum D {\n}\nexport const e = (x: number): number => x;\n",
        [(1, "interface A"), (1, "class B"), (2, "run"), (1, "type C"), (1, "enum D"), (1, "e")],
    ),
    ".go": (
        "type Server struct {\n}\ntype A[T any] interface {\n}\n"
        "func (s *Server) Run(a int) error {\n\treturn nil\n}\nfunc main() {\n}\n",
        [(1, "Server"), (1, "A"), (1, "Run"), (1, "main")],
    ),
    ".rs": (
        "pub struct A<'a> { x: &'a str }\n#[derive(Debug)]\nimpl<'a> A<'a> {\n    pub async fn "
        "run(&self) {\n    }\n}\nmacro_rules! m { }\n/* fn no() */\npub(crate) const fn c() {}\n",
        [(1, "A"), (1, "impl<'a> A<'a>"), (2, "run"), (1, "m"), (1, "c")],
    ),
    ".java": (
        "package a;\n/** class No { */\n@Service\npublic final class Foo<T> extends Bar {\n"
        "    private int x = call(1);\n    public Foo(int a) {\n        if (a > 1) {\n        }\n"
        "        return foo(a);\n    }\n    @Override\n    public Map<String, T> get(String a)\n"
        "            throws X {\n    }\n    void one() { go(); }\n}\ninterface B {\n"
        "    int run();\n}\n",
        [(1, "class Foo"), (2, "Foo"), (2, "get"), (2, "one"), (1, "interface B")],
    ),
    ".cpp": (
        "#include <x>\nstruct Later;\nnamespace a::b {\nclass Foo : public Bar {\n  int x;\n};\n"
        "}\nint Foo::run(const std::string& a) const {\n  return go(a);\n}\n"
        "static char *name(void)\n{\n  while (x) {\n  }\n}\nint declared(int);\n",
        [(1, "namespace a::b"), (1, "class Foo"), (1, "Foo::run"), (1, "name")],
    ),
    ".kt": ("data class A(val x: Int)\nfun String.b() = 1\nobject C {\n    fun d() {\n    }\n}\n",
            [(1, "class A"), (1, "fun String.b"), (1, "object C"), (2, "fun d")]),
    ".swift": ("public protocol A {\n}\nextension B: C {\n  func d() {\n  }\n}\n",
               [(1, "protocol A"), (1, "extension B"), (2, "func d")]),
    ".cs": ("namespace A.B\n{\n    public record C\n    {\n        public async Task<int> "
            "D(int x)\n        {\n        }\n    }\n}\n",
            [(1, "namespace A.B"), (2, "record C"), (3, "D")]),
    ".php": ("<?php\n# function no()\nfinal class A {\n    public static function &b($x) {\n"
             "    }\n}\nfunction c() {}\n", [(1, "A"), (2, "b"), (1, "c")]),
    ".rb": ("module A\n  class B < C\n    def self.d?(x)\n      1\n    end\n  end\nend\n"
            "def e\nend\n",
            [(1, "A"), (2, "B"), (3, "self.d?"), (1, "e")]),
    ".sh": ("# a()\nfoo() {\n  echo\n}\nfunction bar-baz {\n  :\n}\n",
            [(1, "foo"), (1, "bar-baz")]),
    ".lua": ("--[[ function no()\n]]\nlocal function a.b()\nend\nfunction c:d()\nend\n",
             [(1, "a.b"), (1, "c:d")]),
    ".pl": ("package A::B;\nsub run {\n}\n", [(1, "A::B"), (1, "run")]),
    ".r": ("area <- function(x) x\nb = function() 1\n", [(1, "area"), (1, "b")]),
    ".sql": ("-- create table no\nCREATE TABLE IF NOT EXISTS \"a\".b (\n);\n"
             "create or replace view c as select 1;\n", [(1, '"a".b'), (1, "c")]),
    ".ex": ("defmodule A.B do\n  def c?(x), do: x\n  defp d do\n  end\nend\n",
            [(1, "A.B"), (2, "c?"), (2, "d")]),
    ".css": ("a { b: c }\n", []),
}  # fmt: skip


@pytest.mark.parametrize("suffix", SAMPLES)
def test_definitions_of_other_languages(suffix: str) -> None:
    text, found = SAMPLES[suffix]
    for given_text in (text, text.replace("\n", "\r\n")):
        document = read(given_text, suffix)
        assert outline(document) == found
        assert document.type == SUFFIXES[suffix]


ONE_OF_EACH = [f".{suffixes.split()[0]}" for suffixes, rules in LANGUAGES.values() if rules]
UNITS = (
    'a |a.|a<|a::|(|"|\'|`|/*|//|@a |@a\n|\\|"""|#[|[|def a\n|class a|function a(|public |a(|a = ('
    "|  |fn |--[[|a\n|*|  }|export |const a = (|x,y "
).split("|")


@pytest.mark.no_cover
@pytest.mark.parametrize("suffix", ONE_OF_EACH)
def test_nothing_but_a_mark_takes_no_time(suffix: str) -> None:
    for unit in UNITS:
        read(unit * (20_000 // len(unit)), suffix)
        read("class a {\n" + unit * (20_000 // len(unit)) + "{", suffix)


@given(st.text(alphabet="ab(){}\"'`/*#@:;=>\\ \n\r\té", max_size=80))
def test_any_characters_stay_as_they_are(text: str) -> None:
    for suffix in ONE_OF_EACH:
        read("def a\n" + text, suffix)


def test_a_file_of_too_many_definitions_has_the_first() -> None:
    assert len(read("def a(): pass\n" * 20_001, ".py").headings) == 20_000


def test_openings_without_an_end_take_no_time() -> None:
    read("--[[\n" * 20_000, ".lua")
    read("class " + "a" * 200_000 + ";", ".java")
    for suffix in (".js", ".rs"):
        read('\\"' * 100_000, suffix)
