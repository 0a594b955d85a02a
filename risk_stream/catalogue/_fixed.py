"""Numbers as fixed-point int64: the one place that decides how a decimal on the wire becomes an exact column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue.types import Field, FieldType

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["limit_of", "to_fixed"]

#: Whole numbers below 2**53 are exact as float64, which is what JSON readers make of them.
_LIMIT_WHOLE = 2.0**53
#: With decimals: below 2**51 the nearest double, times 10**decimals, is off by less than a half, so rounding finds
#: exactly the decimal that was written. Above, two amounts a cent apart can be the same double.
_LIMIT_DECIMAL = 2.0**51
_STRICT = frozenset((FieldType.MONEY, FieldType.INTEGER))


def limit_of(field: Field) -> float:
    """The fixed-point size a field's values stay below."""
    return _LIMIT_DECIMAL if field.decimals else _LIMIT_WHOLE


def to_fixed(values: NDArray[np.float64], field: Field) -> tuple[NDArray[np.int64], bool, NDArray[np.bool_] | None]:
    """(int64[n], whether any value is there, which are wrong or None): natural units to fixed-point, NaN to MISSING.

    Wrong is what is too large, and money or a whole number with more decimals than it has.
    """
    from risk_stream.catalogue import _fixed_kernel  # by the first number, as in `hashing`

    out, bad = np.empty(values.size, np.int64), np.empty(values.size, np.bool_)
    strict = field.type in _STRICT
    present, wrong = _fixed_kernel.convert(values, 10.0**field.decimals, limit_of(field), strict, out, bad)
    return out, present > 0, bad if wrong else None
