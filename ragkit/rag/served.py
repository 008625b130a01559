"""An embedding model on Ollama, of one server or of several, as the settings and an index say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ragkit.config import Settings
from ragkit.index.folder import PARAMETERS, PROBE, VERSION, Index
from ragkit.ollama import Client, ModelInfo
from ragkit.ollama.hosts import Hosts
from ragkit.ollama.installed import canonical
from ragkit.prefixes import Prefixes, prefixes_for
from ragkit.rag.parts import SERVED

if TYPE_CHECKING:
    from ragkit.embedding.ollama import Endpoint, OllamaEmbedder
    from ragkit.embedding.spread import SpreadEmbedder

Make = Callable[[Client], "OllamaEmbedder"]


def maker_of(
    settings: Settings,
    name: str,
    index: Index | None,
    *,
    anew: bool = False,
    info: ModelInfo | None = None,
) -> Make:
    """Return what makes the embedder of a model on a server; of the index all is read by now.

    Args:
        settings: the user's, which win over what the index was made with.
        name: of the model.
        index: that it is for, if there is one.
        anew: all is to be embedded again, so that its vectors may have another length.
        info: what a server says of the model, if it was asked.
    """
    from ragkit.embedding.ollama import OllamaEmbedder

    known: dict[str, Any] = {}
    if index and _is_of(index, name):
        known = json.loads(index.catalog.ledger.meta(PARAMETERS) or "{}")
    usual = prefixes_for(name)
    prefixes = [
        given if given != "auto" else known.get(kind, getattr(usual, kind))
        for kind, given in (
            ("query", settings.query_prefix),
            ("document", settings.document_prefix),
        )
    ]
    dim = index.maker.dim if index and not anew else None
    return lambda client: OllamaEmbedder(
        client,
        name,
        dim=dim,
        prefixes=Prefixes(*prefixes),
        endpoint=cast("Endpoint", settings.endpoint),
        options={**(known.get("options") or {}), **settings.embed_options},
        keep_alive=settings.keep_alive or None,
        load_timeout_s=settings.load_timeout_s,
        info=info,
    )


def on_all(
    hosts: Hosts,
    make: Make,
    name: str,
    index: Index | None,
    *,
    anew: bool,
    notify: Callable[[str], None],
) -> OllamaEmbedder | SpreadEmbedder:
    """Return the embedder of a model on one server, or on all that are named."""
    if len(hosts.clients) == 1:
        return make(hosts.clients[0])
    from ragkit.embedding.spread import Known, SpreadEmbedder

    known = None
    if index and not anew and _is_of(index, name):
        version, probe = map(index.catalog.ledger.meta, (VERSION, PROBE))
        if version and probe:
            known = Known(version, np.frombuffer(bytes.fromhex(probe), "<f4"))
    return SpreadEmbedder(hosts, make, known=known, notify=notify)


def _is_of(index: Index, name: str) -> bool:
    return canonical(index.maker.embedder.removeprefix(SERVED)) == canonical(name)
