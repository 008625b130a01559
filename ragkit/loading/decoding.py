"""Turn a file's bytes into text, and say what was guessed or lost.

The only importer of charset-normalizer.
"""

from __future__ import annotations

import codecs
import logging
import re

from ragkit.errors import LoadError

# UTF-32's mark begins with UTF-16's, so it is looked for first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SAMPLE = 65_536  # bytes that an encoding is guessed from
FEW = 0.01  # of a file: this much broken UTF-8 is damage, not another encoding

# Asked before the detector, which takes a short Chinese text for a Korean or Cyrillic one.
CHINESE = ("gb18030", "big5")


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text of ``data`` without its byte order mark, and notes for the user.

    UTF-8, UTF-16 and UTF-32 with or without a mark; else what the detector finds. Line ends stay
    as they are. What cannot be decoded becomes U+FFFD and is counted in a note.

    Raises:
        LoadError: no encoding fits.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _replacing(data[len(mark) :], encoding)
    if encoding := wide_without_mark(data):
        text, notes = _replacing(data, encoding)
        return text, (f"read as {encoding}, which it does not say it is", *notes)
    try:
        return data.decode(), ()
    except UnicodeDecodeError as error:
        broken = data.decode("utf-8", "replace").count("\ufffd")
        has_letters = len(re.findall(rb"[\x80-\xff]", data))
        if broken <= FEW * len(data) and broken * 4 < has_letters:
            line = data.count(b"\n", 0, error.start) + 1
            note = f"{broken} places are not UTF-8 and became U+FFFD, the first in line {line}"
            return data.decode("utf-8", "replace"), (note,)
    encoding = _guess(data)
    text, notes = _replacing(data, encoding)
    return text, (f"read as {encoding}: it is not UTF-8", *notes)


def wide_without_mark(data: bytes) -> str:
    r"""Return "utf-16-le" or "utf-16-be" if the zero bytes of ``data`` lie as in one, else "".

    >>> wide_without_mark("plain text".encode("utf-16-le")), wide_without_mark(b"a\0\0\0b")
    ('utf-16-le', '')
    """
    sample = data[:8192]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    for encoding, here, there in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if here > 0.3 * len(sample) / 2 and there <= 0.02 * len(sample) / 2:
            return encoding
    return ""


def _replacing(data: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    text = data.decode(encoding, "replace")
    lost = text.count("\ufffd") - data.decode(encoding, "ignore").count("\ufffd")
    return text, (f"{lost} places are no {encoding} and became U+FFFD",) if lost else ()


def _guess(data: bytes) -> str:
    """Return the encoding that a part of ``data`` fits best.

    Raises:
        LoadError: none fits.
    """
    import charset_normalizer

    sample = _telling_part(data)
    if encoding := _chinese(sample):
        return encoding
    logging.getLogger("charset_normalizer").setLevel(logging.ERROR)
    best = charset_normalizer.from_bytes(sample).best()
    if best is None:
        raise LoadError(
            "its encoding cannot be told",
            stage="decode",
            hint="save it as UTF-8",
        )
    return best.encoding


def _telling_part(data: bytes) -> bytes:
    """Return the lines of ``data`` that are not ASCII, up to the size of a sample."""
    found = bytearray()
    for line in re.finditer(rb"[^\n]*[\x80-\xff][^\n]*\n?", data):
        found += line.group()[: SAMPLE - len(found)]
        if len(found) >= SAMPLE:
            break
    return bytes(found)


def _chinese(sample: bytes) -> str:
    """Return the Chinese encoding in which most of a sample is common characters, if any."""
    best, share = "", 0.0
    for encoding in CHINESE:
        text = sample.decode(encoding, "ignore")
        high = sum(1 for c in text if c > "\x7f")
        common = sum(text.count(c) for c in COMMON)
        strict = len(text.encode(encoding, "ignore")) >= len(sample) - 1
        if strict and high and common / high > share:
            best, share = encoding, common / high
    return best if share > 0.08 else ""


# The commonest characters of Chinese, simplified and traditional: a fifth of any running text.
COMMON = (
    "的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時"
    "要就出会會可也你对對生能而子那得于於着著下自之，。、"
)
