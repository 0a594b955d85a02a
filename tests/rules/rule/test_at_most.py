"""A rule may say how many of its alerts are shown: its alerts carry that, and judging goes on as if it were not."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Alert, Engine
from risk_stream.rules import AtMost, Plan, plan_of_texts

CORE = load_catalogue()
RULES = """\
stage: trading
owner: desk
features:
  n: {count: transfer, by: customer, window: 1d}
rules:
  - id: many
    on: transfer
    at_most: {alerts: 1, per: customer, within: 1d}
    when: n > 1
    severity: low
    summary: "{n} by {customer}"
"""
LIMIT = "    at_most: {alerts: 1, per: customer, within: 1d}\n"


def plan(text: str = RULES) -> Plan:
    return plan_of_texts({"rules.yaml": text}, CORE)


def said(rules: Plan) -> list[Alert]:
    events = [
        {"id": f"e{n}", "type": "transfer", "time": 10**12 + n, "account": "A", "customer": "C"}
        | {"direction": "out", "amount": 1}
        for n in range(4)
    ]
    batch, _, rejects = Decoder(CORE).decode([orjson.dumps(event) for event in events], str)
    assert not rejects
    return Engine(rules).apply(batch).alerts


def test_every_alert_is_said_and_says_what_limits_it() -> None:
    alerts = said(plan())
    assert [alert.event for alert in alerts] == ["e1", "e2", "e3"]
    assert {alert.at_most for alert in alerts} == {AtMost(1, "customer", 86_400_000)}
    unlimited = [msgspec.structs.replace(a, at_most=None, plan="") for a in alerts]
    assert [msgspec.structs.replace(a, plan="") for a in said(plan(RULES.replace(LIMIT, "")))] == unlimited


def test_an_alert_comes_back_from_its_record_as_it_was() -> None:
    """One of an earlier release has no limit."""
    alert = said(plan())[0]
    assert msgspec.json.decode(alert.to_json(), type=Alert) == alert
    old = {key: value for key, value in orjson.loads(alert.to_json()).items() if key != "at_most"}
    assert msgspec.json.decode(orjson.dumps(old), type=Alert) == msgspec.structs.replace(alert, at_most=None)


def test_a_limit_is_another_plan_and_the_same_version_of_the_rule() -> None:
    """Workers take it up, and what the rule means has not changed."""
    with_limit, without, other = plan(), plan(RULES.replace(LIMIT, "")), plan(RULES.replace("alerts: 1", "alerts: 2"))
    assert len({one.version for one in (with_limit, without, other)}) == 3
    assert len({one.rules[0].version for one in (with_limit, without, other)}) == 1


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{alerts: 1, per: customer, within: 1d}", "1 alert per customer within 1d"),
        ("{alerts: 3, per: account, within: 90m}", "3 alerts per account within 90m"),
        ("{alerts: 1000, per: customer, within: 3650d}", "1000 alerts per customer within 3650d"),
        ("{alerts: 2, per: customer, within: 2w}", "2 alerts per customer within 14d"),
    ],
)
def test_it_is_said_in_words(written: str, words: str) -> None:
    text = RULES.replace("{alerts: 1, per: customer, within: 1d}", written)
    assert str(plan(text).rules[0].at_most) == words
