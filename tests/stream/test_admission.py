"""Records of a house topic become events at the hop of their first key, or rejects that say where and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import Catalogue, Decoder, EventBatch
from risk_stream.stream.admission import Admission, Admitted, route
from risk_stream.stream.origins import Committed, Origin
from tests.stream.conftest import NOW, FakeRecord

Make = Callable[..., FakeRecord]


@pytest.fixture
def admission(catalogue: Catalogue) -> Admission:
    return Admission(
        catalogue, hop_topic=lambda k: f"hop.{k}", rejects_topic="rejects", counts=lambda _: 4, future_ms=60_000
    )


def origin(topic: str = "trades", partition: int = 2, **committed: int) -> Origin:
    """As its owner in generation 3 finds it, with 10 s of lateness."""
    said = Committed(**{"offset": 0, **committed}, plan="p")  # type: ignore[arg-type]
    return Origin(f"{topic}/{partition}", 3, said, lateness_ms=10_000)


def rejects_of(admitted: Admitted) -> list[dict[str, Any]]:
    return [orjson.loads(o.value) for o in admitted.outgoing if o.topic == "rejects"]


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
    (out,) = admission.admit(origin(), records).outgoing
    events, meta = EventBatch.from_ipc(catalogue, out.value)
    assert (out.topic, out.key) == ("hop.account", None)
    assert out.partition == events.partition("account", 4)[0]
    assert events.stamps.tolist() == [5, 7, 8]
    assert events.fixed("_at").tolist() == [NOW] * 3
    assert meta == {"channel": "trades/2", "generation": "3", "plan": "p", "front": str(NOW)}


def test_an_event_without_id_is_named_by_its_place(catalogue: Catalogue, admission: Admission, transfer: Make) -> None:
    """Topic, partition and offset."""
    (out,) = admission.admit(origin(), [transfer(41, id=None)]).outgoing
    assert EventBatch.from_ipc(catalogue, out.value)[0].text("id", 0) == "trades/2/41"


def test_a_bad_record_becomes_a_reject_and_the_rest_goes_on(admission: Admission, transfer: Make) -> None:
    """With topic, partition, offset, reason, a sentence, and the record itself."""
    records = [transfer(1), FakeRecord(2, b"{oops"), FakeRecord(3, b"\xff"), transfer(4)]
    admitted = admission.admit(origin("trades", 1), records)
    rejects = rejects_of(admitted)
    assert [(r["topic"], r["partition"], r["offset"]) for r in rejects] == [("trades", 1, 2), ("trades", 1, 3)]
    assert rejects[0]["value"] == "{oops"
    assert rejects[1]["value_base64"] == "/w=="
    assert all(r["reason"] and r["message"] for r in rejects)
    assert admitted.events == 2
    assert sum(admitted.rejects.values()) == 2


def test_a_tombstone_is_a_reject_not_a_crash(admission: Admission) -> None:
    """A compacted topic has records without a value."""
    admitted = admission.admit(read := origin("reference", 0), [FakeRecord(9, None)])
    assert sum(admitted.rejects.values()) == 1
    assert read.position == 10


def test_a_time_far_ahead_of_the_broker_is_refused(admission: Admission, transfer: Make) -> None:
    """One such event would make all that follow late."""
    read = origin()
    admitted = admission.admit(read, [transfer(1, time=NOW + 60_001), transfer(2, time=NOW + 60_000)])
    assert admitted.rejects == {"future": 1}
    assert admitted.events == 1
    assert read.clock == NOW + 60_000


def test_a_simulated_clock_may_run_ahead(catalogue: Catalogue, transfer: Make) -> None:
    """Months pass in a minute in the demo."""
    free = Admission(catalogue, hop_topic=str, rejects_topic="r", counts=lambda _: 1, future_ms=None)
    assert free.admit(origin(), [transfer(1, time=NOW + 10**9)]).rejects == {}


def test_an_event_that_comes_too_late_is_a_reject_that_says_how_late(admission: Admission, transfer: Make) -> None:
    """How far behind, what is allowed, and what can be done; what is just in time is judged."""
    times = (NOW, NOW - 10_000, NOW - 10_001, NOW + 2_000, NOW - 9_000)
    admitted = admission.admit(read := origin(), [transfer(i, time=time) for i, time in enumerate(times)])
    assert admitted.rejects == {"late": 2}
    assert (admitted.events, read.clock, read.position) == (3, NOW + 2_000, 5)
    first, second = rejects_of(admitted)
    assert (first["offset"], second["offset"]) == (2, 4)
    assert "10.0 s behind the newest of trades/2, and 10 s are allowed" in first["message"]
    assert "11.0 s behind" in second["message"]
    assert "risk-stream rejects replay --recover" in second["message"]


def test_lateness_goes_by_the_clock_that_was_committed(admission: Admission, transfer: Make) -> None:
    """A new owner refuses what the old one would have refused."""
    assert admission.admit(origin(clock=NOW), [transfer(0, time=NOW - 10_001)]).rejects == {"late": 1}


def test_of_a_message_in_parts_only_the_last_says_the_new_front(
    catalogue: Catalogue, admission: Admission, transfer: Make
) -> None:
    """Those before it are followed by events that the new front would make too late."""
    events = [transfer(i, time=NOW + i, purpose=f"{i:_>250}") for i in range(4000)]
    admission.admit(read := origin(clock=NOW - 7), events[:1])
    parts = admission.admit(read, events[1:]).outgoing
    fronts = [EventBatch.from_ipc(catalogue, o.value)[1]["front"] for o in parts]
    assert len(fronts) > 1
    assert fronts == [str(NOW)] * (len(fronts) - 1) + [str(NOW + 3999)]
