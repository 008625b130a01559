"""What real servers answered, played to both clients: what comes out is a line of a snapshot.

``python -m tests.test_replies`` writes the snapshots anew; read them as a diff.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit.errors import OllamaError
from ragkit.ollama import AsyncClient, Client
from ragkit.ollama.endpoints import Call
from ragkit.ollama.records import (
    ChatReply,
    EmbedReply,
    GenerateReply,
    InstalledModel,
    ModelInfo,
    RunningModel,
    TransferStatus,
)
from tests.replay import RELEASES, Case, Cut, Server, call_of, cases, expanded

SNAPSHOTS = Path(__file__).parent / "snapshots"
STREAMED: tuple[Cut, ...] = ("as recorded", "byte by byte", "all at once")
NEWEST = RELEASES[-1]  # how a reply is cut is the same in all


def snapshot(release: str) -> Path:
    return SNAPSHOTS / f"replies-{release}.txt"


@pytest.mark.parametrize("release", RELEASES)
def test_recorded_replies_come_out_of_a_blocking_client(release: str, tmp_path: Path) -> None:
    assert list(blocking(release, tmp_path)) == snapshot(release).read_text("utf-8").splitlines()


@pytest.mark.no_cover
@pytest.mark.parametrize("release", RELEASES)
def test_recorded_replies_come_out_of_an_asyncio_client(release: str, tmp_path: Path) -> None:
    lines = asyncio.run(unblocking(release, tmp_path))
    assert lines == snapshot(release).read_text("utf-8").splitlines()


def test_every_reply_is_recorded_thrice() -> None:
    names = [[case.name for case in cases(release)] for release in RELEASES]
    assert names[0] == names[1] == names[2]
    assert len(names[0]) == 199


def blocking(release: str, folder: Path) -> Iterator[str]:
    """Yield a line a case, out of ``Client``."""
    with Server() as server, Client(server.url, retries=0, timeout_s=20) as client:
        for case in cases(release):
            call, streaming = call_of(case.request, folder)
            found = []
            for cut in cuts(case, release):
                server.plays(case.reply.cut(cut))
                pieces: list[Any] = []
                try:
                    if streaming:
                        pieces.extend(client.stream(call))
                    else:
                        pieces.append(client.send(call))
                    found.append(told(pieces, server))
                except OllamaError as error:
                    found.append(told([*pieces, error], server))
                check_request(case, call, server)
            yield one_line(case, found)


async def unblocking(release: str, folder: Path) -> list[str]:
    """Return a line a case, out of ``AsyncClient``."""
    lines = []
    with Server() as server:
        async with AsyncClient(server.url, retries=0, timeout_s=20) as client:
            for case in cases(release):
                call, streaming = call_of(case.request, folder)
                found = []
                for cut in cuts(case, release):
                    server.plays(case.reply.cut(cut))
                    pieces = []
                    try:
                        if streaming:
                            async for piece in client.stream(call):
                                pieces.append(piece)  # noqa: PERF401 - kept when it raises
                        else:
                            pieces.append(await client.send(call))
                        found.append(told(pieces, server))
                    except OllamaError as error:
                        found.append(told([*pieces, error], server))
                    check_request(case, call, server)
                lines.append(one_line(case, found))
    return lines


def cuts(case: Case, release: str) -> tuple[Cut, ...]:
    return STREAMED if case.is_stream and release == NEWEST else ("as recorded",)


def one_line(case: Case, found: list[str]) -> str:
    """Return a case's line: however the reply was cut, the same came out."""
    assert len(set(found)) == 1, found
    return f"{case.name}: {found[0]}"


def check_request(case: Case, call: Call[Any], server: Server) -> None:
    """Compare what was asked with what was recorded, where a client can ask that at all."""
    (request,) = server.requests
    assert (request.method, request.path) == (case.request["method"], case.request["path"])
    body = expanded(case.request.get("body"))
    if body is not None:
        default = {"/api/": True, "/v1/c": False}.get(request.path[:5])
        streams = call.endpoint.framing != "whole"
        given = {**body, "stream": body.get("stream", default)} if streams else body
        given = given if streams else {k: v for k, v in given.items() if k != "stream"}
        assert request.json == given


# -- a value as text


def told(pieces: list[Any], server: Server) -> str:
    """Return what came out, on one line."""
    *values, last = pieces
    if isinstance(last, OllamaError):
        after = f"{shown(values)}, then " if values else ""
        text = f"{after}{type(last).__name__} | {last.message} | {last.hint}"
    else:
        text = shown(pieces)
    return text.replace(server.url, "http://ollama")


def shown(pieces: list[Any]) -> str:
    for kind, text_of in STREAMS.items():
        if isinstance(pieces[0], kind):
            return text_of(pieces)
    (value,) = pieces
    for kind, text_of in VALUES.items():
        if isinstance(value, kind):
            return text_of(value)
    return json.dumps(value, sort_keys=True)


def statuses(pieces: list[TransferStatus]) -> Iterator[str]:
    for status, same in itertools.groupby(pieces, lambda piece: piece.status):
        last = list(same)[-1]
        size = f" {last.completed} of {last.total}" if last.total else ""
        yield re.sub(r"(sha256:.{6})\w+", r"\1", status) + size


def chat(pieces: list[ChatReply]) -> str:
    reply = ChatReply.joined(pieces)
    parts = [counted(pieces), quoted(reply.content)]
    parts += [f"thinking {quoted(reply.thinking)}"] if reply.thinking else []
    parts += [f"calls {call.name}({json.dumps(call.arguments)})" for call in reply.tool_calls]
    parts += logprobs(reply)
    return " ".join([*parts, ending(reply)])


def generated(pieces: list[GenerateReply]) -> str:
    text = "".join(piece.response for piece in pieces)
    context = f"context={len(pieces[-1].context)}"
    return f"{counted(pieces)} {quoted(text)} {context} {ending(pieces[-1])}"


def counted(pieces: list[Any]) -> str:
    return f"{len(pieces)} piece{'s' * (len(pieces) > 1)}"


def quoted(text: str) -> str:
    """Return a text as ASCII, a long one by its ends."""
    ends = text if len(text) <= 160 else f"{text[:70]} [{len(text) - 140} more] {text[-70:]}"
    return json.dumps(ends)


def logprobs(reply: ChatReply) -> list[str]:
    tokens = reply.logprobs
    others = sum(len(token.top_logprobs) for token in tokens)
    return [f"logprobs={len(tokens)} others={others}"] if tokens else []


def ending(reply: ChatReply | GenerateReply) -> str:
    metrics = reply.metrics
    if not reply.done:
        return f"not done, of {reply.model}"
    counts = f"prompt={metrics.prompt_eval_count} eval={metrics.eval_count}"
    return f"{reply.done_reason} {counts} of {reply.model}"


def vectors(rows: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    norms = [f"{norm:.3f}" for norm in np.linalg.norm(rows[:4], axis=1)]
    return f"vectors {rows.shape[0]}x{rows.shape[1]} norms {' '.join(norms) or 'none'}"


def model(info: ModelInfo) -> str:
    kinds = "unknown" if info.capabilities is None else ",".join(info.capabilities)
    return (
        f"can {kinds} context={info.context_length} embedding={info.embedding_length} "
        f"num_ctx={info.num_ctx} {info.family} {info.parameter_size} {info.quantization_level} "
        f"template={quoted(info.template)} system={quoted(info.system)} "
        f"{len(info.model_info)} facts"
    )


def listed(item: str | InstalledModel | RunningModel) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, RunningModel):
        return f"{item.name} size={item.size} vram={item.size_vram} context={item.context_length}"
    kinds = "unknown" if item.capabilities is None else ",".join(item.capabilities)
    lengths = f"context={item.context_length} embedding={item.embedding_length}"
    details = f"{item.family} {item.parameter_size} {item.quantization_level}"
    return f"{item.name} size={item.size} {details} can {kinds} {lengths}"


def embedded(reply: EmbedReply) -> str:
    return f"{vectors(reply.embeddings)} prompt={reply.prompt_eval_count} of {reply.model}"


STREAMS: dict[type, Callable[[Any], str]] = {
    ChatReply: chat,
    GenerateReply: generated,
    TransferStatus: lambda pieces: " / ".join(statuses(pieces)),
}
VALUES: dict[type, Callable[[Any], str]] = {
    EmbedReply: embedded,
    np.ndarray: lambda row: vectors(row[None, :]),
    ModelInfo: model,
    tuple: lambda items: f"{len(items)}: {'; '.join(map(listed, items))}",
}


def write(releases: Iterable[str] = RELEASES) -> None:
    """Write the snapshots."""
    for release in releases:
        with tempfile.TemporaryDirectory() as folder:
            lines = blocking(release, Path(folder))
            snapshot(release).write_text("".join(f"{line}\n" for line in lines), "utf-8")


if __name__ == "__main__":
    write()
