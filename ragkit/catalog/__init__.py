"""The truth of an index: one SQLite file of sources, contents, chunks and vectors.

Writes are transactions; a reader sees one snapshot.

* ``database``: the file, its tables, seals and errors
* ``rows``: what the rows hold, as values
* ``texts``: ``sources`` (path -> content), ``contents`` (one row a distinct text, whatever the
  number of its homes)
* ``chunks``: spans of a content
* ``vectors``: by digest of embedder and embedded text
* ``ledger``: ``roots``, ``caches`` (the files made from it), ``removed`` (chunks that the lexical
  cache still has), ``meta``
* ``paths``: how paths are stored, those of members of archives too
* ``failures``: files and pages that could not be read
* ``logs``: whether all of a log is seen
* ``mending``: taking damaged rows out of the others' way
* ``replacing``: putting a new catalog in place of another, such as one of an older format
* ``carving``, ``salvage``: making a catalog anew of the rows of one that cannot be read (imported
  by who repairs one, and not from here)
* ``catalog``: all of it, open
"""

from ragkit.catalog.catalog import Catalog, is_there
from ragkit.catalog.database import FILE, FORMAT, UNFINISHED, digest_of, is_marked_as_written
from ragkit.catalog.failures import UNKNOWN, stale
from ragkit.catalog.ledger import CacheRecord
from ragkit.catalog.logs import is_cut_short
from ragkit.catalog.paths import INSIDE, above, below, holders, is_below, is_by_name, stored_path
from ragkit.catalog.replacing import is_outdated, renew, roots_of, sources_of
from ragkit.catalog.rows import Content, Source, StoredChunk

__all__ = [
    "FILE",
    "FORMAT",
    "INSIDE",
    "UNFINISHED",
    "UNKNOWN",
    "CacheRecord",
    "Catalog",
    "Content",
    "Source",
    "StoredChunk",
    "above",
    "below",
    "digest_of",
    "holders",
    "is_below",
    "is_by_name",
    "is_cut_short",
    "is_marked_as_written",
    "is_outdated",
    "is_there",
    "renew",
    "roots_of",
    "sources_of",
    "stale",
    "stored_path",
]
