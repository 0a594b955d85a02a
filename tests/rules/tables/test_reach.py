"""What conditions on texts reach is told as by sets, in which all other texts stand for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.rules.language.meaning import Comparison, Condition, Constant, Every, FieldValue, Kind
from risk_stream.rules.tables.reach import _compared, _one_of, _Texts

NAMED = frozenset("abc")
TEXTS = st.builds(_Texts, st.frozensets(st.sampled_from("abc")), others=st.booleans())


def as_set(texts: _Texts) -> frozenset[str]:
    return (NAMED - texts.texts) | {"any other"} if texts.others else texts.texts


@given(TEXTS, TEXTS)
def test_texts_in_both_and_in_either_are_those_of_sets(one: _Texts, other: _Texts) -> None:
    assert as_set(one.both(other)) == as_set(one) & as_set(other)
    assert as_set(one.either(other)) == as_set(one) | as_set(other)
    assert one.within(other) == (as_set(one) <= as_set(other))
    assert one.is_empty == (not as_set(one))


A, B = FieldValue(Kind.NUMBER, "a"), FieldValue(Kind.NUMBER, "b")


def above(value: FieldValue, limit: float) -> Condition:
    return Comparison(">", value, Constant(Kind.NUMBER, limit))


@pytest.mark.parametrize(
    "first",
    [Every((above(A, 5.0), above(B, 1.0))), Every((above(A, 5.0), Comparison(">", A, B)))],
    ids=["two", "not all"],
)
def test_what_a_choice_says_is_known_only_where_each_part_says_it_of_one_value_and_no_more(first: Condition) -> None:
    assert _one_of([first, above(A, 9.0)]) is None
    assert _one_of([above(A, 5.0), above(A, 9.0)]) == ({A: _compared(">", 5.0)}, True)
