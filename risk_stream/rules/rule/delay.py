"""How long after its event a rule judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.features import Periods

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Delay"]


@dataclass(frozen=True, slots=True)
class Delay:
    """So many ms after its event; or, with `periods` of business days, at the end of so many behind the event's.

    An event on a day that is none belongs to the next business day.
    """

    ms: int = 0
    business_days: int = 0
    periods: Periods | None = None

    def due(self, times: Longs) -> Longs:
        """int64[n]: when events of these times are judged, ms."""
        if self.periods is None:
            due: Longs = times + self.ms
            return due
        starts = self.periods.starts
        place = np.searchsorted(starts, times, side="right") + self.business_days
        ends: Longs = np.maximum(starts[np.minimum(place, len(starts) - 1)], times)
        return ends

    @property
    def longest_ms(self) -> int:
        """No event is judged later than this after its time."""
        if self.periods is None:
            return self.ms
        starts, days = self.periods.starts, self.business_days + 1
        return int((starts[days:] - starts[:-days]).max())

    @property
    def wording(self) -> int | tuple[str, int, str]:
        """What tells it from others, for hashes: they are the same for every release."""
        if self.periods is None:
            return self.ms
        return "business_days", self.business_days, self.periods.version
