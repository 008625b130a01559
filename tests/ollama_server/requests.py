"""Read a request as Go's ``encoding/json`` does, into the structs of Ollama's package ``api``."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.ollama_server.releases import Release
from tests.ollama_server.replies import Failure

Check = Callable[[Any, str], Any]
FOREVER_S = float(1 << 63) / 1e9  # Go's longest duration: 292 years
UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)[^\d.]*)+")
BASE64 = frozenset(string.ascii_letters + string.digits + "+/")
LEVELS = ("high", "medium", "low", "max")

# Where Python's decoder stops, and how Go's says it.
PLACES = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key "
    "string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
}

OPTIONS: dict[str, tuple[str, tuple[type, ...]]] = {
    **dict.fromkeys(
        """num_ctx num_batch num_gpu main_gpu num_thread draft_num_predict num_keep num_predict seed
        top_k repeat_last_n""".split(),
        ("integer", (int, float)),
    ),
    **dict.fromkeys(
        """temperature top_p min_p typical_p repeat_penalty presence_penalty
        frequency_penalty""".split(),
        ("float32", (int, float)),
    ),
    "use_mmap": ("boolean", (bool,)),
    "stop": ("array", (list,)),
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    body: dict[str, Any] | None  # None where there was none, or it was no JSON object
    headers: Mapping[str, str]  # names in lower case
    data: bytes = b""


def decoded(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return a body's value; what comes after the first one is not looked at.

    Raises:
        Failure: it is no JSON, in Go's words.
    """
    body = data.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not body:
        raise Failure(400, "missing request body")
    try:
        return json.JSONDecoder().raw_decode(body)[0]
    except json.JSONDecodeError as error:
        if error.pos >= len(body.rstrip()) or error.msg.startswith("Unterminated"):
            raise Failure(400, "unexpected EOF") from error
        place = PLACES.get(error.msg, "in string literal")
        found = json.dumps(body[error.pos], ensure_ascii=False)[1:-1]
        raise Failure(400, f"invalid character '{found}' {place}") from error


def read(data: bytes, kind: str, fields: Mapping[str, Check]) -> dict[str, Any]:
    """Return the known fields of a body, each checked; those that are null are left out.

    Args:
        data: the body.
        kind: what Go calls the struct, such as "ChatRequest".
        fields: the check of each field, by its name.

    Raises:
        Failure: the body does not fit.
    """
    value = decoded(data)
    if not isinstance(value, dict):
        raise Failure(
            400, f"json: cannot unmarshal {_kind(value)} into Go value of type api.{kind}"
        )
    given = {name.lower(): field for name, field in value.items()}  # Go matches whatever the case
    return {
        name: check(given[name], f"{kind}.{name}")
        for name, check in fields.items()
        if given.get(name) is not None
    }


def of(type_: type | tuple[type, ...], go_type: str) -> Check:
    """Return a check for a type: JSON's, and what Go's message calls it."""

    def check(value: Any, field: str) -> Any:  # noqa: ANN401 - any JSON
        is_bool = isinstance(value, bool) and type_ is not bool  # True is an int to Python
        if is_bool or not isinstance(value, type_):
            raise Failure(
                400,
                f"json: cannot unmarshal {_kind(value)} into Go struct field {field} "
                f"of type {go_type}",
            )
        return value

    return check


def anything(value: Any, _: str) -> Any:  # noqa: ANN401 - any JSON
    return value


STRING = of(str, "string")
BOOL = of(bool, "bool")
INT = of(int, "int")
OPTION_MAP = of(dict, "map[string]interface {}")


def messages(value: Any, field: str) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """Check the messages of a chat."""
    found = of(list, "[]api.Message")(value, field)
    return [_message(message, field) for message in found]


def _message(value: Any, field: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    message: dict[str, Any] = of(dict, "api.Message")(value, field)
    for name in ("role", "content", "thinking", "tool_name"):
        if message.get(name) is not None:
            STRING(message[name], f"{field}.{name}")
    for image in message.get("images") or ():
        _image(image)
    content = message.get("content") or ""
    return {**message, "role": (message.get("role") or "").lower(), "content": content}


def _image(image: str) -> None:
    bare = image.rstrip("=")
    wrong = next((i for i, c in enumerate(bare) if c not in BASE64), None)
    if wrong is None and (len(image) % 4 or len(bare) % 4 == 1):
        wrong = len(image)
    if wrong is not None:
        raise Failure(400, f"illegal base64 data at input byte {wrong}")


def think(value: Any, _: str) -> Any:  # noqa: ANN401 - any JSON
    """Check ``think``: whether, or how much."""
    levels = ", ".join(f'"{level}"' for level in LEVELS)
    if isinstance(value, str) and value not in LEVELS:
        raise Failure(400, f'invalid think value: "{value}" (must be {levels}, true, or false)')
    if not isinstance(value, bool | str):
        raise Failure(400, f"think must be a boolean or string ({levels}, true, or false)")
    return value


def keep_alive(value: Any, _: str) -> float:  # noqa: ANN401 - any JSON
    """Return how long a model stays, in seconds, from a number or a duration such as "10m"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        kinds = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}
        raise Failure(400, f"Unsupported type: '{kinds[type(value)]}'")
    seconds = _duration_s(value) if isinstance(value, str) else float(value)
    return seconds if 0 <= seconds < FOREVER_S else FOREVER_S


def _duration_s(value: str) -> float:
    if value.lstrip("+-") == "0":
        return 0.0
    if not DURATION.fullmatch(value):
        raise Failure(400, f'time: invalid duration "{value}"')
    total = 0.0
    for number, unit in re.findall(r"([\d.]+)([^\d.]*)", value):
        if not unit:
            raise Failure(400, f'time: missing unit in duration "{value}"')
        if unit not in UNITS_S:
            raise Failure(400, f'time: unknown unit "{unit}" in duration "{value}"')
        total += float(number) * UNITS_S[unit]
    return -total if value.startswith("-") else total


def options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the server knows; a wrong type is an error of its own, with 500."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in OPTIONS or value is None:
            continue
        kind, types = OPTIONS[name]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise Failure(500, f'option "{name}" must be of type {kind}')
        if isinstance(value, list) and not all(isinstance(each, str) for each in value):
            raise Failure(500, f'option "{name}" must be of an array of strings')
        found[name] = int(value) if isinstance(value, float) and kind == "integer" else value
    return found


def fields_of(endpoint: str, release: Release) -> dict[str, Check]:
    """Return what a release reads of a request to an endpoint."""
    common = {"model": STRING, "keep_alive": keep_alive, "options": OPTION_MAP}
    if endpoint == "/api/embed":
        added = {"dimensions": INT} if release >= "0.11.11" else {}
        return {**common, "input": anything, "truncate": BOOL, **added}
    if endpoint == "/api/embeddings":
        return {**common, "prompt": STRING}
    if endpoint != "/api/chat":
        return {"model": STRING, "name": STRING, "insecure": BOOL, "stream": BOOL, "verbose": BOOL}
    found = {
        **common,
        "messages": messages,
        "stream": BOOL,
        "format": anything,
        "tools": of(list, "api.Tools"),
        "_debug_render_only": BOOL,
    }
    since: dict[str, dict[str, Check]] = {
        "0.9.0": {"think": think},
        "0.12.6": {"truncate": BOOL, "shift": BOOL},
        "0.12.11": {"logprobs": BOOL, "top_logprobs": INT},
    }
    for first, fields in since.items():
        found |= fields if release >= first else {}
    return found


def _kind(value: object) -> str:
    kinds = {bool: "bool", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "number")
