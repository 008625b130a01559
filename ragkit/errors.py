"""Every error ragkit raises on purpose: what happened, what to type, and the exit code.

RagkitError
├── ConfigError           2   a setting or an argument is wrong
│   └── NoSuchPathError   2   a path that was named does not exist
├── MissingExtraError     2   an optional package is not installed
├── LoadError             6   one file cannot be read (the run goes on without it)
├── NothingFoundError     1   there was nothing to read, or nothing to answer from
├── IndexMissingError     5   there is no index where one was looked for
├── IndexDamagedError     5   a row or file of the index is not what was written
├── IndexStaleError       5   the index was made by another embedder, chunker or format
├── IndexLockedError      8   another process is writing to the index
└── IndexWriteError       8   no space, no permission
"""

from __future__ import annotations


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
