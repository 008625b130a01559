"""/api/chat."""

from __future__ import annotations

import itertools
import json
import secrets
import string
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.ollama_server import vectors
from tests.ollama_server.models import Model, name_of
from tests.ollama_server.prompting import fitted, rendered
from tests.ollama_server.quoting import instance, quoted
from tests.ollama_server.releases import AFTER_0_5, Release
from tests.ollama_server.replies import (
    CRASHED,
    Dropped,
    Failure,
    Stream,
    Whole,
    encoded,
    moment,
    shape_b,
    whole,
)
from tests.ollama_server.requests import Request, fields_of, read
from tests.ollama_server.server import Server, is_name

Gone = Callable[[], bool]
Record = dict[str, Any]

NO_IMAGES = "Multimodal data provided, but model does not support multimodal requests."


def chat(server: Server, request: Request, gone: Gone) -> Whole | Stream:
    """Answer /api/chat: a stream, unless it is asked to be whole."""
    body = read(request.data, "ChatRequest", fields_of("/api/chat", server.release))
    if not 0 <= body.get("top_logprobs", 0) <= 20:
        raise Failure(400, "top_logprobs must be between 0 and 20")
    model = _chat_model(server, body.get("model", ""))
    messages = body.get("messages") or []
    if not messages and body.get("keep_alive") == 0:
        server.loaded.unload(model)
        return whole(_record(server, body, done="unload"))
    _check_able(server, model, body)
    loaded = server.load(model, body)
    if not messages:
        return whole(_record(server, body, done="load"))
    if model.system and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": model.system}, *messages]
    if body.get("_debug_render_only") and server.release >= AFTER_0_5:
        debugged = _record(server, body) | {"message": {"role": "", "content": ""}}
        return whole(debugged | {"_debug_info": {"rendered_template": rendered(messages)}})
    records = _answer(server, model, body, messages, loaded.context_length, gone)
    if body.get("stream", True):
        return Stream(_faulty(server, records))
    return Whole(encoded(_joined(list(_faulty(server, records)))))


def _chat_model(server: Server, name: str) -> Model:
    release = server.release
    if not name or (not is_name(name) and release < AFTER_0_5):
        raise Failure(400, "model is required")
    if not is_name(name):
        raise Failure(400, "invalid model name")
    model = server.models.find(name)
    if model is not None:
        return model
    if release < AFTER_0_5:
        raise Failure(404, f'model "{name}" not found, try pulling it first')
    raise Failure(404, f"model '{name}' not found")


def _check_able(server: Server, model: Model, body: Mapping[str, Any]) -> None:
    """Raise what a model cannot do of what is asked."""
    if body.get("think") and "thinking" not in model.capabilities:
        raise Failure(400, f'"{body["model"]}" does not support thinking')
    if not model.chats:
        raise Failure(400, f'"{body["model"]}" does not support chat')
    if body.get("tools") and "tools" not in model.capabilities:
        raise Failure(400, f"{name_of(model.name).full} does not support tools")
    texts = [str(message["content"]) for message in body.get("messages") or ()]
    if server.faults.takes("eof") or any(server.faults.marks("crash", text) for text in texts):
        raise Failure(
            500,
            "model runner has unexpectedly stopped, this may be due to resource limitations or an "
            "internal error, check ollama server logs for details",
        )


# -- the answer


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = ""
    is_thought: bool = False
    is_shown: bool = True
    calls: tuple[Record, ...] = ()


NOTHING = _Token()


def _answer(
    server: Server,
    model: Model,
    body: Mapping[str, Any],
    messages: list[dict[str, Any]],
    context: int,
    gone: Gone,
) -> Iterator[Record]:
    """Yield the records of an answer, the last with what it cost."""
    release, began = server.release, time.perf_counter_ns()
    _check_format(body.get("format"))
    is_blind = release >= "0.30.0" and "vision" not in model.capabilities
    if is_blind and any(message.get("images") for message in messages):
        raise shape_b(400, NO_IMAGES, "invalid_request_error")
    messages, count = fitted(server, model, body, messages, context)
    most = _most(release, body, context, count)
    stops = (body.get("options") or {}).get("stop") or ()
    said, spent, reason = "", 0, "stop"
    for token in _tokens(server, model, body, messages):
        if spent == most:
            reason = "length"
            break
        if server.token_s:
            time.sleep(server.token_s)
        if gone():
            raise Dropped
        spent += 1
        said += token.text if token.is_shown else ""
        if any(stop in said for stop in stops):
            break
        if token.is_shown:
            yield _record(server, body, token) | _logprobs(release, body, token.text)
    else:
        spent += 1  # the token that ends it
    server.release_after(model, body)
    read_tokens = count if server.faults.counted is None else server.faults.counted
    yield _record(server, body, done=reason) | _costs(began, read_tokens, spent)


def _most(release: Release, body: Mapping[str, Any], context: int, count: int) -> int:
    """Return how many tokens an answer may have, after a prompt of so many."""
    asked = (body.get("options") or {}).get("num_predict", -1)
    most: int = asked if asked > 0 else 10 * context
    if release < "0.12.6" or body.get("shift", True):
        return most
    # Ollama's own runner looked for room only after a token, llama-server does before it.
    room = context - count + (0 if release >= "0.30.0" else 1)
    return min(most, max(room, 1))


def _costs(began_ns: int, read_tokens: int, spent: int) -> Record:
    """Return what an answer cost; Go leaves out what is nought."""
    taken_ns = time.perf_counter_ns() - began_ns
    costs = {
        "total_duration": taken_ns + 2_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": read_tokens,
        "prompt_eval_duration": 1_000_000,
        "eval_count": spent,
        "eval_duration": taken_ns if spent > 1 else 0,  # from the first token on
    }
    return {name: value for name, value in costs.items() if value}


def _check_format(value: object) -> None:
    if isinstance(value, dict) or value in (None, "", "json"):
        return
    shown = json.dumps(json.dumps(value))
    raise Failure(500, f'invalid format: {shown}; expected "json" or a valid JSON Schema object')


def _tokens(
    server: Server, model: Model, body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]
) -> Iterator[_Token]:
    """Yield what the model says, token by token, its thinking first."""
    if body.get("tools") and model.tool_call and server.reply is None:
        yield _Token(calls=(_tool_call(*model.tool_call, server.release),))
        return
    said: str | Sequence[str] = model.reply or ""
    if server.reply is not None:
        said = server.reply if isinstance(server.reply, str) else server.reply(messages)
    elif not said:
        said = quoted(messages)
    if format_ := body.get("format"):
        said = _as_json(said, format_)
    yield from _thoughts(server, model, body)
    parts = vectors.tokens(said) if isinstance(said, str) else said
    for part in itertools.cycle(parts) if model.endless and parts else parts:
        yield _Token(part)


def _thoughts(server: Server, model: Model, body: Mapping[str, Any]) -> Iterator[_Token]:
    release, think = server.release, body.get("think")
    if not model.thinking or (think is False and not model.thinks_always):
        return
    # From 0.12.4 on a model thinks unless told otherwise; before, its thoughts came as it wrote.
    is_apart = release >= "0.12.4" if think is None else bool(think)
    thoughts = model.thinking
    parts = vectors.tokens(thoughts) if isinstance(thoughts, str) else thoughts
    yield _Token("<think>", is_shown=not is_apart)
    yield from (_Token(part, is_apart) for part in parts)
    yield _Token("</think>", is_shown=not is_apart)


def _as_json(said: str | Sequence[str], format_: object) -> str | Sequence[str]:
    """Return JSON in place of what is none."""
    joined = said if isinstance(said, str) else "".join(said)
    try:
        json.loads(joined)
    except ValueError:
        schema = format_ if isinstance(format_, dict) else {"type": "object", "properties": {}}
        return json.dumps(instance(schema, joined), ensure_ascii=False)
    return said


def _tool_call(name: str, arguments: Mapping[str, Any], release: Release) -> Record:
    function: Record = {"name": name, "arguments": dict(arguments)}
    if release < AFTER_0_5:
        return {"function": function}
    letters = string.ascii_lowercase + string.digits
    call = "".join(secrets.choice(letters) for _ in range(8))
    return {"id": f"call_{call}", "function": {"index": 0, **function}}


def _logprobs(release: Release, body: Mapping[str, Any], token: str) -> Record:
    """Return how likely a token was, and what else might have been in its place."""
    if release < "0.12.11" or not body.get("logprobs"):
        return {}

    def likely(text: str, logprob: float) -> Record:
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

    others = [likely(f" other{i}", -28.0 - i) for i in range(1, body.get("top_logprobs", 0))]
    top = [likely(token, -1e-10), *others][: body.get("top_logprobs", 0)]
    return {"logprobs": [likely(token, -1e-10) | ({"top_logprobs": top} if top else {})]}


def _record(
    server: Server, body: Mapping[str, Any], token: _Token = NOTHING, *, done: str = ""
) -> Record:
    message: Record = {"role": "assistant", "content": "" if token.is_thought else token.text}
    if token.is_thought:
        message["thinking"] = token.text
    if token.calls:
        message["tool_calls"] = list(token.calls)
    ending: Record = {"done": bool(done)}
    if done:  # in the order of each release
        ending = {"done": True, "done_reason": done}
        if server.release < AFTER_0_5:
            ending = {"done_reason": done, "done": True}
    made = {"model": body["model"], "created_at": moment(time.time())}
    return made | {"message": message} | ending


def _joined(records: list[Record]) -> Record:
    """Return the records of a stream as one; of none, what Go makes of an empty struct."""
    if not records:
        return {
            "model": "",
            "created_at": "0001-01-01T00:00:00Z",
            "message": {"role": "", "content": ""},
            "done": False,
        }
    messages = [record["message"] for record in records]
    message: Record = {"role": "assistant", "content": "".join(m["content"] for m in messages)}
    thinking = "".join(m.get("thinking", "") for m in messages)
    calls = [call for m in messages for call in m.get("tool_calls", ())]
    message |= {"thinking": thinking} if thinking else {}
    message |= {"tool_calls": calls} if calls else {}
    logprobs = [each for record in records for each in record.get("logprobs", ())]
    joined = {key: value for key, value in records[-1].items() if key != "logprobs"}
    joined["message"] = message
    return joined | ({"logprobs": logprobs} if logprobs else {})


def _faulty(server: Server, records: Iterator[Record]) -> Iterator[Record]:
    """Yield records until the one that something happens to."""
    faults = server.faults
    for count, record in enumerate(records):
        if count == faults.error_after:
            raise Failure(500, CRASHED)
        if count == faults.drop_after:
            raise Dropped
        if count == faults.end_after:
            return
        yield record
