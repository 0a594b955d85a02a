"""Overdue interest: what late money costs, and interest on interest."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from risk_stream.lending.day_count import DayCount, year_fraction
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Rate, amounts, exact_rate, half_up

__all__ = ["interest_of", "penalty_rate"]


def penalty_rate(contract_rate: Rate, overdue: Rate = 0, misuse: Rate = 0) -> Fraction:
    """The yearly rate on overdue or misused money: the contract's, and the higher of the two uplifts, never both.

    The usual uplifts are 30 to 50 % for money that is overdue and 50 to 100 % for money used otherwise than agreed
    (PBOC 银发[2003]251号; a default: the contract says). It takes the place of the contract's rate on overdue
    principal, from the day after the due date.
    """
    uplift = max(exact_rate(overdue, "the uplift for late money"), exact_rate(misuse, "the uplift for misused money"))
    return exact_rate(contract_rate) * (1 + uplift)


def interest_of(amount: int, rate: Rate, start: Any, end: Any, day_count: DayCount = DayCount.ACT_360) -> int:
    """Interest in minor units on `amount`, from `start` (counted) to `end` (not counted), rounded half up.

    On overdue principal with `penalty_rate` it is overdue interest 罚息; on unpaid interest at the same rate, 复利.
    """
    fraction = year_fraction(start, end, day_count)
    if fraction < 0:
        raise LendingError(f"interest cannot run from {start} back to {end}")
    return half_up(int(amounts([amount], "the amount")[0]) * exact_rate(rate) * fraction)
