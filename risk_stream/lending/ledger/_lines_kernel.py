"""The numba kernel under `lines`: the interest and principal of the instalments of many contracts at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue.kernel import njit

__all__ = ["fill"]

_Ints = NDArray[np.int64]
_F = TypeVar("_F", bound=Callable[..., Any])


def _compiled(function: _F) -> _F:
    return cast("_F", njit(nogil=True, cache=True)(function))


@_compiled
def fill(
    at: _Ints,
    principal: _Ints,
    numerator: _Ints,
    denominator: _Ints,
    level: _Ints,
    share: _Ints,
    interest: _Ints,
    repaid: _Ints,
    used: NDArray[np.bool_],
) -> None:
    """Fill the lines `at[i]` to `at[i + 1]` of contract i, as `schedules` does it line by line.

    The rate of a period is numerator / denominator; interest is balance x rate rounded half up; principal is what
    `level` leaves of it, or `share` where that is not below 0; the last line takes the rest. Lines behind the one that
    repays all are not `used`.
    """
    for loan in range(len(principal)):
        balance = principal[loan]
        for line in range(at[loan], at[loan + 1]):
            if balance == 0:
                break
            twice = 2 * balance * numerator[loan] + denominator[loan]
            interest[line] = twice // (2 * denominator[loan])
            part = balance
            if line < at[loan + 1] - 1:
                part = share[loan] if share[loan] >= 0 else max(level[loan] - interest[line], 0)
                part = min(part, balance)
            repaid[line] = part
            used[line] = True
            balance -= part
