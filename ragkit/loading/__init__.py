"""Read files: what there is (``walk``), and each file's text by its type (``formats.load``).

Importing this loads no loader: a question needs none.

* ``walk``, ``patterns``: the files below a folder, but those that are ignored
* ``reading``: a file's bytes; ``decoding``: these as text, ``declared`` as they say
* ``formats``: what reads which; ``kinds``: a type told by content; ``own``: loaders of the user's
* ``markup``, ``frontmatter``, ``code``, ``subtitles``: Markdown and the like, code, what is said
* ``tabular``, ``delimited``: CSV; ``json_text``, ``keyed``, ``paths``: values under their paths
* ``webpage``, ``page_head``, ``page_parts``: pages; ``mail``: mails; ``notebook``: notebooks
* ``packed``, ``xmltree``, ``writing``, ``raised``: what is packed in a ZIP, within bounds, its text
* ``docx``, ``numbering``, ``formulas``, ``pptx``, ``ooxml``: Word, presentations
* ``xlsx``, ``sheets``, ``numbers``, ``xls``: workbooks
* ``opendocument``, ``spreadsheet``, ``epub``, ``rtf``, ``ole``: other office files
* ``pdf``, ``workers``, ``limits``: PDFs; ``seen``: pages and images that a model has read
* ``holders``, ``members``, ``archives``, ``member_names``, ``attached``: files that hold files
* ``optional``: packages that only some formats need
"""

from ragkit.loading.reading import oversize, read

__all__ = ["oversize", "read"]
