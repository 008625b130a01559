"""How much of a prompt a model reads: what is dropped, cut off or refused where it is too long."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.ollama_server import vectors
from tests.ollama_server.models import Model
from tests.ollama_server.replies import Failure, shape_b
from tests.ollama_server.server import Server

Message = dict[str, Any]

IMAGE_TOKENS = 768
NUM_KEEP = 4  # tokens at the start of a prompt that are never cut off, after its first
OVER_LONG = "the input length exceeds the context length"
SHIFT_OFF = (
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in settings, or use a model with a longer context length"
)


def rendered(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the prompt that a template makes of messages."""
    said = "".join(f"<|{message['role']}|>{message['content']}" for message in messages)
    return f"{said}<|assistant|>"


def fitted(
    server: Server,
    model: Model,
    body: Mapping[str, Any],
    messages: list[Message],
    context: int,
) -> tuple[list[Message], int]:
    """Return the messages as the model reads them, and how many tokens that are.

    First whole messages are dropped, then the prompt is cut at its start: a system's message goes
    before a question that stands at the end.

    Raises:
        Failure: it is too long, and the release or the request will not have it cut.
    """
    release, tools = server.release, body.get("tools")
    truncate, shift = body.get("truncate", True), body.get("shift", True)
    is_native = model.native and release >= "0.30.0"
    # Without a template of its own a model gets the texts alone, with no marks of who says what.
    marks = 0 if model.native and not is_native else 1
    costs = [_cost(model, message) + marks for message in messages]
    costs.append(1 + marks + (len(vectors.tokens(json.dumps(tools))) if tools else 0))
    if truncate:
        messages, costs = _dropped(messages, costs, context)
    count = sum(costs)
    if any(server.faults.marks("over_long", str(message["content"])) for message in messages):
        count, truncate, is_native = count + context, False, True
    if count <= context:
        return messages, count
    if release >= "0.30.0":
        if not truncate or is_native:
            raise _refused(count, context)
        if not shift and release >= "0.30.9":
            raise Failure(400, SHIFT_OFF)
    elif not truncate and release >= "0.12.6":
        raise Failure(400, OVER_LONG)
    if release < "0.30.0":
        left = context
    else:
        half = (context - NUM_KEEP - 1) // 2
        left = context - (1 if release < "0.30.11" else half)
    return _tail(messages, left), left


def _cost(model: Model, message: Message) -> int:
    """Return how many tokens a message is, without its mark."""
    calls = message.get("tool_calls")
    images = len(message.get("images") or ()) if "vision" in model.capabilities else 0
    texts = [str(message["content"]), json.dumps(calls) if calls else ""]
    return sum(len(vectors.tokens(text)) for text in texts) + IMAGE_TOKENS * images


def _dropped(
    messages: list[Message], costs: list[int], context: int
) -> tuple[list[Message], list[int]]:
    """Drop the oldest messages until the rest fits; the system's stay, and the last one does."""
    *own, around = costs
    kept = list(zip(messages, own, strict=True))
    for start in range(len(messages)):
        system = [
            (m, c) for m, c in zip(messages[:start], own, strict=False) if m["role"] == "system"
        ]
        kept = system + list(zip(messages[start:], own[start:], strict=True))
        if sum(cost for _, cost in kept) + around <= context:
            break
    return [message for message, _ in kept], [*(cost for _, cost in kept), around]


def _tail(messages: list[Message], count: int) -> list[Message]:
    """Return the end of a prompt, in so many tokens."""
    found: list[Message] = []
    for message in reversed(messages):
        parts = vectors.tokens(str(message["content"]))[-count:] if count > 0 else []
        count -= len(parts) + 1
        if parts:
            found.insert(0, {**message, "content": "".join(parts)})
    return found or messages[-1:]


def _refused(count: int, context: int) -> Failure:
    return shape_b(
        400,
        f"request ({count} tokens) exceeds the available context size ({context} tokens), "
        "try increasing it",
        "exceed_context_size_error",
        n_prompt_tokens=count,
        n_ctx=context,
    )
