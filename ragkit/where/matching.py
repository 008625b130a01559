"""Which documents a filter admits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from posixpath import splitext

from ragkit.where.dates import stretch
from ragkit.where.globs import folded, is_glob, path_matches, pattern
from ragkit.where.grammar import DATES, WORDS, Term, Where

SPACED = r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0010ffff]"  # of scripts with spaces

Test = Callable[["Described"], bool]


@dataclass(frozen=True)
class Described:
    """What a filter can ask of a document at one of its paths."""

    path: str  # as stored
    type: str = ""
    title: str = ""
    language: str = ""  # as detected
    fields: tuple[tuple[str, str], ...] = ()  # as ``Document`` has them
    mtime_ns: int | None = None  # of the file, where that is known

    def values(self, name: str) -> Iterator[str]:
        """Yield the values of a field."""
        return (value for key, value in self.fields if folded(key) == name)

    @cached_property
    def date(self) -> datetime | None:
        """Its "date", else its "created", else when the file was last changed (local time)."""
        for value in (*self.values("date"), *self.values("created")):
            if found := stretch(value):
                return found[0]
        if self.mtime_ns is None:
            return None
        return datetime.fromtimestamp(self.mtime_ns / 1e9)  # as clocks here show it


def matcher(where: Where) -> Test:
    """Return what says whether a filter admits a document.

    >>> admits = matcher(Where.parse("path:docs tag:howto -lang:zh"))
    >>> admits(Described("docs/a.md", language="en", fields=(("tag", "HowTo"),)))
    True
    >>> admits(Described("docs/b.md", language="zh", fields=(("tag", "howto"),)))
    False
    """
    tests = [condition(term) for term in where.terms]
    return lambda document: all(test(document) for test in tests)


def condition(term: Term) -> Test:
    """Return what says whether a document fulfils one term."""
    tests = [_one(term.key, value) for value in term.values]
    return lambda document: any(test(document) for test in tests) != term.negated


def _one(key: str, value: str) -> Test:
    if key == "path":
        return lambda document: path_matches(value, document.path)
    if key in DATES:
        return _dated(key, value)
    wanted = pattern(value).fullmatch if is_glob(value) else folded(value).__eq__
    whole: Callable[[str], bool] = lambda found: bool(wanted(folded(found)))  # noqa: E731
    if key == "type":
        ending: Callable[[str], str] = lambda path: splitext(path)[1][1:]  # noqa: E731
        return lambda document: any(
            map(whole, (document.type, *document.type.split("/"), ending(document.path)))
        )
    if key == "lang":
        return lambda document: any(
            whole(name) or whole(re.split("[-_]", name)[0])
            for name in (document.language, *document.values("language"))
            if name
        )
    if key in WORDS and not is_glob(value):
        words = _words(folded(value))
        return lambda document: any(words.search(folded(v)) for v in _values(document, key))
    return lambda document: any(map(whole, _values(document, key)))


def _values(document: Described, key: str) -> Iterator[str]:
    if key == "title":
        return iter([document.title] if document.title else [])
    return document.values(key)


def _words(text: str) -> re.Pattern[str]:
    """Return the pattern of words that stand in a text; where they begin and end if that shows."""
    text = " ".join(text.split())
    before = f"(?<!{SPACED})" if re.match(SPACED, text) else ""
    after = f"(?!{SPACED})" if re.search(f"{SPACED}$", text) else ""
    return re.compile(before + r"\s+".join(map(re.escape, text.split())) + after)


def _dated(key: str, value: str) -> Test:
    found = stretch(value)
    assert found is not None  # Term has seen to it
    start, end = found
    is_within: dict[str, Callable[[datetime], bool]] = {
        "after": lambda date: date >= start,
        "before": lambda date: date < start,
        "on": lambda date: start <= date < end,
    }
    test = is_within[key]
    return lambda document: document.date is not None and test(document.date)
