"""The topics that peers are run over, each filled when it is first asked for, with what must be said of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from bench.peers import heavy, plain
from bench.peers.alerts import Expected
from bench.peers.measure import Task
from bench.peers.topics import create, fill

__all__ = ["FULL", "HEAVY_PARTITIONS", "PLAIN_PARTITIONS", "QUICK", "Sizes", "Tasks"]

#: Partitions of the topics. They are parted by customer, so the plain job's windows never look across partitions.
PLAIN_PARTITIONS = 4
HEAVY_PARTITIONS = 2


@dataclass(frozen=True)
class Sizes:
    """Of the topics, each as (events, those before the speed counts); on a plain one the windows are full by then."""

    customers: int
    plain: tuple[int, int]
    plain_slow: tuple[int, int]  # for peers below 40,000 events/s
    heavy: tuple[int, int]
    heavy_slow: tuple[int, int]


FULL = Sizes(5000, (3_000_000, 1_000_000), (800_000, 600_000), (600_000, 100_000), (100_000, 30_000))
QUICK = Sizes(500, (600_000, 300_000), (100_000, 65_000), (60_000, 20_000), (10_000, 4_000))


class Tasks:
    """The plain and the heavy job on one broker, for fast peers and for slow ones, who get the first part of it."""

    def __init__(self, broker: str, sizes: Sizes) -> None:
        self.broker, self.sizes = broker, sizes

    @cached_property
    def _payments(self) -> plain.Payments:
        return plain.make(self.sizes.plain[0], self.sizes.customers)

    @cached_property
    def _plain_expected(self) -> tuple[float, Expected]:
        return plain.expected(self._payments, self.sizes.plain_slow[1])

    @cached_property
    def _heavy_expected(self) -> Expected:
        return heavy.expected(value for _, _, value in heavy.records(self.sizes.heavy[0]))

    @property
    def threshold(self) -> float:
        """Of the plain job's rule on sums."""
        return self._plain_expected[0]

    @cached_property
    def fast(self) -> Task:
        """The plain job."""
        return self._plain("plain", self.sizes.plain)

    @cached_property
    def slow(self) -> Task:
        """The first part of the plain job."""
        return self._plain("plain-slow", self.sizes.plain_slow)

    @cached_property
    def heavy_fast(self) -> Task:
        """The heavy job."""
        return self._heavy("heavy", self.sizes.heavy)

    @cached_property
    def heavy_slow(self) -> Task:
        """The first part of the heavy job."""
        return self._heavy("heavy-slow", self.sizes.heavy_slow)

    def _plain(self, name: str, size: tuple[int, int]) -> Task:
        records = plain.records(self._payments, size[0])
        return self._task(name, size, self._plain_expected[1], records, PLAIN_PARTITIONS)

    def _heavy(self, name: str, size: tuple[int, int]) -> Task:
        return self._task(name, size, self._heavy_expected, heavy.records(size[0]), HEAVY_PARTITIONS)

    def _task(
        self, name: str, size: tuple[int, int], expected: Expected, records: Iterable[plain.Record], partitions: int
    ) -> Task:
        create(self.broker, name, partitions)
        fill(self.broker, name, records, partitions)
        return Task(self.broker, name, *size, {event: a for event, a in expected.items() if event < size[0]})
