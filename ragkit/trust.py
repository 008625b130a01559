"""Which servers an index's own config.toml may name: those of this machine, and confirmed ones.

A config.toml may have come with somebody's documents. The server that it names would be sent all
that is ingested and asked, and the user's key; so a person confirms it, once for each index and
server. What was confirmed stands in the user's own folder of settings.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

FILE = "trusted-hosts.json"
OWN = re.compile(
    r"(https?://)?(localhost|127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}|\[::1\])(:\d{1,5})?/?",
    re.ASCII | re.IGNORECASE,
)


def is_own(host: str) -> bool:
    """Say whether a host is this very machine, by its spelling alone.

    >>> [is_own(host) for host in ("", "localhost:80", "http://[::1]/", "127.0.0.8")]
    [True, True, True, True]
    >>> [is_own(host) for host in ("127.0.0.1.evil.io", "127.0.0.256", "localhost@evil.io")]
    [False, False, False]
    """
    return not host.strip() or OWN.fullmatch(host.strip()) is not None


def is_trusted(host: str, *, index: Path, own: Path | None) -> bool:
    """Say whether an index may name a server.

    Args:
        host: as its config.toml has it.
        index: the index's folder.
        own: the user's own folder of settings; None if there is none.
    """
    return is_own(host) or host in _confirmed(own).get(_key(index), ())


def trust(host: str, *, index: Path, own: Path) -> None:
    """Remember that a person confirmed a server for an index.

    Raises:
        OSError: no space, no permission.
    """
    confirmed = _confirmed(own)
    hosts = confirmed.setdefault(_key(index), [])
    if host not in hosts:
        hosts.append(host)
        own.mkdir(parents=True, exist_ok=True)
        new = own / f"{FILE}.new"
        new.write_text(json.dumps(confirmed, indent=1), "utf-8")
        new.replace(own / FILE)


def _key(index: Path) -> str:
    return str(index.resolve())


def _confirmed(own: Path | None) -> dict[str, list[str]]:
    """Return what was confirmed, by index; nothing where the file is none that we wrote."""
    if own is not None:
        with suppress(OSError, ValueError):
            found = json.loads((own / FILE).read_text("utf-8"))
            if isinstance(found, dict):
                return {
                    key: [host for host in hosts if isinstance(host, str)]
                    for key, hosts in found.items()
                    if isinstance(hosts, list)
                }
    return {}
