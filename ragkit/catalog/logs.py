"""Tell whether a catalog's log is what was written: SQLite leaves out what follows a flipped byte.

It takes that for the end of a run that was killed, so that what was committed after it is gone
without a word.

Source: https://sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

import struct
from pathlib import Path

HEADER, FRAME = 32, 24  # bytes before all, and before each page
LITTLE, BIG = 0x377F0682, 0x377F0683  # how the file begins says in what order its sums take bytes
BITS = 0xFFFF_FFFF


def is_cut_short(log: Path) -> bool:
    """Say whether a log has transactions that SQLite does not see.

    While somebody writes the answer means nothing.
    """
    try:
        data = log.read_bytes()
    except FileNotFoundError:
        return False
    if len(data) <= HEADER:
        return False
    start, _, size = struct.unpack_from(">III", data)
    if start not in (LITTLE, BIG):
        return True
    order = "<" if start == LITTLE else ">"
    sums = _summed(order, data[:24], (0, 0))
    if sums != struct.unpack_from(">II", data, 24) or not 512 <= size <= 65536:
        return True
    salts = data[16:24]
    is_seen = True  # all so far
    for at in range(HEADER, len(data) - FRAME - size + 1, FRAME + size):
        _, commits = struct.unpack_from(">II", data, at)
        if data[at + 8 : at + 16] != salts:
            is_seen = False  # of an older log; or damaged, if others follow
            continue
        if is_seen:
            sums = _summed(order, data[at : at + 8], sums)
            sums = _summed(order, data[at + FRAME : at + FRAME + size], sums)
            is_seen = sums == struct.unpack_from(">II", data, at + 16)
        if commits and not is_seen:
            return True
    return False


def _summed(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & BITS
        second = (second + other + first) & BITS
    return first, second
