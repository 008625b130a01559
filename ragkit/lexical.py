"""BM25 over the terms of chunks, of their heading paths, and of chunks among their neighbours.

The only importer of tantivy.

``LexicalFolder`` is a tantivy index on disk. ``Bm25`` is the same formula in Python, to the letter
(lengths rounded as tantivy rounds them), for chunks that a folder does not hold yet: a chunk scores
the same whichever of the two scores it.

Source: Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with
Lucene's idf, ``ln(1 + (N - n + 0.5) / (n + 0.5))``; k1 = 1.2, b = 0.75.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tantivy

# The chunk with its heading path before it; the path alone; the chunk between its neighbours.
FIELDS = ("body", "headings", "window")
K1, B = 1.2, 0.75
HEAP_BYTES = 50_000_000

Query = Sequence[tuple[str, ...]]  # one tuple a word: the forms it may have


@dataclass(frozen=True, slots=True)
class Entry:
    """The terms of one chunk, joined by spaces, and what its fields are made of.

    A window is one text of its own: adding up what three chunks score favours long documents.
    """

    chunk: int
    text: str
    headings: str = ""
    before: str = ""  # the text of the chunk before it in its document, "" for the first
    after: str = ""

    @property
    def body(self) -> str:
        """The chunk with its heading path before it."""
        return _joined(self.headings, self.text)

    @property
    def window(self) -> str:
        """The chunk between its neighbours. No headings: with them it finds no more."""
        return _joined(self.before, self.text, self.after)

    def terms(self, field: str) -> list[str]:
        """Return the terms of one of ``FIELDS``."""
        joined: str = getattr(self, field)
        return joined.split()


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", indexed=True, fast=True)
    for name in FIELDS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def write_lexical(
    folder: Path, entries: Iterable[Entry], *, removed: Sequence[int] = (), after: int = 0
) -> dict[str, int]:
    """Add chunks to the index in ``folder``, which is made if it is empty, and drop others.

    Return the number of terms that were added to each of ``FIELDS``, which tantivy does not tell.

    Args:
        folder: an existing folder; none but the caller uses it.
        entries: what to add.
        removed: chunks to drop.
        after: chunks above this id are dropped too before any is added, so that an addition that
            was interrupted can be made again.
    """
    schema = _schema()
    writer = tantivy.Index(schema, path=str(folder)).writer(HEAP_BYTES, num_threads=1)
    dropped = tantivy.Query.term_set_query(schema, "chunk", list(removed))
    writer.delete_documents_by_query(dropped)
    beyond = tantivy.Query.range_query(
        schema, "chunk", tantivy.FieldType.Unsigned, after, 2**63, include_lower=False
    )
    writer.delete_documents_by_query(beyond)
    added = dict.fromkeys(FIELDS, 0)
    for entry in entries:
        document = tantivy.Document()
        document.add_unsigned("chunk", entry.chunk)
        for name in FIELDS:
            joined: str = getattr(entry, name)
            document.add_text(name, joined)
            added[name] += joined.count(" ") + 1 if joined else 0
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    mode = folder.stat().st_mode & 0o666  # tantivy lets none but their owner read some of its files
    for file in folder.iterdir():
        file.chmod(mode)
    return added


def holds_dropped(folder: Path) -> bool:
    """Say whether an index in ``folder`` takes space for chunks that were dropped."""
    described = json.loads((folder / "meta.json").read_bytes())
    return any(segment["deletes"] for segment in described["segments"])


class LexicalFolder:
    """A folder that ``write_lexical`` made, open for search.

    Raises:
        ValueError: there is no such index, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        index = tantivy.Index.open(str(folder))
        self._schema = index.schema
        self._searcher = index.searcher()

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def frequency(self, field: str, term: str) -> int:
        """Return how many chunks have ``term`` (dropped ones count until they are merged away)."""
        return int(self._searcher.doc_freq(field, term))

    def search(
        self, field: str, query: Query, *, k: int, only: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """Return at most ``k`` ``(chunk, score)`` pairs, best first; of ``only`` some chunks."""
        asked = self._query(field, query)
        return self._run(asked if only is None else self._within(asked, only), k)

    def scores(self, field: str, query: Query, chunks: Collection[int]) -> dict[int, float]:
        """Return the score of each of ``chunks`` that the folder holds and any term matches."""
        return dict(self.search(field, query, k=len(chunks), only=chunks))

    def _within(self, query: tantivy.Query, chunks: Collection[int]) -> tantivy.Query:
        only = tantivy.Query.term_set_query(self._schema, "chunk", list(chunks))
        return tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, tantivy.Query.const_score_query(only, 0.0)),
                (tantivy.Occur.Must, query),
            ]
        )

    def _run(self, query: tantivy.Query, k: int) -> list[tuple[int, float]]:
        most = max(min(k, len(self)), 1)  # tantivy makes room for all of them at once
        hits = self._searcher.search(query, most, count=False).hits
        chunks = self._searcher.fast_field_values("chunk", [address for _, address in hits])
        scores = [score for score, _ in hits]
        return [(int(c or 0), float(s)) for c, s in zip(chunks, scores, strict=True)]

    def _query(self, field: str, query: Query) -> tantivy.Query:
        words = []
        for forms in query:
            terms = [tantivy.Query.term_query(self._schema, field, t, "freq") for t in forms]
            word = terms[0] if len(terms) == 1 else tantivy.Query.disjunction_max_query(terms)
            words.append((tantivy.Occur.Should, word))
        return tantivy.Query.boolean_query(words)


def _rounded_lengths() -> list[int]:
    """Return the 256 lengths that Lucene and tantivy keep in a byte: exact up to 40, then coarser.

    Source: org.apache.lucene.util.SmallFloat.byte4ToInt.
    """

    def float4(bits: int) -> int:
        shift = (bits >> 3) - 1
        return bits if shift < 0 else (8 | bits & 7) << shift

    return [code if code < 24 else 24 + float4(code - 24) for code in range(256)]


LENGTHS = _rounded_lengths()


class Bm25:
    """The formula over one field of a collection of chunks: those in a folder, and those added.

    Args:
        chunks: how many chunks the folder has.
        terms: how many terms their field has in all.
        frequency: how many of them have a term.
    """

    def __init__(
        self, chunks: int = 0, terms: int = 0, frequency: Callable[[str], int] = lambda _: 0
    ) -> None:
        self._chunks = chunks
        self._total = terms
        self._folder_frequency = frequency
        self._added: Counter[str] = Counter()  # term -> chunks added that have it

    def add(self, terms: Sequence[str]) -> None:
        """Count one more chunk."""
        self._chunks += 1
        self._total += len(terms)
        self._added.update(set(terms))

    def idf(self, term: str, *, least: int = 0) -> float:
        """Return the weight of a term, among ``least`` chunks if there are less."""
        having = self._folder_frequency(term) + self._added[term]
        return idf(having, max(self._chunks, least))

    def score(self, query: Query, terms: Sequence[str]) -> float:
        """Return the score of a chunk with these terms.

        >>> few = Bm25()
        >>> for text in ("a b", "a c"): few.add(text.split())
        >>> round(few.score([("b",)], ["a", "b"]), 4), few.score([("x", "y")], ["a", "b"])
        (0.6931, 0.0)
        """
        counts = Counter(terms)
        length = LENGTHS[bisect_right(LENGTHS, len(terms)) - 1]
        norm = K1 * (1 - B + B * length * self._chunks / max(self._total, 1))

        def weight(term: str) -> float:
            count = counts[term]
            return self.idf(term) * (K1 + 1) * count / (count + norm) if count else 0.0

        return sum(max(map(weight, forms)) for forms in query)


def idf(having: int, chunks: int) -> float:
    """Return the weight of a term that ``having`` of ``chunks`` chunks have.

    >>> round(idf(1, 10), 3), round(idf(0, 10), 3)
    (1.992, 3.091)
    """
    return math.log(1 + (max(chunks, having) - having + 0.5) / (having + 0.5))
