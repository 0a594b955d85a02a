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

    customers: int  # of the plain job
    fast: tuple[int, int]
    slow: tuple[int, int]
    few: tuple[int, int]  # of `FEW_CUSTOMERS`
    heavy_fast: tuple[int, int]
    heavy_slow: tuple[int, int]


FULL = Sizes(5000, (3_000_000, 1_000_000), (800_000, 600_000), (12_000, 6_000), (300_000, 100_000), (100_000, 30_000))
QUICK = Sizes(500, (600_000, 300_000), (100_000, 65_000), (8_000, 6_000), (60_000, 20_000), (10_000, 4_000))

#: So few that their windows are soon full, for a peer of some hundred events/s: it cannot wait for those of 500.
FEW_CUSTOMERS = 50


class Tasks:
    """The plain and the heavy job on one broker; the slower a peer, the less of it."""

    def __init__(self, broker: str, sizes: Sizes) -> None:
        self.broker, self.sizes = broker, sizes

    @cached_property
    def fast(self) -> Task:
        """The plain job."""
        return self._plain("plain", self.sizes.fast)

    @cached_property
    def slow(self) -> Task:
        """The first part of the plain job, for peers below 40,000 events/s."""
        return self._plain("plain-slow", self.sizes.slow)

    @cached_property
    def few(self) -> Task:
        """A plain job with few customers: as many events in a window, fewer windows."""
        events, settled = self.sizes.few
        made = plain.make(events, FEW_CUSTOMERS)
        threshold, expected = plain.expected(made, settled)
        return self._task("plain-few", (events, settled), expected, plain.records(made, events), threshold)

    @cached_property
    def heavy_fast(self) -> Task:
        """The heavy job."""
        return self._heavy("heavy", self.sizes.heavy_fast)

    @cached_property
    def heavy_slow(self) -> Task:
        """The first part of the heavy job."""
        return self._heavy("heavy-slow", self.sizes.heavy_slow)

    @cached_property
    def _payments(self) -> tuple[plain.Payments, float, Expected]:
        made = plain.make(self.sizes.fast[0], self.sizes.customers)
        return made, *plain.expected(made, self.sizes.slow[1])

    @cached_property
    def _heavy_expected(self) -> Expected:
        return heavy.expected(value for _, _, value in heavy.records(self.sizes.heavy_fast[0]))

    def _plain(self, name: str, size: tuple[int, int]) -> Task:
        made, threshold, expected = self._payments
        return self._task(name, size, expected, plain.records(made, size[0]), threshold)

    def _heavy(self, name: str, size: tuple[int, int]) -> Task:
        return self._task(name, size, self._heavy_expected, heavy.records(size[0]), partitions=HEAVY_PARTITIONS)

    def _task(
        self,
        name: str,
        size: tuple[int, int],
        expected: Expected,
        records: Iterable[plain.Record],
        threshold: float = 0.0,
        partitions: int = PLAIN_PARTITIONS,
    ) -> Task:
        create(self.broker, name, partitions)
        fill(self.broker, name, records, partitions)
        wanted = {event: alert for event, alert in expected.items() if event < size[0]}
        return Task(self.broker, name, *size, wanted, threshold)
