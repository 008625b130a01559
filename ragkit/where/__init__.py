"""Filters on what documents are and say of themselves: ``path:docs/** tag:howto after:2026``.

* ``grammar``: what a filter is, as text and as values
* ``dates``: dates as they are written, and the stretch of time that each means
* ``globs``: patterns of paths and values
* ``matching``: which documents a filter admits
"""

from ragkit.where.globs import escaped
from ragkit.where.grammar import KEYS, Term, Where, as_where
from ragkit.where.matching import Described, condition, matcher

__all__ = ["KEYS", "Described", "Term", "Where", "as_where", "condition", "escaped", "matcher"]
