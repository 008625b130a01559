"""The nouns of ragkit: plain frozen values that flow between modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
import numpy.typing as npt

FloatMatrix = npt.NDArray[np.float32]  # (n, dim), rows of unit length
FloatVector = npt.NDArray[np.float32]  # (dim,), unit length


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading in a document's text."""

    start: int  # offset in characters of the line it stands in
    level: int  # 1 is the highest
    title: str


@dataclass(frozen=True, slots=True)
class Document:
    """One source's text, and what its format says of it.

    ``text`` is the file's own text: line ends are kept, a byte order mark is not. Nothing here
    depends on the file's name, so that a renamed file is the same document.
    """

    text: str
    type: str  # "text", "markdown", "rst", "code", "code/python", "html", "pdf" and so on
    title: str = ""
    headings: tuple[Heading, ...] = ()  # in order of start
    page_starts: tuple[int, ...] = ()  # offset of each page's first character; () if no pages
    pages_without_text: tuple[int, ...] = ()  # page numbers from 1
    notes: tuple[str, ...] = ()  # what was lost or guessed on the way, said to the user
    failed_pages: tuple[tuple[int, str], ...] = ()  # (page number from 1, why it cannot be read)
    places: tuple[tuple[int, str], ...] = ()  # (offset, the place that begins there), in order; a
    # place is written behind the path: "!Sheet1:17", "@00:12:03"; "" where none is in force
    fields: tuple[tuple[str, str], ...] = ()  # what it says of itself, (name, value), in its
    # order: an author is ("author", "Ann"), two tags are ("tag", "howto") and ("tag", "index")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous span of one document.

    Invariant: ``document.text[chunk.start:chunk.end] == chunk.text``.
    """

    text: str
    start: int  # offset in characters, inclusive
    end: int  # offset in characters, exclusive
    lines: tuple[int, int]  # first and last line, from 1
    page: int | None = None  # from 1; None where the format has no pages
    headings: tuple[str, ...] = ()  # outermost first
    places: tuple[tuple[int, str], ...] = ()  # (offset in ``text``, the place that begins there);
    # the first is the one in force at its beginning; () where the format has none

    def __post_init__(self) -> None:
        if self.end - self.start != len(self.text):
            raise ValueError(f"span {self.start}:{self.end} is not {len(self.text)} characters")

    def place_at(self, offset: int) -> str:
        """Return the place in force at an offset in the text, "" if the format has none."""
        return next((place for at, place in reversed(self.places) if at <= offset), "")


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The vectors of some texts, and what was the matter with single ones."""

    rows: FloatMatrix  # (texts, dim), unit length; zeros for a text that has no vector
    parts: Mapping[int, int] = field(default_factory=dict)  # position -> parts a long text was in
    refused: Mapping[int, str] = field(default_factory=dict)  # position -> why it has no vector


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk. Higher score is better; rank counts from 1."""

    rank: int
    score: float
    path: str  # as stored: relative to the folder that holds the index, where below it
    chunk: Chunk
    title: str = ""
    also: tuple[str, ...] = ()  # the other paths that hold the same text
    stale: tuple[str, ...] = ()  # those of all its paths that failed since: the text is older
    id: int = 0  # of the chunk in its index
    views: tuple[tuple[str, float], ...] = ()  # (view, its normalised score), for `why`
    unread: tuple[int, ...] = ()  # pages of its file that have no text, from 1
    read_by: str = ""  # the model that read a page of it from its image, "" if none did
    pages: tuple[tuple[int, int, str], ...] = ()  # those of a chunk that spans several: (offset in
    # its text where one begins, its number, the model that read it)

    def page_of(self, start: int, end: int) -> tuple[int | None, str]:
        """Return the page on which a stretch of the text begins, and the model that read it.

        >>> pages = ((0, 4, ""), (4, 5, ""), (8, 6, "llava"))
        >>> hit = Hit(1, 1.0, "a.pdf", Chunk("one two six", 0, 11, (1, 1), 4), pages=pages)
        >>> hit.page_of(0, 3), hit.page_of(5, 7), hit.page_of(5, 11)
        ((4, ''), (5, ''), (5, 'llava'))
        """
        if not self.pages:
            return self.chunk.page, self.read_by
        ends = (*(at for at, _, _ in self.pages[1:]), len(self.chunk.text))
        on = [page for page, last in zip(self.pages, ends, strict=True) if last > start]
        return on[0][1], next((by for at, _, by in on if by and at < end), "")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked."""

    rules: str  # the system's message
    text: str  # the user's: sources and question
    hits: int  # sources 1 to hits stand in it
    tokens: int  # of both, estimated
    is_cut: bool = False  # source 1 was too long: its end is not there


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, as the server counted; 0 where it did not."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    was_cut: bool = False  # the answer ended because it was long enough, not because it was done


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of an answer at its end."""

    usage: Usage | None = None
    notes: tuple[str, ...] = ()  # what was lost or changed on the way, said to the user
    hits: int | None = None  # a model was given the first so many; None where none was asked


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a passage of an answer stands."""

    marker: int  # [1] in the answer's text
    path: str
    start: int  # offsets in characters of the document's text, end exclusive
    end: int
    lines: tuple[int, int]
    page: int | None
    text: str  # the passage, exactly as the source has it
    place: str = ""  # written behind the path: "!Sheet1:17", "@00:12:03"; "" if it has none
    also: tuple[str, ...] = ()  # the other paths that hold the same text
    stale: tuple[str, ...] = ()  # those of all its paths that failed since: the text is older
    read_by: str = ""  # the model that read the page from its image, "" if none did


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one source's text: what a place leads to."""

    path: str  # as stored
    start: int  # offsets in characters of the document's text, end exclusive
    end: int
    lines: tuple[int, int]
    page: int | None  # that was asked for
    place: str  # that it is: "!Sheet1:17"; of times, the one that runs at the time asked for
    document: str = field(repr=False)  # the whole text that it is a part of

    @property
    def text(self) -> str:
        """The stretch itself."""
        return self.document[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file or a page is not in the index, or is there only in an older version."""

    path: str
    stage: str  # "read", "decode", "parse", "embed"
    reason: str
    permanent: bool = True  # False: worth trying again unchanged
    page: int | None = None  # from 1; None: the whole file
    attempts: int = 1
    last: str = ""  # when it was tried last, such as "2026-08-21T10:00:00Z"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that was passed over on purpose, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did, counted in files unless said."""

    files: int = 0  # found below the given paths, skipped ones apart
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    read: int = 0  # opened and read whole: new, changed, or the same after all
    chunks: int = 0  # chunks of the new and changed files
    embedded: int = 0  # texts that had to be embedded
    pages_without_text: int = 0  # pages, of the new and changed files
    skipped: tuple[Skipped, ...] = ()
    failed: tuple[Failure, ...] = ()  # files and pages, those that failed before too
    not_retried: int = 0  # of those failed: for good, and as they were, so not read again
    notes: tuple[tuple[str, str], ...] = ()  # (path, what was lost or guessed there)


class Ways(TypedDict, total=False):
    """How an ingest goes about it; all are False or empty unless given."""

    reread: bool  # read files that seem unchanged too, and write their rows anew
    reindex: bool  # embed all passages anew, beside the old vectors
    retry_failed: bool  # read what failed before, and only that
    prune: bool  # drop what was read below paths that are gone or empty now
    wait: bool  # for another process that writes to the index
    include: str | Sequence[str]  # read only what such a pattern names, as .gitignore has them
    exclude: str | Sequence[str]  # leave out what such a pattern names
    piped: Mapping[str, bytes]  # read these too, by the names they are kept under
    allow_private: bool  # fetch pages from this machine and its network too


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of an ingest: running totals, for whatever bar the caller draws."""

    stage: str  # "walk", "fetch", "read", "embed", "publish", "done"; "plan" of a dry run, "stop"
    # early, "wait" while another process writes; "reindex" counts passages as files
    path: str = ""  # the file in hand, as stored
    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    report: IngestReport = field(default_factory=IngestReport)  # so far; final when "done"
    texts_done: int = 0  # the embedder is done with so many
    texts_known: int = 0  # of so many that the files read so far have for it


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one file while its folder was watched."""

    path: str  # as stored
    kind: str  # "new", "changed", "removed", "failed"
    reason: str = ""  # of a failure


@dataclass(frozen=True, slots=True)
class Synced:
    """One ingest of folders that are watched, and what it did with each file."""

    report: IngestReport
    changes: tuple[Change, ...]  # by path; failures that were told before are left out


@dataclass(frozen=True, slots=True)
class Listed:
    """A source of the index."""

    path: str
    title: str
    type: str
    chunks: int
    pages: int | None  # None where the format has none
    state: str  # "indexed", "empty", "partial" (pages without text, or passages without
    # vectors), "stale", "failed"
    date: str = ""  # the document's own, else when it was created, else the file's: "2026-05-31"
    language: str = ""  # as detected
    fields: tuple[tuple[str, str], ...] = ()  # as ``Document`` has them


@dataclass(frozen=True, slots=True)
class Status:
    """What an index holds."""

    index: str
    files: int
    chunks: int
    vectors: int
    without_vectors: int  # chunks that are found by their words only
    embedder: str
    dim: int
    chunk_tokens: int
    chunker: str
    bytes: int  # on disk
    roots: tuple[str, ...]
    languages: tuple[str, ...]
    failed: tuple[Failure, ...]
    pages_without_text: tuple[tuple[str, tuple[int, ...]], ...]  # (path, page numbers)
    reindexing: tuple[str, int] | None = None  # embedder, vectors that were built with it so far


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair of an index did."""

    mended: tuple[str, ...]  # a line for each thing
    lost: tuple[str, ...]  # a line for each thing that is gone, with what brings it back
    damages: tuple[str, ...]  # what is still not what was written


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the doctor looked at."""

    name: str
    state: str  # "ok", "note" (works, but), "fail", "skipped" (what it depends on failed)
    text: str  # what was found
    hint: str = ""  # what to do
    facts: Mapping[str, object] = field(default_factory=dict)  # the same for programs
    exit_code: int = 0  # of a failure
