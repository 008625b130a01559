"""What reading a PDF may cost."""

from __future__ import annotations

from dataclasses import dataclass

MOST_PROCESSES = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """What a PDF may cost."""

    page_s: float = 30.0
    memory_mb: int = 1024
    processes: int = MOST_PROCESSES  # at most, and no more than there are cores
