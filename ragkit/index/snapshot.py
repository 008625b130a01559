"""Search one state of an index: the caches, less what is gone, plus what they do not hold yet.

Rows above a cache's last id are scored straight from the catalog, by the same formulas, so that a
chunk's score does not depend on whether a cache has caught up with it. A reader writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby, pairwise, takewhile
from pathlib import Path

import numpy as np

from ragkit.catalog import CacheRecord, Content, StoredChunk, stale
from ragkit.index.admission import Admitted, Known, admit, known
from ragkit.index.caches import (
    caches_of,
    entries_of,
    entry_of,
    fresh_entries,
    is_whole,
    term_counts,
)
from ragkit.index.folder import Index
from ragkit.lexical import FIELDS, Bm25, Entry, LexicalFolder, Query
from ragkit.loading.seen import read_by
from ragkit.types import Failure, FloatMatrix, FloatVector, Hit
from ragkit.vectors import VectorFile
from ragkit.where import Where

Views = Mapping[str, Mapping[int, float]]  # view -> chunk -> score


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a whole index, and would cost a scan at each question."""

    version: int  # of the catalog
    files: int
    chunks: int
    languages: tuple[str, ...]  # of the documents, the commonest first
    failed: tuple[Failure, ...]


class Reader:
    """Opens snapshots of an index, and keeps cache files open from one to the next."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._dense: dict[CacheRecord, VectorFile] = {}
        self._lexical: dict[CacheRecord, LexicalFolder] = {}
        self._facts = Facts(-1, 0, 0, (), ())
        self._known: tuple[int, Known] = (-1, ())  # of a version of the catalog
        self._last: tuple[object, Admitted] | None = None  # the last filter, and what it admits

    @contextmanager
    def snapshot(self, where: Where | None = None) -> Iterator[Snapshot]:
        """Hold one state of the index for the block, or the part of it that a filter admits.

        Raises:
            ConfigError: the filter has a key that no file has.
            NothingFoundError: it admits no file.
        """
        catalog = self.index.catalog
        for last_try in (False, False, True):  # a writer may remove files while they are opened
            with catalog.snapshot():
                records = caches_of(catalog, "dense"), caches_of(catalog, "lexical")
                # A file counts only if those before it do: rows are in one of them or are fresh.
                dense, lexical = (list(takewhile(self._open, found)) for found in records)
                if (dense, lexical) != records and not last_try:
                    continue
                self._dense = {record: self._dense[record] for record in dense}
                self._lexical = {record: self._lexical[record] for record in lexical}
                yield Snapshot(
                    self.index,
                    self._current_facts(),
                    [self._dense[record] for record in dense],
                    dense[-1].last_id if dense else 0,
                    self._lexical[lexical[0]] if lexical else None,
                    lexical[0].last_id if lexical else 0,
                    self._admitted(where) if where else None,
                )
                return

    def _admitted(self, where: Where) -> Admitted:
        version = self._facts.version
        if self._known[0] != version:
            self._known = version, known(self.index)
        key = version, where, Path.cwd()  # a path may be one that is seen from there
        if self._last is None or self._last[0] != key:
            self._last = key, admit(self.index, where, self._known[1])
        return self._last[1]

    def _current_facts(self) -> Facts:
        catalog = self.index.catalog
        version = catalog.version()
        if version != self._facts.version:
            languages = tuple(catalog.texts.languages())
            counts = catalog.count("sources"), catalog.count("chunks")
            failed = tuple(catalog.failures.all())
            self._facts = Facts(version, *counts, languages, failed)
        return self._facts

    def _open(self, record: CacheRecord) -> bool:
        """Open a cache's files, if they are there and whole; what was open stays open."""
        if record in self._dense or record in self._lexical:
            return True
        path = self.index.folder / record.name
        try:
            if not is_whole(record, self.index.folder, wholly=self.index.ended_badly()):
                return False
            if record.kind == "dense":
                self._dense[record] = VectorFile(path, dim=self.index.maker.dim)
            else:
                self._lexical[record] = LexicalFolder(path)
        except (OSError, ValueError):
            return False
        return True


class Snapshot:
    """One state of an index. Chunks are named by their ids."""

    def __init__(
        self,
        index: Index,
        facts: Facts,
        dense: Sequence[VectorFile],
        dense_last: int,
        lexical: LexicalFolder | None,
        lexical_last: int,
        admitted: Admitted | None = None,
    ) -> None:
        self._index = index
        self._catalog = index.catalog
        self._dense = dense
        self._facts = facts
        self._vector_of: dict[int, int] = {}  # chunk -> vector, of those that were looked up
        self._entries: dict[int, Entry] = {}  # of chunks in the folder that were looked up
        self._dense_last = dense_last  # vectors above it are in no file
        self._lexical = lexical
        self._lexical_last = lexical_last  # chunks above it are in no folder
        self._admitted = admitted  # None: all of it

    # -- dense

    def best_dense(self, query: FloatVector, *, k: int) -> list[int]:
        """Return the chunks nearest to ``query`` (dim,), at least ``k`` if there are as many."""
        if self._admitted and self._admitted.few is not None:
            scores = self.dense_scores(query, self._admitted.few)
            return sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[:k]
        asked = k
        while True:
            found = [pair for file in self._dense for pair in self._nearest(file, query, asked)]
            found += self._fresh_products(query)
            found.sort(key=lambda pair: (-pair[1], pair[0]))
            homes = self._catalog.chunks.of_vectors(vector for vector, _ in found[:asked])
            near = [chunk for vector, _ in found[:asked] for chunk in homes.get(vector, ())]
            chunks = self._picked(near)
            if len(chunks) >= k or asked >= sum(map(len, self._dense)) + len(
                self._fresh_vectors[0]
            ):
                return chunks
            asked *= 4  # vectors whose chunks are gone or not admitted took the places

    def dense_scores(self, query: FloatVector, chunks: Sequence[int]) -> dict[int, float]:
        """Return the cosine of ``query`` and each of ``chunks`` that exists."""
        self.existing(chunks)
        vectors = {chunk: self._vector_of[chunk] for chunk in chunks if chunk in self._vector_of}
        wanted = sorted(set(vectors.values()))
        products = dict(self._fresh_products(query))
        for file in self._dense:
            products |= file.scores(query, wanted)
        products |= self._products(query, [vector for vector in wanted if vector not in products])
        return {chunk: products[vector] for chunk, vector in vectors.items() if vector in products}

    def _nearest(self, file: VectorFile, query: FloatVector, k: int) -> Iterable[tuple[int, float]]:
        found = file.search(query, k=k)
        if file.is_exact:
            return found
        return self._products(query, [vector for vector, _ in found]).items()

    def _products(self, query: FloatVector, vectors: Iterable[int]) -> dict[int, float]:
        """Return the inner product of each of ``vectors`` that exists, from the catalog."""
        ids, rows = self._catalog.vectors.rows(vectors, self._index.maker.dim)
        return dict(zip(ids, (rows @ query).tolist(), strict=True))

    @cached_property
    def _fresh_vectors(self) -> tuple[list[int], FloatMatrix]:
        dim = self._index.maker.dim
        batches = list(self._catalog.vectors.after(self._dense_last, dim))
        rows = [rows for _, rows in batches] or [np.empty((0, dim), np.float32)]
        return [id_ for ids, _ in batches for id_ in ids], np.concatenate(rows)

    def _fresh_products(self, query: FloatVector) -> list[tuple[int, float]]:
        ids, rows = self._fresh_vectors
        return list(zip(ids, (rows @ query).tolist(), strict=True))

    # -- lexical

    def best_lexical(self, field: str, query: Query, *, k: int) -> list[int]:
        """Return the chunks that match ``query`` best in a field; about ``k``, at most twice it."""
        chunks = self._best_of_folder(field, query, k)
        if self._fresh:
            scores = [
                (self._bm25[field].score(query, self._fresh[chunk].terms(field)), -chunk)
                for chunk in self._picked(list(self._fresh))
            ]
            chunks += [-chunk for score, chunk in sorted(scores, reverse=True)[:k] if score > 0]
        return chunks

    def _best_of_folder(self, field: str, query: Query, k: int) -> list[int]:
        if not (self._lexical and query):
            return []
        only = self._admitted.few if self._admitted else None
        asked = k
        while True:
            found = self._lexical.search(field, query, k=asked, only=only)
            chunks = [chunk for chunk, _ in found]
            if self._admitted and only is None:
                chunks = self._picked(chunks)[:k]
            if not self._admitted or len(chunks) >= k or len(found) < asked:
                return chunks
            asked *= 4  # chunks that are not admitted took the places

    def _picked(self, chunks: list[int]) -> list[int]:
        """Return those of ``chunks`` that are admitted, in order."""
        if self._admitted is None:
            return chunks
        return self._admitted.picked(self._catalog.chunks.contents_of(chunks), chunks)

    def lexical_scores(self, field: str, query: Query, chunks: Sequence[int]) -> dict[int, float]:
        """Return the BM25 score of each of ``chunks`` that any term matches."""
        if not query or not chunks:
            return {}
        if self._lexical and not self._fresh:
            return self._lexical.scores(field, query, chunks)
        scorer = self._bm25[field]
        entries = self._entries_of(chunks)
        scores = {c: scorer.score(query, entry.terms(field)) for c, entry in entries.items()}
        return {chunk: score for chunk, score in scores.items() if score > 0}

    def idf(self, term: str, *, least: int = 0) -> float:
        """Return how telling a term is: BM25's weight, among ``least`` chunks if there are less."""
        return self._bm25["body"].idf(term, least=least)

    def bodies(self, chunks: Iterable[int]) -> list[list[str]]:
        """Return the terms of each of ``chunks`` that exists, its heading path before it."""
        stored = self._catalog.chunks.get(chunks)
        contents = self._catalog.texts.contents(found.content for found in stored.values())
        return [entry_of(s, contents[s.content]).terms("body") for s in stored.values()]

    def _entries_of(self, chunks: Sequence[int]) -> dict[int, Entry]:
        """Return what the lexical cache has, or will have, of each of ``chunks`` that exists."""
        found = {chunk: self._fresh[chunk] for chunk in chunks if chunk in self._fresh}
        if unseen := {c for c in chunks if c not in found and c not in self._entries}:
            homes = self._catalog.chunks.contents_of(c + n for c in unseen for n in (-1, 0, 1))
            near = {c + n for c in unseen for n in (-1, 0, 1) if homes.get(c + n) == homes.get(c)}
            stored = self._catalog.chunks.get(sorted(near)).values()
            contents = self._catalog.texts.contents(s.content for s in stored)
            for content, some in groupby(stored, lambda s: s.content):
                entries = entries_of(some, contents[content])  # of neighbours too, cut short
                self._entries |= {e.chunk: e for e in entries if e.chunk in unseen}
        return found | {c: self._entries[c] for c in chunks if c in self._entries}

    @cached_property
    def _fresh(self) -> dict[int, Entry]:
        return {entry.chunk: entry for entry in fresh_entries(self._catalog, self._lexical_last)}

    @cached_property
    def _bm25(self) -> dict[str, Bm25]:
        """The formula over folder and fresh chunks together, by field."""
        scorers = {field: Bm25() for field in FIELDS}
        if folder := self._lexical:
            for field, total in term_counts(self._catalog).items():
                scorers[field] = Bm25(len(folder), total, partial(folder.frequency, field))
        for field, scorer in scorers.items():
            for entry in self._fresh.values():
                scorer.add(entry.terms(field))
        return scorers

    # -- what was found

    def hits(self, scores: Mapping[int, float], views: Views, *, k: int) -> list[Hit]:
        """Return the ``k`` best chunks as hits, best first; ties go by path, then start.

        Raises:
            IndexDamagedError: a chunk's row is not what was written.
        """
        ranked = sorted(((round(score, 9), chunk) for chunk, score in scores.items()), reverse=True)
        least = ranked[min(k, len(ranked)) - 1][0] if ranked else 0.0
        stored = self._catalog.chunks.get(chunk for score, chunk in ranked if score >= least)
        contents = self._catalog.texts.contents(found.content for found in stored.values())
        homes = self._catalog.texts.paths_of(contents)
        if self._admitted:
            homes = {content: list(self._admitted.homes[content]) for content in homes}
        outdated = stale((path for paths in homes.values() for path in paths), self._facts.failed)
        rows = [
            (-round(scores[id_], 9), homes[found.content], found.chunk.start, found)
            for id_, found in stored.items()
        ]
        rows.sort(key=lambda row: row[:3])
        return [
            Hit(
                rank=rank,
                score=-score,
                path=path,
                chunk=found.chunk,
                title=content.title,
                also=tuple(also),
                stale=tuple(sorted(outdated.intersection(homes[found.content]))),
                id=found.id,
                views=tuple((name, view.get(found.id, 0.0)) for name, view in views.items()),
                unread=content.pages_without_text,
                read_by=next((by for _, _, by in pages if by), "")
                or read_by(content.type, content.fields, found.chunk.page),
                pages=pages,
            )
            for rank, (score, paths, _, found) in enumerate(rows[:k], start=1)
            for path, *also in (sorted(paths, key=lambda path: path in outdated),)
            for content in (contents[found.content],)
            for pages in (self._pages(found, content),)
        ]

    def _pages(self, found: StoredChunk, content: Content) -> tuple[tuple[int, int, str], ...]:
        """Return the pages that a chunk spans, as ``Hit`` has them; () if it is one, or none."""
        chunk = found.chunk
        starts = self._catalog.texts.page_starts(content.id) if content.pages > 1 else []
        spanned = tuple(
            (max(at - chunk.start, 0), page, read_by(content.type, content.fields, page))
            for page, (at, end) in enumerate(pairwise([*starts, chunk.end]), start=1)
            if at < chunk.end and end > chunk.start
        )
        return spanned if len(spanned) > 1 else ()

    def existing(self, chunks: Collection[int]) -> set[int]:
        """Return those of ``chunks`` that this state of the index has."""
        unseen = [chunk for chunk in chunks if chunk not in self._vector_of]
        self._vector_of |= self._catalog.chunks.vectors_of(unseen) if unseen else {}
        return self._vector_of.keys() & set(chunks)

    @property
    def facts(self) -> Facts:
        """What is true of the whole index."""
        return self._facts

    @property
    def searched(self) -> tuple[int, int]:
        """How many files and chunks are searched: those that the filter admits."""
        part = self._admitted or self._facts
        return part.files, part.chunks

    @property
    def where(self) -> str:
        """The filter, "" if there is none."""
        return str(self._admitted.where) if self._admitted else ""
