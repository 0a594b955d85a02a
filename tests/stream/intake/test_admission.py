"""Records of a house topic become events at the hop of their first key, or rejects that say where and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import MISSING, Catalogue, EventBatch
from risk_stream.stream.intake.admission import Admission, Admitted
from risk_stream.stream.intake.origins import Committed, Origin
from risk_stream.stream.letters.sections import read_letter
from tests.stream.conftest import NOW, FakeRecord, admit

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


def routed(catalogue: Catalogue, admitted: Admitted) -> list[tuple[str, int | None, EventBatch]]:
    """Kind, partition and events of each message for a hop."""
    sent = [o for o in admitted.outgoing if o.topic.startswith("hop.")]
    return [(o.topic.removeprefix("hop."), o.partition, read_letter(catalogue, o.value).batch) for o in sent]


def ids(batch: EventBatch) -> list[str]:
    return [batch.text("id", i) or "" for i in range(len(batch))]


def test_an_event_enters_at_its_first_key_in_the_fixed_order(
    catalogue: Catalogue, admission: Admission, transfer: Make
) -> None:
    """A transfer by its account; an application by its loan."""
    loan = {"id": "l", "type": "application", "time": NOW, "loan": "L1", "customer": "C1", "amount": 5}
    admitted = admit(admission, origin(), [transfer(1), FakeRecord(2, orjson.dumps(loan))])
    assert {(kind, tuple(ids(b))) for kind, _, b in routed(catalogue, admitted)} == {
        ("account", ("t1",)),
        ("loan", ("l",)),
    }


def test_every_event_goes_to_exactly_one_partition_and_a_key_to_one(
    catalogue: Catalogue, admission: Admission, transfer: Make
) -> None:
    """All events of an account meet, in the order they came."""
    sent = routed(catalogue, admit(admission, origin(), [transfer(i, account=f"A{i % 20}") for i in range(200)]))
    homes: dict[str, set[int | None]] = {}
    for _, partition, events in sent:
        numbers = [int(name[1:]) for name in ids(events)]
        assert numbers == sorted(numbers)
        for i in range(len(events)):
            homes.setdefault(events.text("account", i) or "", set()).add(partition)
    assert sum(len(b) for *_, b in sent) == 200
    assert all(len(home) == 1 for home in homes.values())
    assert {partition for _, partition, _ in sent} == {0, 1, 2, 3}


def test_messages_carry_stamps_channel_and_front(catalogue: Catalogue, admission: Admission, transfer: Make) -> None:
    """What a hop needs to drop what it had before: the record's offset, and who sent it."""
    records = [transfer(5), transfer(7, time=NOW - 9), transfer(8)]
    (out,) = admit(admission, origin(), records).outgoing
    letter = read_letter(catalogue, out.value)
    events = letter.batch
    assert (out.topic, out.key) == ("hop.account", None)
    assert out.partition == events.partition("account", 4)[0]
    assert events.stamps.tolist() == [5, 7, 8]
    assert events.fixed("_at").tolist() == [NOW] * 3
    assert (letter.channels, letter.plan) == ((("trades/2", 3, NOW, MISSING),), "p")


def test_an_event_without_id_is_named_by_its_place(catalogue: Catalogue, admission: Admission, transfer: Make) -> None:
    """Topic, partition and offset."""
    (out,) = admit(admission, origin(), [transfer(41, id=None)]).outgoing
    assert EventBatch.from_ipc(catalogue, out.value)[0].text("id", 0) == "trades/2/41"


def test_a_bad_record_becomes_a_reject_and_the_rest_goes_on(admission: Admission, transfer: Make) -> None:
    """With topic, partition, offset, reason, a sentence, and the record itself."""
    records = [transfer(1), FakeRecord(2, b"{oops"), FakeRecord(3, b"\xff"), transfer(4)]
    admitted = admit(admission, origin("trades", 1), records)
    rejects = rejects_of(admitted)
    assert [(r["topic"], r["partition"], r["offset"]) for r in rejects] == [("trades", 1, 2), ("trades", 1, 3)]
    assert rejects[0]["value"] == "{oops"
    assert rejects[1]["value_base64"] == "/w=="
    assert all(r["reason"] and r["message"] for r in rejects)
    assert admitted.events == 2
    assert sum(admitted.rejects.values()) == 2


def test_a_tombstone_is_a_reject_not_a_crash(admission: Admission) -> None:
    """A compacted topic has records without a value."""
    admitted = admit(admission, read := origin("reference", 0), [FakeRecord(9, None)])
    assert sum(admitted.rejects.values()) == 1
    assert read.position == 10


def test_a_time_far_ahead_of_the_broker_is_refused(admission: Admission, transfer: Make) -> None:
    """One such event would make all that follow late."""
    read = origin()
    admitted = admit(admission, read, [transfer(1, time=NOW + 60_001), transfer(2, time=NOW + 60_000)])
    assert admitted.rejects == {("trades", "future"): 1}
    assert admitted.events == 1
    assert read.clock == NOW + 60_000


def test_a_simulated_clock_may_run_ahead(catalogue: Catalogue, transfer: Make) -> None:
    """Months pass in a minute in the demo."""
    free = Admission(catalogue, hop_topic=str, rejects_topic="r", counts=lambda _: 1, future_ms=None)
    assert admit(free, origin(), [transfer(1, time=NOW + 10**9)]).rejects == {}


def test_an_event_that_comes_too_late_is_a_reject_that_says_how_late(admission: Admission, transfer: Make) -> None:
    """How far behind, what is allowed, and what can be done; what is just in time is judged."""
    times = (NOW, NOW - 10_000, NOW - 10_001, NOW + 2_000, NOW - 9_000)
    admitted = admit(admission, read := origin(), [transfer(i, time=time) for i, time in enumerate(times)])
    assert admitted.rejects == {("trades", "late"): 2}
    assert (admitted.events, read.clock, read.position) == (3, NOW + 2_000, 5)
    first, second = rejects_of(admitted)
    assert (first["offset"], second["offset"]) == (2, 4)
    assert "10.0 s behind the newest of trades/2, and 10 s are allowed" in first["message"]
    assert "11.0 s behind" in second["message"]
    assert "risk-stream rejects replay --recover" in second["message"]


def test_lateness_goes_by_the_clock_that_was_committed(admission: Admission, transfer: Make) -> None:
    """A new owner refuses what the old one would have refused."""
    assert admit(admission, origin(clock=NOW), [transfer(0, time=NOW - 10_001)]).rejects == {("trades", "late"): 1}


def test_of_a_message_in_parts_only_the_last_says_the_new_front(
    catalogue: Catalogue, admission: Admission, transfer: Make
) -> None:
    """Those before it are followed by events that the new front would make too late."""
    events = [transfer(i, time=NOW + i, purpose=f"{i:_>250}") for i in range(4000)]
    admit(admission, read := origin(clock=NOW - 7), events[:1])
    parts = admit(admission, read, events[1:]).outgoing
    fronts = [read_letter(catalogue, o.value).channels[0][2] for o in parts]
    assert len(fronts) > 1
    assert fronts == [NOW] * (len(fronts) - 1) + [NOW + 3999]


def test_a_business_date_moves_time_on_and_goes_nowhere(
    catalogue: Catalogue, admission: Admission, transfer: Make
) -> None:
    """It is no event of any key; what comes far behind it is too late, and it may be so itself."""

    def ended(offset: int, time: int) -> FakeRecord:
        said = {"type": "business_date", "time": time, "business_date": "2026-11-27"}
        return FakeRecord(offset, orjson.dumps(said))

    source = origin()
    admitted = admit(admission, source, [ended(1, NOW + 30_000)])
    assert admitted.outgoing == []
    assert source.clock == NOW + 30_000
    admitted = admit(admission, source, [transfer(2), ended(3, NOW)])
    assert [reject["reason"] for reject in rejects_of(admitted)] == ["late", "late"]
    assert routed(catalogue, admitted) == []
