"""Where the server is: every form of ``OLLAMA_HOST``, and what may be sent there.

Source: Ollama's envconfig/config.go, ``Host`` and ``ConnectableHost``.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ragkit.errors import ConfigError

PORT = 11434
PORTS = {"http": 80, "https": 443}  # of an address that names its scheme
CLOUD = "ollama.com"
PRIVATE_NAMES = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa")
PASTED = ("/api", "/v1")  # ends of an address copied out of another program's settings


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address.

    >>> str(Address("http", "::1", 11434)), str(Address("https", "host", 443, "/ollama"))
    ('http://[::1]:11434', 'https://host:443/ollama')
    """

    scheme: str
    host: str
    port: int
    path: str = ""  # before /api, where a proxy serves it below a path

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def is_private(self) -> bool:
        """Say whether the host is this machine or one of its own network: no proxy between."""
        if ip := _ip(self.host):
            return ip.is_private
        name = self.host.lower().rstrip(".")
        return "." not in name or name.endswith(PRIVATE_NAMES)

    @property
    def is_cloud(self) -> bool:
        """Say whether this is Ollama's own service, reached over TLS."""
        return self.scheme == "https" and self.host.lower().rstrip(".") == CLOUD


def parse_address(text: str) -> Address:
    """Return the address that a value of ``OLLAMA_HOST`` means to a client.

    A port that cannot be is the default one, as it is to the server.

    Raises:
        ConfigError: no host can be made of it, or it holds a password.

    >>> [str(parse_address(text)) for text in ("", "gpu", ":1234", "https://h/ollama/", "0.0.0.0")]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['http://127.0.0.1:11434', 'http://gpu:11434', 'http://127.0.0.1:1234',
     'https://h:443/ollama', 'http://127.0.0.1:11434']
    """
    given = text.strip().strip("\"'").strip()
    scheme, found, rest = given.partition("://")
    scheme, rest = (scheme.lower(), rest) if found else ("http", given)
    authority, _, path = rest.partition("/")
    if "@" in authority:  # the text is not repeated: it may hold a password
        raise ConfigError(
            "the address of Ollama holds a user name or password",
            hint=f"{EXAMPLE}, and a key as api_key",
        )
    if scheme not in PORTS or (not found and re.match("https?:|//", rest, re.IGNORECASE)):
        raise _no_address(text)
    default = PORTS[scheme] if found else PORT
    if authority.lower() == CLOUD and not found:
        scheme, default = "https", PORTS["https"]
    host, port = _host_and_port(authority, default)
    if not _can_be_host(host):
        raise _no_address(text)
    return Address(scheme, _connectable(host), port, _prefix(path))


EXAMPLE = "give one such as http://127.0.0.1:11434"


def _no_address(text: str) -> ConfigError:
    shown = text if len(text) <= 80 else text[:79] + "…"
    return ConfigError(f"{shown!r} is no address of Ollama", hint=EXAMPLE)


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        return host if ":" in host else authority, _port(port.removeprefix(":"), default)
    if authority.count(":") > 1:  # IPv6 without brackets has no port
        return authority, default
    host, _, port = authority.partition(":")
    return host, _port(port, default)


def _port(text: str, default: int) -> int:
    return int(text) if re.fullmatch("[0-9]{1,5}", text) and int(text) <= 65_535 else default


def _can_be_host(host: str) -> bool:
    if ":" in host:
        return _ip(host) is not None
    if any(c.isspace() or c in '%?#\\[]<>^`{|},"' or not c.isprintable() for c in host):
        return False
    try:
        host.encode("idna")  # as the system does when it looks a name up
    except UnicodeError:  # a part of it is empty, or longer than 63
        return False
    return True


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _connectable(host: str) -> str:
    """Return a host to connect to: an address that servers listen on is none on every system."""
    if host in ("", "0.0.0.0"):
        return "127.0.0.1"
    return "::1" if _ip(host) == ipaddress.IPv6Address("::") else host


def _prefix(path: str) -> str:
    prefix = f"/{path.partition('?')[0].partition('#')[0]}".rstrip("/")
    for pasted in PASTED:
        prefix = prefix.removesuffix(pasted).rstrip("/")
    return quote(prefix, safe="/%:@!$&'()*+,;=~-._")


def headers_for(
    address: Address, api_key: str | None, env: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the headers that prove who asks.

    ``OLLAMA_API_KEY`` is a key for Ollama's own service and goes nowhere else; a key that was given
    goes to the address it was given with, but not in the clear to another network.

    Raises:
        ConfigError: the key would be sent in the clear, or is none.
    """
    key = (api_key or (env.get("OLLAMA_API_KEY", "") if address.is_cloud else "")).strip()
    if not key:
        return {}
    if not (key.isascii() and key.isprintable()):  # the key itself is in no message
        raise ConfigError("the API key has characters that no key has", hint="copy it anew")
    if address.scheme == "http" and not address.is_private:
        raise ConfigError(
            f"the API key would be sent to {address} in the clear", hint="use https://"
        )
    return {"Authorization": f"Bearer {key}"}
