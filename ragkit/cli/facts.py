"""What is known of the models of a server, in words and in JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ragkit.cli.app import notice
from ragkit.cli.output import duration
from ragkit.errors import ModelNotFoundError, OllamaError

if TYPE_CHECKING:
    from ragkit.ollama import Client, InstalledModel, ModelInfo, RunningModel

WORDS = {"completion": "chat", "insert": "fill in"}  # Ollama's words that say less to people


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an installed model."""

    model: InstalledModel
    info: ModelInfo | None  # None: the server cannot read it
    running: RunningModel | None  # None: it is not loaded

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it can do, in Ollama's words."""
        from ragkit.ollama.installed import capabilities

        return capabilities(self.info) if self.info else ()

    @property
    def good_for(self) -> str:
        """The same in words of people."""
        return ", ".join(WORDS.get(word, word) for word in self.capabilities)

    @property
    def loaded(self) -> str:
        """For how long more it is loaded and with what context, "" if it is not."""
        if self.running is None:
            return ""
        return f"{stays(self.running)}{context(self.running)}"

    def as_json(self) -> dict[str, object]:
        """Return it as ``models --json`` has it."""
        model, info = self.model, self.info
        return {
            "name": model.name,
            "digest": model.digest,
            "bytes": model.size,
            "family": model.family,
            "parameters": model.parameter_size,
            "quantization": model.quantization_level,
            "context_length": info and info.context_length,
            "embedding_length": info and info.embedding_length,
            "capabilities": list(self.capabilities),
            "loaded": self.running and running_json(self.running),
        }


def all_facts(client: Client, found: tuple[InstalledModel, ...]) -> Iterator[Facts]:
    """Yield what is known of installed models; one that cannot be read is named and goes on."""
    from ragkit.ollama.installed import canonical

    running = {canonical(each.name): each for each in client.ps()}
    for model in found:
        info = None
        try:
            # The list of /api/tags has capabilities too, but not of each release, and wrong ones.
            info = client.show(model.name)
        except ModelNotFoundError:
            continue  # deleted meanwhile
        except OllamaError as error:
            if error.status is None:  # no reply: the others have none either
                raise
            notice(f"{model.name}: {error.message}")
        yield Facts(model, info, running.get(canonical(model.name)))


def stays(running: RunningModel) -> str:
    """Return for how long more a model stays loaded."""
    from ragkit.ollama.installed import loaded_for_s

    left = loaded_for_s(running, datetime.now(UTC))
    if left is None:
        return "for a while"
    return "for ever" if left == math.inf else f"for {duration(left)}"


def context(running: RunningModel) -> str:
    """Return with what context a model was loaded, where the server says so."""
    return f", context {running.context_length}" if running.context_length else ""


def running_json(running: RunningModel) -> dict[str, object]:
    """Return a loaded model as ``--json`` has it."""
    return {
        "until": running.expires_at,
        "context_length": running.context_length,
        "bytes": running.size,
        "gpu_bytes": running.size_vram,
    }


def running_now(client: Client, model: str) -> RunningModel | None:
    """Return a model as it is loaded now, None if it is not."""
    from ragkit.ollama.installed import canonical

    names = (each for each in client.ps() if canonical(each.name) == canonical(model))
    return next(names, None)
