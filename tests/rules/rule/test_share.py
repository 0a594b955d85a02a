"""A rule may be live for a share of the keys of one kind: the same ones everywhere, and in shadow for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.engine import Alert, Engine, final
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.rules.rule.share import Share
from risk_stream.workbench import run_tests

CORE = load_catalogue()
RULES = """\
stage: trading
owner: desk
features:
  segment_then: {last: segment, of: customer, by: customer, window: 365d}
  n: {count: transfer, by: customer, window: 1d}
rules:
  - id: many
    on: transfer
    mode: {live: 30%, by: customer}
    when: n > 1
    severity: low
    summary: "{n} by {customer}"
    tests:
      - {name: two, given: [{transfer: {amount: 1}}, {transfer: {amount: 1}}], then: fires}
      - {name: one, given: [{transfer: {amount: 1}}], then: quiet}
"""


def plan(mode: str = "{live: 30%, by: customer}") -> Plan:
    return plan_of_texts({"rules.yaml": RULES.replace("{live: 30%, by: customer}", mode)}, CORE)


def batch(events: Iterable[dict[str, Any]]) -> EventBatch:
    decoded, _, rejects = Decoder(CORE).decode([orjson.dumps(event) for event in events], str)
    assert not rejects
    return decoded


def transfer(number: int, customer: str | None, account: str = "A") -> dict[str, Any]:
    told = {} if customer is None else {"customer": customer}
    return {"id": f"e{number}", "type": "transfer", "time": 10**12 + number, "account": account, **told} | {
        "direction": "out",
        "amount": 1,
    }


def test_shares_are_near_what_they_say_and_the_larger_has_the_smaller() -> None:
    keys = [f"C{n}" for n in range(10_000)]
    few, many = ({key for key in keys if Share(n * 10_000, "customer").has("many", key)} for n in (5, 30))
    other = {key for key in keys if Share(50_000, "customer").has("other", key)}
    assert 400 < len(few) < 600
    assert 2_800 < len(many) < 3_200
    assert few < many
    assert len(few & other) < 100


def test_alerts_of_the_share_are_live_and_all_others_are_in_shadow() -> None:
    result = Engine(plan()).apply(batch(transfer(n, f"C{n % 100}", f"A{n % 100}") for n in range(200)))
    live, shadow = ({alert.keys["customer"] for alert in alerts} for alerts in (result.alerts, result.shadow))
    assert live == {f"C{n}" for n in range(100) if Share(300_000, "customer").has("many", f"C{n}")}
    assert live | shadow == {f"C{n}" for n in range(100)}
    assert {alert.mode for alert in result.alerts} == {"live"}
    assert {alert.mode for alert in result.shadow} == {"shadow"}


def of_share(*, inside: bool) -> str:
    return next(f"C{n}" for n in range(100) if Share(300_000, "customer").has("many", f"C{n}") is inside)


def test_tests_of_the_rule_see_it_live_for_all() -> None:
    assert [result.message for result in run_tests(plan())] == ["", ""]


def test_the_share_is_part_of_the_plan_and_not_of_the_rules_version() -> None:
    one, other, whole = plan(), plan("{live: 40%, by: customer}"), plan("live")
    assert len({one.version, other.version, whole.version}) == 3
    assert len({p.rules[0].version for p in (one, other, whole)}) == 1


@pytest.mark.parametrize("percent", ["30%", "30 %", "0.5%", "99.9999%"])
def test_a_share_is_a_percentage(percent: str) -> None:
    assert plan(f"{{live: {percent}, by: customer}}").rules[0].share is not None


def shown(alerts: Iterable[Alert]) -> list[str]:
    return [alert.event for alert in final(alerts)]


@pytest.mark.parametrize("inside", [True, False])
def test_a_late_event_changes_alerts_of_the_share_alone(*, inside: bool) -> None:
    engine, customer = Engine(plan(), lateness_ms=10_000), of_share(inside=inside)
    first = engine.apply(batch([transfer(0, customer), transfer(5, customer)]))
    late = engine.apply(batch([transfer(3, customer)]))
    assert shown([*first.alerts, *late.alerts]) == (["e5", "e3"] if inside else [])
    assert bool(first.shadow or late.shadow) is not inside


@pytest.mark.parametrize("inside", [True, False])
def test_an_owner_who_is_told_late_brings_an_alert_out_of_shadow_if_of_the_share(*, inside: bool) -> None:
    text = RULES.replace("when: n > 1", "when: amount > 0").split("    tests:")[0]
    engine = Engine(plan_of_texts({"rules.yaml": text}, CORE), lateness_ms=10_000)
    first = engine.apply(batch([transfer(5, None), transfer(6, None)]))
    assert (len(first.alerts), len(first.shadow)) == (0, 2)
    owner = {"id": "o", "type": "account", "time": 10**12, "account": "A", "customer": of_share(inside=inside)}
    late = engine.apply(batch([owner]))
    assert shown([*first.alerts, *late.alerts]) == (["e5", "e6"] if inside else [])
    assert {(alert.status, alert.mode) for alert in late.alerts} <= {("raised", "live")}
