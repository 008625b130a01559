"""Page numbers as they are said: runs of them in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST = 10  # runs; what is more is counted


def page_ranges(pages: Sequence[int]) -> str:
    """Return ascending page numbers, runs of them as one.

    >>> page_ranges([3, 7, 8, 9, 12]), page_ranges(range(1, 100, 2))
    ('3, 7-9, 12', '1, 3, 5, 7, 9, 11, 13, 15, 17, 19, ...')
    """
    runs: list[list[int]] = []
    for page in pages:
        if runs and runs[-1][1] == page - 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    told = [f"{first}-{last}" if last > first else f"{first}" for first, last in runs]
    return ", ".join([*told[:MOST], "..."] if len(told) > MOST else told)


def pages_in(told: str) -> Iterable[int]:
    """Return the page numbers that were told, all of them.

    >>> [*pages_in("3, 7-9")], [*pages_in("")]
    ([3, 7, 8, 9], [])
    """
    for run in filter(None, told.split(", ")):
        first, _, last = run.partition("-")
        yield from range(int(first), int(last or first) + 1)
