"""A decimal that was written comes out exactly, and comes back as the same double."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.catalogue import MISSING, Field, FieldType
from risk_stream.catalogue._fixed import limit_of, to_fixed

MONEY = Field("amount", FieldType.MONEY, "x", decimals=2)
PRICE = Field("price", FieldType.NUMBER, "x", decimals=8)
COUNT = Field("count", FieldType.INTEGER, "x")


def fixed(value: float, field: Field) -> tuple[int, bool]:
    out, _, wrong = to_fixed(np.array([value]), field)
    return int(out[0]), wrong is not None


@given(st.integers(-(2**51) + 1, 2**51 - 1))
def test_money_is_exact(minor: int) -> None:
    """Every amount of whole minor units below 2**51, and division gives the author's decimal again."""
    value = float(Decimal(minor) / 100)
    assert fixed(value, MONEY) == (minor, False)
    assert minor / 100 == value


@given(st.integers(-(2**51) + 1, 2**51 - 1))
def test_a_number_within_its_decimals_is_exact(units: int) -> None:
    """With 8 decimals as well."""
    assert fixed(float(Decimal(units).scaleb(-8)), PRICE) == (units, False)


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_whole_numbers_are_exact(value: int) -> None:
    """Below 2**53."""
    assert fixed(float(value), COUNT) == (value, False)


@given(st.integers(-(10**9), 10**9), st.integers(1, 9))
def test_a_tenth_of_a_cent_is_refused(minor: int, tenth: int) -> None:
    """Money has two decimals: 1.005 is somebody's mistake, not half a cent."""
    assert fixed(float(Decimal(minor * 10 + tenth).scaleb(-3)), MONEY) == (MISSING, True)


def test_a_number_is_rounded_half_to_even() -> None:
    """To the decimals it has."""
    half = Field("x", FieldType.NUMBER, "x", decimals=1)
    assert [fixed(v, half)[0] for v in (0.25, 0.75, -0.25, 0.26)] == [2, 8, -2, 3]


def test_too_large_is_refused() -> None:
    """Above the limit two decimals can be the same double."""
    assert limit_of(COUNT) == 2.0**53
    for value, field in ((2.0**53, COUNT), (2.0**51 / 100, MONEY), (-1e300, MONEY), (float("inf"), PRICE)):
        assert fixed(value, field) == (MISSING, True)


def test_missing_stays_missing() -> None:
    """NaN in, MISSING out; and whether there is anything at all."""
    out, present, wrong = to_fixed(np.array([np.nan, 1.5]), MONEY)
    assert (out.tolist(), present, wrong) == ([MISSING, 150], True, None)
    assert to_fixed(np.array([np.nan]), MONEY)[1] is False
