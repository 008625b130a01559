"""Notebooks: cells in order, what they printed, the cell of a citation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.loading.formats import load
from ragkit.types import Document


def read(book: object) -> Document:
    data = book if isinstance(book, str) else json.dumps(book)
    document = load(data.encode(), suffix=".ipynb")
    assert document.type == "ipynb"
    document.text.encode()
    return document


BOOK = {
    "nbformat": 4,
    "metadata": {
        "title": "Of  tea", "authors": [{"name": "Ann"}, "Bob", {}, {"name": " "}],
        "language_info": {"name": "python"}, "kernelspec": {"language": "R"},
    },
    "cells": [
        {"cell_type": "markdown", "source": ["# Tea\n", "\n", "Words."],
         "attachments": {"a.png": {"image/png": "x"}}},
        {"cell_type": "raw", "source": "  "},
        {"cell_type": "code", "source": "print(1)\n1 / 0", "outputs": [
            {"output_type": "stream", "text": ["\x1b[31mone\x1b[0m\n", "two\n"]},
            {"output_type": "display_data", "data": {"image/png": "x", "text/plain": "<Figure>"}},
            {"output_type": "error", "traceback": ["Traceback", "ZeroDivisionError: no"]},
            {"output_type": "display_data", "data": {"text/html": "<p>"}},
            "odd",
        ]},
        {"cell_type": "markdown", "source": "## Milk\nMore."},
        "odd",
    ],
}  # fmt: skip


def test_cells_and_what_they_printed_in_order() -> None:
    document = read(BOOK)
    assert document.text == (
        "# Tea\n\nWords.\n\nprint(1)\n1 / 0\n\none\ntwo\n\n<Figure>\n\n"
        "Traceback\nZeroDivisionError: no\n\n## Milk\nMore."
    )
    places = {place: document.text[at : at + 5] for at, place in document.places}
    assert places == {"#cell=1": "# Tea", "#cell=3": "print", "#cell=4": "## Mi"}
    assert [(document.text[h.start :][:6], h.level, h.title) for h in document.headings] == [
        ("# Tea\n", 1, "Tea"), ("## Mil", 2, "Milk"),
    ]  # fmt: skip
    assert document.title == "Of tea"
    assert document.fields == (("author", "Ann"), ("author", "Bob"), ("kernel", "python"))
    assert document.notes == ("2 pictures in it are not read",)


def test_notebooks_of_old() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Part"},
        {"cell_type": "code", "input": ["x = 1"], "language": "python",
         "outputs": [{"output_type": "display_data", "png": "x", "text": ["ok"]}]},
    ]  # fmt: skip
    document = read({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}, 1, {}]})
    assert document.text == "Part\n\nx = 1\n\nok"
    assert (document.title, document.headings[0].level) == ("Part", 2)
    assert document.notes == ("a picture in it is not read",)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("", "no valid notebook: read as plain text"),
        (json.dumps(BOOK)[:200], "no valid notebook: read as plain text"),
        ("words", "no valid notebook: read as plain text"),
        ("[]", "it has no cells: read as plain text"),
        ('{"cells": 3}', "it has no cells: read as plain text"),
    ],
)
def test_what_is_no_notebook_is_text_and_told(text: str, note: str) -> None:
    document = read(text)
    assert (document.text, document.notes) == (text, (note,))


def test_odd_values_are_passed_over() -> None:
    odd = {"metadata": [], "cells": [
        {"cell_type": "code", "source": 3, "outputs": 3},
        {"cell_type": "code", "source": [1, "a\ud800"], "outputs": [{"data": 1, "traceback": "t"}]},
        {"cell_type": "heading", "level": "x", "source": "H"}, {},
    ]}  # fmt: skip
    assert read(odd).text == "a\ufffd\n\nt\n\nH"
    assert read(
        {"cells": [], "metadata": {"kernelspec": {"language": "R"}, "title": 1}}
    ).fields == (("kernel", "R"),)


def test_what_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(LoadError, match="nested too deep"):
        read('{"cells": ' + "[" * 200_000)


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from("cells source cell_type outputs data text traceback metadata authors name "
                        "worksheets attachments title language_info level".split()),
        inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_any_json_ends_as_text(book: object) -> None:
    read({"cells": book, "metadata": book, "worksheets": [book]})
    read({"cells": [{"cell_type": "code", "source": book, "outputs": [book], "attachments": book}]})


def test_outputs_without_plain_words_are_read_as_they_are() -> None:
    shown = {"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "**42 kg**"}
    outputs = [
        {"output_type": "display_data", "data": shown},
        {"output_type": "display_data", "data": {"text/html": "<p>A page of tea</p>"}},
        {
            "output_type": "display_data",
            "data": {"text/html": "<p>Styled", "text/plain": "<pandas.Styler at 0x7f1A>"},
        },
        {"output_type": "display_data", "data": {"application/json": {"grams": ["çay", 3]}}},
        {"output_type": "error", "ename": "KeyError", "evalue": "'tea'", "traceback": []},
    ]
    text = read({"cells": [{"cell_type": "code", "source": "show()", "outputs": outputs}]}).text
    for said in ("**42 kg**", "A page of tea", "Styled", '"grams": ["çay", 3]', "KeyError: 'tea'"):
        assert said in text
