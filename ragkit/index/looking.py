"""Let a model read what has no text of its own: images, and pages of PDFs."""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait

from ragkit.errors import LoadError, OllamaError, OllamaUnreachableError
from ragkit.index.folder import Index
from ragkit.loading.seen import PAGES_READ_BY, READ_BY, image_document, with_pages
from ragkit.loading.workers import PdfWorkers
from ragkit.protocols import Seeing
from ragkit.text.page_ranges import pages_in
from ragkit.types import Document

SHOW_EVERY_S = 0.5  # while the model is waited for


class Looking:
    """Asks a model about images, one at a time; what it waits for, it yields at.

    Args:
        seeing: the model.
        workers: draw the pages of PDFs.
    """

    def __init__(self, seeing: Seeing, workers: PdfWorkers) -> None:
        self._seeing = seeing
        self._workers = workers
        self._pool = ThreadPoolExecutor(1, "seeing")

    def close(self) -> None:
        """Ask nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def image(self, data: bytes) -> Generator[None, None, Document]:
        """Return the document of an image.

        Raises:
            LoadError: the model cannot read it.
            OllamaUnreachableError: its server is gone.
        """
        try:
            text = yield from self._text(data)
        except OllamaUnreachableError:
            raise
        except OllamaError as error:
            raise LoadError(f"{self._seeing.name} cannot read it: {error.message}") from error
        return image_document(text, self._seeing.name)

    def pages(
        self, document: Document, data: bytes, known: Mapping[int, str]
    ) -> Generator[None, None, tuple[Document, dict[int, str]]]:
        """Return a PDF's document with the pages that had no text, and why some still have none.

        Args:
            document: as it was read.
            data: the PDF.
            known: what the model said of its pages before.

        Raises:
            OllamaUnreachableError: its server is gone.
        """
        blank = document.pages_without_text
        texts = {page: known[page] for page in blank if page in known}
        failed = {}
        left = [page for page in blank if page not in texts]
        for page in left:  # one after the other: images are large
            (picture,) = self._workers.pictures(data, [page])
            if picture.error:
                failed[page] = picture.error
                continue
            try:
                texts[page] = yield from self._text(base64.b64decode(picture.base64))
            except OllamaUnreachableError:
                raise
            except OllamaError as error:
                failed[page] = f"{self._seeing.name} cannot read it: {error.message}"
        return with_pages(document, texts, self._seeing.name), failed

    def _text(self, image: bytes) -> Generator[None, None, str]:
        request = self._pool.submit(self._seeing, image)
        while wait([request], SHOW_EVERY_S).not_done:
            yield
        return request.result()

    def known(self, index: Index, content: int) -> dict[int, str]:
        """Return what this model said before of the pages of a stored text."""
        fields = dict(index.catalog.texts.contents([content])[content].fields)
        if fields.get(READ_BY) != self._seeing.name:
            return {}
        text, starts = index.catalog.texts.text(content), index.catalog.texts.page_starts(content)
        ends = [*starts[1:], len(text)]
        pages = pages_in(fields.get(PAGES_READ_BY, ""))
        return {page: text[starts[page - 1] : ends[page - 1]].strip() for page in pages}
