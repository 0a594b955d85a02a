"""Good records become events whatever stands beside them; the fast path and the careful one agree."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import REASONS, Catalogue, Decoder, EventBatch, Reject, load_catalogue
from risk_stream.catalogue import decode as fast
from risk_stream.catalogue.explain import Limits, Refusal, read_record
from tests.catalogue.events import NOON, Event, events, transfer

CORE = load_catalogue()
DECODER = Decoder(CORE)


def record(**changes: Any) -> bytes:
    return json.dumps(transfer(**changes)).encode()


def decode(*values: bytes | None) -> tuple[EventBatch, list[int], list[Reject]]:
    batch, rows, rejects = DECODER.decode(values, lambda i: f"t/0/{i}")
    return batch, rows.tolist(), rejects


#: One record of each way to be wrong, by the reason it is refused for.
BAD: dict[str, tuple[bytes | None, str]] = {
    "broken": (b'{"type": "transfer", ', "json"),
    "empty": (b"", "json"),
    "tombstone": (None, "json"),
    "list": (b"[1]", "json"),
    "two": (record() + record(), "json"),
    "NaN": (record(amount=float("nan")), "json"),
    "infinity": (record(amount=float("-inf")), "json"),
    "beyond doubles": (record(amount=77).replace(b"77", b"1e999"), "range"),
    "unknown type": (record(type="transfr"), "type"),
    "number as type": (record(type=3), "type"),
    "no type": (record(type=...), "missing"),
    "no direction": (record(direction=...), "missing"),
    "null direction": (record(direction=None), "missing"),
    "no account": (record(account=...), "key"),
    "empty account": (record(account=""), "key"),
    "wrong choice": (record(direction="ot"), "field"),
    "text as amount": (record(amount="12.5"), "field"),
    "true as amount": (record(amount=True), "field"),
    "number as text": (record(purpose=5), "field"),
    "object as text": (record(purpose={}), "field"),
    "too much money": (record(amount=1e20), "range"),
    "too many digits": (record(amount=10**400), "range"),
    "third decimal": (record(amount=1.005), "precision"),
    "year 1970": (record(time=0), "time"),
    "seconds": (record(time=NOON // 1000), "time"),
    "year 5138": (record(time=99_999_999_999_999), "time"),
    "beyond time": (record(time=1e300), "time"),
    "yesterday": (record(time="yesterday"), "time"),
    "digits as text": (record(time=str(NOON)), "time"),
    "2 MB": (record(purpose="x" * 2_000_000), "size"),
    "long id": (record(id="x" * 257), "size"),
    "long key": (record(account="客" * 100), "size"),
    "long text": (record(purpose="x" * 8193), "size"),
    "10,000 levels": (b'{"type":"transfer","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "depth"),
    "10,000 open": (b"[" * 10_000, "depth"),
    "not UTF-8": (record(account="A1").replace(b"A1", b"A\xff"), "encoding"),
    "encoded surrogate": (record(account="A1").replace(b"A1", b"\xed\xa0\x80"), "encoding"),
    "lone surrogate": (record(account="A1").replace(b"A1", rb"\ud800"), "encoding"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_never_affects_its_neighbours(name: str) -> None:
    """It alone is refused, for the right reason; those before and behind it are as they would be without it."""
    bad, reason = BAD[name]
    batch, rows, rejects = decode(record(id="a"), bad, record(id="b", type="transfer", amount=2), bad, record(id="c"))
    assert [(r.index, r.reason) for r in rejects] == [(1, reason), (3, reason)]
    assert rows == [0, 2, 4]
    assert [batch.row(i) for i in range(3)] == [transfer(id="a"), transfer(id="b", amount=2.0), transfer(id="c")]


@pytest.mark.parametrize("name", BAD)
def test_a_refusal_is_one_sentence(name: str) -> None:
    """Short enough to read, and with no trace of the program's inside."""
    (reject,) = decode(BAD[name][0])[2]
    assert reject.reason in REASONS
    assert 20 < len(reject.message) < 220
    assert "\n" not in reject.message
    assert "Traceback" not in reject.message


def test_all_bad_at_once() -> None:
    """Each with its own reason, in the order given; nothing is left over."""
    batch, rows, rejects = decode(*(value for value, _ in BAD.values()))
    assert [r.reason for r in rejects] == [reason for _, reason in BAD.values()]
    assert (len(batch), rows) == (0, [])


def test_every_reason_is_shown_above() -> None:
    """A reason nobody can meet is no reason."""
    assert {reason for _, reason in BAD.values()} == set(REASONS)


def test_nothing_gives_nothing() -> None:
    """No records, no events, no error."""
    batch, rows, rejects = decode()
    assert (len(batch), rows, rejects) == (0, [], [])


def test_an_event_without_an_id_is_named_by_its_place() -> None:
    """Absent, null or empty; the place is that of the record, not of the accepted event."""
    batch, _, _ = decode(b"x", record(id=...), record(id=None), record(id="e9"), record(id=""))
    assert [batch.text("id", i) for i in range(4)] == ["t/0/1", "t/0/2", "e9", "t/0/4"]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01T12:00:00", NOON),
        ("2026-03-01T20:00:00+08:00", NOON),
        ("2026-03-01 12:00:00.250", NOON + 250),
        ("2026-03-01", NOON - 43_200_000),
        ("20260301", NOON - 43_200_000),
    ],
)
def test_a_time_may_be_iso_8601(text: str, ms: int) -> None:
    """Beside others in ms; UTC where no zone is named; alone or beside a bad one."""
    for others in ([], [record()], [record(), record(time="soon")]):
        batch, rows, _ = decode(record(time=text), *others)
        assert batch.times.tolist()[0] == ms
        assert rows[0] == 0


def test_empty_text_is_missing() -> None:
    """As many feeds write it; hash and row say that there is nothing."""
    batch, _, rejects = decode(record(currency="", counterparty_kind=""), record())
    assert rejects == []
    assert batch.hashes("currency")[0] == 0
    assert batch.text("currency", 0) is None
    assert "counterparty_kind" not in batch.row(0)


def test_undeclared_fields_are_ignored() -> None:
    """Of any shape; the last of a doubled field counts."""
    batch, _, rejects = decode(record(extra={"a": [1, None]}), record()[:-1] + b', "amount": 7}')
    assert rejects == []
    assert batch.number("amount").tolist() == [1234.5, 7.0]
    assert not batch.has("extra")


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """3.0 is 3."""
    value = orjson.dumps({"type": "customer", "time": float(NOON), "customer": "C1", "risk_level": 3.0})
    batch, _, rejects = decode(value)
    assert rejects == []
    assert batch.value("risk_level", 0) == 3


def test_the_limits_can_be_set() -> None:
    """A replay of old data has older times."""
    old = orjson.dumps({"type": "login", "time": 10**9, "customer": "C1"})
    assert decode(old)[2][0].reason == "time"
    assert Decoder(CORE, earliest=0).decode([old], str)[2] == []
    assert Decoder(CORE, latest=NOON - 1).decode([record()], str)[2][0].reason == "time"
    assert Decoder(CORE, max_bytes=50).decode([record()], str)[2][0].reason == "size"


def test_a_houses_events_are_decoded_beside_the_cores(house: Catalogue) -> None:
    """Its types, and its fields of core types."""
    card = {"type": "card_payment", "time": NOON, "card": "K1", "amount": 9.99, "abroad": True}
    batch, _, rejects = Decoder(house).decode([orjson.dumps(card), record(branch="B7")], str)
    assert rejects == []
    assert batch.row(0) == {"id": "0", **card}
    assert batch.text("branch", 1) == "B7"


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(events(CORE), st.data())
def test_the_fast_path_agrees_with_the_careful_one(given_events: list[Event], data: st.DataObject) -> None:
    """Events with fields spoilt at random: accepted, valued and refused as they are read one by one."""
    values: list[bytes] = []
    for event in given_events:
        if data.draw(st.booleans()):
            event = {**event, data.draw(st.sampled_from(sorted(CORE.fields))): data.draw(junk)}
        values.append(json.dumps(event).encode())
    batch, rows, rejects = DECODER.decode(values, str)
    refused = {r.index: r.reason for r in rejects}
    expected: dict[int, str] = {}
    accepted = dict(zip(rows.tolist(), range(len(rows)), strict=True))
    for i, value in enumerate(values):
        try:
            stored = read_record(CORE, Limits(), value)
        except Refusal as refusal:
            expected[i] = refusal.reason
            continue
        row = {n: batch.fixed(n)[accepted[i]] if not CORE.fields[n].type.is_text else v for n, v in stored.items()}
        assert {n: v for n, v in row.items() if n != "type"} == {n: v for n, v in stored.items() if n != "type"}
        assert batch.row(accepted[i]).keys() == stored.keys() | {"id"}
    assert refused == expected


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_make_it_fall_over(values: list[bytes]) -> None:
    """Whatever is on a topic, each record is accepted or refused."""
    batch, rows, rejects = decode(*values)
    assert len(batch) + len(rejects) == len(values)
    assert sorted([*rows, *(r.index for r in rejects)]) == list(range(len(values)))


def test_good_records_never_take_the_slow_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast path is fast because it asks nobody."""

    def slow(*_: object) -> None:
        raise AssertionError("a good record was read slowly")

    monkeypatch.setattr(fast, "read_record", slow)
    login = orjson.dumps({"type": "login", "time": "2026-03-01T12:00:00Z", "customer": "C1", "success": False})
    batch, _, rejects = decode(record(), login, record(amount=5, customer=None, purpose=""))
    assert (len(batch), rejects) == (3, [])
