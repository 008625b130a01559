"""One request and what becomes of it: tries, timeouts, failures, records. Without any I/O.

Both clients drive an ``Exchange`` in the same few lines, so that neither has a rule that the other
has not::

    for attempt in exchange:
        with attempt, http.stream(...) as reply:
            for block in reply.iter_bytes():
                yield from attempt.records(reply, block)
            yield from attempt.last_records(reply)
        sleep(attempt.wait_s)
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

import httpx
import orjson

from ragkit.errors import (
    ModelCrashError,
    NotOllamaError,
    OllamaBusyError,
    OllamaError,
    OllamaReplyError,
)
from ragkit.ollama.address import Address
from ragkit.ollama.endpoints import Call
from ragkit.ollama.failures import Failed, failure
from ragkit.ollama.files import size_of
from ragkit.ollama.framing import FRAMINGS, Framing, one_line
from ragkit.ollama.said import Said, read, said
from ragkit.ollama.unanswered import unanswered

T = TypeVar("T")
JSON_TYPE = "application/json"
CONNECT_S, WRITE_S, QUICK_S = 5.0, 60.0, 30.0
MOST_WAIT_S = 8.0
MOST_ERROR_BYTES = 1_000_000  # of a failed reply, which says all in its first line


@dataclass(frozen=True, slots=True)
class Policy:
    """How long and how often to try."""

    timeout_s: float = 600.0  # to the next piece of a stream, or for a whole reply
    retries: int = 4  # of a busy server or gateway; a broken connection or model is tried once more
    backoff_s: float = 1.0  # before the first of them; before each other twice the last
    waits_when_busy: bool = True  # else that is raised at once, for who waits in ways of its own

    def busy_wait_s(self, tries: int) -> float:
        """Return how long to wait after so many tries of a server that is busy."""
        wait_s = self.backoff_s * 2.0 ** min(tries - 1, 9)
        return min(wait_s, MOST_WAIT_S) * random.uniform(0.5, 1.5)


class Exchange(Generic[T]):
    """One request, tried until it is answered or has failed for good."""

    def __init__(self, call: Call[T], address: Address, policy: Policy, *, streaming: bool) -> None:
        self.call = call
        self.wait_s = 0.0  # before the next try
        self._address = address
        self._policy = policy
        self._framing_name = call.endpoint.framing if streaming else "whole"
        self._timeout_s = policy.timeout_s
        if call.endpoint.is_quick:
            self._timeout_s = min(QUICK_S, policy.timeout_s)
        self._tries = 0
        self._try_again = True
        self._emitted = False  # then no other try could pass unseen

    def __iter__(self) -> Iterator[Exchange[T]]:
        """Yield itself, once a try."""
        while self._try_again:
            self._try_again = False
            self._tries += 1
            self.wait_s = 0.0
            self._deadline = math.inf
            self.file_bytes = 0 if self.call.file is None else size_of(self.call.file)
            self._framing: Framing = FRAMINGS[self._framing_name]()
            self._ended = False
            self._error_body = bytearray()
            yield self

    # -- the request

    @property
    def url(self) -> str:
        """Where the request goes."""
        return f"{self._address}{self.call.path or self.call.endpoint.path}"

    @property
    def timeout(self) -> httpx.Timeout:
        """How long httpx is to wait for each step."""
        connect = min(CONNECT_S, self._timeout_s)
        return httpx.Timeout(self._timeout_s, connect=connect, write=WRITE_S, pool=None)

    @property
    def headers(self) -> dict[str, str]:
        """What the request's headers say of its body, and of the reply's."""
        headers = {"Accept-Encoding": "identity"}  # a proxy that compresses holds a stream back
        if self.call.file is not None:
            return {**headers, "Content-Length": str(self.file_bytes)}
        return headers if self.call.body is None else {**headers, "Content-Type": JSON_TYPE}

    @property
    def content(self) -> bytes | None:
        """The request's body, where it is not a file."""
        body = self.call.body
        if body is None:
            return None
        if self.call.endpoint.framing != "whole":
            body = {**body, "stream": self._framing_name != "whole"}
        try:
            return orjson.dumps(body)
        except orjson.JSONEncodeError:
            return json.dumps(body).encode()  # it writes half characters as escapes

    # -- the reply

    def records(self, reply: httpx.Response, block: bytes) -> Iterator[T]:
        """Yield the records that are whole with this block of a reply.

        Raises:
            OllamaError: one says that the server failed, or is none.
        """
        self._check_deadline()
        if not reply.is_success:
            self._error_body += block
            if len(self._error_body) > MOST_ERROR_BYTES:
                raise self._failure(reply, read(self._error_body))
            return
        self._check_kind(reply, block)
        for value in self._framing.take(block):
            yield self._record(reply, value)
            self._deadline = math.inf  # the next piece has as long again

    def last_records(self, reply: httpx.Response) -> Iterator[T]:
        """Yield what is left at the end of a reply.

        Raises:
            OllamaError: it says that the server failed, or ended too early.
        """
        endpoint, status = self.call.endpoint, reply.status_code
        if status in endpoint.by_status:
            yield endpoint.by_status[status]
            return
        if not reply.is_success:
            raise self._failure(reply, read(self._error_body))
        self._check_kind(reply, b"")
        for value in self._framing.end():
            yield self._record(reply, value)
        if not (self._framing.is_closed or self._ended):
            raise OllamaReplyError(
                f"the reply of {self.url} ended before it was done",
                hint="ask again; what came is not the whole",
                status=status,
            )

    def _check_deadline(self) -> None:
        """Raise if a reply, or a piece of one, takes too long, however steadily its bytes come."""
        now = time.monotonic()
        self._deadline = min(self._deadline, now + self._timeout_s)
        if now > self._deadline:
            raise httpx.ReadTimeout("the reply has no end")

    def _check_kind(self, reply: httpx.Response, start: bytes) -> None:
        kind = reply.headers.get("content-type", "json")
        if "json" not in kind and "event-stream" not in kind:
            raise self._failure(reply, read(start[:MOST_ERROR_BYTES]))

    def _failure(self, reply: httpx.Response, said: Said) -> OllamaError:
        location = reply.headers.get("location", "") if reply.is_redirect else ""
        return failure(Failed(self.call, self._address, reply.status_code, said, location))

    def _record(self, reply: httpx.Response, value: Any) -> T:  # noqa: ANN401 - any JSON
        if isinstance(value, dict) and value.get("error") is not None:
            raise self._failure(reply, said(value))
        try:
            record = self.call.endpoint.parse(value)
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            lack = "it is empty" if value is None else f"{type(error).__name__} {error}"
            raise OllamaReplyError(
                f"the reply of {self.url} is none of Ollama's: {one_line(lack, 120)}",
                hint="check the address, OLLAMA_HOST or --host",
                status=reply.status_code,
            ) from error
        self._emitted = True
        if self._framing_name != "sse":  # where a record after the last one has the usage
            self._ended = self._ended or self.call.endpoint.is_last(record)
        return record

    # -- failures

    def __enter__(self) -> None:
        """Begin a try."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> bool:
        """Turn httpx's errors into ours; say whether to forget one and try again."""
        if isinstance(error, httpx.HTTPError):
            told = unanswered(self.call, self._address, error, timeout_s=self._timeout_s)
        elif isinstance(error, OllamaError):
            told = error
        else:
            return False
        if self._is_worth_a_try(told, error):
            self._try_again = True
            return True
        if told is error:
            return False
        raise told from error

    def _is_worth_a_try(self, told: OllamaError, error: BaseException) -> bool:
        """Say whether to send the request again, and set how long to wait before."""
        if self._emitted or self._tries > self._policy.retries:
            return False
        endpoint = self.call.endpoint
        if isinstance(told, OllamaBusyError) or told.is_of_gateway:
            self.wait_s = self._policy.busy_wait_s(self._tries)
            if isinstance(told, OllamaBusyError):
                return self._policy.waits_when_busy
            # At first contact it is rather a proxy in the way, which is to be told soon.
            soon = endpoint.is_quick and self._tries > 1
            return endpoint.repeatable and not soon
        if isinstance(told, ModelCrashError):
            self.wait_s = self._policy.backoff_s  # the server starts another in the meantime
            return self._tries == 1
        if isinstance(told, NotOllamaError) or self._tries > 1:
            return False
        is_refusal = isinstance(error, httpx.ConnectError)  # then nothing was sent
        broke = isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)
        return is_refusal or (broke and endpoint.repeatable)
