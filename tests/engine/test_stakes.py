"""What comes late has only those judged again whose rules look at what it counts for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from risk_stream.engine import Engine
from tests.engine.test_revisions import batch_of, plan_of, said

RULES = """
stage: trading
features:
  trades_1h: {count: trade, by: instrument, window: 1h}
  bought_1h: {count: trade, where: side == "buy", by: instrument, window: 1h}
  prices_1h: {count: price, by: instrument, window: 1h}
rules:
  - id: busy
    on: trade
    when: trades_1h > 1
    severity: high
    owner: desk
    summary: "{trades_1h}"
  - id: bought
    on: order
    when: bought_1h > 0
    severity: low
    owner: desk
    summary: "{bought_1h}"
  - id: quoted
    on: price
    when: prices_1h > 1
    severity: low
    owner: desk
    summary: "{prices_1h}"
"""


def event(kind: str, id: str, seconds: int, **fields: Any) -> dict[str, Any]:
    deal = {"account": f"A-{id}", "side": "sell", "price": 1, "quantity": 1, "amount": 1}
    known = {"trade": deal, "price": {"price": 1}, "order": deal}
    time = 1_700_000_000_000 + seconds * 1000
    return {"id": id, "type": kind, "time": time, "instrument": "I1", **known[kind], **fields}


@pytest.mark.parametrize(
    ("late", "judged_again", "says"),
    [
        (event("price", "p0", 1), 2, {("raised", "quoted", "p1"), ("changed", "quoted", "p2")}),
        (event("trade", "t0", 1), 1, {("raised", "busy", "t1")}),
        (event("trade", "t0", 1, side="buy"), 2, {("raised", "busy", "t1"), ("raised", "bought", "o1")}),
    ],
    ids=["price", "sell", "buy"],
)
def test_an_event_behind_others_has_those_judged_again_whose_rules_count_it(
    tmp_path: Path, late: dict[str, Any], judged_again: int, says: set[tuple[str, str, str]]
) -> None:
    """Prices are not, where only trades come late: so a busy instrument is no burden."""
    engine = Engine(plan_of(tmp_path, RULES), reserve_mib=8, lateness_ms=600_000)
    there = [event("price", "p1", 10), event("trade", "t1", 20), event("order", "o1", 30), event("price", "p2", 40)]
    engine.apply(batch_of(*there))
    result = engine.apply(batch_of(late))
    assert said(result) == says
    assert result.revised == judged_again
