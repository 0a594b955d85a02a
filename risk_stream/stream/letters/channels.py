"""What a hop partition has heard from each partition that may send to it: what is new, what is a copy, what time it is.

A *channel* is one producing partition, "topic/partition": an *origin* (a partition of a house topic) or a partition of
an earlier hop. Its *front* is the event time at and below which it has nothing new to say; the *clock* here is the
lowest front of all that may send. A channel that works off a backlog *promises* that another record of it comes here,
which says more or takes the promise back, and says how far it has come. All of it is a function of the partition's
records so far, and of nothing else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from risk_stream.catalogue import MISSING

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Channels"]

#: Stamps in ascending order.
Stamps: TypeAlias = "Sequence[int] | NDArray[np.int64]"


class Channels:
    """What was heard, per channel: `seen`, its highest stamp, `era`, its highest generation, `front`, and `promised`.

    `origins` and `hops` are the channels that the clock waits for. One that is neither (a house topic has grown) is
    heard as an origin, and the clock does not wait for it.
    """

    __slots__ = ("_clock", "_hops", "copies", "era", "front", "promised", "seen", "stale")

    def __init__(self, origins: Iterable[str], hops: Iterable[str] = ()) -> None:
        self._hops = frozenset(hops)
        self.seen: dict[str, int] = {}
        self.era: dict[str, int] = {}
        self.front = dict.fromkeys((*origins, *self._hops), MISSING)
        self.promised: dict[str, int] = {}  # channel with an open promise -> how far it has come, ms
        self._clock = MISSING
        self.copies = 0  # items that were heard before
        self.stale = 0  # items of an owner of an origin that had a successor already

    @property
    def clock(self) -> int:
        """The lowest front, ms; MISSING until every expected channel has spoken. It never goes back."""
        return self._clock

    @property
    def awaited(self) -> int:
        """How far the furthest behind has come of the channels that promised to say more, ms; there must be one."""
        return min(self.promised.values())

    def take(self, channel: str, generation: int, front: int, stamps: Stamps = (), more: int | None = None) -> int:
        """Hear a record; -> the place of its first new item: those from there on are new, `len(stamps)` where none is.

        A record of an origin is left aside, front and all, where a later owner of the origin was heard before it: that
        owner may have decided otherwise on the same events. What a hop says is a function of its log, whoever says it.
        `more` is a promise, and how far the channel has come, ms; MISSING takes one back; None says nothing of it, but
        what an earlier owner promised is over.
        """
        n, era = len(stamps), self.era.get(channel, MISSING)
        if generation >= era:
            self._hear_promise(channel, more, is_new_owner=generation > era)
            self.era[channel] = generation
        elif channel not in self._hops:
            self.stale += n
            return n
        new = 0
        if n:
            last = self.seen.get(channel, MISSING)
            if int(stamps[0]) <= last:
                new = bisect_right(stamps, last)
                self.copies += new
            if new < n:
                self.seen[channel] = int(stamps[-1])
        before = self.front.get(channel)
        if before is not None and front > before:
            self.front[channel] = front
            if before <= self._clock:
                self._clock = max(self._clock, min(self.front.values()))
        return new

    def _hear_promise(self, channel: str, more: int | None, *, is_new_owner: bool) -> None:
        if more is not None and more != MISSING:
            if channel in self.front:
                self.promised[channel] = max(more, self.promised.get(channel, MISSING))
        elif more is not None or is_new_owner:
            self.promised.pop(channel, None)

    def state(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "clock": self._clock,
            "seen": dict(self.seen),
            "era": dict(self.era),
            "front": dict(self.front),
            "promised": dict(self.promised),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take a state on. Channels that are expected now and were not then have not spoken; the clock stays."""
        self.seen, self.era = dict(state["seen"]), dict(state["era"])
        self.promised = {c: int(reach) for c, reach in state["promised"].items() if c in self.front}
        self.front = {c: int(state["front"].get(c, MISSING)) for c in self.front}
        self._clock = max(int(state["clock"]), min(self.front.values(), default=MISSING))

    def copy(self) -> Channels:
        """One that goes its own way from here on."""
        other = Channels((), self._hops)
        other.restore({**self.state(), "front": {}})
        other.front, other.promised, other._clock = dict(self.front), dict(self.promised), self._clock
        other.copies, other.stale = self.copies, self.stale
        return other
