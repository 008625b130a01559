"""Exact nearest-neighbour search over a file of vectors. The only importer of faiss.

Exact up to the sizes measured so far: 7.5 ms a query at 100,000 vectors of 384 dimensions, no
training, no surprise. Files are mapped, not read: opening one takes under a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from ragkit.types import FloatMatrix, FloatVector


def write_vectors(
    file: Path, batches: Iterable[tuple[Sequence[int], FloatMatrix]], *, dim: int
) -> int:
    """Write vectors and their ids to ``file``; return how many.

    Args:
        file: where to; must not be in use.
        batches: ids, ascending over all batches, and their rows ``(n, dim)``.
        dim: length of a vector.
    """
    index = faiss.IndexIDMap(faiss.IndexFlatIP(dim))
    for ids, rows in batches:
        index.add_with_ids(np.ascontiguousarray(rows, np.float32), np.asarray(ids, np.int64))
    file.write_bytes(faiss.serialize_index(index).tobytes())
    return int(index.ntotal)


class VectorFile:
    """A file that ``write_vectors`` made, open for search.

    Raises:
        ValueError: the file is not one, or of another dimension.
    """

    def __init__(self, file: Path, *, dim: int) -> None:
        try:
            index = _opened(file)
            flat: Any = faiss.downcast_index(index.index)
        except (RuntimeError, AttributeError) as error:  # faiss raises no class of its own
            raise ValueError(f"{file} is no file of vectors: {error}") from error
        if flat.d != dim:
            raise ValueError(f"{file} has vectors of {flat.d}, not {dim}")
        faiss.omp_set_num_threads(1)  # two threads make one query 2 to 6 times slower
        self._index = index
        count = index.ntotal
        self._ids = faiss.vector_to_array(index.id_map)  # (n,) int64, ascending
        rows = faiss.rev_swig_ptr(flat.get_xb(), count * dim) if count else np.empty(0, np.float32)
        self._rows = rows.reshape(count, dim)  # a view of the mapped file

    def __len__(self) -> int:
        return len(self._ids)

    def search(self, query: FloatVector, *, k: int) -> list[tuple[int, float]]:
        """Return at most ``k`` ``(id, inner product)`` pairs, best first."""
        if not len(self):
            return []
        scores, ids = self._index.search(query[None, :], min(k, len(self)))  # both (1, k)
        return list(zip(ids[0].tolist(), scores[0].tolist(), strict=True))

    def scores(self, query: FloatVector, ids: Sequence[int]) -> dict[int, float]:
        """Return the inner product of each of ``ids`` that the file holds."""
        if not len(self):
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
