"""Gives memory back to the system that is held for batches to come, where they have become far fewer."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["Pool", "Release"]

#: What may be held for batches to come, bytes, however few there are.
LEAST: Final = 64 << 20


class Pool(Protocol):
    """What is asked of an Arrow memory pool."""

    def bytes_allocated(self) -> int:
        """Bytes that batches take."""

    def release_unused(self) -> None:
        """Give all else back."""


def _nothing() -> None:
    """For a C library that gives memory back by itself, or not at all."""


def _trim() -> Callable[[], object]:
    """What has the C library give back the free pages between blocks in use: `malloc_trim` of glibc."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return _nothing
    return lambda: trim(0)


class Release:
    """Looks at Arrow's pool now and then. Batches of a backlog take and give back hundreds of MiB, and it keeps them.

    They are given back once, when what batches take has fallen to less than half of what it was: while a backlog lasts
    the next batch would only have to ask for them again. What numpy's arrays beside them took lies in the C library's
    heap, between blocks that are in use; after a backlog upon a million keys that was 200 MiB, given back in 25 ms.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool, self._most, self._trim = pool, 0, _trim()

    def look(self) -> None:
        """Give back what is no longer needed, if it is much."""
        taken = self._pool.bytes_allocated()
        self._most = max(self._most, taken)
        if self._most - taken > max(taken, LEAST):
            self._pool.release_unused()
            self._trim()
            self._most = taken
