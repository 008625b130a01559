"""Readers of an index that is written meanwhile: each search must see whole documents.

Run as a program it is one: ``python -m tests.reading open|anew INDEX STOP`` searches until the file
STOP is there, with one ``Rag`` or a new one each time, and prints how often it did.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from ragkit import Rag

DOCUMENTS, SECTIONS = 12, 6
EVERYTHING = 2 * DOCUMENTS * SECTIONS  # passages, and more
QUESTION = "what do the harbour engines say"
STAMP = re.compile(r"\bgeneration(\d{5})\b")


def document(number: int, generation: int) -> str:
    """Return a document each of whose passages says of which generation it is."""
    said = f"Harbour engine {number} was seen in generation{generation:05} and is well. " * 9
    return f"# Engine {number}\n\n" + "".join(
        f"## Part {part}\n\nPart {part}. {said}\n\n" for part in range(SECTIONS)
    )


class Witness:
    """Looks at what one reader finds, search after search."""

    def __init__(self) -> None:
        self.searches = 0
        self.newest: dict[str, int] = {}  # generation seen of each document

    def sees(self, passages: Iterable[tuple[str, str]]) -> None:
        """Take note of a search's passages (path, text); all there are.

        Raises:
            AssertionError: they are not those of whole documents, or older than before.
        """
        found: dict[str, list[int]] = {}
        for path, text in passages:
            generations = set(map(int, STAMP.findall(text)))
            assert len(generations) == 1, (path, generations)
            found.setdefault(path, []).extend(generations)
        assert len(found) == DOCUMENTS, sorted(found)
        for path, stamps in found.items():
            assert len(stamps) == SECTIONS, (path, stamps)
            assert len(set(stamps)) == 1, (path, stamps)
            assert stamps[0] >= self.newest.get(path, 0), (path, stamps, self.newest)
            self.newest[path] = stamps[0]
        self.searches += 1


def main(way: str, index: str, stop: str) -> None:
    """Read until told to stop."""
    witness = Witness()
    with ExitStack() as stack:
        kept = stack.enter_context(Rag(index))
        while not (Path(stop).exists() and witness.searches):
            with ExitStack() as once:
                rag = kept if way == "open" else once.enter_context(Rag(index))
                hits = rag.search(QUESTION, k=EVERYTHING)
                witness.sees((hit.path, hit.chunk.text) for hit in hits)
    print(json.dumps({"searches": witness.searches, "newest": max(witness.newest.values())}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
