"""Files that hold files, such as archives: each member is to be read as a file of its own.

How an archive is kept: each of its members that can be read is a source under the path
``archive.zip!/a/b.md``, and the archive is a source without any text. That one is written when all
members are, together with the removal of those that are no longer in it. So an archive that is as
it was costs a look at its size and time; one that was cut off half-way, by a signal or an error,
is opened again by the next run, which finds the members that are done by their digests; and each
member has its old text or its new one. A mail is kept in the same way, but has a text of its own.

What a member is like on disk is what its archive is: ``mtime_ns`` is that of the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ragkit.catalog import INSIDE, holders, is_below
from ragkit.errors import LoadError
from ragkit.loading import read
from ragkit.loading.holders import LOOKED_AT, holder_of, may_hold
from ragkit.loading.members import MOST_DEPTH, Budget, Member, suffix_of
from ragkit.loading.own import Loaders
from ragkit.loading.reading import beginning
from ragkit.loading.walk import Found, Held
from ragkit.types import Document, Skipped

ARCHIVE = Document("", "archive")
ENDS_BEFORE = "its archive is cut off or damaged before it"


@dataclass(frozen=True, slots=True)
class Unpacker:
    """Opens what holds files.

    Args:
        stored: turns a path into the form the catalog keeps.
        loaders: those of one's own come before what is done here.
        max_file_bytes: the limit of each file and member.
        known: stored paths of members by that of the file on disk.
        is_wanted: says of a member by its stored path whether it is to be read; None for all.
        lost: suffixes of files whose loader is not at hand, and what to say of them.
    """

    stored: Callable[[str], str]
    loaders: Loaders
    max_file_bytes: int
    known: Mapping[str, list[str]]
    is_wanted: Callable[[str], bool] | None = None
    lost: Mapping[str, str] | None = None

    def __call__(self, found: Found) -> Iterator[Found | Skipped]:
        """Yield the members of a file, then the file itself; of most files, only that.

        A member that is passed over is a ``Skipped``, one that cannot be read has an ``error``.
        """
        path = found.name or self.stored(found.path)
        suffix = _suffix(found, path)
        if suffix in self.loaders.own or not may_hold(suffix):
            yield found
            return
        try:
            data = found.held.data if found.held else beginning(found.path, LOOKED_AT)
            if holder_of(data, suffix=suffix) is None:
                yield found
                return
            data = found.held.data if found.held else read(found.path, self.max_file_bytes)
            error = None
            if found.held is None and os.path.lexists(f"{found.path}!"):
                error = LoadError(
                    "a folder of this name with '!' stands beside it, whose files have the paths"
                    " that its members would have",
                    hint="rename one of them",
                )
        except (OSError, LoadError):  # met again, and told, when the file itself is read
            yield found
            return
        members: set[str] = set()
        if error:
            yield replace(found, name=path, held=Held(data, error))
            return
        opened = replace(found, name=path, held=found.held or Held(data))
        for one in self._opened(opened, Budget(len(data), self.max_file_bytes), members, 1):
            if not isinstance(one, Found) or one.name == path or self._wants(one.name):
                yield one

    def _wants(self, path: str) -> bool:
        return self.is_wanted is None or self.is_wanted(path)

    def _opened(
        self, found: Found, budget: Budget, members: set[str], depth: int
    ) -> Iterator[Found | Skipped]:
        """Yield the members of a file in memory, at all depths, then itself."""
        assert found.held is not None
        data = found.held.data
        suffix = _suffix(found, found.name)
        holder = holder_of(data, suffix=suffix)
        if holder is None or suffix in self.loaders.own:
            yield found
            return
        error = None
        if depth > MOST_DEPTH and holder.has_text:
            yield Skipped(f"{found.name}!", f"what is attached {depth} deep is not read")
        elif depth > MOST_DEPTH:
            error = LoadError(f"it is an archive {depth} deep: it is not opened", stage="parse")
        else:
            try:
                for member in holder.members(data, found.name.rpartition("/")[2], budget):
                    yield from self._member(found, member, budget, members, depth)
            except LoadError as failed:
                error = failed
                yield from self._left(found, members, is_part=failed.stage == "unpack")
            except Exception as failed:  # noqa: BLE001 - of a parser: it costs the file, not the run
                error = LoadError(f"{type(failed).__name__}: {failed}", stage="parse")
                yield from self._left(found, members, is_part=False)
        document, inside = (None, None) if holder.has_text else (ARCHIVE, frozenset[str]())
        held = Held(data, error, document, found.held.suffix, frozenset(members) or inside)
        yield replace(found, held=held)

    def _member(
        self, found: Found, member: Member, budget: Budget, members: set[str], depth: int
    ) -> Iterator[Found | Skipped]:
        path = found.name + INSIDE + member.name
        suffix = suffix_of(member.name)
        reason = member.skipped
        if not reason and self.loaders.is_binary_by_name(suffix):
            reason = "binary, by its name"
        if not reason and path in members:  # "b.zip!/c.md" is a name, and one in "b.zip"
            reason = "another member has this path"
        if reason:
            yield Skipped(path, reason)
            return
        members.add(path)
        error = member.error
        if error is None and self.lost and suffix in self.lost:
            error = LoadError(self.lost[suffix])
        one = Found(path, len(member.data), found.mtime_ns, path, Held(member.data, error))
        if error:
            yield one
        else:
            yield from self._opened(one, budget, members, depth + 1)

    def _left(self, found: Found, members: set[str], *, is_part: bool) -> Iterator[Found]:
        """Let members stay that are known from before: what holds them is not read to its end.

        With ``is_part`` some can be read: yield those that were not met, each as one that failed.
        """
        error = LoadError(ENDS_BEFORE, stage="unpack")
        top = next((path for path in holders(found.name) if path in self.known), found.name)
        for path in self.known.get(top, ()):
            if is_below(path, found.name) and path not in {found.name, *members}:
                members.add(path)
                if is_part:
                    yield Found(path, 0, found.mtime_ns, path, Held(b"", error))


def _suffix(found: Found, path: str) -> str:
    told = found.held.suffix if found.held else None
    return suffix_of(path) if told is None else told
