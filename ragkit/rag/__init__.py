"""The composition root: the one place that picks concrete parts.

* ``parts``: which embedder, answerer and chunker
* ``served``: an embedding model on Ollama, of one server or several
* ``seeing``: a model that reads images
* ``searching``: finding and answering, with a server or without
* ``writing``: what changes an index; ``steps``: running it, and interrupting it
* ``rag``: one index and what is done with it
"""

from ragkit.rag.rag import Rag

__all__ = ["Rag"]
