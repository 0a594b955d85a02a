"""Lists of row numbers, one for each of many keys, in one array that grows: the rows of an account, of a title."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ragged", "grown"]

_FIRST = 4  # a list's first room; it doubles


def grown(array: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The array with `size` lines or more, zeros behind those that it has."""
    if size <= len(array):
        return array
    wider = np.zeros((max(size, 2 * len(array), 16), *array.shape[1:]), array.dtype)
    wider[: len(array)] = array
    return wider


class Ragged:
    """A list of int64 for each key from 0 on, as in CSR, with room behind each list; a list that is full moves.

    Key k has flat[starts[k] : starts[k] + counts[k]].
    """

    def __init__(self) -> None:
        self.flat, self.starts, self.counts = (np.zeros(16, np.int64) for _ in range(3))
        self._room = np.zeros(16, np.int64)
        self._used = 0

    def add_key(self, key: int) -> None:
        """Make room for a key's list, which is empty."""
        self.starts, self.counts, self._room = (grown(a, key + 1) for a in (self.starts, self.counts, self._room))

    def append(self, key: int, value: int) -> None:
        """Put a value behind those of a key."""
        count = int(self.counts[key])
        if count == self._room[key]:
            self._move(key, count)
        self.flat[self.starts[key] + count] = value
        self.counts[key] = count + 1

    def _move(self, key: int, count: int) -> None:
        room = max(_FIRST, 2 * count)
        self.flat = grown(self.flat, self._used + room)
        start = int(self.starts[key])
        self.flat[self._used : self._used + count] = self.flat[start : start + count]
        self.starts[key], self._room[key] = self._used, room
        self._used += room

    def of(self, key: int) -> NDArray[np.int64]:
        """A key's values, as a view."""
        start = int(self.starts[key])
        return self.flat[start : start + int(self.counts[key])]
