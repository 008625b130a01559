"""Two clients with the same methods: ``Client``, and ``AsyncClient`` for asyncio.

Their methods are the endpoints' functions, sent: ``client.chat(...)`` sends ``endpoints.chat(...)``
and returns its reply, ``client.chat_stream(...)`` yields it piece by piece.
"""

from __future__ import annotations

import copy
import functools
import inspect
import os
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import aclosing, closing, suppress
from dataclasses import replace
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

import httpx

from ragkit.errors import ConfigError
from ragkit.ollama import endpoints, uploads
from ragkit.ollama.address import Address, headers_for, parse_address
from ragkit.ollama.endpoints import Call
from ragkit.ollama.exchange import Exchange, Policy
from ragkit.ollama.files import blocks_beside, blocks_of
from ragkit.ollama.uploads import Plan

P = ParamSpec("P")
T = TypeVar("T")
Self = TypeVar("Self", bound="_Settings")


class _Settings:
    """What both clients are made with."""

    _kind: ClassVar[Callable[..., Any]]
    _here: Callable[..., object]  # what connections cannot be taken out of

    def __init__(
        self,
        host: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 600.0,
        retries: int = 4,
        backoff_s: float = 1.0,
    ) -> None:
        """Connect to nothing yet.

        Args:
            host: the server's address in any form of ``OLLAMA_HOST``; by default that variable.
            api_key: for a server that wants one; ``OLLAMA_API_KEY`` is sent to ollama.com only.
            timeout_s: to the next piece of a stream, or for a whole reply; a model may take minutes
                to load, during which nothing comes.
            retries: how often a request is repeated where the server is busy; 0 repeats nothing.
            backoff_s: before the first of them; before each other twice the last.

        Raises:
            ConfigError: the address or the proxy settings cannot be used.
        """
        given = os.environ.get("OLLAMA_HOST", "") if host is None else host
        self.address: Address = parse_address(given)
        self._policy = Policy(timeout_s, retries, backoff_s)
        try:
            self._open = functools.partial(
                self._kind,
                base_url=str(self.address),
                headers=headers_for(self.address, api_key),
                trust_env=not self.address.is_private,  # proxies are for servers elsewhere
                verify=_certificates(self.address),
            )
            self._opened: dict[Any, Any] = {self._here(): self._open()}  # copies share them
        except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
            raise ConfigError(
                f"cannot connect to {self.address}: {error}",
                hint="check the address, and HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE",
            ) from error

    @property
    def _http(self) -> Any:  # noqa: ANN401 - httpx's client of the kind
        """The connections of this process, or loop: another's would mix up replies, or be dead."""
        here, opened = self._here(), self._opened
        for http in list(opened.values()):
            if http.is_closed:
                return http  # which says so
        return opened.get(here) or opened.setdefault(here, opened.pop(None, None) or self._open())

    @property
    def timeout_s(self) -> float:
        """To the next piece of a stream, or for a whole reply."""
        return self._policy.timeout_s

    def within(
        self: Self, timeout_s: float, *, retries: int | None = None, waits_when_busy: bool = True
    ) -> Self:
        """Return this client with another timeout, or retries; both share their connections.

        Args:
            timeout_s: as when it was made.
            retries: as when it was made; None leaves it as it is.
            waits_when_busy: False raises at once that the server is busy, for who waits in ways of
                its own, as long as ``busy_wait_s`` says.
        """
        other = copy.copy(self)
        if retries is None:
            retries = self._policy.retries
        other._policy = replace(
            self._policy, timeout_s=timeout_s, retries=retries, waits_when_busy=waits_when_busy
        )
        return other

    def busy_wait_s(self, tries: int) -> float:
        """Return how long to wait after so many tries of a server that is busy."""
        return self._policy.busy_wait_s(tries)


def _certificates(address: Address) -> ssl.SSLContext:
    """Return what to trust: the system's, or SSL_CERT_FILE, also on one's own network."""
    if address.scheme == "https":
        return httpx.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused; reading the certificates takes 20 ms


def _named(method: Callable[..., Any], endpoint: Callable[..., Any], suffix: str) -> None:
    """Give a method the endpoint's name, help and signature."""
    functools.update_wrapper(method, endpoint)
    method.__name__ += suffix
    signature = inspect.signature(endpoint)
    self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[self, *signature.parameters.values()],
        return_annotation=inspect.Signature.empty,
    )


# -- blocking


def _sends(endpoint: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(endpoint(*args, **kwargs))

    _named(method, endpoint, "")
    return method


def _streams(
    endpoint: Callable[P, Call[T]],
) -> Callable[Concatenate[Client, P], Generator[T, None, None]]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        return self.stream(endpoint(*args, **kwargs))

    _named(method, endpoint, "_stream")
    return method


def _follows(plan: Callable[P, Plan[T]]) -> Callable[Concatenate[Client, P], T]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._follow(plan(*args, **kwargs))

    _named(method, plan, "")
    return method


class Client(_Settings):
    """A blocking client, for as many threads as you like; a forked process connects anew."""

    _kind = httpx.Client

    def _here(self) -> int:
        return os.getpid()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Send a call and return its whole reply.

        Raises:
            OllamaError: see ``ragkit.errors``.
        """
        with closing(self._records(call, streaming=False)) as found:
            (record,) = found
            return record

    def stream(self, call: Call[T]) -> Generator[T, None, None]:
        """Send a call and yield its reply piece by piece; closing it ends the server's work.

        Raises:
            OllamaError: see ``ragkit.errors``; after some pieces too.
        """
        return self._records(call, streaming=True)

    def _records(self, call: Call[T], *, streaming: bool) -> Generator[T, None, None]:
        exchange = Exchange(call, self.address, self._policy, streaming=streaming)
        for attempt in exchange:
            with (
                attempt,
                self._http.stream(
                    call.endpoint.method,
                    exchange.url,
                    content=exchange.content
                    if call.file is None
                    else blocks_of(call.file, exchange.file_bytes),
                    headers=exchange.headers,
                    timeout=exchange.timeout,
                ) as reply,
            ):
                for block in reply.iter_bytes():
                    yield from attempt.records(reply, block)
                yield from attempt.last_records(reply)
            time.sleep(attempt.wait_s)

    def _follow(self, plan: Plan[T]) -> T:
        value = None
        while True:
            try:
                step = plan.send(value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            value = self.send(step) if isinstance(step, Call) else step()

    chat = _sends(endpoints.chat)
    chat_stream = _streams(endpoints.chat)
    generate = _sends(endpoints.generate)
    generate_stream = _streams(endpoints.generate)
    embed = _sends(endpoints.embed)
    embeddings = _sends(endpoints.embeddings)
    tags = _sends(endpoints.tags)
    ps = _sends(endpoints.ps)
    show = _sends(endpoints.show)
    version = _sends(endpoints.version)
    pull = _sends(endpoints.pull)
    pull_stream = _streams(endpoints.pull)
    push = _sends(endpoints.push)
    push_stream = _streams(endpoints.push)
    create = _sends(endpoints.create)
    create_stream = _streams(endpoints.create)
    create_from_files = _follows(uploads.create_from_files)
    upload = _follows(uploads.upload)
    copy = _sends(endpoints.copy)
    delete = _sends(endpoints.delete)
    v1_chat = _sends(endpoints.v1_chat)
    v1_chat_stream = _streams(endpoints.v1_chat)
    v1_embeddings = _sends(endpoints.v1_embeddings)
    v1_models = _sends(endpoints.v1_models)


# -- asyncio


def _asends(
    endpoint: Callable[P, Call[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(endpoint(*args, **kwargs))

    _named(method, endpoint, "")
    return method


def _astreams(
    endpoint: Callable[P, Call[T]],
) -> Callable[Concatenate[AsyncClient, P], AsyncGenerator[T, None]]:
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        return self.stream(endpoint(*args, **kwargs))

    _named(method, endpoint, "_stream")
    return method


def _afollows(
    plan: Callable[P, Plan[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._follow(plan(*args, **kwargs))

    _named(method, plan, "")
    return method


class AsyncClient(_Settings):
    """The same for asyncio: methods are awaited, streams iterated with ``async for``.

    A stream that is left before its end is closed by ``contextlib.aclosing``.
    """

    _kind = httpx.AsyncClient

    def _here(self) -> object:
        """Return the loop that runs, None where none does yet; forget those that are over."""
        import asyncio

        for loop, http in list(getattr(self, "_opened", {}).items()):
            if loop is not None and loop.is_closed() and not http.is_closed:
                del self._opened[loop]
        with suppress(RuntimeError):
            return asyncio.get_running_loop()
        return None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Send a call and return its whole reply.

        Raises:
            OllamaError: see ``ragkit.errors``.
        """
        async with aclosing(self._records(call, streaming=False)) as found:
            (record,) = [record async for record in found]
            return record

    def stream(self, call: Call[T]) -> AsyncGenerator[T, None]:
        """Send a call and yield its reply piece by piece; closing it ends the server's work.

        Raises:
            OllamaError: see ``ragkit.errors``; after some pieces too.
        """
        return self._records(call, streaming=True)

    async def _records(self, call: Call[T], *, streaming: bool) -> AsyncGenerator[T, None]:
        import asyncio  # large, and of no use to the command line

        exchange = Exchange(call, self.address, self._policy, streaming=streaming)
        for attempt in exchange:
            with attempt:
                async with self._http.stream(
                    call.endpoint.method,
                    exchange.url,
                    content=exchange.content
                    if call.file is None
                    else blocks_beside(call.file, exchange.file_bytes),
                    headers=exchange.headers,
                    timeout=exchange.timeout,
                ) as reply:
                    async for block in reply.aiter_bytes():
                        for record in attempt.records(reply, block):
                            yield record
                    for record in attempt.last_records(reply):
                        yield record
            await asyncio.sleep(attempt.wait_s)

    async def _follow(self, plan: Plan[T]) -> T:
        import asyncio

        value = None
        while True:
            try:
                step = plan.send(value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if isinstance(step, Call):
                value = await self.send(step)
            else:
                value = await asyncio.to_thread(step)

    chat = _asends(endpoints.chat)
    chat_stream = _astreams(endpoints.chat)
    generate = _asends(endpoints.generate)
    generate_stream = _astreams(endpoints.generate)
    embed = _asends(endpoints.embed)
    embeddings = _asends(endpoints.embeddings)
    tags = _asends(endpoints.tags)
    ps = _asends(endpoints.ps)
    show = _asends(endpoints.show)
    version = _asends(endpoints.version)
    pull = _asends(endpoints.pull)
    pull_stream = _astreams(endpoints.pull)
    push = _asends(endpoints.push)
    push_stream = _astreams(endpoints.push)
    create = _asends(endpoints.create)
    create_stream = _astreams(endpoints.create)
    create_from_files = _afollows(uploads.create_from_files)
    upload = _afollows(uploads.upload)
    copy = _asends(endpoints.copy)
    delete = _asends(endpoints.delete)
    v1_chat = _asends(endpoints.v1_chat)
    v1_chat_stream = _astreams(endpoints.v1_chat)
    v1_embeddings = _asends(endpoints.v1_embeddings)
    v1_models = _asends(endpoints.v1_models)
