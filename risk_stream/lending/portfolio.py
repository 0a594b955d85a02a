"""What a book as a whole says: ratios of bad loans and allowances, roll rates between buckets, vintages."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.classification import Class
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Amounts, amounts

__all__ = ["Quality", "quality", "roll_rates", "vintages"]


@dataclass(frozen=True, slots=True)
class Quality:
    """Ratios of a book; None where there is nothing to divide by."""

    npl: Fraction | None  # (substandard + doubtful + loss) / loans
    special_mention: Fraction | None  # special mention / loans
    coverage: Fraction | None  # 拨备覆盖率: allowance / non-performing; the regulator's line is 120 to 150 %
    provision: Fraction | None  # 拨贷比: allowance / loans; the line is 1.5 to 2.5 %


def quality(classes: NDArray[np.int64], balances: Amounts, allowance: int) -> Quality:
    """The ratios of loans by their `Class` and balance, and the allowance for them; minor units."""
    amounts([allowance], "the allowance")
    money = amounts(balances, "balances")
    by_class = [int(money[np.asarray(classes) == one].sum()) for one in Class]
    loans, bad = sum(by_class), sum(by_class[Class.SUBSTANDARD :])

    def share(part: int, whole: int) -> Fraction | None:
        return Fraction(part, whole) if whole else None

    return Quality(
        share(bad, loans), share(by_class[Class.SPECIAL_MENTION], loans), share(allowance, bad), share(allowance, loans)
    )


def roll_rates(before: Any, after: Any, states: int, weights: Any = None) -> NDArray[np.float64]:
    """R[i, j]: of what was in state i at a month's start, the share in j at its end (by number, or by `weights`).

    Rows add up to 1; a state that held nothing keeps what it has, so that months can be multiplied.
    """
    start, end = np.asarray(before), np.asarray(after)
    if start.shape != end.shape:
        raise LendingError(f"{start.size} loans at the start cannot be {end.size} at the end")
    counts = np.zeros((states, states))
    np.add.at(counts, (start, end), 1.0 if weights is None else np.asarray(weights, np.float64))
    totals = counts.sum(axis=1)
    counts[totals == 0, totals == 0] = 1.0
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def vintages(cohort: Any, turned_bad: Any, amount: Any, originated: Any, ages: Any) -> NDArray[np.float64]:
    """[cohorts, months on book]: what was ever over 90 days late by then / what the cohort lent.

    `cohort` numbers each loan's cohort, `turned_bad` is its month on book at the first time, negative for never;
    `originated` and `ages` (full months on book) are per cohort. Denominators never shrink; beyond its age a cohort
    has no value (NaN).
    """
    lent, old = np.asarray(originated, np.float64), np.asarray(ages)
    month, bad = np.asarray(turned_bad), np.asarray(turned_bad) >= 0
    found = np.zeros((len(lent), int(old.max(initial=0)) + 1))
    if (month[bad] > old[np.asarray(cohort)[bad]]).any():
        raise LendingError("a loan cannot turn bad in a month that its cohort has not reached")
    np.add.at(found, (np.asarray(cohort)[bad], month[bad]), np.asarray(amount, np.float64)[bad])
    rates = found.cumsum(axis=1) / lent[:, None]
    return np.where(np.arange(found.shape[1]) <= old[:, None], rates, np.nan)
