"""What a house sees in Redis when late events change what was said, and that a rebuilt Redis says the same."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from risk_stream.stream.past import rebuild
from tests.live.house import House, Worker, eventually, transfer
from tests.stream.past.test_rebuild import kept

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def changing(new_house: Callable[[str], House]) -> Iterator[House]:
    """A house with a worker of its own."""
    house = new_house("changing")
    worker = Worker(house).start()
    try:
        worker.ready()
        yield house
    finally:
        worker.stop()


def alert_on(house: House, rule: str, event: str) -> dict[str, Any]:
    """The alert of a rule on an event, wherever it is listed; empty where there is none."""
    for key in house.redis.scan_iter(f"{house.name}:alert:*", count=1000):
        shown = house.redis.hgetall(key)
        if (shown.get("rule"), shown.get("event")) == (rule, event):
            return {**json.loads(shown["json"]), "state": shown["state"], "listed": shown["status"]}
    return {}


def send(house: House, start: int, *events: tuple[str, int, dict[str, Any]]) -> None:
    for name, seconds, more in events:
        given = {"time": start + seconds * 1000, **more}
        house.send([transfer(name, given.pop("account", "A1"), **given)], partition=0)


def test_a_late_event_withdraws_and_raises(changing: House) -> None:
    """The third transfer is another one now: its alert is raised, the other's leaves the lists with both values."""
    now = int(time.time() * 1000)
    send(changing, now, ("w0", 0, {}), ("w1", 1, {}), ("w2", 4, {}))
    assert eventually(lambda: "w2" in changing.said("third"))
    send(changing, now, ("w-late", 2, {}))
    assert eventually(lambda: "w-late" in changing.said("third"))
    assert eventually(lambda: "w2" not in changing.said("third"))
    gone = alert_on(changing, "third", "w2")
    assert (gone["status"], gone["state"]) == ("withdrawn", "withdrawn")
    assert (gone["was"]["count_10m"], gone["features"]["count_10m"]) == (3, 4)
    told = [
        (json.loads(fields["json"])["event"], fields["state"])
        for _, fields in changing.redis.xrange("changing:alerts:stream")
    ]
    assert told.count(("w2", "raised")) == told.count(("w2", "withdrawn")) == 1


def test_a_late_event_changes_the_figures_of_an_alert(changing: House) -> None:
    """Over the hops in between: the alert is the same one, with what it says now and what it said."""
    now = int(time.time() * 1000)
    send(changing, now, ("c1", 4, {"account": "A2", "amount": 9500.0, "counterparty": "P7", "device": "D7"}))
    assert eventually(lambda: "c1" in changing.said("large"))
    first = alert_on(changing, "large", "c1")
    send(changing, now, ("c-late", 2, {"account": "A3", "counterparty": "P7", "device": "D7"}))
    assert eventually(lambda: alert_on(changing, "large", "c1")["state"] == "changed")
    assert eventually(lambda: alert_on(changing, "large", "c1")["features"]["paid_10m"] == 2)
    alert = alert_on(changing, "large", "c1")
    assert eventually(lambda: alert_on(changing, "large", "c1")["features"]["devices_10m"] == 2)
    assert alert["id"] == first["id"]
    assert alert["revision"] > first["revision"]
    assert alert["was"] is not None
    assert alert["listed"] == "open"


def test_a_rebuilt_redis_is_the_workers(changing: House) -> None:
    """Key by key, withdrawals and changes included."""
    send(
        changing, int(time.time() * 1000), *((f"r{i}", i, {"account": f"A{i % 3}", "amount": 9400.0}) for i in range(9))
    )
    assert eventually(lambda: "r8" in changing.said("large"))
    other = changing.settings.model_copy(update={"redis_prefix": "changing-anew:"})

    def same() -> bool:
        asyncio.run(rebuild(other))
        return kept(changing.redis, "changing:") == kept(changing.redis, "changing-anew:")

    assert eventually(same)  # the worker's last writes may be under way
    found = kept(changing.redis, "changing-anew:")
    assert any(name.startswith("alerts:withdrawn") for name in found)
    assert len(found) > 10
