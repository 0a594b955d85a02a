"""Small schedules written out by hand: races that random ones meet too rarely, each with the bug that it shows."""

from __future__ import annotations

import random
from itertools import count

import pytest

from tests.protocol.admission import Admission
from tests.protocol.check import broken_promise
from tests.protocol.checkpoint import Lane
from tests.protocol.schedule import Schedule
from tests.protocol.worker import Sender, Worker
from tests.protocol.world import INF, Channel, Event, hashed

ACCOUNT, CUSTOMER, INSTRUMENT = 0, 1, 2


def key_of(hop: int, partition: int) -> int:
    """A key of a kind that lies in a partition of two."""
    return next(key for key in count() if hashed(hop, key) % 2 == partition)


class Script(Schedule):
    """One origin and two lanes, each at a worker of its own, driven by hand; nobody dies unless told to."""

    def __init__(self, mutant: str | None) -> None:
        super().__init__(1, mutant, origins=1, partitions=2)
        self.rng = self.broker.rng = random.Random(1)
        self.exact, self.bound, self.plans, self.broker.calm = True, INF, False, True
        self.workers = [Worker(self.broker, i) for i in range(3)]
        admission, first, second = (
            self.assign(place, worker)
            for place, worker in zip((("src", 0), ("lane", 0), ("lane", 1)), self.workers, strict=True)
        )
        assert isinstance(admission, Admission)
        assert isinstance(first, Lane)
        assert isinstance(second, Lane)
        self.admission, self.lanes = admission, (first, second)

    def admit(self, *events: Event) -> None:
        """Events come from the source to the hops, in one record for each."""
        self.broker.source[0] += events
        self.admission.batch(99, self.rng)
        self.drain(self.admission)

    def apply(self, hop: int, partition: int) -> Sender:
        """A hop partition applies all that it has; nothing is sent."""
        x = self.lanes[partition].hops[hop]
        x.batch(99, self.rng)
        return x

    def send(self, sender: Sender, target: Channel) -> None:
        """What waits for one target is sent, nothing else."""
        while sender.tags[target]:
            sender.worker.send(target, self.rng)

    def verdict(self) -> str | None:
        """The end: all is applied, and compared with the oracle."""
        self.last = True
        self.settle()
        return broken_promise(self) or self.broker.broken


def item_that_goes_round_its_owner(mutant: str | None) -> str | None:
    """An event goes from its account to its instrument, then its owner is taught and it goes through the customer.

    The second record comes first: to one partition records of two producers stand in any order.
    """
    account, customer = key_of(ACCOUNT, 0), key_of(CUSTOMER, 1)
    event = Event(11, 2, "x", 1, (account, None, 0, None))
    teacher = Event(10, 1, "teach", 1, (account, customer, None, None))
    script = Script(mutant)
    script.admit(event)
    script.admit(teacher)
    at_account = script.apply(ACCOUNT, 0)
    script.send(at_account, (CUSTOMER, 1))
    instrument = INSTRUMENT, hashed(INSTRUMENT, 0) % 2
    script.send(script.apply(CUSTOMER, 1), instrument)
    script.send(at_account, instrument)
    return script.verdict()


def owner_contradicted_by_an_earlier_teacher(mutant: str | None) -> str | None:
    """An account is named as one customer's, an event of it is sent to him; then an earlier event names another."""
    account, one, other = key_of(ACCOUNT, 0), key_of(CUSTOMER, 1), key_of(CUSTOMER, 0)
    script = Script(mutant)
    script.admit(
        Event(11, 1, "teach", 1, (account, one, None, None)), Event(12, 2, "x", 1, (account, None, None, None))
    )
    script.admit(Event(10, 3, "teach", 1, (account, other, None, None)))
    script.admit(Event(13, 4, "x", 1, (None, one, None, None)))
    return script.verdict()


@pytest.mark.parametrize(
    ("scenario", "mutant"),
    [
        (item_that_goes_round_its_owner, "unfilled_overrides"),
        (owner_contradicted_by_an_earlier_teacher, "owner_by_time"),
    ],
)
def test_race_keeps_the_promise_and_shows_its_bug(scenario, mutant) -> None:
    assert scenario(None) is None
    assert scenario(mutant), f"{mutant} was not seen"
