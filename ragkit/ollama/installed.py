"""Which installed model to use, and whether it can do what is asked: before anything is loaded."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from ragkit.errors import ModelNotFoundError, ModelUnfitError
from ragkit.ollama.clients import Client
from ragkit.ollama.records import InstalledModel, ModelInfo

Capability = Literal["embedding", "completion"]
REGISTRY = "registry.ollama.ai"  # where a name without a host is of, and "library" there
WHAT = {"embedding": "an embedding model", "completion": "a model that chats"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model to use, and what the server says of it."""

    name: str
    digest: str
    info: ModelInfo


def canonical(name: str) -> str:
    """Return a model's name as the server lists it, in lower case.

    >>> canonical("Llama3.2"), canonical("hf.co/a/b:Q4")
    ('llama3.2:latest', 'hf.co/a/b:q4')
    >>> canonical("registry.ollama.ai/library/bge-m3"), canonical("library/bge-m3:567m")
    ('bge-m3:latest', 'bge-m3:567m')
    """
    lowered = name.strip().lower().removeprefix(f"{REGISTRY}/").removeprefix("library/")
    return lowered if ":" in lowered.rpartition("/")[2] else f"{lowered}:latest"


def can(info: ModelInfo, capability: Capability) -> bool:
    """Say whether a model can embed, or chat: it does one or the other."""
    if info.capabilities is not None:
        return capability in info.capabilities
    # Releases before 0.6.4 do not say; the rule is theirs since.
    embeds = "bert" in info.family or any(key.endswith(".pooling_type") for key in info.model_info)
    return embeds == (capability == "embedding")


def choose(client: Client, wanted: str, *, default: str, capability: Capability) -> Chosen:
    """Return the model that was named; else the default if it is installed; else one that can.

    One that another server runs is taken only if it was named: documents go to it.

    Args:
        client: of the server.
        wanted: the name that was given, "" for none.
        default: what is taken if none was given.
        capability: what it is for.

    Raises:
        ModelNotFoundError: it is not installed, or none was named and none will do.
        ModelUnfitError: the model that was named cannot do it.
    """
    installed = client.tags()
    named = {canonical(model.name): model for model in installed}
    if wanted:
        found = named.get(canonical(wanted))
        if found is None:
            raise _not_found(wanted, [model.name for model in installed])
        chosen = _known(client, found, wanted)
        if not can(chosen.info, capability):
            raise _unfit(chosen, capability, default)
        return chosen
    first = named.get(canonical(default))
    here = [model for model in installed if not model.is_remote]
    for model in sorted(here, key=lambda model: model is not first):
        name = default if model is first else model.name
        if can((chosen := _known(client, model, name)).info, capability):
            return chosen
    hint = f"ollama pull {default}"
    if elsewhere := [model.name for model in installed if model.is_remote]:
        hint += f"; {', '.join(elsewhere[:3])} would send the documents elsewhere: name it to do so"
    raise ModelNotFoundError(
        f"{WHAT[capability]} is needed and none is installed on {client.address}", hint=hint
    )


def _known(client: Client, model: InstalledModel, name: str) -> Chosen:
    return Chosen(name, model.digest, client.show(model.name))


def _not_found(wanted: str, installed: list[str]) -> ModelNotFoundError:
    hint = f"ollama pull {wanted}"
    names = [name.removesuffix(":latest") for name in installed]
    if close := difflib.get_close_matches(wanted.removesuffix(":latest"), names, n=1):
        hint += f"; or did you mean {close[0]}, which is installed?"
    return ModelNotFoundError(f"the model {wanted!r} is not installed", hint=hint)


def _unfit(chosen: Chosen, capability: Capability, default: str) -> ModelUnfitError:
    other: Capability = "completion" if capability == "embedding" else "embedding"
    flag = "--embed-model" if capability == "embedding" else "--model"
    return ModelUnfitError(
        f"{chosen.name} is {WHAT[other]}; {WHAT[capability]} is needed here",
        hint=f"name another with {flag}, such as {default} ('ollama pull {default}' gets it)",
    )
