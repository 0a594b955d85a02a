"""What is read of an expression says how deep it is, and of which kind."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import Field, FieldType
from risk_stream.features import Op
from risk_stream.rules import PlanError
from risk_stream.rules.language.check import aggregate_value
from risk_stream.rules.language.meaning import Comparison, Computed, Constant, Every, FieldValue, Kind, depth
from risk_stream.rules.lifecycle.proof import equalities
from tests.features.streams import aggregate
from tests.rules.house import plan_of, rule_file

PAID = FieldValue(Kind.MONEY, "paid")


def test_depth_counts_what_is_nested_and_not_what_stands_beside_it() -> None:
    one = Constant(Kind.NUMBER, 1.0)
    once = Computed(Kind.MONEY, "+", (PAID, one))
    assert depth(PAID) == 1
    assert depth(once) == 2
    assert depth(Computed(Kind.MONEY, "max", (once, once, PAID))) == 3


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("paid + 1", Kind.MONEY),
        ("1 + paid", Kind.MONEY),
        ("pieces + 1", Kind.NUMBER),
        ("paid - cost", Kind.MONEY),
        ("2 * paid", Kind.MONEY),
        ("paid / cost", Kind.NUMBER),
    ],
)
def test_an_amount_with_a_number_is_an_amount(expression: str, kind: Kind) -> None:
    text = rule_file("much > 1", features=f"  much: {expression}").replace("summary: said", 'summary: "{much}"')
    (rule,) = plan_of(text).rules
    assert dict(rule.named)["much"].kind is kind  # type: ignore[union-attr]


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


A, B = FieldValue(Kind.TEXT, "a"), FieldValue(Kind.NUMBER, "b")


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((Comparison("==", A, Constant(Kind.TEXT, "x")), Comparison("==", B, Constant(Kind.NUMBER, 2.0))), True),
        ((Comparison("==", A, Constant(Kind.TEXT, "x")), Comparison("<", B, Constant(Kind.NUMBER, 2.0))), False),
        ((Comparison("==", B, Constant(Kind.NUMBER, 1.0)), Comparison("==", B, Constant(Kind.NUMBER, 2.0))), False),
    ],
    ids=["equalities", "another comparison", "one field twice"],
)
def test_an_event_is_made_of_a_condition_only_where_that_says_all_its_fields(
    parts: tuple[Comparison, ...], said: bool
) -> None:
    assert equalities(Every(parts)) == ({"a": "x", "b": 2} if said else None)
