"""What a model of no words of its own says: a sentence of the sources in its prompt, cited."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.ollama_server.vectors import LIGHT_LETTERS, words

SOURCE = re.compile(r"^\W{0,3}\[(\d+)\]", re.MULTILINE)  # its number, at the start of a line
SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
NOTHING = "The sources do not say."


def quoted(messages: Sequence[Mapping[str, Any]]) -> str:
    r"""Return the sentence that shares most words with the question, with its source's number.

    The sources are the texts that begin with a number in brackets, in any of the messages; the
    question is the last line of the last message, or what follows ``Question:`` there.

    >>> quoted([{"content": "[1] Cats sleep.\n[2] Dogs bark a lot.\n\nWhen do dogs bark?"}])
    'Dogs bark a lot. [2]'
    """
    prompt = "\n".join(str(message["content"]) for message in messages)
    last = str(messages[-1]["content"]).strip()
    question = (last.rpartition("Question:")[2].strip().splitlines() or [""])[-1]
    asked = {word for word in words(question) if len(word) > LIGHT_LETTERS}
    sources = prompt[: prompt.rfind(question)]
    best = max(
        _sentences(sources), key=lambda found: len(asked & set(words(found[0]))), default=None
    )
    if best is None or not asked & set(words(best[0])):
        return NOTHING
    return f"{best[0]} [{best[1]}]"


def _sentences(prompt: str) -> list[tuple[str, str]]:
    """Return each sentence of each source, with its number."""
    _, *parts = SOURCE.split(prompt)
    return [
        (sentence.strip(), number)
        for number, body in zip(parts[::2], parts[1::2], strict=True)
        for sentence in SENTENCE.findall(body)
        if sentence.strip()
    ]


def instance(schema: Any, said: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a value that fits a JSON schema, with what the model says where a text is wanted.

    >>> instance({"type": "object", "properties": {"n": {"type": "integer"}}}, "x")
    {'n': 1}
    """
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {key: instance(each, said) for key, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema.get("items", {}), said)]
    return {"integer": 1, "number": 1.0, "boolean": True, "null": None}.get(kind, said)
