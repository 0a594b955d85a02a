"""The ids of the last events of a partition: one that comes again is a copy, whatever its time.

For requests alone. Two servers that are asked for one application in the same moment may both write it, each with the
time at which it was asked; hops tell copies of an event apart by key, time and id, so to them these were two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Once"]

#: Ids that are remembered: copies stand within moments of each other, later ones are answered without a request.
MOST = 20_000


class Once:
    """Remembers the last `most` ids; begins with none, so a copy across a change of owners counts as an event."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._seen = most, dict[str, None]()

    def new(self, ids: Iterable[str]) -> NDArray[np.bool_]:
        """bool[n]: which of the next ids were not there before."""
        seen, fresh = self._seen, []
        for name in ids:
            fresh.append(name not in seen)
            seen.setdefault(name)
        while len(seen) > self._most:
            del seen[next(iter(seen))]
        return np.array(fresh, np.bool_)
