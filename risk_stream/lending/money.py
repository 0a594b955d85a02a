"""Money as whole minor units (fen, cents), rates as exact fractions, and rounding half up: no amount meets a float."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import Enum
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.errors import LendingError

__all__ = ["MAX_MINOR", "Amounts", "Rate", "Remainder", "amounts", "exact_rate", "half_up", "split"]

#: Minor units, int64.
Amounts: TypeAlias = NDArray[np.int64]
#: What a rate or a ratio may be given as: "0.0435" is 4.35 % exactly, a float is only nearly so and is refused.
Rate: TypeAlias = Fraction | Decimal | int | str

#: The largest amount, in minor units: ten trillion of a currency with two decimals. A thousand of them fit an int64.
MAX_MINOR = 10**15


class Remainder(Enum):
    """Who takes what is left when money does not divide."""

    LAST = "last_absorbs"  # each part rounded half up, the last takes the rest
    FIRST = "remainder_to_first"  # each part rounded down, the first ones one unit more
    CUMULATIVE = "cumulative"  # what is due up to each part, rounded half up


def amounts(values: Iterable[int] | NDArray[Any], what: str) -> Amounts:
    """Amounts as an array of minor units. Raises `LendingError` where one is a float, negative or over `MAX_MINOR`."""
    array = np.asarray(values if isinstance(values, np.ndarray) else list(values))
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu":
        raise LendingError(f"{what} must be whole minor units (fen, cents), not {array.dtype}")
    for wrong, said in ((array < 0, "negative"), (array > MAX_MINOR, f"over {MAX_MINOR:,}")):
        if wrong.any():
            raise LendingError(f"{what} number {int(np.argmax(wrong)) + 1} is {array[wrong][0]}: {said}")
    return array.astype(np.int64)


def exact_rate(rate: Rate, what: str = "the rate") -> Fraction:
    """A rate as an exact fraction. Raises `LendingError` for a float, for text that is no number, and below 0."""
    if isinstance(rate, float):
        raise LendingError(f"{what} {rate} is a float: write it as text, such as '0.0435', so that it is exact")
    try:
        found = Fraction(Decimal(rate)) if isinstance(rate, str) else Fraction(rate)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise LendingError(f"{what} {rate!r} is no number: 4.35 % is written '0.0435'") from error
    if found < 0:
        raise LendingError(f"{what} {rate} is negative")
    return found


def half_up(value: Fraction | int) -> int:
    """The nearest whole number, a half away from zero: 2.5 is 3, -2.5 is -3."""
    scaled = abs(Fraction(value)) * 2 + 1
    nearest = scaled.numerator // (2 * scaled.denominator)
    return nearest if value >= 0 else -nearest


def split(total: int, parts: int, remainder: Remainder = Remainder.LAST) -> Amounts:
    """`total` minor units in equal parts that add up to it exactly. Raises `LendingError` for fewer parts than one."""
    if parts < 1:
        raise LendingError(f"money cannot be split into {parts} parts")
    if remainder is Remainder.FIRST:
        share, more = divmod(total, parts)
        return np.array([share + (i < more) for i in range(parts)], np.int64)
    if remainder is Remainder.CUMULATIVE:
        until = np.array([half_up(Fraction(total * i, parts)) for i in range(parts + 1)], np.int64)
        return until[1:] - until[:-1]
    share = half_up(Fraction(total, parts))
    return np.array([share] * (parts - 1) + [total - share * (parts - 1)], np.int64)
