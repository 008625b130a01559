"""The terms that BM25 counts: words, stemmed; bigrams where no spaces part words; identifier parts.

Each word is looked up in a dict that remembers what it became, so that the work is one regular
expression and one look-up a word: 12 MB of text take about a second (see tests/benchmarks).
Character bigrams serve Chinese as well as a dictionary does (nDCG@10 .970 against .965 on DRCD)
and need none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache
from itertools import chain
from typing import Protocol

from ragkit.text.asking import ASKING, asking_words, asks_in_english
from ragkit.text.folding import APOSTROPHES, lowered, normal, one_han, plain, unaccented

VERSION = "4"  # of the terms: what was made by another is made again, from the texts

STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "fi": "finnish", "fr": "french", "hi": "hindi", "hu": "hungarian",
    "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
# Scripts written without spaces between words: Thai, Lao, Tibetan, Burmese, Khmer, kana, Han,
# Hangul (with spaces, but its particles cling), and the ideographs beyond the first plane.
UNSPACED = (
    "\u0e01-\u0e4e\u0e81-\u0ecd\u0f40-\u0fbc\u1000-\u103f\u1050-\u109d\u1780-\u17d3"
    "\u3041-\u3096\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
MARKS = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09d7\u0a01-\u0a51\u0a81-\u0acd\u0b01-\u0b57\u0b82-\u0bcd\u0c00-\u0c56\u0c81-\u0cd6\u0d00-\u0d57\u0d81-\u0df3\u200c\u200d"  # noqa: E501 - one class: \w lacks marks, and an Indic word would fall apart at each vowel
LONGEST = 100  # characters of a term; more is a hash or base64, its beginning is enough

# What a word may have behind it, looked for only there: C++ and C# their signs; a number parted
# thousands ("1.234" may as well have none).
_SIGNS = r"(?=[+#])(?<=(?<!\w)[A-Za-z])(?:\+\+|#)(?![^\W\d])"
_THOUSANDS = r"(?:(?:[,'’٬]\d{3})+|(?:\.\d{3}){2,})"
_FIRST = "|".join(rf"(?<=(?<![\w.,])[^\D0]{more})" for more in ("", r"\d", r"\d\d"))
_BEHIND = rf"{_SIGNS}|(?=[,'’٬.]\d)(?:{_FIRST}){_THOUSANDS}(?![.,'’٬]?\w)"
_EMOJI = "[\u2600-\u27bf\U0001f300-\U0001faff]"
_ASCII = re.compile(rf"\w+(?:{_BEHIND}|'\w+)?", re.ASCII)
_ANY = re.compile(
    rf"[{UNSPACED}]+|(?:[^\W{UNSPACED}]|[{MARKS}])+(?:{_BEHIND}|[{APOSTROPHES}][^\W{UNSPACED}]+)?"
    rf"|{_EMOJI}"
)
_IS_GROUPED = re.compile(rf"[^\D0]\d{{0,2}}{_THOUSANDS}")
_IS_EMOJI = re.compile(_EMOJI)
# What stands before a vowel in French, Italian and Catalan and is no part of its word.
_ELIDED = re.compile(
    rf"(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|(?:de|a|ne|da|su|que)ll|un|gl|all)[{APOSTROPHES}](?=\w{{3}})",
    re.IGNORECASE,
)
_RUN = re.compile(rf"[{UNSPACED}]")
_DIGITS = re.compile(r"\d+")
_PARTS = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|\d+")
_OTHER_PARTS = re.compile(r"\d+|[^\d_]+")


class Terms(dict[str, str]):
    """What a word of a text becomes: terms, joined by spaces. Remembers what it has seen."""

    def __init__(self, language: str, *, most: int = 300_000) -> None:
        super().__init__()
        self._language = language
        self._most = most  # words remembered; then it forgets them all
        self._stemmer = _snowball(STEMMERS[language]) if language in STEMMERS else None

    def __missing__(self, word: str) -> str:
        if _RUN.match(word):  # a run of Chinese is seldom seen twice
            return " ".join(bigrams(one_han(word)))
        forms = (form for name in _names(word) for form in self.forms(name))
        joined = " ".join(dict.fromkeys(forms))
        if len(self) >= self._most:
            self.clear()
        self[word] = joined
        return joined

    def forms(self, word: str) -> list[str]:
        """Return the term of a word, and that of it without its accents if it has any."""
        small = lowered(word, self._language)[:LONGEST]
        term = plain(self._stemmer.stemWord(small) if self._stemmer else small)
        if small.isascii():
            return [term]
        bare = unaccented(small) or small
        if bare == small:
            return [term]
        return [term, plain(self._stemmer.stemWord(bare) if self._stemmer else bare)]


def _names(word: str) -> list[str]:
    """Return a word, and the parts of it if it is an identifier, or has a joiner in Persian."""
    if elided := _ELIDED.match(word):
        word = word[elided.end() :]
    if _IS_GROUPED.fullmatch(word):
        return ["".join(_DIGITS.findall(word)), *_DIGITS.findall(word)]
    name = re.split(f"[{APOSTROPHES}]", word, maxsplit=1)[0]
    if name.isalpha() and name[1:].islower():
        return [word]
    if "\u200c" in name and "\u0600" <= name[0] <= "\u06ff":
        return [word, *filter(None, name.split("\u200c"))]
    parts = (_PARTS if name.isascii() else _OTHER_PARTS).findall(name)
    if len(parts) < 2:
        return [word]
    return [word, *(part for part in parts if len(part) > 1 or part.isdigit())]


class Stemmer(Protocol):
    """What is used of PyStemmer."""

    def stemWord(self, word: str) -> str:  # noqa: N802 - PyStemmer's name
        """Return the stem of a lower-case word."""
        ...


@cache
def _snowball(name: str) -> Stemmer:
    import Stemmer as snowball  # noqa: N813 - a module named like a class

    stemmer: Stemmer = snowball.Stemmer(name, 0)  # no cache of its own: Terms is one
    return stemmer


@cache
def _terms(language: str) -> Terms:
    return Terms(language)


def bigrams(run: str) -> list[str]:
    """Return the overlapping pairs of a run of characters, or the one character it is.

    >>> bigrams("模型默认"), bigrams("猫")
    (['模型', '型默', '默认'], ['猫'])
    """
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def terms(text: str, language: str = "") -> str:
    """Return the terms of ``text`` in its order, joined by spaces, as the lexical index takes them.

    Args:
        text: any text; it is compared in Unicode's compatibility form (full width = half width).
        language: two-letter code of its language; stemmed where Snowball has a stemmer for it.

    >>> terms("Set num_ctx for loaded models", "en")
    'set num_ctx num ctx for load model'
    >>> terms("模型默认 loadModel()")
    '模型 型默 默认 loadmodel load model'
    """
    found = _ASCII.findall(text) if text.isascii() else _ANY.findall(normal(text))
    return " ".join(map(_terms(language).__getitem__, found))


def is_bigram(term: str) -> bool:
    """Say whether a term comes from a script without spaces."""
    return _RUN.match(term) is not None


def query_terms(query: str, languages: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what to look for: one tuple a word, of the forms it may have in the index.

    Question and function words of English are left out where others remain.

    Args:
        query: what was asked.
        languages: the languages that texts of the index are in; a word has a form for each.

    >>> query_terms("Which models are loaded?", ["en"])
    [('model',), ('load',)]
    >>> query_terms("loaded models", ["en", "de", ""])
    [('load', 'loaded'), ('model', 'models')]
    """
    text = normal(query)
    words = _ANY.findall(text)
    telling = [w for w in words if not (asks_in_english(w) or _IS_EMOJI.match(w))] or words
    found: dict[tuple[str, ...], None] = {}
    for word in telling:
        if _RUN.match(word):
            found |= dict.fromkeys((pair,) for pair in bigrams(one_han(word)))
            continue
        for name in _names(word):
            forms = (_terms(language).forms(name) for language in languages or [""])
            found[tuple(dict.fromkeys(chain.from_iterable(forms)))] = None
    return list(found)


def asking_terms(query: str, languages: Sequence[str] = ()) -> set[str]:
    """Return the terms of the words that ask in a query.

    >>> sorted(asking_terms("Wie hoch ist die Miete?")), asking_terms("How much is the rent?")
    (['die', 'hoch', 'ist', 'wie'], {'much'})
    """
    asking = asking_words(_ANY.findall(normal(query)))
    stems = [_terms(language) for language in languages or [""]]
    return {form for word in asking for stem in stems for form in stem.forms(word)}


def asking_bigrams(query: str) -> set[str]:
    """Return the bigrams that what asks has a part in, in scripts that part no words.

    >>> sorted(asking_bigrams("租金是多少"))
    ['多少', '是多', '金是']
    """
    found: set[str] = set()
    for run in filter(_RUN.match, _ANY.findall(normal(query))):
        pairs = bigrams(one_han(run))
        for match in ASKING.finditer(run):
            found.update(pairs[max(match.start() - 1, 0) : match.end()])
    return found


def missing_words(query: str, languages: Sequence[str], missing: Collection[str]) -> list[str]:
    """Return the words of a query, as they were written, whose first term is ``missing``.

    Of a run without spaces, the stretches whose bigrams are missing.

    >>> missing_words("Loaded footballs?", ["en"], {"footbal"})
    ['footballs']
    >>> missing_words("模型多久", ["zh"], {"型多", "多久"})
    ['型多久']
    """
    first = _terms(languages[0] if languages else "")
    found: list[str] = []
    for word in _ANY.findall(normal(query)):
        if not _RUN.match(word):
            found += [word] if first[word].split(" ")[0] in missing else []
            continue
        at = -1  # where the stretch in hand ends
        folded = bigrams(one_han(word))
        for i, (pair, same) in enumerate(zip(bigrams(word), folded, strict=True)):
            if same in missing:
                found = [*found[:-1], found[-1] + pair[-1]] if at == i else [*found, pair]
                at = i + 1
    return list(dict.fromkeys(found))
