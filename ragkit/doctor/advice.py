"""What would make it faster or fit better: said where it applies, and only there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ragkit.doctor.machine import Machine
from ragkit.doctor.models import on_gpu
from ragkit.ollama import RunningModel
from ragkit.ollama.installed import Chosen, canonical
from ragkit.types import Check

GB = 1e9
MUCH = 4  # times what is needed is a context that only takes memory
UNQUANTISED = ("F16", "BF16", "F32")
LARGE_BYTES = 2 * GB  # a smaller model costs little at any precision


def check_memory(machine: Machine, *, model_bytes: int, is_here: bool) -> Check:
    """Say how much memory there is, and whether the models that are needed fit into it.

    Args:
        machine: this one.
        model_bytes: size of all models that are needed.
        is_here: the server runs on this machine too.
    """
    total, free = machine.memory_bytes, machine.free_bytes
    if not is_here:
        return Check("memory", "skipped", "the server is on another machine")
    if total is None:
        return Check("memory", "note", "this system does not say how much it has")
    facts = {"bytes": total, "free_bytes": free, "model_bytes": model_bytes}
    text = f"{total / GB:.1f} GB" + ("" if free is None else f", {free / GB:.1f} GB of it free")
    if model_bytes <= total:
        return Check("memory", "ok", text, facts=facts)
    return Check(
        "memory",
        "note",
        f"{text}; the models alone take {model_bytes / GB:.1f} GB",
        "use smaller models, or ones of fewer bits such as Q4_K_M",
        facts,
    )


def advise(
    loaded: Sequence[RunningModel],
    answering: Chosen | None,
    *,
    answering_bytes: int,
    context_tokens: int,
    keep_alive: str,
    endpoint: str,
) -> Iterator[Check]:
    """Yield advice.

    Args:
        loaded: the models that are in memory.
        answering: the model that answers, if one was found.
        answering_bytes: its size.
        context_tokens: what a prompt and its answer take at most.
        keep_alive: the setting.
        endpoint: the setting.
    """
    for model in loaded:
        if 0 < on_gpu(model) < 1:
            yield _advice(
                f"{model.name} does not fit on the GPU, which makes it much slower",
                "use a smaller model, fewer bits (Q4_K_M) or a smaller num_ctx; unload others:"
                " ollama stop NAME",
            )
        is_answering = answering and canonical(answering.name) == canonical(model.name)
        if is_answering and (model.context_length or 0) >= MUCH * context_tokens:
            yield _advice(
                f"{model.name} is loaded with a context of {model.context_length} tokens,"
                f" and {context_tokens} would do",
                f"ollama stop {model.name}; then without -o num_ctx and OLLAMA_CONTEXT_LENGTH",
            )
    if keep_alive.strip().rstrip("smh") in ("0", "0.0"):
        yield _advice(
            "keep_alive is 0: the models are loaded anew for each request",
            "leave it out, or set --keep-alive 30m",
        )
    if endpoint == "embeddings":
        yield _advice(
            "endpoint is embeddings: one text goes in a request, which is slow",
            "leave it at auto, which sends batches where the server takes them",
        )
    level = answering.info.quantization_level.upper() if answering else ""
    if answering and level in UNQUANTISED and answering_bytes > LARGE_BYTES:
        yield _advice(
            f"{answering.name} has weights of {level}, {answering_bytes / GB:.1f} GB",
            "one of four bits (Q4_K_M) answers about three times as fast, nearly as well",
        )


def _advice(text: str, hint: str) -> Check:
    return Check("advice", "note", text, hint)
