"""What a worker says of its rules: what they judged, how they fired and failed, what they took."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import INDEX_BITS, Block, Engine, Hop, Meter, View
from risk_stream.rules import Failures, Plan, plan_of_texts
from risk_stream.sinks import Health, Metrics, RuleHealth
from risk_stream.sinks.meter import Spent
from tests.catalogue.events import NOON, transfer

CATALOGUE = load_catalogue()
RULES = """
stage: trading
owner: desk
features:
  sent_1h: {count: transfer, by: account, window: 1h}
rules:
  - {id: busy, on: transfer, when: sent_1h >= 3, severity: high, summary: said}
  - {id: large, on: transfer, when: amount > 15, severity: high, summary: said, mode: shadow}
  - {id: unused, on: order, when: quantity > 0, severity: high, summary: said}
  - {id: asleep, on: order, when: quantity > 0, severity: high, summary: said, mode: off}
"""
NOW = 1_800_000_000.5


def plan_of(text: str = RULES) -> Plan:
    return plan_of_texts({"rules.yaml": text}, CATALOGUE)


def judged(plan: Plan, amounts: list[int], start: int = 0) -> Any:
    """What an engine says of transfers of one account, a second apart."""
    records = [transfer(id=f"t{start + i}", time=NOON + 1_000 * (start + i), amount=n) for i, n in enumerate(amounts)]
    batch, _, rejects = Decoder(CATALOGUE).decode([json.dumps(record).encode() for record in records], str)
    assert rejects == []
    return Engine(plan).apply(batch)


def health_of(*plans: Plan) -> Health:
    by_version = {plan.version: plan for plan in plans}
    return Health(plans[0], by_version.__getitem__, now=lambda: NOW)


def take(health: Health, result: Any) -> None:
    health.take(result.alerts, result.shadow, result.rule_errors, result.judged_by)


def rules_of(health: Health) -> dict[str, RuleHealth]:
    return {rule.rule: rule for rule in health.worker().rules}


def test_each_rule_in_force_says_what_it_judged_and_when_it_fired() -> None:
    health = health_of(plan := plan_of())
    take(health, judged(plan, [10, 20, 30, 5]))
    said = rules_of(health)
    assert set(said) == {"busy", "large", "unused"}
    assert {rule: one.judged for rule, one in said.items()} == {"busy": 4, "large": 4, "unused": 0}
    now = int(NOW * 1000)
    live, shadow = said["busy"].live, said["large"].shadow
    assert (live.count, live.event_time_ms, live.wall_time_ms) == (2, NOON + 3_000, now)
    assert (shadow.count, shadow.event_time_ms, shadow.wall_time_ms) == (2, NOON + 2_000, now)
    assert (said["busy"].shadow.count, said["large"].live.count, said["unused"].live.wall_time_ms) == (0, 0, None)


def test_the_latest_event_stands_though_an_earlier_one_fires_afterwards() -> None:
    health = health_of(plan := plan_of())
    take(health, judged(plan, [20], start=9))
    take(health, judged(plan, [20], start=1))
    assert rules_of(health)["large"].shadow.event_time_ms == NOON + 9_000


def test_a_rule_that_fails_stops_no_neighbour_and_its_error_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the evaluation on: one line, without a traceback."""

    def number(self: View, name: str) -> Any:
        raise RuntimeError(f"{name} is\non fire")

    monkeypatch.setattr(View, "number", number)
    health = health_of(plan := plan_of())
    take(health, judged(plan, [10, 20, 30]))
    said = rules_of(health)
    assert (said["busy"].live.count, said["busy"].errors) == (1, 0)
    assert said["large"].errors > 0
    assert said["large"].last_error == "its condition failed: RuntimeError: amount is on fire"


def test_failures_are_counted_and_the_last_one_speaks() -> None:
    health = health_of(plan_of())
    health.take(errors={"busy": Failures(2, "first"), "gone": Failures(1, "whose")})
    health.take(errors={"busy": Failures(1, "second")})
    busy = rules_of(health)["busy"]
    assert (busy.errors, busy.last_error, busy.error_time_ms) == (3, "second", int(NOW * 1000))


def test_a_change_of_plan_keeps_what_is_known_of_rules_that_stay() -> None:
    first, second = plan_of(), plan_of(RULES.replace("id: large", "id: huge").replace("sent_1h >= 3", "sent_1h >= 4"))
    health = health_of(first, second)
    take(health, judged(first, [10, 20, 30]))
    health.use(second)
    take(health, judged(second, [10, 20, 30]))
    take(health, judged(first, [1]))  # a late block may still be judged by the plan before
    assert {rule: one.judged for rule, one in rules_of(health).items()} == {"busy": 7, "huge": 3, "unused": 0}
    assert rules_of(health)["busy"].live.count == 1
    assert health.worker().plan == second.version


def test_rules_have_a_bounded_number_of_series() -> None:
    """Those beyond it share one; what happened to a rule is said under its own name."""
    health, metrics = health_of(plan := plan_of()), Metrics()
    take(health, judged(plan, [10, 20, 30]))
    health.meter.spent.update(busy=Spent(1.0, 1), large=Spent(2.0, 1), unused=Spent(4.0, 1))
    for most, labels in ((3, {"busy": 1.0, "large": 2.0, "unused": 4.0}), (1, {"busy": 1.0, "other": 6.0})):
        health.say(metrics, most)
        values = metrics._values["risk_stream_rule_seconds_total"]
        assert {label: value for (label,), value in values.items()} == labels
    assert metrics._values["risk_stream_rule_info"] == {("busy", "trading", "live"): 1.0}
    assert metrics.get("risk_stream_rule_judged_total", "other") == 3
    assert metrics.get("risk_stream_rule_last_fired_timestamp_seconds", "large", "shadow") == NOW
    assert ("unused", "live") not in metrics._values["risk_stream_rule_last_fired_timestamp_seconds"]


def test_each_rule_says_its_stage_and_mode() -> None:
    """Those of the plan in force, judged in whatever mode."""
    first, second = (
        plan_of(),
        plan_of(RULES.replace("mode: shadow", "mode: live").replace("stage: trading", "stage: mid_loan")),
    )
    health, metrics = health_of(first, second), Metrics()
    health.say(metrics, 10)
    assert metrics.get("risk_stream_rule_info", "large", "trading", "shadow") == 1
    health.use(second)
    health.say(metrics, 10)
    assert set(metrics._values["risk_stream_rule_info"]) == {
        (r, "mid_loan", "live") for r in ("busy", "large", "unused")
    }


def test_a_worker_serves_it_beside_its_metrics() -> None:
    health, metrics = health_of(plan := plan_of()), Metrics()
    take(health, judged(plan, [20]))
    metrics.page("/rules", health.page)
    server = metrics.serve("127.0.0.1", 0)
    root = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        with urllib.request.urlopen(f"{root}/rules") as answer:
            said = json.load(answer)
        with urllib.request.urlopen(f"{root}/metrics") as answer:
            assert b"risk_stream_info" in answer.read()
    finally:
        server.shutdown()
        server.server_close()
    assert said["plan"] == plan.version
    assert [(rule["rule"], rule["judged"]) for rule in said["rules"]] == [("busy", 1), ("large", 1), ("unused", 0)]


@pytest.mark.parametrize("late", [False, True])
def test_a_meter_changes_nothing_of_what_a_hop_says(late: bool) -> None:
    """It is told of every evaluation, those for late events too."""
    plan = plan_of()
    seen: list[int] = []

    def blocks() -> list[Block]:
        made = []
        for i, time in enumerate((NOON, NOON - 1_000 if late else NOON + 1_000)):
            record = transfer(id=f"t{i}", time=time, amount=20)
            batch, _, _ = Decoder(CATALOGUE).decode([json.dumps(record).encode()], str)
            made.append(Block(batch.with_columns({"_stamp": [i + 1 << INDEX_BITS]}), plan, NOON - 2_000))
        return made

    def say(meter: Meter | None) -> Any:
        result = Hop(plan, "account", reserve_mib=8, meter=meter).apply(blocks())
        return result.alerts, result.shadow, result.judged_by

    assert say(lambda _evaluator, view: seen.append(view.n)) == say(None)
    assert sum(seen) == (2 if not late else 4)
