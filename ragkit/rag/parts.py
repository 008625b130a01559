"""Which embedder, answerer and chunker: one's own, the index's, or what the settings name."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, cast

from ragkit.config import Settings
from ragkit.errors import (
    BadVectorError,
    ContextLengthError,
    IndexStaleError,
    ModelCrashError,
    ModelNotFoundError,
    ModelUnfitError,
    OllamaBusyError,
    OllamaError,
    OllamaTimeoutError,
    OllamaUnreachableError,
    RagkitError,
)
from ragkit.extras import install_hint
from ragkit.index import folder as folders
from ragkit.index.folder import PACE, PARAMETERS, Index
from ragkit.protocols import Answerer, Chunker, Embedder, PromptBuilder
from ragkit.text.tokens import estimate_tokens

if TYPE_CHECKING:
    from ragkit.chat_models.prompted import PromptedAnswerer
    from ragkit.embedding.ollama import OllamaEmbedder
    from ragkit.embedding.spread import SpreadEmbedder
    from ragkit.ollama import Client, ModelInfo
    from ragkit.ollama.hosts import Hosts
    from ragkit.ollama.installed import Capability, Chosen
    from ragkit.types import Check

EMBED_MODEL, MODEL = "nomic-embed-text", "llama3.2"
BUILT_IN, SERVED = "builtin:", "ollama:"  # how the names of embedders begin
AWAY = (OllamaUnreachableError, OllamaTimeoutError, OllamaBusyError)
NO_VECTOR = (BadVectorError, ContextLengthError, ModelCrashError)  # of this question, perhaps
AWAY_S = 30.0  # a server that was not there is left alone so long
TRUSTED_S = 60.0  # then the server is asked again whether it is as it was

Notify = Callable[[str], None]


def log(text: str) -> None:
    """Say something beside the results, for who listens to the logger "ragkit"."""
    logging.getLogger("ragkit").info(text)


class Parts:
    """The parts that one ``Rag`` works with, made when they are first needed."""

    def __init__(
        self,
        settings: Settings,
        notify: Notify,
        *,
        embedder: Embedder | None,
        answerer: Answerer | None,
        chunker: Chunker | None,
        prompt: PromptBuilder | None,
    ) -> None:
        self._settings = settings
        self._notify = notify
        self._own_embedder = embedder
        self._own_answerer = answerer
        self._own_chunker = chunker
        self._own_prompt = prompt
        self._embedder: tuple[folders.Maker, float, Embedder] | None = None  # since when
        self._answerer: tuple[Client, Answerer] | None = None
        self._hosts: Hosts | None = None
        self._lock = RLock()  # several threads may share the parts
        self._away_until_s = 0.0

    def close(self) -> None:
        """Close the connections to the server."""
        if self._hosts:
            self._hosts.close()
        self._hosts = self._embedder = self._answerer = None
        self._away_until_s = 0.0

    def say_each_once(self) -> None:
        """Say nothing twice from now on: parts that are made anew have the same to say again."""
        told: set[str] = set()
        notify = self._notify

        def say(text: str) -> None:
            if text not in told:
                told.add(text)
                notify(text)

        self._notify = say

    def found_away(self) -> None:
        """Leave the server alone for a while: it does not answer."""
        self._away_until_s = time.monotonic() + AWAY_S

    @property
    def hosts(self) -> Hosts:
        """The Ollama servers that the settings name."""
        with self._lock:
            if self._hosts is None:
                from ragkit.ollama.hosts import Hosts

                settings = self._settings
                self._hosts = Hosts(
                    settings.hosts,
                    api_key=settings.api_key or None,
                    timeout_s=settings.timeout_s,
                    notify=self._notify,
                )
            return self._hosts

    def chunker(self, name: str, chunk_tokens: int) -> Chunker:
        """Return one's own, or the one of the name.

        Raises:
            MissingExtraError: that one needs an extra.
        """
        if self._own_chunker is not None:
            return self._own_chunker
        from ragkit.chunkers import chunker_named

        return chunker_named(name, chunk_tokens)

    # -- embedders

    def embedder_to_ingest(self, folder: Path | None, *, anew: bool) -> Embedder:
        """Return the embedder to ingest with.

        Args:
            folder: of the index, if there is one: its embedder is taken if no other is named.
            anew: all is to be embedded again, so that the embedder need not be as it was; if that
                was begun with one and none is named, it goes on with it.

        Raises:
            OllamaError: the server is away, or has no model that will do.
        """
        if self._own_embedder is not None:
            return self._own_embedder
        settings = self._settings
        index = self._to_go_on_with(folder, anew=anew) if folder else None
        try:
            name = index.maker.embedder if index else ""
            served = name.startswith(SERVED)
            if settings.offline:
                return _built_in(BUILT_IN)
            if name and not served and not settings.embed_model:
                return _built_in(name)
            wanted = settings.embed_model or name.removeprefix(SERVED)
            try:
                _, chosen = self._choose(wanted, EMBED_MODEL, "embedding")
            except OllamaUnreachableError as error:
                if not name:
                    error.hint += (
                        "; or work without it: add --offline"
                        f" (needs the extra: {install_hint('offline')})"
                    )
                raise
            embedder = self._served(
                chosen.name, index if served else None, anew=anew, info=chosen.info
            )
        finally:
            if index:
                index.close()
        self._say_flaws(embedder)
        return embedder

    def _to_go_on_with(self, folder: Path, *, anew: bool) -> Index:
        """Open the index in a folder, or what is being built beside it."""
        from ragkit.index import beside

        index = folders.Index.open(folder)
        built = beside.begun(index) if anew else None
        if built:
            index.close()
        return built or index

    def embedder(self, index: Index) -> Embedder:
        """Return the embedder that an index was made with.

        Raises:
            IndexStaleError: it is not the one that is named, or gives other vectors now.
            OllamaError: its server is away.
        """
        maker = index.maker
        with self._lock:
            if self._embedder:
                made_for, since_s, embedder = self._embedder
                if made_for == maker and time.monotonic() - since_s < TRUSTED_S:
                    return embedder
            if self._own_embedder is not None:
                embedder = self._own_embedder
            elif maker.embedder.startswith(SERVED):
                name = self._settings.embed_model or maker.embedder.removeprefix(SERVED)
                embedder = self._served(name, index)
            else:
                embedder = _built_in(maker.embedder)
            index.require(maker.with_embedder(embedder))
            index.require_same_vectors(embedder)
            self._embedder = maker, time.monotonic(), embedder
            return embedder

    def left_alone(self, index: Index) -> str:
        """Return why the server of an index is not to be asked, "" if it is."""
        if not index.maker.embedder.startswith(SERVED) or self._own_embedder is not None:
            return ""
        if self._settings.offline:
            return "offline"
        return "the server is away" if time.monotonic() < self._away_until_s else ""

    def batch_texts(self, index: Index | None) -> int:
        """Return how many texts go to a server in one request, 0 where none is asked."""
        from ragkit.embedding.batches import BATCH_TEXTS

        is_served = index is None or index.maker.embedder.startswith(SERVED)
        if self._own_embedder is not None or self._settings.offline or not is_served:
            return 0
        try:
            name = index.maker.embedder.removeprefix(SERVED) if index else EMBED_MODEL
            return self._served(name, None).batch_texts
        except RagkitError:
            return BATCH_TEXTS

    def pace(self, index: Index | None, sample: Sequence[str]) -> float | None:
        """Return how many tokens a second are embedded: as measured last, or by trying some texts.

        Args:
            index: where that is kept; None where there is none.
            sample: some texts.

        Returns:
            None where no embedder is at hand.
        """
        if index and (measured := index.catalog.ledger.meta(PACE)):
            return float(measured)
        try:
            embedder = self.embedder(index) if index else self.embedder_to_ingest(None, anew=False)
            embedder.embed_documents(sample[:1])  # loads the model, which takes time of its own
            began = time.monotonic()
            embedder.embed_documents(sample)
        except RagkitError as error:
            self._notify(f"how long it would take is not known: {error.message}")
            return None
        return sum(map(estimate_tokens, sample)) / max(time.monotonic() - began, 1e-3)

    def remember(self, embedder: Embedder, index: Index) -> None:
        """Let the index know how its embedder is to be made again."""
        if self._own_embedder is None and embedder.name.startswith(SERVED):
            served = cast("OllamaEmbedder", embedder)
            with index.catalog.transaction():
                index.catalog.ledger.set_meta(PARAMETERS, json.dumps(served.parameters))

    def _served(
        self, name: str, index: Index | None, *, anew: bool = False, info: ModelInfo | None = None
    ) -> OllamaEmbedder | SpreadEmbedder:
        from ragkit.rag.served import maker_of, on_all

        make = maker_of(self._settings, name, index, anew=anew, info=info)
        return on_all(self.hosts, make, name, index, anew=anew, notify=self._notify)

    def _served_by(self, client: Client, name: str, index: Index | None) -> OllamaEmbedder:
        from ragkit.rag.served import maker_of

        return maker_of(self._settings, name, index)(client)

    def _say_flaws(self, embedder: OllamaEmbedder | SpreadEmbedder) -> None:
        from ragkit.ollama.releases import flaws

        for text in flaws(embedder.release, embedder.model):
            self._notify(f"warning: {text}; a newer release is better")
        self._say_unknown(self._settings.embed_options)

    def _say_unknown(self, options: Mapping[str, object]) -> None:
        """Say which of some options the server will ignore: it does not."""
        from ragkit.ollama.releases import unknown_options

        for text in unknown_options(options):
            self._notify(f"warning: {text}")

    # -- answerers

    def answerer(self, index: Index, *, quoting: bool) -> Answerer:
        """Return what answers questions: one's own, a chat model, or the best sentences quoted.

        Args:
            index: built with a server's embedder, or with a model named: a chat model answers.
            quoting: quote, whatever it was built with, and do not ask the embedder.
        """
        if self._own_answerer is not None:
            return self._own_answerer
        settings = self._settings
        served = index.maker.embedder.startswith(SERVED) and not settings.offline
        if quoting or not (settings.model or served):
            from ragkit.chat_models.quoting import QuotingAnswerer

            return QuotingAnswerer(None if quoting else self.embedder(index))
        with self._lock:
            if self._answerer and self._answerer[0] is next(self.hosts.answering()):
                return self._answerer[1]
            client, chosen = self._choose(settings.model, MODEL, "completion")
            self._answerer = client, self._prompted(client, chosen)
            return self._answerer[1]

    def _prompted(self, client: Client, chosen: Chosen) -> PromptedAnswerer:
        from ragkit.chat_models.ollama import OllamaChatModel
        from ragkit.chat_models.prompted import PromptedAnswerer
        from ragkit.prompting import build_prompt

        settings = self._settings
        self._say_unknown(settings.options)
        model = OllamaChatModel(
            client,
            chosen,
            options=settings.options,
            keep_alive=settings.keep_alive or None,
        )
        return PromptedAnswerer(
            model,
            budget_tokens=settings.budget_tokens,
            answer_tokens=settings.answer_tokens,
            prompt=self._own_prompt or build_prompt,
        )

    def _choose(self, wanted: str, default: str, capability: Capability) -> tuple[Client, Chosen]:
        """Choose a model of the first server that has one, and say so where it is unexpected."""
        from ragkit.ollama.installed import choose

        client, chosen = self.of_first(
            lambda client: choose(client, wanted, default=default, capability=capability)
        )
        if not wanted and chosen.name != default:
            flag = "--embed-model" if capability == "embedding" else "--model"
            told = f"using {chosen.name}: {default} is not installed ({flag} names another)"
            self._notify(told)
        return client, chosen

    def of_first(self, choose: Callable[[Client], Chosen]) -> tuple[Client, Chosen]:
        """Return the first server that has a model which will do, and that model.

        Raises:
            OllamaError: none answers, or none has one.
        """
        lacks: OllamaError | None = None
        for client in self.hosts.answering():
            try:
                return client, choose(client)
            except (ModelNotFoundError, ModelUnfitError) as error:
                lacks = lacks or error
        assert lacks is not None  # at least one has answered
        raise lacks

    # -- doctor

    def doctor(self, folder: Path | None, *, probe: bool) -> Iterator[Check]:
        """Yield a check of each thing that is needed, in the order a person would look.

        Args:
            folder: of the index, if there is one.
            probe: embed a text and answer a question, which loads models.
        """
        from ragkit.doctor import Patient, examine
        from ragkit.doctor.machine import this_machine

        settings = self._settings
        return examine(
            Patient(
                servers=lambda: self.hosts.named,
                index=lambda: folders.Index.open(folder) if folder else None,
                embedder=self._served_by,
                answerer=self._prompted,
                embed_model=(settings.embed_model, EMBED_MODEL),
                model=(settings.model, MODEL),
                offline=settings.offline,
                keep_alive=settings.keep_alive,
                endpoint=settings.endpoint,
            ),
            this_machine(),
            probe=probe,
            notify=self._notify,
        )


def _built_in(name: str) -> Embedder:
    from ragkit.embedding.wordllama import NAME, WordLlamaEmbedder

    if not NAME.startswith(name):
        raise IndexStaleError(
            f"the index was made with the embedder {name}, which is not at hand",
            hint="give it in Python: Rag(index, embedder=...)",
        )
    return WordLlamaEmbedder()
