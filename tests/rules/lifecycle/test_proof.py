"""What proves a step, as an event that is made of it."""

from __future__ import annotations

import pytest

from risk_stream.rules.language.meaning import Comparison, Constant, Every, FieldValue, Kind
from risk_stream.rules.lifecycle.proof import equalities

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
