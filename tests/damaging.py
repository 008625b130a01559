"""Damage to the files of an index, at random but the same for the same seed."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

KINDS = ("noise", "zeros", "flip", "truncate", "delete", "swap")
LONGEST = 4096  # bytes of a stretch


def damage(index: Path, other: Path, seed: int) -> str:
    """Damage one file of an index; say what was done.

    Args:
        index: its folder.
        other: the folder of another index, whose files may take the place of those of the first.
        seed: of the chance.
    """
    rng = random.Random(seed)
    files = sorted(f for f in index.rglob("*") if f.is_file() and f.stat().st_size)
    # Half of the damage to the catalog, which is the truth; the rest to any file.
    catalog = index / "catalog.sqlite"
    file = catalog if rng.random() < 0.5 else rng.choice(files)
    kind = rng.choices(KINDS, weights=(4, 3, 2, 1, 1, 1))[0]
    data = bytearray(file.read_bytes())
    length = min(len(data), int(LONGEST ** rng.random()))
    at = rng.randrange(len(data) - length + 1)
    told = f"{kind}: {length} bytes at {at} of {len(data)} in {file.relative_to(index)}"
    if kind == "delete":
        file.unlink()
        return told
    if kind == "swap":
        others = sorted(f for f in other.rglob("*") if f.is_file())
        same = [f for f in others if f.suffix == file.suffix]
        shutil.copyfile(rng.choice(same or others), file)
        return told
    if kind == "truncate":
        del data[at:]
    elif kind == "flip":
        for i in range(at, at + length):
            data[i] ^= 1 << rng.randrange(8)
    else:
        data[at : at + length] = rng.randbytes(length) if kind == "noise" else bytes(length)
    file.write_bytes(data)
    return told
