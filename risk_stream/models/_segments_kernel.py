"""Kernel of segments: keys with a profile each, centres that follow the profiles, and when a key goes to another one.

A key is a line of integers [K_WORDS] and a profile [m]; NaN is what is not known of it. Distances are the root of the
mean of squares over the inputs that are known, in `scale` [m], of values held between `low` [m] and `high` [m].
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from risk_stream.models._gate_kernel import G_LEARNT, gate
from risk_stream.models._jit import SOURCES, Bools, Floats, Ints, Word, entry, inner

__all__ = [
    "DAY_MS",
    "K_CANDIDATE",
    "K_KEY",
    "K_LAST",
    "K_LEARNT",
    "K_SEEN",
    "K_SEGMENT",
    "K_SINCE",
    "K_STREAK",
    "K_WORDS",
    "peek_segments",
    "place",
    "settle",
]

DAY_MS: Final = 86_400_000

#: Words of a key: its hash, its segment (from 1; 0 is none), the segment that it may go to, for how many of its events
#: in a row and since when (ms), the day on which a centre last learnt from it, its events, and when the last one was
#: (counted in events of all keys).
K_KEY: Final = 0
K_SEGMENT: Final = 1
K_CANDIDATE: Final = 2
K_STREAK: Final = 3
K_SINCE: Final = 4
K_LEARNT: Final = 5
K_SEEN: Final = 6
K_LAST: Final = 7
K_WORDS: Final = 8


@inner
def _distance(row: Floats, centre: Floats, scale: Floats, low: Floats, high: Floats) -> float:
    total = 0.0
    known = 0
    for j in range(len(row)):
        if not np.isnan(row[j]):
            apart = (min(max(row[j], low[j]), high[j]) - centre[j]) / scale[j]
            total += apart * apart
            known += 1
    return np.sqrt(total / known) if known > 0 else np.nan


@inner
def _nearest(row: Floats, centres: Floats, scale: Floats, low: Floats, high: Floats) -> Word:
    """The place of the centre that is nearest to a row of which something is known; of several the first."""
    best = 0
    least = np.inf
    for c in range(len(centres)):
        apart = _distance(row, centres[c], scale, low, high)
        if apart < least:
            least = apart
            best = c
    return best


@inner
def _remember(line: Ints, profile: Floats, row: Floats, memory: int) -> None:
    """Have a profile follow a row, the slower the more events of its key there were, up to `memory`."""
    line[K_SEEN] += 1
    n = min(line[K_SEEN], memory)
    for j in range(len(row)):
        if not np.isnan(row[j]):
            if np.isnan(profile[j]):
                profile[j] = row[j]
            else:
                profile[j] += (row[j] - profile[j]) / n


@inner
def _go(line: Ints, nearest: int, is_clear: bool, time: int, patience: int, patience_ms: int, members: Ints) -> None:
    """The segment of a key at one of its events, where it is `nearest` to one, clearly or not."""
    own = line[K_SEGMENT]
    to = nearest + 1
    if own == 0:
        line[K_SEGMENT] = to
        members[nearest] += 1
        return
    if to == own or not is_clear:
        line[K_CANDIDATE] = 0
        line[K_STREAK] = 0
        return
    if line[K_CANDIDATE] != to:
        line[K_CANDIDATE] = to
        line[K_STREAK] = 0
        line[K_SINCE] = time
    line[K_STREAK] += 1
    if line[K_STREAK] >= patience and time - line[K_SINCE] >= patience_ms:
        members[own - 1] -= 1
        members[nearest] += 1
        line[K_SEGMENT] = to
        line[K_CANDIDATE] = 0
        line[K_STREAK] = 0


@inner
def _follow(centres: Floats, weights: Floats, at: int, profile: Floats, low: Floats, high: Floats, most: float) -> None:
    """Have a centre follow a profile, the slower the more it has followed, up to `most`."""
    weights[at] = min(weights[at] + 1.0, most)
    for j in range(len(profile)):
        if not np.isnan(profile[j]):
            centres[at, j] += (min(max(profile[j], low[j]), high[j]) - centres[at, j]) / weights[at]


def _place(sources: int) -> Any:
    """The function for events, compiled anew where `sources` differs (see `features._jit.entry`)."""

    @entry
    def place(
        rows: Floats,
        used: Bools,
        keys: Ints,
        times: Ints,
        slots: Ints,
        begins: Bools,
        first: int,
        lines: Ints,
        profiles: Floats,
        changed: Bools,
        centres: Floats,
        weights: Floats,
        members: Ints,
        bounds: Floats,
        memory: int,
        margin: float,
        patience: int,
        patience_ms: int,
        horizon: float,
        words: Ints,
        ring: Floats,
        order: Floats,
        limits: Floats,
        scores: Floats,
        over: Bools,
        numbers: Ints,
    ) -> None:
        """Take in rows of keys; where there are centres [k, m], -> `scores`, `over` and `numbers` of segments [n].

        `first` is the number of the first row among all; bounds [3, m] are scale, low and high.
        """
        scale, low, high = bounds[0], bounds[1], bounds[2]
        for i in range(len(rows) if sources >= 0 else 0):
            if not used[i]:
                continue
            line, profile = lines[slots[i]], profiles[slots[i]]
            if begins[i]:
                if line[K_SEGMENT] > 0:  # of the key that was here and is forgotten
                    members[line[K_SEGMENT] - 1] -= 1
                line[:] = 0
                line[K_KEY] = keys[i]
                line[K_LEARNT] = np.iinfo(np.int64).min
                profile[:] = np.nan
            changed[slots[i]] = True
            line[K_LAST] = first + i
            _remember(line, profile, rows[i], memory)
            words[G_LEARNT] += 1
            if len(centres) == 0:
                continue
            nearest = _nearest(profile, centres, scale, low, high)
            is_clear = False
            if line[K_SEGMENT] > 0:
                least = _distance(profile, centres[nearest], scale, low, high)
                now = _distance(profile, centres[line[K_SEGMENT] - 1], scale, low, high)
                is_clear = least < (1.0 - margin) * now
            _go(line, nearest, is_clear, times[i], patience, patience_ms, members)
            numbers[i] = line[K_SEGMENT]
            scores[i] = _distance(rows[i], centres[line[K_SEGMENT] - 1], scale, low, high)
            over[i] = gate(words, ring, order, limits, scores[i])
            day = times[i] // DAY_MS
            if day > line[K_LEARNT]:
                line[K_LEARNT] = day
                _follow(centres, weights, nearest, profile, low, high, horizon)

    return place


def _entries(sources: int) -> Any:
    """The other functions."""

    @entry
    def peek_segments(rows: Floats, centres: Floats, bounds: Floats, nearest: Ints, distances: Floats) -> None:
        """The place of the nearest centre of each row [n] and how far that is [n]; NaN for a row without anything."""
        for i in range(len(rows) if sources >= 0 else 0):
            nearest[i] = _nearest(rows[i], centres, bounds[0], bounds[1], bounds[2])
            distances[i] = _distance(rows[i], centres[nearest[i]], bounds[0], bounds[1], bounds[2])

    @entry
    def settle(rows: Floats, centres: Floats, bounds: Floats, most: int) -> float:
        """Lloyd's iterations, at most so many, from `centres`, which are changed; -> the sum of squared distances."""
        k, m = centres.shape
        nearest = np.full(len(rows), -1, np.int64)
        sums, numbers = np.zeros((k, m)), np.zeros((k, m))
        total = 0.0
        for _ in range(most if sources >= 0 else 0):
            total = 0.0
            moved = False
            sums[:] = 0.0
            numbers[:] = 0.0
            for i in range(len(rows)):
                to = _nearest(rows[i], centres, bounds[0], bounds[1], bounds[2])
                moved = moved or to != nearest[i]
                nearest[i] = to
                total += _distance(rows[i], centres[to], bounds[0], bounds[1], bounds[2]) ** 2
                for j in range(m):
                    if not np.isnan(rows[i, j]):
                        sums[to, j] += min(max(rows[i, j], bounds[1, j]), bounds[2, j])
                        numbers[to, j] += 1.0
            if not moved:
                break
            for c in range(k):
                for j in range(m):
                    if numbers[c, j] > 0.0:
                        centres[c, j] = sums[c, j] / numbers[c, j]
        return total

    return peek_segments, settle


place = _place(SOURCES)
peek_segments, settle = _entries(SOURCES)
