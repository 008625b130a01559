"""What Ollama's JSON becomes: a function for each kind of reply.

They raise LookupError, TypeError, ValueError, ArithmeticError or AttributeError for a value that is
none of Ollama's; ``exchange`` makes one error of them all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from ragkit.ollama.records import (
    ChatReply,
    EmbedReply,
    GenerateReply,
    InstalledModel,
    Metrics,
    ModelInfo,
    RunningModel,
    TokenLogprob,
    ToolCall,
    TransferStatus,
)
from ragkit.types import FloatMatrix, FloatVector

V = TypeVar("V")
JSON = Mapping[str, Any]


def chat_reply(value: JSON) -> ChatReply:
    """Return a record of /api/chat."""
    message = value.get("message") or {}
    return ChatReply(
        _text(message, "content"),
        _text(message, "thinking"),
        tuple(map(_tool_call, message.get("tool_calls") or ())),
        _logprobs(value.get("logprobs")),
        bool(value["done"]),
        _text(value, "done_reason"),
        _text(value, "model"),
        _metrics(value),
    )


def generate_reply(value: JSON) -> GenerateReply:
    """Return a record of /api/generate."""
    return GenerateReply(
        _text(value, "response"),
        _text(value, "thinking"),
        tuple(_as(int, token) for token in value.get("context") or ()),
        _logprobs(value.get("logprobs")),
        bool(value["done"]),
        _text(value, "done_reason"),
        _text(value, "model"),
        _metrics(value),
    )


def embed_reply(value: JSON) -> EmbedReply:
    """Return a reply of /api/embed."""
    return EmbedReply(
        _matrix(value["embeddings"]),
        _text(value, "model"),
        _number(value, "prompt_eval_count"),
        _number(value, "total_duration"),
        _number(value, "load_duration"),
    )


def embedding(value: JSON) -> FloatVector:
    """Return the vector of /api/embeddings, ``(dim,)``; ``(0,)`` for an empty text."""
    row: FloatVector = _matrix([value["embedding"]])[0]
    return row


def v1_embeddings(value: JSON) -> EmbedReply:
    """Return a reply of /v1/embeddings, in the order of the texts."""
    rows = sorted(value["data"] or (), key=lambda row: int(row["index"]))
    usage = value.get("usage") or {}
    return EmbedReply(
        _matrix([row["embedding"] for row in rows]),
        _text(value, "model"),
        _number(usage, "prompt_tokens"),
    )


def v1_chat_reply(value: JSON) -> ChatReply:
    """Return a reply of /v1/chat/completions, or a piece of one."""
    (choice,) = value["choices"] or [{}]  # the piece that says the usage has no choice
    message = choice.get("message") or choice.get("delta") or {}
    usage = value.get("usage") or {}
    reason = _text(choice, "finish_reason")
    return ChatReply(
        _text(message, "content"),
        _text(message, "reasoning"),
        tuple(map(_tool_call, message.get("tool_calls") or ())),
        done=bool(reason),
        done_reason=reason,
        model=_text(value, "model"),
        metrics=Metrics(
            prompt_eval_count=_number(usage, "prompt_tokens"),
            eval_count=_number(usage, "completion_tokens"),
        ),
    )


def installed_models(value: JSON) -> tuple[InstalledModel, ...]:
    """Return the models of /api/tags, the newest first."""
    return tuple(map(_installed_model, value["models"] or ()))


def running_models(value: JSON) -> tuple[RunningModel, ...]:
    """Return the models of /api/ps."""
    return tuple(
        RunningModel(
            _as(str, model["name"]),
            _text(model, "digest"),
            _number(model, "size"),
            _number(model, "size_vram"),
            _text(model, "expires_at"),
            _number_or_none(model, "context_length"),
        )
        for model in value["models"] or ()
    )


def model_info(value: JSON) -> ModelInfo:
    """Return a reply of /api/show."""
    info: JSON = _as(dict, value.get("model_info") or {})
    details = value["details"]
    parameters = _text(value, "parameters")
    num_ctx = re.search(r"^num_ctx\s+(\d+)", parameters, re.MULTILINE)
    return ModelInfo(
        capabilities=_names(value.get("capabilities")),
        context_length=_fact(info, "context_length"),
        embedding_length=_fact(info, "embedding_length"),
        num_ctx=int(num_ctx[1]) if num_ctx else None,
        family=_text(details, "family"),
        parameter_size=_text(details, "parameter_size"),
        quantization_level=_text(details, "quantization_level"),
        template=_text(value, "template"),
        system=_text(value, "system"),
        parameters=parameters,
        modelfile=_text(value, "modelfile"),
        license=_text(value, "license"),
        model_info=info,
    )


def transfer_status(value: JSON) -> TransferStatus:
    """Return a record of /api/pull, /api/push or /api/create."""
    return TransferStatus(
        _as(str, value["status"]),
        _text(value, "digest"),
        _number(value, "total"),
        _number(value, "completed"),
    )


def version(value: JSON) -> str:
    """Return the release of /api/version, such as "0.33.0"; "0.0.0" is one built from source."""
    return _as(str, value["version"])


def v1_models(value: JSON) -> tuple[str, ...]:
    """Return the names of /v1/models."""
    return tuple(_as(str, model["id"]) for model in value["data"] or ())


def _matrix(rows: Sequence[Sequence[float | None]] | None) -> FloatMatrix:
    """Return rows of numbers as float32, None as NaN.

    Raises:
        ValueError: they are of unlike length, or no rows of numbers.
    """
    if not rows:
        return np.empty((0, 0), np.float32)
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite
        matrix = np.array(rows, np.float32)
    if matrix.ndim != 2:
        raise ValueError("they are no rows of numbers")
    return matrix


def _metrics(value: JSON) -> Metrics:
    return Metrics(*(_number(value, name) for name in Metrics.__slots__))


def _text(value: JSON, name: str) -> str:
    text = value.get(name)
    return "" if text is None else _as(str, text)


def _number(value: JSON, name: str) -> int:
    return _number_or_none(value, name) or 0


def _number_or_none(value: JSON, name: str) -> int | None:
    number = value.get(name)
    return None if number is None else int(_as(float, number))  # 8192.0 is one


def _as(kind: type[V], value: Any) -> V:  # noqa: ANN401 - any JSON
    """Return a value that is of a kind; TypeError if it is of another."""
    if not isinstance(value, (int, float) if kind is float else kind):
        raise TypeError(f"{value!r:.40} is no {kind.__name__}")
    return cast(V, value)


def _tool_call(value: JSON) -> ToolCall:
    function = value["function"]
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):  # JSON as text, under /v1
        arguments = json.loads(arguments)
    return ToolCall(_as(str, function["name"]), _as(dict, arguments), _text(value, "id"))


def _logprobs(values: Sequence[JSON] | None) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            _as(str, value["token"]),
            _as(float, value["logprob"]),
            _logprobs(value.get("top_logprobs")),
        )
        for value in values or ()
    )


def _installed_model(value: JSON) -> InstalledModel:
    details = value.get("details") or {}
    return InstalledModel(
        _as(str, value["name"]),
        _text(value, "digest"),
        _number(value, "size"),
        _text(value, "modified_at"),
        _text(details, "family"),
        _text(details, "parameter_size"),
        _text(details, "quantization_level"),
        _names(value.get("capabilities")),
        _number_or_none(details, "context_length"),
        _number_or_none(details, "embedding_length"),
        _text(value, "remote_host"),
        _text(value, "remote_model"),
    )


def _names(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(_as(str, value) for value in values)


def _fact(info: Mapping[str, Any], name: str) -> int | None:
    """Return a number of ``model_info``, whose keys begin with the model's architecture."""
    value = info.get(f"{info.get('general.architecture')}.{name}")
    if value is None:  # a part of the model, such as its text part, but not its eyes and ears
        parts = (".vision.", ".audio.")
        keys = (k for k in info if k.endswith(f".{name}") and not any(p in k for p in parts))
        value = next((info[key] for key in keys), None)
    return None if value is None else int(_as(float, value))
