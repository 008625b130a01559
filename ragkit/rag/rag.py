"""One index and what is done with it: ingest, search, ask.

Why one file: every verb of the library stands here, most of them a few lines.

>>> from ragkit import Rag
>>> rag = Rag("kb/.ragkit", offline=True)
>>> rag.settings.mode
'hybrid'
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock, Thread, current_thread
from typing import TYPE_CHECKING, Unpack

from ragkit.catalog import is_by_name, is_there
from ragkit.config import Settings
from ragkit.errors import ConfigError
from ragkit.index import folder as folders
from ragkit.index.lock import WriterLock, lock
from ragkit.protocols import Answerer, Chunker, Embedder, Loader, PromptBuilder
from ragkit.rag.parts import Notify, Parts, log
from ragkit.rag.searching import Searching
from ragkit.rag.steps import require_known, run_steps
from ragkit.rag.writing import Writing
from ragkit.types import (
    Check,
    Hit,
    IngestReport,
    Listed,
    Progress,
    Repaired,
    Span,
    Status,
    Synced,
    Ways,
)
from ragkit.where import Where, as_where

if TYPE_CHECKING:
    from ragkit.index.plan import Plan, Planned
    from ragkit.index.snapshot import Reader
    from ragkit.query import Answer, Found


class Rag:
    """Ingest, search and ask over one index; several threads may share one.

    Args:
        index: the index's folder. By default the ``.ragkit`` of the working folder or of the
            nearest folder above it; ``ingest`` makes one in the working folder if there is none.
        embedder: your own, instead of the one the index was made with.
        answerer: your own, instead of the one the settings name.
        chunker: your own, instead of the one the settings name; or the name of one.
        loaders: functions of your own that make a document of a file's bytes, by suffix:
            ``{".eml": read_mail}``. They come before the built-in ones.
        prompt: your own way to word what a chat model is asked, instead of ``build_prompt``.
        notify: told what is to be said beside the results, such as the model that was picked; by
            default it goes to the logger "ragkit".
        settings: any field of ``Settings``, such as ``offline=True``.
    """

    def __init__(
        self,
        index: str | Path | None = None,
        *,
        embedder: Embedder | None = None,
        answerer: Answerer | None = None,
        chunker: Chunker | str | None = None,
        loaders: Mapping[str, Loader] | None = None,
        prompt: PromptBuilder | None = None,
        notify: Notify = log,
        **settings: object,
    ) -> None:
        self._found, self._home = folders.locate(index)
        if isinstance(chunker, str):
            settings["chunker"], chunker = chunker, None
        self.settings = Settings.load(self._home, given=settings)
        self._parts = Parts(
            self.settings,
            notify,
            embedder=embedder,
            answerer=answerer,
            chunker=chunker,
            prompt=prompt,
        )
        self._writing = Writing(
            self._home,
            parts=self._parts,
            settings=self.settings,
            given=settings,
            loaders=loaders or {},
            notify=notify,
            is_found=self._found is not None,
            release=lambda: self._close_index(current_thread()),
        )
        self._notify = notify
        self._searching = Searching(self.settings, self._parts, self.reader, notify)
        self._indexes: dict[Thread, folders.Index] = {}
        self._readers: dict[Thread, Reader] = {}
        self._opening = Lock()

    @property
    def folder(self) -> Path | None:
        """The index's folder, None while there is none and none was named."""
        return self._found or (self._home if is_there(self._home) else None)

    def __enter__(self) -> Rag:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index and the connections. They are opened again when they are needed."""
        for thread in list(self._indexes):
            self._close_index(thread)
        self._parts.close()

    def _close_index(self, thread: Thread) -> None:
        self._readers.pop(thread, None)
        if index := self._indexes.pop(thread, None):
            index.close()

    # -- ingest

    def ingest(
        self,
        *paths: str | Path,
        progress: Callable[[Progress], None] | None = None,
        **ways: Unpack[Ways],
    ) -> IngestReport:
        """Bring the index in step with files and folders; return what was done.

        Args:
            paths: files, folders and addresses of pages; none means those given before.
            progress: called before each file, and while the embedder is waited for.
            **ways: ``reread`` reads files that seem unchanged too, and writes their rows anew.
                ``reindex`` embeds every passage anew, with the embedder that the settings name,
                beside the old vectors, which answer until all are there; one that was stopped goes
                on. ``retry_failed`` reads what failed before, also for good, and only that.
                ``prune`` drops what was read below paths that are no longer there, or empty now,
                which else stays: it may be a disk that is not mounted. ``wait`` waits for another
                process that writes to the index, instead of failing. ``include`` and ``exclude``
                are patterns as in ``.gitignore``: this run is about what they leave, and all else
                stays as it is. ``piped`` are contents that lie in no file, by the names they are
                kept under: ``{"notes.md": b"..."}`` becomes ``stdin://notes.md``.
                ``allow_private`` fetches pages from this machine and its network too.

        Raises:
            NoSuchPathError: a path does not exist.
            IndexStaleError: the index was made with another embedder, chunker or chunk size.
            OllamaError: the server cannot be reached or failed. What was finished is kept.
            IndexLockedError: another process writes to the index; it is named.
            IndexWriteError: no space, no permission. What was finished is kept.
        """
        return run_steps(self.ingesting(*paths, **ways), progress)

    def ingesting(
        self, *paths: str | Path, **ways: Unpack[Ways]
    ) -> Generator[Progress, None, None]:
        """Do what ``ingest`` does, and yield before each file; the last report is the whole one.

        Closed before its end, it keeps what was embedded by then.
        """
        require_known(ways)
        return self._writing.steps(paths, ways)

    def watching(
        self,
        *paths: str | Path,
        progress: Callable[[Progress], None] | None = None,
        **ways: Unpack[Ways],
    ) -> Generator[Synced, None, None]:
        """Do what ``ingest`` does, and again whenever a file changes, until it is closed.

        Yields after each ingest, the first one included; ``reread``, ``reindex``, ``retry_failed``
        and ``prune`` are of that one. A server that goes away is waited for, and so is another
        writer, which ``notify`` is told.

        Raises:
            MissingExtraError: the extra "watch" is not installed.
            RagkitError: as ``ingest``, where waiting does not help.
        """
        from ragkit.watch import watch

        require_known(ways)
        self._parts.say_each_once()
        roots = self._writing.roots(paths, ways)
        if not roots:
            raise ConfigError(
                "there is no file or folder to watch", hint="ragkit ingest FOLDER --watch"
            )
        always: Ways = {
            "include": ways.get("include", ()), "exclude": ways.get("exclude", ()),
        }  # fmt: skip
        first = [partial(self.ingest, *paths, **ways)]

        def ingest(there: Sequence[Path]) -> IngestReport:
            done = (first[0] if first else partial(self.ingest, *there, **always))(
                progress=progress
            )
            first.clear()
            return done

        yield from watch(
            roots,
            index=self._home,
            ingest=ingest,
            digests=self._writing.digests,
            notify=self._notify,
            is_patient=is_there(self._home),
        )

    def plan(
        self,
        *paths: str | Path,
        progress: Callable[[Planned], None] | None = None,
        **ways: Unpack[Ways],
    ) -> Plan:
        """Return what an ingest would do with each file, by path, and cost; write nothing.

        New and changed files are read and cut. How long it would take to embed them goes by what
        was measured before; else a few of the texts are embedded to find out, if that can be.

        Args:
            paths: files and folders; none means those given before.
            progress: called after each file.
            **ways: as ``ingest`` has them.

        Raises:
            NoSuchPathError: a path does not exist.
        """
        require_known(ways)
        index = self.index() if is_there(self._home) else None
        return self._writing.plan(paths, ways, index, progress)

    def remove(
        self,
        *paths: str | Path,
        wait: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> list[str]:
        """Drop files, or all files below a folder, from the index; return their stored paths.

        Args:
            paths: files and folders.
            wait: as ``ingest`` has it.
            progress: called now and then while another process is waited for.

        Raises:
            NoSuchPathError: the index has nothing there. Nothing was dropped.
            IndexLockedError: another process writes to the index; it is named.
        """
        from ragkit.index.removal import remove

        with WriterLock(self._writing.require_index()) as held:
            for step in self._writing.turn(held, wait=wait):
                if progress:
                    progress(step)
            with self._writing.opened(held) as index:
                return remove(index, [str(path) for path in paths])

    # -- search and ask

    def search(
        self,
        question: str,
        *,
        k: int | None = None,
        mode: str | None = None,
        where: str | Where | None = None,
    ) -> list[Hit]:
        """Return the best passages for a question, best first.

        Args:
            question: what a person asks.
            k: how many; as the settings have it by default.
            mode: "hybrid", "lexical" or "dense"; as the settings have it by default.
            where: only files that it admits: ``"path:docs/** tag:howto after:2026"``, by the
                grammar in ``ragkit/where/grammar.py``, or a ``Where``.

        Raises:
            ConfigError: ``where`` is no filter, or has a key that no file has.
            NothingFoundError: ``where`` admits no file.
            IndexMissingError: there is no index.
            IndexDamagedError: a row that was found is not what was written.
            OllamaError: the server failed; one that is merely away is done without (``find``).
        """
        return list(self.find(question, k=k, mode=mode, where=where).hits)

    def ask(
        self,
        question: str,
        *,
        k: int | None = None,
        mode: str | None = None,
        where: str | Where | None = None,
    ) -> Answer:
        """Answer a question from the documents, with citations, or refuse for lack of evidence.

        With the server away the best sentences are quoted, unless a model was named. ``where`` is
        as ``search`` has it.
        """
        return self._searching.ask(question, k=k, mode=mode, where=as_where(where))

    def find(
        self,
        question: str,
        *,
        k: int | None = None,
        mode: str | None = None,
        where: str | Where | None = None,
    ) -> Found:
        """Return the best passages for a question and how much of it stands in them.

        Where the index was made with Ollama and its server is away, they are found by their words
        alone, which ``Found.degraded`` says; not so in mode "dense", or if a model was named.
        """
        return self._searching.find(question, k=k, mode=mode, where=as_where(where))

    # -- what is there

    def status(self) -> Status:
        """Return what the index holds."""
        from ragkit.index.inventory import status

        return status(self.index())

    def ls(
        self, *, where: str | Where | None = None, sort: str = "path", reverse: bool = False
    ) -> list[Listed]:
        """Return the sources of the index, and the files that could not be read, in order.

        Args:
            where: only files that it admits, as ``search`` has it.
            sort: "path", "title", "type", "date", "language", "passages", "pages" or "state".
            reverse: the other way round.
        """
        from ragkit.index.inventory import listing

        return listing(self.index(), as_where(where), sort=sort, reverse=reverse)

    def fields(self, *, where: str | Where | None = None) -> dict[str, Counter[str]]:
        """Return how many files have each type, language, tag, author and other field's value.

        These are what ``where`` can ask for, beside path, title and dates.
        """
        from ragkit.index.inventory import fields

        return fields(self.index(), as_where(where))

    def text(self, path: str | Path, *, page: int | None = None) -> str:
        """Return the text of a source, or of one page, as it was when it was ingested.

        Raises:
            NoSuchPathError: the index does not have it.
            ConfigError: it does not have the page.
            IndexDamagedError: it is not what was written.
        """
        from ragkit.index.inventory import text_of

        return text_of(self.index(), path, page)

    def locate(self, place: str, *, shown: Callable[[str], str] | None = None) -> Span:
        """Return what a place leads to: a path, ``a.md:3-8``, ``b.pdf#page=7``, ``c.xlsx!Sums:17``.

        Args:
            place: as the command line prints it, or with a path as it is stored.
            shown: how paths were printed; by default as ``shown_path`` has them.

        Raises:
            NoSuchPathError: the index has no such path.
            ConfigError: the file has no such page, line or place.
        """
        from ragkit.index.locators import locate

        return locate(self.index(), place, shown or self.shown_path)

    def relocate(self, path: str, start: int, end: int, text: str) -> Span:
        """Return where a passage that stood there stands now, by its text or the beginning of it.

        Raises:
            NoSuchPathError: it is no longer there.
        """
        from ragkit.index.locators import relocate

        return relocate(self.index(), path, start, end, text)

    def freshness(self, path: str) -> str:
        """Return what became of a file since it was read: "changed", "gone", "failed" or "".

        Args:
            path: as stored.
        """
        from ragkit.index.on_disk import freshness

        return freshness(self.index(), path)

    def file(self, path: str) -> tuple[Path, str]:
        """Return the file on disk that a stored path is of, and of a member of it, its own path."""
        from ragkit.index.on_disk import file_of

        return file_of(self.index(), path)

    def bytes_of(self, path: str) -> bytes:
        """Return a file of the index as it is on disk now, also one in an archive.

        Args:
            path: as stored.

        Raises:
            NoSuchPathError: it is no longer there.
            LoadError: its archive is damaged, or it is too large.
        """
        from ragkit.index.on_disk import taken_out

        return taken_out(self.index(), path, self.settings.max_file_mb * 1_000_000)

    def check(self) -> list[str]:
        """Read every row and file of the index; return a line for each that is damaged.

        Search files that are merely behind are no damage; that they are is told to ``notify``.
        """
        from ragkit.index.inventory import damages, lagging

        index = self.index()
        for kind in lagging(index):
            self._notify(f"{kind} cache: behind the catalog, which 'ragkit ingest' mends")
        return damages(index)

    def repair(self, *, progress: Callable[[Progress], None] | None = None) -> Repaired:
        """Mend the index, and embed nothing; return what was mended, what is lost, what is left.

        What is damaged is read from its file again. Vectors of texts that have not changed are
        kept; a passage that has lost its own is found by its words until the next ingest.

        Args:
            progress: called after each file.

        Raises:
            IndexDamagedError: too little is left. Nothing was changed.
            IndexStaleError: the index is of another format.
            IndexLockedError: another process writes to the index.
            IndexWriteError: no space, no permission.
        """
        from ragkit.repair import repair

        folder = self._writing.require_index()
        folders.require_folder(folder)
        self._close_index(current_thread())
        with lock(folder):
            return repair(
                folder,
                chunker=self._parts.chunker,
                max_file_bytes=self.settings.max_file_mb * 1_000_000,
                progress=progress or (lambda _: None),
            )

    def compact(self) -> int:
        """Give back the space of what was deleted; return how many bytes that was.

        Readers are not disturbed. What they have open is given back when they let go of it.

        Raises:
            IndexLockedError: another process writes to the index.
            IndexWriteError: no permission, or no space for the copy that this takes.
        """
        from ragkit.index.compaction import compact

        folder = self._writing.require_index()
        before = folders.bytes_in(folder)
        with lock(folder) as held, self._writing.opened(held) as index:
            compact(index)
        return max(0, before - folders.bytes_in(folder))

    def export(self, file: str | Path) -> int:
        """Write the index to one file, in place of an older export there; return its bytes.

        Raises:
            ConfigError: something else is there.
            IndexDamagedError: a row is not what was written. Nothing was written.
            IndexWriteError: no space, no permission.
        """
        from ragkit.index.portable import export

        return export(self.index(), Path(file))

    def lines(self) -> Iterator[str]:
        """Yield each passage with its vector as a line of JSON, for other programs.

        Raises:
            IndexDamagedError: a row is not what was written.
        """
        from ragkit.index.portable import lines

        return lines(self.index())

    def take_in(self, file: str | Path) -> None:
        """Make the index, which is not there yet, of a file that ``export`` wrote; embed nothing.

        Raises:
            ConfigError: there is an index already, or the file is none of ragkit's.
            IndexDamagedError: the file is not what was written. Nothing of it was taken.
            IndexStaleError: it is of another format.
            IndexWriteError: no space, no permission.
        """
        from ragkit.index.portable import take_in

        take_in(Path(file), self._home)

    def doctor(self, *, probe: bool = True) -> Iterator[Check]:
        """Yield a check of each thing that is needed, in the order a person would look.

        Nothing is changed. With ``probe`` models are loaded, to embed a text and to answer.
        """
        return self._parts.doctor(self.folder, probe=probe)

    def shown_path(self, stored: str) -> str:
        """Return a stored path as seen from the working folder."""
        if is_by_name(stored):
            return stored
        full = self._home.parent / stored
        if not Path(stored).is_absolute() or full.is_relative_to(Path.cwd()):
            with suppress(ValueError):  # Windows: the index is on another drive
                return os.path.relpath(full)
        return str(full)

    # -- the index

    def index(self) -> folders.Index:
        """Return the index, opened to be read: one a thread. Nothing that searches is loaded.

        Raises:
            IndexMissingError: there is no index.
        """
        thread = current_thread()
        if thread not in self._indexes:
            with self._opening:
                for other in [other for other in list(self._indexes) if not other.is_alive()]:
                    self._close_index(other)
                self._indexes[thread] = folders.Index.open(self._writing.require_index())
        return self._indexes[thread]

    def reader(self) -> Reader:
        """Return what opens snapshots of the index, for pipelines of one's own: one a thread.

        Raises:
            IndexMissingError: there is no index.
        """
        index, thread = self.index(), current_thread()
        if thread not in self._readers:
            from ragkit.index.snapshot import Reader

            self._readers[thread] = Reader(index)
        return self._readers[thread]
