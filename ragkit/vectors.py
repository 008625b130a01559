"""Nearest-neighbour search over files of vectors. The only importer of faiss.

Up to 100 MB of vectors (65,000 of 384 dimensions) a file holds them as they are and search is
exact: some 5 ms a query, no training, no surprise; while it is written it takes up to twice that
in memory. Above that a file holds codes: a random rotation,
one bit a dimension (RaBitQ), and eight bits a dimension to sort out the best of those. Built in
seconds where a graph takes minutes; what it finds is to be scored again by the exact vectors, which
lifts recall@10 of a million above .99 (tests/benchmarks/RESULTS.md). Files are mapped, not read:
opening one takes milliseconds.

Source: Gao & Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for
Approximate Nearest Neighbor Search", 2024, as faiss implements it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from ragkit.types import FloatMatrix, FloatVector

EXACT_BYTES = 100_000_000  # of vectors, searched exactly
BITS_FACTOR = 10  # how many times k are found by bits, before eight bits a dimension choose k


def is_exact(count: int, dim: int) -> bool:
    """Say whether so many vectors are kept as they are."""
    return count * dim * 4 <= EXACT_BYTES


def write_vectors(
    file: Path,
    batches: Iterable[tuple[Sequence[int], FloatMatrix]],
    *,
    dim: int,
    sample: Callable[[], FloatMatrix] | None = None,
) -> int:
    """Write vectors and their ids to ``file``; return how many.

    Args:
        file: where to; must not be in use.
        batches: ids, ascending over all batches, and their rows ``(n, dim)``.
        dim: length of a vector.
        sample: returns some thousand vectors, from all over: codes are written that fit them, and
            they are let go of before. None: the vectors themselves are written.
    """
    if sample is None:
        inner: faiss.Index = faiss.IndexFlatIP(dim)
    else:
        recipe = f"RR{dim},RaBitQfs,Refine(SQ8)"
        inner = faiss.index_factory(dim, recipe, faiss.METRIC_INNER_PRODUCT)
        inner.train(np.ascontiguousarray(sample(), np.float32))
    index = faiss.IndexIDMap(inner)
    for ids, rows in batches:
        index.add_with_ids(np.ascontiguousarray(rows, np.float32), np.asarray(ids, np.int64))
    with file.open("wb") as opened:  # Python's: it says when a disk is full, and opens any path
        writer = faiss.PyCallbackIOWriter(opened.write)  # type: ignore[attr-defined] # not in its stubs
        faiss.write_index(index, writer)
    return int(index.ntotal)


class VectorFile:
    """A file that ``write_vectors`` made, open for search.

    Raises:
        ValueError: the file is not one, or of another dimension.
    """

    def __init__(self, file: Path, *, dim: int) -> None:
        try:
            index = _opened(file)
            inner: Any = faiss.downcast_index(index.index)
        except (RuntimeError, AttributeError) as error:  # faiss raises no class of its own
            raise ValueError(f"{file} is no file of vectors: {error}") from error
        if inner.d != dim:
            raise ValueError(f"{file} has vectors of {inner.d}, not {dim}")
        faiss.omp_set_num_threads(1)  # two threads make one query 2 to 6 times slower
        self._index = index
        count = index.ntotal
        self._ids = faiss.vector_to_array(index.id_map)  # (n,) int64, ascending
        self.is_exact = isinstance(inner, faiss.IndexFlat)
        if self.is_exact and count:
            rows = faiss.rev_swig_ptr(inner.get_xb(), count * dim)
            self._rows = rows.reshape(count, dim)  # a view of the mapped file
        elif not self.is_exact:
            inner.k_factor = BITS_FACTOR

    def __len__(self) -> int:
        return len(self._ids)

    def search(self, query: FloatVector, *, k: int) -> list[tuple[int, float]]:
        """Return at most ``k`` ``(id, inner product)`` pairs, best first.

        Unless the file ``is_exact`` the products are near what they should be, and some of the
        best may be missing.
        """
        if not len(self):
            return []
        scores, ids = self._index.search(query[None, :], min(k, len(self)))  # both (1, k)
        return list(zip(ids[0].tolist(), scores[0].tolist(), strict=True))

    def scores(self, query: FloatVector, ids: Sequence[int]) -> dict[int, float]:
        """Return the inner product of each of ``ids`` that the file holds, if it ``is_exact``."""
        if not (self.is_exact and len(self)):
            return {}
        wanted = np.asarray(ids, np.int64)
        places = np.minimum(np.searchsorted(self._ids, wanted), len(self) - 1)
        here = self._ids[places] == wanted
        products = self._rows[places[here]] @ query  # (found,)
        return dict(zip(wanted[here].tolist(), products.tolist(), strict=True))


def _opened(file: Path) -> Any:  # noqa: ANN401 - faiss has no types
    """Map a file; where its path is one that faiss cannot open, read it into memory."""
    try:
        return faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
    except (RuntimeError, TypeError):
        return faiss.deserialize_index(np.frombuffer(file.read_bytes(), np.uint8))
