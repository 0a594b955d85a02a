"""Who tells whom how far it is: the fronts of all channels a worker owns, in one record per hop partition.

A front is told only where it is news: it has moved, or a new generation of the group has begun, which every receiver
must hear of before an origin's clock is lifted. Without I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from risk_stream.stream.letters.sections import write_fronts

__all__ = ["Fronts", "HopFronts", "News", "NoHops", "Target"]

#: (kind of key, partition): a hop partition that is told.
Target: TypeAlias = tuple[str, int]


class HopFronts(Protocol):
    """What the hop partitions of this worker say and have heard."""

    def fronts(self) -> Mapping[str, int]:
        """Channel -> front of each: all that lies at or below it is handed over to the producer."""

    def heard(self) -> Mapping[str, int]:
        """Channel of an origin, of any worker -> its front as last heard."""


class NoHops:
    """A worker without hop partitions."""

    def fronts(self) -> Mapping[str, int]:
        """None."""
        return {}

    def heard(self) -> Mapping[str, int]:
        """None."""
        return {}


@dataclass(frozen=True, slots=True)
class News:
    """One record, for all partitions of a kind's hop topic."""

    kind: str
    partitions: int
    value: bytes
    channels: tuple[str, ...]


class Fronts:
    """What was told to the partitions of each kind of key. `kinds` are (kind, its topic, partitions), in hop order."""

    def __init__(self, kinds: Sequence[tuple[str, str, int]]) -> None:
        self.kinds = list(kinds)
        self._place = {topic: i for i, (_, topic, _) in enumerate(kinds)}
        self._told: dict[str, dict[str, tuple[int, int]]] = {}

    @property
    def targets(self) -> list[Target]:
        """Every hop partition."""
        return [(kind, partition) for kind, _, count in self.kinds for partition in range(count)]

    def forget(self) -> None:
        """Tell everything anew."""
        self._told = {}

    def news(self, generation: int, fronts: Mapping[str, int]) -> list[News]:
        """What is to be told now; it counts as told. `fronts` are channel -> front, of origins and hop partitions."""
        found = []
        for i, (kind, _, count) in enumerate(self.kinds):
            told = self._told.setdefault(kind, {})
            new = []
            for channel, front in fronts.items():
                place = self._place.get(channel.rpartition("/")[0], -1)
                if place < i and told.get(channel) != (generation, front):
                    told[channel] = (generation, front)
                    new.append((channel, generation, front, None))
            if new:
                found.append(News(kind, count, write_fronts(new), tuple(channel for channel, *_ in new)))
        return found
