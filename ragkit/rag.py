"""The composition root: the one place that picks concrete parts.

>>> from ragkit import Rag
>>> rag = Rag("kb/.ragkit", offline=True)
>>> rag.settings.mode
'hybrid'
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ragkit.catalog import FILE as CATALOG
from ragkit.config import Settings
from ragkit.errors import (
    ConfigError,
    IndexMissingError,
    IndexStaleError,
    NoSuchPathError,
    NothingFoundError,
)
from ragkit.index import folder as folders
from ragkit.protocols import Answerer, Chunker, Embedder
from ragkit.types import Hit, IngestReport, Listed, Progress, Status

if TYPE_CHECKING:
    from ragkit.index.snapshot import Reader
    from ragkit.index.survey import Survey
    from ragkit.query import Answer, Found


class Rag:
    """Ingest, search and ask over one index.

    Args:
        index: the index's folder. By default the ``.ragkit`` of the working folder or of the
            nearest folder above it; ``ingest`` makes one in the working folder if there is none.
        embedder: your own, instead of the one the index was made with.
        answerer: your own, instead of the one the settings name.
        chunker: your own, instead of ``StructureChunker``.
        settings: any field of ``Settings``, such as ``offline=True``.
    """

    def __init__(
        self,
        index: str | Path | None = None,
        *,
        embedder: Embedder | None = None,
        answerer: Answerer | None = None,
        chunker: Chunker | None = None,
        **settings: object,
    ) -> None:
        self.folder = Path(index).absolute() if index else folders.find(Path.cwd())
        self.settings = Settings.load(self.folder, given=settings)
        self._embedder = embedder
        self._answerer = answerer
        self._chunker = chunker
        self._reader: Reader | None = None

    def __enter__(self) -> Rag:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index. It is opened again when it is needed."""
        if self._reader:
            self._reader.index.close()
            self._reader = None

    # -- ingest

    def ingest(
        self,
        *paths: str | Path,
        reread: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """Bring the index in step with files and folders; return what was done.

        Args:
            paths: files and folders; none means those given before.
            reread: read files that seem unchanged too, and write their rows anew.
            progress: called after each file.

        Raises:
            NoSuchPathError: a path does not exist.
            IndexStaleError: the index was made with another embedder or chunk size.
            IndexLockedError: another process writes to the index.
            IndexWriteError: no space, no permission. What was finished is kept.
        """
        report = IngestReport()
        with closing(self.ingesting(*paths, reread=reread)) as steps:
            for step in steps:
                report = step.report
                if progress:
                    progress(step)
        return report

    def ingesting(
        self, *paths: str | Path, reread: bool = False
    ) -> Generator[Progress, None, None]:
        """Do what ``ingest`` does, and yield after each file; the last report is the whole one.

        Closed before its end, it keeps what was embedded by then.
        """
        from ragkit.index.survey import require
        from ragkit.ingest import ingest

        require([Path(path) for path in paths])  # before a folder is made
        roots = self._roots(paths)
        folder = self.folder or Path.cwd() / folders.NAME
        embedder = self._chosen_embedder(folder)
        maker = folders.Maker(
            embedder.name, embedder.fingerprint, embedder.dim, self.settings.chunk_tokens
        )
        self.close()
        with folders.lock(folder):
            if (folder / CATALOG).is_file():
                index = folders.Index.open(folder, writing=True)
            else:
                index = folders.Index.create(folder, maker)
            self.folder = folder
            try:
                index.require(maker)
                yield from ingest(
                    index,
                    roots,
                    embedder=embedder,
                    chunker=self._chosen_chunker(),
                    max_file_bytes=self.settings.max_file_mb * 1_000_000,
                    reread=reread,
                )
            finally:
                index.close()

    def survey(self, *paths: str | Path) -> Survey:
        """Return what an ingest of ``paths`` would read, skip and drop; read and write nothing."""
        from ragkit.index.survey import require, survey

        require([Path(path) for path in paths])
        roots = self._roots(paths)
        if self.folder and (self.folder / CATALOG).is_file():
            index = self.reader().index
            return survey(index, roots, stored=index.stored_path)
        base = (self.folder or Path.cwd() / folders.NAME).parent
        return survey(None, roots, stored=lambda path: folders.stored_path(path, base))

    def remove(self, *paths: str | Path) -> list[str]:
        """Drop files, or all files below a folder, from the index; return their stored paths.

        Raises:
            NoSuchPathError: the index has nothing there. Nothing was dropped.
        """
        from ragkit.index.caches import publish

        folder = self._existing_folder()
        self.close()
        with folders.lock(folder):
            index = folders.Index.open(folder, writing=True)
            try:
                catalog = index.catalog
                known = {
                    *catalog.texts.sources()[0],
                    *(failure.path for failure in catalog.ledger.failures()),
                }
                chosen: list[str] = []
                for path in paths:
                    stored = index.stored_path(Path(path))
                    below = [p for p in known if p == stored or p.startswith(stored + "/")]
                    if not below:
                        raise NoSuchPathError(
                            f"the index has no {stored}", hint="'ragkit ls' lists what it has"
                        )
                    chosen += below
                with catalog.transaction():
                    catalog.texts.remove_sources(chosen)
                    catalog.ledger.clear_failures(chosen)
                    for path in paths:
                        catalog.ledger.remove_root(index.stored_path(Path(path)))
                publish(catalog, folder, dim=index.maker.dim)
            finally:
                index.close()
        return sorted(chosen)

    # -- search and ask

    def search(self, question: str, *, k: int | None = None, mode: str | None = None) -> list[Hit]:
        """Return the best passages for a question, best first.

        Raises:
            IndexMissingError: there is no index.
            IndexDamagedError: a row that was found is not what was written.
        """
        return list(self.find(question, k=k, mode=mode).hits)

    def ask(self, question: str, *, k: int | None = None, mode: str | None = None) -> Answer:
        """Answer a question from the documents, with citations, or refuse for lack of evidence."""
        from ragkit.query import ask

        found = self.find(question, k=k, mode=mode)
        return ask(found, answerer=self._chosen_answerer(), embedder=self._open_embedder().name)

    def find(self, question: str, *, k: int | None = None, mode: str | None = None) -> Found:
        """Return the best passages for a question and how much of it stands in them."""
        from ragkit.query import search

        settings = self.settings
        with self.reader().snapshot() as snapshot:
            return search(
                question,
                snapshot,
                embedder=None if (mode or settings.mode) == "lexical" else self._open_embedder(),
                k=k or settings.k,
                mode=mode or settings.mode,
                candidates=settings.candidates,
                fusion=settings.fusion,
                strictness=settings.strictness,
            )

    # -- what is there

    def status(self) -> Status:
        """Return what the index holds."""
        from ragkit.index.inventory import status

        return status(self.reader().index)

    def ls(self) -> list[Listed]:
        """Return the sources of the index, and the files that could not be read, by path."""
        from ragkit.index.inventory import listing

        return listing(self.reader().index)

    def text(self, path: str | Path) -> str:
        """Return the text of a source, as it was when it was ingested.

        Raises:
            NoSuchPathError: the index does not have it.
            IndexDamagedError: it is not what was written.
        """
        from ragkit.index.inventory import text_of

        return text_of(self.reader().index, path)

    def check(self) -> list[str]:
        """Read every row and file of the index; return a line for each that is damaged."""
        from ragkit.index.inventory import damages

        return damages(self.reader().index)

    def shown_path(self, stored: str) -> str:
        """Return a stored path as seen from the working folder."""
        index = self.reader().index
        full = index.full_path(stored)
        near = not Path(stored).is_absolute() or full.is_relative_to(Path.cwd())
        return os.path.relpath(full) if near else str(full)

    # -- parts

    def _existing_folder(self) -> Path:
        if self.folder is None:
            raise IndexMissingError(
                f"no index in {Path.cwd()} or above it", hint="ragkit ingest FOLDER --offline"
            )
        return self.folder

    def reader(self) -> Reader:
        """Return what opens snapshots of the index, for pipelines of one's own.

        Raises:
            IndexMissingError: there is no index.
        """
        if self._reader is None:
            from ragkit.index.snapshot import Reader

            self._reader = Reader(folders.Index.open(self._existing_folder()))
        return self._reader

    def _roots(self, paths: Sequence[str | Path]) -> list[Path]:
        if paths:
            return [Path(path) for path in paths]
        index = self.reader().index
        roots = [index.full_path(root) for root in index.catalog.ledger.roots()]
        if not roots:
            raise NothingFoundError("no folder was ever ingested", hint="ragkit ingest FOLDER")
        return roots

    def _chosen_embedder(self, folder: Path) -> Embedder:
        """Return the embedder to ingest with: one's own, the index's, or what the settings say."""
        if self._embedder is None:
            if (folder / CATALOG).is_file() and not self.settings.offline:
                index = folders.Index.open(folder)
                index.close()
                self._embedder = _embedder_named(index.maker)
            elif self.settings.offline:
                from ragkit.embedding import WordLlamaEmbedder

                self._embedder = WordLlamaEmbedder()
            else:
                raise ConfigError(
                    "no embedder: this release has the built-in one only",
                    hint="add --offline (or offline=True)",
                )
        return self._embedder

    def _open_embedder(self) -> Embedder:
        """Return the embedder that the open index was made with."""
        index = self.reader().index
        if self._embedder is None:
            self._embedder = _embedder_named(index.maker)
        embedder, maker = self._embedder, index.maker
        index.require(
            folders.Maker(embedder.name, embedder.fingerprint, embedder.dim, maker.chunk_tokens)
        )
        return embedder

    def _chosen_answerer(self) -> Answerer:
        if self._answerer is None:
            from ragkit.chat_models import QuotingAnswerer

            self._answerer = QuotingAnswerer(self._open_embedder())
        return self._answerer

    def _chosen_chunker(self) -> Chunker:
        if self._chunker is None:
            from ragkit.chunking import StructureChunker

            self._chunker = StructureChunker(self.settings.chunk_tokens)
        return self._chunker


def _embedder_named(maker: folders.Maker) -> Embedder:
    """Return the embedder of that name, if ragkit has it."""
    from ragkit.embedding import NAME, WordLlamaEmbedder

    if maker.embedder != NAME:
        raise IndexStaleError(
            f"the index was made with the embedder {maker.embedder}, which is not at hand",
            hint="give it in Python: Rag(index, embedder=...)",
        )
    return WordLlamaEmbedder()
