"""The ragkit command: parse, call one method of ``Rag``, print. The only importer of click.

* ``app``: the group, how errors end, options that commands share
* ``output``: tables, progress, JSON
* ``indexing``: ingest, status, ls, show, rm, check
* ``asking``: ask, search
* ``health``: doctor
"""

from ragkit.cli import asking, health, indexing
from ragkit.cli.app import cli, main

__all__ = ["asking", "cli", "health", "indexing", "main"]
