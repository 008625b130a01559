"""Web pages: the content, tables as rows, what a page says of itself; what is left out is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.loading.formats import load
from ragkit.loading.page_parts import MOST_PARTS
from ragkit.types import Document
from tests.office import outline


def read(page: str) -> Document:
    document = load(page.encode(), suffix=".html")
    for heading in document.headings:
        assert " ".join(document.text[heading.start :].split()).startswith(heading.title)
    return document


PAGE = """<!DOCTYPE html><html lang="en-GB"><head><title>Bolts</title>
<meta name="Author" content="Ann"><meta name="keywords" content="bolts, nuts">
<meta name="description" content="What holds"><meta property="og:description" content="Other">
<meta property="article:published_time" content="2024-01-02T03:04:05Z">
<meta name="date" content="2025-06-07"><meta name="last-modified" content="7 June"><meta name="x">
</head><body>
<div class="cookie-banner"><div>We use cookies.</div><button>Fine</button></div>
<header><a href="/">ACME</a><nav><ul><li>Home</li><li>Shop</li></ul></nav></header>
<main><header><h1>Bolts</h1></header><p>They <a href="x">hold</a>.</p>
<nav>Next page</nav><footer>By Ann</footer><h2>More</h2><p>Nuts too, and a good many other things
that are worth the words of this page.</p></main>
<footer><h2>Legal</h2><p>ACME Ltd.</p></footer></body></html>"""


def test_the_content_is_kept_and_the_rest_is_told() -> None:
    document = read(PAGE)
    assert document.text == (
        "Bolts\n\nThey hold.\n\nBy Ann\n\nMore\n\n"
        "Nuts too, and a good many other things that are worth the words of this page."
    )
    assert outline(document) == [(1, "Bolts", "Bolts"), (2, "More", "More")]
    assert document.notes == (
        "left out: notice (21 characters), page header (21 characters), "
        "navigation (11 characters), page footer (18 characters)",
    )
    assert document.fields == (
        ("language", "en-GB"), ("author", "Ann"), ("tag", "bolts"), ("tag", "nuts"),
        ("description", "What holds"), ("created", "2024-01-02T03:04:05Z"),
        ("date", "2025-06-07"), ("date-as-written", "7 June"),
    )  # fmt: skip


LONG = "<p>" + "Words of the content. " * 9 + "</p>"


@pytest.mark.parametrize(
    ("page", "kept"),
    [
        ("<nav>Home</nav>" + LONG, False),
        ('<div role="navigation">Home</div>' + LONG, False),
        ("<header>Home</header>" + LONG, True),  # no main part: it may be the content
        ("<header>Home</header><main>" + LONG + "</main>", False),
        ("<header><h1>Home</h1></header><main>" + LONG + "</main>", True),  # the title
        ("<footer>Home</footer><div role=main>" + LONG + "</div>", False),
        ("<article><footer>Home</footer>" + LONG + "</article>", True),
        ("<nav>Home" + LONG, True),  # never closed
        ("<nav>Home<main>" + LONG + "</main></nav>", True),  # the content is inside
        ("<nav>" + "Home " * 20 + "</nav><p>x</p>", True),  # hardly anything would stay
        ('<div id="onetrust-banner">Home</div>' + LONG, False),
        ('<div id="onetrust-banner">Home' + LONG * 20 + "</div>" + LONG * 20, True),
        ('<section id="cookies">Home</section>' + LONG, True),
        ('<p class="skip-link">Home<br>x</p>' + LONG, False),
        ("<nav>Home</nav>" * (MOST_PARTS + 1) + LONG * 400, True),
        ('<p class="gdpr-notice"><img class="x"><p>a<p class="x">Home</p></p></p>' + LONG, False),
        ("<nav></nav>Home" + LONG, True),
        ("<nav>a</nav><nav>b<nav>Home</nav></nav>" + LONG, False),
    ],
)  # fmt: skip
def test_what_is_not_content(page: str, kept: bool) -> None:
    document = read(page)
    assert ("Home" in document.text) == kept
    assert "content" in document.text or "x" in document.text
    assert any(note.startswith("left out: ") for note in document.notes) == (not kept)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("<table><tr><th>Name<th>Price<tr><td>a<td>1</table>", "Name | Price\na | 1"),
        ("<table><tr><td><p>a</p></td><td><p>b</p></td></tr></table>", "a | b"),
        ("<table><tr><th>N</th><th></th><th>P</th></tr><tr><td></td><td>x</td></tr></table>",
         "N |  | P\n | x"),
        ("<table><tr><th>N<td><p>a</p><p>b<br>c</p><ul><li>d<li>e</ul><td>f</table>",
         "N | a b c - d - e | f"),
        ("<table><caption>Stock</caption><thead><tr><td>N<td>P</thead><tbody><tr><td>a<td>1</tbody>"
         "</table>after", "Stock\n\nN | P\na | 1\n\nafter"),
        ("<table><tr><td><table><tr><th>in<td>x</table><td>out</table>", "in | x | out"),
        ("<table><tr><th>N<td><pre>a\n b</pre></table>", "N | a\n b"),
        ("</table><tr><td>a<td>b<tr><td>c", "a | b\nc"),
    ],
)  # fmt: skip
def test_tables_are_rows(table: str, text: str) -> None:
    assert read(table).text == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<ol><li>a<li>b<ul><li>c</ul><li>d</ol>", "1. a\n2. b\n\n- c\n\n3. d"),
        ("<ol start=5><li>a<li value=9>b<li>c</ol>", "5. a\n9. b\n10. c"),
        ("<ol start=x><li value=y>a</ol></ol><li>b", "1. a\n\n- b"),
    ],
)
def test_lists_that_count(page: str, text: str) -> None:
    assert read(page).text == text


TAGS = st.sampled_from(
    "nav main header footer div table tr td th ol ul li h1 p pre article caption thead".split()
)


@given(
    st.lists(st.tuples(TAGS, st.booleans(), st.sampled_from(["", "a", "words here"])), max_size=40)
)
def test_no_markup_loses_words_in_silence(pieces: list[tuple[str, bool, str]]) -> None:
    page = "".join(f"<{'/' if ends else ''}{tag}>{words} " for tag, ends, words in pieces)
    document = read(page)
    told = any(note.startswith("left out") for note in document.notes)
    expected = " ".join(words for *_, words in pieces).split()
    found = [word for word in document.text.split() if word.isalpha()]
    assert found == expected or (told and len(found) < len(expected))


def test_what_is_never_closed_is_told_and_choices_are_words() -> None:
    document = read("<p>a</p><noscript><p>b</p><p>All the rest")
    assert document.notes == ("<noscript> is never closed: all behind it is left out",)
    page = read("<select><option>Red</option><option>Green</option></select><button>Go</button>")
    assert page.text.split() == ["Red", "Green", "Go"]


@pytest.mark.parametrize(
    ("head", "suffix", "codec", "text"),
    [
        ('<meta charset="windows-874">', ".html", "cp874", "สวัสดีชาวโลก"),
        ('<?xml version="1.0" encoding="windows-1251"?><html>', ".xhtml", "cp1251", "Да"),
        ('<?xml version="1.0" encoding="windows-1251"?>', ".xml", "cp1251", "<a>Да</a>"),
    ],
)
def test_what_a_page_or_xml_says_of_its_encoding_is_believed(
    head: str, suffix: str, codec: str, text: str
) -> None:
    document = load(f"{head}{text}".encode(codec), suffix=suffix)
    assert document.text.endswith(text)
    assert document.notes == ()


def test_pages_within_fields_raised_figures_and_drawings() -> None:
    inner = "<h2>Within</h2><iframe srcdoc='<iframe srcdoc=&quot;<iframe srcdoc=deep>&quot;>'>"
    inner = inner.replace("&", "&amp;").replace("'", "&#39;").replace("<", "&lt;")
    page = (
        f"<p>a 10<sup>6</sup> 10<sup></sup>7 1<sup>st</sup> m<sup>2</sup></p>"
        f'<iframe srcdoc="{inner}"></iframe>'
        "<iframe src=x></iframe><input value=Ann><input type=hidden value=no>"
        "<area alt=Map><select><optgroup label=Towns><option>Bonn</select>"
        "<svg><title>T</title><text>One</text><text>Two</text></svg>"
        "<p><math><mi>x</mi><annotation>\\x</annotation></math>"
        "<div><template shadowrootmode=open>Shown</template></div>"
    )
    assert read(page).text == (
        "a 10^6 107 1st m2\n\nWithin\n\ndeep\n\nAnn Map\nTowns\nBonn T\nOne\nTwo\n\nx \\x\n\nShown"
    )


def test_what_is_shown_only_without_scripts_is_told_if_it_is_much() -> None:
    code = "<style>" + "p {} " * 99 + "</style>"
    assert read(f"<p>a<noscript>Switch it on{code}</noscript>").notes == ()
    notes = read(f"<p>a<noscript><p>{'words ' * 30}</p></noscript>").notes
    assert notes == ("left out: <noscript> (150 characters)",)
