"""An embedder for tests that are not about embedding: words hashed into 32 dimensions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from ragkit.types import FloatMatrix, FloatVector


class HashingEmbedder:
    """Texts that share words are near. Counts what it was asked to embed."""

    dim = 32

    def __init__(self, name: str = "test:hashing") -> None:
        self.name = name
        self.fingerprint = f"{name} 1"
        self.embedded: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        self.embedded += texts
        return np.array([self.embed_query(text) for text in texts], np.float32).reshape(-1, 32)

    def embed_query(self, text: str) -> FloatVector:
        row = np.zeros(self.dim, np.float32)
        for word in text.lower().split():
            row[hashlib.sha256(word.encode()).digest()[0] % self.dim] += 1
        return row / max(float(np.linalg.norm(row)), 1e-9)
