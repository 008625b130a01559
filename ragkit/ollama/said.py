"""What the body of a failed reply says, out of the shapes that releases and proxies put it in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ragkit.errors import OllamaReplyError
from ragkit.ollama.framing import one_line, value_of

MOST_CHARACTERS = 300
# What is begun and not ended goes to the end, and no "<" is within a tag: each is looked at once.
TAG = re.compile(r"<(style|script|title)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """A text, and what else stood beside it."""

    text: str = ""  # one line
    is_error: bool = True  # whether it was the "error" of a JSON object, as Ollama's are
    facts: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> int | None:
        """Return a fact that is a whole number."""
        value = self.facts.get(name)
        return value if isinstance(value, int) else None


def read(body: bytes | bytearray) -> Said:
    r"""Return what a body says, whichever of its eight shapes it has.

    >>> read(b'{"error":"model \'m\' not found"}').text
    "model 'm' not found"
    >>> read(b'{"error":"{\\"error\\":{\\"message\\":\\"too long\\",\\"n_ctx\\":4096}}"}')
    Said(text='too long', is_error=True, facts={'message': 'too long', 'n_ctx': 4096})
    >>> read(b"<html><title>502</title><h1>502 Bad Gateway</h1>")
    Said(text='502 Bad Gateway', is_error=False, facts={})
    """
    text = body.decode("utf-8", "replace")
    try:
        value = value_of(text.encode())
    except OllamaReplyError:
        return Said(one_line(TAG.sub(" ", text[:100_000]), MOST_CHARACTERS), is_error=False)
    if isinstance(value, dict) and "error" in value:
        return said(value)
    return Said(one_line(text, MOST_CHARACTERS), is_error=False)


def said(value: Mapping[str, Any]) -> Said:
    """Return what a JSON object with an "error" says."""
    facts, error = value, value["error"]
    if isinstance(error, str) and error.startswith("{"):  # an error of llama-server, as text
        with suppress(OllamaReplyError, LookupError, TypeError):  # it only looks like one
            error = value_of(error.encode("utf-8", "replace"))["error"]
    if isinstance(error, dict):
        facts = error
        error = error.get("message") or error or ""
    return Said(one_line(str(error), MOST_CHARACTERS), facts=facts)
