"""Records of a house topic become events at the hop of their first key, or rejects that say where and why."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from risk_stream.catalogue import Catalogue, Decoder, EventBatch
from risk_stream.stream.admission import Admission, route
from tests.stream.conftest import NOW, FakeRecord

Make = Callable[..., FakeRecord]


@pytest.fixture
def admission(catalogue: Catalogue) -> Admission:
    return Admission(
        catalogue, hop_topic=lambda k: f"hop.{k}", rejects_topic="rejects", counts=lambda _: 4, future_ms=60_000
    )


def batch_of(catalogue: Catalogue, records: list[FakeRecord]) -> EventBatch:
    return Decoder(catalogue).decode([r.value for r in records], str)[0]


def test_an_event_enters_at_its_first_key_in_the_fixed_order(catalogue: Catalogue, transfer: Make) -> None:
    """A transfer by its account; an application by its loan."""
    loan = {"id": "l", "type": "application", "time": NOW, "loan": "L1", "customer": "C1", "amount": 5}
    batch = batch_of(catalogue, [transfer(1), FakeRecord(2, orjson.dumps(loan))])
    assert {(kind, tuple(b.text("id", i) for i in range(len(b)))) for kind, _, b in route(batch, lambda _: 4)} == {
        ("account", ("t1",)),
        ("loan", ("l",)),
    }


def test_every_event_goes_to_exactly_one_partition_and_a_key_to_one(catalogue: Catalogue, transfer: Make) -> None:
    """All events of an account meet, in the order they came."""
    batch = batch_of(catalogue, [transfer(i, account=f"A{i % 20}") for i in range(200)])
    routed = route(batch, lambda _: 4)
    homes: dict[str, set[int]] = {}
    for _, partition, events in routed:
        ids = [int((events.text("id", i) or "")[1:]) for i in range(len(events))]
        assert ids == sorted(ids)
        for i in range(len(events)):
            homes.setdefault(events.text("account", i) or "", set()).add(partition)
    assert sum(len(b) for *_, b in routed) == 200
    assert all(len(home) == 1 for home in homes.values())
    assert {p for *_, p in ((k, p) for k, p, _ in routed)} == {0, 1, 2, 3}


def test_messages_carry_stamps_channel_and_front(catalogue: Catalogue, admission: Admission, transfer: Make) -> None:
    """What a hop needs to drop what it had before: the record's offset, and who sent it."""
    records = [transfer(5), transfer(7, time=NOW - 9), transfer(8)]
    (out,) = admission.admit("trades", 2, records, {"generation": 3, "plan": "p"}).outgoing
    events, meta = EventBatch.from_ipc(catalogue, out.value)
    assert (out.topic, out.key) == ("hop.account", None)
    assert out.partition == events.partition("account", 4)[0]
    assert events.stamps.tolist() == [5, 7, 8]
    assert events.fixed("_at").tolist() == [NOW] * 3
    assert meta == {"channel": "trades/2", "generation": "3", "plan": "p", "front": str(NOW)}


def test_an_event_without_id_is_named_by_its_place(catalogue: Catalogue, admission: Admission, transfer: Make) -> None:
    """Topic, partition and offset."""
    (out,) = admission.admit("trades", 2, [transfer(41, id=None)], {}).outgoing
    assert EventBatch.from_ipc(catalogue, out.value)[0].text("id", 0) == "trades/2/41"


def test_a_bad_record_becomes_a_reject_and_the_rest_goes_on(admission: Admission, transfer: Make) -> None:
    """With topic, partition, offset, reason, a sentence, and the record itself."""
    admitted = admission.admit(
        "trades", 1, [transfer(1), FakeRecord(2, b"{oops"), FakeRecord(3, b"\xff"), transfer(4)], {}
    )
    rejects = [orjson.loads(o.value) for o in admitted.outgoing if o.topic == "rejects"]
    assert [(r["topic"], r["partition"], r["offset"]) for r in rejects] == [("trades", 1, 2), ("trades", 1, 3)]
    assert rejects[0]["value"] == "{oops"
    assert rejects[1]["value_base64"] == "/w=="
    assert all(r["reason"] and r["message"] for r in rejects)
    assert admitted.events == 2
    assert sum(admitted.rejects.values()) == 2


def test_a_tombstone_is_a_reject_not_a_crash(admission: Admission) -> None:
    """A compacted topic has records without a value."""
    admitted = admission.admit("reference", 0, [FakeRecord(9, None)], {})
    assert sum(admitted.rejects.values()) == 1


def test_a_time_far_ahead_of_the_broker_is_refused(admission: Admission, transfer: Make) -> None:
    """One such event would make all that follow late."""
    admitted = admission.admit("trades", 0, [transfer(1, time=NOW + 60_001), transfer(2, time=NOW + 60_000)], {})
    assert admitted.rejects == {"future": 1}
    assert admitted.events == 1
    assert admission.clocks == {("trades", 0): NOW + 60_000}


def test_a_simulated_clock_may_run_ahead(catalogue: Catalogue, transfer: Make) -> None:
    """Months pass in a minute in the demo."""
    free = Admission(catalogue, hop_topic=str, rejects_topic="r", counts=lambda _: 1, future_ms=None)
    assert free.admit("trades", 0, [transfer(1, time=NOW + 10**9)], {}).rejects == {}


def test_an_origins_clock_never_goes_back(admission: Admission, transfer: Make) -> None:
    """It is the running maximum of event time, per partition."""
    for offset, time in enumerate((NOW, NOW - 500, NOW + 5)):
        admission.admit("trades", 0, [transfer(offset, time=time)], {})
    admission.admit("trades", 1, [transfer(0, time=NOW - 9)], {})
    assert admission.clocks == {("trades", 0): NOW + 5, ("trades", 1): NOW - 9}
    admission.keep_only({("trades", 1)})
    assert set(admission.clocks) == {("trades", 1)}
