"""The health of an index: whether it can be read, is whole, and fits its embedder."""

from __future__ import annotations

from ragkit.embedding.ollama import OllamaEmbedder
from ragkit.errors import IndexDamagedError, IndexMissingError, OllamaError, RagkitError
from ragkit.index.folder import Index
from ragkit.index.inventory import damages, lagging, status
from ragkit.types import Check

MEND = "'ragkit check --repair' mends it and embeds nothing; 'ragkit check' says all"


def unopened(error: RagkitError | None) -> Check:
    """Return the check of an index that could not be opened; None where there is none yet."""
    if error is None or isinstance(error, IndexMissingError):
        text, hint = (error.message, error.hint) if error else ("none yet", "ragkit ingest FOLDER")
        return Check("index", "note", text, hint)
    facts = {"error": type(error).__name__}
    return Check("index", "fail", error.message, error.hint, facts, error.exit_code)


def check_index(index: Index, embedder: OllamaEmbedder | None) -> Check:
    """Read every row and file of an index; say whether it is whole and up to date.

    Args:
        index: open.
        embedder: the one to ask it with, where it has shown that it works: whether its vectors are
            those of the index is seen too. Else None.
    """
    try:
        damaged = damages(index)
        found = status(index)
        if embedder and not damaged:
            index.require(index.maker.with_embedder(embedder))  # of chunks asks the next ingest
            index.require_same_vectors(embedder)
    except OllamaError as error:  # it worked a moment ago: no fault of the index
        return Check("index", "skipped", f"its vectors could not be compared: {error.message}")
    except RagkitError as error:
        return unopened(error)
    facts = {
        "index": found.index,
        "files": found.files,
        "passages": found.chunks,
        "without_vectors": found.without_vectors,
        "failed": len(found.failed),
        "embedder": found.embedder,
        "damages": damaged,
    }
    if damaged:
        more = f", and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        code = IndexDamagedError.exit_code
        return Check("index", "fail", f"damaged: {damaged[0]}{more}", MEND, facts, code)
    text = f"{found.files} files, {found.chunks} passages, embedded by {found.embedder}"
    lacks = [f"the {kind} cache is behind" for kind in lagging(index)]
    if found.without_vectors:
        lacks.append(f"{found.without_vectors} passages have no vector")
    pages = sum(failure.page is not None for failure in found.failed)
    if files := len(found.failed) - pages:
        lacks.append(f"{files} files could not be read")
    if pages:
        lacks.append(f"{pages} pages could not be read")
    if lacks:
        hint = "ragkit ingest; 'ragkit status --failed' says why"
        return Check("index", "note", f"{text}; {', '.join(lacks)}", hint, facts)
    return Check("index", "ok", text, facts=facts)
