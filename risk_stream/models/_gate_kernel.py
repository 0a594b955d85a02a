"""Kernel of what follows a score: whether it is over the threshold, and whether the row is learnt."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from risk_stream.models._jit import SOURCES, Floats, Ints, Word, entry, inner

__all__ = [
    "ALWAYS",
    "CALM",
    "G_COUNT",
    "G_LEARNT",
    "G_NEXT",
    "G_WORDS",
    "OUTCOMES",
    "gate",
    "gate_one",
]

#: Learning policies, in the order of `spec.LEARNING`.
ALWAYS: Final = 0
CALM: Final = 1
OUTCOMES: Final = 2

#: Words of a gate: scores in the ring, where the next one goes, rows learnt in all.
G_COUNT: Final = 0
G_NEXT: Final = 1
G_LEARNT: Final = 2
G_WORDS: Final = 3


@inner
def _first_at_least(order: Floats, n: int, score: float) -> int:
    """How many of the n ascending scores are below `score`."""
    low = 0
    high = n
    while low < high:
        middle = (low + high) >> 1
        if order[middle] < score:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def _remember(words: Ints, ring: Floats, order: Floats, score: float) -> None:
    """Put a score into the ring and into its place among the others; the oldest one goes when the ring is full."""
    n = words[G_COUNT]
    at = words[G_NEXT]
    to = _first_at_least(order, n, score)
    if n < len(ring):
        for i in range(n, to, -1):
            order[i] = order[i - 1]
        order[to] = score
        words[G_COUNT] = n + 1
    else:
        gone = _first_at_least(order, n, ring[at])
        if gone < to:
            to -= 1
            for i in range(gone, to):
                order[i] = order[i + 1]
        else:
            for i in range(gone, to, -1):
                order[i] = order[i - 1]
        order[to] = score
    ring[at] = score
    words[G_NEXT] = (at + 1) % len(ring)


@inner
def gate(words: Ints, ring: Floats, order: Floats, limits: Floats, score: float) -> Word:
    """Whether a score (not NaN) is over: limits = (fixed or NaN, share, least scores before a quantile is asked).

    The quantile is the nearest rank: the least of the last scores that `share` of them do not exceed.
    """
    if not np.isnan(limits[0]):
        return score >= limits[0]
    n = words[G_COUNT]
    over = False
    if n >= limits[2]:
        rank = min(n - 1, max(0, np.int64(np.ceil(limits[1] * n)) - 1))
        over = score > order[rank]
    _remember(words, ring, order, score)
    return over


def _entries(sources: int) -> Any:
    """The function Python calls, compiled anew where `sources` differs (see `features._jit.entry`)."""

    @entry
    def gate_one(words: Ints, ring: Floats, order: Floats, limits: Floats, score: float) -> bool:
        return gate(words, ring, order, limits, score) if sources >= 0 else False

    return gate_one


gate_one = _entries(SOURCES)
