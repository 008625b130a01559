"""Turn a file's bytes into text, and say what was guessed or lost.

The only importer of charset-normalizer.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise

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
# The commonest syllables of Korean: half of any text, a twentieth of what others are misread as.
SYLLABLES = (
    "이다는의에을가고한지사하기로도자를은시인대어해부서그나들정있일과장전리으주수원상구제아보만여스것라관"
    "국조년동성경생분안적계용게방위신물화공회문명선학금강유무치연개소민발미비우세실중결통면당진질반철영업호"
)
SYLLABLES_SHARE = 0.2
MOSTLY = 0.8
# The last first byte of common characters of GB 2312, and of syllables of Korean.
FIRST_LEVEL, LAST_OF_KOREAN = b"\xd7", b"\xc8"
JAPANESE = ("euc_jp", "cp932")
KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
KANA_SHARE = 0.15  # of the characters that are not ASCII; Chinese and Korean have hardly any
# Escapes that switch the character set; what has one is ASCII throughout.
ISO2022 = re.compile(rb"\x1b\$(?:[@AB]|[()][@-D])")
ESCAPED = ("iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_2004", "iso2022_kr")
PIECE = re.compile(rb"(?:\x1b(\$[@B]|\([BJI]))?([^\x1b]*)")
TWO_BYTES = re.compile(rb"(?:[\x21-\x7e]{2})*+[\r\n]*")
HEBREW = re.compile("[א-ת\u05b0-\u05c4]")
FINAL = re.compile(r"[ךםןףץ](?![א-ת])")  # letters that only end words
MISPLACED = re.compile(r"[ךםןףץ](?=[א-ת])|(?<=[a-zA-Z])[א-ת]|[א-ת](?=[a-zA-Z])")
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
    ("cp1254", "çğıİöşüâîû"),  # Turkish
    ("mac_roman", "àâäçèéêëîïôöùûüÿñáíóúßœ¿¡"),  # French, German, Spanish on old Macs
    ("mac_roman", "åäæéöø"),
    ("mac_roman", "áàâãçéêíóôõúü"),
)

ASCII = frozenset(map(chr, range(128)))
ALPHABET_SHARE = 0.98  # of the characters that are not ASCII
# What text in UTF-16 is made of beside the letters of one script.
PLAIN = frozenset(map(chr, (*range(0x20, 0x7F), 9, 10, 12, 13))) | frozenset(SIGNS)
CJK = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]")
EXPECTED = re.compile(f"[\t\n\f\r -~{SIGNS}\u3000-\u30ff\uff00-\uff1f{COMMON}]")
CONTROLS = re.compile(rb"[\0-\x07\x0b\x0e-\x1a\x1c-\x1f]")


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
    if ISO2022.search(data) and (escaped := _switching(data)):
        return escaped
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
    r"""Return "utf-16-le" or "utf-16-be" if ``data`` is text in one of them, else "".

    Bytes that are plain UTF-8 are not. Read both ways, one is made of what is common in some
    script; or its zero bytes stand in one of two places by far the most, among text that has no
    odd characters.

    >>> wide_without_mark("plain text".encode("utf-16-le")), wide_without_mark(b"a\0\0\0b")
    ('utf-16-le', '')
    """
    sample = data[:8192]
    if not has_controls(sample) and _is_utf8(sample):
        return ""
    texts = {way: sample.decode(way, "replace") for way in ("utf-16-le", "utf-16-be")}
    likeness, best = max((_likeness(text), way) for way, text in texts.items())
    if likeness > COMMON_SHARE:
        return best
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    for encoding, here, there in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if here >= 2 and here > 2 * there:
            text = texts[encoding]
            strange = sum(unicodedata.category(c) in ("Cc", "Cn", "Co") for c in text)
            strange -= sum(map(text.count, "\t\n\r\f"))
            if strange + text.count(LOST) <= 0.02 * len(text) + 1:
                return encoding
    return ""


def has_controls(data: bytes) -> bool:
    """Say whether a hundredth of ``data`` are characters that no text has, zero among them."""
    return len(CONTROLS.findall(data)) > FEW * len(data)


def _is_utf8(sample: bytes) -> bool:
    """Say whether ``sample`` is UTF-8, but for a character that is cut at its end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _likeness(text: str) -> float:
    """Return the share of common characters in a text of one script, 0 if it is of several.

    >>> _likeness("มนุษย์"), _likeness("模型的"), _likeness("모형"), _likeness("한ة模")
    (1.0, 0.3333333333333333, 0.0, 0.0)
    """
    if len(text) < 2:
        return 0.0
    blocks = Counter(ord(c) >> 8 for c in text if c not in PLAIN)
    block = max(blocks, key=blocks.__getitem__, default=0)
    # Thai, Cyrillic and so on have a block each; there is nothing but letters in these.
    own = blocks[block] if 0x03 <= block <= 0x10 else 0
    plain = sum(c in PLAIN for c in text)
    unknown = sum(unicodedata.category(c) == "Cn" for c in text)
    if own and plain + own - unknown > ALPHABET_SHARE * len(text):
        return (plain + own) / len(text)
    if plain + len(CJK.findall(text)) > ALPHABET_SHARE * len(text):
        return len(EXPECTED.findall(text)) / len(text)
    return 0.0


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


def _switching(data: bytes) -> tuple[str, tuple[str, ...]] | None:
    """Return text in one of the encodings that switch by escapes, None if it is in none."""
    for encoding in ESCAPED:
        with suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            if data.isascii() and not text.isascii():
                return text, (f"read as {encoding}, by its escapes",)
    with suppress(UnicodeDecodeError):
        text = _of_windows(data) if data.isascii() else ""
        if not text.isascii():
            return text, ("read as iso2022_jp, as Windows writes it, by its escapes",)
    return None


def _of_windows(data: bytes) -> str:
    """Return text in ISO-2022-JP with signs that Windows added, such as "①"; "" if it is none.

    No codec of Python's has these: each pair of bytes is put where Shift JIS has it.
    """
    found = []
    for mode, plain in PIECE.findall(data):
        if mode.startswith(b"$"):
            if not TWO_BYTES.fullmatch(plain):
                return ""
            text = plain.rstrip(b"\r\n")
            for row, cell in zip(text[::2], text[1::2], strict=True):
                is_odd = row % 2
                high = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
                found.append(bytes((high, cell + (0x1F + (cell >= 0x60) if is_odd else 0x7E))))
            found.append(plain[len(text) :])
        elif mode == b"(I":
            found.append(bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in plain))
        else:
            found.append(plain)
    return b"".join(found).decode("cp932")


def _guess(data: bytes) -> str:
    """Return the encoding that a part of ``data`` fits best.

    Raises:
        LoadError: none fits.
    """
    from charset_normalizer import from_bytes

    sample = _telling_part(data)
    if encoding := _japanese(sample) or _chinese(sample) or _hebrew(sample) or _latin(sample):
        return encoding
    best = from_bytes(sample, cp_isolation=LEGACY).best()
    if best is None:  # it passes over what is like an encoding that failed: iso8859_2 after cp1250
        alone = [from_bytes(sample, cp_isolation=[encoding]).best() for encoding in LEGACY]
        best = max(filter(None, alone), key=lambda match: match.coherence, default=None)
    if best is None:
        raise LoadError("its encoding cannot be told", stage="decode", hint="save it as UTF-8")
    return "gb18030" if best.encoding == "cp949" and _is_rather_chinese(sample) else best.encoding


def _is_rather_chinese(sample: bytes) -> bool:
    """Say whether a few words are no Korean that anyone writes, and common characters of Chinese.

    >>> _is_rather_chinese("螺栓".encode("gbk")), _is_rather_chinese("도시".encode("cp949"))
    (True, False)
    """
    korean = [c for c in sample.decode("cp949", "replace") if c > "\x7f"]
    if sum(c in SYLLABLES for c in korean) >= SYLLABLES_SHARE * len(korean):
        return False
    chinese = [c for c in sample.decode("gb18030", "replace") if c > "\x7f"]
    first = [c.encode("gb2312", "replace")[:1] for c in chinese]
    common = sum(b"\xb0" <= byte <= FIRST_LEVEL for byte in first)
    return common >= MOSTLY * len(chinese) and max(first) > LAST_OF_KOREAN


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
    if max(map(len, HIGH.findall(sample))) > 4:  # "été" has runs of one, "żółć" is one of four
        return ""
    best, share = "", ALPHABET_SHARE
    for encoding, letters in ALPHABETS:
        text = sample.decode(encoding, "replace")
        high = len(text) - len(text.encode("ascii", "ignore"))
        known = sum(map(text.count, {*letters, *letters.upper(), *SIGNS} - ASCII))
        misplaced = sum(  # "CAFÉ" and "Été" have capitals where they can be, "cafŽ" has none
            after > "\x7f" and after.isupper() and before.islower()
            for before, after in pairwise(text)
        )
        if known - misplaced > share * high:
            best, share = encoding, (known - misplaced) / high
    return best


def _hebrew(sample: bytes) -> str:
    """Return "cp1255" if a sample has Hebrew words, with final letters where these end.

    The same bytes are letters of Latin, which mix with ASCII, and of Cyrillic, where those that
    would be final ones stand anywhere.
    """
    text = sample.decode("cp1255", "replace")
    high = len(text) - len(text.encode("ascii", "ignore"))
    letters = len(HEBREW.findall(text))
    if letters + sum(map(text.count, SIGNS)) <= ALPHABET_SHARE * high or not FINAL.search(text):
        return ""
    return "cp1255" if len(MISPLACED.findall(text)) <= FEW * letters else ""


def _japanese(sample: bytes) -> str:
    """Return the Japanese encoding in which many of a sample's characters are kana."""
    return _best(sample, JAPANESE, lambda text: len(KANA.findall(text)), least=KANA_SHARE)


def _chinese(sample: bytes) -> str:
    """Return the Chinese encoding in which many of a sample's characters are common ones."""
    return _best(sample, CHINESE, lambda text: sum(map(text.count, COMMON)), least=COMMON_SHARE)


def _best(
    sample: bytes, encodings: Iterable[str], count: Callable[[str], int], *, least: float
) -> str:
    """Return the encoding in which the share of what is counted is highest, above ``least``."""
    best, share = "", least
    for encoding in encodings:
        text = sample.decode(encoding, "ignore")
        lost = len(sample) - len(text.encode(encoding))  # the last may be cut
        high = len(text) - len(text.encode("ascii", "ignore"))
        if lost <= MOST_LOST * len(sample) and high and count(text) / high > share:
            best, share = encoding, count(text) / high
    return best
