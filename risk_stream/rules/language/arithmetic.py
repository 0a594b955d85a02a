"""The operations and functions of the language on numpy arrays and numbers; every one is total.

NaN is unknown, and whatever is computed from an unknown is unknown, `coalesce` excepted. A result that is not finite (a
division by zero, an overflow) is unknown too. Call them inside ``numpy.errstate(all="ignore")``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

__all__ = ["compute"]

_MS_PER_MINUTE = 60_000.0
_MS_PER_HOUR = 3_600_000.0
_MS_PER_DAY = 86_400_000.0

#: 1970-01-01 was a Thursday, day 4 of the week.
_EPOCH_WEEKDAY = 4

#: From here on neighbouring floats are 1 apart, or more.
_EXACT = 2.0**52

#: Days from 1970 that a calendar date is given for: beyond, which only a computation reaches, it is unknown.
_MOST_DAYS = 1e8

#: A decimal half that a float is just below of, by at most two roundings, counts as the half that was meant: where
#: floats lie so close that it can be told from what is no half.
_NUDGE, _NUDGED = 1.0 + 4e-16, 1e14


def _finite(result: Any) -> Any:
    """The result, NaN where it is infinite: inf * 0 is NaN, and anything else + 0 is itself."""
    return result + result * 0.0


def _divide(left: Any, right: Any) -> Any:
    return _finite(np.divide(left, right))


def _remainder(left: Any, right: Any) -> Any:
    """With the sign of the divisor, as in Python."""
    return _finite(np.mod(left, right))


def _hour(ms: Any) -> Any:
    return np.mod(np.floor_divide(ms, _MS_PER_HOUR), 24.0)


def _weekday(ms: Any) -> Any:
    return np.mod(np.floor_divide(ms, _MS_PER_DAY) + (_EPOCH_WEEKDAY - 1), 7.0) + 1.0


def _in_calendar(ms: Any, part: Callable[[Any], Any]) -> Any:
    """A part of the dates of times; `part` gives it of whole days as datetime64."""
    day = np.floor_divide(ms, _MS_PER_DAY)
    known = np.abs(day) < _MOST_DAYS
    return np.where(known, part(np.where(known, day, 0.0).astype(np.int64).astype("datetime64[D]")), np.nan)


def _months(days: Any) -> Any:
    """Whole months since 1970 began."""
    return days.astype("datetime64[M]").astype(np.int64)


def _day_of_month(days: Any) -> Any:
    return (days - days.astype("datetime64[M]")).astype(np.int64) + 1


def _round(value: Any, digits: Any) -> Any:
    """To so many digits behind the point; halves away from zero, as people do. What has no more digits stays."""
    scale, size = np.power(10.0, np.abs(digits)), np.abs(value)

    def moved_back(whole: Any) -> Any:
        return np.where(digits >= 0, whole / scale, whole * scale)

    scaled = np.where(digits >= 0, size * scale, size / scale)
    rounded = moved_back(np.floor(np.where(scaled < _NUDGED, scaled * _NUDGE, scaled) + 0.5))
    # A float this large has no digits there; and moving the point of one that has no more may have made some.
    stays = (scaled >= _EXACT) | (moved_back(np.floor(scaled)) == size)
    return np.where(stays, value, np.copysign(rounded, value))


def _one_by_one(function: Callable[..., float], *values: Any) -> Any:
    """A function of Python's math, number by number.

    numpy's own may differ in the last digit by where in an array a number stands, and an event that is judged again
    must have the value that it had.
    """
    columns = np.broadcast_arrays(*values)
    found = [_known(function, *row) for row in zip(*(column.ravel().tolist() for column in columns), strict=True)]
    return np.array(found, np.float64).reshape(columns[0].shape)


def _known(function: Callable[..., float], *values: float) -> float:
    """What a function of numbers gives; NaN where one is unknown, or where it gives no finite number."""
    if any(map(math.isnan, values)):
        return math.nan
    try:
        found = function(*values)
    except (ValueError, OverflowError):
        return math.nan
    return found if math.isfinite(found) else math.nan


def _coalesce(value: Any, default: Any) -> Any:
    return np.where(np.isnan(value), default, value)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: _finite(np.add(a, b)),
    "-": lambda a, b: _finite(np.subtract(a, b)),
    "*": lambda a, b: _finite(np.multiply(a, b)),
    "/": _divide,
    "%": _remainder,
    "later": lambda ms, seconds: _finite(np.add(ms, seconds * 1000.0)),
    "earlier": lambda ms, seconds: _finite(np.subtract(ms, seconds * 1000.0)),
    "elapsed": lambda ms, earlier: _finite(np.subtract(ms, earlier) / 1000.0),
    "negate": np.negative,
    "abs": np.abs,
    "min": lambda *values: reduce(np.minimum, values),
    "max": lambda *values: reduce(np.maximum, values),
    "coalesce": _coalesce,
    "clamp": lambda value, low, high: np.minimum(np.maximum(value, low), high),
    "floor": np.floor,
    "ceil": np.ceil,
    "round": _round,
    "sqrt": np.sqrt,
    "exp": lambda value: _one_by_one(math.exp, value),
    "log": lambda value: _one_by_one(math.log, value),
    "power": lambda value, exponent: _one_by_one(math.pow, value, exponent),
    "minute": lambda ms: np.mod(np.floor_divide(ms, _MS_PER_MINUTE), 60.0),
    "hour": _hour,
    "weekday": _weekday,
    "day": lambda ms: _in_calendar(ms, _day_of_month),
    "month": lambda ms: _in_calendar(ms, lambda days: _months(days) % 12 + 1),
    "year": lambda ms: _in_calendar(ms, lambda days: _months(days) // 12 + 1970),
    "date": lambda ms: np.floor_divide(ms, _MS_PER_DAY) * _MS_PER_DAY,
    "time_of_day": lambda ms: np.mod(ms, _MS_PER_DAY) / 1000.0,
}


def compute(op: str, values: Sequence[Any]) -> Any:
    """The result of an operation on arrays of float64 or on numbers, row by row."""
    if len(values) and not any(isinstance(value, np.ndarray) for value in values):
        with np.errstate(all="ignore"):
            return _OPERATIONS[op](*(np.float64(value) for value in values))
    return _OPERATIONS[op](*values)
