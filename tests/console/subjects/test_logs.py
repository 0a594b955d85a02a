"""A subject's events, read back from real logs: found by their times, bounded, and what is missing is said."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.console.subjects.logs import Bounds, Window, holds, nearest, read_subject, rows_of
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.settings import Settings
from risk_stream.stream.past import send_all
from tests.live.servers import Kafka

BEGIN, STEP, EVENTS, CUSTOMERS = 1_700_000_000_000, 1_000, 30_000, 500
CATALOGUE = load_catalogue()


def transfer(i: int, **more: Any) -> dict[str, Any]:
    event = {"id": f"E{i}", "type": "transfer", "time": BEGIN + i * STEP, "account": f"A{i % CUSTOMERS}"}
    return event | {"customer": f"C{i % CUSTOMERS}", "amount": 1.5, "direction": "out", "entity": "Alpha"} | more


@pytest.fixture(scope="module")
def house(kafka: Kafka) -> Settings:
    """A house of 30,000 events in the order of their times, a tenth a little late, in two partitions."""
    topics = {family: f"past.{family}" for family in ("trades", "loans", "reference")}
    settings = Settings(broker=kafka.address, prefix="past.", group="past", house_topics=topics, partitions=2)
    create_topics(settings.broker, wanted_topics(settings, CATALOGUE))
    events = (transfer(i, time=BEGIN + i * STEP - (5_000 if i % 10 == 0 else 0)) for i in range(EVENTS))
    sent = [("past.trades", None, orjson.dumps(event), i % 2) for i, event in enumerate(events)]
    sent.append(("past.reference", None, b'{"type": "nothing"}', 0))
    sent.append(("past.trades", None, orjson.dumps(transfer(7, id="late", time=BEGIN)), 1))
    asyncio.run(send_all(settings.broker, sent))
    return settings


def expected(customer: int, start: int, end: int) -> list[str]:
    rows = range(customer, EVENTS, CUSTOMERS)
    times = {i: BEGIN + i * STEP - (5_000 if i % 10 == 0 else 0) for i in rows}
    return [f"E{i}" for i in sorted(rows, key=lambda i: times[i]) if start <= times[i] <= end]


@pytest.mark.live
@pytest.mark.parametrize("at", [0, 3_333, 15_000, 29_999])
def test_the_events_around_a_time_are_found_without_reading_all(house: Settings, at: int) -> None:
    """All of the subject that lie in the window, and little beside."""
    about = BEGIN + at * STEP
    found = read_subject(house, CATALOGUE, {"customer": ["C7"]}, Window(about, 2_000_000, 500_000))
    ids = [row["id"] for row in found.rows() if row["id"] != "late"]
    assert ids == expected(7, about - 2_000_000, about + 500_000)
    assert found.gaps == ()
    assert found.read < 12_000
    assert (found.start, found.end) == (about - 2_000_000, about + 500_000)


@pytest.mark.live
def test_the_newest_are_found_where_no_time_is_named(house: Settings) -> None:
    """Up to the latest event there is, whatever the clock on the wall says."""
    found = read_subject(house, CATALOGUE, {"customer": ["C7"]}, Window(None, 3_000_000))
    last = BEGIN + (EVENTS - 1) * STEP
    assert abs(found.about - last) < 30 * STEP
    assert [row["id"] for row in found.rows()] == expected(7, found.about - 3_000_000, found.about)


@pytest.mark.live
def test_any_of_several_keys_will_do_and_an_event_counts_once(house: Settings) -> None:
    """An account and another customer; all there is, where no time is asked for."""
    found = read_subject(house, CATALOGUE, {"customer": ["C8"], "account": ["A7", "A8"]})
    rows = found.rows()
    assert len(rows) == 2 * EVENTS // CUSTOMERS + 1
    assert rows == sorted(rows, key=lambda row: (row["time"], row["id"]))
    assert rows[0]["type"] == "transfer"
    assert found.front == BEGIN + (EVENTS - 1) * STEP


@pytest.mark.live
def test_what_was_not_read_is_said(house: Settings) -> None:
    """Too many records, and too little time."""
    few = read_subject(house, CATALOGUE, {"customer": ["C7"]}, bounds=Bounds(records=4_000))
    (gap,) = few.gaps
    assert gap.says == "of 30,002 records of that time the 4,000 newest were looked at"
    assert (gap.what, gap.records, gap.of) == ("newest", 4_000, 30_002)
    assert few.rows()[-1]["id"] in {"E29507", "late"}
    wide = Window(BEGIN + 15_000 * STEP, 9_000_000, 9_000_000)
    near = read_subject(house, CATALOGUE, {"customer": ["C7"]}, wide, bounds=Bounds(1_000))
    assert "nearest were looked at" in near.gaps[0].says
    assert all(abs(int(str(row["time"])) - near.about) < 1_500_000 for row in near.rows())
    brief = read_subject(house, CATALOGUE, {"customer": ["C7"]}, bounds=Bounds(seconds=0.0))
    assert "records were looked at within 0 s" in brief.gaps[0].says


@pytest.mark.live
def test_only_the_topics_that_are_asked_for_are_read(house: Settings) -> None:
    """And one that holds nothing is no fault."""
    found = read_subject(house, CATALOGUE, {"customer": ["C7"]}, topics=["past.loans"])
    assert (found.rows(), found.read, found.gaps) == ([], 0, ())
    empty = read_subject(house, CATALOGUE, {"customer": ["C7"]}, Window(None, 1_000), topics=["past.loans"])
    assert empty.rows() == []


@given(st.text(min_size=1, max_size=12), st.booleans())
def test_no_record_of_a_key_is_passed_over_by_its_bytes(key: str, escaped: bool) -> None:
    """However its producer writes a text in JSON."""
    event = {"id": "E1", "type": "transfer", "time": BEGIN, "account": "A1", "customer": key}
    value = json.dumps(event, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert holds({"customer": [key]})(value)


def test_most_records_are_not_decoded() -> None:
    """A key inside a longer text is none; no key is in no record."""
    mine = holds({"customer": ["C7"], "account": ["A1"]})
    assert mine(b'{"customer": "C7"}')
    assert mine(b'{"x":"A1"}')
    assert not mine(b'{"customer": "C77"}')
    assert not mine(None)
    assert not holds({"customer": []})(b'{"customer": ""}')


def test_rows_of_a_batch_are_those_whose_field_is_the_key() -> None:
    """Not those that hold the text somewhere else."""
    events = [transfer(1), transfer(2, customer="C1"), transfer(3, counterparty="C1")]
    batch, _, _ = Decoder(CATALOGUE).decode([orjson.dumps({"amount": 1, **one}) for one in events], str)
    assert rows_of(batch, {"customer": ["C1"]}) == [0, 1]
    assert rows_of(batch, {"customer": ["C1"], "counterparty": ["C1"], "loan": ["L1"]}) == [0, 1, 2]


def test_the_nearest_events_stand_in_their_order() -> None:
    """And how many there were is known."""
    rows: list[dict[str, object]] = [{"time": at} for at in (0, 10, 20, 30, 40)]
    assert nearest(rows, 22, 3) == ([{"time": 10}, {"time": 20}, {"time": 30}], 5)
    assert nearest(rows, 22, 9) == (rows, 5)
