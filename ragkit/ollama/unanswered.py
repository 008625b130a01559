"""What it means that there is no reply: nothing answers, too late, not in HTTP, cut off."""

from __future__ import annotations

import re
from typing import Any

import httpx

from ragkit.errors import (
    NotOllamaError,
    OllamaError,
    OllamaReplyError,
    OllamaTimeoutError,
    OllamaUnreachableError,
)
from ragkit.ollama.address import Address
from ragkit.ollama.endpoints import Call
from ragkit.ollama.framing import one_line


def unanswered(
    call: Call[Any], address: Address, error: httpx.HTTPError, *, timeout_s: float
) -> OllamaError:
    """Return our error for one of httpx."""
    why = one_line(str(error), 200) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return _unreachable(address, why)
    if isinstance(error, httpx.TimeoutException):
        return OllamaTimeoutError(
            f"{address}{call.path or call.endpoint.path} gave no answer within {timeout_s:g} s",
            hint="a large model takes long to load: raise the timeout",
        )
    return _broken(address, error, why)


def _broken(address: Address, error: httpx.HTTPError, why: str) -> OllamaError:
    if isinstance(error, httpx.ProxyError):
        return NotOllamaError(
            f"the proxy on the way to {address} refuses: {why}", hint="add the host to NO_PROXY"
        )
    if re.search("illegal (status|request) line", why):  # as h11 says it
        return NotOllamaError(
            f"what answers at {address} does not speak HTTP: {why}",
            hint="check the address, OLLAMA_HOST or --host, and whether it is https://",
        )
    if isinstance(error, httpx.DecodingError):
        return OllamaReplyError(
            f"the reply of {address} cannot be unpacked: {why}",
            hint="a proxy seems to stand between: add the host to NO_PROXY",
        )
    return OllamaReplyError(
        f"the connection to {address} broke: {why}",
        hint="ask again; Ollama's log says whether it stopped",
    )


def _unreachable(address: Address, why: str) -> OllamaUnreachableError:
    if address.scheme == "https" and "SSL" in why:
        return OllamaUnreachableError(
            f"no safe connection to {address}: {why}",
            hint="use http:// if it has no TLS; name a certificate of your own in SSL_CERT_FILE",
        )
    if address.is_private:
        hint = (
            "start it with 'ollama serve', or set OLLAMA_HOST to where it runs "
            "(host.docker.internal from within a container)"
        )
    else:
        hint = (
            "check the address and HTTP_PROXY; to be reached from elsewhere, Ollama needs "
            "OLLAMA_HOST=0.0.0.0 on its own machine"
        )
    return OllamaUnreachableError(f"no Ollama server at {address}", hint=hint)
