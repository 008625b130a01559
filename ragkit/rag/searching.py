"""Find passages and answer from them, with a server or, where it is away, without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ragkit.config import Settings
from ragkit.errors import IndexStaleError, OllamaUnreachableError
from ragkit.protocols import Embedder
from ragkit.rag.parts import AWAY, NO_VECTOR, Notify, Parts
from ragkit.where import Where

if TYPE_CHECKING:
    from ragkit.index.snapshot import Reader
    from ragkit.query import Answer, Found


class Searching:
    """What ``Rag`` does for a question; its docstrings say more.

    Args:
        settings: how much is looked for, and in which mode.
        parts: the embedder and the answerer.
        reader: returns what opens snapshots of the index for this thread.
        notify: told, once each, what is done without.
    """

    def __init__(
        self, settings: Settings, parts: Parts, reader: Callable[[], Reader], notify: Notify
    ) -> None:
        self._settings = settings
        self._parts = parts
        self._reader = reader
        self._notify = notify
        self._told: set[str] = set()

    def ask(self, question: str, *, k: int | None, mode: str | None, where: Where | None) -> Answer:
        """Answer from the documents, or refuse for lack of evidence."""
        from ragkit.query import ask

        found = self.find(question, k=k, mode=mode, where=where)
        index = self._reader().index
        degraded = found.degraded
        answerer = None
        if found.is_enough:
            quoting = "embedder" in degraded and not self._settings.model
            try:
                answerer = self._parts.answerer(index, quoting=quoting)
            except AWAY as error:
                if self._settings.model:
                    raise
                self._say_once(f"{error.message}: passages are quoted ({error.hint})")
                answerer, quoting = self._parts.answerer(index, quoting=True), True
            degraded += ("model",) if quoting else ()
        return ask(found, answerer=answerer, embedder=index.maker.embedder, degraded=degraded)

    def find(self, question: str, *, k: int | None, mode: str | None, where: Where | None) -> Found:
        """Return the best passages and how much of the question stands in them."""
        given = {name: value for name, value in (("k", k), ("mode", mode)) if value is not None}
        settings = replace(self._settings, **given)  # type: ignore[arg-type] # refuses what is wrong
        index = self._reader().index
        index.refresh()
        maker = index.maker
        try:
            return self._found(question, settings, where)
        except IndexStaleError:
            index.refresh()
            if index.maker == maker:
                raise
            return self._found(question, settings, where)  # it was embedded anew meanwhile

    def _found(self, question: str, settings: Settings, where: Where | None) -> Found:
        by_words = replace(settings, mode="lexical")
        index = self._reader().index
        if settings.mode == "lexical":
            return self._search(question, None, settings, where)
        if (why := self._parts.left_alone(index)) and settings.mode != "dense":
            self._say_once(f"{why}: passages are found by their words only")
            return self._search(question, None, by_words, where, degraded=("embedder",))
        try:
            with index.catalog.errors():
                embedder = self._parts.embedder(index)
            return self._search(question, embedder, settings, where)
        except (*AWAY, *NO_VECTOR) as error:
            if settings.mode == "dense" or self._settings.embed_model:
                raise
            hint = f" ({error.hint})" if error.hint else ""
            self._say_once(f"{error.message}: passages are found by their words only{hint}")
            if isinstance(error, OllamaUnreachableError):
                self._parts.found_away()
        return self._search(question, None, by_words, where, degraded=("embedder",))

    def _search(
        self,
        question: str,
        embedder: Embedder | None,
        settings: Settings,
        where: Where | None = None,
        *,
        degraded: tuple[str, ...] = (),
    ) -> Found:
        from ragkit.query import search

        reader = self._reader()
        with reader.snapshot(where) as snapshot:
            reader.index.refresh()
            if embedder and embedder.fingerprint != reader.index.maker.fingerprint:
                raise IndexStaleError("the index was embedded anew meanwhile", hint="ask again")
            found = search(
                question,
                snapshot,
                embedder=embedder,
                k=settings.k,
                mode=settings.mode,
                candidates=settings.candidates,
                fusion=settings.fusion,
                strictness=settings.strictness,
            )
        return replace(found, degraded=degraded)

    def _say_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._notify(text)
