"""Files that people edit while a process goes on: whether they are others than when they were looked at last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

__all__ = ["LOOK", "Watched"]

#: How often the files' times are looked at, s.
LOOK = 1.0

_Times: TypeAlias = list[tuple[str, int, int]]


class Watched:
    """`files` names them anew at each look; one that is not there is not looked at. Made as they are read first."""

    def __init__(self, files: Callable[[], Iterable[Path]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._files, self._clock = files, clock
        self._seen, self._looked = self._times(), clock()

    def changed(self) -> bool:
        """Whether a file came, went or was written since the last change; not looked at more often than each LOOK."""
        now = self._clock()
        if now - self._looked < LOOK:
            return False
        self._looked = now
        before, self._seen = self._seen, self._times()
        return self._seen != before

    def _times(self) -> _Times:
        times: _Times = []
        for file in self._files():
            try:
                stat = file.stat()
            except OSError:
                continue
            times.append((str(file), stat.st_mtime_ns, stat.st_size))
        return times
