"""Both clients behind one face, so that one test holds for both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

from ragkit.ollama import AsyncClient, Client

HELLO = [{"role": "user", "content": "hello"}]
DONE = {"message": {"role": "assistant", "content": "hi"}, "done": True, "done_reason": "stop"}
CLIENTS = ("blocking", "asyncio")
Connect = Callable[..., Any]  # as Client: (host, **settings); the result has the methods of Client


class Driven:
    """An ``AsyncClient`` whose methods block."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        client: AsyncClient | None = None,
        **given: Any,  # noqa: ANN401
    ) -> None:
        self.client = client or AsyncClient(*args, **given)
        self._runner = asyncio.Runner()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        found = getattr(self.client, name)
        return self._blocking(found) if callable(found) else found

    def __enter__(self) -> Driven:
        self._runner.__enter__()
        self._runner.run(self.client.__aenter__())
        return self

    def __exit__(self, *error: object) -> None:
        self._runner.run(self.client.__aexit__(*error))
        self._runner.close()

    def within(self, timeout_s: float) -> Driven:
        other = Driven(client=self.client.within(timeout_s))
        other._runner = self._runner
        return other

    def _blocking(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            result = method(*args, **kwargs)
            return self._runner.run(result) if inspect.iscoroutine(result) else self._each(result)

        return called

    def _each(self, found: AsyncGenerator[Any, None]) -> Generator[Any, None, None]:
        async def following() -> Any:  # noqa: ANN401
            return await anext(found)

        try:
            while True:
                yield self._runner.run(following())
        except StopAsyncIteration:
            return
        finally:
            self._runner.run(found.aclose())


def connecting(kind: str) -> Iterator[Connect]:
    """Yield a function that makes clients of a kind; they are closed afterwards."""
    with ExitStack() as stack:

        def connect(*args: Any, **given: Any) -> Any:  # noqa: ANN401
            made = Client if kind == "blocking" else Driven
            return stack.enter_context(made(*args, **{"backoff_s": 0.0, **given}))

        yield connect
