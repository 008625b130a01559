"""Several servers that can stand in for each other: which of them answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from threading import RLock

from ragkit.errors import OllamaError, OllamaUnreachableError
from ragkit.ollama.clients import Client

AGAIN_S = 30.0  # a server that did not answer is asked again after so long
ONCE_S = 5.0  # to say that it is there


class Hosts:
    """The clients of servers, in the order they were named. Several threads may share them.

    One that fails is taken out and tried again after a while; each is said once.

    Args:
        addresses: of the servers, in any form of ``OLLAMA_HOST``.
        api_key: for servers that want one.
        timeout_s: to the next piece of a reply.
        notify: told when a server is taken out, and when it answers again.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        api_key: str | None = None,
        timeout_s: float = 600.0,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        named: dict[str, tuple[str, Client]] = {}
        for each in addresses:
            client = Client(each, api_key=api_key, timeout_s=timeout_s)
            named.setdefault(str(client.address), (each, client))
        self.named = tuple(named.values())  # (as it was given, its client)
        self.clients = tuple(client for _, client in self.named)
        self._notify = notify
        self._out: dict[Client, tuple[float, OllamaError]] = {}  # until when, and why
        self._lock = RLock()

    def close(self) -> None:
        """Close the connections."""
        for client in self.clients:
            client.close()

    def answering(self) -> Iterator[Client]:
        """Yield the servers that answer, in order; a single one is not asked whether it does.

        Raises:
            OllamaError: none does.
        """
        if len(self.clients) == 1:
            yield self.clients[0]
            return
        is_none = True
        for client in sorted(self.clients, key=self.is_out):
            try:
                self.require_answer(client)
            except OllamaError as error:
                self.take_out(client, error)
            else:
                self.take_back(client)
                is_none = False
                yield client
        if is_none:
            raise self.failure()

    def require_answer(self, client: Client) -> None:
        """Ask a server whether it is there: once, and not for long.

        Raises:
            OllamaError: it is not.
        """
        client.within(ONCE_S, retries=0).version()

    def is_out(self, client: Client) -> bool:
        """Say whether a server has failed and is not to be tried again yet."""
        with self._lock:
            return client in self._out and time.monotonic() < self._out[client][0]

    def take_out(self, client: Client, error: OllamaError) -> None:
        """Leave a server alone for a while."""
        with self._lock:
            is_news = client not in self._out
            self._out[client] = time.monotonic() + AGAIN_S, error
        if is_news:
            self._notify(f"{client.address} is left out until it answers again: {error.message}")

    def take_back(self, client: Client) -> None:
        """Take a server that answers."""
        with self._lock:
            was_out = self._out.pop(client, None)
        if was_out:
            self._notify(f"{client.address} answers again")

    def failure(self) -> OllamaError:
        """Return what to raise where all have failed: the most telling of their errors."""
        with self._lock:
            errors = [self._out[client][1] for client in self.clients if client in self._out]
        for error in errors:
            if not isinstance(error, OllamaUnreachableError):
                return error
        addresses = ", ".join(str(client.address) for client in self.clients)
        hint = errors[0].hint if errors else "run it again: one of them answers by now"
        return OllamaUnreachableError(f"no Ollama server at {addresses}", hint=hint)
