"""The encoding that a page, XML or a mail says it is in, as far as that can be true."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

from ragkit.loading.decoding import MARKS, decode

CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]+)"
    rb"|^\s*<\?xml\s[^<>]{0,200}?encoding\s*=\s*[\"']([\w.-]+)",
    re.I,
)
# Encodings that hold ASCII, as what says so here was ASCII; "utf-16" or "hex" is never true.
OF_PAGES = tuple(
    "ascii big5 cp125 cp8 cp93 cp94 cp95 euc gb iso2022 iso8859 koi8 mac shift utf-8".split()
)
MEANT = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949", "tis-620": "cp874",
}  # fmt: skip
NAMES = {  # that Python does not know
    "windows-874": "cp874", "iso-8859-8-i": "iso8859_8", "x-sjis": "cp932", "x-euc-jp": "euc_jp",
    "windows-31j": "cp932", "x-gbk": "gb18030", "x-mac-roman": "mac_roman", "cp-850": "cp850",
}  # fmt: skip


def declared_encoding(data: bytes) -> str:
    """Return the encoding that a page says it is in, as browsers take it; "" if it does not.

    >>> declared_encoding(b'<meta charset="GBK">'), declared_encoding(b"<meta charset=UTF-16>")
    ('gb18030', '')
    >>> declared_encoding(b'<?xml version="1.0" encoding="windows-1251"?><html>')
    'cp1251'
    """
    found = CHARSET.search(data[:2048])
    return encoding_called((found[1] or found[2]).decode("ascii", "replace")) if found else ""


def encoding_called(name: str, more: tuple[str, ...] = ()) -> str:
    """Return Python's name of an encoding, "" if it has none, or what says so is not in it.

    >>> encoding_called("Windows-874"), encoding_called("hex"), encoding_called("utf-7", ("utf-7",))
    ('cp874', '', 'utf-7')
    """
    try:
        found = codecs.lookup(NAMES.get(name.lower(), name)).name
    except (LookupError, ValueError):  # no such encoding, or no name of one
        return ""
    found = MEANT.get(found, found)
    return found if found.startswith((*OF_PAGES, *more)) else ""


def decode_page(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode a page or XML as it says it should be, unless it is UTF-8, which none is by chance."""
    declared = declared_encoding(data)
    if declared and not any(data.startswith(mark) for mark, _ in MARKS):
        for encoding in (declared,) if data.isascii() else ("utf-8", declared):
            with suppress(UnicodeDecodeError):
                return data.decode(encoding), ()
    return decode(data)
