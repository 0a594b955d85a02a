"""What conditions on texts reach is told as by sets, in which all other texts stand for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from risk_stream.rules.tables.reach import _Texts

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
