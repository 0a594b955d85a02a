"""How fast something grows: a slope that spikes do not move, and an interval that bears samples that hang together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Slope", "fit"]

#: Standard deviations on either side of a normal distribution's mean that hold 95 % of it.
NORMAL_95 = 1.96

#: The correlation of neighbours is taken for no more than this: beyond it a series says nothing of its slope.
MOST_CORRELATED = 0.98

#: What residuals of few samples lack in correlation: chosen so that intervals over 36 and 60 samples hold in 95 of 100.
SHORTFALL = 4.0

#: Fewest samples of one run that say anything.
FEWEST = 8


class Slope(NamedTuple):
    """Per hour, and the ends of its 95 % interval; NaN where too little was seen."""

    per_hour: float
    low: float
    high: float

    @property
    def is_flat(self) -> bool:
        """Whether nothing is known against 0."""
        return not (self.low > 0 or self.high < 0)


def fit(runs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Slope:
    """The slope that several runs of (seconds, values) have in common, each from a level of its own.

    The median of the slopes between every two samples of a run (Theil and Sen), which a fault's spike does not move.
    Its interval is Kendall's, its variance multiplied by (1 + r) / (1 - r) for samples of which neighbours correlate
    by r: without that a random walk would be a leak every second time.
    """
    kept = [(np.array(x, float) / 3600, np.array(y, float)) for x, y in runs if len(x) >= FEWEST]
    if not kept:
        return Slope(np.nan, np.nan, np.nan)
    slopes = np.sort(np.concatenate([_between(x, y) for x, y in kept]))
    middle = float(np.median(slopes))
    variance = sum(len(x) * (len(x) - 1) * (2 * len(x) + 5) / 18 for x, _ in kept)
    together = _correlation(kept, middle)
    reach = NORMAL_95 * np.sqrt(variance * (1 + together) / (1 - together))
    low, high = int(np.floor((len(slopes) - reach) / 2)), int(np.ceil((len(slopes) + reach) / 2))
    return Slope(middle, float(slopes[max(0, low)]), float(slopes[min(len(slopes) - 1, high)]))


def _between(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    first, second = np.triu_indices(len(x), 1)
    found: NDArray[np.float64] = (y[second] - y[first]) / (x[second] - x[first])
    return found


def _correlation(runs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], slope: float) -> float:
    """How far neighbours go the same way, beside the slope; 0 where they do not."""
    beside = [y - slope * x for x, y in runs]
    beside = [e - e.mean() for e in beside]
    all_of_it = sum(float(e @ e) for e in beside)
    if all_of_it == 0:
        return 0.0
    n = min(len(e) for e in beside)
    seen = sum(float(e[1:] @ e[:-1]) for e in beside) / all_of_it
    return float(np.clip((n * seen + SHORTFALL) / (n - 4), 0.0, MOST_CORRELATED))
