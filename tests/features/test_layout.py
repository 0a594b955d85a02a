"""What a layout says of its aggregates, and what it refuses in words that a rule author can act on."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import ProblemsError
from risk_stream.features import KindLayout, Op
from risk_stream.features.schema import _signed
from tests.features.streams import TYPES, aggregate, layout


def test_bits_are_the_distinct_type_and_condition() -> None:
    """Aggregates over the same events share bits; one over two types uses one bit of each."""
    asked = layout(
        [aggregate(Op.COUNT), aggregate(Op.SUM, "amount", of=TYPES), aggregate(Op.COUNT, where="large", window_ms=9)]
    )
    assert asked.bits == (("order", ""), ("transfer", ""), ("order", "large"))


def test_columns_are_the_distinct_fields_that_values_are_taken_of() -> None:
    """Count and since look at no value, so their field needs no column."""
    asked = layout([aggregate(Op.COUNT, "amount"), aggregate(Op.MIN, "price"), aggregate(Op.DISTINCT, "merchant")])
    assert asked.columns == ("price", "merchant")
    assert asked.text_columns == {"merchant"}
    assert asked.longest_ms == 1000


def test_outputs_are_in_the_order_asked() -> None:
    """The index says in which column of the values an aggregate is."""
    first, second = aggregate(Op.STD, "price", name="b"), aggregate(Op.COUNT, name="a")
    assert layout([first, second]).index == {"b": 0, "a": 1}


@pytest.mark.parametrize(
    ("aggregates", "sentence"),
    [
        ([aggregate(Op.COUNT, where=f"amount > {i}") for i in range(65)], "count 65 different (event type, where)"),
        ([aggregate(Op.COUNT, window_ms=i) for i in range(1, 65)], "there are 64 features by"),
        ([aggregate(Op.COUNT, window_ms=0)], "window of 0 ms"),
        ([aggregate(Op.SUM)], "names no field"),
    ],
    ids=["bits", "outputs", "window", "field"],
)
def test_what_rows_cannot_say_is_refused_at_load(aggregates: list, sentence: str) -> None:
    """More conditions than bits, more outputs than flags, a window of nothing, a sum of nothing."""
    with pytest.raises(ProblemsError) as refused:
        layout(aggregates)
    assert sentence in str(refused.value.problems[0])


def test_an_aggregate_by_another_key_is_refused() -> None:
    """It would be answered by the wrong windows."""
    with pytest.raises(ProblemsError, match='by "customer", and this layout is of "device"'):
        KindLayout("device", [aggregate(Op.COUNT)])


def test_the_64th_bit_of_a_mask_is_a_words_sign() -> None:
    assert _signed(1 << 63) == -(1 << 63)
    assert _signed((1 << 63) | 1) == 1 - (1 << 63)
    assert _signed(5) == 5
