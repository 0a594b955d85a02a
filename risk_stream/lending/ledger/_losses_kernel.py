"""The numba kernel under `allowances`: the expected loss of every loan of a book over the months that are left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue.kernel import njit

__all__ = ["expected"]

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]
_F = TypeVar("_F", bound=Callable[..., Any])


def _compiled(function: _F) -> _F:
    return cast("_F", njit(nogil=True, cache=True)(function))


@_compiled
def expected(
    item_at: _Ints,
    month: _Ints,
    amount: _Ints,
    owed: _Ints,
    pd: _Floats,
    lgd: _Floats,
    discount: _Floats,
    horizon: _Ints,
    out: _Floats,
) -> None:
    """Sum S(t-1) h LGD EAD(t) v^t over the months t of each loan, up to its `horizon`.

    `month` is in which month from now an amount falls due, 0 for what is no principal to come; EAD(t) is what is owed
    less the principal of the months before t; `pd` is h, `discount` is v, both of a month.
    """
    for loan in range(len(owed)):
        last = 1
        for item in range(item_at[loan], item_at[loan + 1]):
            last = max(last, month[item])
        last = min(last, horizon[loan])
        alive, worth, exposure, total = 1.0, 1.0, owed[loan], 0.0
        item = item_at[loan]
        for now in range(1, last + 1):
            worth *= discount[loan]
            total += alive * pd[loan] * lgd[loan] * exposure * worth
            alive *= 1.0 - pd[loan]
            while item < item_at[loan + 1] and month[item] <= now:
                if month[item] > 0:
                    exposure -= amount[item]
                item += 1
        out[loan] = total
