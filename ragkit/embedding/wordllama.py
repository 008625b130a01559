"""The built-in embedder: WordLlama's static vectors, out of its wheel, without its package.

A text's vector is the mean of its tokens' vectors (256 dimensions, 32,000 tokens). The package
``wordllama`` is not imported: that takes 0.2 s, sets up the caller's logging, and its loader looks
for the tokenizer in a folder that the wheel does not have. What is read are its two files.

Source: https://github.com/dleemiller/WordLlama (weights and code MIT licence).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ragkit import extras
from ragkit.errors import MissingExtraError
from ragkit.text.surrogates import encodable
from ragkit.types import FloatMatrix, FloatVector

NAME = "builtin:wordllama-256"
DIM, TOKENS = 256, 32_000
WEIGHTS = "weights/l2_supercat_256.safetensors"
TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"


class WordLlamaEmbedder:
    """Embeds with the model in the wheel of ``wordllama``: no server, no download.

    Raises:
        MissingExtraError: the extra ``offline`` is not installed, or its files are not as expected.
    """

    name = NAME
    dim = DIM

    def __init__(self) -> None:
        self._folder = extras.folder("wordllama", extra="offline")
        self._mapped = _map_weights(self._folder / WEIGHTS)  # (TOKENS, DIM) float16

    @property
    def fingerprint(self) -> str:
        """The model and a digest of some of its weights: equal for equal vectors."""
        probe = self._mapped[1000:1016].tobytes()
        return f"{NAME} {hashlib.blake2b(probe, digest_size=8).hexdigest()}"

    @cached_property
    def _weights(self) -> FloatMatrix:
        return self._mapped.astype(np.float32)  # (TOKENS, DIM)

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - tokenizers has no types
        return _read_tokenizer(self._folder / TOKENIZER)

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32 ``(len(texts), 256)``, rows of unit length; a blank text is zeros."""
        readable = [encodable(text) for text in texts]
        found = self._tokenizer.encode_batch_fast(readable, add_special_tokens=False)
        rows = np.zeros((len(texts), DIM), np.float32)
        for row, text, encoding in zip(rows, texts, found, strict=True):
            if text.strip():
                vectors = self._weights.take(encoding.ids, axis=0)  # (tokens, DIM)
                total = np.ones(len(vectors), np.float32) @ vectors  # several times faster than sum
                row[:] = total / max(float(np.linalg.norm(total)), 1e-12)
        return rows

    def embed_query(self, text: str) -> FloatVector:
        """Return float32 ``(256,)``, of unit length; a blank text is zeros."""
        (row,) = self.embed_documents([text])
        return np.asarray(row, np.float32)


def _map_weights(file: Path) -> npt.NDArray[np.float16]:
    """Return the one tensor of a safetensors file, ``(TOKENS, DIM)``, mapped.

    Source: https://github.com/huggingface/safetensors#format
    """
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(size)) if size < 10_000 else {}
        tensor = header["embedding.weight"]
        if tensor["dtype"] != "F16" or tensor["shape"] != [TOKENS, DIM]:
            raise ValueError(f"{tensor['dtype']} {tensor['shape']}")
        start = 8 + size + tensor["data_offsets"][0]
        return np.memmap(file, np.float16, "r", start, (TOKENS, DIM))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unexpected(file, error) from error


def _read_tokenizer(file: Path) -> Any:  # noqa: ANN401 - tokenizers has no types
    tokenizers = extras.require("tokenizers", extra="offline")
    try:
        tokenizer = tokenizers.Tokenizer.from_str(file.read_text("utf-8"))
    except Exception as error:  # tokenizers raises Exception itself
        raise _unexpected(file, error) from error
    tokenizer.encode_special_tokens = True  # "</s>" in a document is text
    return tokenizer


def _unexpected(file: Path, error: Exception) -> MissingExtraError:
    return MissingExtraError(
        f"the model file {file} is not as expected: {error}",
        hint=f"install it again: {extras.install_hint('offline')}",
    )
