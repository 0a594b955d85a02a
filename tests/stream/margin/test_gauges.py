"""What the clerk of margin accounts says to Prometheus: the active one of all accounts, one that stands by of none."""

from __future__ import annotations

from typing import Any

import orjson

from risk_stream.calendars import shipped
from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.lending import MarginDesk, load_margin_rules
from risk_stream.sinks import CLERK_METRICS, Metrics
from risk_stream.stream.margin.gauges import MarginGauges

CATALOGUE = load_catalogue()
NOON = 1_772_589_600_000


def batch(*events: dict[str, Any]) -> EventBatch:
    named = [orjson.dumps({"id": f"e{at}", "time": NOON + at, **event}) for at, event in enumerate(events)]
    made, _, refused = Decoder(CATALOGUE).decode(named, str)
    assert refused == []
    return made


def opened(account: str, entity: str, title: str = "T1") -> list[dict[str, Any]]:
    """100,000 shares for 805,000 that are owed."""
    held = {"type": "holding", "account": account, "instrument": title, "holding_kind": "financed", "held": 100_000}
    return [{**held, "amount": 800_000}, {"type": "margin_account", "account": account, "entity": entity, **OWED}]


OWED = {"margin_debt": 800_000, "interest_and_fees": 5_000}


def said(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    families = [family for family in metrics.collect() if family.name == f"risk_stream_margin_{name}"]
    return {tuple(sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_accounts_and_debts_are_said_by_band_and_by_entity() -> None:
    desk, metrics = MarginDesk(load_margin_rules(), CATALOGUE, shipped()), Metrics(of=CLERK_METRICS, entities=2)
    gauges = MarginGauges(metrics)
    accounts = [opened("A1", "Alpha"), opened("A2", "Alpha", "T2"), opened("A3", "Beta"), opened("A4", "Gamma")]
    prices = [
        {"type": "price", "instrument": "T1", "price": 10.87},
        {"type": "price", "instrument": "T1", "price": 0.00001},
    ]
    events = batch(*(event for account in accounts for event in account), *prices)
    statuses = desk.apply(events)
    gauges.count(events, statuses)
    gauges.show(desk, {"risk.trades": 7})
    assert said(metrics, "accounts") == {
        ("call", "Alpha"): 1,
        ("unknown", "Alpha"): 1,
        ("call", "Beta"): 1,
        ("call", "other"): 1,  # beyond the bound of entities
    }
    assert said(metrics, "debts")["call", "Alpha"] == 805_000
    assert said(metrics, "assets") == {
        ("call", "Alpha"): 1_087_000,
        ("unknown", "Alpha"): 0,
        ("call", "Beta"): 1_087_000,
        ("call", "other"): 1_087_000,
    }
    ratios = said(metrics, "ratio_accounts")
    assert {ratio: count for ratio, count in ratios.items() if count} == {("1.3-1.4",): 3}
    assert said(metrics, "concentrated_accounts") == {("Alpha",): 1, ("Beta",): 1, ("other",): 1}
    assert said(metrics, "unpriced_titles") == {(): 1}
    assert said(metrics, "lag_records") == {("risk.trades",): 7}
    assert said(metrics, "events")["price",] == 2
    assert said(metrics, "statuses") == {("call",): 3}
    assert said(metrics, "refused") == {(): 1}
    assert said(metrics, "active") == {(): 1}
    assert said(metrics, "event_timestamp_seconds")["price",] == (NOON + 9) / 1000


def test_a_clerk_that_gave_its_place_away_says_no_account() -> None:
    """What it counted stays: counters never fall."""
    desk, metrics = MarginDesk(load_margin_rules(), CATALOGUE, shipped()), Metrics(of=CLERK_METRICS)
    gauges = MarginGauges(metrics)
    events = batch(*opened("A1", "Alpha"), {"type": "price", "instrument": "T1", "price": 5})
    gauges.count(events, desk.apply(events))
    gauges.show(desk)
    gauges.stand_by()
    for name in ("accounts", "debts", "assets", "ratio_accounts", "concentrated_accounts", "lag_records"):
        assert said(metrics, name) == {}, name
    assert said(metrics, "active") == {(): 0}
    assert said(metrics, "events")["price",] == 1


def test_the_sums_are_made_anew_once_in_a_while() -> None:
    gauges = MarginGauges(Metrics(of=CLERK_METRICS))
    assert gauges.due
    gauges.show(MarginDesk(load_margin_rules(), CATALOGUE, shipped()))
    assert not gauges.due
