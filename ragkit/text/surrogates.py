"""Half characters, which Python's strings may hold and UTF-8, files and JSON may not."""

from __future__ import annotations


def encodable(text: str) -> str:
    r"""Return ``text`` with pairs of surrogates joined, and U+FFFD for those that are no pair.

    >>> encodable("plain"), encodable("\ud83e\udd92"), encodable("a\ud800b")
    ('plain', '🦒', 'a\ufffdb')
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
