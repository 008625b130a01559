"""What changes an index: taking the right to write, an ingest's course, and its plan."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.catalog import is_by_name, is_outdated, is_there, stored_path
from ragkit.config import Settings
from ragkit.errors import ConfigError, IndexMissingError, IndexStaleError, OllamaError
from ragkit.index import folder as folders
from ragkit.index.lock import WriterLock
from ragkit.index.room import require_free
from ragkit.loading.limits import Limits
from ragkit.loading.own import Loaders
from ragkit.loading.patterns import ALL, Choice
from ragkit.protocols import Embedder, Loader, ServedEmbedder
from ragkit.rag.parts import Notify, Parts
from ragkit.rag.seeing import seeing
from ragkit.rag.steps import result_of
from ragkit.types import Chunk, Document, IngestReport, Progress, Ways

if TYPE_CHECKING:
    from ragkit.index.given import Given
    from ragkit.index.plan import Plan, Planned

WAIT_S = 0.5  # between two looks at an index that another process writes to


def chosen_by(ways: Ways) -> Choice:
    """Return which files a run is about.

    Raises:
        ConfigError: a pattern means nothing.
    """
    if not (ways.get("include") or ways.get("exclude")):
        return ALL
    if ways.get("prune"):  # of what is gone, nothing tells whether it was meant
        raise ConfigError("--prune is about all files", hint="leave out --include and --exclude")
    return Choice(_patterns(ways.get("include", ())), _patterns(ways.get("exclude", ())))


def _patterns(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return patterns as such: a text is one, and not one a letter."""
    return (given,) if isinstance(given, str) else tuple(given)


def named(paths: Sequence[str | Path]) -> list[str]:
    """Return those of some paths that are addresses of pages.

    Raises:
        ConfigError: one is an address, but not of a page.
    """
    from ragkit.index.given import PIPED

    found = [str(path) for path in paths if is_by_name(str(path))]
    for path in found:
        if path.startswith(PIPED):
            raise ConfigError(
                f"{path} was piped in, and what it was piped from is not known",
                hint=f"pipe it in again: ... | ragkit ingest - --name {path.removeprefix(PIPED)}",
            )
        if "@" in path.partition("://")[2].partition("/")[0]:
            raise ConfigError(
                "an address with a password is not asked: the index would keep it",
                hint="save the page and ingest the file",
            )
        if not path.lower().startswith(("https://", "http://")):
            raise ConfigError(
                f"{path} is no page of the web", hint="an address begins with https:// or http://"
            )
    return found


class Writing:
    """What changes the index that is, or would be, at ``home``.

    Args:
        home: the index's folder.
        parts: what the work is done with.
        settings: as they are.
        given: those of them that were given, not read.
        loaders: the user's own, by suffix.
        notify: told what is to be said beside the results.
        is_found: the index is there, or its folder was named.
        release: lets go of what this thread has open of the index.
    """

    def __init__(
        self,
        home: Path,
        *,
        parts: Parts,
        settings: Settings,
        given: Mapping[str, object],
        loaders: Mapping[str, Loader],
        notify: Notify,
        is_found: bool,
        release: Callable[[], None],
    ) -> None:
        self._home = home
        self._parts = parts
        self._settings = settings
        self._given = given
        self._loaders = Loaders(dict(loaders), sees=bool(settings.vision_model))
        self._notify = notify
        self._is_found = is_found
        self._release = release
        self._pdf_limits = Limits(settings.pdf_timeout_s, settings.pdf_memory_mb)

    def steps(self, paths: Sequence[str | Path], ways: Ways) -> Generator[Progress, None, None]:
        """Ingest; yield before each file."""
        from ragkit.index.renewal import renew_if_outdated

        folders.require_folder(self._home)
        if not is_there(self._home):
            self.roots(paths, ways)  # refused before a folder is made
            require_free(self._home)  # and before a lock is in one of other things
        with WriterLock(self._home) as held:
            if self._home.is_dir():  # at once, before a server is asked
                yield from self.turn(held, wait=ways.get("wait", False))
            if chosen_by(ways) is not ALL or ways.get("retry_failed"):
                self._require_renewed()
            if (kept := renew_if_outdated(self._home)) is not None:
                self._notify(f"an index of an older format: all is read again, {kept} vectors stay")
            yield from self._ingesting(held, paths, ways)

    def _require_renewed(self) -> None:
        """Refuse to read but a part of the files where an older index is to be read anew.

        Raises:
            IndexStaleError: it is.
        """
        if not is_there(self._home):
            return
        is_old = is_outdated(self._home)
        if not is_old:
            with closing(folders.Index.open(self._home, writing=False)) as index:
                is_old = index.is_to_be_renewed()
        if is_old:
            raise IndexStaleError(
                "the index has an older format: all of it is to be read again first",
                hint="ragkit ingest",
            )

    def _ingesting(
        self, held: WriterLock, paths: Sequence[str | Path], ways: Ways
    ) -> Generator[Progress, None, None]:
        from ragkit.index import beside
        from ragkit.index.survey import survey
        from ragkit.ingest import ingest

        folder, roots = self._home, self.roots(paths, ways)
        exists = is_there(folder)
        reindex = ways.get("reindex", False)
        choice = chosen_by(ways)
        chosen = None
        if not exists:
            is_bare = not folder.exists()  # else there may be a lock in it, which is no document
            stored = partial(stored_path, base=folder.parent)
            found = survey(None, roots, stored=stored, loaders=self._loaders, choice=choice)
            if not (
                found.fresh or found.failed or named(paths) or ways.get("piped")
            ):  # no index is made of nothing
                yield Progress("done", report=IngestReport(skipped=found.skipped))
                return
            chosen = found if is_bare else None
        embedder = self._parts.embedder_to_ingest(folder if exists else None, anew=reindex)
        maker = folders.Maker(
            embedder.name,
            embedder.fingerprint,
            embedder.dim,
            self._settings.chunk_tokens,
            self._settings.chunker,
        )
        if not exists:
            self._parts.chunker(maker.chunker, maker.chunk_tokens)  # before a folder is made
        reads_images = seeing(self._settings, self._parts)
        yield from self.turn(held, wait=ways.get("wait", False))
        chosen = None if is_there(folder) else chosen  # another may have been quicker
        with self.opened(held, new=None if exists else maker) as index:
            if not (exists or self._is_found):
                self._notify(f"making an index in {folders.NAME} of this folder")
            chunker, tokens = self.cut(index)
            maker = replace(maker, chunker=chunker, chunk_tokens=tokens)
            was_cut_off = beside.tidy(index)
            before = IngestReport()
            if exists and reindex and not (was_cut_off and maker == index.maker):
                before = yield from self._reindexing(index, maker, embedder)
            index.require(maker)
            index.admit(embedder)
            self._parts.remember(embedder, index)
            given = yield from self._by_name(index, paths, ways)

            def in_chunks(document: Document) -> Iterator[Chunk]:
                """Cut a document; what cuts is loaded only if there is one."""
                return self._parts.chunker(chunker, tokens)(document)

            report = yield from ingest(
                index,
                roots,
                embedder=embedder,
                chunker=in_chunks,
                max_file_bytes=self._settings.max_file_mb * 1_000_000,
                reread=ways.get("reread", False),
                retry_failed=ways.get("retry_failed", False),
                prune=ways.get("prune", False),
                loaders=self._loaders,
                choice=choice,
                pdf_limits=self._pdf_limits,
                seeing=reads_images,
                given=given,
                chosen=chosen,
                before=before,
            )
            index.forget_renewal()
            if report.embedded and isinstance(embedder, ServedEmbedder):
                with suppress(OllamaError):  # it has gone since: the next run asks
                    self._parts.embedder(index)  # another model may have taken its name meanwhile

    def _by_name(
        self, index: folders.Index | None, paths: Sequence[str | Path], ways: Ways
    ) -> Generator[Progress, None, Given]:
        """Return what is given by name; pages are fetched, those given before if nothing was."""
        from ragkit.index.given import NOTHING, gather, pages_to_fetch

        piped = ways.get("piped", {})
        every = (not paths and not piped) or (index is not None and index.is_to_be_renewed())
        pages = pages_to_fetch(
            index, named(paths), every=every, only_failed=ways.get("retry_failed", False)
        )
        if not (piped or pages):
            return NOTHING
        from ragkit.ollama.fetching import Fetcher

        return (
            yield from gather(
                index,
                piped=piped,
                pages=pages,
                fetch=Fetcher(
                    self._settings.max_file_mb * 1_000_000,
                    allow_private=ways.get("allow_private", False),
                ),
                reread=ways.get("reread", False),
            )
        )

    def _reindexing(
        self, index: folders.Index, maker: folders.Maker, embedder: Embedder
    ) -> Generator[Progress, None, IngestReport]:
        """Give all passages of an index the vectors of an embedder; return what was done."""
        from ragkit.index import beside
        from ragkit.reindex import reindex

        index.require_chunks(maker)
        with closing(beside.open_beside(index, maker, embedder)) as built:
            self._parts.remember(embedder, built)
            return (yield from reindex(index, built, embedder=embedder))

    def plan(
        self,
        paths: Sequence[str | Path],
        ways: Ways,
        index: folders.Index | None,
        progress: Callable[[Planned], None] | None,
    ) -> Plan:
        """Return what an ingest would do; write nothing. ``index`` is None if there is none."""
        from ragkit.index import beside
        from ragkit.index.plan import plan, summed
        from ragkit.index.survey import survey

        roots = self.roots(paths, ways)
        reindex = ways.get("reindex", False)
        stored = partial(stored_path, base=self._home.parent)
        cut = self.cut(index) if index else (self._settings.chunker, self._settings.chunk_tokens)
        built = beside.begun(index) if index and reindex else None
        with closing(built) if built else nullcontext():
            found = survey(
                index,
                roots,
                stored=stored,
                reread=ways.get("reread", False) or reindex,
                retry_failed=ways.get("retry_failed", False),
                prune=ways.get("prune", False),
                loaders=self._loaders,
                choice=chosen_by(ways),
            )
            planned = plan(
                result_of(self._by_name(index, paths, ways)).join(found),
                index=built if reindex else index,
                stored=stored,
                chunker=self._parts.chunker(*cut),
                max_file_bytes=self._settings.max_file_mb * 1_000_000,
                loaders=self._loaders,
                pdf_limits=self._pdf_limits,
                anew=ways.get("reread", False) or reindex,
            )
            return summed(
                planned,
                pace=partial(self._parts.pace, index),
                batch_texts=self._parts.batch_texts(index),
                progress=progress,
            )

    def digests(self) -> dict[str, bytes]:
        """Return the digest of each file of the index, if there is one."""
        if not is_there(self._home):
            return {}
        with closing(folders.Index.open(self._home)) as index, index.catalog.errors():
            sources, _ = index.catalog.texts.sources()
        return {path: source.digest for path, source in sources.items()}

    def cut(self, index: folders.Index) -> tuple[str, int]:
        """Return the index's chunker and chunk size, unless others were asked for."""
        maker = index.maker
        made_with = {"chunker": maker.chunker, "chunk_tokens": maker.chunk_tokens}
        wanted = Settings.load(self._home, given=self._given, defaults=made_with)
        return wanted.chunker, wanted.chunk_tokens

    def turn(self, held: WriterLock, *, wait: bool) -> Iterator[Progress]:
        """Take the right to write; yield now and then while another process has it.

        Raises:
            IndexLockedError: it has, and is not to be waited for.
        """
        told = ""
        while not held.is_held and not held.acquire(WAIT_S if told else 0.0):
            if not wait:
                raise held.refusal()
            said = f"waiting for {held.writer() or 'another process'}, which writes to the index"
            if said != told:
                self._notify(said)
            told = said
            yield Progress("wait")

    @contextmanager
    def opened(
        self, held: WriterLock, *, new: folders.Maker | None = None
    ) -> Iterator[folders.Index]:
        """Open an index to write to it for the block; make it if ``new`` says what with."""
        from ragkit.index.compaction import compact_if_worth

        self._release()
        folder = held.folder
        if new and not is_there(folder):  # another may have been quicker
            index = folders.Index.create(folder, new)
        else:
            index = folders.Index.open(folder, writing=True)
        try:
            with index.catalog.errors():
                yield index
            compact_if_worth(index)
        finally:
            index.close()

    def require_index(self) -> Path:
        """Return the index's folder.

        Raises:
            IndexMissingError: there is none.
        """
        if self._is_found and not is_there(self._home):
            folders.Index.open(self._home).close()  # says so, before a lock makes the folder
        if not (self._is_found or is_there(self._home)):
            where = f"{Path.cwd()} or above it"
            raise IndexMissingError(f"no index in {where}", hint="ragkit ingest FOLDER")
        return self._home

    def roots(self, paths: Sequence[str | Path], ways: Ways) -> list[Path]:
        """Return what to walk: what is given and the roots below it, or all that ever were.

        Raises:
            NoSuchPathError: a path does not exist, and is not one to prune either.
            ConfigError: the ways exclude each other.
        """
        if ways.get("retry_failed"):
            self.require_index()
            if ways.get("reread") or ways.get("reindex"):
                raise ConfigError(
                    "retry_failed reads only what failed, reread and reindex all files",
                    hint="leave one of them out",
                )
        from ragkit.index.roots import held_below, on_disk, require, roots_to_walk

        given = [on_disk(Path(path)) for path in paths if not is_by_name(str(path))]
        is_all = not (paths or ways.get("piped"))
        if not is_all and not is_there(self._home):
            require(given)
            return given
        with closing(folders.Index.open(self.require_index())) as index:
            require(given, prune=ways.get("prune", False), held=partial(held_below, index))
            return roots_to_walk(index, given, is_all=is_all)
