"""The operations and functions of the language on numpy arrays and numbers; every one is total.

NaN is unknown, and whatever is computed from an unknown is unknown, `coalesce` excepted. A result that is not finite (a
division by zero, an overflow) is unknown too. Call them inside ``numpy.errstate(all="ignore")``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

__all__ = ["FUNCTIONS", "compute"]

_MS_PER_HOUR = 3_600_000.0
_MS_PER_DAY = 86_400_000.0

#: 1970-01-01 was a Thursday, day 4 of the week.
_EPOCH_WEEKDAY = 4

#: Functions of the language, but those that make durations, which the checker turns into products.
FUNCTIONS = ("abs", "coalesce", "hour", "max", "min", "weekday")


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
    "hour": _hour,
    "weekday": _weekday,
}


def compute(op: str, values: Sequence[Any]) -> Any:
    """The result of an operation on arrays of float64 or on numbers, row by row."""
    if len(values) and not any(isinstance(value, np.ndarray) for value in values):
        with np.errstate(all="ignore"):
            return _OPERATIONS[op](*(np.float64(value) for value in values))
    return _OPERATIONS[op](*values)
