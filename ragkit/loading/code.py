"""Source code: its own text, with the classes and functions as headings.

Definitions are found by the line that begins them, one pattern a family of languages, and nest by
their indentation, as nearly all code is written. What is in a text of several lines or a comment is
blanked for the search first. Python's are held against its own parser by a test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ragkit.types import Document, Heading

MOST = 20_000  # headings of a file
MODULE = "module level"  # of what follows a definition and is in none
PYTHON = r"(?:async[ \t]+)?(?P<kind>def|class)[ \t]+(?P<name>\w+)"
SCRIPT = (
    r"(?:export[ \t]+)?(?:default[ \t]+)?(?:declare[ \t]+)?(?:abstract[ \t]+)?(?:async[ \t]+)?"
    r"(?:(?P<kind>class|interface|enum|namespace|type|function\*?)[ \t]+(?P<name>[\w$]+)"
    r"|(?:const|let|var)[ \t]+(?P<name2>[\w$]+)[ \t]*(?::[^=\n]{0,100})?=[ \t]*(?:async[ \t]*)?"
    r"(?:function\b|\([^()\n]{0,200}\)[ \t]*(?::[^=\n]{0,100})?=>|[\w$]+[ \t]*=>)"
    r"|(?:(?:public|private|protected|static|readonly|override|get|set|\*)[ \t]*){0,4}"
    r"(?:async[ \t]+)?\*?(?P<method>\#?[\w$]+)[ \t]*(?:<[^<>\n]{0,100}>)?\([^;\n]{0,200}\{[ \t]*$)"
)
C_LIKE = (
    r"(?:(?:@\w+(?:\([^()\n]{0,100}\))?|\[[^\[\]\n]{0,100}\])[ \t]+){0,3}"
    r"(?:(?:[\w:*&<>,.?\[\]~]+[ \t]+){0,6}?(?P<kind>class|struct|interface|enum(?:[ \t]+class)?"
    r"|union|namespace|record|trait|object|protocol|extension|fun|func)[ \t]+"
    r"(?P<name>[\w:.]{0,200}\w)(?![^\n]*;[ \t]*$)"
    r"|(?:[\w:<>,.?\[\]]+[ \t*&]+){1,6}?(?P<method>(?:\w+(?:<[^<>\n]{0,60}>)?::)*~?\w+)[ \t]*\("
    r"(?![^\n]*;[ \t]*$))"
)
GO = (
    r"(?:func[ \t]+(?:\([^()\n]{1,100}\)[ \t]*)?(?P<name>\w+)|type[ \t]+(?P<name2>\w+)"
    r"(?:\[[^\[\]\n]{0,100}\])?[ \t]+(?:struct|interface)\b)"
)
RUST = (
    r"(?:pub(?:\([^()\n]{0,60}\))?[ \t]+)?"
    r"(?:(?:default|const|async|unsafe|extern(?:[ \t]+\"[^\"\n]{0,20}\")?)[ \t]+){0,4}"
    r"(?:(?:fn|struct|enum|trait|mod|union|macro_rules!)[ \t]+(?P<name>\w+)"
    r"|(?P<name2>impl\b[^{;\n]{1,150}))"
)
PHP = (
    r"(?:(?:abstract|final|public|private|protected|static|readonly)[ \t]+){0,4}"
    r"(?:function[ \t]+&?|class[ \t]+|interface[ \t]+|trait[ \t]+|enum[ \t]+)(?P<name>\w+)"
)
RUBY = r"(?:def[ \t]+(?P<name>(?:self\.)?[\w?!=]+)|(?:class|module)[ \t]+(?P<name2>[A-Z][\w:]*))"
SHELL = r"(?:function[ \t]+(?P<name>[\w.:-]+)|(?P<name2>[\w.:-]+)[ \t]*\(\))"
LUA = r"(?:local[ \t]+)?function[ \t]+(?P<name>[\w.:]+)"
PERL = r"(?:sub|package)[ \t]+(?P<name>[\w:]+)"
R = r"(?P<name>[\w.]+)[ \t]*(?:<-|=)[ \t]*function\b"
SQL = (
    r"create[ \t]+(?:or[ \t]+replace[ \t]+)?"
    r"(?:temp(?:orary)?[ \t]+|unique[ \t]+|materialized[ \t]+)?"
    r"(?:table|view|function|procedure|trigger|index|type)[ \t]+(?:if[ \t]+not[ \t]+exists[ \t]+)?"
    r"(?P<name>[\w.\"`\[\]]+)"
)
ELIXIR = r"(?:defmodule|defp?|defmacrop?|defprotocol|defimpl)[ \t]+(?P<name>[\w.?!]+)"
NO_METHODS = frozenset(
    "if for while switch catch return else do new throw await yield sizeof foreach using lock when "
    "until elif case delete typeof function super match loop assert and or not in is as".split()
)
# Texts of several lines, and comments, that may hold what looks like a definition.
TRIPLE = (
    r"\"{3}(?:[^\"\\]++|\\.|\"(?!\"\"))*+(?:\"{3}|\Z)|'{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3}|\Z)"
)
ESCAPED = r"\\."  # else each quote behind a backslash would be tried as one that begins a text
LINE_TEXT = rf"\"(?:[^\"\\\n]++|\\.)*+\"|'(?:[^'\\\n]++|\\.)*+'|{ESCAPED}"
BLOCK_COMMENT = r"/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)|//[^\n]*+"
TEMPLATE = r"`(?:[^`\\]++|\\.)*+(?:`|\Z)"
HASH = r"\#[^\n]*+"


@dataclass(frozen=True, slots=True)
class _Rules:
    """How definitions of a family of languages are found, as patterns."""

    definition: str
    blanked: str
    ends: str = r"\}"  # what ends a definition
    flags: re.RegexFlag = re.NOFLAG

    @property
    def is_by_margin(self) -> bool:
        """Whether any line at the margin ends a definition, as in Python."""
        return self.ends == ANYTHING


@cache  # a run needs few of them
def _compiled(rules: _Rules) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Match a line that begins or ends a definition, or goes with one; and what is blanked."""
    line = rf"^(?P<blank>[ \t]*)(?:(?P<mark>@\w|\#\[)|{rules.definition}|(?P<end>{rules.ends}))"
    return re.compile(line, re.M | rules.flags), re.compile(rules.blanked, re.S)


ANYTHING = r"[^\s)\]}@]"
OF_C = f"{BLOCK_COMMENT}|{LINE_TEXT}"
LANGUAGES: dict[str, tuple[str, _Rules | None]] = {  # type -> suffixes, rules
    "code/python": ("py pyi pyw", _Rules(PYTHON, f"{HASH}|{TRIPLE}|{LINE_TEXT}", ends=ANYTHING)),
    "code/javascript": (
        "js mjs cjs ts tsx jsx mts cts", _Rules(SCRIPT, f"{OF_C}|{TEMPLATE}"),
    ),
    "code/go": ("go", _Rules(GO, f"{OF_C}|{TEMPLATE}")),
    "code/rust": ("rs", _Rules(RUST, rf"{BLOCK_COMMENT}|\"(?:[^\"\\]++|\\.)*+\"|{ESCAPED}")),
    "code/c": (
        "c h cc cpp cxx hpp hh cs java kt kts scala swift m mm dart groovy gradle",
        _Rules(C_LIKE, OF_C),
    ),
    "code/php": ("php", _Rules(PHP, f"{OF_C}|{HASH}")),
    "code/ruby": ("rb", _Rules(RUBY, f"{HASH}|{LINE_TEXT}", ends=r"end\b")),
    "code/shell": ("sh bash zsh fish ksh", _Rules(SHELL, HASH)),
    "code/lua": ("lua", _Rules(LUA, r"--\[\[.*?(?:\]\]|\Z)|--[^\n]*+")),
    "code/perl": ("pl pm", _Rules(PERL, HASH)),
    "code/r": ("r", _Rules(R, HASH)),
    "code/sql": ("sql", _Rules(SQL, r"/\*.*?(?:\*/|\Z)|--[^\n]*+", flags=re.I)),
    "code/elixir": ("ex exs", _Rules(ELIXIR, f"{HASH}|{TRIPLE}")),
    "code": (
        "ps1 bat css scss less vue svelte properties cmake proto graphql tf jl erl hs ml clj vim",
        None,
    ),
}  # fmt: skip


def code(kind: str, text: str, notes: tuple[str, ...]) -> Document:
    r"""Return the document of source code of a type.

    >>> document = code("code/python", "class Foo:\n    def bar(self): ...\n", ())
    >>> [(heading.level, heading.title) for heading in document.headings]
    [(1, 'class Foo'), (2, 'def bar')]
    """
    _, rules = LANGUAGES[kind]
    return Document(text, kind, headings=_headings(text, rules) if rules else (), notes=notes)


def _headings(text: str, rules: _Rules) -> tuple[Heading, ...]:
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    pattern, blanked = _compiled(rules)
    bare = blanked.sub(_blank, text)
    above: list[tuple[int, str]] = []  # column and title of the definitions that the line lies in
    last = 0  # level of the last heading
    marked = -1  # where decorators of the next definition begin
    margin = 0  # their column
    found: list[Heading] = []
    for line in pattern.finditer(bare):
        named = line.groupdict()
        column = len(line["blank"].expandtabs())
        name = named.get("name") or named.get("name2") or named.get("method") or ""
        if line["mark"] and marked < 0:
            marked, margin = line.start(), column
        if line["mark"] or (not name and marked >= 0 and column > margin):
            continue  # a decorator, or what it goes on with
        if named.get("method") and not NO_METHODS.isdisjoint([name, *line[0].split()]):
            continue
        while above and above[-1][0] >= column:
            above.pop()
        if name:
            title = " ".join(f"{named.get('kind') or ''} {name}".split())
            above.append((column, title))
            found.append(Heading(line.start() if marked < 0 else marked, len(above), title))
        elif rules.is_by_margin and last > len(above):
            outer = above[-1][1] if above else MODULE
            found.append(Heading(line.start(), max(len(above), 1), outer))
        marked = -1
        last = (found[-1].level if above or name else 0) if found else 0
        if len(found) == MOST:
            break
    return tuple(found)


def _blank(found: re.Match[str]) -> str:
    """Return blanks for a text or comment, in as many lines."""
    return "\n".join(" " * len(line) for line in found[0].split("\n"))
