"""The ragkit command: parse, call one method of ``Rag``, print. The only importer of click.

* ``app``: the group, how errors end, options that commands share
* ``output``: tables, citations, JSON
* ``progress``: how far a long command is
* ``wrapping``: lines that fit a terminal; ``links``: places that a click opens
* ``indexing``: ingest, status, rm; ``dry_run``, ``watching``: of an ingest
* ``listing``: ls
* ``showing``: show; ``opening``: open; ``programs``: with which
* ``history``: what was printed last, so that a number leads to it
* ``checking``: check
* ``portable``: export, import
* ``asking``: ask, search
* ``health``: doctor
* ``models``: the models of an Ollama server
* ``facts``: what is known of a model, in words
* ``settings``: config, completion
* ``completing``: names of models, for the shell
"""

from ragkit.cli.app import cli, main

__all__ = ["cli", "main"]
