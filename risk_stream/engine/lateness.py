"""The one place where it is decided which events come too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import MISSING

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["late"]


def late(times: NDArray[np.int64], clock: int, lateness_ms: int) -> tuple[NDArray[np.bool_], int]:
    """(bool[n]: which events of one origin are too late, its clock after them).

    `times` int64[n] are event times in the order of the origin's log, ms; `clock` is the highest before them, MISSING
    for none. An event is too late if it is more than `lateness_ms` behind the highest time before it. One that is
    too late does not move the clock, as it lies below it.
    """
    if len(times) == 0:
        return np.zeros(0, np.bool_), clock
    highest = np.maximum.accumulate(times)
    before = np.empty_like(times)
    before[0] = clock
    np.maximum(highest[:-1], clock, out=before[1:])
    known = before != MISSING
    too_late = known & (times < np.where(known, before, 0) - lateness_ms)
    return too_late, max(clock, int(highest[-1]))
