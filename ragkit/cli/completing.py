"""Names of installed models, for the shell to complete: quick, and silent where no server is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ragkit.config import Settings
from ragkit.errors import RagkitError

if TYPE_CHECKING:
    from ragkit.ollama.installed import Capability

WAIT_S = 1.0  # for the whole of a reply: a person waits with a finger on the key

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def complete_models(capability: Capability | None = None) -> Complete:
    """Return what completes the names of models: of those that can do something, or of all."""

    def complete(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
        above = ctx.parent.params if ctx.parent else {}  # of 'ragkit models --host gpu-box rm'
        with suppress(RagkitError):
            host = ctx.params.get("host") or above.get("host")
            return installed_names(host, capability, begun)
        return []

    return complete


def installed_names(host: str | None, capability: Capability | None, begun: str) -> list[str]:
    """Return the names that begin so, without ``:latest``.

    Raises:
        RagkitError: there is no server, or a setting is wrong.
    """
    from ragkit.ollama import Client
    from ragkit.ollama.installed import can

    settings = Settings.load(given={"host": host})
    key = settings.api_key or None
    with Client(settings.hosts[0], api_key=key, timeout_s=WAIT_S, retries=0) as client:
        names = [model.name.removesuffix(":latest") for model in client.tags()]
        return [
            name
            for name in names
            if name.lower().startswith(begun.lower())
            and (capability is None or can(client.show(name), capability))
        ]
