"""Whatever a server answers, a value or one of ragkit's errors comes out."""

import json
from dataclasses import fields, is_dataclass
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import OllamaError
from ragkit.ollama.address import parse_address
from ragkit.ollama.endpoints import Call, Endpoint
from ragkit.ollama.exchange import Exchange, Policy
from tests.replay import ENDPOINTS, RELEASES, cases

pytestmark = pytest.mark.no_cover  # others show each line; it takes twice the time

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["stop", "success", '{"error":{"message":[]}}', '{"error":5}', "{", 10**30])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "done", "models"]), inner)
    ),
    max_leaves=8,
)
RECORDED = [
    (ENDPOINTS[case.request["method"], case.request["path"]], case.reply.chunks[0])
    for release in RELEASES
    for case in cases(release)
    if (case.request["method"], case.request["path"]) in ENDPOINTS and case.reply.chunks
]
PLAIN = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (int, float),
    "int | None": (int, type(None)),
}


def check_types(value: object) -> None:
    """Check that a value's plain fields are what their annotations say."""
    if isinstance(value, tuple):
        for item in value:
            check_types(item)
    if is_dataclass(value):
        for field in fields(value):
            found = getattr(value, field.name)
            assert isinstance(found, PLAIN.get(str(field.type), object)), field  # type: ignore[arg-type]
            check_types(found)


def answered(endpoint: Endpoint[Any], status: int, blocks: list[bytes], *, streaming: bool) -> None:
    """Play a reply to a client without its connections; anything but ours is raised."""
    call = Call(endpoint, {"model": "m"})
    exchange = Exchange(call, parse_address(""), Policy(retries=0), streaming=streaming)
    reply = httpx.Response(status, headers={"content-type": "application/json"})
    found: list[Any] = []
    try:
        for attempt in exchange:
            with attempt:
                for block in blocks:
                    found += attempt.records(reply, block)
                found += attempt.last_records(reply)
    except OllamaError as error:
        assert error.message.isprintable() and error.hint  # noqa: PT017, PT018 - most have none
    for value in found:
        check_types(value)


def swapped(value: Any, path: list[int], other: object) -> Any:  # noqa: ANN401 - any JSON
    """Return a value with a part of it exchanged; ``path`` says which."""
    if not path or not value or not isinstance(value, dict | list):
        return other
    if isinstance(value, list):
        at = path[0] % len(value)
        return [*value[:at], swapped(value[at], path[1:], other), *value[at + 1 :]]
    name = list(value)[path[0] % len(value)]
    return {**value, name: swapped(value[name], path[1:], other)}


@settings(max_examples=400)
@given(
    recorded=st.sampled_from(RECORDED),
    path=st.lists(st.integers(0, 30), min_size=1, max_size=5),
    other=VALUES,
    streaming=st.booleans(),
)
def test_recorded_reply_with_a_part_exchanged_raises_nothing_else(
    recorded: tuple[Endpoint[Any], bytes], path: list[int], other: object, streaming: bool
) -> None:
    endpoint, body = recorded
    try:
        value = json.loads(body)
    except ValueError:
        value = {"error": body.decode()}
    block = json.dumps(swapped(value, path, other)).encode()
    block = b"data: " + block if streaming and endpoint.framing == "sse" else block
    for status in (200, 500):
        answered(endpoint, status, [block], streaming=streaming)


@settings(max_examples=200)
@given(
    endpoint=st.sampled_from(list(ENDPOINTS.values())),
    status=st.sampled_from([200, 201, 204, 304, 400, 404, 500, 503, 599]),
    blocks=st.lists(st.binary(max_size=9) | st.sampled_from([b'{"error":', b"{}", b"\n"])),
    streaming=st.booleans(),
)
def test_any_bytes_raise_nothing_else(
    endpoint: Endpoint[Any], status: int, blocks: list[bytes], streaming: bool
) -> None:
    answered(endpoint, status, blocks, streaming=streaming)


def test_what_is_no_error_of_the_server_is_raised_as_it_is() -> None:
    exchange = Exchange(
        Call(ENDPOINTS["GET", "/api/version"]), parse_address(""), Policy(), streaming=False
    )
    with pytest.raises(ZeroDivisionError), exchange:
        raise ZeroDivisionError
