"""Has the clock on the wall go wrong in a process of a soak: Python imports this first where its folder is on the path.

`time.time` is ahead by the seconds that stand in a file, named in SOAK_CLOCK, as a double; monotonic time
is as it was, as on a machine whose clock is set.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

_SECONDS = struct.Struct("<d")


def _shift(path: str) -> None:
    with Path(path).open("rb") as file:
        ahead = mmap.mmap(file.fileno(), _SECONDS.size, access=mmap.ACCESS_READ)
    true, true_ns = time.time, time.time_ns

    def shifted() -> float:
        return true() + float(_SECONDS.unpack_from(ahead)[0])

    def shifted_ns() -> int:
        return true_ns() + int(_SECONDS.unpack_from(ahead)[0] * 1e9)

    time.time, time.time_ns = shifted, shifted_ns


if path := os.environ.get("SOAK_CLOCK"):
    _shift(path)
