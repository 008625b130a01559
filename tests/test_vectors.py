"""The file of vectors finds what brute force finds."""

import os
from pathlib import Path

import numpy as np
import pytest

from ragkit.vectors import VectorFile, write_vectors


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
