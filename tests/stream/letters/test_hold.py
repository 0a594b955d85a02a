"""What a hop partition holds back: nothing is lost by it, and a log that is read again says the same again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch, load_catalogue
from risk_stream.engine import Hop
from risk_stream.engine.view import is_broadcast
from risk_stream.kafka import Outgoing
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.stream.hops import Address, Applied, HopPartition, onward, position_of
from risk_stream.stream.letters import hold as module
from risk_stream.stream.letters import marks
from risk_stream.stream.letters.channels import Channels
from risk_stream.stream.letters.promises import Promises
from risk_stream.stream.letters.sections import (
    Section,
    read_fronts,
    read_letter,
    running_clock,
    write_fronts,
    write_letters,
)
from tests.stream.conftest import NOW, RULES, FakeRecord, merged

CATALOGUE = load_catalogue()
DECODER = Decoder(CATALOGUE)
PLANS = {
    plan.version: plan
    for plan in (plan_of_texts({"r.yaml": RULES.replace("== 3", f"== {n}")}, CATALOGUE) for n in (3, 4, 5))
}
LATENESS_MS = 10_000


@pytest.fixture(autouse=True, scope="module")
def _small() -> Any:
    """Few events are enough, and not many more are too many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ENOUGH", 4)
        patch.setattr(module, "FULL", 12)
        patch.setattr(marks, "CUT", 3)
        yield


@dataclass
class Sender:
    """An origin that sends to one partition of the account hop."""

    channel: str
    clock: int = NOW
    sent: int = 0
    generation: int = 1
    promised: bool = False


def events_of(sender: Sender, times: Sequence[int]) -> EventBatch:
    said = [
        {
            "id": f"{sender.channel}-{sender.sent + i}",
            "type": "transfer",
            "time": time,
            "account": f"A{(sender.sent + i) % 3}",
            "counterparty": f"P{i % 4}",
            "customer": "C1",
            "direction": "out",
            "amount": 9000 + (sender.sent + i) % 5 * 500,
        }
        for i, time in enumerate(times)
    ]
    batch = DECODER.decode([orjson.dumps(event) for event in said], str)[0]
    assert len(batch) == len(times)
    return batch.with_columns({"_stamp": np.arange(sender.sent, sender.sent + len(times)), "_at": np.array(times)})


def told_to_all(sender: Sender) -> EventBatch:
    """A change of a list, which every partition hears."""
    said = {"id": f"{sender.channel}-{sender.sent}", "type": "list_entry", "time": sender.clock, "list_name": "watch"}
    said |= {"member": f"C{sender.sent % 3}", "listed": sender.sent % 2 == 0, "source": "desk"}
    batch = DECODER.decode([orjson.dumps(said)], str)[0]
    assert len(batch) == 1
    return batch.with_columns({"_stamp": np.array([sender.sent]), "_at": np.array([sender.clock])})


def random_log(seed: int, records: int) -> list[FakeRecord]:
    """Letters of three origins, together or alone, each at its own pace; some promise more, and in the end none.

    Two plans take turns, and at times there is a third; now and then a record changes a list.
    """
    rng = random.Random(seed)
    senders = [Sender(f"trades/{i}") for i in range(3)]
    versions, log = sorted(PLANS), list[FakeRecord]()
    for offset in range(records):
        speaking = rng.sample(senders, rng.choice([1, 1, 1, 2]))
        over = offset >= records - 3
        if over:
            speaking = [senders[offset - records + 3]]
        sections, batches, clocks = [], [], []
        for sender in speaking:
            before, n = sender.clock, rng.choice([0, 1, 2, 5]) if not over else 0
            if rng.random() < 0.1:
                sender.generation += 1
            pace = rng.choice([1, 30, 400])
            times = [max(NOW, sender.clock + rng.randrange(-30, pace * 4)) for _ in range(n)]
            more = not over and rng.random() < 0.7
            sender.clock = max([sender.clock, *times]) + (10_000 if over else 0)
            sections.append(
                Section(sender.channel, sender.generation, sender.clock, before, sender.clock if more else MISSING)
            )
            if n:
                batch = events_of(sender, times)
                batches.append(batch)
                clocks.append(running_clock(batch.times, before))
            sender.sent += n
        version = versions[rng.choice([0, 0, 0, 0, 1, 1, 1, 2])]
        if len(sections) == 1 and not batches and not over and rng.random() < 0.6:
            (value,) = write_letters(told_to_all(speaking[0]), sections, version)
            speaking[0].sent += 1
        elif len(batches) == len(sections):
            (value,) = write_letters(merged(batches, clocks), sections, version)
        else:
            value = write_fronts([s.said() if rng.random() < 0.8 or over else (*s.said()[:3], None) for s in sections])
        log.append(FakeRecord(offset, value))
    return log


def new_hop(*, holds: bool = True) -> HopPartition:
    first = PLANS[min(PLANS)]
    address = Address(lambda kind: f"hop.{kind}", "alerts", "rejects", "audit", "decisions", lambda _: 2, 2)
    hop = Hop(first, "account", reserve_mib=64, lateness_ms=LATENESS_MS, journal=True)
    return HopPartition(hop, 0, address, Channels([f"trades/{i}" for i in range(3)]), PLANS.__getitem__, 0, holds=holds)


def feed(hop: HopPartition, log: Sequence[FakeRecord], said: dict[int, list[Outgoing]] | None = None) -> list[Outgoing]:
    """Take records one by one; `said` keeps what each brought forth."""
    outgoing: list[Outgoing] = []
    for record in log:
        hop.put([], [record])
        applied = Applied()
        was_remembering = hop.remembering
        forwards = hop.take(1, applied)
        if not was_remembering:
            applied.outgoing += onward([(hop.section(), forwards)], hop.address, Promises(hop.address.hop_topic))
        hop.said()
        outgoing += applied.outgoing
        if said is not None:
            said[record.offset] = applied.outgoing
    return outgoing


def names(outgoing: Sequence[Outgoing]) -> list[tuple[Any, ...]]:
    """What was said, without the fronts: alerts, and events on their way with their stamps."""
    said: list[tuple[Any, ...]] = []
    for out in outgoing:
        if out.topic == "alerts":
            said.append(("alert", out.value))
        elif out.value[:1] != b"{":
            letter = read_letter(CATALOGUE, out.value)
            batch = letter.batch
            said += [
                (out.topic, out.partition, letter.plan, batch.text("id", row), int(batch.stamps[row]))
                for row in range(len(batch))
            ]
    return said


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(4, 30))
def test_in_the_end_nothing_is_held_and_every_event_went_on(seed: int, records: int) -> None:
    """Once nobody promises more; in the order of stamps that ascend."""
    log, hop = random_log(seed, records), new_hop()
    went = [entry for entry in names(feed(hop, log)) if entry[0] != "alert"]
    came = {
        letter.text("id", row)
        for record in log
        if record.value and record.value[:1] != b"{"
        for letter in [read_letter(CATALOGUE, record.value).batch]
        for row in range(len(letter))
        if not is_broadcast(letter)
    }
    assert len(hop.hold) == 0
    assert {entry[3] for entry in went} == came
    by_partition: dict[Any, list[int]] = {}
    for entry in went:
        by_partition.setdefault((entry[0], entry[1]), []).append(entry[4])
    assert all(stamps == sorted(set(stamps)) for stamps in by_partition.values())


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(4, 30), st.data())
def test_who_begins_again_at_a_checkpoint_says_the_same_again(seed: int, records: int, data: st.DataObject) -> None:
    """Wherever the checkpoint stands, held events and all; as often as it happens."""
    log, said = random_log(seed, records), dict[int, list[Outgoing]]()
    hop, parts = new_hop(), list[bytes]()
    feed(whole := new_hop(), log, said)
    n = 0
    for _ in range(data.draw(st.integers(1, 3))):
        upto = data.draw(st.integers(n, records))
        feed(hop, [record for record in log if n <= record.offset < upto])
        n = upto
        if n:
            parts += hop.hop.delta(position_of(n - 1))
        standing = hop.standing()
        assert standing.n == n
        hop = new_hop()
        if parts:
            hop.hop.restore(parts, PLANS)
        hop.go_on(standing)
        lost = data.draw(st.integers(0, 2))  # it dies again, before and behind what it had to read again
        if lost:
            feed(hop, log[standing.ring : standing.ring + lost * (n - standing.ring) // 2])
            hop = new_hop()
            if parts:
                hop.hop.restore(parts, PLANS)
            hop.go_on(standing)
        feed(hop, log[standing.ring : n])
        assert not hop.remembering
    again = dict[int, list[Outgoing]]()
    feed(hop, log[n:], again)
    for offset in range(n, records):
        assert names(again[offset]) == names(said[offset]), f"record {offset}"
    assert (hop.hop.clock, hop.clock, hop.hold.cut) == (whole.hop.clock, whole.clock, whole.hold.cut)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(4, 30))
def test_no_front_is_told_ahead_of_what_is_held(seed: int, records: int) -> None:
    """An event that goes on is at most as far behind the front told before it as its origin allowed."""
    log, hop = random_log(seed, records), new_hop()
    told = MISSING
    for record in log:
        before, said = hop.clock, feed(hop, [record])
        for out in said:
            if out.topic.startswith("hop.") and out.value[:1] != b"{":
                letter = read_letter(CATALOGUE, out.value)
                assert told == MISSING or letter.batch.times.min() > told - 31
        told = max(told, hop.front)
        assert hop.clock <= hop.channels.clock
        assert hop.clock == before or not hop.hold.holds_until(hop.clock)


def letter(sender: Sender, times: Sequence[int], more: int, plan: int = 0) -> bytes:
    """Events as a message under the plan of that number."""
    before, sender.clock = sender.clock, max([sender.clock, *times])
    batch = events_of(sender, times)
    sender.sent += len(times)
    section = Section(sender.channel, sender.generation, sender.clock, before, more)
    (value,) = write_letters(batch, [section], sorted(PLANS)[plan])
    return value


def test_who_is_ahead_waits_for_who_promised_more(catalogue: Catalogue) -> None:
    """And what goes on is in the order of time: nothing is behind."""
    hop, one, two = new_hop(), Sender("trades/0"), Sender("trades/1")
    ahead, behind = [NOW + 10 * i for i in range(5)], [NOW + 10 * i + 5 for i in range(4)]
    log = [
        FakeRecord(0, write_fronts([("trades/1", 1, NOW, NOW), ("trades/2", 1, NOW + 9999, None)])),
        FakeRecord(1, letter(one, ahead, MISSING)),
        FakeRecord(2, letter(two, behind, behind[-1])),
        FakeRecord(3, write_fronts([("trades/1", 1, NOW + 9999, MISSING)])),
    ]
    assert names(feed(hop, log[:2])) == []
    went = [entry[3] for entry in names(feed(hop, log[2:])) if entry[0] == "hop.counterparty"]
    assert sorted(went) == sorted(f"trades/{i}-{k}" for i, n in ((0, 5), (1, 4)) for k in range(n))
    assert hop.hop.ring_events == 9
    assert len(hop.hold) == 0


def test_what_a_dead_worker_promised_is_over_when_its_successor_speaks() -> None:
    """Without events, in a new generation."""
    hop, one, two = new_hop(), Sender("trades/0"), Sender("trades/1")
    assert (
        names(feed(hop, [FakeRecord(0, letter(one, [NOW], NOW)), FakeRecord(1, letter(two, [NOW + 5], MISSING))])) == []
    )
    assert names(feed(hop, [FakeRecord(2, write_fronts([("trades/0", 1, NOW, None)]))])) == []
    assert len(names(feed(hop, [FakeRecord(3, write_fronts([("trades/0", 2, NOW, None)]))]))) == 2


def test_more_than_is_held_at_most_goes_on_whoever_is_waited_for() -> None:
    hop, one, two = new_hop(), Sender("trades/0"), Sender("trades/1")
    feed(hop, [FakeRecord(0, letter(two, [NOW], NOW))])
    went = names(feed(hop, [FakeRecord(1, letter(one, [NOW + i + 1 for i in range(module.FULL)], MISSING))]))
    assert len({entry[3] for entry in went if entry[0] != "alert"}) == module.FULL + 1


def test_a_hop_that_holds_or_waits_promises_more_itself() -> None:
    """So the next hop waits for what is held here."""
    hop, one, two = new_hop(), Sender("trades/0"), Sender("trades/1")
    feed(hop, [FakeRecord(0, letter(two, [NOW], NOW)), FakeRecord(1, letter(one, [NOW + 1], MISSING))])
    assert hop.section().more != MISSING
    feed(hop, [FakeRecord(2, write_fronts([("trades/1", 1, NOW, MISSING)]))])
    assert hop.section().more == MISSING


def test_a_plan_that_follows_waits_for_nobody(plan: Plan) -> None:
    """What is held under the one before goes on first, each block at a position of its own."""
    hop, one = new_hop(), Sender("trades/0")
    first, second, _ = sorted(PLANS)
    times = [NOW, NOW + 1]
    feed(hop, [FakeRecord(0, letter(one, times, NOW))])
    batch = events_of(one, [NOW + 2])
    (value,) = write_letters(batch, [Section("trades/0", 1, NOW + 2, NOW + 1, MISSING)], second)
    went = [entry for entry in names(feed(hop, [FakeRecord(1, value)])) if entry[0] != "alert"]
    assert [entry[2] for entry in sorted(went, key=lambda entry: entry[4])] == [first, first, second]
    assert {entry[4] >> 20 for entry in went} == {2, 3}


def test_events_of_two_plans_wait_side_by_side_and_go_on_as_a_block_of_each() -> None:
    """While one plan follows another, records of both take turns: they are not judged one by one."""
    hop, one, two = new_hop(), Sender("trades/0"), Sender("trades/1")
    log = [FakeRecord(0, write_fronts([("trades/2", 1, NOW + 9999, None)]))]
    for turn in range(3):
        log.append(FakeRecord(1 + 2 * turn, letter(one, [NOW + 20 * turn + 5], NOW, 0)))
        log.append(FakeRecord(2 + 2 * turn, letter(two, [NOW + 20 * turn], NOW, 1)))
    assert names(feed(hop, log)) == []
    assert (len(hop.hold), len(hop.hold.plans)) == (6, 2)
    said = write_fronts([("trades/0", 1, NOW + 9999, MISSING), ("trades/1", 1, NOW + 9999, MISSING)])
    went = {entry[3]: entry for entry in names(feed(hop, [FakeRecord(7, said)])) if entry[0] == "hop.counterparty"}
    first, second = sorted(PLANS)[:2]
    assert {(entry[2], entry[4] >> 20) for entry in went.values()} == {(first, 14), (second, 15)}
    assert len(went) == 6


def test_a_third_plan_waits_and_what_is_held_of_the_two_before_goes_on() -> None:
    hop, one, two = new_hop(), Sender("trades/0"), Sender("trades/1")
    log = [letter(one, [NOW + 5], NOW, 0), letter(two, [NOW], NOW, 1), letter(one, [NOW + 30], NOW, 2)]
    went = names(feed(hop, [FakeRecord(offset, value) for offset, value in enumerate(log)]))
    assert {(entry[2], entry[4] >> 20) for entry in went if entry[0] != "alert"} == {
        (plan, at) for plan, at in zip(sorted(PLANS)[:2], (4, 5), strict=True)
    }
    assert (len(hop.hold), len(hop.hold.plans)) == (1, 1)


def test_what_is_said_to_all_comes_behind_all_that_is_held_also_with_the_next_record() -> None:
    """Where the two plans that are held take both positions of its own."""
    hop, one, two, three = new_hop(), Sender("trades/0"), Sender("trades/1"), Sender("trades/2")
    (told,) = write_letters(told_to_all(three), [Section("trades/2", 1, NOW, NOW, MISSING)], min(PLANS))
    log = [letter(one, [NOW + 5], NOW, 0), letter(two, [NOW], NOW, 1), told]
    feed(hop, [FakeRecord(offset, value) for offset, value in enumerate(log)])
    assert (len(hop.hold), hop.hold.oldest(3), hop.hop.position) == (0, 2, 5)
    feed(hop, [FakeRecord(3, write_fronts([("trades/1", 1, NOW, MISSING)]))])
    assert (hop.hold.oldest(4), hop.hop.position) == (4, 6)


def test_fronts_go_through_bytes_and_back() -> None:
    """With a promise, without one, and where nothing is said of it."""
    said = [("a/0", 1, 5, 7), ("a/1", 2, 6, MISSING), ("a/2", 3, 7, None)]
    assert read_fronts(write_fronts(said)) == said


def test_what_may_be_judged_again_is_read_from_the_first_record_that_has_any_of_it() -> None:
    """Also where a later block has events of an earlier record."""
    hop, one, two = new_hop(), Sender("trades/0"), Sender("trades/1")
    feed(hop, [FakeRecord(0, write_fronts([("trades/1", 1, NOW, NOW), ("trades/2", 1, NOW, None)]))])
    feed(hop, [FakeRecord(1, letter(one, [NOW + 1000], MISSING))])
    feed(hop, [FakeRecord(2, letter(two, [NOW + 1, NOW + 2, NOW + 3, NOW + 4], NOW + 4))])
    assert hop.hop.ring_events == 4
    assert hop.hop.reads_from == 2
    feed(hop, [FakeRecord(3, write_fronts([("trades/1", 1, NOW + 4, MISSING)]))])
    assert hop.hop.ring_events == 5
    assert hop.hop.reads_from == 1


def test_where_no_checkpoint_says_what_waits_nothing_waits() -> None:
    """A record is done with there once it was taken, and a broker without transactions gives no more until it is."""
    hop, one, two = new_hop(holds=False), Sender("trades/0"), Sender("trades/1")
    assert (
        len(names(feed(hop, [FakeRecord(0, letter(one, [NOW], NOW)), FakeRecord(1, letter(two, [NOW + 5], NOW))]))) == 2
    )
    assert hop.section().more == MISSING
