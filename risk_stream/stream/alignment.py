"""How far each of several partitions may be read now, so that they go on evenly by event time.

Partitions that are read in bulk (a backlog, a worker that was away) come in large runs, each at its own pace. If every
run were taken as it comes, most events would reach the next hop behind others of their key, and all those would be
judged again. So the one furthest behind is taken first and the others wait for it: for what it has here, and for what
the broker is known to have of it; not for what may come one day. This changes no result, only how often one is revised.
"""

from __future__ import annotations

import time
from asyncio import Future
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "EVERYTHING",
    "HOLD",
    "PATIENCE",
    "Patience",
    "Progress",
    "Underway",
    "evenly",
    "horizon",
    "within",
]

#: A horizon beyond all times.
EVERYTHING = 2**63 - 1

#: How soon it is looked again whether those who are waited for have caught up, s.
HOLD = 0.005

#: How long the others wait for a partition of which the broker has more and nothing comes, s.
PATIENCE = 0.1


class Patience:
    """How long there has been nothing of one partition."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since: float | None = None

    def came(self) -> None:
        """Something is here."""
        self._since = None

    def left(self, now: float) -> float:
        """Seconds for which the others wait on, from the first time this is asked; 0 when it is over."""
        if self._since is None:
            self._since = now
        return max(0.0, self._since + PATIENCE - now)


class Underway:
    """Messages that this worker sent to partitions it may read itself, by (topic, partition)."""

    def __init__(self) -> None:
        self._pending: Counter[tuple[str, int]] = Counter()
        self._end: dict[tuple[str, int], int] = {}

    def sent(self, tp: tuple[str, int], send: Future[Any]) -> None:
        """A message is on its way; `send` will say at which offset it is stored."""
        self._pending[tp] += 1
        send.add_done_callback(partial(self._stored, tp))

    def _stored(self, tp: tuple[str, int], send: Future[Any]) -> None:
        self._pending[tp] -= 1
        if not send.cancelled() and send.exception() is None and send.result() is not None:
            self._end[tp] = max(self._end.get(tp, 0), send.result().offset + 1)

    def end(self, tp: tuple[str, int]) -> int:
        """The offset behind the last one that is known to be stored."""
        return self._end.get(tp, 0)

    def is_more(self, tp: tuple[str, int], offset: int) -> bool:
        """Whether any is or will be stored at an offset or behind it."""
        return self._pending[tp] > 0 or self.end(tp) > offset


@dataclass(frozen=True, slots=True)
class Progress:
    """One partition: the clock (ms) after the last of what `waits` here, and whether the broker has `more` of it."""

    tail: int
    waits: bool
    more: bool
    patience: Patience


def horizon(partitions: Iterable[Progress], now: float | None = None) -> tuple[int, float | None]:
    """(clock up to which all may be read, seconds after which to look again though nothing has come, if any), ms."""
    now = time.monotonic() if now is None else now
    lowest, again = EVERYTHING, None
    for partition in partitions:
        if partition.waits:
            partition.patience.came()
            if partition.more:
                lowest = min(lowest, partition.tail)
        elif partition.more and (left := partition.patience.left(now)) > 0:
            lowest = min(lowest, partition.tail)
            again = left if again is None else min(again, left)
    return lowest, again


def within(clocks: Sequence[NDArray[np.int64]], weights: Sequence[NDArray[np.int64]], limit: int, upto: int) -> int:
    """The clock up to which there are about `limit` events, and not beyond `upto`; at least the lowest of all is in.

    `clocks` int64[n] are those of each partition's events or messages, ascending, and `weights` the events of each.
    """
    if sum(int(weight.sum()) for weight in weights) <= limit:
        return upto
    together, weight = np.concatenate(clocks), np.concatenate(weights)
    order = np.argsort(together, kind="stable")
    enough = int(np.searchsorted(np.cumsum(weight[order]), limit))
    return min(upto, int(together[order[min(enough, len(order) - 1)]]))


def evenly(
    partitions: Sequence[Progress],
    clocks: Sequence[NDArray[np.int64]],
    weights: Sequence[NDArray[np.int64]],
    *,
    limit: int,
    theirs: Callable[[], int] | None = None,
) -> tuple[list[int], float | None]:
    """(how much of what waits each partition is to take now, seconds after which to look again, if any).

    `clocks` and `weights` as for `within`; about `limit` events are taken, and no more entries of one partition. Where
    there are so many, the partitions of others are waited for: up to the clock that `theirs` gives, ms.
    """
    upto, again = horizon(partitions)
    if theirs and sum(int(weight.sum()) for weight in weights) >= limit and (bound := theirs()) < upto:
        upto, again = bound, HOLD
    now = within(clocks, weights, limit, upto)
    counts = [min(int(np.searchsorted(clock, now, side="right")), limit) for clock in clocks]
    left = [int(clock[n]) for clock, n in zip(clocks, counts, strict=True) if n < len(clock)]
    if left and (again is None or min(left) <= upto):
        again = 0.0
    return counts, again
