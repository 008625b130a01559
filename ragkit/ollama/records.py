"""What Ollama replies, as typed frozen values under Ollama's own names.

Durations are nanoseconds. A field that the server left out is its zero value: Ollama omits zeros.
Source: https://github.com/ollama/ollama/blob/main/api/types.go
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ragkit.types import FloatMatrix


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a reply cost; on the last piece of a stream only."""

    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0  # tokens of the prompt that were read
    prompt_eval_duration: int = 0
    eval_count: int = 0  # tokens of the reply
    eval_duration: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called."""

    name: str
    arguments: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of the reply, how likely it was, and what else it might have been."""

    token: str
    logprob: float
    top_logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A reply of ``chat``, or a piece of one where it is streamed."""

    content: str
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    done: bool = False
    done_reason: str = ""  # "stop", "length", "load", "unload"
    model: str = ""
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def message(self) -> dict[str, object]:
        """The reply as a message of the conversation that goes on."""
        calls = [
            {"id": call.id, "function": {"name": call.name, "arguments": dict(call.arguments)}}
            for call in self.tool_calls
        ]
        given = {"thinking": self.thinking, "tool_calls": calls}
        kept = {name: value for name, value in given.items() if value}
        return {"role": "assistant", "content": self.content, **kept}

    @classmethod
    def joined(cls, pieces: Iterable[ChatReply]) -> ChatReply:
        """Return the whole reply that pieces make.

        >>> ChatReply.joined([ChatReply("It "), ChatReply("works", done=True)]).content
        'It works'
        """
        found = list(pieces) or [cls("")]
        last = found[-1]
        end = next((piece for piece in reversed(found) if piece.done), last)
        return cls(
            "".join(piece.content for piece in found),
            "".join(piece.thinking for piece in found),
            tuple(call for piece in found for call in piece.tool_calls),
            tuple(token for piece in found for token in piece.logprobs),
            end.done,
            end.done_reason,
            last.model,
            last.metrics,  # under /v1 after the end
        )


@dataclass(frozen=True, slots=True)
class GenerateReply:
    """A reply of ``generate``, or a piece of one where it is streamed."""

    response: str
    thinking: str = ""
    context: tuple[int, ...] = ()  # of the conversation, in tokens; deprecated by Ollama
    logprobs: tuple[TokenLogprob, ...] = ()
    done: bool = False
    done_reason: str = ""
    model: str = ""
    metrics: Metrics = field(default_factory=Metrics)


@dataclass(frozen=True, slots=True, eq=False)
class EmbedReply:
    """A reply of ``embed``: what the server said, unchecked.

    A NaN that the server wrote as ``null`` is NaN here. Some releases answer with no row for an
    empty text, or with a row of zeros where the model failed.
    """

    embeddings: FloatMatrix  # (texts, dim), in the order of the texts; unit length on every release
    model: str = ""
    prompt_eval_count: int = 0  # tokens of all texts together
    total_duration: int = 0
    load_duration: int = 0


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model of ``tags``."""

    name: str
    digest: str
    size: int  # bytes
    modified_at: str
    family: str = ""
    parameter_size: str = ""  # such as "137M"
    quantization_level: str = ""
    capabilities: tuple[str, ...] | None = None  # None: releases before 0.30 do not say
    context_length: int | None = None  # tokens; None as above
    embedding_length: int | None = None  # None as above
    remote_host: str = ""  # the server that runs it, such as "https://ollama.com:443"; "": this one
    remote_model: str = ""  # its name there

    @property
    def is_remote(self) -> bool:
        """Say whether what it is sent goes on to another server, by its name where none is said.

        >>> InstalledModel("gpt-oss:120b-cloud", "", 384, "").is_remote
        True
        """
        return bool(self.remote_host) or self.name.lower().endswith(("-cloud", ":cloud"))


@dataclass(frozen=True, slots=True)
class RunningModel:
    """A model of ``ps``: loaded now."""

    name: str
    digest: str
    size: int  # bytes
    size_vram: int  # bytes of it on a GPU
    expires_at: str
    context_length: int | None = None  # tokens it was loaded with; None before 0.10


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What ``show`` says of a model."""

    capabilities: tuple[str, ...] | None  # None: releases before 0.6.4 do not say
    context_length: int | None  # tokens the model was made for, not what is loaded
    embedding_length: int | None
    num_ctx: int | None  # of its Modelfile
    family: str
    parameter_size: str
    quantization_level: str
    template: str
    system: str
    parameters: str  # a line a parameter
    modelfile: str
    license: str
    model_info: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TransferStatus:
    """A step of ``pull``, ``push`` or ``create``."""

    status: str  # "success" at the end
    digest: str = ""
    total: int = 0  # bytes
    completed: int = 0  # bytes
