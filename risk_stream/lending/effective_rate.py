"""The effective interest rate: the one rate at which what is paid back is worth what was paid out.

A rate that is found as a root has no exact form, so these are floats, good to 1e-12; no money is made of them here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from risk_stream.lending.day_count import dates
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import amounts

__all__ = ["dated_effective_rate", "effective_annual", "periodic_rate"]


def periodic_rate(disbursed: int, payments: Iterable[int]) -> float:
    """The rate of a period at which payments at the end of each are worth what was `disbursed` (IRR); minor units.

    IFRS 9, Appendix A: effective interest rate; fees that are part of it are taken off `disbursed`.
    """
    flows = amounts(payments, "payments").astype(float)
    return _root(disbursed, flows, np.arange(1, len(flows) + 1, dtype=float))


def dated_effective_rate(disbursed: int, start: Any, payments: Iterable[int], due: Any) -> float:
    """The yearly rate, compounded over days / 365, at which dated payments are worth what was `disbursed` (XIRR)."""
    flows = amounts(payments, "payments").astype(float)
    years = (dates(due) - dates(start)).astype(float) / 365.0
    if len(years) != len(flows) or (years <= 0).any():
        raise LendingError("every payment needs one date after the start")
    return _root(disbursed, flows, years)


def effective_annual(periodic: float, periods: int = 12) -> float:
    """The yearly rate with interest upon interest: (1 + m)^12 - 1."""
    return float((1.0 + periodic) ** periods - 1.0)


def _root(disbursed: int, flows: Any, times: Any) -> float:
    """The rate at which the flows are worth `disbursed`: worth falls as the rate grows, so halving finds it."""
    if disbursed <= 0 or not len(flows) or flows.sum() <= 0:
        raise LendingError("an effective rate needs an amount paid out and payments back")

    def worth(rate: float) -> float:
        return float((flows * (1.0 + rate) ** -times).sum())

    low, high = -0.99, 1.0
    while worth(high) > disbursed:
        high *= 2.0
        if high > 1e6:
            raise LendingError(f"no rate under 100,000,000 % makes these payments worth {disbursed}")
    if worth(low) < disbursed:
        raise LendingError(f"what is paid back is not worth {disbursed} at any rate over -99 %")
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (middle, high) if worth(middle) > disbursed else (low, middle)
    return (low + high) / 2.0
