"""Where sentences end: Unicode's own cases, and running text of many languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from ragkit.text import sentences, terminators
from ragkit.text.abbreviations import ANYWHERE, BEFORE_FIGURES

CASES = Path(__file__).parent / "data" / "SentenceBreakTest.txt"
AGREE = 392  # of 502; each of the others is accounted for below
NEWLINES = re.compile("[\r\n\x85\u2028\u2029]")
UNSPACED = re.compile(rf"[.!?…][{terminators.MARKS}]*[{terminators.CLOSING}{terminators.MARKS}]*\S")
# Unicode counts the blanks and the line break after a sentence as its own.
REST = re.compile(
    rf"(?:[^\S\r\n\u2028\u2029\x85]|[{terminators.MARKS}])*(?:\r\n|{NEWLINES.pattern})?"
    rf"[{terminators.MARKS}]*"
)


def cases() -> Iterator[tuple[str, set[int]]]:
    """Yield each text, and the offsets at which a sentence ends."""
    for line in CASES.read_text("utf-8").splitlines():
        text, ends = "", set()
        for part in line.split() if line[0] != "#" else ():
            if part == "÷":
                ends.add(len(text))
            elif part != "×":
                text += chr(int(part, 16))
        if text:
            yield text, ends - {0}


def found(text: str) -> set[int]:
    """Return where ragkit ends sentences, with the blanks that Unicode counts to them."""
    rests = (REST.match(text, end) for end in sentences.ends(text))
    return {rest.end() for rest in rests if rest}


def test_unicodes_cases_and_what_differs_on_purpose() -> None:
    every = list(cases())
    differing = [text for text, ends in every if found(text) != ends]
    assert len(every) == 502
    assert len(every) - len(differing) == AGREE
    lines = [text for text in differing if NEWLINES.search(text)]  # a wrapped line goes on
    rest = [text for text in differing if not NEWLINES.search(text)]
    assert (len(lines), len(rest)) == (92, 18)
    assert all(UNSPACED.search(text) for text in rest)  # "a!=b" and addresses


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (terminators.STERM, r"[\p{SB=STerm}--[!?]]"),
        (terminators.ATERM, r"[\p{SB=ATerm}--[.]]"),
        (terminators.CLOSING, r"[\p{SB=Close}--[\p{Ps}\p{Pi}]]"),
        (terminators.OPENING, r"[\p{SB=Close}&&[\p{Ps}\p{Pi}]]"),
        (terminators.GOES_ON, r"\p{SB=SContinue}"),
    ],
)
def test_the_tables_are_those_of_unicode(ours: str, theirs: str) -> None:
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x20000)]))
    mine = set(re.findall(f"[{ours}]", every))
    unicode = set(regex.findall(theirs, every, regex.VERSION1))
    assert mine == unicode


def test_marks_are_of_unicodes_extend_and_format() -> None:
    every = "".join(map(chr, range(0x10000 - 0x800 - 0x2000)))
    for char in re.findall(f"[{terminators.MARKS}]", every):
        assert regex.match(r"[\p{SB=Extend}\p{SB=Format}]", char), hex(ord(char))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # abbreviations, initials, figures, dates, by language
        ("Dr. Li met Mr. Smith. They left.", ["Dr. Li met Mr. Smith.", "They left."]),
        ("See fig. 3 and no. 5. The answer is no. Then go.",
         ["See fig. 3 and no. 5.", "The answer is no.", "Then go."]),
        ("Apples, pears, etc. are fruit. So is it, etc. Next.",
         ["Apples, pears, etc. are fruit.", "So is it, etc.", "Next."]),
        ("It costs $3.50 (approx. €3.20), i.e. little. OK.",
         ["It costs $3.50 (approx. €3.20), i.e. little.", "OK."]),
        ("Smith et al. (2019) say so. J. R. Smith agrees.",
         ["Smith et al. (2019) say so.", "J. R. Smith agrees."]),
        ("Das ist z. B. am 3. Oktober so. Vgl. Abb. 5. Ende.",
         ["Das ist z. B. am 3. Oktober so.", "Vgl. Abb. 5.", "Ende."]),
        ("El Sr. García llegó, p. ej. ayer. Véase pág. 4. Fin.",
         ["El Sr. García llegó, p. ej. ayer.", "Véase pág. 4.", "Fin."]),
        ("M. Dupont et Mme. Durand, p. ex. hier. Voir p. 12.",
         ["M. Dupont et Mme. Durand, p. ex. hier.", "Voir p. 12."]),
        ("Он живёт на ул. Ленина, т.е. близко. См. рис. 2. Всё.",
         ["Он живёт на ул. Ленина, т.е. близко.", "См. рис. 2.", "Всё."]),
        ("Het is d.w.z. hier, bijv. Amsterdam. Klaar.",
         ["Het is d.w.z. hier, bijv. Amsterdam.", "Klaar."]),
        ("Το βλέπει π.χ. ο κ. Παπάς. Τέλος.", ["Το βλέπει π.χ. ο κ. Παπάς.", "Τέλος."]),
        ("Sn. Yılmaz geldi, bkz. Ek. Bitti.", ["Sn. Yılmaz geldi, bkz. Ek.", "Bitti."]),
        # ellipses, quotes, brackets
        ("Wait… he said. So… Done... And now.", ["Wait… he said.", "So…", "Done...", "And now."]),
        ("He said “Go.” Then (she did.) “No!” was it?",
         ["He said “Go.”", "Then (she did.)", "“No!”", "was it?"]),
        ("“Why?”, she asked. «Oui !» Fin.", ["“Why?”, she asked.", "«Oui !»", "Fin."]),
        ("Type a!=b or see x.io/?q=1.5 there. It works?! Yes.",
         ["Type a!=b or see x.io/?q=1.5 there.", "It works?!", "Yes."]),
        ("It is v1.2.3 of node.js. `num_ctx` is a number. --offline too.",
         ["It is v1.2.3 of node.js.", "`num_ctx` is a number.", "--offline too."]),
        # lines, paragraphs, pages
        ("one.\r\rtwo\r- item\r\n\r\nthree", ["one.", "two", "- item", "three"]),
        ("a\u2029b\fc", ["a", "b", "c"]),
        ("2.1. Title of it. Text", ["2.1. Title of it.", "Text"]),
        # scripts
        ("他说：“好。”“走吧！”然后走了……他没回来。字.字",
         ["他说：“好。”", "“走吧！”", "然后走了……他没回来。", "字.", "字"]),
        ("值是３．１４。是吗？！好", ["值是３．１４。", "是吗？！", "好"]),
        ("そうです。「はい。」と言った｡終", ["そうです。", "「はい。」", "と言った｡", "終"]),
        ("यह है। वह था॥ क्या? हाँ", ["यह है।", "वह था॥", "क्या?", "हाँ"]),
        ("هل هذا؟ نعم. وهذا۔ آخر", ["هل هذا؟", "نعم.", "وهذا۔", "آخر"]),
        ("ሰላም ነው። ደህና፧ አዎ", ["ሰላም ነው።", "ደህና፧", "አዎ"]),
        ("Սա է։ Այո։", ["Սա է։", "Այո։"]),
        ("བཀྲ་ཤིས། བདེ་ལེགས།། ཡིན།", ["བཀྲ་ཤིས།", "བདེ་ལེགས།།", "ཡིན།"]),
        ("នេះ។ នោះ៕ ហើយ", ["នេះ។", "នោះ៕", "ហើយ"]),
        ("ဒါပါ။ ဟုတ်", ["ဒါပါ။", "ဟုတ်"]),
        ("ก" * 45 + " " + "ข" * 10 + " " + "ค" * 45, ["ก" * 45, "ข" * 10 + " " + "ค" * 45]),
    ],
)  # fmt: skip
def test_running_text(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences.spans(text)] == expected


@given(st.text(st.sampled_from('aB. !?…。，\n\r\f\u2029")“1é\u0301ก。།։-'), max_size=80))
def test_ends_ascend_and_the_last_is_the_end(text: str) -> None:
    ends = list(sentences.ends(text))
    assert ends == sorted(set(ends))
    assert ends[-1:] == ([len(text)] if text else [])
    last = sentences.last_end(text, 0, len(text))
    assert last == 0 or 0 < last < len(text)


def test_abbreviations_are_as_they_are_looked_up() -> None:
    for words in (ANYWHERE, BEFORE_FIGURES):
        assert all(word == word.lower() and not word.endswith(".") for word in words)
        assert all(len(word) <= sentences.LONGEST for word in words)
    assert not ANYWHERE & BEFORE_FIGURES


def test_a_long_text_without_ends_costs_one_pass() -> None:
    for text in ("。" * 20_000 + "，", "." * 20_000 + "x", "\r\n" * 10_000, " \n" * 10_000,
                 ".)" * 10_000, "ก " * 10_000, "a. " * 5_000):  # fmt: skip
        assert list(sentences.ends(text))[-1] == len(text)


def test_a_row_of_cells_is_a_sentence() -> None:
    text = "Prices\nName | Price\nBolt, long | 3\nNut | 4\n\nMore\nof it"
    assert [text[a:b] for a, b in sentences.spans(text)] == [
        "Prices", "Name | Price", "Bolt, long | 3", "Nut | 4", "More\nof it",
    ]  # fmt: skip
