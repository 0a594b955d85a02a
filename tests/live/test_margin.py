"""Margin accounts live on Kafka: a price calls, a worker judges it, and a clerk that takes over says nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.live.clerk import Clerk
from tests.live.house import House, Worker, eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]

RULES = """
stage: mid_loan
owner: desk
rules:
  - {id: called, on: margin_status, when: margin_band == "call", severity: high, summary: "{account} {cash_to_call}"}
"""


def opened(account: str, debt: float, now: int) -> Iterator[dict[str, Any]]:
    """100,000 financed shares of T1, stated."""
    common = {"account": account, "time": now}
    yield {
        "id": f"h-{account}",
        "type": "holding",
        "instrument": "T1",
        "holding_kind": "financed",
        "held": 100_000,
        **common,
    }
    yield {"id": f"s-{account}", "type": "margin_account", "margin_debt": debt, **common}


def price(id: str, at: float) -> dict[str, Any]:
    return {"id": id, "type": "price", "time": int(time.time() * 1000), "instrument": "T1", "price": at}


def accounts(clerk: Clerk) -> dict[str, float]:
    """Accounts by band, as a clerk says them to Prometheus."""
    said = clerk.metrics.registry()
    families = [family for family in said.collect() if family.name == "risk_stream_margin_accounts"]
    return {sample.labels["band"]: sample.value for family in families for sample in family.samples}


def test_a_call_reaches_the_rules_and_a_second_clerk_goes_on_where_the_first_ended(
    new_house: Callable[[str], House],
) -> None:
    house = new_house("margin")
    house.write_rules(RULES)
    now = int(time.time() * 1000)
    house.send([*opened("A1", 800_000, now), *opened("A2", 500_000, now)], "reference")
    house.send([price("p1", 17.6)])
    worker, first = Worker(house).start(), Clerk(house)
    second = None
    try:
        worker.ready()
        assert eventually(lambda: first.active), first.heard
        second = Clerk(house)
        house.send([price("p2", 11.0)])
        assert eventually(lambda: house.said("called") == {"margin:A1:call:p2"}), (house.read("loans"), worker.log)
        assert not second.active
        assert eventually(lambda: accounts(first) == {"call": 1, "normal": 1}), accounts(first)
        assert accounts(second) == {}
        first.stop()
        assert eventually(lambda: second.active), second.heard
        house.send([price("p3", 6.9)])
        assert eventually(lambda: len(house.read("loans")) >= 5), house.read("loans")
        statuses = house.read("loans")
        assert sorted(one["id"] for one in statuses) == [
            "margin:A1:call:p2",
            "margin:A1:forced_sale:p3",
            "margin:A2:call:p3",
            "margin:A2:normal:p2",
            "margin:A2:surplus:p1",
        ]
        assert eventually(lambda: house.said("called") == {"margin:A1:call:p2", "margin:A2:call:p3"})
        assert eventually(lambda: accounts(second) == {"forced_sale": 1, "call": 1}), accounts(second)
        assert accounts(first) == {}  # so that a sum over clerks counts no account twice
        assert second.metrics.get("risk_stream_margin_statuses_total", "forced_sale") == 1
    finally:
        for clerk in (first, second):
            if clerk is not None:
                clerk.stop()
        worker.stop()
