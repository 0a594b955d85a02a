"""Kernels: mean and standard deviation out of exact integer sums, and where a value stands among others by these."""

from __future__ import annotations

import math

import numpy as np

from risk_stream.features._jit import Word, inner
from risk_stream.features._kernel_heap import below, mul_high

__all__ = ["deviation", "standing"]


@inner
def _nearest(total: int, n: int) -> Word:
    """The integer nearest to the mean of n integers with this sum."""
    k: Word = np.int64(np.rint(total / n))
    k += np.int64(np.rint((total - n * k) / n))
    return k


@inner
def deviation(total: int, low: int, high: int, n: int) -> float:
    """The standard deviation of n integers from their sum and 128-bit sum of squares.

    With k the mean to the nearest integer, sum((v - k)**2) = Q - k (2 S - n k) is exact in 128 bits, and what is left,
    (mean - k)**2, is at most half of its n-th: nothing cancels.
    """
    if n == 0:
        return np.nan
    k = _nearest(total, n)
    rest = total - n * k
    product = k * (total + rest)
    d_low = low - product
    d_high = high - mul_high(k, total + rest) - below(low, product)
    squares = np.float64(d_high) * 18446744073709551616.0 + np.float64(np.uint64(d_low))
    return math.sqrt(max(squares / n - (rest / n) * (rest / n), 0.0))


@inner
def standing(value: int, total: int, low: int, high: int, n: int) -> float:
    """How many standard deviations a value lies above the mean of n integers; NaN where these are all equal."""
    spread = deviation(total, low, high, n)
    if n == 0 or spread == 0.0:
        return np.nan
    k = _nearest(total, n)
    return np.float64(((value - k) - (total - n * k) / n) / spread)
