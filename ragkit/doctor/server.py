"""Whether Ollama answers at the address, and if not, why not; what its release gets wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.request import getproxies, proxy_bypass

from ragkit.doctor.machine import Machine
from ragkit.embedding.at_once import at_once
from ragkit.errors import (
    ModelNotFoundError,
    NotOllamaError,
    OllamaAccessError,
    OllamaBusyError,
    OllamaError,
    OllamaReplyError,
    OllamaTimeoutError,
    OllamaUnreachableError,
)
from ragkit.ollama import Client
from ragkit.ollama.address import PORT, PORTS, Address
from ragkit.ollama.releases import EMBED_SINCE, flaws, parse_release
from ragkit.types import Check

ONCE_S = 5.0  # for all of it, and it is not tried again
HERE = ("127.0.0.1", "localhost", "::1")
LISTENING = ("0.0.0.0", "[::]", "::")  # addresses that servers listen at
CONTAINER_HOST = "host.docker.internal"
UPDATE = "update Ollama: https://ollama.com/download"


def ask_release(client: Client) -> str:
    """Return the server's release, asked for once, within ``ONCE_S``.

    Other servers have an /api/version too, so that the list of models is asked for as well.

    Raises:
        OllamaError: it cannot be reached, or is no Ollama.
    """
    answers: SimpleQueue[str | Exception] = SimpleQueue()

    def ask() -> None:
        once = client.within(ONCE_S - 0.5, retries=0)
        try:
            release = once.version()
            _require_list(once)
            answers.put(release)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for, if it still is
            answers.put(error)

    # A thread, as no timeout of a client's holds for the system's look-up of a name, and each
    # address that a name has is tried as long as the one before.
    Thread(target=ask, name="ragkit-reach", daemon=True).start()
    try:
        answer = answers.get(timeout=ONCE_S)
    except Empty:
        raise OllamaTimeoutError(f"{client.address} gave no answer within {ONCE_S:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def ask_all(clients: Sequence[Client]) -> dict[Client, str | OllamaError]:
    """Return the release of each server, or why there is none; all are asked at once."""

    def ask(client: Client) -> str | OllamaError:
        try:
            return ask_release(client)
        except OllamaError as error:
            return error

    return dict(zip(clients, at_once(ask, clients, threads=8, name="ragkit-ask"), strict=True))


def _require_list(client: Client) -> None:
    try:
        client.tags()
    except (NotOllamaError, OllamaReplyError, ModelNotFoundError):
        raise
    except OllamaError:  # an Ollama all the same; the check of the models says what is wrong
        return


def reached(client: Client, *, host: str) -> Check:
    """Return the check of a server that has answered.

    Args:
        client: of the server.
        host: the address as it was given.
    """
    text = f"Ollama answers at {client.address}"
    if _is_listening(host):
        text += f" ({host.strip()} is an address to listen at, and none to ask)"
    return Check("server", "ok", text, facts={"address": str(client.address)})


def unreached(error: OllamaError, address: Address, *, host: str, machine: Machine) -> Check:
    """Return the check of a server that did not answer, or not as Ollama does: the likely cause.

    Args:
        error: what came of asking.
        address: what was asked.
        host: the address as it was given.
        machine: the one that asked.
    """
    if isinstance(error, OllamaUnreachableError):
        text, hint = _unreachable(error, address, host=host, machine=machine)
    elif isinstance(error, OllamaTimeoutError):
        text = f"{address} gave no answer within {ONCE_S:g} s"
        hint = "start Ollama anew there; a firewall or another program may stand before it"
    elif isinstance(error, OllamaAccessError | OllamaBusyError):
        text, hint = error.message, error.hint
    else:
        at = "" if str(address) in error.message else f" at {address}"
        text, hint = f"not Ollama{at}: {error.message}", _elsewhere(error, address)
    facts = {"address": str(address), "error": type(error).__name__}
    return Check("server", "fail", text, hint, facts, OllamaError.exit_code)


def left_out(check: Check) -> Check:
    """Return the check of a server that did not answer where another one does."""
    text = f"left out until it answers: {check.text}"
    return replace(check, state="note", text=text, exit_code=0)


def _unreachable(
    error: OllamaError, address: Address, *, host: str, machine: Machine
) -> tuple[str, str]:
    causes = list(_causes(error))
    if _has_proxy(address):
        return (
            f"no connection to {address} by way of the proxy in {address.scheme.upper()}_PROXY",
            "check that variable and ALL_PROXY, or add the host to NO_PROXY",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        hint = "check its spelling, or give its IP address"
        if address.host == CONTAINER_HOST:
            hint = f"start the container with --add-host={CONTAINER_HOST}:host-gateway"
        return f"the host name {address.host!r} does not resolve", hint
    if not any(isinstance(cause, ConnectionRefusedError | TimeoutError) for cause in causes):
        return error.message, error.hint
    refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
    text = f"nothing listens at {address}" if refused else f"no connection to {address}"
    if _is_listening(host):
        text += f" (which {host.strip()} means to who asks)"
    return text, "; ".join(_remedies(address, host, machine))


def _has_proxy(address: Address) -> bool:
    """Say whether a proxy stands between, as the client takes it from the environment."""
    proxies = getproxies()
    is_named = address.scheme in proxies or "all" in proxies
    return is_named and not address.is_private and not proxy_bypass(address.host)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _remedies(address: Address, host: str, machine: Machine) -> Iterator[str]:
    if "://" in host and address.port == PORTS[address.scheme]:
        yield f"{host.strip()} means port {address.port}: add :{PORT}"
    elif address.port != PORT:
        yield f"Ollama's own port is {PORT}, not {address.port}"
    if address.host not in HERE:
        yield "start it there with OLLAMA_HOST=0.0.0.0, and let its port through the firewall"
        return
    yield "start it with 'ollama serve', or set OLLAMA_HOST to where it runs"
    if address.host != "127.0.0.1":
        yield "by default it listens at 127.0.0.1 only, not at ::1"
    if machine.in_container:
        yield f"from within a container, its host is OLLAMA_HOST={CONTAINER_HOST}"
    if machine.in_wsl:
        yield (
            "an Ollama of Windows is reached from WSL with networkingMode=mirrored in .wslconfig,"
            " or with OLLAMA_HOST=0.0.0.0 there and Windows' own address here"
        )


def _elsewhere(error: OllamaError, address: Address) -> str:
    hint = error.hint
    if isinstance(error, OllamaReplyError) and address.scheme == "http":
        hint += "; if it wants TLS, give https://"
    if address.path:
        hint += f"; leave out the path {address.path} unless a proxy serves Ollama below it"
    if address.port != PORT:
        hint += f"; Ollama's own port is {PORT}"
    return hint


def _is_listening(host: str) -> bool:
    """Say whether a host that was given is one to listen at.

    >>> _is_listening("http://0.0.0.0:80"), _is_listening("[::]:11434"), _is_listening("10.0.0.0")
    (True, True, False)
    """
    name = host.strip().rpartition("://")[2]
    return name in LISTENING or name.startswith(("0.0.0.0:", "[::]:"))


def check_release(release: str, model: str) -> Check:
    """Say what a release is known to get wrong with an embedding model."""
    wrong = flaws(release, model)
    if parse_release(release) < EMBED_SINCE:
        wrong.insert(0, f"Ollama {release} has no /api/embed: one text is sent at a time")
    facts = {"release": release, "flaws": wrong}
    if wrong:
        return Check("release", "note", "; ".join(wrong), UPDATE, facts)
    return Check("release", "ok", f"Ollama {release}", facts=facts)
