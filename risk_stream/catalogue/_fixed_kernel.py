"""The kernel that makes fixed-point numbers of decimals."""

from __future__ import annotations

from typing import Any

import numpy as np

from risk_stream.catalogue.kernel import njit
from risk_stream.catalogue.types import MISSING

__all__ = ["convert"]

#: What is left behind the last decimal beyond this, plus two roundings of the double, was written there.
_SLACK, _ROUNDINGS = 1e-3, 2.0**-52


@njit(nogil=True, cache=True)
def convert(values: Any, scale: float, limit: float, strict: bool, out: Any, bad: Any) -> Any:
    """(values that are there, values that are wrong)."""
    present, wrong = 0, 0
    for i in range(values.size):
        x = values[i]
        bad[i] = False
        out[i] = MISSING
        if np.isnan(x):
            continue
        present += 1
        scaled = x * scale
        fixed = np.rint(scaled)
        if not abs(fixed) < limit or (strict and abs(scaled - fixed) > _SLACK + abs(scaled) * _ROUNDINGS):
            bad[i] = True
            wrong += 1
        else:
            out[i] = np.int64(fixed)
    return present, wrong
