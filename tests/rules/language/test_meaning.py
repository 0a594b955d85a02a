"""What is read of an expression says how deep it is, and of which kind."""

from __future__ import annotations

import pytest

from risk_stream.rules.language.meaning import Computed, Constant, FieldValue, Kind, depth
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
