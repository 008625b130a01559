"""Where a passage stands in its document, in one line."""

from __future__ import annotations

from collections.abc import Sequence


def heading_path(title: str, headings: Sequence[str]) -> str:
    """Return title and headings as one line, the title once.

    >>> heading_path("Guide", ("Guide", "Setup")), heading_path("Guide", ("Setup",))
    ('Guide > Setup', 'Guide > Setup')
    """
    path = headings if not title or (headings and headings[0] == title) else (title, *headings)
    return " > ".join(path)
