"""Read a file's bytes, whatever has become of it since it was found."""

from __future__ import annotations

import os
import stat

from ragkit.errors import LoadError

NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # a pipe that took the file's place has no end


def oversize(size: int, limit: int) -> str:
    """Return why a file of ``size`` bytes is refused, "" if it is not.

    >>> oversize(70_000_000, 64_000_000), oversize(9, 64_000_000)
    ('70 MB is more than the limit of 64 MB', '')
    """
    return f"{size / 1e6:.0f} MB is more than the limit of {limit / 1e6:.0f} MB" * (size > limit)


def beginning(path: str, size: int) -> bytes:
    """Return the first bytes of a file, none if it is no regular file any more.

    Raises:
        OSError: it is gone, or cannot be read.
    """
    with open(path, "rb", opener=_opened) as file:
        is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        return file.read(size) if is_file else b""


def _opened(name: str, flags: int) -> int:
    return os.open(name, flags | NO_WAITING)


def read(path: str, limit: int) -> bytes:
    """Return the bytes of a file of at most ``limit`` bytes, also one that grows meanwhile.

    Raises:
        LoadError: it is larger, or no regular file (any more).
        OSError: it is gone, or cannot be read.
    """
    with open(path, "rb", opener=_opened) as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise LoadError("not a regular file any more")
        if state.st_size > limit:
            raise _too_large(state.st_size, limit)
        data = file.read(state.st_size + 1)
        if len(data) > state.st_size:  # it has grown; some of the system's own have no size
            data += file.read(limit + 1 - len(data))
            if len(data) > limit:
                raise _too_large(len(data), limit)
    return data


def _too_large(size: int, limit: int) -> LoadError:
    return LoadError(oversize(size, limit), hint="raise it with --max-file-mb")
