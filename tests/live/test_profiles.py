"""Profiles of two workers on real Kafka and Redis: what the log says last is what the alerts add up to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.engine import Alert, final
from risk_stream.profiles import Profile, at, profile_of
from risk_stream.rules import load_plan
from risk_stream.sinks.profiles import contribution_of
from tests.live.house import House, Worker, eventually, transfer
from tests.profiles.house import POLICY

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.timeout(250)]

DAY = 86_400_000
RULES = """\
stage: trading
owner: desk
features:
  sent: {sum: amount, of: transfer, by: customer, window: 30d}
rules:
  - {id: fraud, on: transfer, when: amount > 9e4 and sent > 0, severity: critical, summary: "{customer} paid {amount}"}
  - {id: storm, on: transfer, when: amount > 100 and sent > 0, severity: medium, summary: "{customer} sent {amount}"}
  - {id: other, on: transfer, when: sent > 100000, severity: high, summary: "{customer} has sent {sent}"}
"""
CUSTOMERS, GROUPS = 12, 3


SUBJECTS = [("customer", "C0"), ("customer", "C5"), ("customer", "C11"), ("group", "G0"), ("group", "G2")]


def history(said: list[dict[str, Any]], kind: str, key: str) -> list[dict[str, Any]]:
    """What was said of one, in the order of the log."""
    return [record for record in said if (record["kind"], record["key"]) == (kind, key)]


def all_agree(house: House) -> bool:
    """Whether Redis has what the log said last, and that is what the alerts add up to, to less than a point."""
    policy = load_plan([house.rules], load_catalogue()).profiles
    assert policy is not None
    said = house.read("profiles")
    held = final(msgspec.convert(alert, Alert) for alert in house.read("alerts"))
    for kind, key in SUBJECTS:
        of_one = history(said, kind, key)
        shown = house.redis.hget(f"{house.name}:profile:{kind}:{key}", "json")
        if not of_one or shown is None or msgspec.json.decode(shown)["revision"] != of_one[-1]["revision"]:
            return False
        last = msgspec.convert(of_one[-1], Profile)
        mine = [contribution_of(one) for one in held if one.keys.get(kind) == key]
        truth = profile_of(policy, kind, key, mine, last.as_of)  # type: ignore[arg-type]
        if abs(last.score - truth.score) >= 1 or (last.grade, last.names) != (truth.grade, truth.names):
            return False
    return True


def test_two_workers_keep_profiles_through_a_death_and_time(new_house: Callable[[str], House]) -> None:
    house = new_house("profiles")
    house.environment["CLOCK"] = "simulated"
    house.write_rules(RULES)
    (house.rules / "profile.yaml").write_text(POLICY)
    workers = [Worker(house).start() for _ in range(2)]
    try:
        for worker in workers:
            worker.ready()
        first = transfer("p-first", "A0", 1)
        groups = [
            {"id": f"g{n}", "type": "customer", "time": first["time"], "customer": f"C{n}", "group": f"G{n % GROUPS}"}
            for n in range(CUSTOMERS)
        ]
        house.send(groups, "reference")
        assert eventually(
            lambda: sum(w.metric("risk_stream_events_total", type="customer") for w in workers) >= CUSTOMERS
        )
        amounts = [95_000 if n % 17 == 0 else 150 for n in range(200)]
        house.send([transfer(f"p{n}", f"A{n % CUSTOMERS}", amounts[n]) for n in range(100)])
        workers[0].kill()
        house.send([transfer(f"p{n}", f"A{n % CUSTOMERS}", amounts[n]) for n in range(100, 200)])
        assert eventually(lambda: len(house.read("alerts")) >= 200 and all_agree(house), within=90, every=0.5)
        customer = history(house.read("profiles"), "customer", "C0")[-1]
        assert (customer["grade"], customer["group"], customer["entity"]) == ("D", "G0", "Alpha")
        assert customer["labels"][0]["name"] == "suspect"
        assert "paid 95,000.00" in customer["reasons"][0]["summary"]

        later = customer["as_of"] + 400 * DAY
        house.send([{"id": "d", "type": "business_date", "time": later, "business_date": "later"}], "reference")

        def of_c0() -> list[dict[str, Any]]:
            return history(house.read("profiles"), "customer", "C0")

        assert eventually(lambda: of_c0()[-1]["grade"] == "A", within=60, every=0.5)
        *_, suspect_no_more, good = of_c0()
        assert suspect_no_more["changed"] == ["suspect has ended"]
        assert good["changed"] == ["grade D to A"]
        left = at(msgspec.convert(customer, Profile), good["as_of"])
        assert (left.grade, left.names) == ("A", [])
    finally:
        for worker in workers:
            worker.stop()
