"""Turn a file's bytes into text, and say what was guessed or lost.

The only importer of charset-normalizer.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

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
LOST = "\ufffd"
LINE_END = re.compile(r"\r\n?|\n")
HIGH = re.compile(rb"[\x80-\xff]+")

# What files are found in, as browsers know it. Without the list the detector also weighs
# EBCDIC and a dozen cousins of these, and takes them for short texts.
LEGACY = (
    "cp1252 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 iso8859_2 iso8859_5 koi8_r "
    "koi8_u cp866 cp850 cp874 gb18030 big5 big5hkscs cp932 euc_jp cp949"
).split()
# The commonest characters of Chinese, simplified and traditional: a sixth of any running text.
CHINESE = ("gb18030", "big5")
COMMON = (
    "的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時"
    "要就出会會可也你对對生能而子那得于於着著下自之后後如果者所用多"
)
COMMON_SHARE = 0.06  # of the characters that are not ASCII
MOST_LOST = 0.001  # of a sample's bytes
# Letters beside ASCII of languages in Latin script, whose encodings the detector confuses.
SIGNS = "«»„‘’“”–—…€°§©\xa0"
ALPHABETS = (
    ("cp1252", "àâäçèéêëîïôöùûüÿñáíóúßœ¿¡"),  # French, German, Spanish
    ("cp1252", "åäæéöø"),  # Nordic
    ("cp1252", "áàâãçéêíóôõúü"),  # Portuguese
    *(
        (encoding, letters)  # Polish, Czech, Slovak, Hungarian
        for letters in "ąćęłńóśźż áčďéěíňóřšťúůýž áäčďéíĺľňóôŕšťúýž áéíóöőúüű".split()
        for encoding in ("cp1250", "iso8859_2")
    ),
)
ALPHABET_SHARE = 0.98  # of the characters that are not ASCII


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    r"""Return the text of ``data`` without its byte order mark, and notes for the user.

    UTF-8, UTF-16 and UTF-32 with or without a mark (UTF-32 only with one); else what the detector
    finds. Line ends and zero characters stay as they are. What cannot be decoded becomes U+FFFD
    and is counted in a note.

    Raises:
        LoadError: no encoding fits.

    >>> decode(b"\xff\xfeh\0i\0"), decode("naïve café, déjà vu".encode("cp1252"))
    (('hi', ()), ('naïve café, déjà vu', ('read as cp1252: it is not UTF-8',)))
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _replacing(data[len(mark) :], encoding)
    if encoding := wide_without_mark(data):
        text, notes = _replacing(data, encoding)
        return text, (f"read as {encoding}, which it does not say it is", *notes)
    try:
        return data.decode(), ()
    except UnicodeDecodeError:
        damaged = data.decode("utf-8", "replace")
    genuine = data.count(LOST.encode())
    broken = damaged.count(LOST) - genuine
    letters = len(damaged) - len(damaged.encode("ascii", "ignore")) - broken
    # By chance a third of another encoding's bytes may pass for UTF-8, hardly four fifths.
    if broken <= max(1, FEW * len(data)) and letters >= 4 * broken:
        return _replacing(data, "utf-8")
    encoding = _guess(data)
    text, notes = _replacing(data, encoding)
    return text, (f"read as {encoding}: it is not UTF-8", *notes)


def wide_without_mark(data: bytes) -> str:
    r"""Return "utf-16-le" or "utf-16-be" if the zero bytes of ``data`` lie as in one, else "".

    They stand in one of two places by far the most (一 is U+4E00), among text that has no odd
    characters.

    >>> wide_without_mark("plain text".encode("utf-16-le")), wide_without_mark(b"a\0\0\0b")
    ('utf-16-le', '')
    """
    sample = data[:8192]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    for encoding, here, there in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if here >= 2 and here > 2 * there:
            text = sample.decode(encoding, "replace")
            strange = sum(unicodedata.category(c) in ("Cc", "Cn", "Co") for c in text)
            strange -= sum(map(text.count, "\t\n\r\f"))
            if strange + text.count(LOST) <= 0.02 * len(text) + 1:
                return encoding
    return ""


def _replacing(data: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    """Decode all of ``data``; count what does not fit in a note."""
    try:
        return data.decode(encoding), ()
    except UnicodeDecodeError as error:
        before, kept = data[: error.start].decode(encoding), data.decode(encoding, "ignore")
    text = data.decode(encoding, "replace")
    lost = text.count(LOST) - kept.count(LOST)
    line = len(LINE_END.findall(before)) + 1
    places = "1 place is" if lost == 1 else f"{lost:,} places are"
    return text, (f"{places} not {encoding} and became U+FFFD, the first in line {line}",)


def _guess(data: bytes) -> str:
    """Return the encoding that a part of ``data`` fits best.

    Raises:
        LoadError: none fits.
    """
    from charset_normalizer import from_bytes

    sample = _telling_part(data)
    if encoding := _chinese(sample) or _latin(sample):
        return encoding
    best = from_bytes(sample, cp_isolation=LEGACY).best()
    if best is None:  # it passes over what is like an encoding that failed: iso8859_2 after cp1250
        alone = [from_bytes(sample, cp_isolation=[encoding]).best() for encoding in LEGACY]
        best = max(filter(None, alone), key=lambda match: match.coherence, default=None)
    if best is None:
        raise LoadError("its encoding cannot be told", stage="decode", hint="save it as UTF-8")
    return best.encoding


def _telling_part(data: bytes) -> bytes:
    """Return the lines of ``data`` that are not ASCII, up to the size of a sample.

    A long line's beginning is left out, as far as it is ASCII; no encoding's character spans two
    lines, so that all but the last are whole.
    """
    found = bytearray()
    for line in data.splitlines(keepends=True):
        if first := HIGH.search(line):
            begin = max(0, first.start() - 200)
            found += line[begin : begin + SAMPLE - len(found)]
            if len(found) == SAMPLE:
                break
    return bytes(found)


def _latin(sample: bytes) -> str:
    """Return the encoding in which a sample's letters are of one alphabet, few in a row."""
    runs = HIGH.findall(sample)
    if max(map(len, runs)) > 4:  # "été" has runs of one, "żółć" is one of four
        return ""
    best, share = "", ALPHABET_SHARE
    for encoding, letters in ALPHABETS:
        text = b"".join(runs).decode(encoding, "replace")
        known = sum(map(text.count, {*letters, *letters.upper(), *SIGNS}))
        if known > share * len(text):
            best, share = encoding, known / len(text)
    return best


def _chinese(sample: bytes) -> str:
    """Return the Chinese encoding in which many of a sample's characters are common ones."""
    best, share = "", COMMON_SHARE
    for encoding in CHINESE:
        text = sample.decode(encoding, "ignore")
        lost = len(sample) - len(text.encode(encoding))  # the last may be cut
        high = len(text) - len(text.encode("ascii", "ignore"))
        common = sum(map(text.count, COMMON))
        if lost <= MOST_LOST * len(sample) and high and common / high > share:
            best, share = encoding, common / high
    return best
