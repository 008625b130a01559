"""What a filter admits of one state of an index, and what is said where that is nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain

from ragkit.catalog import Content, Source
from ragkit.errors import ConfigError, NothingFoundError
from ragkit.index.folder import Index
from ragkit.where import KEYS, Described, Term, Where, condition, escaped
from ragkit.where.globs import folded
from ragkit.where.grammar import DATES

# So many chunks, and so small a share of all, are all scored: a search among the others is slower
# then, as it looks deeper and deeper for them (tests/benchmarks/RESULTS.md).
FEW, SHARE = 20_000, 1 / 8
ANYWAY = 2_000  # chunks: whatever their share
SHOWN = 8  # values that a hint names

Known = Sequence[tuple[int, Described]]  # content, and what it is at one of its paths


@dataclass(frozen=True, slots=True)
class Admitted:
    """The part of an index that a filter admits."""

    where: Where
    homes: Mapping[int, tuple[str, ...]]  # content -> those of its paths that are admitted, sorted
    files: int
    chunks: int
    few: tuple[int, ...] | None  # all its chunks, unless they are many

    def picked(self, contents: Mapping[int, int], chunks: Sequence[int]) -> list[int]:
        """Return those of ``chunks`` that it has, in order, given their contents."""
        return [chunk for chunk in chunks if contents.get(chunk) in self.homes]


def described(path: str, source: Source, content: Content) -> Described:
    """Return what a filter can ask of a source."""
    return Described(
        path, content.type, content.title, content.language, content.fields, source.mtime_ns
    )


def known(index: Index) -> Known:
    """Return all sources of an index, by path.

    Raises:
        IndexDamagedError: a row is not what was written.
    """
    texts = index.catalog.texts
    sources, contents = texts.require_sources(), texts.contents()
    if lost := [s.content for s in sources.values() if s.content not in contents]:
        raise texts.damaged(lost, "the text")
    return [
        (source.content, described(path, source, contents[source.content]))
        for path, source in sorted(sources.items())
    ]


def admit(index: Index, where: Where, documents: Known) -> Admitted:
    """Return what a filter admits.

    Raises:
        ConfigError: it has a key that is no field of any document.
        NothingFoundError: it admits no file.
    """
    homes: dict[int, list[str]] = {}
    admitted = passed(index, where, [document for _, document in documents])
    paths = {document.path for document in admitted}
    for content, document in documents:
        if document.path in paths:
            homes.setdefault(content, []).append(document.path)
    texts = index.catalog.texts
    counts = texts.chunks.counts()
    chunks = sum(counts.get(content, 0) for content in homes)
    most = min(FEW, max(ANYWAY, SHARE * sum(counts.values())))
    few = tuple(sorted(texts.chunks.ids_in(homes))) if chunks <= most else None
    fixed = {content: tuple(found) for content, found in homes.items()}
    return Admitted(where, fixed, len(paths), chunks, few)


def passed(index: Index, where: Where, documents: Collection[Described]) -> list[Described]:
    """Return the documents that a filter admits.

    Raises:
        ConfigError: it has a key that is no field of any document.
        NothingFoundError: it admits none.
    """
    require_known_keys(where, documents)
    near = where.with_values("path", lambda value: _from_here(index, value))
    tests = [condition(term) for term in near.terms]
    found = [document for document in documents if all(test(document) for test in tests)]
    if not found:
        raise _nothing(where, near, documents)
    return found


def fields_of(documents: Collection[Described]) -> dict[str, Counter[str]]:
    """Return how many documents have each value of each key that a filter may ask for.

    Paths, titles and dates as such are left out: nearly each document has its own.
    """
    found: dict[str, Counter[str]] = {name: Counter() for name in ("type", "lang", "tag", "author")}
    for document in documents:
        values = {("type", document.type), ("lang", document.language), *document.fields}
        for name, value in sorted(values):
            key = "lang" if name == "language" else name
            if value and (key, value) != ("lang", "") and key not in ("date", "created"):
                found.setdefault(key, Counter())[value] += 1
    return {name: counts for name, counts in found.items() if counts}


def require_known_keys(where: Where, documents: Collection[Described]) -> None:
    """Refuse a key that no document has, and name the nearest.

    Raises:
        ConfigError: there is one.
    """
    fields = {folded(name) for document in documents for name, _ in document.fields}
    known = [*KEYS, *sorted(fields - {*KEYS, "language"})]
    for term in where.terms:
        if term.key not in known:
            close = get_close_matches(term.key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"one of: {', '.join(known)}"
            raise ConfigError(f"the filter has the key {term.key!r}, which no file has", hint=hint)


def _from_here(index: Index, value: str) -> str:
    """Return a pattern of a whole path, or one seen from here (``./a``), as the index has paths."""
    is_absolute = value.startswith(index.base.as_posix().rstrip("/") + "/")
    if not (is_absolute or value.startswith(("./", "../"))):
        return value
    stored = index.stored_path(value)
    if stored == ".":
        return "**"
    tail = value.rstrip("/") if is_absolute else re.sub(r"^(?:\.{1,2}/)+", "", value.rstrip("/"))
    if stored.endswith(tail):  # what lies above it is meant as it is
        stored = escaped(stored.removesuffix(tail)) + tail
    return f"{'' if stored.startswith('/') else '/'}{stored}" + "/" * value.endswith("/")


def _nothing(where: Where, near: Where, documents: Collection[Described]) -> NothingFoundError:
    """Return the error that says how many files each term admits, and what there is instead."""
    counts = [sum(map(condition(term), documents)) for term in near.terms]
    each = ", ".join(f"{n} {term}" for n, term in zip(counts, where.terms, strict=True))
    told = f": {each}" if len(counts) > 1 else ""
    barren = [term for n, term in zip(counts, where.terms, strict=True) if not n]
    hints = list(chain.from_iterable(_instead(term, documents) for term in barren))
    return NothingFoundError(
        f"no file matches {where}{told} (of {len(documents)} files)",
        hint="; ".join(hints) or "leave a term out, or 'ragkit ls --fields' lists what there is",
    )


def _instead(term: Term, documents: Collection[Described]) -> list[str]:
    if term.key in ("path", "title", *DATES):
        return []
    counts = fields_of(documents).get(term.key)
    if not counts:
        return [f"no file has a field {term.key!r}"]
    commonest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    values = ", ".join(f"{value} ({count})" for value, count in commonest[:SHOWN])
    more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    return [f"{term.key} is {values}{more}"]
