"""Keep an index in step with files as they change. The only importer of watchfiles.

The system says that something has changed, an ingest finds out what: it costs a look at each file,
misses nothing that came in between, and is the same code that runs by hand. A root that is gone is
waited for, and so is a server that is away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread

from ragkit import extras
from ragkit.errors import IndexLockedError, OllamaError, RagkitError
from ragkit.loading.walk import IGNORE_FILES, NEVER
from ragkit.types import Change, IngestReport, Synced

GATHER_MS = 2000  # of changes that follow each other, at most
QUIET_MS = 200  # without one, after which those that came are taken up
ROOTS_S = 1.0  # between looks whether the roots are still there
AGAIN_S = 5.0  # between tries while the server is away, or another writes
LOOK_S = 600.0  # then all is looked at: not every file system says what changes in it
POLL_MS = 2000  # between looks at each file, where the system watches no more

Identity = tuple[int, int] | None  # of a file or folder; None where there is none


def watch(
    roots: Sequence[Path],
    *,
    index: Path,
    ingest: Callable[[Sequence[Path]], IngestReport],
    digests: Callable[[], Mapping[str, bytes]],
    notify: Callable[[str], None],
    is_patient: bool,
) -> Generator[Synced, None, None]:
    """Ingest now and whenever something has changed, without an end; yield after each ingest.

    Args:
        roots: files and folders.
        index: the index's folder, whose own changes do not count.
        ingest: brings the index in step with those of the roots that are there.
        digests: what the index holds: digests of files, by stored path.
        notify: told what is waited for.
        is_patient: wait for a server that is away at the beginning, too.

    Raises:
        MissingExtraError: watchfiles is not installed.
        OllamaError: the server failed in a way that waiting does not mend.
        IndexWriteError: no space, no permission.
    """
    extras.require("watchfiles", extra="watch")
    roots = [Path(os.path.abspath(root)) for root in roots]  # noqa: PTH100 - links stay
    failed: set[tuple[str, str]] = set()
    seen = [_identity(root) for root in roots]
    while True:
        with _changes(roots, index, notify) as changed:  # noticed from before the first look
            while seen == [_identity(root) for root in roots]:
                changed.clear()
                before = digests()
                report = _ingested(roots, ingest, notify, is_patient=is_patient)
                is_patient = True
                changes = [*_differences(before, digests()), *_failures(report, failed)]
                yield Synced(report, tuple(sorted(changes, key=lambda change: change.path)))
                failed = {(failure.path, failure.reason) for failure in report.failed}
                _wait(changed, roots, seen)
        now = [_identity(root) for root in roots]
        for root, was, is_ in zip(roots, seen, now, strict=True):
            if was and not is_:
                notify(f"{root} is no longer there: what it held stays until it is back, or pruned")
        seen = now


def _ingested(
    roots: Sequence[Path],
    ingest: Callable[[Sequence[Path]], IngestReport],
    notify: Callable[[str], None],
    *,
    is_patient: bool,
) -> IngestReport:
    """Ingest what is there; as long as the server is away, or another writes, try it again."""
    is_told = False
    while True:
        there = [root for root in roots if os.path.exists(root)]  # noqa: PTH110 - never raises
        try:
            report = ingest(there) if there else IngestReport()
        except RagkitError as error:
            if not (is_patient and _passes(error)):
                raise
            if not is_told:
                notify(f"{error.message}: changes wait until that is over ({error.hint})")
                is_told = True
            time.sleep(AGAIN_S)
        else:
            if is_told:
                notify("going on")
            return report


def _passes(error: RagkitError) -> bool:
    """Say whether waiting may help: not against a model that is missing."""
    is_of_server = isinstance(error, OllamaError) and error.exit_code == OllamaError.exit_code
    return is_of_server or isinstance(error, IndexLockedError)


def _differences(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[Change]:
    """Yield what an ingest did with each file.

    >>> list(_differences({"a": b"1", "b": b"2"}, {"a": b"3"}))
    [Change(path='a', kind='changed', reason=''), Change(path='b', kind='removed', reason='')]
    """
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            yield Change(path, "removed")
        elif path not in before:
            yield Change(path, "new")
        elif before[path] != after[path]:
            yield Change(path, "changed")


def _failures(report: IngestReport, told: Iterable[tuple[str, str]]) -> Iterator[Change]:
    for failure in report.failed:
        if (failure.path, failure.reason) not in told:
            yield Change(failure.path, "failed", failure.reason)


def _identity(root: Path) -> Identity:
    """Return what tells a folder from another that takes its place."""
    try:
        state = root.stat()
    except OSError:
        return None
    return (state.st_dev, state.st_ino) if root.is_dir() else (0, 0)  # files are replaced whole


def _wait(changed: Event, roots: Sequence[Path], seen: Sequence[Identity]) -> None:
    """Wait for a change, for a root that comes or goes, or for the time to look at all."""
    until = time.monotonic() + LOOK_S
    while time.monotonic() < until and not changed.wait(ROOTS_S):
        if list(seen) != [_identity(root) for root in roots]:
            return


@contextmanager
def _changes(roots: Sequence[Path], index: Path, notify: Callable[[str], None]) -> Iterator[Event]:
    """Yield what is set whenever something changes at or below the roots, from now on.

    Of a file its folder is watched: editors put a new file in its place.
    """
    changed = Event()
    folders = [root for root in roots if os.path.isdir(root)]  # noqa: PTH112 - never raises
    files = [root for root in roots if os.path.isfile(root)]  # noqa: PTH113
    counts = _Counts(folders, files, index)
    groups = ((folders, True), ([*{file.parent for file in files}], False))
    followers = [
        Follower(paths, is_deep=is_deep, counts=counts, changed=changed, notify=notify)
        for paths, is_deep in groups
        if paths
    ]
    with ExitStack() as stack:
        for follower in followers:
            stack.enter_context(follower)
        for follower in followers:
            follower.ready.wait()
        yield changed


class Follower:
    """A thread that sets ``changed`` at each change that counts, while its block lasts.

    Args:
        paths: folders.
        is_deep: changes further down count, too.
        counts: says of a change at a path whether it does.
        changed: is set.
        notify: told where the system does not say what changes.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        is_deep: bool,
        counts: Callable[[object, str], bool],
        changed: Event,
        notify: Callable[[str], None],
    ) -> None:
        self.ready = Event()  # set once no change is missed any more, or at the end
        self._stop = Event()
        self._paths = paths
        self._is_deep = is_deep
        self._counts = counts
        self._changed = changed
        self._notify = notify
        self._thread = Thread(target=self._run, daemon=True, name="ragkit-watch")

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._follow()
        finally:
            self.ready.set()

    def _follow(self) -> None:
        watchfiles = extras.require("watchfiles", extra="watch")
        for by_looking in (None, True):  # as the system's variables say; then by looking, anyway
            try:
                for changes in watchfiles.watch(
                    *self._paths,
                    watch_filter=self._counts,
                    debounce=GATHER_MS,
                    step=QUIET_MS,
                    stop_event=self._stop,
                    rust_timeout=QUIET_MS,
                    yield_on_timeout=True,  # the first of them says that it has begun
                    recursive=self._is_deep,
                    force_polling=by_looking,
                    poll_delay_ms=POLL_MS,
                    ignore_permission_denied=True,
                ):
                    self.ready.set()
                    if changes:
                        self._changed.set()
            except FileNotFoundError:  # a root has gone meanwhile, which is seen elsewhere
                return
            except (RuntimeError, OSError) as error:  # RuntimeError is the base of its own
                self._notify(
                    f"the system watches no more ({error}): files are looked at every few seconds"
                )
            else:
                return


def _names(path: Path) -> set[str]:
    """Return what the system may call a path: some see through links."""
    return {str(path), str(path.resolve())}


class _Counts:
    """Says whether a change may be of a file to read."""

    def __init__(self, folders: Sequence[Path], files: Sequence[Path], index: Path) -> None:
        self._folders = [f"{name}{os.sep}" for folder in folders for name in _names(folder)]
        self._files = {name for file in files for name in _names(file)}
        self._index = [f"{name}{os.sep}" for name in _names(index)]

    def __call__(self, _: object, path: str) -> bool:
        """Say so of a path; hidden ones do not count, nor does what is in the index."""
        if path in self._files:
            return True
        if any(path.startswith(index) for index in self._index):
            return False
        # One root may lie in another, in a folder that is not read from there: any of them counts.
        return any(
            _is_read(Path(path.removeprefix(folder)))
            for folder in self._folders
            if path.startswith(folder)
        )


def _is_read(path: Path) -> bool:
    """Say whether what has a path below a root may be of a file to read."""
    *above, name = path.parts
    hidden = any(part.startswith(".") or part in NEVER for part in above)
    return not hidden and (name in IGNORE_FILES or not name.startswith("."))
