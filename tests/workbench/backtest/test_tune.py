"""Tuning moves one threshold at a time, and the value in force gives what the rule gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.workbench.backtest import thresholds, tune
from risk_stream.workbench.backtest.tune import values_around
from tests.workbench.backtest import LATENESS, RULES, chunks, judge, plan_of, transfer

TWO = RULES.replace(
    "when: sent_1h >= 3", 'when: sent_1h >= 3 and (100 <= paid_1d or amount != 5) and direction == "out"'
)
EVENTS = [transfer(n, n * 60_000, amount=20.0) for n in range(12)]


def test_each_written_number_is_a_threshold_but_equalities_and_texts_are_none() -> None:
    rule = next(r for r in plan_of(TWO).rules if r.id == "busy")
    assert [(c.op) for c in thresholds(rule)] == [">=", "<="]


def test_each_value_gives_what_the_rule_with_it_would_give() -> None:
    plan = plan_of()
    rule = next(r for r in plan.rules if r.id == "busy")
    (curve,) = tune(plan, rule, chunks(EVENTS), low=0.5, high=3, steps=4, lateness_ms=LATENESS).curves
    assert curve.text == "sent_1h >= 3"
    assert [point.value for point in curve.points if point.current] == [3.0]
    for point in curve.points:
        alone = judge({"rules": plan_of(when=f"sent_1h >= 3 -> sent_1h >= {point.value:g}")}, EVENTS)
        assert point.alerts == next(r for r in alone.rules if r.rule == "busy").sides["rules"].alerts


def test_a_rule_without_a_number_cannot_be_tuned() -> None:
    plan = plan_of(when='sent_1h >= 3 -> direction == "out"')
    with pytest.raises(ValueError, match="compares nothing with a number"):
        tune(plan, plan.rules[0], chunks(EVENTS), lateness_ms=LATENESS)


@given(st.floats(0.01, 1e9) | st.integers(1, 10**6).map(float), st.integers(2, 12))
def test_values_ascend_around_the_one_in_force_and_are_numbers_that_one_says(value: float, steps: int) -> None:
    found = values_around(value, 0.5, 2.0, steps)
    assert value in found
    assert found == sorted(set(found))
    assert all(value * 0.49 - 1 < one < value * 2.01 + 1 for one in found)
    assert all(float(f"{one:.3g}") == pytest.approx(one) for one in found if one != value)
