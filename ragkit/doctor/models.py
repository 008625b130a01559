"""The models that are needed: whether they are installed, can do it, and where they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ragkit.errors import OllamaError, RagkitError
from ragkit.ollama import Client, InstalledModel, RunningModel
from ragkit.ollama.installed import Capability, Chosen, canonical, choose
from ragkit.types import Check


@dataclass(frozen=True, slots=True)
class Need:
    """A model that is needed: the one that is named, else the usual one, else one that can."""

    setting: Literal["embed_model", "model"]
    wanted: str
    usual: str

    @property
    def capability(self) -> Capability:
        """What it is needed for."""
        return "embedding" if self.setting == "embed_model" else "completion"


def find(client: Client, need: Need) -> tuple[Check, Chosen | None]:
    """Return whether a model is there and what it is, without loading it."""
    try:
        chosen = choose(client, need.wanted, default=need.usual, capability=need.capability)
        installed = _installed(client, chosen.name)
    except OllamaError as error:
        return failed(need.setting, error), None
    info = chosen.info
    facts = {
        "model": chosen.name,
        "capabilities": list(info.capabilities or (need.capability,)),
        "context_length": info.context_length,
        "embedding_length": info.embedding_length,
        "parameter_size": info.parameter_size,
        "quantization_level": info.quantization_level,
        "bytes": installed.size if installed else None,
    }
    parts = [info.parameter_size, info.quantization_level]
    if need.capability == "embedding" and info.embedding_length:
        parts.append(f"{info.embedding_length} dimensions")
    if info.context_length:
        parts.append(f"context {info.context_length}")
    text = f"{chosen.name}: {', '.join(filter(None, parts))}"
    if need.wanted or chosen.name == need.usual:
        return Check(need.setting, "ok", text, facts=facts), chosen
    flag = f"--{need.setting.replace('_', '-')}"
    return (
        Check(
            need.setting,
            "note",
            f"{text}; taken because {need.usual} is not installed",
            f"ollama pull {need.usual}; or name another with {flag}",
            facts,
        ),
        chosen,
    )


def failed(name: str, error: RagkitError) -> Check:
    """Return the check that an error ended."""
    facts = {"error": type(error).__name__}
    return Check(name, "fail", error.message, error.hint, facts, error.exit_code)


def _installed(client: Client, name: str) -> InstalledModel | None:
    wanted = canonical(name)
    return next((model for model in client.tags() if canonical(model.name) == wanted), None)


def running(client: Client, names: Sequence[str]) -> list[RunningModel]:
    """Return those of some models that are loaded now."""
    wanted = {canonical(name) for name in names}
    return [model for model in client.ps() if canonical(model.name) in wanted]


def check_loaded(loaded: Sequence[RunningModel]) -> Check:
    """Say where loaded models run, and with what context."""
    facts = {
        "models": [
            {
                "model": model.name,
                "bytes": model.size,
                "gpu_bytes": model.size_vram,
                "context_length": model.context_length,
            }
            for model in loaded
        ]
    }
    text = ", ".join(
        f"{model.name.removesuffix(':latest')} {_where(model)}{_context(model)}" for model in loaded
    )
    return Check("loaded", "ok", text or "none of these models now", facts=facts)


def on_gpu(model: RunningModel) -> float:
    """Return the part of a loaded model that is on a GPU, 0 to 1."""
    return min(model.size_vram / model.size, 1.0) if model.size else 0.0


def _where(model: RunningModel) -> str:
    part = on_gpu(model)
    if part in (0.0, 1.0):
        return "on the GPU" if part else "on the CPU"
    return f"{part:.0%} on the GPU and the rest on the CPU"


def _context(model: RunningModel) -> str:
    return f" (context {model.context_length})" if model.context_length else ""
