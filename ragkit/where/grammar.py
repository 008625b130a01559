r"""What a filter is, as text and as values.

The grammar::

    filter = term {blank term}              all of them hold
    term   = ["-"] key ":" value {"," value}    one of the values; with "-" none of them
    value  = letters without blanks, commas and quotes, or '"' letters '"'

A key that is repeated is one term: ``tag:howto tag:index`` is ``tag:howto,index``. In quotes
``\"`` is a quote and ``\\`` a backslash. Case and width (Ａ, A) count nowhere. The keys:

    path    a pattern as in a .gitignore, relative to the folder that holds the index: ``*.md`` at
            any depth, ``docs/**`` or ``docs`` all below it, ``/a.md`` just there; ``./a.md`` is
            seen from the working folder. An archive is the folder of its members
    type    as ``ragkit ls`` has it, or the ending of the file's name: ``markdown`` or ``md``;
            ``code`` is ``code/python`` too
    lang    the language that the document declares or that was detected; ``zh`` is ``zh-TW`` too
    tag     one of its tags, whole
    title, author, description, from, to    words that stand there: ``author:lee`` is "Ann Lee"
    after   its date is then or later     the date is the document's "date", where it has none its
    before  its date is earlier           "created", else when the file was last changed. Given as
    on      its date is in that time      2026, 2026-05, 2026-05-31 or 2026-05-31T14:00:
                                          ``after:2026-01 before:2026-02`` is all of January
    other   any field that a document has, by its name: the whole value

A value with ``*``, ``?`` or ``[abc]`` is a pattern of the whole one: ``tag:how*``, ``author:*``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ragkit.errors import ConfigError
from ragkit.where.dates import FORMS, stretch
from ragkit.where.globs import folded

DATES = ("after", "before", "on")
WORDS = ("title", "author", "description", "from", "to")
KEYS = ("path", "type", "lang", "tag", *WORDS, *DATES)
SAME = {"language": "lang"}  # what a document calls it
VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^\s,"]+)'
TERM = re.compile(rf"\s*(-?)([^\s:：\"-][^\s:：\"]*)[:：]({VALUE}(?:,{VALUE})*)(?=\s|$)", re.DOTALL)
HINT = 'give key:value terms with blanks between: tag:howto author:"Ann Lee" -type:pdf'


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: a document has one of the values under the key, or none if ``negated``.

    Raises:
        ConfigError: there is no value, or no date where one is asked for.
    """

    key: str
    values: tuple[str, ...]
    negated: bool = False

    def __post_init__(self) -> None:
        key = folded(self.key)
        object.__setattr__(self, "key", SAME.get(key, key))
        object.__setattr__(self, "values", tuple(dict.fromkeys(self.values)))
        if not re.fullmatch(r'[^\s:"-][^\s:"]*', self.key):
            raise ConfigError(f"{self.key!r} is no key of a filter", hint=HINT)
        if not self.values or not all(map(str.strip, self.values)):
            raise ConfigError(f"the filter has no value for {self.key}", hint=HINT)
        if wrong := [value for value in self.values if self.key in DATES and not stretch(value)]:
            raise ConfigError(f"{self.key}:{wrong[0]} is no date", hint=f"give {FORMS}")

    def __str__(self) -> str:
        values = ",".join(map(_written, self.values))
        return f"{'-' if self.negated else ''}{self.key}:{values}"


@dataclass(frozen=True, slots=True)
class Where:
    """A filter: all of its terms hold; terms of one key are one term, of all their values.

    >>> where = Where.parse('tag:howto,index -author:"Ann Lee" tag:faq')
    >>> where.terms[0]
    Term(key='tag', values=('howto', 'index', 'faq'), negated=False)
    >>> str(where)
    'tag:howto,index,faq -author:"Ann Lee"'
    """

    terms: tuple[Term, ...] = ()

    def __post_init__(self) -> None:
        joined: dict[tuple[str, bool], Term] = {}
        for term in self.terms:
            known = joined.get((term.key, term.negated), term)
            values = (*known.values, *term.values)
            joined[term.key, term.negated] = replace(known, values=values)
        object.__setattr__(self, "terms", tuple(joined.values()))

    @classmethod
    def parse(cls, text: str) -> Where:
        """Return the filter that a text is, by the grammar above; a blank text admits all.

        Raises:
            ConfigError: it is none, or a date in it is none.
        """
        terms = []
        at = 0
        end = len(text.rstrip())
        while at < end:
            found = TERM.match(text, at)
            if not found:
                rest = text[at:].strip()
                raise ConfigError(f"the filter cannot be read at {rest!r}", hint=HINT)
            values = tuple(_read(value) for value in re.findall(VALUE, found[3], re.DOTALL))
            terms.append(Term(found[2], values, negated=bool(found[1])))
            at = found.end()
        return cls(tuple(terms))

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def with_values(self, key: str, change: Callable[[str], str]) -> Where:
        """Return the filter with each value of a key changed."""
        return Where(
            tuple(
                replace(term, values=tuple(map(change, term.values))) if term.key == key else term
                for term in self.terms
            )
        )


def as_where(given: str | Where | Iterable[str] | None) -> Where:
    """Return a filter, however it was given; several texts are one, with blanks between."""
    if isinstance(given, Where):
        return given
    if given is None or isinstance(given, str):
        return Where.parse(given or "")
    return Where.parse(" ".join(given))


def _written(value: str) -> str:
    if re.fullmatch(r'[^\s,"]+', value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _read(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value[0] == '"' else value
