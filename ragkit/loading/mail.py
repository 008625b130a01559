"""Mail: headers and the text of its parts; attachments are given out for loaders of their own.

The standard library parses. Its lenient policy is used, as the strict one fails on headers that
every mailbox has; what is declared of charsets is believed where it is true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from email import errors
from email.feedparser import BufferedSubFile, BytesFeedParser  # type: ignore[attr-defined]
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from itertools import pairwise

from ragkit.errors import LoadError
from ragkit.loading.declared import declared_encoding, encoding_called
from ragkit.loading.decoding import decode
from ragkit.loading.webpage import webpage
from ragkit.text.surrogates import encodable
from ragkit.types import Document, Heading

SHOWN = ("From", "To", "Cc", "Date", "Subject")
MOST_DEEP = 50  # parts within parts: each line is held against the ends of all that it is in
OF_MAILS = ("utf-7", "hz")  # encodings that no page is believed to be in
LONGEST = 20_000  # characters of a header whose parts are told apart
FROM_LINE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From \S+ .*\d{4}\r?\n")
PARTS = {
    errors.StartBoundaryNotFoundDefect: "no part of it begins",
    errors.NoBoundaryInMultipartDefect: "it does not say what parts its parts",
    errors.CloseBoundaryNotFoundDefect: "its last part never ends: it may be cut off",
    errors.InvalidBase64LengthDefect: "a part of it is cut off",
    errors.InvalidBase64PaddingDefect: "a part of it is cut off",
    errors.InvalidBase64CharactersDefect: "a part of it has characters that its encoding has not",
}
HOLDER = "multipart"
FOR_OLD_READERS = re.compile(r"(?=.{0,400}\Z).*(?:\bMIME\b|multi-?part)", re.I | re.S)
SHORT, MUCH_MORE = 500, 3  # characters of plain words; how many times as many a page has
ENDINGS = {
    "message/rfc822": ".eml", "application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg",
    "image/gif": ".gif", "text/calendar": ".ics", "text/csv": ".csv", "application/json": ".json",
    "text/html": ".html", "application/zip": ".zip",
}  # fmt: skip


def mail(data: bytes) -> Document:
    r"""Return a mail: who wrote what to whom and when, its text, the names of what is attached.

    Raises:
        LoadError: its parts are nested too deep to be told apart.

    >>> mail(b"From: Ann <a@a.example>\nSubject: Tea\n\nIt is ready.\n").text
    'From: Ann <a@a.example>\nSubject: Tea\n\nIt is ready.\n'
    """
    message = _parsed(data)
    text, notes = _written(message)
    return Document(text, "eml", title=_header(message, "Subject"), notes=notes,
                    fields=_fields(message))  # fmt: skip


def mailbox(data: bytes) -> Document:
    """Return a mailbox: its mails, one after the other, each under its subject."""
    texts: list[str] = []
    headings: list[Heading] = []
    places: list[tuple[int, str]] = []
    notes: dict[str, int] = {}
    at = 0
    for number, message in enumerate(_mails(data), 1):
        text, told = _written(message)
        notes |= {note: notes.get(note, 0) + 1 for note in told}
        headings.append(Heading(at, 1, _header(message, "Subject") or f"mail {number}"))
        places.append((at, f"#message={number}"))
        texts.append(text.strip("\r\n"))
        at += len(texts[-1]) + 2
    said = tuple(
        note if count == 1 else f"{note} ({count:,} mails)" for note, count in notes.items()
    )
    return Document("\n\n".join(texts), "mbox", headings=tuple(headings), places=tuple(places),
                    notes=said)  # fmt: skip


def attachments(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of what is attached to a mail, pictures in its text among them.

    A name is never a path. Those that are missing are made from the place among the parts.

    Raises:
        LoadError: its parts are nested too deep to be told apart.
    """
    for number, part in _attached(_parsed(data)):
        yield _name(part, number), _content(part)


def attachments_in_box(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Return what is attached to the mails of a mailbox: names begin with the mail's number.

    Raises:
        LoadError: the parts of one are nested too deep to be told apart.
    """
    for at, message in enumerate(_mails(data), 1):
        for number, part in _attached(message):
            yield f"{at}/{_name(part, number)}", _content(part)


def _mails(data: bytes) -> Iterator[Message]:
    starts = [found.start() for found in FROM_LINE.finditer(data)] or [0]
    for start, end in pairwise([*starts, len(data)]):
        found = FROM_LINE.match(data, start)
        yield _parsed(data[found.end() if found else start : end])


class _Lines(BufferedSubFile):  # type: ignore[misc]  # which has no stubs
    """The lines of a mail, for the parser of the standard library, which nests without a limit."""

    def push_eof_matcher(self, pred: Callable[[str], object]) -> None:
        if len(self._eofstack) == MOST_DEEP:
            raise LoadError("its parts are nested too deep", stage="parse")
        super().push_eof_matcher(pred)


def _parsed(data: bytes) -> Message:
    parser = BytesFeedParser()
    parser._input = _Lines()  # type: ignore[attr-defined]
    try:
        parser.feed(data)
        return parser.close()
    except RecursionError as error:  # of mails in mails, which have no ends of their own
        raise LoadError("its parts are nested too deep", stage="parse") from error


def _written(message: Message) -> tuple[str, tuple[str, ...]]:
    """Return headers and text of a mail, and what is to be said of it."""
    head = [f"{name}: {value}" for name in SHOWN if (value := _header(message, name))]
    bodies: list[str] = []
    notes: list[str] = []
    for part in _texts(message):
        body, told = _text(part)
        bodies.append(body)
        notes += told
    before, after = _outside(message)
    if before or after:
        notes.append("text that stands outside its parts is read too")
    if not message.keys():
        notes.append("it has no headers, as a mail has")
    if not any(map(str.strip, bodies)):
        notes.append("no part of it is text")
    named = [f"Attached: {_name(part, number)}" for number, part in _attached(message)]
    for part in message.walk():
        notes += [PARTS[type(defect)] for defect in part.defects if type(defect) in PARTS]
    text = "\n\n".join(filter(None, ("\n".join(head), *before, *bodies, *after, "\n".join(named))))
    return encodable(text), tuple(dict.fromkeys(notes))


def _outside(message: Message) -> tuple[list[str], list[str]]:
    """Return what stands before and behind the parts of a mail, unless it says what these are."""
    before: list[str] = []
    after: list[str] = []
    stack = [message]
    while stack:
        part = stack.pop()
        inner = part.get_payload() if part.is_multipart() else None
        if part.get_content_maintype() == HOLDER and isinstance(inner, list):
            stack += [one for one in reversed(inner) if isinstance(one, Message)]
            for found, raw in ((before, part.preamble), (after, part.epilogue)):
                text = encodable(_raw_decoded(raw or "")).strip()
                if text and not FOR_OLD_READERS.match(text):
                    found.append(text)
    return before, after


def _leaves(message: Message) -> Iterator[tuple[Message, bool]]:
    """Yield the parts that have no parts, and whether each is text to be read with the mail.

    Of several forms of the same text one is read, and the others are left out.
    """
    stack = [(message, True)]
    while stack:
        part, is_wanted = stack.pop()
        inner = part.get_payload() if part.is_multipart() else None
        kind = part.get_content_type()
        if kind == "message/rfc822" and part is not message:
            yield part, False
        elif kind == "message/delivery-status" and inner:  # why a mail came back
            yield part, is_wanted
        elif isinstance(inner, list):
            parts = [one for one in inner if isinstance(one, Message)]
            best = _best_form(parts) if kind == "multipart/alternative" else None
            for one in reversed(parts):
                form = HOLDER if one.is_multipart() else one.get_content_type()
                stack.append((one, is_wanted and best in (None, form)))
        elif not _is_body(part) or (part is not message and _is_attached(part)):
            yield part, False
        elif is_wanted:
            yield part, True


def _best_form(parts: list[Message]) -> str:
    """Return the type of the form to read: plain words, else a page, alone or with its pictures.

    Words that are but a hint that the mail is a page are none.
    """
    kinds = [HOLDER if part.is_multipart() else part.get_content_type() for part in parts]
    within = [one for part in parts if part.is_multipart() for one in part.get_payload()]

    def length(wanted: str, some: list[Message]) -> int:
        texts = (part for part in some if not part.is_multipart())
        lengths = (len(_text(one)[0].strip()) for one in texts if one.get_content_type() == wanted)
        return max(lengths, default=0)

    if plain := length("text/plain", parts):
        pages = [*parts, *(one for one in within if isinstance(one, Message))]
        if plain >= SHORT or length("text/html", pages) <= MUCH_MORE * plain:
            return "text/plain"
    return next((kind for kind in ("text/html", HOLDER) if kind in kinds), "text/plain")


def _is_body(part: Message) -> bool:
    """Say whether a part is what the mail itself says; a multipart one without parts is text."""
    is_text = part.get_content_maintype() in ("text", "multipart")
    return is_text and part.get_content_type() != "text/calendar"


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or bool(_given(part))


def _texts(message: Message) -> Iterator[Message]:
    return (part for part, is_text in _leaves(message) if is_text)


def _attached(message: Message) -> Iterator[tuple[int, Message]]:
    for number, (part, is_text) in enumerate(_leaves(message), 1):
        if not is_text:
            yield number, part


def _content(part: Message) -> bytes:
    if part.is_multipart():  # a mail that is attached
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        return first.as_bytes() if isinstance(first, Message) else b""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> tuple[str, tuple[str, ...]]:
    inner = part.get_payload() if part.is_multipart() else None
    if isinstance(inner, list):
        return "\n\n".join(str(one).strip() for one in inner), ()
    content = _content(part)
    is_page, charset = part.get_content_type() == "text/html", str(part.get_content_charset(""))
    said = declared_encoding(content) if is_page and not charset else charset
    text, notes = _decoded(content, said)
    if is_page:
        page = webpage(text, notes)
        return page.text, page.notes
    return text, notes


def _decoded(content: bytes, charset: str) -> tuple[str, tuple[str, ...]]:
    if name := encoding_called(charset.partition("*")[0], OF_MAILS):  # a language may follow
        for encoding in (name,) if content.isascii() else ("utf-8", name):
            with suppress(UnicodeError):
                return content.decode(encoding), ()
    try:
        return decode(content)
    except LoadError:
        note = "the encoding of a part cannot be told: what is not UTF-8 became U+FFFD"
        return content.decode("utf-8", "replace"), (note,)


def _header(message: Message, name: str) -> str:
    """Return a header in one line, whatever it is encoded in; several of a name with commas."""
    said = [value for known, value in message.raw_items() if known.lower() == name.lower()]
    return ", ".join(filter(None, map(_words, map(str, said))))


def _raw_decoded(value: str) -> str:
    if not value.isascii():  # bytes as they came
        with suppress(LoadError, UnicodeEncodeError):
            return decode(value.encode("ascii", "surrogateescape"))[0]
    return value


def _words(value: str) -> str:
    value = _raw_decoded(value)
    if "=?" in value and len(value) <= LONGEST:
        with suppress(errors.MessageError, LookupError, ValueError):
            value = str(make_header([*map(_known, decode_header(value))]))
    return " ".join(encodable(value).split())


def _known(part: tuple[bytes | str, str | None]) -> tuple[bytes | str, str | None]:
    """Return a part of a header in an encoding that the standard library knows."""
    text, charset = part
    if not charset or isinstance(text, str):
        return part
    return encodable(_decoded(text, charset)[0]), "utf-8"


def _fields(message: Message) -> tuple[tuple[str, str], ...]:
    fields = [(name, one) for name in ("from", "to") for one in _people(_header(message, name))]
    with suppress(ValueError, TypeError, LookupError, OverflowError):
        fields.append(("date", parsedate_to_datetime(_header(message, "Date")).isoformat()))
    return tuple(fields)


def _people(header: str) -> list[str]:
    try:
        pairs = getaddresses([header]) if len(header) <= LONGEST else []
    except RecursionError:  # of comments in comments
        pairs = []
    if header and not pairs:
        return [header]
    return [f"{name} <{address}>" if name else address for name, address in pairs if address]


def _given(part: Message) -> str:
    """Return the name that a part is sent under, "" if none."""
    with suppress(ValueError, LookupError, TypeError):
        return _words(str(part.get_filename("")))
    return ""


def _name(part: Message, number: int) -> str:
    """Return a name without folders for what is attached."""
    name = re.split(r"[/\\]", _given(part))[-1].replace("\0", "").strip(". ")
    if name:
        return name
    kind = part.get_content_type()
    return f"part{number}{ENDINGS.get(kind, '.bin')}"
