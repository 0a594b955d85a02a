"""Whether those who apply now are those who applied before: each characteristic's distribution, month by month.

A scorecard is made for a population; where that becomes another, its points mean less, and no outcome says so for
months. The population stability index (PSI) says so at once: the sum over bins of (a - e) ln(a / e), e the shares of
those who came before, a those of a month. Bins of a number are tenths of those before, those of a text its commonest
values.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from risk_stream.calendars import Calendar, local_time
from risk_stream.catalogue import EventBatch
from risk_stream.lending.errors import LendingError
from risk_stream.lending.validation import stability, stability_index

__all__ = ["MISSING_BIN", "OTHER_BIN", "Bin", "Month", "Population", "Shift"]

#: Bins of a number, and values of a text that have bins of their own; all others share one.
BINS, MOST_VALUES = 10, 20
#: What the bins of those who lack a characteristic, and of rarer values, are called.
MISSING_BIN, OTHER_BIN = "missing", "other"


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a characteristic, with its share of those before and of the month, 0 to 1."""

    name: str
    before: float
    share: float


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one characteristic has moved: `index` is the PSI, `reading` stable, watch or act."""

    characteristic: str
    index: float
    reading: str
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """One month, such as 2026-07, beside those before: how many applied, and each characteristic's shift."""

    month: str
    applicants: int
    shifts: tuple[Shift, ...]


class Population:
    """Counts applicants, in batches of any order; `numbers` and `texts` name the fields looked at.

    A month is one of the calendar's time zone. What it keeps grows with the applicants, 8 bytes for each number, and
    with the different texts.
    """

    def __init__(self, numbers: Sequence[str], texts: Sequence[str], calendar: Calendar) -> None:
        self.numbers, self.texts, self._calendar = tuple(numbers), tuple(texts), calendar
        self._applicants: Counter[str] = Counter()
        self._values: dict[tuple[str, str], list[NDArray[np.float64]]] = defaultdict(list)
        self._counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    @property
    def months(self) -> list[str]:
        """The months in which somebody applied, in order."""
        return sorted(self._applicants)

    def add(self, batch: EventBatch) -> None:
        """Count the events of a batch, each as an applicant. Those of years no clock is known of have no month."""
        local = local_time(self._calendar, batch.times)
        known = np.flatnonzero(~np.isnan(local))
        months = local[known].astype(np.int64).astype("datetime64[ms]").astype("datetime64[M]")
        for month in np.unique(months):
            rows = known[months == month]
            name = str(month)
            self._applicants[name] += len(rows)
            for field in self.numbers:
                self._values[name, field].append(batch.number(field)[rows])
            for field in self.texts:
                said = batch.texts(field, rows.tolist())
                self._counts[name, field].update(MISSING_BIN if one is None else one for one in said)

    def since(self, month: str) -> list[Month]:
        """Each month from `month` on beside all months before it. Raises `LendingError` where one side is empty."""
        before = [one for one in self.months if one < month]
        after = [one for one in self.months if one >= month]
        if not before or not after:
            known = f"from {self.months[0]} to {self.months[-1]}" if self._applicants else "in no month"
            side = "before" if not before else "in or after"
            raise LendingError(f"nobody applied {side} {month}: there are applications {known}")
        shifts: dict[str, list[Shift]] = {one: [] for one in after}
        for field in self.numbers:
            self._compare_numbers(field, before, shifts)
        for field in self.texts:
            self._compare_texts(field, before, shifts)
        return [Month(one, self._applicants[one], tuple(shifts[one])) for one in after]

    def _compare_numbers(self, field: str, before: Sequence[str], shifts: dict[str, list[Shift]]) -> None:
        values = np.concatenate([part for month in before for part in self._values[month, field]])
        edges = _edges(values)
        names = [*_names(edges), MISSING_BIN]
        wanted = _shares(edges, values)
        for month, found in shifts.items():
            shares = _shares(edges, np.concatenate(self._values[month, field]))
            found.append(_shift(field, names, wanted, shares))

    def _compare_texts(self, field: str, before: Sequence[str], shifts: dict[str, list[Shift]]) -> None:
        counts = sum((self._counts[month, field] for month in before), Counter[str]())
        names = [name for name, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST_VALUES]]
        wanted = _of_texts(counts, names)
        for month, found in shifts.items():
            found.append(_shift(field, [*names, OTHER_BIN], wanted, _of_texts(self._counts[month, field], names)))


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inner limits of the bins, ascending: a bin goes from its lower limit to below its upper one."""
    said = values[~np.isnan(values)]
    if not len(said):
        return np.empty(0)
    edges = np.unique(np.quantile(said, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    return np.asarray(edges[edges > said.min()])


def _names(edges: NDArray[np.float64]) -> list[str]:
    limits = [f"{edge:,.6g}" for edge in edges]
    if not limits:
        return ["any"]
    inner = [f"{low} to below {high}" for low, high in pairwise(limits)]
    return [f"below {limits[0]}", *inner, f"{limits[-1]} and more"]


def _shares(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of each bin, the last for those without a value."""
    missing = np.isnan(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="right"), minlength=len(edges) + 1)
    return np.append(counts, missing.sum()) / len(values)


def _of_texts(counts: Counter[str], names: Sequence[str]) -> NDArray[np.float64]:
    own = [counts[name] for name in names]
    return np.array([*own, counts.total() - sum(own)]) / counts.total()


def _shift(field: str, names: Sequence[str], before: NDArray[np.float64], shares: NDArray[np.float64]) -> Shift:
    index = stability_index(before, shares)
    bins = zip(names, before.tolist(), shares.tolist(), strict=True)
    return Shift(field, index, stability(index), tuple(Bin(*one) for one in bins))
