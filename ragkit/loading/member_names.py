"""Names in a ZIP that do not say that they are UTF-8.

They are in the encoding of whoever packed them: DOS had one for each part of the world, which
Windows still writes. Names are short for a detector of encodings. So each candidate is asked how
much of what is not ASCII it makes common letters, in words as people write them.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ragkit.errors import LoadError
from ragkit.loading.decoding import ALPHABET_SHARE, ALPHABETS, COMMON, decode
from ragkit.loading.members import MOST_NAME

UNICODE_PATH = 0x7075  # an extra field with the name in UTF-8, and what the other one's sum is
# What Windows writes where it is not DOS's comes after it: alone, an "ä" there is an "õ" here.
LATIN = tuple(
    (encoding, letters)
    for own, encoding in (
        ("cp1252", "cp850"), ("cp1252", "cp1252"), ("cp1250", "cp852"), ("cp1254", "cp857"),
    )
    for known, letters in ALPHABETS
    if known == own
)  # fmt: skip
# First bytes of the commonest characters, whose second one is at least the third figure.
COMMON_BYTES = {
    "gb18030": ((0xB0, 0xD7, 0xA1),),
    "big5": ((0xA4, 0xC6, 0x40),),
    "cp932": ((0x82, 0x82, 0x9F), (0x83, 0x83, 0x40), (0x88, 0x97, 0x40)),
    "cp949": ((0xB0, 0xC8, 0xA1),),
}
SIGNS = re.compile(
    "[\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\u30fc«»°§¿¡№\xa0]"
)  # they tell nothing
EAST = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+")
CYRILLIC = re.compile("[\u0400-\u045f]")
SAMPLE = 300  # names
LEAST = 0.75  # of the characters that are not ASCII
# Of names: two encodings may make common characters of the same bytes, seldom these.
USUAL = frozenset(
    COMMON
    + "新建文件夹副本测试报告说明图片照片文档资料合同会议纪要项目计划书"
    + "总结表格通知方案数据手册发票简历论文作业"
    + "增資料夾測試報說圖檔約會議記錄專案計畫總結數據冊發履歷業"
    + "東京日本語書類会議録写真請求見積契約仕様"
    + "이다는가의에고을지하사서기도로자대리시인어정부일과수"
    + "스라나해전보제장새폴더문회록한국계획약목진무"
)
DOUBT = 0.4  # a pair of Cyrillic letters may be a usual character


def names_from(raw: Sequence[bytes]) -> list[str] | None:
    """Return the names that some bytes are, guessed from all of them; None if that fails.

    >>> names_from(["Köln.txt".encode("cp850")]), names_from(["报告".encode("gbk")])
    (['Köln.txt'], ['报告'])
    """
    whole = b"\n".join(raw)
    try:
        text = whole.decode()
    except UnicodeDecodeError:
        try:
            some = [name for name in raw if len(name) <= MOST_NAME and not name.isascii()]
            encoding = _encoding(b"\n".join(some[:SAMPLE]))
            text = whole.decode(encoding, "replace") if encoding else decode(whole)[0]
        except LoadError:
            return None
    names = text.split("\n")
    return names if len(names) == len(raw) else None


def stated_name(extra: bytes, raw: bytes) -> str:
    """Return the name in UTF-8 that the extra fields of a member have, "" if it is not of it."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and field[:5] == struct.pack("<BI", 1, zlib.crc32(raw)):
            return field[5:].decode("utf-8", "replace")
    return ""


def _encoding(raw: bytes) -> str:
    """Return the encoding that makes most of some names, "" if none makes much."""
    best, most = "", (LEAST, 0.0)
    for encoding, share, usual in _shares(raw):
        if (share, usual) > most:
            best, most = encoding, (share, usual)
    return best


def _shares(raw: bytes) -> Iterator[tuple[str, float, float]]:
    """Yield encodings, the share of letters in their place, and that of usual ones."""
    for encoding in COMMON_BYTES:
        text = _decoded(raw, encoding)
        yield encoding, _share(text, _eastern(text, encoding)), _share(text, _usual(text))
    text = re.sub(r"\bЕ\b", "─", _decoded(raw, "cp866"))  # alone it is rather the French "à"
    known = set(CYRILLIC.findall(text))
    yield "cp866", _words_share(text, known, beside_ascii=False), DOUBT
    for encoding, letters in LATIN:
        text = _decoded(raw, encoding)
        if encoding == "cp850":
            text = re.sub("õ(?!e)", "─", text)
        yield encoding, _words_share(text, {*letters, *letters.upper()}), 0.0


def _usual(text: str) -> int:
    return sum(map(USUAL.__contains__, text))


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _share(text: str, good: int) -> float:
    high = len(text) - len(text.encode("ascii", "ignore")) - len(SIGNS.findall(text))
    return good / high if high else 0.0


def _eastern(text: str, encoding: str) -> int:
    """Return how many characters are common ones, and none of them alone beside Latin letters."""
    count = 0
    for run in EAST.finditer(text):
        around = text[max(run.start() - 1, 0) : run.start()] + text[run.end() : run.end() + 1]
        if len(run[0]) > 1 or not any(c.isascii() and c.isalpha() for c in around):
            for char in run[0]:
                first, second, *_ = char.encode(encoding)
                count += any(a <= first <= b and second >= c for a, b, c in COMMON_BYTES[encoding])
    return count


def _words_share(text: str, known: set[str], *, beside_ascii: bool = True) -> float:
    """Return the share of known letters, 0 if it is low; no capital is behind a small one."""
    misplaced = sum(
        (before.islower() and after.isupper() and not (before + after).isascii())
        or (not beside_ascii and before.isascii() != after.isascii())
        for before, after in pairwise(text)
        if before.isalpha() and after.isalpha()
    )
    count = sum(char in known and not char.isascii() for char in text)
    share = _share(text, count - misplaced)
    return share if share >= ALPHABET_SHARE else 0.0
