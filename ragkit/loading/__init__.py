"""Read files: what there is (``walk``), and each file's text by its type (``formats.load``).

Importing this loads no loader: a question needs none.
"""

from ragkit.loading.reading import oversize, read

__all__ = ["oversize", "read"]
