"""How many texts one server is sent at once: fewer where they were too many for it."""

from __future__ import annotations

import threading

GOOD_REQUESTS = 10  # after which as many texts are sent as before
MOST_GOOD_REQUESTS = 160


class Load:
    """The most texts of a request to one server; several threads may share it.

    Halved where a request took too long or the server was too busy, whole again after ten good
    requests. A time-out costs minutes: where it comes back with the full number of texts, twice as
    many good requests are asked for the next time.

    Args:
        most: texts of a request to a server that does well.
    """

    def __init__(self, most: int) -> None:
        self.texts = most
        self._most = most
        self._good = 0  # requests since it was halved
        self._needed = GOOD_REQUESTS
        self._was_slow = False
        self._lock = threading.Lock()

    def went_well(self) -> None:
        """Count a good request."""
        with self._lock:
            if self.texts == self._most:
                return
            self._good += 1
            if self._good >= self._needed:
                self.texts = self._most

    def was_too_much(self, texts: int, *, slow: bool) -> None:
        """Ask for less from now on.

        Args:
            texts: that the request had; of two that fail at once the second changes nothing.
            slow: it took too long; else the server was busy.
        """
        with self._lock:
            if slow and self._was_slow and self.texts == self._most:
                self._needed = min(2 * self._needed, MOST_GOOD_REQUESTS)
            self._was_slow = self._was_slow or slow
            self.texts = min(self.texts, max(texts // 2, 1))
            self._good = 0
