"""Requests that follow from each other, as generators that either client drives.

A plan yields calls and gets their results, or functions that take their time, such as the digest
of a large file, which an asynchronous client runs beside its loop.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ragkit.ollama.endpoints import Call, Message, create, has_blob, put_blob
from ragkit.ollama.files import digest_of
from ragkit.ollama.records import TransferStatus

T = TypeVar("T")
Plan = Generator[Call[Any] | Callable[[], Any], Any, T]


def upload(file: str | Path) -> Plan[str]:
    """Send a file, unless the server has it; return its digest, such as ``sha256:9f86...``.

    Raises:
        NoSuchPathError: there is no such file.
    """
    digest: str = yield partial(digest_of, Path(file))
    there: bool = yield has_blob(digest)
    if not there:
        yield put_blob(digest, Path(file))
    return digest


def create_from_files(
    model: str,
    files: Mapping[str, str | Path],
    *,
    adapters: Mapping[str, str | Path] | None = None,
    template: str | None = None,
    system: str | None = None,
    license: str | Sequence[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    messages: Sequence[Message] | None = None,
    quantize: str | None = None,
) -> Plan[TransferStatus]:
    """Make a model out of files, such as ``{"model.gguf": path}``, which are sent first.

    ``files`` and ``adapters`` are paths by the names that they have in the model; all else is as in
    ``create``.
    """
    sent = yield from _upload_all(files)
    sent_adapters = (yield from _upload_all(adapters)) if adapters is not None else None
    made: TransferStatus = yield create(
        model,
        files=sent,
        adapters=sent_adapters,
        template=template,
        system=system,
        license=license,
        parameters=parameters,
        messages=messages,
        quantize=quantize,
    )
    return made


def _upload_all(files: Mapping[str, str | Path]) -> Plan[dict[str, str]]:
    """Send files; return their digests by name."""
    digests = {}
    for name, file in files.items():
        digests[name] = yield from upload(file)
    return digests
