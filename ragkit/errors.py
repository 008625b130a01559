"""Every error ragkit raises on purpose: what happened, what to type, and the exit code.

RagkitError
├── ConfigError           2   a setting or an argument is wrong
│   ├── NoSuchPathError   2   a path that was named does not exist
│   └── UntrustedHostError  2   an index's config.toml names a server that nobody confirmed
├── MissingExtraError     2   an optional package is not installed
├── LoadError             6   one file cannot be read (the run goes on without it)
├── NothingFoundError     1   there was nothing to read, or nothing to answer from
├── IndexMissingError     5   there is no index where one was looked for
├── IndexDamagedError     5   a row or file of the index is not what was written
├── IndexStaleError       5   the index was made by another embedder, chunker or format
├── IndexLockedError      8   another process is writing to the index
├── IndexWriteError       8   no space, no permission
└── OllamaError           3   between ragkit and the Ollama server
    ├── OllamaUnreachableError   3   nothing answers at the address
    ├── NotOllamaError           3   what answers there is not Ollama, or not at this path
    ├── OllamaTimeoutError       3   it took the request and gave no answer in time
    ├── OllamaBusyError          3   too many requests at once
    ├── OllamaAccessError        3   it wants a key, a sign-in or another host name
    ├── OllamaReplyError         3   the reply was cut, has no end or makes no sense
    ├── OllamaRequestError       2   the server refuses the request: an option, a format
    ├── ContextLengthError       3   the text is longer than the model's context
    ├── BadVectorError           3   the model gave no number for a text
    ├── ModelCrashError          3   the process that runs the model died
    ├── ModelNotFoundError       4   the model is not installed
    ├── ModelUnfitError          4   the model cannot do what is asked of it
    └── ModelLoadError           4   the model cannot be loaded: memory, a damaged file
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote


class RagkitError(Exception):
    """Base of all ragkit errors: a message, a hint that says what to type, an exit code.

    >>> raise RagkitError("no index at ./kb", hint="ragkit ingest DIR --index ./kb")
    Traceback (most recent call last):
        ...
    ragkit.errors.RagkitError: no index at ./kb
      hint: ragkit ingest DIR --index ./kb
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class ConfigError(RagkitError):
    """A setting or an argument is wrong."""

    exit_code = 2


class NoSuchPathError(ConfigError):
    """A path that was named does not exist."""


class UntrustedHostError(ConfigError):
    """An index's config.toml, which may be a stranger's, names a server that nobody confirmed."""

    def __init__(self, host: str, index: Path) -> None:
        super().__init__(
            f"{index / 'config.toml'} names the server {host}, which you have not confirmed:"
            " documents, questions and your key would go there",
            hint=f"to use it: ragkit config set host {quote(host)} --index {quote(str(index))};"
            " or name another: --host HOST",
        )
        self.host = host
        self.index = index


class MissingExtraError(RagkitError):
    """An optional package is not installed."""

    exit_code = 2


class LoadError(RagkitError):
    """One file cannot be read; ``stage`` says how far it came."""

    exit_code = 6

    def __init__(self, message: str, *, stage: str = "read", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.stage = stage  # "read", "decode", "parse"


class NothingFoundError(RagkitError):
    """There was nothing to read, or nothing that matches."""


class IndexMissingError(RagkitError):
    """There is no index where one was looked for."""

    exit_code = 5


class IndexDamagedError(RagkitError):
    """A row or file of the index is not what was written."""

    exit_code = 5


class IndexStaleError(RagkitError):
    """The index was made by another embedder, chunker or format."""

    exit_code = 5


class IndexLockedError(RagkitError):
    """Another process is writing to the index."""

    exit_code = 8


class IndexWriteError(RagkitError):
    """The index cannot be written: no space, no permission."""

    exit_code = 8


class OllamaError(RagkitError):
    """Anything that went wrong between ragkit and the Ollama server."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status  # of the HTTP response, where there was one

    @property
    def is_of_gateway(self) -> bool:
        """Whether the request was not passed on, by a proxy or by Ollama to a server of its own."""
        return self.status in (502, 503, 504)


class OllamaUnreachableError(OllamaError):
    """Nothing answers at the address."""


class NotOllamaError(OllamaError):
    """What answers at the address is not Ollama, or not an Ollama that has this path."""


class OllamaTimeoutError(OllamaError):
    """The server took the request and gave no answer in time."""


class OllamaBusyError(OllamaError):
    """The server has too many requests to do."""


class OllamaAccessError(OllamaError):
    """The server wants a key, a sign-in or another host name."""


class OllamaReplyError(OllamaError):
    """The reply was cut, has no end, or is not what this endpoint replies."""


class OllamaRequestError(OllamaError):
    """The server refuses the request: an option, a format, a malformed name."""

    exit_code = 2


class ContextLengthError(OllamaError):
    """The text is longer than the context that the model was loaded with."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int | None = None,
        n_ctx: int | None = None,
        n_prompt_tokens: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, status=status)
        self.n_ctx = n_ctx  # tokens that fit, where the server said it
        self.n_prompt_tokens = n_prompt_tokens  # tokens that were sent, where the server said it


class BadVectorError(OllamaError):
    """The model gave something that is no number for a text."""


class ModelCrashError(OllamaError):
    """The process that runs the model died."""


class ModelNotFoundError(OllamaError):
    """The model is not installed on the server."""

    exit_code = 4


class ModelUnfitError(OllamaError):
    """The model cannot do what is asked of it: embed, chat, use tools, think, see."""

    exit_code = 4


class ModelLoadError(OllamaError):
    """The model cannot be loaded: too little memory, a damaged or unknown file."""

    exit_code = 4
