"""Reading PDFs: what runs in worker processes, so it imports no more than it needs (no numpy).

* ``found``: what is read of a PDF, and how it goes from one process to another
* ``reading``: a PDF's pages, one after the other, by the first reader that makes sense of each
* ``first``: pypdf, with ``properties`` and ``notes_in``; the only importers of pypdf
* ``second``: pypdfium2, where that is installed, for what pypdf cannot read
* ``legible``: whether a text can be one
* ``words``, ``furniture``: what typesetting did to the text, undone
* ``worker``: the process
"""
