"""The decisions that the product has to take, as the model takes them: an origin's clock, what a receiver has heard.

Written anew, one event after the other; `product.py` puts the product's own classes in the same places.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from tests.protocol.world import NEG, Channel, L

__all__ = ["Commit", "Decisions", "ModelDecisions", "Origin", "Receiver"]


class Commit(NamedTuple):
    """A committed offset with, in its metadata, clock and plan as of it."""

    offset: int
    clock: int
    plan: int


class Origin(Protocol):
    """An origin at its owner: what is late, what to commit, when a change may be made and holds."""

    missing: set[Any]
    stop: int | None
    proposed: Any

    @property
    def position(self) -> int: ...
    @property
    def clock(self) -> int: ...
    @property
    def front(self) -> int: ...
    @property
    def plan(self) -> int: ...
    @property
    def at_stop(self) -> bool: ...
    def admit(self, offset: int, t: int) -> bool: ...
    def handed_over(self) -> None: ...
    def at(self, offset: int) -> Commit: ...
    def accepted(self, commit: Commit) -> None: ...
    def greeted(self, target: Any) -> None: ...
    def stop_at(self, end: int) -> None: ...
    def propose(self, clock: int, plan: int) -> Commit | None: ...
    def settle(self, *, accepted: bool) -> None: ...


class Receiver(Protocol):
    """What one hop partition knows of the channels that may send to it."""

    def behind(self, channel: Channel, generation: int) -> bool:
        """Whether a later owner of the channel was heard, so that nothing of this generation counts."""

    def take(self, channel: Channel, generation: int, front: int, more: int | None, stamps: Sequence[int]) -> int:
        """Hear a record: the place of its first new item, all behind it are new too."""

    def clock(self) -> int:
        """The lowest front of all channels, NEG while one is silent."""

    def awaited(self) -> int | None:
        """How far the furthest behind has come of the channels with an open promise, None without any."""

    def saved(self) -> dict[str, Any]:
        """`seen`, `era`, `front` and `promised` by channel, as a value that later changes do not touch."""


class Decisions(Protocol):
    """Where the model gets its decisions from."""

    def origin(self, p: int, generation: int, commit: Commit, targets: Iterable[Channel]) -> Origin:
        """An origin as its new owner finds it."""

    def receiver(self, channels: Iterable[Channel], saved: dict[str, Any] | None) -> Receiver:
        """A receiver with all channels that may send to it, new or as saved."""


class ModelOrigin:
    """Plain bookkeeping: the clock at each offset since the last commit is kept in a table."""

    def __init__(self, commit: Commit, targets: Iterable[Channel]) -> None:
        self.position, self.clock, self.plan = commit
        self.front = self.clock
        self.missing: set[Any] = set(targets)
        self.stop: int | None = None
        self.proposed: Commit | None = None
        self.clocks: dict[int, int] = {}

    @property
    def at_stop(self) -> bool:
        return self.stop is not None and self.position >= self.stop

    def admit(self, offset: int, t: int) -> bool:
        late = t < self.clock - L
        self.clocks[offset] = self.clock
        self.clock, self.position = max(self.clock, t), offset + 1
        return late

    def handed_over(self) -> None:
        self.front = self.clock

    def at(self, offset: int) -> Commit:
        return Commit(offset, self.clocks.get(offset, self.clock), self.plan)

    def accepted(self, commit: Commit) -> None:
        self.clocks = {offset: clock for offset, clock in self.clocks.items() if offset >= commit.offset}

    def greeted(self, target: Any) -> None:
        self.missing.discard(target)

    def stop_at(self, end: int) -> None:
        if self.stop is None:
            self.stop = end

    def propose(self, clock: int, plan: int) -> Commit | None:
        wanted = Commit(self.position, max(clock, self.clock), plan)
        self.proposed = wanted if wanted[1:] != (self.clock, self.plan) else None
        self.stop = self.stop if self.proposed else None
        return self.proposed

    def settle(self, *, accepted: bool) -> None:
        assert self.proposed is not None
        if accepted:
            _, self.clock, self.plan = self.proposed
            self.front = self.clock
        self.proposed = self.stop = None


class ModelChannels:
    """Seen stamps, eras and fronts by channel, and the generation and the reach of each open promise."""

    def __init__(self, channels: Iterable[Channel], saved: dict[str, Any] | None) -> None:
        self.channels = tuple(channels)
        self.known: dict[str, dict[Channel, Any]] = {"seen": {}, "era": {}, "front": {}, "promised": {}}
        for name, values in (saved or {}).items():
            self.known[name] = dict(values)

    def behind(self, channel: Channel, generation: int) -> bool:
        return channel[0] == "src" and generation < self.known["era"].get(channel, 0)

    def take(self, channel: Channel, generation: int, front: int, more: int | None, stamps: Sequence[int]) -> int:
        if self.behind(channel, generation):
            return len(stamps)
        self.hear_promise(channel, generation, more)
        seen, fronts = self.known["seen"], self.known["front"]
        self.known["era"][channel] = max(generation, self.known["era"].get(channel, 0))
        first = bisect_right(stamps, seen.get(channel, NEG))
        seen[channel] = max(seen.get(channel, NEG), *stamps) if stamps else seen.get(channel, NEG)
        fronts[channel] = max(fronts.get(channel, NEG), front)
        return first

    def hear_promise(self, channel: Channel, generation: int, more: int | None) -> None:
        """One promise per channel; it goes no further back, and ends with a newer owner's first word."""
        promised = self.known["promised"]
        by, reach = promised.get(channel, (generation, NEG))
        if generation < self.known["era"].get(channel, generation):
            return
        if more is not None and more != NEG:
            promised[channel] = generation, max(reach, more)
        elif more == NEG or generation > by:
            promised.pop(channel, None)

    def clock(self) -> int:
        return min(self.known["front"].get(channel, NEG) for channel in self.channels)

    def awaited(self) -> int | None:
        return min((reach for _, reach in self.known["promised"].values()), default=None)

    def saved(self) -> dict[str, Any]:
        return {name: dict(values) for name, values in self.known.items()}


class ModelDecisions:
    """The model's own."""

    def origin(self, p: int, generation: int, commit: Commit, targets: Iterable[Channel]) -> Origin:
        return ModelOrigin(commit, targets)

    def receiver(self, channels: Iterable[Channel], saved: dict[str, Any] | None) -> Receiver:
        return ModelChannels(channels, saved)
