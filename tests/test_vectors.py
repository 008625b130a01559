"""The file of vectors finds what brute force finds."""

import os
from pathlib import Path

import numpy as np
import pytest

from ragkit.types import FloatMatrix
from ragkit.vectors import VectorFile, is_exact, write_vectors


def test_search_equals_brute_force(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((500, 16), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = [3 * i + 1 for i in range(500)]
    count = write_vectors(
        tmp_path / "v", [(ids[:200], rows[:200]), (ids[200:], rows[200:])], dim=16
    )
    file = VectorFile(tmp_path / "v", dim=16)
    assert count == len(file) == 500
    query = rows[7]
    expected = sorted(zip((rows @ query).tolist(), ids, strict=True), reverse=True)
    found = file.search(query, k=10)
    assert [i for i, _ in found] == [i for _, i in expected[:10]]
    assert [s for _, s in found] == pytest.approx([s for s, _ in expected[:10]], abs=1e-6)
    assert len(file.search(query, k=9999)) == 500
    assert file.scores(query, [1, 2, 22, 9999]) == pytest.approx(
        {1: float(rows[0] @ query), 22: 1.0}, abs=1e-6
    )


def test_an_empty_file_finds_nothing(tmp_path: Path) -> None:
    assert write_vectors(tmp_path / "v", [], dim=4) == 0
    file = VectorFile(tmp_path / "v", dim=4)
    query = np.ones(4, np.float32)
    assert file.search(query, k=3) == []
    assert file.scores(query, [1, 2]) == {}


def test_other_files_are_refused(tmp_path: Path) -> None:
    write_vectors(tmp_path / "v", [], dim=4)
    with pytest.raises(ValueError, match="vectors of 4, not 8"):
        VectorFile(tmp_path / "v", dim=8)
    (tmp_path / "w").write_bytes(b"not one")
    with pytest.raises(ValueError, match="no file of vectors"):
        VectorFile(tmp_path / "w", dim=4)


def test_a_file_at_a_path_that_faiss_cannot_open_is_read(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    write_vectors(folder / "v", [([3], np.eye(1, 4, dtype=np.float32))], dim=4)
    assert VectorFile(folder / "v", dim=4).search(np.eye(1, 4, dtype=np.float32)[0], k=2) == [
        (3, 1.0)
    ]


def near(seed: int, count: int, *, dim: int) -> FloatMatrix:
    """Return unit vectors around fifty points."""
    rng = np.random.default_rng(seed)
    points = np.random.default_rng(0).standard_normal((50, dim), np.float32)
    rows = points[rng.integers(0, 50, count)] + 0.7 * rng.standard_normal((count, dim), np.float32)
    unit: FloatMatrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.mark.parametrize("dim", [32, 100])
def test_codes_find_what_brute_force_finds(tmp_path: Path, dim: int) -> None:
    rows = near(1, 4000, dim=dim)
    ids = [2 * i + 5 for i in range(len(rows))]
    write_vectors(tmp_path / "v", [(ids, rows)], dim=dim, sample=lambda: rows[::4])
    assert (tmp_path / "v").stat().st_size < rows.nbytes / 2
    file = VectorFile(tmp_path / "v", dim=dim)
    assert len(file) == 4000
    assert not file.is_exact
    assert file.scores(rows[0], ids[:3]) == {}  # only the vectors themselves could say
    found = 0
    for query in near(2, 20, dim=dim):
        nearest = {ids[i] for i in np.argsort(-(rows @ query))[:10]}
        found += len(nearest & {i for i, _ in file.search(query, k=100)})
    assert found >= 0.98 * 200


def test_how_many_are_searched_exactly() -> None:
    assert is_exact(65_000, 384)
    assert not is_exact(66_000, 384)
    assert not is_exact(65_000, 768)
