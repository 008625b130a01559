"""What may go wrong, each by a switch that is off at first: ``server.faults.busy = 2``.

Numbers count down: two requests fail, the third is answered. Texts are marks: a request fails as
often as one of its texts holds the mark, in the words and with the status of the release.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

COUNTING = threading.Lock()


@dataclass
class Faults:
    """Switches. Those of the connection hold for every path, or for the one that ``only`` names."""

    # -- of the connection, and of proxies in between
    only: str = ""  # such as "/api/embed"
    drop: int = 0  # connections that are closed before a reply
    first_byte_s: float = 0.0  # wait before a reply
    bad_gateway: int = 0  # 502 with a page of HTML
    forbidden: int = 0  # 403 without a body
    unauthorized: int = 0  # 401 with the address to sign in at
    too_many: int = 0  # 429, as a remote model has it
    missing: int = 0  # 404 as text, as if the path were not there

    # -- of whatever needs a model
    busy: int = 0  # 503
    no_memory: bool = False  # the model does not load

    # -- of embedding
    nan: str = ""  # mark: a vector that is not of numbers
    nan_refused: str = ""  # mark: the same where the server looks for it (0.14 on)
    nan_literal: str = ""  # mark: NaN in the JSON
    null: str = ""  # mark: a null in the JSON
    zeros: str = ""  # mark: a vector of zeros
    wrong_dim: str = ""  # mark: a vector one number too short
    cut_fails: bool = False  # too long a text is refused though it may be cut (0.13.5 to 0.24)
    over_long: str = ""  # mark: too long, however short; for chat too
    crash: str = ""  # mark: the runner dies of the text, each time
    crash_above: int = 0  # the runner dies within a request of more texts than these
    slow_above: int = 0  # a request of more texts than these is never answered
    eof: int = 0  # the runner dies
    empty_error: int = 0  # {"error":{}} and 500
    no_embeddings: bool = False  # 501
    lost: int = 0  # vectors that are missing at the end of each reply

    # -- of chat and other streams
    chunk_bytes: int = 0  # cut the stream into chunks of so many bytes, through whatever is there
    chunk_records: int = 1  # records that come in one chunk
    no_last_newline: bool = False
    error_after: int | None = None  # the runner dies after so many records
    drop_after: int | None = None  # the connection does
    end_after: int | None = None  # the stream ends without its last record
    counted: int | None = None  # ``prompt_eval_count``, whatever was read

    # -- of pull
    pull_error: str = ""  # an error line after "pulling manifest"
    pull_uncounted: bool = False  # records without "completed"
    pull_cut: bool = False  # ends without "success"
    pull_there: int = 0  # parts of the first file that an earlier pull left, of five
    pull_part_s: float = 0.0  # how long a part takes

    def takes(self, name: str) -> bool:
        """Count one of a fault down, and say whether there was one."""
        with COUNTING:
            left: int = getattr(self, name)
            if left:
                setattr(self, name, left - 1)
            return left > 0

    def marks(self, name: str, text: str) -> bool:
        """Say whether a text holds the mark of a fault."""
        mark: str = getattr(self, name)
        return bool(mark) and mark in text
