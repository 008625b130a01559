"""What failed in earlier runs, as a survey sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ragkit.catalog import above, holders
from ragkit.index.folder import Index
from ragkit.loading.walk import Found
from ragkit.types import Failure


@dataclass(frozen=True, slots=True)
class Before:
    """What failed in earlier runs."""

    failures: list[Failure]
    paths: set[str]
    files: set[str]  # those of them that failed as a whole
    holding: set[str]  # archives that have members which failed
    given_up: dict[str, tuple[int, int]]  # size and time of files that failed for good
    remembered: set[str] = field(default_factory=set)  # those of them that are as they were

    @classmethod
    def of(cls, index: Index | None) -> Before:
        """Return what an index knows of it."""
        if index is None:
            return cls([], set(), set(), set(), {})
        failures = index.catalog.failures.intact()
        paths = {failure.path for failure in failures}
        files = {failure.path for failure in failures if failure.page is None}
        holding = {path for known in paths for path in holders(known)}
        return cls(failures, paths, files, holding, index.catalog.failures.given_up())

    def failed(self, path: str) -> bool:
        """Say whether a file failed, or what it lies in, or what lies in it."""
        return path in self.paths or path in self.holding or not self.paths.isdisjoint(above(path))

    def gave_up(self, found: Found, path: str) -> bool:
        """Say whether a file failed for good, and is as it was then."""
        return self.given_up.get(path) == (found.size, found.mtime_ns)

    def still(self, unchanged: Sequence[str]) -> tuple[Failure, ...]:
        """Return the failures of files that are not read again, and of their pages.

        An unchanged file is as the index has it, whatever failed in between: pages may lack.
        """
        whole = set(unchanged)
        return tuple(
            failure
            for failure in self.failures
            if failure.path in self.remembered
            or (failure.page is not None and failure.path in whole)
        )
