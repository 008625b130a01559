"""Pure functions of text: how long it is, where it may be cut, what its words are.

* ``tokens``: an estimate of a model's tokens that knows scripts
* ``graphemes``: where a text may be cut without breaking a character
* ``sentences``: where sentences end, in any script; ``terminators``, ``abbreviations``: by what
* ``surrogates``: half characters made whole or marked
* ``languages``: which language a text is in, and its function words
* ``page_ranges``: page numbers, runs of them in one
* ``headings``: where a passage stands, in one line
* ``asking``: the words that ask, of many languages
* ``words``: the terms that BM25 counts; ``folding``: what is written in two ways and is one
* ``wording``: refusals and notices, in the language of the question
"""
