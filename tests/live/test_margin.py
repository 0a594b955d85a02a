"""Margin accounts live on Kafka: a price calls, a worker judges it, and a clerk that takes over says nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from risk_stream.calendars import shipped
from risk_stream.catalogue import load_catalogue
from risk_stream.lending import MarginDesk, load_margin_rules
from risk_stream.stream.margin import MarginClerk
from tests.live.house import House, Worker, eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]

RULES = """
stage: mid_loan
owner: desk
rules:
  - {id: called, on: margin_status, when: margin_band == "call", severity: high, summary: "{account} {cash_to_call}"}
"""


class Clerk:
    """A clerk in a thread of its own, as a process of its own would be."""

    def __init__(self, house: House) -> None:
        self.heard: list[str] = []
        self._loop = asyncio.new_event_loop()
        made = MarginClerk(
            house.settings, lambda: MarginDesk(load_margin_rules(), load_catalogue(), shipped()), self.heard.append
        )
        self._task = self._loop.create_task(made.run())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)

    @property
    def active(self) -> bool:
        return any(said.startswith("active") for said in self.heard)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(30)


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
    finally:
        for clerk in (first, second):
            if clerk is not None:
                clerk.stop()
        worker.stop()
