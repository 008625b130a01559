"""Ollama's endpoints as data: what to send where, and what the reply becomes.

Each function returns a ``Call``, which either client sends; the clients' methods are made of them.
Arguments have Ollama's own names; None leaves a field out, so that the server's default holds.
Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

from ragkit.ollama import parsing
from ragkit.ollama.files import reading
from ragkit.ollama.records import (
    ChatReply,
    EmbedReply,
    GenerateReply,
    InstalledModel,
    ModelInfo,
    RunningModel,
    TransferStatus,
)
from ragkit.types import FloatVector

T = TypeVar("T")
Message = Mapping[str, Any]  # "role", "content", and "images", "tool_calls", "tool_name"
Image = str | Path | bytes  # a file, or its bytes
Format = Literal["json"] | Mapping[str, Any]  # "json" or a JSON schema
KeepAlive = str | float  # seconds, or a duration such as "10m"; negative: for ever; 0: unload
Think = bool | Literal["low", "medium", "high", "max"]


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[T]):
    """A path of the server's, and how it replies."""

    method: str
    path: str
    parse: Callable[[Any], T]  # of a JSON value
    framing: Literal["whole", "ndjson", "sse"] = "whole"  # how it streams, if asked to
    is_last: Callable[[T], bool] = lambda _: True  # whether a record ends the reply
    is_quick: bool = False  # answers from memory: a long wait means that something is wrong
    repeatable: bool = True  # may be sent again if the connection broke
    by_status: Mapping[int, T] = field(default_factory=dict)  # replies that are all status


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, not yet sent."""

    endpoint: Endpoint[T]
    body: Mapping[str, Any] | None = None
    path: str = ""  # where it is not the endpoint's
    file: Path | None = None  # whose bytes are the body

    @property
    def model(self) -> str:
        """The model that the request is about, "" if none."""
        body = self.body or {}
        return str(body.get("model") or body.get("source") or "")


def _is_done(reply: ChatReply | GenerateReply) -> bool:
    return reply.done


def _is_success(status: TransferStatus) -> bool:
    return status.status == "success"


def _nothing(_: object) -> None:
    return None


CHAT = Endpoint("POST", "/api/chat", parsing.chat_reply, "ndjson", _is_done)
GENERATE = Endpoint("POST", "/api/generate", parsing.generate_reply, "ndjson", _is_done)
EMBED = Endpoint("POST", "/api/embed", parsing.embed_reply)
EMBEDDINGS = Endpoint("POST", "/api/embeddings", parsing.embedding)
TAGS = Endpoint("GET", "/api/tags", parsing.installed_models, is_quick=True)
PS = Endpoint("GET", "/api/ps", parsing.running_models, is_quick=True)
SHOW = Endpoint("POST", "/api/show", parsing.model_info, is_quick=True)
VERSION = Endpoint("GET", "/api/version", parsing.version, is_quick=True)
PULL = Endpoint("POST", "/api/pull", parsing.transfer_status, "ndjson", _is_success)
PUSH = Endpoint("POST", "/api/push", parsing.transfer_status, "ndjson", _is_success)
CREATE = Endpoint("POST", "/api/create", parsing.transfer_status, "ndjson", _is_success)
COPY = Endpoint("POST", "/api/copy", _nothing, repeatable=False)
DELETE = Endpoint("DELETE", "/api/delete", _nothing, repeatable=False)
HAS_BLOB = Endpoint("HEAD", "/api/blobs/", bool, is_quick=True, by_status={200: True, 404: False})
PUT_BLOB = Endpoint("POST", "/api/blobs/", _nothing)
V1_CHAT = Endpoint("POST", "/v1/chat/completions", parsing.v1_chat_reply, "sse", _is_done)
V1_EMBEDDINGS = Endpoint("POST", "/v1/embeddings", parsing.v1_embeddings)
V1_MODELS = Endpoint("GET", "/v1/models", parsing.v1_models, is_quick=True)


def chat(
    model: str,
    messages: Sequence[Message],
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    format: Format | None = None,
    options: Mapping[str, Any] | None = None,
    keep_alive: KeepAlive | None = None,
    think: Think | None = None,
    truncate: bool | None = None,
    shift: bool | None = None,
    logprobs: bool | None = None,
    top_logprobs: int | None = None,
) -> Call[ChatReply]:
    """Answer a conversation. No messages: load the model, or unload it with ``keep_alive=0``.

    Args:
        model: its name; ``:latest`` is understood.
        messages: mappings with "role" and "content", and "images": files or bytes.
        tools: functions the model may call, as JSON schemas.
        format: "json", or a JSON schema that the answer has to fit (release 0.5 on).
        options: such as ``{"num_ctx": 8192}``; load-time ones make the server load it anew.
        keep_alive: how long the model stays loaded afterwards.
        think: whether, or how much, it thinks first; it must be able to.
        truncate: False makes a conversation that is too long an error (release 0.12.6 on).
        shift: False ends an answer where the context is full.
        logprobs: give the likelihood of each token (release 0.12.11 on).
        top_logprobs: and of so many others, up to 20.
    """
    return Call(
        CHAT,
        _given(
            model=model,
            messages=[_message(message) for message in messages],
            tools=tools,
            format=format,
            options=options,
            keep_alive=_keep_alive(keep_alive),
            think=think,
            truncate=truncate,
            shift=shift,
            logprobs=logprobs,
            top_logprobs=top_logprobs,
        ),
    )


def generate(
    model: str,
    prompt: str = "",
    *,
    suffix: str | None = None,
    system: str | None = None,
    template: str | None = None,
    context: Sequence[int] | None = None,
    raw: bool | None = None,
    images: Sequence[Image] | None = None,
    format: Format | None = None,
    options: Mapping[str, Any] | None = None,
    keep_alive: KeepAlive | None = None,
    think: Think | None = None,
    truncate: bool | None = None,
    shift: bool | None = None,
    logprobs: bool | None = None,
    top_logprobs: int | None = None,
) -> Call[GenerateReply]:
    """Go on with a text. No prompt: load the model, or unload it with ``keep_alive=0``.

    ``suffix`` is what comes after the answer, for models that fill in; ``system`` and ``template``
    stand in for the model's own; ``context`` is that of the reply before, in tokens; ``raw`` sends
    the prompt without the template; ``images`` are files or bytes. All else is as in ``chat``.
    """
    return Call(
        GENERATE,
        _given(
            model=model,
            prompt=prompt,
            suffix=suffix,
            system=system,
            template=template,
            context=context,
            raw=raw,
            images=None if images is None else [_image(image) for image in images],
            format=format,
            options=options,
            keep_alive=_keep_alive(keep_alive),
            think=think,
            truncate=truncate,
            shift=shift,
            logprobs=logprobs,
            top_logprobs=top_logprobs,
        ),
    )


def embed(
    model: str,
    input: str | Sequence[str] = (),
    *,
    truncate: bool | None = None,
    dimensions: int | None = None,
    options: Mapping[str, Any] | None = None,
    keep_alive: KeepAlive | None = None,
) -> Call[EmbedReply]:
    """Return a vector for each text (release 0.2.6 on). No texts: load the model.

    "" gets no vector at all. ``truncate=False`` makes a text that is too long an error; by default
    its end is cut off without a word. ``dimensions`` is for models that can be shortened (release
    0.11.11 on); others ignore it.
    """
    texts = input if isinstance(input, str) else list(input)
    return Call(
        EMBED,
        _given(
            model=model,
            input=texts,
            truncate=truncate,
            dimensions=dimensions,
            options=options,
            keep_alive=_keep_alive(keep_alive),
        ),
    )


def embeddings(
    model: str,
    prompt: str,
    *,
    options: Mapping[str, Any] | None = None,
    keep_alive: KeepAlive | None = None,
) -> Call[FloatVector]:
    """Return the vector of one text: the way of releases before 0.2.6, on some not normalised."""
    body = _given(model=model, prompt=prompt, options=options, keep_alive=_keep_alive(keep_alive))
    return Call(EMBEDDINGS, body)


def tags() -> Call[tuple[InstalledModel, ...]]:
    """Return the installed models, the newest first."""
    return Call(TAGS)


def ps() -> Call[tuple[RunningModel, ...]]:
    """Return the loaded models."""
    return Call(PS)


def version() -> Call[str]:
    """Return the server's release, such as "0.33.0"; "0.0.0" is one built from source."""
    return Call(VERSION)


def show(model: str, *, verbose: bool | None = None) -> Call[ModelInfo]:
    """Return what is known of an installed model; nothing is loaded."""
    return Call(SHOW, _given(model=model, verbose=verbose))


def pull(model: str, *, insecure: bool | None = None) -> Call[TransferStatus]:
    """Download a model; what is there already is kept, also of a download that was stopped."""
    return Call(PULL, _given(model=model, insecure=insecure))


def push(model: str, *, insecure: bool | None = None) -> Call[TransferStatus]:
    """Upload a model to the registry that its name says."""
    return Call(PUSH, _given(model=model, insecure=insecure))


def create(
    model: str,
    *,
    from_: str | None = None,
    files: Mapping[str, str] | None = None,
    adapters: Mapping[str, str] | None = None,
    template: str | None = None,
    system: str | None = None,
    license: str | Sequence[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    messages: Sequence[Message] | None = None,
    quantize: str | None = None,
) -> Call[TransferStatus]:
    """Make a model out of another, or out of files that were uploaded (``create_from_files``).

    ``from_`` is an installed model; ``files`` and ``adapters`` are digests, as ``upload`` returns
    them, by file name; ``quantize`` is such as "q4_K_M"; all else is what a Modelfile says by those
    names.
    """
    body = _given(
        model=model,
        files=files,
        adapters=adapters,
        template=template,
        system=system,
        license=license,
        parameters=parameters,
        messages=None if messages is None else [_message(message) for message in messages],
        quantize=quantize,
    )
    return Call(CREATE, body if from_ is None else {**body, "from": from_})


def copy(source: str, destination: str) -> Call[None]:
    """Give a model another name beside its own."""
    return Call(COPY, {"source": source, "destination": destination})


def delete(model: str) -> Call[None]:
    """Delete a model."""
    return Call(DELETE, {"model": model})


def has_blob(digest: str) -> Call[bool]:
    """Say whether the server has a file of that digest, such as ``sha256:9f86...``."""
    return Call(HAS_BLOB, path=HAS_BLOB.path + quote(digest, safe=":"))


def put_blob(digest: str, file: Path) -> Call[None]:
    """Send a file, whose digest this is."""
    return Call(PUT_BLOB, path=PUT_BLOB.path + quote(digest, safe=":"), file=file)


def v1_chat(model: str, messages: Sequence[Message], **more: Any) -> Call[ChatReply]:  # noqa: ANN401 - OpenAI's fields
    """Answer a conversation on a server that speaks only OpenAI's API; ``more`` are its fields.

    ``num_ctx`` cannot be set there, and a prompt that is too long is cut without a word.
    """
    return Call(V1_CHAT, {"model": model, "messages": list(messages), **more})


def v1_embeddings(
    model: str, input: str | Sequence[str], *, dimensions: int | None = None
) -> Call[EmbedReply]:
    """Return a vector for each text on a server that speaks only OpenAI's API."""
    texts = input if isinstance(input, str) else list(input)
    return Call(V1_EMBEDDINGS, _given(model=model, input=texts, dimensions=dimensions))


def v1_models() -> Call[tuple[str, ...]]:
    """Return the names of the models of a server that speaks only OpenAI's API."""
    return Call(V1_MODELS)


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _message(message: Message) -> Message:
    images = message.get("images")
    return {**message, "images": [_image(image) for image in images]} if images else message


def _image(image: Image) -> str:
    data = image
    if not isinstance(data, bytes):
        with reading(Path(data)) as opened:
            data = opened.read()
    return base64.b64encode(data).decode("ascii")


def _keep_alive(value: KeepAlive | None) -> KeepAlive | None:
    """Return seconds as a number: the server refuses "300", which its own variable accepts."""
    if isinstance(value, str) and re.fullmatch("-?[0-9]+", value.strip()):
        return int(value)
    return value
