"""The order of the checks, and what depends on what: read it top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ragkit.chat_models.prompted import PromptedAnswerer
from ragkit.doctor import server
from ragkit.doctor.advice import advise, check_memory
from ragkit.doctor.health import check_index, unopened
from ragkit.doctor.machine import Machine, check_extras, check_packages, check_python
from ragkit.doctor.models import Need, check_loaded, failed, find, running
from ragkit.doctor.probes import check_same, probe_answer, probe_embedding
from ragkit.embedding.ollama import PREFIX, OllamaEmbedder
from ragkit.errors import ConfigError, OllamaError, RagkitError
from ragkit.index.folder import Index
from ragkit.ollama import Client, RunningModel
from ragkit.ollama.installed import Chosen, canonical
from ragkit.types import Check

SERVER_CHECKS = ("release", "embed_model", "model", "embedding", "answer", "loaded")
LOADING = "loading the models, which may take minutes (--no-probe leaves that out)"


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined: the parts that ragkit would work with, made when they are looked at."""

    servers: Callable[[], Sequence[tuple[str, Client]]]  # (address as it was given, client)
    index: Callable[[], Index | None]
    embedder: Callable[[Client, str, Index | None], OllamaEmbedder]
    answerer: Callable[[Client, Chosen], PromptedAnswerer]
    embed_model: tuple[str, str]  # named ("" for none), usual
    model: tuple[str, str]
    offline: bool
    keep_alive: str
    endpoint: str


def examine(
    patient: Patient, machine: Machine, *, probe: bool, notify: Callable[[str], None]
) -> Iterator[Check]:
    """Yield the checks, each as soon as it is made.

    Args:
        patient: what is examined.
        machine: the one that ragkit runs on.
        probe: embed a text and answer a question, which loads models.
        notify: told before that is done.
    """
    yield check_python()
    packages = check_packages()
    yield packages
    index, trouble = _opened(patient)
    try:
        maker = index.maker.embedder if index else ""
        is_built_in = bool(maker) and not maker.startswith(PREFIX)
        yield check_extras(is_needed=patient.offline or is_built_in)
        served = _Served(patient, machine, None if is_built_in else index)
        if patient.offline:
            yield Check("server", "skipped", "offline: it is not asked")
            yield from _skipped(SERVER_CHECKS, "offline")
        else:
            # An index of another embedder is asked without a server, unless a model is named.
            is_needed = not is_built_in or any((patient.embed_model[0], patient.model[0]))
            for check in served.checks(probe=probe, notify=notify):
                demoted = check.state == "fail" and not is_needed
                yield replace(check, state="note", exit_code=0) if demoted else check
        yield check_memory(machine, model_bytes=sum(served.bytes), is_here=served.is_here)
        yield from served.advice()
        if packages.state == "fail":
            yield Check("index", "skipped", "needs the packages")
        else:
            yield check_index(index, served.embedder) if index else unopened(trouble)
    finally:
        if index:
            index.close()


def _opened(patient: Patient) -> tuple[Index | None, RagkitError | None]:
    try:
        return patient.index(), None
    except RagkitError as error:
        return None, error


def _skipped(names: tuple[str, ...], why: str) -> Iterator[Check]:
    for name in names:
        yield Check(name, "skipped", why)


class _Served:
    """The checks of what the server does, and what they found for those that follow."""

    def __init__(self, patient: Patient, machine: Machine, index: Index | None) -> None:
        self.embedder: OllamaEmbedder | None = None  # of the index, once it has shown that it works
        self.is_here = True  # on this machine
        self.bytes = (0, 0)  # of the models that embed and answer
        self._patient = patient
        self._machine = machine
        self._index = index
        self._answering: Chosen | None = None
        self._answerer: PromptedAnswerer | None = None
        self._loaded: list[RunningModel] = []

    def checks(self, *, probe: bool, notify: Callable[[str], None]) -> Iterator[Check]:
        """Yield them; those that depend on one that failed are skipped."""
        try:
            servers = self._patient.servers()
        except ConfigError as error:
            yield failed("server", error)
            yield from _skipped(SERVER_CHECKS, "needs the server")
            return
        found = server.ask_all([client for _, client in servers])
        answering = [client for _, client in servers if isinstance(found[client], str)]
        self.is_here = (answering or [servers[0][1]])[0].address.host in server.HERE
        for host, client in servers:
            release = found[client]
            if isinstance(release, str):
                yield server.reached(client, host=host)
                continue
            check = server.unreached(release, client.address, host=host, machine=self._machine)
            yield server.left_out(check) if answering else check
        if not answering:
            yield from _skipped(SERVER_CHECKS, "needs the server")
            return
        first, *others = answering
        yield from self._models(first, str(found[first]), others, probe=probe, notify=notify)

    def _models(
        self,
        client: Client,
        release: str,
        others: Sequence[Client],
        *,
        probe: bool,
        notify: Callable[[str], None],
    ) -> Iterator[Check]:
        named, usual = self._patient.embed_model
        known = self._index.maker.embedder.removeprefix(PREFIX) if self._index else ""
        embeds, embedding = find(client, Need("embed_model", named or known, usual))
        chats, answering = find(client, Need("model", *self._patient.model))
        yield server.check_release(release, embedding.name if embedding else named or usual)
        yield embeds
        yield chats
        self.bytes = (_bytes(embeds), _bytes(chats))
        self._answering = answering
        self._answerer = self._patient.answerer(client, answering) if answering else None
        if probe and (embedding or answering):
            notify(LOADING)
        if embedding and probe:
            embedder = self._embedder(client, embedding, known)
            check = probe_embedding(embedder)
            self.embedder = embedder if check.state == "ok" and self._index else None
            yield check
        else:
            yield Check("embedding", "skipped", "needs the embed_model" if probe else "--no-probe")
        if embedding:
            for other in others:
                pair = [self._embedder(each, embedding, known) for each in (client, other)]
                yield check_same(*pair, address=str(other.address), probe=probe)
        if self._answerer and probe:
            yield probe_answer(self._answerer)
        else:
            yield Check("answer", "skipped", "needs the model" if probe else "--no-probe")
        try:
            self._loaded = running(client, [each.name for each in (embedding, answering) if each])
        except OllamaError as error:
            yield failed("loaded", error)
        else:
            yield check_loaded(self._loaded)

    def _embedder(self, client: Client, chosen: Chosen, known: str) -> OllamaEmbedder:
        is_known = canonical(chosen.name) == canonical(known)
        return self._patient.embedder(client, chosen.name, self._index if is_known else None)

    def advice(self) -> Iterator[Check]:
        """Yield what would make it faster, where that applies."""
        patient, answerer = self._patient, self._answerer
        yield from advise(
            self._loaded,
            self._answering,
            answering_bytes=self.bytes[1],
            context_tokens=answerer.needed_tokens if answerer else 0,
            keep_alive=patient.keep_alive,
            endpoint=patient.endpoint,
        )


def _bytes(check: Check) -> int:
    size = check.facts.get("bytes")
    return size if isinstance(size, int) else 0
