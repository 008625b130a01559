"""Tokens, graphemes, sentences, languages and words."""

import re
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from ragkit.text import graphemes, sentences, tokens, words
from ragkit.text.languages import detect

ANY = st.text(st.characters(exclude_categories=["Cs"]))


@given(ANY, ANY)
def test_the_estimate_adds_up(one: str, two: str) -> None:
    both = tokens.estimate_tokens(one + two)
    assert both <= tokens.estimate_tokens(one) + tokens.estimate_tokens(two) <= both + 1


@given(ANY, st.integers(1, 50))
def test_what_fits_is_the_most_that_fits(text: str, budget: int) -> None:
    end = tokens.fitting(text, 0, budget)
    assert end == 1 or tokens.estimate_tokens(text[:end]) <= budget
    assert end >= len(text) or tokens.estimate_tokens(text[: end + 1]) > budget


@pytest.mark.parametrize(
    ("text", "most", "least"),
    [
        ("The model stays in memory for five minutes.", 11, 9),
        ("模型默认在内存中保留五分钟。", 14, 12),
        ("Модель остаётся в памяти пять минут.", 20, 12),
    ],
)
def test_the_estimate_knows_scripts(text: str, most: int, least: int) -> None:
    assert least <= tokens.estimate_tokens(text) <= most


@given(
    st.text(st.sampled_from("a é\u0301👩\u200d👧🏽ก\u0e33\r\n한"), max_size=60), st.integers(0, 60)
)
def test_floor_is_a_grapheme_boundary(text: str, offset: int) -> None:
    at = graphemes.floor(text, min(offset, len(text)))
    boundaries = {0, len(text), *(m.start() for m in regex.finditer(r"\X", text))}
    assert at in boundaries or at == offset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It costs 3.5 s, e.g. here. Next.", ["It costs 3.5 s, e.g. here.", "Next."]),
        ("J. Smith wrote it. 1. item", ["J. Smith wrote it.", "1. item"]),
        ("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"]),
        ("¿Qué? ¡Sí! Vale", ["¿Qué?", "¡Sí!", "Vale"]),
        ("यह है। वह था।", ["यह है।", "वह था।"]),
        ("Title\n\nBody text", ["Title", "Body text"]),
        ("one\n- two\n- three", ["one", "- two", "- three"]),
        ("wrapped\nline goes on.", ["wrapped\nline goes on."]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences.spans(text)] == expected


@given(ANY)
def test_sentences_hold_every_nonblank_character(text: str) -> None:
    found = sentences.spans(text)
    assert "".join("".join(text[a:b].split()) for a, b in found) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The quick answer is that it was loaded for you.", "en"),
        ("Die Antwort ist nicht in den Dokumenten, die der Nutzer hat.", "de"),
        ("La respuesta no está en los documentos que el usuario tiene.", "es"),
        ("Ответ находится в этих документах.", "ru"),
        ("答案不在文件裡。", "zh"),
        ("答えは書類の中にありません。", "ja"),
        ("답은 문서에 없습니다.", "ko"),
        ("def f(x): return x + 1", "en"),
        ("使用 OLLAMA_HOST 环境变量", "zh"),
        ("1234 5678", ""),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Claude's models don't stop", "en", "claud model don't stop"),
        ("num_ctx getUserName HTTPServer2 APIs", "",
         "num_ctx num ctx getusername get user name httpserver2 http server 2 apis"),
        ("Ｆｕｌｌ ｗｉｄｔｈ", "", "full width"),
        ("naïve l’été", "", "naïve naive été ete"),
        ("在 GPU 上运行", "zh", "在 gpu 上运 运行"),
        ("ภาษาไทย", "th", "ภา าษ ษา าไ ไท ทย"),
        ("हिन्दी में", "", "हिन्दी हिंदी में"),
        ("العمل؟ العمل؛ العمل", "ar", "عمل عمل عمل"),
        ("هٰذا", "", "هذا"),
        ("בית־ספר׃", "", "בית ספר"),
        ("ދިވެހި", "", "ދިވެހި"),
        ("コーヒー・マシン", "ja", "コー ーヒ ヒー マシ シン"),
        ("မြန်။မာ", "", "မြ ြန န် မာ"),
        ("", "en", ""),
    ],
)  # fmt: skip
def test_terms(text: str, language: str, expected: str) -> None:
    assert words.terms(text, language) == expected


def test_no_character_of_a_word_is_punctuation() -> None:
    inside = re.compile(f"[{words.MARKS}{words.UNSPACED}]")
    chars = filter(inside.match, map(chr, range(0x10000)))
    found = [char for char in chars if unicodedata.category(char) in ("Pd", "Ps", "Pe", "Po")]
    assert found == ["\u0c84", "\u0f85"]  # signs of Kannada and Tibetan that part no words


def test_question_words_are_left_out_unless_nothing_else_is_asked() -> None:
    assert words.query_terms("How does it do this?", ["en"])
    assert words.query_terms("How does keep_alive work?", ["en"]) == [
        ("keep_al",), ("keep",), ("aliv",), ("work",)
    ]  # fmt: skip


def test_a_long_word_is_a_short_term() -> None:
    assert len(words.terms("x" * 5000)) == words.LONGEST


@given(ANY, st.sampled_from(["", "en", "zh", "de"]))
def test_a_text_finds_itself(text: str, language: str) -> None:
    own = set(words.terms(text, language).split())
    asked = {form for forms in words.query_terms(text, [language]) for form in forms}
    assert asked <= own


def test_the_memory_of_words_is_bounded() -> None:
    known = words.Terms("", most=3)
    assert [known[word] for word in "abcdea"] == list("abcdea")
    assert len(known) <= 3
