"""Rules are measured in turn, cheaply, and what is said of one never falls."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Features, View
from risk_stream.rules import Evaluator, Plan, plan_of_texts
from risk_stream.sinks import Meter
from tests.catalogue.events import transfer


def rules(count: int) -> Plan:
    text = "stage: trading\nowner: desk\nrules:\n" + "".join(
        f"  - {{id: r{i}, on: transfer, when: amount > {i + 1}, severity: low, summary: said}}\n" for i in range(count)
    )
    return plan_of_texts({"rules.yaml": text}, load_catalogue())


def views(plan: Plan, sizes: list[int]) -> list[View]:
    event = json.dumps(transfer(amount=5)).encode()
    batches = [Decoder(plan.catalogue).decode([event] * n, str)[0] for n in sizes]
    return [View(batch, np.arange(len(batch)), Features(), {}) for batch in batches]


def evaluator_of(plan: Plan) -> Evaluator:
    return Evaluator(plan, plan.hop_of(plan.rules[0], "transfer"), "transfer")


def ticking(step_ns: int) -> Callable[[], int]:
    """A clock that goes on by so much each time it is read."""
    now = 0

    def clock() -> int:
        nonlocal now
        now += step_ns
        return now

    return clock


def test_each_rule_has_its_turn_and_its_sample_stands_for_all_batches_since_the_one_before() -> None:
    plan = rules(2)
    evaluator, meter = evaluator_of(plan), Meter(ticking(1_000), share=1e9)
    for view in views(plan, [10, 1, 10, 100]):
        meter(evaluator, view)
    # A reading of the clock takes 1,000 ns, and so does an evaluation.
    assert {rule: (spent.samples, round(spent.seconds * 1e9)) for rule, spent in meter.spent.items()} == {
        "r0": (2, 3 * 1_000),
        "r1": (2, 4 * 1_000),
    }


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
def test_measuring_keeps_within_its_share_of_the_time(share: float) -> None:
    plan = rules(3)
    evaluator, [view] = evaluator_of(plan), views(plan, [5])
    read = 0

    def clock() -> int:
        nonlocal read
        read += 1
        return read

    meter = Meter(clock, share)
    asked = 20_000
    for _ in range(asked):
        meter(evaluator, view)
    measuring = 4 * sum(spent.samples for spent in meter.spent.values())  # ticks between the readings of one sample
    assert 0 < measuring <= share * read + 4


def test_what_is_said_of_a_rule_never_falls() -> None:
    plan = rules(1)
    evaluator, meter, seen = evaluator_of(plan), Meter(share=1e9), [0.0]
    for view in views(plan, [1, 100, 1, 50, 3]):
        meter(evaluator, view)
        seen.append(meter.spent["r0"].seconds)
    assert seen == sorted(seen)


def test_no_events_and_no_rules_are_not_measured() -> None:
    plan = rules(1)
    meter = Meter(ticking(1), share=1e9)
    meter(evaluator_of(plan), views(plan, [0])[0])
    meter(Evaluator(plan, "instrument", "trade"), views(plan, [1])[0])
    assert meter.spent == {}


class Unreadable(View):
    """Events of which no number can be read."""

    def number(self, name: str) -> np.ndarray:
        raise RuntimeError("disk on fire")


def test_a_rule_that_cannot_be_evaluated_disturbs_nobody() -> None:
    plan = rules(1)
    meter = Meter(ticking(1), share=1e9)
    whole = views(plan, [3])[0]
    meter(evaluator_of(plan), Unreadable(whole._batch, np.arange(3), Features(), {}))
    assert meter.spent == {}


def test_a_rule_that_is_gone_is_forgotten() -> None:
    plan = rules(2)
    evaluator, meter = evaluator_of(plan), Meter(ticking(1), share=1e9)
    for view in views(plan, [1, 1]):
        meter(evaluator, view)
    meter.use("another", {"r1", "r2"})
    assert meter.spent.keys() == {"r1"}
