"""Plans of one hop: each event is judged by its own, and a plan of another house is none of them."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.engine.plans import Plans
from risk_stream.rules import plan_of_texts
from tests.rules.house import plan_of, rule_file


def test_a_plan_over_other_event_types_is_refused() -> None:
    plan = plan_of(rule_file("paid > 1"))
    plans = Plans(plan, "customer")
    plans.adopt(plan, 0, 0)
    other = plan_of_texts({"other.yaml": rule_file("amount > 1", on="transfer")}, load_catalogue())
    with pytest.raises(ValueError, match="another catalogue: stop the workers"):
        plans.adopt(other, 1, 1)


def test_a_plan_that_comes_after_a_restart_has_a_number_of_its_own() -> None:
    first, second, third = (plan_of(rule_file(f"paid > {least}")) for least in (1, 2, 3))
    plans = Plans(first, "customer")
    for position, plan in enumerate((first, second)):
        plans.adopt(plan, position, position)
    again = Plans(first, "customer")
    again.restore(plans.state(), {second.version: second})
    again.adopt(third, 2, 2)
    numbers = [held.number for held in again.held]
    assert len(set(numbers)) == 3
    assert [again.numbered(number).plan.version for number in numbers] == [first.version, second.version, third.version]
