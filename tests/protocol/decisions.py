"""The decisions that the product has to take, as the model takes them: lateness at an origin, what a receiver hears."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from tests.protocol.world import NEG, Channel, L

__all__ = ["Decisions", "ModelChannels", "ModelDecisions", "ModelOrigin", "OriginClock", "Receiver"]


class OriginClock(Protocol):
    """An origin's clock at its owner."""

    clock: int

    def take(self, times: Sequence[int]) -> list[bool]:
        """Which of the events of the next records are too late; the clock goes on with each."""

    def lift(self, clock: int) -> None:
        """Raise the clock of a quiet origin."""


class Receiver(Protocol):
    """What one hop partition knows of the channels that may send to it."""

    def hear(self, channel: Channel, generation: int, front: int) -> bool:
        """Take a front; false where the record is of an older generation of an origin's owner and nothing counts."""

    def fresh(self, channel: Channel, stamps: Sequence[int]) -> list[bool]:
        """Which items of a record were not applied before; they count as applied from now on."""

    def clock(self) -> int:
        """The lowest front of all channels, NEG while one is silent."""

    def saved(self) -> Any:
        """All that is known, as a value that later changes do not touch."""


class Decisions(Protocol):
    """Where the model gets its decisions from."""

    def origin(self, clock: int) -> OriginClock:
        """The clock of an origin as its new owner finds it."""

    def receiver(self, channels: Iterable[Channel], saved: Any) -> Receiver:
        """A receiver with all channels that may send to it, new (None) or as saved."""


class ModelOrigin:
    """Lateness, one event after the other."""

    def __init__(self, clock: int) -> None:
        self.clock = clock

    def take(self, times: Sequence[int]) -> list[bool]:
        late = []
        for t in times:
            late.append(t < self.clock - L)
            self.clock = max(self.clock, t)
        return late

    def lift(self, clock: int) -> None:
        self.clock = max(self.clock, clock)


class ModelChannels:
    """Seen stamps, eras and fronts by channel."""

    def __init__(self, channels: Iterable[Channel], saved: Any) -> None:
        self.channels = tuple(channels)
        seen, era, fronts = saved or ({}, {}, {})
        self.seen: dict[Channel, int] = dict(seen)
        self.era: dict[Channel, int] = dict(era)
        self.fronts: dict[Channel, int] = dict(fronts)

    def hear(self, channel: Channel, generation: int, front: int) -> bool:
        if channel[0] == "src":
            if generation < self.era.get(channel, 0):
                return False
            self.era[channel] = generation
        self.fronts[channel] = max(self.fronts.get(channel, NEG), front)
        return True

    def fresh(self, channel: Channel, stamps: Sequence[int]) -> list[bool]:
        new = []
        for stamp in stamps:
            new.append(stamp > self.seen.get(channel, NEG))
            self.seen[channel] = max(self.seen.get(channel, NEG), stamp)
        return new

    def clock(self) -> int:
        return min(self.fronts.get(channel, NEG) for channel in self.channels)

    def saved(self) -> Any:
        return dict(self.seen), dict(self.era), dict(self.fronts)


class ModelDecisions:
    """The model's own."""

    def origin(self, clock: int) -> OriginClock:
        return ModelOrigin(clock)

    def receiver(self, channels: Iterable[Channel], saved: Any) -> Receiver:
        return ModelChannels(channels, saved)
