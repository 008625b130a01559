"""The truth of an index: one SQLite file of sources, contents, chunks and vectors.

Writes are transactions; a reader sees one snapshot.

* ``database``: the file, its tables, seals and errors
* ``texts``: ``sources`` (path -> content), ``contents`` (one row a distinct text, whatever the
  number of its homes), ``chunks`` (spans of a content)
* ``vectors``: by digest of embedder and embedded text
* ``ledger``: ``roots``, ``caches`` (the files made from it), ``removed`` (chunks that the lexical
  cache still has), ``meta``
* ``failures``: files and pages that could not be read
* ``catalog``: all of it, open
"""

from ragkit.catalog.catalog import Catalog
from ragkit.catalog.database import FILE, UNFINISHED, digest_of
from ragkit.catalog.failures import UNKNOWN, stale
from ragkit.catalog.ledger import CacheRecord
from ragkit.catalog.rows import Content, Source, StoredChunk

__all__ = [
    "FILE",
    "UNFINISHED",
    "UNKNOWN",
    "CacheRecord",
    "Catalog",
    "Content",
    "Source",
    "StoredChunk",
    "digest_of",
    "stale",
]
