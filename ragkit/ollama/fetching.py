"""Get a page of the web that a user named, and nothing else that its server or its links want.

The address that is connected to is the one that was checked: a name is resolved once, what it
resolves to is looked at, and the connection goes there. So it is with each redirect. Proxies are
not used: they would resolve names themselves. What comes is bounded in bytes and, from the first
request to the last byte, in time. (It stands here as this package is the one that uses httpx.)
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from threading import Event

import httpx

from ragkit.errors import LoadError

MOST_REDIRECTS = 5
LOOK_EVERY_S = 0.1
CONNECT_S, READ_S, TOTAL_S = 10.0, 20.0, 60.0
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
INNER = (ipaddress.IPv6Network("64:ff9b:1::/48"), ipaddress.IPv6Network("::/96"))  # local ones
PRIVATE = "add --allow-private, if you trust it"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server gave."""

    data: bytes
    content_type: str = ""
    tags: tuple[tuple[str, str], ...] = ()  # ("etag", ...), ("last-modified", ...)
    is_unchanged: bool = False  # since the tags that it was asked with


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Gets pages; told once what it may.

    Args:
        most_bytes: of a page, also once it is unpacked.
        allow_private: also from addresses that only this machine or network has.
        total_s: of one page, redirects included.
    """

    most_bytes: int
    allow_private: bool = False
    total_s: float = TOTAL_S

    def __call__(self, url: str, tags: Mapping[str, str]) -> Fetched:
        """Return what is at ``url``; ``tags`` say what is known of it.

        Raises:
            LoadError: there is no such page, it may not be asked for, or it takes too much.
        """
        # In a thread of its own: the caller may have a loop already.
        pool, is_over = ThreadPoolExecutor(1, "ragkit-fetch"), Event()
        try:
            fetching = pool.submit(asyncio.run, self._until(is_over, url, tags))
            while wait([fetching], LOOK_EVERY_S).not_done:  # one without an end can miss a Ctrl-C
                pass
            return fetching.result()
        finally:
            is_over.set()
            pool.shutdown(wait=False)

    async def _until(self, is_over: Event, url: str, tags: Mapping[str, str]) -> Fetched:
        """Return what is at ``url``, as long as somebody waits for it."""
        task = asyncio.create_task(self._in_time(url, tags))
        while not (await asyncio.wait([task], timeout=LOOK_EVERY_S))[0]:
            if is_over.is_set():
                task.cancel()
        return await task

    async def _in_time(self, url: str, tags: Mapping[str, str]) -> Fetched:
        try:
            return await asyncio.wait_for(self._follow(url, tags), self.total_s)
        except TimeoutError as error:
            raise LoadError(f"it was not there within {self.total_s:.0f} s") from error
        except httpx.HTTPError as error:
            told = str(error) or type(error).__name__
            raise LoadError(f"it could not be fetched: {told}") from error
        except LoadError:
            raise
        except Exception as error:  # of whatever a server may send: it costs the page, not the run
            told = f"{type(error).__name__}: {error}"
            raise LoadError(f"it could not be fetched: {told}") from error

    async def _follow(self, url: str, tags: Mapping[str, str]) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._get(parsed(url), tags)
            if isinstance(found, Fetched):
                return found
            url = found
        raise LoadError(f"it leads on and on: more than {MOST_REDIRECTS} redirects")

    async def _get(self, url: httpx.URL, tags: Mapping[str, str]) -> Fetched | str:
        """Return a page, or where it has gone."""
        address = await self._address(url)
        headers = {
            "Host": url.netloc.decode(),
            "User-Agent": "ragkit",
            "Accept-Encoding": "identity",
            **{ASKED[name]: value for name, value in tags.items() if name in ASKED},
        }
        extensions = {"sni_hostname": url.raw_host.decode()} if url.scheme == "https" else {}
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        verify = _context() if url.scheme == "https" else False
        there = url.copy_with(host=str(address))
        async with (
            httpx.AsyncClient(trust_env=False, verify=verify, timeout=timeout) as http,
            http.stream("GET", there, headers=headers, extensions=extensions) as reply,
        ):
            if reply.status_code == 304 and tags:
                return Fetched(b"", is_unchanged=True)
            if reply.is_redirect and "location" in reply.headers:
                return str(url.join(reply.headers["location"]))
            if reply.status_code != 200:
                raise LoadError(
                    f"the server says {reply.status_code} {reply.reason_phrase}".strip()
                )
            data = unpacked(
                await self._body(reply), reply.headers.get("content-encoding", ""), self.most_bytes
            )
            kept = tuple(  # others cannot be sent back
                (name, value)
                for name in ASKED
                if (value := reply.headers.get(name, "")) and value.isascii()
            )
            return Fetched(data, reply.headers.get("content-type", ""), kept)

    async def _address(self, url: httpx.URL) -> Address:
        """Return the address to connect to.

        Raises:
            LoadError: the name has none, or one that may not be asked.
        """
        host = url.raw_host.decode().strip("[]")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, url.port or 0, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise LoadError(f"{host} cannot be found: {error}") from error
        addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        for address in addresses:
            if not (self.allow_private or is_public(address)):
                raise LoadError(f"{host} is {address}, which is no public address", hint=PRIVATE)
        return addresses[0]

    async def _body(self, reply: httpx.Response) -> bytes:
        said = reply.headers.get("content-length", "0")
        if said.isdecimal() and int(said) > self.most_bytes:
            raise _too_large(self.most_bytes)
        data = bytearray()
        async for block in reply.aiter_raw():
            data += block
            if len(data) > self.most_bytes:
                raise _too_large(self.most_bytes)
        return bytes(data)


ASKED = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


def parsed(url: str) -> httpx.URL:
    """Return an address that may be asked.

    Raises:
        LoadError: it is none of the web, or has a password in it.
    """
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise LoadError(f"{url} is no address: {error}") from error
    if found.scheme not in ("http", "https") or not found.host:
        raise LoadError(
            f"{url} is no address of the web", hint="it begins with https:// or http://"
        )
    if found.userinfo:  # of a redirect; what is typed is refused before
        raise LoadError("it leads to an address with a password, which is not asked")
    if not 0 < (found.port or 1) < 65_536:
        raise LoadError(f"{url} is no address: it has no such port")
    return found


def is_public(address: Address) -> bool:
    """Say whether an address is one of the public net, and no other stands behind it.

    >>> is_public(ipaddress.ip_address("9.9.9.9")), is_public(ipaddress.ip_address("::1"))
    (True, False)
    """
    if isinstance(address, ipaddress.IPv6Address):
        behind = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            behind = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.is_site_local or any(address in inner for inner in INNER):
            return False
        if address.teredo or (behind and not is_public(behind)):
            return False
        if behind and address.ipv4_mapped:
            return True
    return address.is_global and not address.is_multicast


def unpacked(data: bytes, encoding: str, most: int) -> bytes:
    """Return a body that a server compressed though it was not asked to.

    Raises:
        LoadError: it is compressed in a way that was never asked for, damaged, or a bomb.
    """
    if encoding.strip().lower() in ("", "identity"):
        return data
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise LoadError(f"the server compressed it as {encoding}, which was not asked for")
    try:
        unpacking = zlib.decompressobj(47)
        found = unpacking.decompress(data, most + 1)
    except zlib.error as error:
        raise LoadError(f"it is compressed and damaged: {error}") from error
    if len(found) > most:
        raise _too_large(most)
    if not unpacking.eof:
        raise LoadError("it is compressed and cut off")
    if unpacking.unused_data.strip(b"\0"):
        raise LoadError("it is compressed in several parts, of which only the first can be told")
    return found


@cache
def _context() -> ssl.SSLContext:
    """Return what certificates are held against; it takes long to make."""
    return httpx.create_ssl_context()


def _too_large(most: int) -> LoadError:
    return LoadError(
        f"it is more than the limit of {most / 1e6:.0f} MB", hint="raise it with --max-file-mb"
    )
