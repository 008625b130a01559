"""How far a pull is: the server tells of one file after another, a person asks about the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ragkit.ollama.records import TransferStatus


@dataclass(frozen=True, slots=True)
class Transfer:
    """How far a pull or a push is, all files that were named so far together."""

    status: str  # as the server has it; "success" at the end
    done: int = 0  # bytes that are there
    total: int = 0  # bytes of the files named so far: the largest comes first
    moved: int = 0  # bytes that came over the wire: without what was there before


def transfers(steps: Iterable[TransferStatus]) -> Iterator[Transfer]:
    """Yield the sums after each step of a pull or a push.

    What the first word of a file says is done was there before: a pull that was stopped goes on
    from there, and a file that another model shares is there as a whole.

    >>> steps = [
    ...     TransferStatus("pulling a1", "sha256:a1", total=100, completed=40),
    ...     TransferStatus("pulling a1", "sha256:a1", total=100, completed=90),
    ...     TransferStatus("pulling b2", "sha256:b2", total=10),
    ... ]
    >>> [(transfer.done, transfer.total, transfer.moved) for transfer in transfers(steps)]
    [(40, 100, 0), (90, 100, 50), (90, 110, 50)]
    """
    first: dict[str, int] = {}
    latest: dict[str, TransferStatus] = {}
    for step in steps:
        if step.digest:
            first.setdefault(step.digest, step.completed)
            latest[step.digest] = step
        done = sum(each.completed for each in latest.values())
        total = sum(each.total for each in latest.values())
        yield Transfer(step.status, done, total, max(done - sum(first.values()), 0))
