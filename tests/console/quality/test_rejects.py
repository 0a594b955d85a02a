"""What was refused is counted and shown without personal data, to whoever may see whose it is."""

from __future__ import annotations

import json

import pytest

from risk_stream.access import EVERYWHERE, Masking, Scope
from risk_stream.catalogue import MASK, load_catalogue
from risk_stream.console.quality import RejectBook, RejectQuery
from risk_stream.console.quality import rejects as module
from risk_stream.console.quality.rejects import HOUR_MS
from risk_stream.settings import Settings
from risk_stream.stream.past import Rejected

NOW = 1_790_000_000_000


def book() -> RejectBook:
    return RejectBook(Settings(), Masking(load_catalogue()))


def refused(offset: int, value: object, *, reason: str = "missing", message: str = "", ago: int = 0) -> Rejected:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Rejected("risk.loans", 0, offset, NOW - ago, reason, message, len(text), text)


def application(name: str, entity: str = "SEC-SH") -> dict[str, object]:
    return {"type": "application", "entity": entity, "applicant": name, "amount": 5000, "nmae": "Wang Fang"}


def test_a_record_and_its_sentence_are_shown_without_personal_data() -> None:
    """A field that the catalogue does not know may be a misspelt one that is personal."""
    made = book()
    made.take([refused(1, application("Li Wei"), message="applicant 'Li Wei' of Wang Fang has no loan")])
    [row], total = made.rows(RejectQuery(), EVERYWHERE, 10, 0)
    assert total == 1
    assert row["value"] == {
        "type": "application",
        "entity": "SEC-SH",
        "applicant": MASK,
        "amount": 5000,
        "nmae": MASK,
    }
    assert "Li Wei" not in str(row)
    assert "Wang Fang" not in str(row)
    assert row["record"] == "risk.loans/0/1"


def test_what_is_masked_is_found_by_no_search() -> None:
    made = book()
    made.take([refused(1, application("Li Wei"), message="no loan")])
    assert made.rows(RejectQuery(text="Li Wei"), EVERYWHERE, 10, 0)[1] == 0
    assert made.rows(RejectQuery(text="NO LOAN"), EVERYWHERE, 10, 0)[1] == 1


def test_a_record_that_is_no_object_is_said_by_its_length() -> None:
    """And its sentence quotes nothing of it."""
    made = book()
    made.take([refused(1, b"Li Wei, 5000", reason="malformed", message="this is no JSON: 'Li Wei, 5000'")])
    [row], _ = made.rows(RejectQuery(), EVERYWHERE, 10, 0)
    assert row["value"] == "12 bytes that are no JSON object"
    assert row["message"] == f"this is no JSON: {MASK}"


def test_a_long_record_is_not_kept() -> None:
    made = book()
    made.take([refused(1, {"type": "application", "purpose": "x" * 10_000})])
    [row], _ = made.rows(RejectQuery(), EVERYWHERE, 10, 0)
    assert row["value"].endswith("bytes, more than are kept here")


def test_counts_are_by_reason_hour_and_entity() -> None:
    """What belongs to no entity is seen only by who sees all."""
    made = book()
    made.take(
        [
            refused(1, application("a")),
            refused(2, application("b"), ago=30 * HOUR_MS),
            refused(3, application("c", "SEC-SZ")),
            refused(4, b"nothing", reason="malformed"),
        ]
    )
    all_of = {row["reason"]: row for row in made.by_reason(EVERYWHERE, NOW)}
    assert (all_of["missing"]["day"], all_of["missing"]["week"], all_of["malformed"]["day"]) == (2, 3, 1)
    shanghai = Scope(frozenset({"SEC-SH"}))
    [own] = made.by_reason(shanghai, NOW)
    assert (own["reason"], own["day"], own["week"]) == ("missing", 1, 2)
    hours = made.by_hour(shanghai, NOW, 48)
    assert list(hours["reasons"]) == ["missing"]
    assert (hours["reasons"]["missing"][-1], hours["reasons"]["missing"][-31]) == (1, 1)
    assert made.rows(RejectQuery(), shanghai, 10, 0)[1] == 2


def test_a_record_that_was_refused_twice_counts_once() -> None:
    made = book()
    made.take([refused(1, application("a")), refused(1, application("a")), None])
    assert made.by_reason(EVERYWHERE, NOW)[0]["all"] == 1


def test_records_are_asked_for_by_reason_topic_and_time() -> None:
    made = book()
    made.take([refused(1, application("a"), ago=100), refused(2, application("b"), reason="late")])
    assert made.rows(RejectQuery(reasons=frozenset({"late"})), EVERYWHERE, 10, 0)[1] == 1
    assert made.rows(RejectQuery(topics=frozenset({"risk.trades"})), EVERYWHERE, 10, 0)[1] == 0
    assert made.rows(RejectQuery(since=NOW), EVERYWHERE, 10, 0)[1] == 1
    assert made.rows(RejectQuery(until=NOW), EVERYWHERE, 10, 0)[1] == 1
    assert [row["record"] for row in made.rows(RejectQuery(), EVERYWHERE, 1, 1)[0]] == ["risk.loans/0/1"]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of counts the oldest hours go first; a flood of entities is of none."""
    monkeypatch.setattr(module, "MOST_COUNTS", 50)
    monkeypatch.setattr(module, "MOST_ENTITIES", 3)
    made = book()
    made.take(refused(i, application("a", f"E{i % 9}"), ago=(400 - i) * HOUR_MS) for i in range(400))
    assert len(made._counts) <= 50
    assert made.by_reason(Scope(frozenset({"E8"})), NOW) == []
    assert made.by_reason(EVERYWHERE, NOW)[0]["day"] == 23
