"""Files that are sent: images, and the parts of a model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from ragkit.errors import ConfigError, NoSuchPathError
from ragkit.ollama.framing import one_line

BLOCK_BYTES = 1 << 20


@contextmanager
def reading(file: Path) -> Iterator[BufferedReader]:
    """Open a file that is to be sent.

    Raises:
        NoSuchPathError: there is none.
        ConfigError: it cannot be read.
    """
    shown = one_line(str(file), 120)
    try:
        with file.open("rb") as opened:
            yield opened
    except (FileNotFoundError, ValueError) as error:  # ValueError: a name with a null character
        raise NoSuchPathError(f"no such file: {shown}", hint="check its spelling") from error
    except OSError as error:
        hint = "give the path of a file that you may read"
        raise ConfigError(f"cannot read {shown}: {error.strerror}", hint=hint) from error


def size_of(file: Path) -> int:
    """Return a file's bytes."""
    with reading(file) as opened:
        return os.fstat(opened.fileno()).st_size


def digest_of(file: Path) -> str:
    """Return the digest that a file has as a blob, such as ``sha256:9f86...``."""
    with reading(file) as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"


def blocks_of(file: Path, most_bytes: int) -> Generator[bytes, None, None]:
    """Yield a file's bytes.

    Raises:
        ConfigError: they are not as many as were announced: something is writing to it.
    """
    with reading(file) as opened:
        left = most_bytes
        while block := opened.read(min(BLOCK_BYTES, left + 1)):
            left -= len(block)
            if left < 0:
                break
            yield block
    if left:
        shown = one_line(str(file), 120)
        raise ConfigError(f"{shown} changes while it is sent", hint="send it when it is whole")


async def blocks_beside(file: Path, most_bytes: int) -> AsyncIterator[bytes]:
    """Yield a file's bytes as ``blocks_of`` does, read beside the loop of asyncio."""
    import asyncio

    blocks = blocks_of(file, most_bytes)
    try:
        while block := await asyncio.to_thread(next, blocks, b""):
            yield block
    finally:
        with suppress(ValueError):  # where it is cancelled while a thread still reads: that ends it
            blocks.close()
