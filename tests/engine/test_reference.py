"""What the author of rules may rely on of reference data: `last` joins what was known when an event happened."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import Catalogue, Decoder, EventBatch, load_catalogue
from risk_stream.engine import Engine, final
from risk_stream.rules import Plan, plan_of_texts

CATALOGUE: Catalogue = load_catalogue()
DECODER = Decoder(CATALOGUE)
START = 1_700_000_000_000
RULES = """
stage: trading
features:
  segment_then: {last: segment, of: customer, by: customer, window: 3650d}
  kind_then: {last: account_kind, of: account, by: account, window: 3650d}
  transfers: {count: transfer, by: counterparty, window: 1d}
rules:
  - id: joined
    on: transfer
    when: segment_then == "retail" and kind_then == "cash" and transfers >= 1
    severity: low
    owner: fraud-desk
    summary: "{segment_then} {kind_then}"
"""


def plan() -> Plan:
    return plan_of_texts({"rules.yaml": RULES}, CATALOGUE)


def batch_of(*events: dict[str, Any]) -> EventBatch:
    batch, _, rejects = DECODER.decode([orjson.dumps(e) for e in events], str)
    assert rejects == []
    return batch


def customer(id: str, seconds: float, **fields: object) -> dict[str, Any]:
    return {"id": id, "type": "customer", "time": START + round(1000 * seconds), "customer": "C1", **fields}


def account(id: str, seconds: float, kind: str) -> dict[str, Any]:
    time = START + round(1000 * seconds)
    return {"id": id, "type": "account", "time": time, "account": "A1", "customer": "C1", "account_kind": kind}


def transfer(id: str, seconds: float, **fields: object) -> dict[str, Any]:
    """From an account whose customer must be filled in."""
    return {
        "id": id,
        "type": "transfer",
        "time": START + round(1000 * seconds),
        "account": "A1",
        "amount": 60,
        "direction": "out",
        "counterparty": "P1",
        **fields,
    }


def fired(*batches: list[dict[str, Any]]) -> list[str]:
    """The events on which the rule holds at last."""
    engine = Engine(plan(), reserve_mib=8, lateness_ms=3_600_000)
    said = [alert for events in batches for alert in engine.apply(batch_of(*events)).alerts]
    return sorted(alert.event for alert in final(said))


def test_a_reference_record_is_joined_as_it_was_when_the_event_happened() -> None:
    """At the hops of account and customer, for a rule that is judged at a third; later records change nothing."""
    assert fired(
        [account("a1", -9, "cash"), customer("c1", -8, segment="retail"), transfer("t1", 1)],
        [customer("c2", 10, segment="sme"), transfer("t2", 20)],
        [customer("c3", 30, segment="retail"), transfer("t3", 40), account("a2", 50, "margin"), transfer("t4", 60)],
    ) == ["t1", "t3"]


def test_a_late_reference_record_revises_the_events_behind_it_and_no_others() -> None:
    engine = Engine(plan(), reserve_mib=8, lateness_ms=3_600_000)
    known = [account("a1", -9, "cash"), customer("c1", -8, segment="retail")]
    first = engine.apply(batch_of(*known, transfer("t1", 1), transfer("t2", 20), transfer("t3", 40)))
    assert [(a.status, a.event) for a in first.alerts] == [("raised", "t1"), ("raised", "t2"), ("raised", "t3")]
    late = engine.apply(batch_of(customer("c2", 10, segment="sme"), customer("c3", 30, segment="retail")))
    [withdrawn] = late.alerts
    assert (withdrawn.status, withdrawn.event) == ("withdrawn", "t2")
    assert withdrawn.was is not None
    assert (withdrawn.was["segment_then"], withdrawn.features["segment_then"]) == ("retail", "sme")


def test_what_is_joined_is_the_same_in_whatever_order_records_and_events_come() -> None:
    batches = [
        [account("a1", -9, "cash"), customer("c1", -8, segment="retail")],
        [transfer("t1", 1), transfer("t2", 20)],
        [customer("c2", 10, segment="sme")],
        [transfer("t3", 40), customer("c3", 30, segment="retail")],
    ]
    assert {tuple(fired(*order)) for order in permutations(batches)} == {("t1", "t3")}


def test_a_record_without_the_field_leaves_what_was_known() -> None:
    known = [account("a1", -9, "cash"), customer("c1", -8, segment="retail")]
    assert fired(known, [customer("c2", 10, country="CN"), transfer("t1", 20)]) == ["t1"]


@pytest.mark.parametrize(("years", "held"), [(9, ["t1"]), (11, [])])
def test_a_record_is_joined_as_long_as_the_window_reaches_back(years: int, held: list[str]) -> None:
    year = 365 * 86_400
    known = [account("a1", -9, "cash"), customer("c1", -8, segment="retail")]
    assert fired(known, [account("a2", years * year - 5, "cash"), transfer("t1", years * year)]) == held


def test_a_record_that_the_cap_let_go_is_missing_and_marked_and_never_replaced_by_an_older_one() -> None:
    """Where a feature by the same kind of key counts more than 1,024 events that came since."""
    rules = RULES.replace("by: counterparty", "by: customer").replace(
        "segment_then ==", "transfers > 1 or segment_then =="
    )
    engine = Engine(plan_of_texts({"rules.yaml": rules}, CATALOGUE), reserve_mib=8, lateness_ms=3_600_000)
    known = [account("a1", -9, "cash"), customer("c0", -9, segment="sme"), customer("c1", -8, segment="retail")]
    alerts = engine.apply(batch_of(*known, *(transfer(f"t{i}", i) for i in range(1100)))).alerts
    by_event = {alert.event: alert for alert in alerts}
    assert by_event["t1000"].features["segment_then"] == "retail"
    assert "segment_then" not in by_event["t1000"].inexact
    assert by_event["t1099"].features["segment_then"] is None
    assert "segment_then" in by_event["t1099"].inexact
    assert by_event["t1099"].warming == []
