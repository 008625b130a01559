"""The parts of a model's file, and what is said of a file that ends before them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tests.ollama_server.models import Model
from tests.ollama_server.releases import Release
from tests.ollama_server.replies import Failure

BYTES = {"F16": 2, "F32": 4}  # a number
HEADER_BYTES = 150_000  # metadata, before the first tensor


@dataclass(frozen=True, slots=True)
class Tensor:
    """A part of a model's file."""

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return BYTES[self.kind] * math.prod(self.shape)


def tensors(model: Model, release: Release) -> list[Tensor]:
    """Return the tensors in the order of a file that the release has converted."""
    dim, many = model.dim, model.vocabulary
    found = [Tensor("token_embd.weight", "F16", (dim, many))]
    if model.embeds:
        found += [Tensor(f"token_embd_norm.{part}", "F32", (dim,)) for part in ("weight", "bias")]
        found += [Tensor("position_embd.weight", "F16", (dim, model.context_length))]
        found += [Tensor("token_types.weight", "F32", (dim, 2))]
    else:
        found += [Tensor("output.weight", "F16", (dim, many))]
        found += [Tensor("output_norm.weight", "F32", (dim,))]
    blocks = [each for block in range(model.blocks) for each in _block(model, f"blk.{block}")]

    def by_name(tensor: Tensor) -> str:
        return tensor.name

    if release >= "0.30.0":
        return sorted(found, key=by_name) + sorted(blocks, key=by_name)
    return sorted(found + blocks, key=by_name)


def _block(model: Model, name: str) -> list[Tensor]:
    dim, inner = model.dim, 2 * model.dim
    matrices = {f"attn_{part}": (dim, dim) for part in ("k", "output", "q", "v")}
    matrices |= {"ffn_up": (dim, inner), "ffn_down": (inner, dim)}
    matrices |= {} if model.embeds else {"ffn_gate": (dim, inner)}
    norms = ("attn_output_norm", "layer_output_norm") if model.embeds else ("attn_norm", "ffn_norm")
    found = [Tensor(f"{name}.{part}.weight", "F16", shape) for part, shape in matrices.items()]
    found += [Tensor(f"{name}.{part}.weight", "F32", (dim,)) for part in norms]
    if model.embeds:  # a BERT has biases
        biases = {part: shape[1:] for part, shape in matrices.items()}
        biases |= dict.fromkeys(norms, (dim,))
        found += [Tensor(f"{name}.{part}.bias", "F32", shape) for part, shape in biases.items()]
    return found


def damage(model: Model, release: Release) -> Failure:
    """Return what is said of a model whose file lost its second half."""
    if release < "0.12.0":
        # llama.cpp looks for the token embeddings first.
        return Failure(
            500,
            "llama runner process has terminated: error loading model: tensor 'token_embd.weight' "
            "data is not within the file bounds, model is corrupted or incomplete",
        )
    end, there = HEADER_BYTES, model.file_bytes // 2
    for tensor in tensors(model, release):
        end += tensor.size
        if end > there:
            break
    return Failure(500, f'tensor "{tensor.name}" offset+size ({end}) exceeds file size ({there})')
