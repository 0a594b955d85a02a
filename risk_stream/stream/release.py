"""Gives memory back to the system that Arrow holds for batches to come, where they have become far fewer."""

from __future__ import annotations

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


class Release:
    """Looks at a pool now and then. Batches of a backlog take and give back hundreds of MiB, and a pool keeps them.

    They are given back once, when what batches take has fallen to less than half of what it was: while a backlog lasts
    the next batch would only have to ask for them again.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool, self._most = pool, 0

    def look(self) -> None:
        """Give back what is no longer needed, if it is much."""
        taken = self._pool.bytes_allocated()
        self._most = max(self._most, taken)
        if self._most - taken > max(taken, LEAST):
            self._pool.release_unused()
            self._most = taken
