"""Where a passage stands in its document, in one line."""

from __future__ import annotations

from collections.abc import Sequence

from ragkit.types import Chunk


def heading_path(title: str, headings: Sequence[str]) -> str:
    """Return title and headings as one line, the title once.

    >>> heading_path("Guide", ("Guide", "Setup")), heading_path("Guide", ("Setup",))
    ('Guide > Setup', 'Guide > Setup')
    """
    path = headings if not title or (headings and headings[0] == title) else (title, *headings)
    return " > ".join(path)


def text_in_context(title: str, chunk: Chunk) -> str:
    """Return the chunk with its title and heading path before it, as it is embedded and counted."""
    path = heading_path(title, chunk.headings)
    return f"{path}\n{chunk.text}" if path else chunk.text
