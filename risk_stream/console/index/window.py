"""A page of rows in an order, without putting all of them in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Key", "window"]

#: What rows are ordered by: an array of values for some slots.
Key: TypeAlias = Callable[[NDArray[np.int64]], NDArray[Any]]

#: So many are simply put in order.
FEW = 2_048


def window(rows: NDArray[np.int64], keys: Sequence[Key], begin: int, end: int) -> NDArray[np.int64]:
    """Those at places begin to end of the rows, as ordered by the keys, the first of which counts most.

    Only the values at both ends are looked for; what is equal to one of them is parted by the next key.
    """
    end = min(end, len(rows))
    if begin >= end:
        return rows[:0]
    if not keys:
        return np.sort(rows)[begin:end]
    if len(rows) <= FEW:
        return rows[np.lexsort([key(rows) for key in reversed(keys)])][begin:end]
    values = keys[0](rows)
    parted = np.partition(values, (begin, end - 1))
    first, last = parted[begin], parted[end - 1]
    before = int(np.count_nonzero(values < first))
    if first == last:
        return window(rows[values == first], keys[1:], begin - before, end - before)
    of_first, of_last = rows[values == first], rows[values == last]
    between = rows[(values > first) & (values < last)]
    behind = before + len(of_first) + len(between)
    return np.concatenate(
        [
            window(of_first, keys[1:], begin - before, len(of_first)),
            between[np.lexsort([key(between) for key in reversed(keys)])],
            window(of_last, keys[1:], 0, end - behind),
        ]
    )
