"""Ask your own documents, on your own machine.

The layers, each importing only from those above it (tests/test_architecture.py):

    errors
    types   trust
    protocols   config   extras   text/
    ollama/  loading/  chunking  catalog  vectors  lexical  fusion  grounding  where/
    embedding   chat_models   index/
    ingest   query          the two pipelines: read them top to bottom
    doctor/                 what is wrong, and what to do
    rag                     picks the concrete parts
    cli/

>>> import ragkit
>>> ragkit.Settings().chunk_tokens
200
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ragkit.chunking import StructureChunker as StructureChunker
    from ragkit.config import Settings as Settings
    from ragkit.errors import RagkitError as RagkitError
    from ragkit.protocols import Answerer as Answerer
    from ragkit.protocols import Chunker as Chunker
    from ragkit.protocols import Embedder as Embedder
    from ragkit.query import Answer as Answer
    from ragkit.rag import Rag as Rag
    from ragkit.types import Chunk as Chunk
    from ragkit.types import Citation as Citation
    from ragkit.types import Document as Document
    from ragkit.types import Hit as Hit
    from ragkit.types import IngestReport as IngestReport
    from ragkit.types import Progress as Progress
    from ragkit.where import Where as Where

_HOMES = {
    "Answer": "query",
    "Answerer": "protocols",
    "Chunk": "types",
    "Chunker": "protocols",
    "Citation": "types",
    "Document": "types",
    "Embedder": "protocols",
    "Hit": "types",
    "IngestReport": "types",
    "Progress": "types",
    "Rag": "rag",
    "RagkitError": "errors",
    "Settings": "config",
    "StructureChunker": "chunking",
    "Where": "where",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605 - a test holds it against the imports above


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'ragkit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"ragkit.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
