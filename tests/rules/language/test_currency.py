"""The currency of what is computed is that of what goes in, where the catalogue says one."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import Field, FieldType
from risk_stream.features import Aggregate, Op
from risk_stream.rules.language.currency import currency_of
from risk_stream.rules.language.meaning import (
    AggregateValue,
    Chosen,
    Computed,
    Constant,
    FieldValue,
    Kind,
    Presence,
    Value,
)

MONEY = FieldValue(Kind.MONEY, "paid")
BARE = FieldValue(Kind.MONEY, "bare")
ONE = Constant(Kind.NUMBER, 1.0)


def of(op: Op) -> AggregateValue:
    return AggregateValue(Kind.MONEY, Aggregate("a", op, ("trade",), "", "customer", 1000, field="paid"), False)


@pytest.mark.parametrize(
    ("value", "currency"),
    [
        (MONEY, "USD"),
        (BARE, None),
        (FieldValue(Kind.MONEY, "unknown"), None),
        (ONE, None),
        (of(Op.SUM), "USD"),
        (of(Op.DISTINCT), None),
        (Computed(Kind.MONEY, "+", (ONE, MONEY)), "USD"),
        (Computed(Kind.MONEY, "*", (ONE, MONEY)), None),
        (Chosen(Kind.MONEY, Presence(MONEY, True), MONEY, BARE), "USD"),
        (Chosen(Kind.MONEY, Presence(MONEY, True), ONE, MONEY), "USD"),
        (Chosen(Kind.MONEY, Presence(MONEY, True), ONE, BARE), None),
    ],
)
def test_the_currency_of_a_value(value: Value, currency: str | None) -> None:
    fields = {
        "paid": Field("paid", FieldType.MONEY, "What was paid.", unit="USD"),
        "bare": Field("bare", FieldType.MONEY, "An amount of some currency.", unit="major units of currency"),
    }
    assert currency_of(value, fields) == currency
