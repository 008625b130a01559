"""A PDF's pages one after the other, each by the first reader that makes sense of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from ragkit.errors import LoadError
from ragkit.extras import install_hint
from ragkit.pdf.first import First, UnreadableError
from ragkit.pdf.found import FIRST, SECOND, Facts, Found, Opened, Page, Picture, Refused
from ragkit.pdf.legible import DOUBTFUL, badness, is_doubtful
from ragkit.pdf.second import Second, is_at_hand

MOST_CHARACTERS = 64_000_000  # of all pages: few bytes of a file may become any number
MOST_OF_A_PAGE = 4_000_000
TOO_MUCH = f"it has more than {MOST_OF_A_PAGE:,} characters, as no page has: not read"
NO_MORE = f"pages {{}} to {{}} are not read: the file has more than {MOST_CHARACTERS:,} characters"
MOSTLY = 0.8  # of the characters, lest a reader that leaves out what it does not know be best


class Readers:
    """Both readers of one PDF, the second opened where the first does not suffice.

    Raises:
        LoadError: neither can open it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._second: Second | None = None
        self._has_second: bool | None = None  # None: it was not needed yet
        self.first: First | None = None
        try:
            self.first = First(data)
            self.pages = self.first.pages
        except UnreadableError as error:
            if self.second is None or not self.second.has_pages:
                raise _refusal(error) from error
            self.pages = self.second.pages
        if not self.pages:
            raise LoadError("the PDF is broken: it has no pages", stage="parse")

    @property
    def second(self) -> Second | None:
        """The second reader, None where it is not installed or cannot open the PDF."""
        if self._has_second is None:
            self._has_second = False
            if is_at_hand():
                try:
                    self._second = Second(self._data)
                except ValueError:
                    return None
                self._has_second = True
        return self._second

    def page(self, number: int) -> Page:
        """Read a page, from 1."""
        text, error, notes, unread = "", "", "", ""
        if self.first:
            try:
                text, error = self.first.text(number)
            except UnreadableError as failed:
                if is_of_a_cipher(failed) and not self.second:
                    raise _refusal(failed) from failed
                error = f"it cannot be read: {failed}"
            try:
                notes, unread = self.first.notes(number)
            except UnreadableError as failed:
                unread = f"its form fields and annotations cannot be read: {failed}"
        guess = self.first is not None and bool(text.strip()) and self.first.is_guess(number)
        doubtful = guess or is_doubtful(text)
        if (doubtful or not text.strip()) and self.second:
            other = self.second.text(number)
            dense, other_dense = ("".join(one.split()) for one in (text, other))
            whole = len(other_dense) >= MOSTLY * len(dense)
            limit = DOUBTFUL if guess else min(badness(text), DOUBTFUL)
            both_guess = guess and dense == other_dense
            if other.strip() and whole and badness(other) <= limit and not both_guess:
                return Page(number, other, SECOND, notes, unread)
        return Page(number, text, FIRST, notes, error or unread, doubtful)

    def facts(self) -> Facts:
        """Return what the PDF says of itself."""
        return self.first.facts() if self.first else Facts()

    def picture(self, number: int) -> Picture:
        """Return a page as an image."""
        try:
            if self.second:
                return Picture(number, self.second.picture(number))
            if self.first and (data := self.first.picture(number)):
                return Picture(number, base64.b64encode(data).decode())
        except (ValueError, UnreadableError) as error:
            return Picture(number, error=f"it cannot be drawn: {error}")
        return Picture(number, error=f"no image of it can be made ({install_hint('formats')})")


def is_of_a_cipher(error: UnreadableError) -> bool:
    """Say whether pypdf lacks the package that deciphers a PDF."""
    return "cryptography" in str(error)


def _refusal(error: UnreadableError) -> LoadError:
    if is_of_a_cipher(error):
        return LoadError(
            f"the PDF is encrypted in a way that needs another package: {error}",
            stage="decode",
            hint=f"{install_hint('formats')}, or remove its encryption (qpdf --decrypt)",
        )
    return LoadError(f"the PDF is broken: {error}", stage="parse")


def _refused(error: LoadError) -> Refused:
    return Refused(error.message, error.stage, error.hint)


def read(data: bytes, *, first: int = 1) -> Iterator[Found]:
    """Yield what is in a PDF: that it is open, its pages from ``first`` on, and its facts.

    One that cannot be read yields a ``Refused``.
    """
    try:
        readers = Readers(data)
        yield Opened(readers.pages)
        left = MOST_CHARACTERS
        for number in range(first, readers.pages + 1):
            page = readers.page(number)
            left -= len(page.text) + len(page.notes)
            if left < 0:
                yield Page(number, "", error=NO_MORE.format(number, readers.pages))
                break
            if len(page.text) > MOST_OF_A_PAGE:
                page = Page(number, "", error=TOO_MUCH)
            yield page
        yield readers.facts()
    except LoadError as error:
        yield _refused(error)


def pictures(data: bytes, numbers: Sequence[int]) -> Iterator[Found]:
    """Yield some pages of a PDF as images."""
    try:
        readers = Readers(data)
        for number in numbers:
            yield readers.picture(number)
    except LoadError as error:
        yield _refused(error)
