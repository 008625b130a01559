"""What is written in two ways and is one word for a search.

Only terms are folded, never a text. Two things are told apart: what *no* search should tell apart
(``plain``), and accents, which a search without them is to find and a search with them is to prefer
(``unaccented``).

Left as they are, as they make other words: hiragana and katakana, Cyrillic й, and the marks of the
scripts of India but for two of Hindi: the dot below, and a nasal that may be a dot above.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

HAN = Path(__file__).with_name("han-variants.txt")
# Arabic vowel signs and the stroke that stretches words; Hebrew points and accents.
# Joiners, which only shape letters.
UNWRITTEN = re.compile(
    "[\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u0591-\u05bd\u05bf\u05c1-\u05c7\u0730-\u074a\u200c\u200d]+"
)
# Soft hyphens, marks of direction, places where a line may break.
INVISIBLE = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\ufeff]+"
)
APOSTROPHES = "'’‘׳"
SAME_APOSTROPHE = str.maketrans(dict.fromkeys("’‘׳ʼ", "'"))
ZEROS = "٠۰०০੦૦୦௦౦೦൦෦๐໐༠၀០᠐"
LETTERS = str.maketrans({
    "ς": "σ", "ß": "ss", "ʻ": "'",
    "ي": "ی", "ى": "ی", "ك": "ک", "ڪ": "ک", "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا",
    "ہ": "ه", "ۀ": "ه",
    "ൺ": "ണ്", "ൻ": "ന്", "ർ": "ര്", "ൽ": "ല്", "ൾ": "ള്", "ൿ": "ക്",
    **{chr(ord(zero) + n): str(n) for zero in ZEROS for n in range(10)},
})  # fmt: skip
ACCENTS = re.compile("(?<![\u0400-\u052f])[\u0300-\u036f]+")
NO_ACCENTS = str.maketrans({
    "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ё": "е",
    "ĳ": "ij", "ʻ": "", "ँ": "ं",
})  # fmt: skip
NUKTA = "\u093c"
NASAL = re.compile("(?:ङ्(?=[क-घ])|ञ्(?=[च-झ])|ण्(?=[ट-ढ])|न्(?=[त-ध])|म्(?=[प-भ]))")
THAI_ORDER = re.compile("([\u0e48-\u0e4b\u0ec8-\u0ecb])([\u0e4d\u0ecd])")


def normal(text: str) -> str:
    r"""Return a text in Unicode's compatibility form, without what is not seen.

    The marks of a Thai letter may be typed in either order, and one vowel as two of another.

    >>> normal("ﬁle co\u00adoperate"), normal("น้ำ") == normal("นํ้า")
    ('file cooperate', True)
    """
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return THAI_ORDER.sub(r"\2\1", text).replace("เเ", "แ")


def lowered(word: str, language: str) -> str:
    """Return a word in small letters, Turkish ones with and without dots.

    >>> lowered("ISPARTA", "tr"), lowered("İZMİR", "tr"), lowered("İzmir", "en")
    ('ısparta', 'izmir', 'izmir')
    """
    if not word.isascii() or language == "tr":
        word = word.replace("İ", "i")
        if language == "tr":
            word = word.replace("I", "ı")
        word = UNWRITTEN.sub("", word) or word
        word = word.translate(SAME_APOSTROPHE)
    return word.lower()


def plain(term: str) -> str:
    """Return a term in the one way in which it is counted.

    >>> plain("straße"), plain("οδός"), plain("كتاب") == plain("کتاب")
    ('strasse', 'οδόσ', True)
    """
    return term if term.isascii() else term.translate(LETTERS)


def unaccented(word: str) -> str:
    """Return a word without its accents.

    >>> unaccented("café"), unaccented("żółć"), unaccented("йод"), unaccented("ёж")
    ('cafe', 'zolc', 'йод', 'еж')
    """
    apart = unicodedata.normalize("NFD", word.translate(NO_ACCENTS)).replace(NUKTA, "")
    return unicodedata.normalize("NFC", NASAL.sub("ं", ACCENTS.sub("", apart)))


def one_han(run: str) -> str:
    """Return a run of Chinese characters, simplified and traditional ones made one.

    >>> one_han("後面發現頭髮") == one_han("后面发现头发"), one_han("默认")
    (True, '默认')
    """
    return "".join(map(_classes().get, run, run))  # quicker than translate


@cache
def _classes() -> dict[str, str]:
    """Return the first of its class, by each other character of it."""
    lines = HAN.read_text("utf-8").splitlines()
    classes = [line for line in lines if line and not line.startswith("#")]
    return {char: some[0] for some in classes for char in some[1:]}
