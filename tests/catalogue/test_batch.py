"""A batch says of each event what the record said, whatever is done with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import (
    MISSING,
    Catalogue,
    Decoder,
    EventBatch,
    load_catalogue,
    text_hash,
)
from risk_stream.catalogue.hashing import pack_column
from tests.catalogue.events import NOON, Event, events, transfer

CORE = load_catalogue()
DECODER = Decoder(CORE)


def batch_of(*given: Event, catalogue: Catalogue = CORE) -> EventBatch:
    decoder = DECODER if catalogue is CORE else Decoder(catalogue)
    batch, _, rejects = decoder.decode([orjson.dumps(e) for e in given], lambda i: f"t/0/{i}")
    assert rejects == []
    return batch


def said(event: Event, i: int) -> dict[str, Any]:
    """What a batch says of an event that was the i-th record."""
    there = {name: value for name, value in event.items() if value is not None}
    return {"id": f"t/0/{i}", **there}


def rows(batch: EventBatch) -> list[dict[str, Any]]:
    return [batch.row(i) for i in range(len(batch))]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(events(CORE))
def test_values_survive_decoding_and_travel(given_events: list[Event]) -> None:
    """JSON to batch to Arrow message to batch: every value is the one that was written."""
    batch = batch_of(*given_events)
    expected = [said(e, i) for i, e in enumerate(given_events)]
    assert rows(batch) == expected
    travelled, meta = EventBatch.from_ipc(CORE, batch.to_ipc(channel="trades/3", front=12))
    assert rows(travelled) == expected
    assert meta == {"channel": "trades/3", "front": "12"}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(events(CORE), st.data())
def test_any_cutting_and_joining_keeps_each_event(given_events: list[Event], data: st.DataObject) -> None:
    """take in any order, views of views, and concat of batches that have different columns."""
    batch = batch_of(*given_events)
    places = st.integers(0, max(len(batch) - 1, 0))
    index = data.draw(st.lists(places, max_size=8)) if len(batch) else []
    taken = batch.take(np.array(index, np.int64))
    assert rows(taken) == [batch.row(i) for i in index]
    middle = data.draw(st.integers(0, len(batch)))
    parts = [batch.take(range(middle)), batch_of(), taken, batch.take(range(middle, len(batch)))]
    joined = EventBatch.concat(parts)
    assert rows(joined) == [*rows(parts[0]), *rows(taken), *rows(parts[3])]
    assert joined.hashes("customer").tolist() == [h for part in parts for h in part.hashes("customer").tolist()]


def test_numbers_are_fixed_point_and_natural() -> None:
    """Money in minor units; missing is MISSING and NaN."""
    batch = batch_of(transfer(amount=50000.1), {"type": "login", "time": NOON, "customer": "C1", "success": True})
    assert batch.fixed("amount").tolist() == [5000010, MISSING]
    assert batch.number("amount")[0] == 50000.1
    assert np.isnan(batch.number("amount")[1])
    assert batch.number("success").tolist()[1] == 1.0
    assert batch.value("success", 1) is True
    assert batch.value("success", 0) is None
    assert batch.times.tolist() == [NOON, NOON]
    assert batch.types.tolist() == [CORE.code("transfer"), CORE.code("login")]


def test_a_field_no_event_has_is_missing_everywhere() -> None:
    """Without a column for it."""
    batch = batch_of(transfer(), transfer())
    assert not batch.has("turnover")
    assert batch.fixed("turnover").tolist() == [MISSING, MISSING]
    assert np.isnan(batch.number("turnover")).all()
    assert batch.hashes("lender").tolist() == [0, 0]
    assert batch.text("lender", 0) is None
    assert batch.keys("loan")[1].tolist() == [False, False]
    assert batch.partition("loan", 8).tolist() == [-1, -1]
    assert batch.stamps.tolist() == [MISSING, MISSING]


def test_a_name_that_means_nothing_is_a_key_error() -> None:
    """A mistake of the program must not look like missing data."""
    batch = batch_of(transfer())
    for ask in (batch.fixed, batch.number, batch.hashes, batch.keys):
        with pytest.raises(KeyError):
            ask("acount")
    with pytest.raises(TypeError):
        batch.fixed("account")
    with pytest.raises(TypeError):
        batch.hashes("amount")


def test_text_is_known_by_its_hash() -> None:
    """The same as `text_hash` of a constant in a rule."""
    batch = batch_of(transfer(), transfer(direction="in", currency=...))
    assert batch.hashes("direction").tolist() == [text_hash("out"), text_hash("in")]
    assert batch.hashes("currency").tolist() == [text_hash("CNY"), 0]
    assert batch.hashes("type").tolist() == [text_hash("transfer")] * 2
    assert batch.text("type", 0) == "transfer"


def test_keys_are_packed() -> None:
    """Three words each, and whether there is one."""
    batch = batch_of(transfer(), transfer(customer=...), transfer(customer="C" * 40))
    words, present = batch.keys("customer")
    assert present.tolist() == [True, False, True]
    assert words.tolist() == pack_column(pa.array(["C000001", None, "C" * 40]))[0].tolist()


def test_partitions_never_change() -> None:
    """Literally: another release must find each key where this one put it."""
    customers = ["a", "C000001", "12345678", "客户一", "x" * 23, "x" * 24, ...]
    batch = batch_of(*(transfer(customer=c) for c in customers))
    assert batch.partition("customer", 8).tolist() == [2, 3, 1, 7, 4, 4, -1]
    assert batch.partition("customer", 12).tolist() == [10, 3, 9, 3, 4, 0, -1]
    assert batch.partition("customer", 1).tolist() == [0, 0, 0, 0, 0, 0, -1]


def test_columns_are_added_and_replaced() -> None:
    """Without touching the batch they came from."""
    batch = batch_of(transfer(), transfer(customer=...))
    known = batch.hashes("customer").tolist()
    filled = batch.with_columns({"customer": ["C9", "C8"], "_stamp": np.array([4, 5]), "f.ab": np.array([1.5, np.nan])})
    assert [filled.text("customer", i) for i in range(2)] == ["C9", "C8"]
    assert filled.hashes("customer").tolist() == [text_hash("C9"), text_hash("C8")]
    assert filled.stamps.tolist() == [4, 5]
    assert batch.hashes("customer").tolist() == known
    assert not batch.has("_stamp")
    with pytest.raises(ValueError, match="3 values for 2 events"):
        batch.with_columns({"_stamp": [1, 2, 3]})


def test_carried_aggregates_are_nothing_where_a_batch_lacks_them() -> None:
    """NaN for numbers, 0 for hashes and flags, null for texts."""
    one = batch_of(transfer()).with_columns(
        {"f.a": np.array([1.0]), "h.b": np.array([7]), "x.a": np.array([1]), "t.b": ["seven"]}
    )
    joined = EventBatch.concat([one, batch_of(transfer())])
    carried = {name: joined.table.column(name).to_pylist() for name in ("h.b", "x.a", "t.b")}
    assert carried == {"h.b": [7, 0], "x.a": [1, 0], "t.b": ["seven", None]}
    assert np.isnan(joined.table.column("f.a").to_numpy()[1])


def test_what_cannot_be_joined_is_refused(house: Catalogue) -> None:
    """Nothing at all, or batches whose columns may mean different things."""
    with pytest.raises(ValueError, match="at least one batch"):
        EventBatch.concat([])
    with pytest.raises(ValueError, match="different catalogues"):
        EventBatch.concat([batch_of(transfer()), batch_of(transfer(), catalogue=house)])


def test_neighbours_are_a_view() -> None:
    """A run of rows costs no copy; the whole batch is the batch."""
    batch = batch_of(transfer(id="a"), transfer(id="b"), transfer(id="c"))
    assert batch.take([0, 1, 2]) is batch
    assert [r["id"] for r in rows(batch.take([1, 2]))] == ["b", "c"]
    assert [r["id"] for r in rows(batch.take([2, 1]))] == ["c", "b"]
    assert len(batch.take([])) == 0


def test_an_empty_batch_answers() -> None:
    """No events, no trouble."""
    batch = EventBatch.empty(CORE)
    assert len(batch) == 0
    assert batch.hashes("customer").tolist() == []
    assert batch.keys("customer")[0].shape == (0, 3)
    assert len(EventBatch.from_ipc(CORE, batch.to_ipc())[0]) == 0


def test_a_batch_cut_to_types_keeps_their_fields_and_what_is_the_streams_own() -> None:
    """What no event of them can have is not sent on."""
    batch = batch_of(
        transfer(purpose="rent"), {"type": "login", "time": NOON, "customer": "C1", "success": True}
    ).with_columns({"_at": np.arange(2)})
    cut = batch.of_types([int(batch.types[0])]).take([0])
    assert not cut.has("success")
    assert cut.row(0) == batch.row(0)
    assert cut.fixed("_at").tolist() == [0]
