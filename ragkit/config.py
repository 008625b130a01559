"""Settings, and the order in which their sources win.

Flags, then RAGKIT_* variables, then the index's config.toml, then the user's, then the defaults. A
name that is not a setting is refused, whoever gives it.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import NoReturn

from ragkit.errors import ConfigError, UntrustedHostError
from ragkit.trust import is_trusted

FILE = "config.toml"
CHOICES = {
    "mode": ("hybrid", "dense", "lexical"),
    "fusion": ("sum", "rrf"),
    "endpoint": ("auto", "embed", "embeddings"),
    "chunker": ("structure", "sentences", "fixed", "page", "similarity", "document"),
}
LEASTS = {
    "chunk_tokens": 20, "max_file_mb": 1, "k": 1, "candidates": 1, "strictness": 0,
    "pdf_timeout_s": 1, "pdf_memory_mb": 256, "budget_tokens": 100, "answer_tokens": 1,
    "timeout_s": 1, "load_timeout_s": 1,
}  # fmt: skip
LINK = re.compile(r"[A-Za-z][\w+.-]*:(?=.*\{path\})(?:[!-z|~]|\{(?:path|line|page)\})*", re.ASCII)
OWN_ONLY = {"viewer": "a command", "link": "an address"}  # a stranger's file is not to name one
OLLAMA = {"OLLAMA_HOST": "host", "OLLAMA_KEEP_ALIVE": "keep_alive"}  # variables it has itself


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a user can set; README.md, "Settings", has a row for each field."""

    offline: bool = False  # embed and answer with the built-in models
    host: str = ""  # Ollama servers, each in any form of OLLAMA_HOST, with commas between;
    # "" is 127.0.0.1:11434
    api_key: str = field(default="", repr=False)  # for a server that wants one
    embed_model: str = ""  # "" is nomic-embed-text, or an installed one that embeds
    model: str = ""  # that answers; "" is llama3.2, or an installed one that chats
    vision_model: str = ""  # that reads images, and pages of PDFs that have no text; "" for none
    endpoint: str = "auto"  # "embed", "embeddings" (one text a request)
    keep_alive: str = ""  # how long models stay loaded, such as "30m"; "" is the server's default
    embed_options: Mapping[str, object] = field(default_factory=dict)  # of the embedding model
    options: Mapping[str, object] = field(default_factory=dict)  # of the model that answers
    query_prefix: str = "auto"  # before questions; "auto" is what the model is known to want
    document_prefix: str = "auto"  # before passages; fixed once an index is made
    timeout_s: float = 600.0  # to the next piece of a reply
    load_timeout_s: float = 600.0  # of a request that a model has to be loaded for, if it is more
    budget_tokens: int = 2000  # most tokens of passages and question in a prompt, estimated
    answer_tokens: int = 1024  # most tokens of an answer
    chunker: str = "structure"  # how documents are cut; fixed once an index is made
    chunk_tokens: int = 200  # most tokens of a chunk, estimated
    max_file_mb: int = 64  # larger files are refused, with the reason
    pdf_timeout_s: float = 30.0  # most for a page of a PDF; a file has ten times as much, and a
    # second more for each page
    pdf_memory_mb: int = 1024  # most for reading a PDF
    k: int = 8  # passages that a search returns and an answer draws on
    candidates: int = 100  # passages considered in each view before they are fused
    mode: str = "hybrid"  # or "dense", "lexical"
    fusion: str = "sum"  # of scaled scores; or "rrf", of ranks
    strictness: float = 1.0  # how much evidence an answer needs; 0 never refuses
    history: bool = True  # the command line remembers the last answer, for 'ragkit show 3'
    viewer: str = ""  # the program that 'ragkit open' shows pages with; "" is one that is installed
    link: str = ""  # where places printed on a terminal lead: "" is file://, "none" is nowhere, or
    # an address with {path} and perhaps {line} and {page}: "vscode://file/{path}:{line}"

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} cannot be {getattr(self, name)!r}",
                    hint=f"one of: {', '.join(allowed)}",
                )
        if self.link not in ("", "none") and not LINK.fullmatch(self.link):
            raise ConfigError(
                f"link cannot be {self.link!r}", hint="such as vscode://file/{path}:{line}, or none"
            )
        for name, least in LEASTS.items():
            if not getattr(self, name) >= least:
                raise ConfigError(
                    f"{name} cannot be {getattr(self, name)}", hint=f"{least} or more"
                )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The servers that ``host`` names, in order; one at the least.

        >>> Settings(host="gpu-box, 10.0.0.7:11434").hosts
        ('gpu-box', '10.0.0.7:11434')
        """
        return tuple(filter(None, map(str.strip, self.host.split(",")))) or ("",)

    @classmethod
    def load(
        cls,
        index: Path | None = None,
        *,
        env: Mapping[str, str] = os.environ,
        given: Mapping[str, object] | None = None,
        defaults: Mapping[str, object] | None = None,
    ) -> Settings:
        """Merge all sources, in the order that the module says.

        Args:
            index: the index's folder, whose config.toml is read if it is there.
            env: the environment.
            given: flags or arguments; None means "not given".
            defaults: what stands in for the defaults, such as what an index was made with.

        Raises:
            ConfigError: an unknown name, or a value of the wrong kind.
            UntrustedHostError: the index's config.toml names a server elsewhere that the user has
                not confirmed, and nothing stronger names one.
        """
        return cls.load_with_origins(index, env=env, given=given, defaults=defaults)[0]

    @classmethod
    def load_with_origins(
        cls,
        index: Path | None = None,
        *,
        env: Mapping[str, str] = os.environ,
        given: Mapping[str, object] | None = None,
        defaults: Mapping[str, object] | None = None,
    ) -> tuple[Settings, dict[str, str]]:
        """Do what ``load`` does, and say of each setting that was set which source won.

        Returns:
            The settings, and by name a file's path or a variable's name; a default is not there.
        """
        merged: dict[str, tuple[object, str]] = {
            name: (value, "the index") for name, value in (defaults or {}).items()
        }
        mine: object = None  # the user's own server, which an index may name too
        for file in (user_file(env), index / FILE if index else None):
            if file is not None and os.path.isfile(file):  # noqa: PTH113 - Path's raises
                found = read_file(file)
                if index and file == index / FILE:
                    refuse_keys(found, file)
                else:
                    mine = found.get("host")
                merged |= {name: (value, str(file)) for name, value in found.items()}
        merged |= {OLLAMA[name]: (text, name) for name, text in env.items() if name in OLLAMA}
        for name, text in env.items():
            if name.startswith("RAGKIT_") and name not in OTHER_VARIABLES:
                merged[name.removeprefix("RAGKIT_").lower()] = (text, name)
        merged |= {
            name: (value, "here") for name, value in (given or {}).items() if value is not None
        }
        kinds = {field.name: type(getattr(cls(), field.name)) for field in fields(cls)}
        values = {}
        for name, (value, origin) in merged.items():
            require_known(name, origin)
            values[name] = _as(kinds[name], value, name, origin)
        origins = {name: origin for name, (_, origin) in merged.items()}
        if index and origins.get("host") == str(index / FILE) and values["host"] != mine:
            require_trusted(str(values["host"]), index, env)
        return replace(cls(), **values), origins  # type: ignore[arg-type] # each of its field's kind


def require_known(name: str, origin: str) -> None:
    """Refuse what is no setting, and name the nearest.

    Raises:
        ConfigError: it is none.
    """
    known = [field.name for field in fields(Settings)]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of: {', '.join(known)}"
        raise ConfigError(f"unknown setting {name!r} in {origin}", hint=hint)


OTHER_VARIABLES = frozenset({"RAGKIT_INDEX", "RAGKIT_DEBUG"})  # which index is no setting of one


def user_file(env: Mapping[str, str]) -> Path | None:
    """Return where the user's own settings are, whether or not the file exists.

    >>> user_file({"XDG_CONFIG_HOME": "/etc/xdg"}).as_posix()
    '/etc/xdg/ragkit/config.toml'
    """
    if folder := env.get("XDG_CONFIG_HOME") or env.get("APPDATA"):
        return Path(folder) / "ragkit" / FILE
    return Path(env["HOME"]) / ".config" / "ragkit" / FILE if env.get("HOME") else None


def read_file(file: Path) -> dict[str, object]:
    """Return what stands in a config.toml.

    Raises:
        ConfigError: it cannot be read.
    """
    import tomllib  # most have no such file

    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise ConfigError(f"cannot read {file}: {error}", hint="mend it or delete it") from error


def refuse_keys(found: Mapping[str, object], file: Path) -> None:
    """Refuse a key in an index's file: it goes where the documents go, to whoever gets them.

    And what is run or followed on a click: the file may have come with somebody's documents.

    Raises:
        ConfigError: it has one.
    """
    for name in filter(found.__contains__, OWN_ONLY):
        raise ConfigError(
            f"{name} is not taken from {file}: {OWN_ONLY[name]} is yours to choose, not an index's",
            hint=f"set it with RAGKIT_{name.upper()} or 'ragkit config set {name}', and not there",
        )
    if "api_key" in found:
        raise ConfigError(
            f"api_key is not taken from {file}, which goes along with the documents",
            hint="set it with RAGKIT_API_KEY or in your own config.toml",
        )


def require_trusted(host: str, index: Path, env: Mapping[str, str]) -> None:
    """Refuse a server elsewhere that an index names, unless the user has confirmed it.

    Raises:
        UntrustedHostError: nobody has.
        ConfigError: what it names is not what it looks like, perhaps.
    """
    if not re.fullmatch("[!-~]*", host):  # a person is to see what would be confirmed
        raise ConfigError(
            f"host in {index / FILE} is {host!a}", hint="give an address of ASCII letters"
        )
    own = user_file(env)
    if not is_trusted(host, index=index, own=own.parent if own else None):
        raise UntrustedHostError(host, index)


def parse_option(text: str, origin: str = "-o") -> dict[str, object]:
    """Return one option out of ``name=value``; a value is JSON where it can be.

    Raises:
        ConfigError: it is none, or no number where JSON has none (NaN).

    >>> parse_option("num_ctx=8192"), parse_option("stop=END")
    ({'num_ctx': 8192}, {'stop': ['END']})
    """
    name, equals, value = map(str.strip, text.partition("="))
    if not (name and equals):
        raise ConfigError(f"{origin} has {text!r}", hint="give it as name=value: num_ctx=8192")

    def refuse(constant: str) -> NoReturn:
        raise ConfigError(f"{name} in {origin} cannot be {constant}", hint="give a number")

    found: object = value
    with suppress(ValueError):  # then it is text
        found = json.loads(value, parse_constant=refuse)
    if name == "stop" and not isinstance(found, list):  # the server takes a list only
        found = [found if isinstance(found, str) else value]
    return {name: found}


def _options(text: str, origin: str) -> dict[str, object]:
    """Return options out of a variable: ``name=value,name=value``."""
    found: dict[str, object] = {}
    for part in filter(None, map(str.strip, _parts(text))):
        found |= parse_option(part, origin)
    return found


def _parts(text: str) -> list[str]:
    """Return what stands between the commas of a text, but those in brackets and quotes.

    >>> _parts('stop=["a,b", "]"],num_ctx=512')
    ['stop=["a,b", "]"]', 'num_ctx=512']
    """
    parts, depth = [""], 0
    for token in re.findall(r'"(?:\\.|[^"\\])*"|.', text, re.DOTALL):
        depth += (token in "[{") - (token in "]}")
        if token == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _as(kind: type, value: object, name: str, origin: str) -> object:
    """Return ``value`` as a ``kind``; text from the environment is read."""
    if name == "keep_alive" and type(value) in (int, float):  # seconds, as Ollama takes them
        value = str(value) if type(value) is int else f"{value}s"
    if kind is bool and isinstance(value, str):
        lowered = value.strip().lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off", ""):
            return False
    elif kind is int and isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    elif kind is float and isinstance(value, str) and re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
        return float(value)
    elif kind is dict and isinstance(value, str):
        return _options(value, origin)
    elif type(value) is kind or (kind is float and type(value) is int):
        return value
    word = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(
        kind, "name=value"
    )
    shown = "not text" if name == "api_key" else repr(value)  # a key is nobody's to read
    raise ConfigError(f"{name} in {origin} is {shown}", hint=f"give {word}")
