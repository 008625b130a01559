"""What a failed reply means: which of ragkit's errors it is, and what to type.

Source: the replies of three releases in tests/transcripts, and Ollama's server/routes.go.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ragkit.errors import (
    BadVectorError,
    ContextLengthError,
    ModelCrashError,
    ModelLoadError,
    ModelNotFoundError,
    ModelUnfitError,
    NotOllamaError,
    OllamaAccessError,
    OllamaBusyError,
    OllamaError,
    OllamaRequestError,
)
from ragkit.ollama.address import Address
from ragkit.ollama.endpoints import CREATE, EMBED, EMBEDDINGS, PULL, PUSH, V1_EMBEDDINGS, Call
from ragkit.ollama.framing import one_line
from ragkit.ollama.said import Said

EMBEDDERS = (EMBED, EMBEDDINGS, V1_EMBEDDINGS)
LOG = "Ollama's log says more"


@dataclass(frozen=True, slots=True)
class Failed:
    """A reply that says that the server failed: by its status, or by a record with an error."""

    call: Call[Any]
    address: Address
    status: int
    said: Said
    location: str = ""  # where a redirect leads

    @property
    def model(self) -> str:
        """The model as a part of a sentence."""
        return f"the model {self.call.model!r}" if self.call.model else "the model"


def failure(failed: Failed) -> OllamaError:
    """Return the error that a failed reply is."""
    return _maker(failed)(failed)


def _maker(failed: Failed) -> Maker:
    said, status = failed.said, failed.status
    if status in (401, 403):
        return _no_access
    if status == 429 or (status == 503 and said.is_error):
        return _busy
    if said.is_error:
        return _maker_by_text(failed)
    if not said.text and status == 500:  # as some releases are
        return _failed
    is_head = failed.call.endpoint.method == "HEAD"  # which has no text
    return _refused if is_head and status == 400 else _not_ollama


def _maker_by_text(failed: Failed) -> Maker:
    said, status, endpoint = failed.said, failed.status, failed.call.endpoint
    if 400 not in (status, said.number("status")) and endpoint in (PULL, PUSH, CREATE):
        return _transfer
    for pattern, maker in BY_TEXT:
        if pattern.search(said.text):
            return maker
    if status == 404:
        return _not_found if "not found" in said.text else _not_ollama
    return _refused if 400 in (status, said.number("status")) else _failed


def _not_ollama(failed: Failed) -> OllamaError:
    status, text = failed.status, failed.said.text
    hint = "check the address, OLLAMA_HOST or --host"
    if failed.location:
        text = f"go to {one_line(failed.location, 200)}"
    elif status in (404, 405):
        hint += "; an old Ollama lacks some paths: 'ollama --version' tells its release"
    elif status >= 500:
        hint += "; a proxy seems to stand between: add the host to NO_PROXY"
    endpoint = failed.call.endpoint
    asked = f"{endpoint.method} {failed.address}{failed.call.path or endpoint.path}"
    answer = f"{status} {text.removeprefix(str(status)).strip()}".rstrip()
    return NotOllamaError(
        f"{asked} is not answered as by Ollama: {one_line(answer, 200)}", hint=hint, status=status
    )


def _no_access(failed: Failed) -> OllamaError:
    text = failed.said.text
    if url := failed.said.facts.get("signin_url"):
        hint = f"sign in with 'ollama signin', or at {one_line(str(url), 300)}"
    elif failed.status == 401:
        hint = "set OLLAMA_API_KEY for ollama.com, or give the key that the server wants"
    elif failed.said.is_error:
        hint = "see 'ollama signin', and the settings of the server"
    else:
        text = text or "it does not serve this host name"
        hint = "let the proxy pass 'localhost' on as host name, or set OLLAMA_HOST=0.0.0.0 there"
    return OllamaAccessError(
        f"{failed.address} refuses access: {text or failed.status}",
        hint=hint,
        status=failed.status,
    )


def _busy(failed: Failed) -> OllamaError:
    return OllamaBusyError(
        f"Ollama is busy: {failed.said.text or failed.status}",
        hint="try again later, or let it hold more requests (OLLAMA_MAX_QUEUE)",
        status=failed.status,
    )


def _too_long(failed: Failed) -> OllamaError:
    embeds = failed.call.endpoint in EMBEDDERS
    return ContextLengthError(
        f"too long for the context of {failed.model}: {failed.said.text}",
        hint=f"{'send shorter texts' if embeds else 'send less'}, or raise options.num_ctx",
        status=failed.status,
        n_ctx=failed.said.number("n_ctx"),
        n_prompt_tokens=failed.said.number("n_prompt_tokens"),
    )


def _unfit(failed: Failed) -> OllamaError:
    hints = (
        ("embeddings", "use an embedding model: ollama pull nomic-embed-text"),
        ("support (chat|generate)", "use a chat model: ollama pull llama3.2"),
        ("tools", "leave tools out, or use a model of https://ollama.com/search?c=tools"),
        ("thinking", "leave think out, or use a model of https://ollama.com/search?c=thinking"),
        ("multimodal", "leave images out, or use a model of https://ollama.com/search?c=vision"),
        ("insert", "leave suffix out, or use a model that fills in, such as qwen2.5-coder"),
    )
    text = failed.said.text
    hint = next((hint for word, hint in hints if re.search(word, text)), "use another model")
    return ModelUnfitError(
        f"{failed.model} cannot do this: {text}", hint=hint, status=failed.status
    )


def _not_loaded(failed: Failed) -> OllamaError:
    text = failed.said.text
    if re.search("memory|allocate|resource|unable to load full", text):
        hint = "use a smaller model or a smaller num_ctx, or close other programs"
    elif "timed out" in text:
        hint = "try again, or give it longer: OLLAMA_LOAD_TIMEOUT=15m where Ollama is started"
    else:
        hint = f"get it again: ollama pull {shlex.quote(failed.call.model)}"
    return ModelLoadError(
        f"{failed.model} cannot be loaded: {text}", hint=hint, status=failed.status
    )


def _crashed(failed: Failed) -> OllamaError:
    return ModelCrashError(
        f"{failed.model} crashed: {failed.said.text}",
        hint="try again; with shorter texts or a smaller num_ctx if it happens again",
        status=failed.status,
    )


def _bad_vector(failed: Failed) -> OllamaError:
    return BadVectorError(
        f"{failed.model} gave no numbers for a text: {failed.said.text}",
        hint="try options.num_gpu 0 (on the CPU), or a newer Ollama",
        status=failed.status,
    )


def _not_found(failed: Failed) -> OllamaError:
    if model := failed.call.model:
        message, hint = f"{failed.model} is not installed", f"ollama pull {shlex.quote(model)}"
    else:
        message, hint = f"no such model: {failed.said.text}", "name one that 'ollama list' shows"
    return ModelNotFoundError(message, hint=hint, status=failed.status)


def _transfer(failed: Failed) -> OllamaError:
    call, text = failed.call, failed.said.text
    if "file does not exist" in text and call.endpoint is PULL:
        return ModelNotFoundError(
            f"the registry has no model {call.model!r}: {text}",
            hint="check its name: https://ollama.com/search",
            status=failed.status,
        )
    message = f"cannot {call.endpoint.path.rpartition('/')[2]} {call.model!r}: {text}"
    if re.search("exceeds file size|file bounds|GGUF format|no such file|unsupported arch", text):
        hint = "check the files: one is damaged, missing or of another kind"
        return ModelLoadError(message, hint=hint, status=failed.status)
    if re.search("insecure protocol|first record does not look like", text):
        hint = "a registry without TLS needs insecure=True"
    elif re.search("dial tcp|lookup |tls:|no such host|timeout|HTTPS client", text):
        hint = "check the network of the machine that Ollama runs on"
    else:
        hint = LOG
    return OllamaError(message, hint=hint, status=failed.status)


def _refused(failed: Failed) -> OllamaError:
    text = failed.said.text
    hints = (
        ("duration|Unsupported type", 'give keep_alive in seconds, or as "10m"'),
        ("invalid model|model is required|is invalid|missing name", "check the model's name"),
        ("^option", "check the types of options"),
        ("base64", "give images as paths or bytes"),
    )
    hint = next((hint for word, hint in hints if re.search(word, text)), "check what was given")
    return OllamaRequestError(
        f"Ollama refuses the request: {text or failed.status}", hint=hint, status=failed.status
    )


def _failed(failed: Failed) -> OllamaError:
    text, hint = failed.said.text, LOG
    if not text:
        text, hint = "it does not say why", "update Ollama to learn why"
        if failed.call.endpoint in EMBEDDERS:
            hint += "; a text that is too long is one reason"
    return OllamaError(f"Ollama failed: {text}", hint=hint, status=failed.status)


Maker = Callable[[Failed], OllamaError]

# The first whose pattern stands in the text. A crashed embedder answers 400 on some releases, so
# that the status says less than the text.
BY_TEXT: tuple[tuple[re.Pattern[str], Maker], ...] = tuple(
    (re.compile("|".join(alternatives)), maker)
    for maker, alternatives in (
        (
            _too_long,
            (
                "exceeds (the|maximum) context length",
                "maximum context length",
                "exceeds the available context size",
                "too large to process",
                "prompt is longer than the context length",
            ),
        ),
        (
            _refused,
            (
                "^raw mode",
                '^option "',
                "^invalid format",
                "^template: ",
                "^invalid model path",
                "^time: ",  # of keep_alive; it repeats what was given, such as NaN
            ),
        ),
        (_unfit, ("does not support", "cannot run this remote model", "are not currently supp")),
        (
            _not_loaded,
            (
                "(?i:out[ -]of[ -]memory)",
                "insufficient memory",
                "more system memory",
                "unable to (load|allocate)",
                "error loading model",
                "failed to load",
                "exceeds file size",
                "timed out waiting for llama",
                "may be incompatible with your version",
                "error starting llama",
            ),
        ),
        (_bad_vector, (r"\bNaN\b", r"\bInf\b")),
        (
            _crashed,
            (
                "while running the model",
                r"Post \S+ EOF",
                "^EOF$",
                "unexpectedly stopped",
                "has terminated",
                "forcibly closed",
                "no longer running",
                r"127\.0\.0\.1\S* connect: connection refused",
            ),
        ),
    )
)
