"""A hop partition on its messages: each event applied once, alerts and onward messages addressed, poison kept aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import numpy as np
import orjson
import pytest

from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch
from risk_stream.engine import INDEX_BITS, Engine, Hop
from risk_stream.kafka import Outgoing
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.stream.hops import Address, Applied, HopPartition, onward, position_of
from risk_stream.stream.intake.admission import Admission
from risk_stream.stream.intake.origins import Committed, Origin
from risk_stream.stream.letters import sections as module
from risk_stream.stream.letters.channels import Channels
from risk_stream.stream.letters.messages import pack
from risk_stream.stream.letters.promises import Promises
from risk_stream.stream.letters.sections import Section, read_letter, write_letters
from tests.stream.conftest import NOW, FakeRecord, admit

Make = Callable[..., FakeRecord]
PARTITIONS = 3
decoder_of = cache(Decoder)


def hop_at(plan: Plan, kind: str, partition: int = 0) -> HopPartition:
    address = Address(lambda k: f"hop.{k}", "alerts", "rejects", "audit", "decisions", lambda _: PARTITIONS, PARTITIONS)
    channels = Channels(["trades/0"])
    return HopPartition(Hop(plan, kind, reserve_mib=64), partition, address, channels, lambda _: plan, 0)


def feed(hop: HopPartition, messages: Iterable[FakeRecord]) -> Applied:
    """Apply messages as the worker does."""
    applied = Applied()
    hop.put([], messages)
    said = hop.take(len(hop.waiting), applied)
    applied.outgoing += onward([(hop.section(), said)], hop.address, Promises(hop.address.hop_topic))
    hop.said()
    return applied


def events(applied: Applied) -> int:
    """How many were judged."""
    return sum(applied.batches)


def message(
    catalogue: Catalogue,
    offset: int,
    records: list[FakeRecord],
    channel: str = "trades/0",
    front: int = NOW,
    version: str = "p",
) -> FakeRecord:
    """Records as one admitted message at an offset of a hop topic."""
    batch = decoder_of(catalogue).decode([r.value for r in records], str)[0]
    stamps = np.array([r.offset for r in records])
    batch = batch.with_columns({"_stamp": stamps, "_at": np.full(len(records), NOW)})
    value = next(write_letters(batch, [Section(channel, 1, front, front)], version))
    return FakeRecord(offset, value)


def test_alerts_are_keyed_by_their_id(plan: Plan, catalogue: Catalogue, transfer: Make) -> None:
    """The same alert, said again, lies behind itself in one partition."""
    applied = feed(hop_at(plan, "account"), [message(catalogue, 0, [transfer(i, time=NOW + i) for i in range(3)])])
    (alert,) = [o for o in applied.outgoing if o.topic == "alerts"]
    assert orjson.loads(alert.value)["rule"] == "third"
    assert alert.key == orjson.loads(alert.value)["id"].encode()
    assert alert.partition == int(alert.key[:8], 16) % PARTITIONS


def test_forwards_are_stamped_by_the_place_in_this_log(plan: Plan, catalogue: Catalogue, transfer: Make) -> None:
    """Offset and index: so the next hop can tell what it had."""
    hop = hop_at(plan, "account", 2)
    applied = feed(hop, [message(catalogue, 4, [transfer(1), transfer(2)]), message(catalogue, 6, [transfer(3)])])
    (out,) = [o for o in applied.outgoing if o.topic == "hop.counterparty"]
    letter = read_letter(catalogue, out.value)
    assert letter.batch.stamps.tolist() == [9 << INDEX_BITS, (9 << INDEX_BITS) + 1, 13 << INDEX_BITS]
    assert letter.channels == (("hop.account/2", 0, NOW, MISSING),)


def test_a_message_that_comes_again_changes_nothing(plan: Plan, catalogue: Catalogue, transfer: Make) -> None:
    """Its sender was restarted and cut its messages elsewhere: per event, not per message."""
    hop = hop_at(plan, "account")
    feed(hop, [message(catalogue, 0, [transfer(1, time=NOW + 1), transfer(2, time=NOW + 2)])])
    again = feed(
        hop, [message(catalogue, 1, [transfer(1, time=NOW + 1), transfer(2, time=NOW + 2), transfer(3, time=NOW + 3)])]
    )
    assert events(again) == 1
    assert [orjson.loads(o.value)["event"] for o in again.outgoing if o.topic == "alerts"] == ["t3"]
    (onward,) = [o for o in again.outgoing if o.topic == "hop.counterparty"]
    assert EventBatch.from_ipc(catalogue, onward.value)[0].stamps.tolist() == [3 << INDEX_BITS]
    assert hop.channels.copies == 2


def test_of_copies_under_two_plans_the_first_holds_and_that_is_said(
    plan: Plan, catalogue: Catalogue, transfer: Make
) -> None:
    """Which of them comes first in this log is no function of the events: without a word nobody could judge again."""
    other = Plan(catalogue, ())
    hop = hop_at(plan, "account")
    hop.plan_of = {plan.version: plan, other.version: other}.__getitem__
    records = [
        message(catalogue, 0, [transfer(1)], "trades/0", version=other.version),
        message(catalogue, 1, [transfer(1), transfer(2)], "trades/1", version=plan.version),
        message(catalogue, 2, [transfer(1)], "trades/2", version=other.version),
    ]
    applied = feed(hop, records)
    said = [orjson.loads(o.value) for o in applied.outgoing if o.topic == "audit"]
    assert said == [{"kind": "copy", "event": "t1", "plan": other.version, "hop": "hop.account/0"}]
    assert applied.known == 2


def test_an_owner_who_is_not_believed_is_said_with_the_event_that_named_him(plan: Plan, catalogue: Catalogue) -> None:
    """Once, however often he is named: whom a hop reads first is no function of the events."""

    def owner(offset: int, customer: str) -> FakeRecord:
        said = {"id": f"o{offset}", "type": "account", "time": NOW + offset, "account": "A1", "customer": customer}
        return FakeRecord(offset, orjson.dumps(said))

    records = [
        message(catalogue, 0, [owner(0, "C1"), owner(1, "C2")]),
        message(catalogue, 1, [owner(2, "C2"), owner(3, "C1")]),
    ]
    hop = hop_at(plan, "account")
    audit = [o for o in feed(hop, records).outgoing if o.topic == "audit"]
    assert [(o.key, orjson.loads(o.value)) for o in audit] == [
        (
            b"A1",
            {
                "kind": "owner",
                "key": "A1",
                "held": "C1",
                "said": "C2",
                "event": "o1",
                "time": NOW + 1,
                "hop": "hop.account/0",
            },
        )
    ]
    assert hop.hop.contradicted == 2


def test_two_senders_do_not_shadow_each_other(plan: Plan, catalogue: Catalogue, transfer: Make) -> None:
    """Stamps are compared per sender: another's are not lower."""
    hop = hop_at(plan, "account")
    applied = feed(
        hop,
        [
            message(catalogue, 0, [transfer(90)], "trades/0"),
            message(catalogue, 1, [transfer(5)], "trades/1"),
            message(catalogue, 2, [transfer(91)], "trades/0"),
        ],
    )
    assert events(applied) == 3


def test_fronts_alone_move_the_clock(plan: Plan, catalogue: Catalogue) -> None:
    """A record of fronts holds no events, and costs nothing but a look."""
    hop = hop_at(plan, "account")
    applied = feed(hop, [FakeRecord(0, orjson.dumps({"fronts": [["trades/0", 1, NOW + 5]]}))])
    assert (events(applied), applied.poison.total(), applied.outgoing) == (0, 0, [])
    assert (hop.channels.clock, hop.front, hop.next) == (NOW + 5, NOW + 5, 1)


def test_the_new_front_is_said_with_the_last_message_only(
    plan: Plan, catalogue: Catalogue, transfer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes behind a front must not lie below it: to each partition, earlier messages say the front before."""
    hop = hop_at(plan, "account")
    feed(hop, [message(catalogue, 0, [transfer(1)], front=NOW)])
    many = message(catalogue, 1, [transfer(i, counterparty=f"P{i % 9}") for i in range(2, 2000)], front=NOW + 9)
    monkeypatch.setattr(module, "pack", partial(pack, limit=20_000))
    applied = feed(hop, [many])
    said = defaultdict(list)
    for out in (o for o in applied.outgoing if o.topic == "hop.counterparty"):
        said[out.partition].append(read_letter(catalogue, out.value).channels[0][2])
    assert len(said) == PARTITIONS
    assert any(len(fronts) > 1 for fronts in said.values())
    assert all(fronts == [*[NOW] * (len(fronts) - 1), NOW + 9] for fronts in said.values())


def test_an_earlier_owner_of_an_origin_is_not_heard(plan: Plan, catalogue: Catalogue, transfer: Make) -> None:
    """It was paused, and its successor may have decided otherwise."""
    hop = hop_at(plan, "account")
    feed(hop, [FakeRecord(0, orjson.dumps({"fronts": [["trades/0", 2, NOW]]}))])
    assert events(feed(hop, [message(catalogue, 1, [transfer(1)])])) == 0


@pytest.mark.parametrize(
    "poison", [b"", b"junk", None, b"\x00" * 400, b"{", b'{"fronts":[1]}', b'{"fronts":[["c",1,2],["c","x",3]]}']
)
def test_a_message_that_cannot_be_read_is_kept_and_the_rest_goes_on(
    poison: bytes | None, plan: Plan, catalogue: Catalogue, transfer: Make
) -> None:
    """Whatever somebody wrote into the topic."""
    applied = feed(hop_at(plan, "account"), [FakeRecord(0, poison), message(catalogue, 1, [transfer(1)])])
    (reject,) = [orjson.loads(o.value) for o in applied.outgoing if o.topic == "rejects"]
    assert (reject["topic"], reject["offset"], reject["reason"]) == ("hop.account", 0, "message")
    assert applied.poison == {"hop.account": 1}
    assert events(applied) == 1


def test_a_message_without_a_channel_is_poison(plan: Plan, catalogue: Catalogue, transfer: Make) -> None:
    """It cannot be told from a copy, so it is not applied."""
    batch = decoder_of(catalogue).decode([transfer(1).value], str)[0]
    assert feed(hop_at(plan, "account"), [FakeRecord(0, batch.to_ipc(plan="p"))]).poison.total() == 1


def test_large_batches_are_sent_in_pieces_a_broker_takes(catalogue: Catalogue, transfer: Make) -> None:
    """Halved until each is small enough, in order."""
    batch = decoder_of(catalogue).decode([transfer(i).value for i in range(500)], str)[0]
    batch = batch.with_columns({"_stamp": np.arange(500)})
    pieces = list(pack(batch, {"channel": "c"}, limit=20_000))
    assert len(pieces) > 1
    assert all(len(p) <= 20_000 for p in pieces)
    read = EventBatch.concat([EventBatch.from_ipc(catalogue, p)[0] for p in pieces])
    assert read.stamps.tolist() == list(range(500))


def named(alert: bytes) -> dict[str, Any]:
    """An alert without the offset of what caused it."""
    return {k: v for k, v in orjson.loads(alert).items() if k != "revision"}


def test_hops_say_what_the_engine_says(plan: Plan, catalogue: Catalogue, transfer: Make) -> None:
    """Event by event through admission, partitions and messages, the alerts are those of one engine in one process."""
    records = [
        transfer(i, account=f"A{i % 7}", counterparty=f"P{i % 5}", amount=100 + 9000 * (i % 11 == 0), time=NOW + i)
        for i in range(120)
    ]
    batch, _, _ = decoder_of(catalogue).decode([r.value for r in records], str)
    expected = {a.id: named(a.to_json()) for a in Engine(plan).apply(batch).alerts}
    assert len(expected) == 7 + 11

    logs: dict[tuple[str, int], list[FakeRecord]] = defaultdict(list)
    hops: dict[tuple[str, int], HopPartition] = {}
    said: dict[str, Any] = {}

    def deliver(outgoing: list[Outgoing]) -> None:
        for out in outgoing:
            if out.topic == "alerts":
                said[orjson.loads(out.value)["id"]] = named(out.value)
                continue
            assert out.partition is not None
            place = (out.topic, out.partition)
            logs[place].append(FakeRecord(len(logs[place]), out.value))
            hop = hops.setdefault(place, hop_at(plan, out.topic.removeprefix("hop."), out.partition))
            deliver(feed(hop, logs[place][-1:]).outgoing)

    admission = Admission(
        catalogue, hop_topic=lambda k: f"hop.{k}", rejects_topic="rejects", counts=lambda _: PARTITIONS, future_ms=None
    )
    origin = Origin("trades/0", 1, Committed(0, plan=plan.version), lateness_ms=10**9)
    for record in records:
        deliver(admit(admission, origin, [record]).outgoing)
    assert said == expected


# Rules that judge later

OVERDUE = """
stage: post_loan
owner: collections
features:
  paid_3d: {count: repayment, by: loan, window: 3d}
rules:
  - id: overdue
    on: instalment_due
    after: 3d
    when: paid_3d == 0
    severity: medium
    summary: "{loan} is overdue"
"""
DAY = 86_400_000


def loan_event(offset: int, kind: str, day: float, loan: str = "L1") -> FakeRecord:
    said = {"id": f"{kind}{offset}", "type": kind, "time": NOW + round(day * DAY), "loan": loan, "amount": 10}
    return FakeRecord(offset, orjson.dumps(said))


def fronts(offset: int, day: float) -> FakeRecord:
    return FakeRecord(offset, orjson.dumps({"fronts": [["trades/0", 1, NOW + round(day * DAY)]]}))


def alerts_of(applied: Applied) -> list[tuple[str, str, int]]:
    return [(a.status, a.event, a.revision) for a in applied.alerts]


def test_an_event_of_an_idle_key_is_judged_by_a_record_that_only_tells_the_time(catalogue: Catalogue) -> None:
    """Its offset names what is said; the record of before or after it says nothing."""
    plan = plan_of_texts({"overdue.yaml": OVERDUE}, catalogue)
    hop = hop_at(plan, "loan")
    due = message(catalogue, 0, [loan_event(0, "instalment_due", 0)])
    assert alerts_of(feed(hop, [due, fronts(1, 2.9)])) == []
    assert hop.hop.pending_timers == 1
    applied = feed(hop, [fronts(2, 3), fronts(3, 4)])
    assert alerts_of(applied) == [("raised", "instalment_due0", 5)]
    assert (applied.batches, applied.timed, hop.hop.pending_timers, hop.judged_to) == ([], 1, 0, 2)
    (alert,) = applied.alerts
    assert (alert.time, alert.event_time) == (NOW + 3 * DAY, NOW)


def timed_log(catalogue: Catalogue) -> list[FakeRecord]:
    """Instalments of several loans, some paid, some of the payments late; time comes with events and without."""
    second = 1000 / DAY

    def of(offset: int, front: float, *records: FakeRecord) -> FakeRecord:
        return message(catalogue, offset, list(records), front=NOW + round(front * DAY))

    return [
        of(0, 0, loan_event(1, "instalment_due", 0), loan_event(2, "instalment_due", 0, "L2")),
        of(1, 1, loan_event(3, "instalment_due", 1, "L3"), loan_event(4, "repayment", 1, "L2")),
        fronts(2, 2),
        fronts(3, 3 + second),
        of(4, 3 + second, loan_event(5, "repayment", 3 - second)),
        of(5, 4 + second, loan_event(6, "instalment_due", 4), loan_event(7, "repayment", 4 - second, "L3")),
        fronts(6, 4 + 2 * second),
        of(7, 4 + 3 * second, loan_event(8, "repayment", 4, "L3")),
        fronts(8, 6),
        fronts(9, 7),
        of(10, 8, loan_event(9, "repayment", 8)),
        fronts(11, 12),
    ]


@pytest.mark.parametrize("at_once", [1, 3, 12])
def test_how_records_are_taken_changes_nothing_of_what_is_judged_later(catalogue: Catalogue, at_once: int) -> None:
    plan = plan_of_texts({"overdue.yaml": OVERDUE}, catalogue)
    log, hop, said = timed_log(catalogue), hop_at(plan, "loan"), list[Any]()
    for at in range(0, len(log), at_once):
        said += feed(hop, log[at : at + at_once]).alerts
    assert [(a.status, a.event, a.revision) for a in said] == [
        ("raised", "instalment_due1", 7),
        ("withdrawn", "instalment_due1", 9),
        ("raised", "instalment_due6", 19),
    ]


@pytest.mark.parametrize("n", range(13))
@pytest.mark.parametrize("walk", [0, 1 << 30])
def test_a_hop_that_begins_again_at_a_checkpoint_says_the_same_of_what_is_judged_later(
    catalogue: Catalogue, n: int, walk: int
) -> None:
    plan = plan_of_texts({"overdue.yaml": OVERDUE}, catalogue)
    log = timed_log(catalogue)

    def new() -> HopPartition:
        made = hop_at(plan, "loan")
        made.hop = Hop(plan, "loan", reserve_mib=64, journal=True)
        return made

    first, whole = new(), new()
    feed(whole, log[:n])
    rest = feed(whole, log[n:]).alerts
    feed(first, log[: n // 2])
    parts = first.hop.delta(position_of(n // 2 - 1)) if n // 2 else []
    feed(first, log[n // 2 : n])
    images = first.hop.images(walk)
    parts += [*images, *first.hop.delta(position_of(n - 1))] if n else []
    standing = first.standing()
    second = new()
    if parts:
        second.hop.restore(parts, {plan.version: plan})
    second.go_on(standing)
    assert feed(second, log[standing.ring :]).alerts == rest
    assert (second.hop.clock, second.hop.position) == (whole.hop.clock, whole.hop.position)
    assert second.hop.pending_timers == whole.hop.pending_timers
