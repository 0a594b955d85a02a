"""Money stays whole: it is split, rounded and read without a float."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.lending import LendingError, Remainder, amounts, exact_rate, half_up, split
from tests.lending.facts import rows


@pytest.mark.parametrize("row", rows("rounding_cases"), ids=lambda r: "{total_minor}/{n} {method}".format(**r))
def test_money_is_split_as_the_table_says(row: dict[str, str]) -> None:
    parts = split(int(row["total_minor"]), int(row["n"]), Remainder(row["method"]))
    assert parts.tolist() == [int(part) for part in row["parts"].split()]


@given(st.integers(0, 10**15), st.integers(1, 400), st.sampled_from(list(Remainder)))
def test_parts_add_up_to_the_whole(total: int, parts: int, how: Remainder) -> None:
    assert int(split(total, parts, how).sum()) == total


@given(st.fractions())
def test_a_half_goes_away_from_zero(value: Fraction) -> None:
    rounded = half_up(value)
    assert abs(rounded - value) <= Fraction(1, 2)
    assert abs(rounded - value) < Fraction(1, 2) or abs(rounded) > abs(value)


def test_a_rate_is_exact_however_it_is_written() -> None:
    assert exact_rate("0.0435") == exact_rate(Decimal("0.0435")) == exact_rate(Fraction(435, 10_000))


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0.0435, "is a float"), ("4.35%", "is no number"), ("-0.01", "is negative"), ("nan", "no number")],
)
def test_a_rate_that_is_none_is_refused(rate: str, said: str) -> None:
    with pytest.raises(LendingError, match=said):
        exact_rate(rate)


@pytest.mark.parametrize(
    ("values", "said"),
    [([1, -2], "payments number 2 is -2: negative"), ([1.5], "whole minor units"), ([10**16], "number 1 is .*: over")],
)
def test_an_amount_that_cannot_be_is_refused(values: list[int], said: str) -> None:
    with pytest.raises(LendingError, match=said):
        amounts(values, "payments")


def test_no_amount_is_no_error() -> None:
    assert amounts([], "payments").dtype == np.int64
