"""What the author of rules may rely on of `seen` and `has`: which texts came before an event, exactly."""

from __future__ import annotations

from typing import Any

import orjson

from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.engine import Alert, Engine, final
from risk_stream.rules import Plan, plan_of_texts

CATALOGUE = load_catalogue()
DECODER = Decoder(CATALOGUE)
START = 1_700_000_000_000
RULES = """
stage: mid_loan
owner: credit-operations
features:
  done: {seen: step, values: [check, contract, VALUES], of: process_step, by: loan, window: 365d}
  steps: {count: process_step, by: loan, window: 365d}
rules:
  - id: drawn-without-a-check
    on: drawdown
    when: WHEN
    severity: high
    summary: "{loan} was drawn after {done}"
"""


def plan(when: str = 'not has(done, "check")', values: str = "approval") -> Plan:
    return plan_of_texts({"rules.yaml": RULES.replace("WHEN", when).replace("VALUES", values)}, CATALOGUE)


def batch_of(*events: dict[str, Any]) -> EventBatch:
    batch, _, rejects = DECODER.decode([orjson.dumps(e) for e in events], str)
    assert rejects == []
    return batch


def step(second: int, name: str) -> dict[str, Any]:
    time = START + 1000 * second
    return {"id": f"{name}-{second}", "type": "process_step", "time": time, "loan": "L1", "step": name}


def drawdown(second: int) -> dict[str, Any]:
    return {"id": f"drawn-{second}", "type": "drawdown", "time": START + 1000 * second, "loan": "L1", "amount": 9}


def alerts(rules: Plan, *batches: list[dict[str, Any]]) -> list[Alert]:
    engine = Engine(rules, reserve_mib=8, lateness_ms=3_600_000)
    return list(final([alert for events in batches for alert in engine.apply(batch_of(*events)).alerts]))


def test_an_alert_says_in_words_which_texts_were_seen() -> None:
    """In the order of the file, once each; what is not looked for is not there."""
    [alert] = alerts(
        plan(), [step(1, "contract"), step(2, "approval"), step(3, "call"), step(4, "contract"), drawdown(5)]
    )
    assert alert.features["done"] == "contract, approval"
    assert alert.summary == "L1 was drawn after contract, approval"
    [alert] = alerts(plan(), [drawdown(5)])
    assert alert.summary == "L1 was drawn after none"


def test_a_text_that_comes_late_is_put_in_its_place_and_withdraws_the_alert() -> None:
    """What came behind the event itself does not."""
    assert alerts(plan(), [drawdown(5)], [step(4, "check")]) == []
    assert len(alerts(plan(), [drawdown(5)], [step(6, "check")])) == 1


def test_fifty_two_texts_are_told_apart() -> None:
    """Each alone, the last of them too."""
    names = [f"s{n}" for n in range(50)]
    rules = plan('has(done, "s49") and not has(done, "s48")', ", ".join(names))
    assert len(alerts(rules, [step(1, "s49"), drawdown(5)])) == 1
    assert alerts(rules, [step(1, "s49"), step(2, "s48"), drawdown(5)]) == []
    assert alerts(rules, [*(step(n, name) for n, name in enumerate(names[:-1])), drawdown(60)]) == []


def test_what_a_cap_let_go_leaves_a_text_that_is_there_certain_and_others_unknown() -> None:
    """A key keeps 1,024 rows: a check before them may have been, so nobody is accused of having left it out."""
    filled = [step(n, "call") for n in range(1, 1_100)]
    assert alerts(plan(), [*filled, drawdown(2_000)]) == []
    certain = plan('has(done, "check")')
    assert len(alerts(certain, [*filled, step(1_200, "check"), drawdown(2_000)])) == 1
    assert alerts(certain, [step(0, "check"), *filled, drawdown(2_000)]) == []


def test_what_is_looked_for_tells_features_apart() -> None:
    one, other = ({a.id for a in plan(values=values).layouts["loan"].aggregates} for values in ("approval", "drawdown"))
    assert one.isdisjoint(other)
