"""Each file type's text, title and headings."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ragkit.loading.formats import MAGICS, document_type, is_binary, load
from ragkit.types import Document


def read(text: str, suffix: str) -> Document:
    return load(text.encode(), suffix=suffix)


def outline(document: Document) -> list[tuple[int, int, str]]:
    return [(heading.start, heading.level, heading.title) for heading in document.headings]


# Types


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (".MD", "markdown"), (".mdx", "markdown"), (".rst", "rst"), (".htm", "html"),
        (".pdf", "pdf"), (".py", "code/python"), (".yaml", "yaml"), (".txt", "text"), ("", "text"),
    ],
)  # fmt: skip
def test_types_go_by_suffix(suffix: str, kind: str) -> None:
    assert document_type(suffix) == kind


@pytest.mark.parametrize("suffix", [".txt", ".py", ".md", ".rst", ""])
def test_a_text_is_kept_as_it_is(suffix: str) -> None:
    text = "# one\r\ntwo\rthree\n\tfour\0 \u2028 ﬁve 👩‍👧\n\n"
    document = read(text, suffix)
    assert (document.text, document.type, document.notes) == (text, document_type(suffix), ())


@pytest.mark.parametrize(("magic", "name"), MAGICS)
def test_binaries_are_named(magic: bytes, name: str) -> None:
    assert is_binary(magic + b"...", suffix=".txt") == f"binary: {name}"


@pytest.mark.parametrize(
    ("data", "suffix", "reason"),
    [
        (b"text", ".md", ""),
        (b"", ".md", ""),
        (b"a\0b", ".txt", "binary: it has zero bytes"),
        (b"\xff\xfea\0b\0", ".txt", ""),
        (b"a\0b\0c\0", ".txt", ""),
        (b"x" * 10_000 + b"\0", ".txt", ""),  # far behind the beginning
        (b"\0\0%PDF-1.7", ".txt", ""),
        (b"\0\0", ".pdf", ""),  # load says that it is none
    ],
)
def test_zero_bytes_make_a_binary_but_in_wide_text(data: bytes, suffix: str, reason: str) -> None:
    assert is_binary(data, suffix=suffix) == reason


# Markdown


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: Plain words # a comment\n---\n# Other\n", "Plain words"),
        ('---\ntitle: "Say \\"hi\\": now"\n---\n', 'Say "hi": now'),
        ("---\nlang: en\ntitle: 'It''s # here' \n---\n", "It's # here"),
        ("---\r\nlang: en\r\nTitle: Of Windows\r\n---\r\n# Other\r\n", "Of Windows"),
        ("---\rtitle: Of old\r---\r# Other\r", "Of old"),
        ("---\ntitle: >-\n  Folded words\n  and more\n---\n", "Folded words and more"),
        ("---\ntitle: |\n  Literal words\n---\n", "Literal words"),
        ('---\n# a comment\n"title": Quoted key\n...\n# Other', "Quoted key"),
        ('+++\ndate = 2024-01-01\ntitle = "Of TOML"\n+++\n# Other\n', "Of TOML"),
        ("+++\ntitle = 'Of TOML'\n+++", "Of TOML"),
        ("---\n---\n# Heading\n", "Heading"),
        ("---\ntitle:\n---\n# Heading\n", "Heading"),
        ("---\nlang: en\n---\n\nSetext\n======\n", "Setext"),
        ("---\nlang: never closed\n# Heading\n", "Heading"),
        ("---\nkey: ```\n# inside\n---\n# Heading\n", "Heading"),
        ("no title at all", ""),
        ("", ""),
    ],
)
def test_titles_of_markdown(text: str, title: str) -> None:
    document = read(text, ".md")
    assert (document.title, document.text) == (title, text)


MARKDOWN = [
    ("# One\n## Two ##\n###### Six\n", [(0, 1, "One"), (6, 2, "Two"), (16, 6, "Six")]),
    ("#No\n####### No\n    # code\n\\# No\n#\n## \n", []),
    ("   # Indented\n", [(0, 1, "Indented")]),
    ("# C#\n# C #\n# C \\#\n", [(0, 1, "C#"), (5, 1, "C"), (11, 1, "C #")]),
    ("One\n===\n\nTwo\n---\n", [(0, 1, "One"), (9, 2, "Two")]),
    ("text\nlast line\n====\n", [(5, 1, "last line")]),
    ("One\r\n===\r\n\r\n# Two\r\n", [(0, 1, "One"), (12, 1, "Two")]),
    ("# One\r\rTwo\r---\rtext\r# Three\r", [(0, 1, "One"), (7, 2, "Two"), (20, 1, "Three")]),
    # Rules are no headings.
    ("---\n\nText\n\n---\n# One\n", [(15, 1, "One")]),
    ("---\nSome words.\n\n# One\n", [(17, 1, "One")]),
    ("a\n\n---\n***\n---\n# One\n---\n", [(15, 1, "One")]),
    ("- item\n---\n> quote\n---\n| cell |\n---\n    code\n---\n", []),
    # Fences
    ("```sh\n# no\n```\n# One\n", [(15, 1, "One")]),
    ("````\n```\n# no\n```\n# no\n````\n# One\n", [(28, 1, "One")]),
    ("~~~ `x`\n# no\n```\n# no\n~~~~\n# One\n", [(27, 1, "One")]),
    ("# One\n```\n# never closed\n", [(0, 1, "One")]),
    ("```\n# no\n    ```\n# no\n```\n# One\n", [(26, 1, "One")]),
    ("- ```\n  # no\n  ```\n# One\n", [(19, 1, "One")]),
    ("1. - ```\n     # no\n     ```\n\n# One\n", [(29, 1, "One")]),
    ("```one line``` of code\n# One\n", [(23, 1, "One")]),
    ("One\n===\n```\nTwo\n---\n```\n", [(0, 1, "One")]),
    # HTML
    ("<!-- # no\n# no\n--> \n# One\n", [(20, 1, "One")]),
    ("<pre>\n# no\n</pre>\n<script>\n# no\n</script>\n# One\n", [(42, 1, "One")]),
    ("# One\n<!--\n# never closed\n", [(0, 1, "One")]),
    ("<prelude>\n# One\n", [(10, 1, "One")]),
    # What stands in headings
    ("# A [link](http://x/(y) 'z') and [one][ref]\n", [(0, 1, "A link and one")]),
    ("# ![logo](a.png) [![badge](b.svg)](c)\n", [(0, 1, "logo badge")]),
    ("# [unclosed](x\n# [](x)\n", [(0, 1, "[unclosed](x")]),
    ("# *Bold* `num_ctx * 2` \\*star\\*\n", [(0, 1, "Bold num_ctx * 2 *star*")]),
    ('# <a id="x"></a>Words {#own-id}\n', [(0, 1, "Words")]),
    ("`code` *x*\n---\n", [(0, 2, "code x")]),
]


@pytest.mark.parametrize(("text", "headings"), MARKDOWN)
def test_headings_of_markdown(text: str, headings: list[tuple[int, int, str]]) -> None:
    document = read(text, ".md")
    assert (outline(document), document.text) == (headings, text)


# reStructuredText


RST = [
    ("Title\n=====\n\nPart\n----\n", [(0, 1, "Title"), (13, 2, "Part")]),
    (
        "===\nTop\n===\n\nOne\n===\n\nIn\n~~\n\nTwo\n===\n",
        [(0, 1, "Top"), (13, 2, "One"), (22, 3, "In"), (29, 2, "Two")],
    ),
    ("=====\n  Top\n=====\n", [(0, 1, "Top")]),
    ("A\r\n==\r\ntext\r\nB\r\n--\r\n", [(0, 1, "A"), (13, 2, "B")]),
    ("A\r==\rtext\rB\r--\r", [(0, 1, "A"), (10, 2, "B")]),
    ("A\n==\nB\n==\n", [(0, 1, "A"), (5, 1, "B")]),
    # Too short, but for the four that docutils lets pass
    ("A title\n===\nabc\n==\n", []),
    ("A long title\n====\n", [(0, 1, "A long title")]),
    ("标题\n====\n", [(0, 1, "标题")]),
    # Transitions, tables and quotes
    ("text\n\n-----\n\nmore\n", []),
    ("-----\n\nA\n-----\n", [(7, 1, "A")]),
    ("=====  =====\na      b\n=====  =====\n", []),
    ("  indented\n----------\n", []),
    ("=====\n-----\n", []),
    ("code::\n\n  A\n  ===\n", []),
    ("::\n::\n..\n", []),
    # What stands in titles
    (":ref:`The link <x>` and ``code``\n" + "=" * 40, [(0, 1, "The link and code")]),
    ("*One* `two <http://x>`__\n" + "=" * 40, [(0, 1, "One two")]),
    ("", []),
]


@pytest.mark.parametrize(("text", "headings"), RST)
def test_headings_of_restructured_text(text: str, headings: list[tuple[int, int, str]]) -> None:
    document = read(text, ".rst")
    assert (outline(document), document.text) == (headings, text)
    assert document.title == (headings[0][2] if headings else "")


MARKS = st.text(st.sampled_from("#=-~`<!>[](){}*\\'\":.+|_ \t\n\n\r\nab1é"), max_size=120)
LINES = st.lists(
    st.sampled_from(
        "|---|+++|===|# a|## b ##|```|````|~~~|<!--|-->|<pre>|</pre>|a|b c|title: x|- ```|  =="
        "|    #|[a](b)|..|::|:r:`x <y>`".split("|")
    ),
    max_size=15,
)


@given(
    st.one_of(MARKS, LINES.map("\n".join), LINES.map("\r\n".join), LINES.map("\r".join)),
    st.sampled_from([".md", ".rst"]),
)
@example("a\rb\n=\n", ".md")
@example("\n==\n==\n", ".rst")
def test_headings_ascend_each_at_the_beginning_of_a_line(text: str, suffix: str) -> None:
    document = read(text, suffix)
    starts = [heading.start for heading in document.headings]
    assert document.text == text
    assert starts == sorted(set(starts))
    assert all(start == 0 or text[start - 1] in "\r\n" for start in starts)
    assert all(heading.level >= 1 and heading.title.strip() for heading in document.headings)


# HTML


def test_a_page_is_read_as_it_is_seen() -> None:
    page = """<!DOCTYPE html>
    <html><head><meta charset="utf-8"><title>The  handbook &amp; more</title>
    <style>p { color: red }</style><script>var a = "<p>no</p>";</script></head>
    <body><noscript>Switch it on</noscript><template><p>no</p></template>
    <h1>Keeping <em>models</em> loaded</h1>
    <p>A model stays   for
    <b>five</b> minutes &lt; an hour&nbsp;long.<br>Then it goes.</p>
    <ul><li>one</li><li>two <i>more</i></li></ul>
    <table><tr><th>name</th><th>value</th></tr><tr><td>a</td><td>1</td></tr></table>
    <h2>The code</h2><pre>def f():
        return  1</pre><img src="x.png" alt="A picture"><img src="y.png">
    </body></html>"""
    document = read(page, ".html")
    assert document.text == (
        "Keeping models loaded\n\nA model stays for five minutes < an hour long.\nThen it goes.\n\n"
        "- one\n- two more\n\nname | value\na | 1\n\nThe code\n\ndef f():\n        return  1\n\n"
        "A picture"
    )
    assert (document.title, document.type, document.notes) == ("The handbook & more", "html", ())
    assert [(level, title) for _, level, title in outline(document)] == [
        (1, "Keeping models loaded"), (2, "The code")
    ]  # fmt: skip
    assert_headings_stand_in_the_text(document)


def assert_headings_stand_in_the_text(document: Document) -> None:
    for heading in document.headings:
        assert document.text[heading.start :].startswith(heading.title)


@pytest.mark.parametrize(
    ("page", "text", "headings"),
    [
        ("<h1>One", "One", []),
        ("<h1>One<p>text<h2>Two</h2>", "One\n\ntext\n\nTwo", ["One", "Two"]),
        ("<h1>One</h2>text", "One\n\ntext", ["One"]),
        ("<h2><div>In a box</div></h2>", "In a box", ["In a box"]),
        ("<h1></h1><h2> </h2></h3>x", "x", []),
        ("<h1><img alt='A logo'></h1>", "A logo", ["A logo"]),
        ("<p>a<p>b<li>c<li>d", "a\n\nb\n- c\n- d", []),
        ("<b>a <i>b</b> c</i>", "a b c", []),
        ("a</pre>b </td>c <pre>d  e", "a\n\nb c\n\nd  e", []),
        ("<tr><td>a<td>b<tr><td>c", "a | b\nc", []),
        ("a < b & c &amp; &#20013; &#xD800;", "a < b & c & 中 \ufffd", []),
        ("a &copy", "a ©", []),
        ("one <b", "one b", []),
        ("one <!-- two <p>three</p> <b>four", "one !-- two three four", []),
        ("one <script>two <p>three", "one", []),
        ("<![if x]>one<![endif]><!weird><?php x ?><![CDATA[no]]>", "one", []),
        ("<![>one", "one", []),
    ],
)
def test_pages_of_careless_writers(page: str, text: str, headings: list[str]) -> None:
    document = read(page, ".html")
    assert document.text.rstrip() == text
    assert [heading.title for heading in document.headings] == headings
    assert_headings_stand_in_the_text(document)


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title>Of the page</title><svg><title>A drawing</title></svg><h1>x</h1>", "Of the page"),
        ("<title>Never closed<body><p>text</p>", "Never closed"),
        ("<title> </title><h2>The heading</h2>", "The heading"),
        ("<p>text</p><svg><title>A drawing</title></svg>", ""),
    ],
)
def test_titles_of_pages(page: str, title: str) -> None:
    assert read(page, ".html").title == title


def test_a_page_of_scripts_only_is_told() -> None:
    page = read("<title>App</title><div id=root></div><script>start()</script>", ".html")
    assert (page.text, page.title) == ("", "App")
    assert page.notes == ("nothing but markup: the page has no text of its own",)
    assert read("", ".html").notes == ()


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ('<meta charset="gbk">', "gb18030", "模型 㐀"),
        ("<META CHARSET=gb2312>", "gbk", "朱镕基"),
        ("<meta charset='big5'>", "big5", "模型"),
        ('<meta http-equiv=x content="text/html; charset=Shift_JIS">', "cp932", "モデル①"),
        ("<meta charset=iso-8859-1>", "cp1252", "“naïve” – café"),
        ("<meta charset=iso-8859-2>", "iso8859_2", "žluťoučký"),
        ("<meta charset=koi8-r>", "koi8_r", "привет"),
        ("<meta charset=iso-2022-jp>", "iso2022_jp", "モデル"),
        ("<meta charset=utf-8>", "utf-8", "模型"),
        # What is not true
        ("<meta charset=iso-8859-1>", "utf-8", "“naïve” – 模型"),
        ("<meta charset=gbk>", "utf-8", "模型"),
        ("<meta charset=utf-16>", "utf-8", "模型"),
        ("<meta charset=utf-16>", "ascii", "text"),
        ("<meta charset=hex>", "ascii", "6162"),
        ("<meta charset=undefined>", "ascii", "text"),
        ("<meta charset=unicode_escape>", "ascii", "\\ud800"),
        ("<meta charset=no-such>", "utf-8", "模型"),
        ("<meta charset=utf-8>", "cp1251", " ".join(["Модель остаётся в памяти пять минут."] * 9)),
        ("<meta charset=utf-8>", "utf-16", "模型"),
        ("<meta charset=gbk>", "utf-8-sig", "模型"),
        ("", "utf-8", "模型"),
    ],
)
def test_a_page_is_in_what_it_says_if_that_is_true(declared: str, encoding: str, text: str) -> None:
    data = f"{declared}<p>{text}</p>".encode(encoding)
    assert load(data, suffix=".html").text == text


@given(
    st.lists(
        st.sampled_from(
            "<h1>|</h1>|<h2>|</h2>|<p>|<pre>|</pre>|<li>|<td>|<tr>|<title>|</title>|<script>|"
            "</script>|<!--|-->|<!|<?|</|<![|<a|<a'|>|&amp;|&|word|two|<| |\n".split("|")
        )
    ).map("".join)
)
def test_headings_of_any_page_stand_in_its_text(page: str) -> None:
    document = read(page, ".html")
    starts = [heading.start for heading in document.headings]
    assert starts == sorted(starts)
    for heading in document.headings:
        there = " ".join(document.text[heading.start :].split())
        assert there.startswith(heading.title)


# Hostile inputs: where a parser is not linear, these take minutes.


HOSTILE = (
    "#|`| |<|[|(|=\n|-|- |~|#\n|a\n---\n|```\n|\\|'|*|\r|é|![|[a](|<a |<a b=|<a b='|<!--|<!|<?|</|"
    "</a|<![|<script|<script>|<pre>|<h1>|<td>|&|&#|<meta charset|:a:`|`a<|..\n|title: '|\0"
).split("|")


@pytest.mark.no_cover
@pytest.mark.parametrize("suffix", [".md", ".rst", ".html"])
@pytest.mark.parametrize("unit", HOSTILE)
def test_nothing_but_a_mark_takes_no_time(unit: str, suffix: str) -> None:
    text = unit * (20_000 // len(unit))
    for before in ("", "---\n", "# ", "<title>", '<a b="'):
        document = read(before + text, suffix)
        assert suffix == ".html" or document.text == before + text
    assert is_binary(text.encode(), suffix=suffix) == (
        "binary: it has zero bytes" if unit == "\0" else ""
    )


@pytest.mark.parametrize("suffix", [".md", ".wiki"])
def test_headings_of_a_wiki(suffix: str) -> None:
    text = "= Swan =\n\n== Food ==\na = b\n\n= = = Fish = = =\r\nx\nTitle\n=====\n= odd ==\n"
    document = load(text.encode(), suffix=suffix)
    found = [(heading.level, heading.title) for heading in document.headings]
    assert found == [(1, "Swan"), (2, "Food"), (3, "Fish"), (1, "Title")]
    assert document.text == text
    assert document.type == {".md": "markdown", ".wiki": "wiki"}[suffix]
