"""Which installed model to use, and whether it can do what is asked: before anything is loaded."""

from __future__ import annotations

import difflib
import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ragkit.errors import ModelNotFoundError, ModelUnfitError
from ragkit.ollama.clients import Client
from ragkit.ollama.records import InstalledModel, ModelInfo, RunningModel

Capability = Literal["embedding", "completion"]
FOREVER_S = 10 * 365 * 86400.0  # "for ever" ends 292 years from now
WHAT = {"embedding": "an embedding model", "completion": "a model that chats"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model to use, and what the server says of it."""

    name: str
    digest: str
    info: ModelInfo


def canonical(name: str) -> str:
    """Return a model's name as the server lists it, in lower case.

    >>> canonical("Llama3.2"), canonical("hf.co/a/b:Q4"), canonical("library/phi4")
    ('llama3.2:latest', 'hf.co/a/b:q4', 'phi4:latest')
    """
    lowered = name.strip().lower().removeprefix("registry.ollama.ai/").removeprefix("library/")
    return lowered if ":" in lowered.rpartition("/")[2] else f"{lowered}:latest"


def can(info: ModelInfo, capability: Capability) -> bool:
    """Say whether a model can embed, or chat: it does one or the other."""
    return capability in capabilities(info)


def capabilities(info: ModelInfo) -> tuple[str, ...]:
    """Return what a model can do, in Ollama's words; of old releases no more than one of two."""
    if info.capabilities is not None:
        return info.capabilities
    # Releases before 0.6.4 do not say; the rule is theirs since.
    embeds = "bert" in info.family or any(key.endswith(".pooling_type") for key in info.model_info)
    return ("embedding",) if embeds else ("completion",)


def most_tokens(info: ModelInfo, options: Mapping[str, Any]) -> int | None:
    """Return how many tokens a model takes at the most with some options, None if not known.

    The server's own settings may let it take less.
    """
    asked = options.get("num_ctx") or info.num_ctx
    limits = [limit for limit in (info.context_length, asked) if isinstance(limit, int) and limit]
    return min(limits, default=None)


def find(installed: Iterable[InstalledModel], wanted: str) -> InstalledModel:
    """Return the installed model of a name.

    Raises:
        ModelNotFoundError: there is none; the hint names the nearest.
    """
    named = {canonical(model.name): model for model in installed}
    found = named.get(canonical(wanted))
    if found is None:
        raise _not_found(wanted, named.values())
    return found


def loaded_for_s(running: RunningModel, now: datetime) -> float | None:
    """Return for how many seconds more a model stays loaded; infinity for ever, None if unknown.

    >>> from datetime import UTC
    >>> soon = RunningModel("m", "", 0, 0, "2026-01-01T00:05:00.123456789Z")
    >>> ever = RunningModel("m", "", 0, 0, "2318-04-12T23:47:16.854775807+01:00")
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> loaded_for_s(soon, now), loaded_for_s(ever, now)
    (300.123456, inf)
    >>> loaded_for_s(RunningModel("m", "", 0, 0, expires_at=""), now)
    """
    try:
        left = (datetime.fromisoformat(running.expires_at) - now).total_seconds()
    except (ValueError, TypeError):  # no moment, or one without a time zone
        return None
    return math.inf if left > FOREVER_S else max(left, 0.0)


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
    if wanted:
        chosen = _known(client, find(installed, wanted), wanted)
        if not can(chosen.info, capability):
            raise _unfit(chosen, capability, default)
        return chosen
    first = next((m for m in installed if canonical(m.name) == canonical(default)), None)
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


def choose_seeing(client: Client, wanted: str) -> Chosen:
    """Return the model of a name, which has to take images.

    Releases before 0.6.4 do not say which do: there the server is asked and tells.

    Raises:
        ModelNotFoundError: it is not installed.
        ModelUnfitError: it does not take images.
    """
    chosen = _known(client, find(client.tags(), wanted), wanted)
    able = chosen.info.capabilities
    if able is not None and "vision" not in able:
        raise ModelUnfitError(
            f"{chosen.name} does not take images",
            hint="name another with --vision-model, such as llava ('ollama pull llava' gets it)",
        )
    return chosen


def _known(client: Client, model: InstalledModel, name: str) -> Chosen:
    return Chosen(name, model.digest, client.show(model.name))


def nearest(installed: Iterable[InstalledModel], wanted: str) -> str:
    """Return the installed model whose name is nearest to one that is not, "" if none is near."""
    names = [model.name.removesuffix(":latest") for model in installed]
    close = difflib.get_close_matches(wanted.removesuffix(":latest"), names, n=1)
    return close[0] if close else ""


def _not_found(wanted: str, installed: Iterable[InstalledModel]) -> ModelNotFoundError:
    hint = f"ollama pull {shlex.quote(wanted)}"
    if close := nearest(installed, wanted):
        hint += f"; or did you mean {close}, which is installed?"
    return ModelNotFoundError(f"the model {wanted!r} is not installed", hint=hint)


def _unfit(chosen: Chosen, capability: Capability, default: str) -> ModelUnfitError:
    other: Capability = "completion" if capability == "embedding" else "embedding"
    flag = "--embed-model" if capability == "embedding" else "--model"
    return ModelUnfitError(
        f"{chosen.name} is {WHAT[other]}; {WHAT[capability]} is needed here",
        hint=f"name another with {flag}, such as {default} ('ollama pull {default}' gets it)",
    )
