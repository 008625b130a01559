"""This machine: Python, packages, extras, memory, and what kind of place it is."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ragkit import __version__
from ragkit.errors import ConfigError, MissingExtraError
from ragkit.extras import folder, install_hint
from ragkit.types import Check

PACKAGES = (
    "charset_normalizer faiss filelock httpx numpy orjson pathspec pypdf regex Stemmer tantivy"
).split()
EXTRAS = {"offline": "wordllama"}  # extra -> what it brings
CONTAINERS = (".dockerenv", "run/.containerenv")  # Docker's mark, Podman's


@dataclass(frozen=True, slots=True)
class Machine:
    """What matters of a machine to who looks for a server on it."""

    in_container: bool = False
    in_wsl: bool = False
    memory_bytes: int | None = None  # None: this system does not say
    free_bytes: int | None = None  # of it, for programs; None as above


def this_machine(root: Path = Path("/")) -> Machine:
    """Return what this machine is.

    Args:
        root: below which the system's own files are.
    """
    in_container = any((root / mark).exists() for mark in CONTAINERS)
    in_wsl = "microsoft" in platform.release().lower()
    with suppress(OSError, KeyError):  # WSL 1 does not say what is available
        kilobytes = dict(re.findall(r"(\w+): +(\d+) kB", (root / "proc/meminfo").read_text()))
        total, free = (int(kilobytes[name]) * 1024 for name in ("MemTotal", "MemAvailable"))
        return Machine(in_container, in_wsl, total, free)
    with suppress(AttributeError, ValueError, OSError):  # a system that cannot say
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Machine(in_container, in_wsl, total)
    return Machine(in_container, in_wsl)


def check_python() -> Check:
    """Say which Python and ragkit run."""
    release = platform.python_version()
    facts = {"python": release, "ragkit": __version__, "system": platform.platform()}
    return Check("python", "ok", f"{release}, with ragkit {__version__}", facts=facts)


def check_packages(names: Sequence[str] = PACKAGES) -> Check:
    """Say whether each package that ragkit needs can be imported."""
    broken = {}
    for name in names:
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001 - a broken package raises whatever it likes
            broken[name] = str(error) or type(error).__name__
    if not broken:
        return Check("packages", "ok", f"all {len(names)} can be imported")
    told = "; ".join(f"{name} cannot be imported: {why}" for name, why in broken.items())
    hint = "pip install --force-reinstall . in the folder of ragkit's source"
    code = ConfigError.exit_code
    return Check("packages", "fail", told, hint, {"broken": sorted(broken)}, code)


def check_extras(*, is_needed: bool) -> Check:
    """Say which optional packages are installed.

    Args:
        is_needed: what "offline" brings is to embed.
    """
    missing = []
    for extra, package in EXTRAS.items():
        try:
            folder(package, extra=extra)
        except MissingExtraError:
            missing.append(extra)
    facts = {"installed": [extra for extra in EXTRAS if extra not in missing], "missing": missing}
    if not missing:
        return Check("extras", "ok", ", ".join(EXTRAS), facts=facts)
    text, hint = f"not installed: {', '.join(missing)}", install_hint(missing[0])
    if is_needed:
        return Check("extras", "fail", text, hint, facts, MissingExtraError.exit_code)
    return Check("extras", "note", f"{text} (to work without a server)", hint, facts)
