"""A refused record comes back: mended by a map file and judged by the worker as if it had been right at first, once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import load_plan
from risk_stream.stream.past import Choice, Mend, Recovered, Replayed, recover, replay
from tests.live.house import House, Worker, eventually, transfer

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]

MENDS = [Mend(reason="key", rename={"acct": "account"}), Mend(reason="missing", rename={"acct": "account"})]


def misnamed(id: str, account: str, **more: Any) -> dict[str, Any]:
    event = transfer(id, account, **more)
    event["acct"] = event.pop("account")
    return event


def send_again(house: House) -> Replayed:
    return asyncio.run(replay(house.settings, load_catalogue(), Choice(), MENDS))


def recovered(house: House) -> Recovered:
    plan = load_plan(house.settings.rules, load_catalogue())
    return asyncio.run(recover(house.settings, plan, Choice(), MENDS))


def test_refused_records_are_mended_judged_and_recovered(new_house: Callable[[str], House]) -> None:
    """The mended third transfer fires, once however often one asks; one that came too late is recovered, once."""
    house = new_house("mending")
    worker = Worker(house).start()
    try:
        worker.ready()
        now = int(time.time() * 1000)
        early = [transfer(f"o{i}", "A2", time=now - 61_000 + i) for i in range(2)]
        house.send([*early, *(transfer(f"m{i}", "A1", time=now + i) for i in range(2))], partition=0)
        house.send([misnamed("m2", "A1", time=now + 5), transfer("old", "A2", time=now - 60_000)], partition=0)
        assert eventually(lambda: len(house.read("rejects")) == 2), house.read("rejects")
        assert {r["reason"] for r in house.read("rejects")} > {"late"}
        sent = send_again(house)
        assert (sent.sent, sent.found.late) == (1, 1), sent
        assert eventually(lambda: "m2" in house.said("third")), worker.log
        assert send_again(house).sent == 0

        assert "old" not in house.said("third")
        assert [a.event for a in recovered(house).alerts if a.rule == "third"] == ["old"]
        assert eventually(lambda: "old" in house.said("third"))
        assert [a["status"] for a in house.alerts().values() if a["event"] == "old"] == ["recovered"]
        assert recovered(house).alerts == []
        assert len(house.read("mended")) == 1
    finally:
        worker.stop()
