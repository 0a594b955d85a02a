"""What a checker makes of what it reads: bounds that aggregates have, and times that are written as texts."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import Field, FieldType
from risk_stream.features import Op
from risk_stream.rules import PlanError
from risk_stream.rules.language.check import aggregate_value
from tests.features.streams import aggregate
from tests.rules.house import plan_of, rule_file


@pytest.mark.parametrize(("least", "grows", "low"), [(0, True, 0.0), (-0.5, False, float("-inf"))])
def test_a_sum_grows_only_where_none_of_its_numbers_can_be_below_zero(least: float, grows: bool, low: float) -> None:
    field = Field("amount", FieldType.NUMBER, "What it is.", minimum=least)
    value = aggregate_value(aggregate(Op.SUM, "amount"), field)
    assert (value.grows, value.low) == (grows, low)


@pytest.mark.parametrize("time", ["{} + days(30)", 'max({}, "2024-02-01")'])
def test_a_written_time_is_one_only_beside_the_events(time: str) -> None:
    with pytest.raises(PlanError, match="text"):
        plan_of(rule_file("opened > " + time.format('"2024-01-31"')))
    plan_of(rule_file("opened > " + time.format('max(opened, "2024-01-31")')))
