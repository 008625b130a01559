"""Read rows out of a catalog that SQLite cannot read any more, or not wholly.

Every page that holds rows is looked at, whether or not a way leads to it from the file's header:
what a row is, and that it is whole, is told by its seal. Pages that SQLite had given up are left
out where the list of them can be read, or texts that were dropped would come back.

Source: https://sqlite.org/fileformat2.html, sections 1.5 to 2.1 and 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

PAGE = 8192  # bytes; no other is ever made
FRAME = 24  # bytes before each page of the log
INNER_KEYED, LEAF_KEYED, LEAF = 0x02, 0x0A, 0x0D  # kinds of pages with rows
INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # bytes by serial type

Row = tuple[int | None, tuple[object, ...]]  # its number, where its table has them; its columns


def carved(file: Path) -> Iterator[Row]:
    """Yield all rows that can be made out, damaged ones among them, in no order.

    Columns are integers, text, bytes or None; damaged text is decoded all the same.

    Args:
        file: the catalog; its log is read too.
    """
    with _Pages(file) as pages:
        given_up = pages.given_up()
        for number in range(1, pages.count + 1):
            if number not in given_up:
                yield from pages.rows(number)


class _Pages:
    """The pages of a file, by number from 1; those in its log in place of older ones."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("rb")
        self._log: dict[int, bytes] = {}
        self.count = -(-file.stat().st_size // PAGE)
        log = file.with_name(file.name + "-wal")
        if log.is_file():
            self._read_log(log.read_bytes())

    def __enter__(self) -> _Pages:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def _read_log(self, data: bytes) -> None:
        salts = data[16:24]  # a frame with others is of an older log
        for at in range(32, len(data) - FRAME - PAGE + 1, FRAME + PAGE):
            if data[at + 8 : at + 16] == salts:
                number = int.from_bytes(data[at : at + 4])
                if 0 < number < 2**31:
                    self._log[number] = data[at + FRAME : at + FRAME + PAGE]
        self.count = max(self.count, *self._log, 0)

    def __getitem__(self, number: int) -> bytes:
        if number in self._log:
            return self._log[number]
        self._file.seek((number - 1) * PAGE)
        return self._file.read(PAGE).ljust(PAGE, b"\0")

    def given_up(self) -> set[int]:
        """Return the numbers of pages that are free, as far as the list of them can be read."""
        found: set[int] = set()
        trunk = int.from_bytes(self[1][32:36])
        while 1 < trunk <= self.count and trunk not in found:
            found.add(trunk)
            page = self[trunk]
            following, leaves = struct.unpack_from(">II", page)
            found.update(struct.unpack_from(f">{min(leaves, PAGE // 4 - 2)}I", page, 8))
            trunk = following
        return found

    def rows(self, number: int) -> Iterator[Row]:
        """Yield the rows that begin in a page."""
        page = self[number]
        start = 100 if number == 1 else 0
        kind, cells = page[start], int.from_bytes(page[start + 3 : start + 5])
        if kind not in (INNER_KEYED, LEAF_KEYED, LEAF):
            return
        places = start + (12 if kind == INNER_KEYED else 8)
        for place in range(places, min(places + 2 * cells, PAGE - 1), 2):
            try:
                yield self._row(page, int.from_bytes(page[place : place + 2]), kind)
            except (IndexError, ValueError, struct.error):
                continue  # no cell: damage

    def _row(self, page: bytes, at: int, kind: int) -> Row:
        if kind == INNER_KEYED:
            at += 4
        size, at = _varint(page, at)
        number = None
        if kind == LEAF:
            number, at = _varint(page, at)
        return number, _columns(self._payload(page, at, size, kind))

    def _payload(self, page: bytes, at: int, size: int, kind: int) -> bytes:
        """Return the bytes of a row, which may go on in other pages."""
        if size > self.count * PAGE:
            raise ValueError(size)
        most = PAGE - 35 if kind == LEAF else (PAGE - 12) * 64 // 255 - 23
        if size <= most:
            return page[at : at + size]
        least = (PAGE - 12) * 32 // 255 - 23
        here = least + (size - least) % (PAGE - 4)
        here = here if here <= most else least
        parts = [page[at : at + here]]
        following = int.from_bytes(page[at + here : at + here + 4])
        left = size - here
        while left > 0:
            if not 1 < following <= self.count:
                raise ValueError(following)
            more = self[following]
            parts.append(more[4 : 4 + left])
            left -= PAGE - 4
            following = int.from_bytes(more[:4])
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where it ends."""
    value = 0
    for i in range(at, at + 8):
        value = value << 7 | data[i] & 0x7F
        if data[i] < 0x80:
            return value, i + 1
    return value << 8 | data[at + 8], at + 9


def _columns(payload: bytes) -> tuple[object, ...]:
    """Return the columns of a row."""
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    found: list[object] = []
    for kind in kinds:
        length = INTEGERS.get(kind, 0) if kind < 12 else (kind - 12) // 2
        piece = payload[at : at + length]
        if len(piece) < length or kind in (7, 10, 11):  # cut; or nothing that is written here
            raise ValueError(kind)
        at += length
        if kind == 0:
            found.append(None)
        elif kind in (8, 9):
            found.append(kind - 8)
        elif kind in INTEGERS:
            found.append(int.from_bytes(piece, signed=True))
        else:
            found.append(piece.decode("utf-8", "replace") if kind % 2 else piece)
    return tuple(found)
