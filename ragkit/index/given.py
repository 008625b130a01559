"""What is given by name and lies in no folder: what is piped in, and pages of the web.

Both are sources under a path with "://" in it, ``stdin://notes.md`` or the page's address, which no
file has. They never count as vanished: what is piped in is replaced by the next of its name, a page
by what its address gives next; only ``rm`` drops them. A page is a root: an ingest without paths
asks for it again, with what its server said it can be known by, so that one that has not changed
costs a short answer. A page that cannot be fetched is told, and its text stays.
"""

from __future__ import annotations

import codecs
import json
import mimetypes
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from ragkit.catalog import digest_of, is_below, is_by_name
from ragkit.errors import ConfigError, IndexDamagedError, LoadError
from ragkit.index.folder import Index
from ragkit.loading.members import as_text, cleaned, suffix_of
from ragkit.loading.walk import Found, Held
from ragkit.types import Failure, Progress

if TYPE_CHECKING:
    from ragkit.index.survey import Survey

PIPED = "stdin://"
TAGS = "fetched "  # begins the fact in which what a page can be known by is kept
SUFFIXES = {
    "text/html": ".html", "application/xhtml+xml": ".html", "application/pdf": ".pdf",
    "text/markdown": ".md", "text/x-rst": ".rst", "text/csv": ".csv", "application/json": ".json",
    "application/xml": ".xml", "text/xml": ".xml", "application/zip": ".zip",
    "application/gzip": ".gz", "application/x-tar": ".tar",
}  # fmt: skip
TEXTS = ("application/xhtml+xml", "application/json", "application/xml")  # beside text/...
NEVER = ("punycode", "idna", "unicode_escape", "raw_unicode_escape", "utf_7")  # as a charset
UNTOLD = ("", "text/plain", "application/octet-stream", "binary/octet-stream")


class Page(Protocol):
    """What a server gave."""

    @property
    def data(self) -> bytes:
        """The page."""
        ...

    @property
    def content_type(self) -> str:
        """What the server says that it is."""
        ...

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """What it can be known by the next time."""
        ...

    @property
    def is_unchanged(self) -> bool:
        """It is what it was when the tags were given."""
        ...


Fetch = Callable[[str, Mapping[str, str]], Page]  # of an address, with its tags


@dataclass(frozen=True, slots=True)
class Given:
    """What is given by name."""

    fresh: tuple[Found, ...] = ()
    unchanged: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    pages: tuple[str, ...] = ()  # addresses
    tags: tuple[tuple[str, str], ...] = ()  # facts to keep

    def join(self, surveyed: Survey) -> Survey:
        """Return a survey with what is given in it."""
        return replace(
            surveyed,
            fresh=surveyed.fresh + self.fresh,
            unchanged=surveyed.unchanged + self.unchanged,
            failed=surveyed.failed + self.failed,
            roots=surveyed.roots + self.pages,
        )


NOTHING = Given()


def address_of(path: str) -> str:
    """Return an address as it is kept: what it says of a place in its page is left out.

    >>> address_of("https://example.org/a.html#top")
    'https://example.org/a.html'
    """
    return path.partition("#")[0]


def piped_path(name: str) -> str:
    """Return the path of what is piped in under a name.

    Raises:
        ConfigError: it is no name.

    >>> piped_path("notes.md")
    'stdin://notes.md'
    """
    if not (clean := cleaned(name)) or as_text(name) != name:
        raise ConfigError(f"{as_text(name)!r} is no name", hint="give one such as notes.md")
    return PIPED + clean


def pages_to_fetch(
    index: Index | None, given: Iterable[str], *, every: bool, only_failed: bool
) -> list[str]:
    """Return the addresses of pages: those given, or with ``every`` all there ever were."""
    pages = [address_of(path) for path in given]
    if index and every:
        with index.catalog.errors():
            pages += [root for root in index.catalog.ledger.roots() if is_by_name(root)]
            failed = {failure.path for failure in index.catalog.failures.intact()}
        pages = [
            page
            for page in pages
            if not only_failed or any(is_below(path, page) for path in failed)
        ]
    return list(dict.fromkeys(pages))


def gather(
    index: Index | None,
    *,
    piped: Mapping[str, bytes],
    pages: Iterable[str],
    fetch: Fetch,
    reread: bool,
) -> Generator[Progress, None, Given]:
    """Fetch pages, and return what there is to read; yield before each.

    Args:
        index: what is known so far; None for nothing.
        piped: what was piped in, by name.
        pages: addresses.
        fetch: gets a page.
        reread: also if it has not changed.
    """
    fresh = [_found(piped_path(name), data, None) for name, data in piped.items()]
    unchanged, failed, tags = [], [], []
    asked = list(pages)
    for page in asked:
        yield Progress("fetch", page)
        try:
            got = fetch(page, {} if reread or index is None else _known(index, page))
        except LoadError as error:
            reason = f"{error.message} ({error.hint})" if error.hint else error.message
            failed.append(Failure(page, "read", reason, permanent=False))
            continue
        if got.is_unchanged:
            unchanged.append(page)
            continue
        kind, charset = _content_type(got.content_type)
        is_text = kind.startswith("text/") or kind in TEXTS
        data = _as_utf8(got.data, charset) if is_text else got.data
        fresh.append(_found(page, data, _suffix(page, kind)))
        tags.append((TAGS + page, json.dumps([digest_of(data).hex(), dict(got.tags)])))
    return Given(tuple(fresh), tuple(unchanged), tuple(failed), tuple(asked), tuple(tags))


def _found(path: str, data: bytes, suffix: str | None) -> Found:
    return Found(path, len(data), 0, path, Held(data, suffix=suffix))


def _known(index: Index, page: str) -> dict[str, str]:
    """Return what a page can be known by, if the index has what was fetched with it."""
    catalog = index.catalog
    with catalog.errors():
        fact = catalog.ledger.meta(TAGS + page)
        try:
            source = catalog.texts.source(page) if fact else None
        except IndexDamagedError:  # it is fetched again
            return {}
        if fact is None or source is None:
            return {}
        if any(is_below(failure.path, page) for failure in catalog.failures.intact()):
            return {}  # what failed of it is to fail again, or to be read
        waiting = catalog.chunks.waiting()
        if waiting and any(
            found.content in waiting
            for path, found in catalog.texts.sources()[0].items()
            if is_below(path, page)
        ):
            return {}
    digest, tags = json.loads(fact)
    return dict(tags) if digest == source.digest.hex() else {}


def _content_type(header: str) -> tuple[str, str]:
    """Return the type and the charset in a header, in lower case; "" for what it does not say.

    >>> _content_type('Text/HTML; charset="GB2312"')
    ('text/html', 'gb2312')
    """
    kind, *parameters = (part.strip().lower() for part in header.split(";"))
    charset = [p.partition("=")[2].strip("\"' ") for p in parameters if p.startswith("charset")]
    return kind, (charset or [""])[0]


def _suffix(page: str, kind: str) -> str:
    """Return the suffix that decides the loader: by what the server says, else by the address."""
    own = suffix_of(urlsplit(page).path)
    if kind in UNTOLD:
        return own or ".txt" * (kind == "text/plain")
    known = SUFFIXES.get(kind) or mimetypes.guess_extension(kind, strict=False) or ""
    is_rough = kind.startswith("text/") and kind not in SUFFIXES
    return own or known if is_rough else known or own


def _as_utf8(data: bytes, charset: str) -> bytes:
    """Return a text as UTF-8 that says so, if the server says what it is in."""
    if charset in ("", "utf-8", "utf8", "us-ascii"):
        return data
    try:
        if codecs.lookup(charset).name.replace("-", "_") in NEVER:
            return data
        return codecs.BOM_UTF8 + data.decode(charset).encode()
    except (LookupError, ValueError):
        return data
