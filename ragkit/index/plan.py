"""What an ingest would do with each file, and what it would cost, told without doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from ragkit.catalog import digest_of
from ragkit.errors import LoadError
from ragkit.index.folder import Index
from ragkit.index.survey import Survey
from ragkit.index.unpacking import Unpacker
from ragkit.loading import read
from ragkit.loading.limits import Limits
from ragkit.loading.own import BUILT_IN, Loaders
from ragkit.loading.walk import Found, Held
from ragkit.loading.workers import PdfWorkers
from ragkit.protocols import Chunker
from ragkit.text.headings import text_in_context
from ragkit.text.tokens import estimate_tokens
from ragkit.types import Skipped

SAMPLE_TEXTS = 16  # tried to find out how long all would take


@dataclass(frozen=True, slots=True)
class Planned:
    """What would become of one file or folder."""

    path: str  # as stored
    action: str  # "new", "changed", "unchanged", "remove", "stay", "skip", "fail"
    reason: str = ""
    size: int = 0  # bytes that would be read
    passages: int = 0  # that it would be cut into
    texts: tuple[str, ...] = ()  # those of them that would have to be embedded


def plan(
    surveyed: Survey,
    *,
    index: Index | None,
    stored: Callable[[str | Path], str],
    chunker: Chunker,
    max_file_bytes: int,
    loaders: Loaders = BUILT_IN,
    pdf_limits: Limits | None = None,
    anew: bool = False,
) -> Iterator[Planned]:
    """Yield what would be done; new and changed files are read and cut, and come last.

    Args:
        surveyed: what lies below the roots.
        index: whose vectors need not be embedded again; None where there is none.
        stored: turns a path into the form the catalog keeps.
        chunker: cuts documents into chunks.
        max_file_bytes: larger files would be refused.
        loaders: which read the files.
        pdf_limits: what a PDF may cost in time and memory.
        anew: files that hold what they held count as changed.
    """
    for path in surveyed.unchanged:
        yield Planned(path, "unchanged")
    for path in surveyed.vanished:
        yield Planned(path, "remove", "no longer there")
    for path in surveyed.stays:
        yield Planned(path, "stay", "its folder is gone or empty: '--prune' would remove it")
    for skipped in surveyed.skipped:
        yield Planned(skipped.path, "skip", skipped.reason)
    for failed in surveyed.failed:
        yield Planned(failed.path, "fail", failed.reason)
    for failed in surveyed.remembered:
        if failed.page is None:
            yield Planned(failed.path, "fail", f"{failed.reason}: not read again as it is")
    seen: set[bytes] = set()  # the texts that an earlier file has
    unpack = Unpacker(
        stored, loaders, max_file_bytes, surveyed.members, surveyed.only, surveyed.lost
    )
    with PdfWorkers(pdf_limits) as pdfs:
        read = partial(
            _read,
            index=index,
            chunker=chunker,
            max_file_bytes=max_file_bytes,
            loaders=replace(loaders, instead={**loaders.instead, "pdf": pdfs.read}),
            seen=seen,
        )
        for fresh in surveyed.fresh:
            yield from _fresh(fresh, surveyed, stored, unpack, read, anew=anew)


def _fresh(
    fresh: Found,
    surveyed: Survey,
    stored: Callable[[str | Path], str],
    unpack: Unpacker,
    read: Callable[[Found, str, str, bytes], Planned],
    *,
    anew: bool,
) -> Iterator[Planned]:
    """Yield what would be done with a new or changed file, and with its members if it has any."""
    gone = set(surveyed.members.get(stored(fresh.path), ()))
    for found in unpack(fresh):
        if isinstance(found, Skipped):
            yield Planned(found.path, "skip", found.reason)
            continue
        path = found.name or stored(found.path)
        known = surveyed.sources.get(path)
        if found.path == fresh.path and found.held:
            gone -= gone if found.held.error else (found.held.members or set())
        if found.held and known and digest_of(found.held.data) == known.digest:
            yield Planned(path, "unchanged")
        else:
            digest = known.digest if known and not anew else b""
            yield read(found, path, "changed" if known else "new", digest)
    for path in sorted(gone & surveyed.sources.keys()):
        yield Planned(path, "remove", "no longer in its archive")


def _read(
    found: Found,
    path: str,
    action: str,
    digest: bytes,  # of what it held, if that would be taken as it is
    index: Index | None,
    chunker: Chunker,
    max_file_bytes: int,
    loaders: Loaders,
    seen: set[bytes],
) -> Planned:
    try:
        held = found.held or Held(read(found.path, max_file_bytes))
        suffix = PurePosixPath(path).suffix.lower() if held.suffix is None else held.suffix
        if held.error:
            raise held.error
        if held.document or loaders.is_to_see(suffix):  # what a model will say is not known
            return Planned(path, action, size=found.size)
        data = held.data
        if reason := loaders.is_binary(data, suffix=suffix):
            return Planned(path, "skip", reason)
        document = loaders.load(data, suffix=suffix)
        chunks = list(chunker(document))
    except LoadError as error:
        return Planned(path, "fail", error.message)
    except OSError as error:
        return Planned(path, "fail", error.strerror or str(error))
    except Exception as error:  # noqa: BLE001 - of a loader or chunker: as in an ingest
        return Planned(path, "fail", f"{type(error).__name__}: {error}")
    texts = [text_in_context(document.title, chunk) for chunk in chunks]
    fingerprint = index.maker.fingerprint if index else ""
    keys = {digest_of(fingerprint.encode(), text.encode()): text for text in texts}
    known = index.catalog.vectors.ids(keys) if index else {}
    fresh = {key: text for key, text in keys.items() if key not in known and key not in seen}
    seen |= fresh.keys()
    is_same = digest == digest_of(data) and not fresh
    done = Planned(path, action, "", found.size, len(texts), tuple(fresh.values()))
    return Planned(path, "unchanged") if is_same else done


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ingest would do, and what that would cost."""

    files: tuple[Planned, ...]  # by path
    passages: int  # of new and changed files
    texts: int  # of those, to be embedded
    tokens: int  # of those texts, estimated
    requests: int  # to a server
    seconds: float | None  # of embedding them; None where that is not known


def summed(
    planned: Iterable[Planned],
    *,
    pace: Callable[[Sequence[str]], float | None],
    batch_texts: int,
    progress: Callable[[Planned], None] | None = None,
) -> Plan:
    """Return all of a plan together.

    Args:
        planned: what ``plan`` yields.
        pace: returns how many tokens a second are embedded, by what is known or by trying some of
            the texts it is given; None where that cannot be told.
        batch_texts: texts of a request; 0 where no server is asked.
        progress: called after each file.
    """
    files: list[Planned] = []
    sample: list[str] = []
    texts = tokens = 0
    for one in planned:
        sample += one.texts[: SAMPLE_TEXTS - len(sample)]
        texts += len(one.texts)
        tokens += sum(map(estimate_tokens, one.texts))
        files.append(replace(one, texts=()))
        if progress:
            progress(one)
    found = pace(sample) if sample else None
    return Plan(
        tuple(sorted(files, key=lambda one: (one.path, one.action))),
        sum(one.passages for one in files),
        texts,
        tokens,
        -(-texts // batch_texts) if batch_texts else 0,
        tokens / found if found else (None if texts else 0.0),
    )
