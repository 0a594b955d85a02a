"""Small schedules written out by hand: races that random ones meet too rarely, each with the bug that it shows."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count

import pytest

from tests.protocol.admission import Admission
from tests.protocol.check import broken_promise
from tests.protocol.checkpoint import Lane
from tests.protocol.schedule import Schedule
from tests.protocol.worker import Sender
from tests.protocol.world import BIG, INF, Channel, Event, Items, hashed

ACCOUNT, CUSTOMER, INSTRUMENT = 0, 1, 2


def key_of(hop: int, partition: int) -> int:
    """A key of a kind that lies in a partition of two."""
    return next(key for key in count() if hashed(hop, key) % 2 == partition)


class Script(Schedule):
    """One origin and two lanes, each at a worker of its own, driven by hand; nobody dies unless told to.

    `together` puts both lanes at one worker, the second.
    """

    def __init__(self, mutant: str | None, *, together: bool = False) -> None:
        super().__init__(1, mutant, origins=1, partitions=2)
        self.rng = self.broker.rng = random.Random(1)
        self.lift = INF
        self.exact, self.bound, self.plans, self.broker.calm = True, INF, False, True
        self.sharing = self.waiting = self.gather = 0.0
        self.workers = [self.process(i) for i in range(3)]
        if together:
            self.workers[2] = self.workers[1]
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

    def lift_to(self) -> int:
        return BIG if self.last else self.lift

    def propose(self, owner: Admission) -> None:
        """An owner of the origin is about to lift its clock: only the commit is still to come."""
        while owner.origin.proposed is None:
            owner.change()
            if owner.origin.stop is not None:
                owner.batch(99, self.rng)
            while owner.busy():
                owner.send(self.rng)

    def apply(self, hop: int, partition: int) -> Sender:
        """A hop partition applies all that it has; nothing is sent."""
        x = self.lanes[partition].hops[hop]
        x.batch(99, self.rng)
        return x

    def share(self, hop: int, target: Channel) -> Items:
        """Both partitions of a hop apply all that they have, and hand over what that brings as one record."""
        team = [self.lanes[p].hops[hop] for p in (0, 1)]
        for x in team:
            x.read(99, self.rng)
        self.lanes[0].worker.hand_over(team, self.rng)
        (record,) = (record for _, record in self.lanes[0].worker.queues[target])
        assert {section.channel for section in record.sections} == {x.channel for x in team}
        assert isinstance(record, Items)
        return record

    def send(self, sender: Sender, target: Channel | str) -> None:
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


def old_owner_that_sent_what_the_new_one_has_not_read(mutant: str | None) -> str | None:
    """The old owner accepts an event after the new one came; the new one lifts the clock above it."""
    script = Script(mutant)
    old = script.admission
    script.lift = 20
    new = script.assign(("src", 0), script.workers[2])
    assert isinstance(new, Admission)
    script.broker.source[0].append(Event(10, 1, "x", 1, (0, None, None, None)))
    old.batch(99, script.rng)
    while old.busy():
        old.send(script.rng)
    script.propose(new)
    new.commit()
    return script.verdict()


def old_owner_that_sends_to_a_later_hop(mutant: str | None) -> str | None:
    """After the new owner's lift the old one accepts an event that enters at a later hop."""
    script = Script(mutant)
    old = script.admission
    script.lift = 20
    new = script.assign(("src", 0), script.workers[2])
    assert isinstance(new, Admission)
    script.propose(new)
    new.commit()
    script.broker.source[0].append(Event(10, 1, "x", 1, (None, None, 0, None)))
    old.batch(99, script.rng)
    while old.busy():
        old.send(script.rng)
    return script.verdict()


def lift_that_is_never_committed(mutant: str | None) -> str | None:
    """An owner dies between the proposal of a lift and its commit; the next one reads an event from below it."""
    script = Script(mutant)
    script.lift = 20
    script.propose(script.admission)
    script.drain(script.admission)
    new = script.assign(("src", 0), script.workers[2])
    assert isinstance(new, Admission)
    script.broker.source[0].append(Event(10, 1, "x", 1, (0, None, None, None)))
    new.batch(99, script.rng)
    script.drain(new)
    return script.verdict()


def lift_whose_answer_is_lost(mutant: str | None) -> str | None:
    """The commit of a lift is on its way and its answer lost; an event from below it comes; then the commit arrives."""
    script = Script(mutant)
    owner, broker, script.lift = script.admission, script.broker, 20
    script.propose(owner)
    broker.commit = lambda *request: broker.inflight.append(request)  # type: ignore[method-assign, func-returns-value]
    owner.commit()
    del broker.commit  # type: ignore[method-assign]
    broker.source[0].append(Event(10, 1, "x", 1, (0, None, None, None)))
    if not owner.stopped:
        owner.batch(99, script.rng)
        script.drain(owner)
    broker.accept(*broker.inflight.pop())
    script.assign(("src", 0), script.workers[2])
    return script.verdict()


def dropped_record_between_mark_and_checkpoint(mutant: str | None) -> str | None:
    """A ring is rebuilt over a record of an old generation, and the new owner sends its event once more."""
    script = Script(mutant)
    account, old, lane = key_of(ACCOUNT, 0), script.admission, script.lanes[0]
    new = script.assign(("src", 0), script.workers[2])
    assert isinstance(new, Admission)
    script.lift = 20
    script.broker.source[0].append(Event(10, 1, "x", 1, (account, None, None, None)))
    script.propose(new)
    new.commit()
    script.drain(new)
    script.apply(ACCOUNT, 0)
    lane.hops[ACCOUNT].mark()
    script.broker.source[0].append(Event(18, 2, "x", 1, (account, None, None, None)))
    old.batch(99, script.rng)
    while old.busy():
        old.send(script.rng)
    script.apply(ACCOUNT, 0)
    lane.checkpoint(script.rng)
    script.assign(("lane", 0), script.workers[1])
    new.batch(99, script.rng)
    script.drain(new)
    return script.verdict()


def shared_record_that_dies_with_its_worker(mutant: str | None) -> str | None:
    """Two accounts' partitions share a record to a customer, take a checkpoint each, and die before it is sent."""
    customer = key_of(CUSTOMER, 0)
    script = Script(mutant, together=True)
    for p in (0, 1):
        script.admit(Event(10 + p, 1 + p, "x", 1, (key_of(ACCOUNT, p), customer, None, None)))
    script.share(ACCOUNT, (CUSTOMER, 0))
    for lane in script.lanes:
        for x in lane.hops:
            for target in ("alerts", "audit"):
                script.send(x, target)
        lane.begin()
        lane.finish(script.rng)
    script.kill(1)
    return script.verdict()


def old_owner_beside_a_record_that_others_share(mutant: str | None) -> str | None:
    """Others share a record at the worker of a new owner, who then lifts; the old one sends to where that record went.

    The receiver has heard nothing of the new owner, so it takes what the old one accepts below the lift.
    """
    instrument = key_of(INSTRUMENT, 0)
    script = Script(mutant, together=True)
    for p in (0, 1):
        script.admit(Event(10, 1 + p, "x", 1, (key_of(ACCOUNT, p), None, instrument, None)))
    old, script.lift = script.admission, 20
    new = script.assign(("src", 0), script.workers[1])
    assert isinstance(new, Admission)
    script.share(ACCOUNT, (INSTRUMENT, 0))
    script.send(script.lanes[0].hops[ACCOUNT], (INSTRUMENT, 0))
    script.propose(new)
    new.commit()
    script.broker.source[0].append(Event(10, 3, "x", 1, (None, None, instrument, None)))
    old.batch(99, script.rng)
    while old.busy():
        old.send(script.rng)
    return script.verdict()


@pytest.mark.parametrize(
    ("scenario", "mutant"),
    [
        (item_that_goes_round_its_owner, "unfilled_overrides"),
        (owner_contradicted_by_an_earlier_teacher, "owner_by_time"),
        (old_owner_that_sent_what_the_new_one_has_not_read, "end_before_barrier"),
        (old_owner_that_sends_to_a_later_hop, "barrier_hop0_only"),
        (old_owner_that_sends_to_a_later_hop, "no_barrier"),
        (old_owner_that_sends_to_a_later_hop, "no_era_check"),
        (lift_that_is_never_committed, "floor_before_commit"),
        (lift_whose_answer_is_lost, "lost_answer_goes_on"),
        (dropped_record_between_mark_and_checkpoint, "ring_without_vector"),
        (shared_record_that_dies_with_its_worker, "checkpoint_own_sends"),
        (shared_record_that_dies_with_its_worker, "checkpoint_before_outputs"),
        (old_owner_beside_a_record_that_others_share, "greeted_by_shared_send"),
    ],
)
def test_race_keeps_the_promise_and_shows_its_bug(scenario: Callable[[str | None], str | None], mutant: str) -> None:
    assert scenario(None) is None
    assert scenario(mutant), f"{mutant} was not seen"
