"""Expected credit losses from tables: PD x LGD x EAD, discounted, in scenarios; and the loss of an impaired claim.

Probabilities and discount factors are estimates, so the sums are made in float64; each loss is rounded half up to minor
units once, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Amounts, Rate, amounts, exact_rate, half_up

__all__ = [
    "expected_loss",
    "impaired_loss",
    "interest_revenue",
    "marginal_pd",
    "monthly_pd",
    "weighted_loss",
]

_Floats: TypeAlias = NDArray[np.float64]


def monthly_pd(annual: Any) -> _Floats:
    """The conditional PD of a month from that of a year: 1 - (1 - PD)^(1/12)."""
    return np.asarray(1.0 - (1.0 - _share(annual, "a PD")) ** (1.0 / 12.0))


def marginal_pd(conditional: Any) -> _Floats:
    """PD of each period as seen today: S(t-1) h(t), from PDs h(t) of those alive; periods are the last axis."""
    given = _share(conditional, "a PD")
    alive = np.cumprod(1.0 - given, axis=-1)
    before = np.concatenate((np.ones_like(alive[..., :1]), alive[..., :-1]), axis=-1)
    return np.asarray(before * given)


def expected_loss(
    conditional: Any, lgd: Any, ead: Any, years: Any, rate: Rate, *, horizon: float | None = None
) -> Amounts:
    """Losses in minor units: the sum over periods of m(t) x LGD(t) x EAD(t) x (1 + EIR)^-t (IFRS 9 5.5.17, B5.5.44).

    `conditional` PDs, `lgd` and `ead` (minor units at default) have periods as their last axis, loans before it;
    `years` is when each period ends, `rate` the original effective rate. With a `horizon` (1 for twelve months)
    defaults after it do not count; those before count with all their loss.
    """
    when = np.asarray(years, np.float64)
    if (np.diff(when) <= 0).any() or (when <= 0).any():
        raise LendingError("periods end one after the other, after today")
    exposure = np.asarray(ead)
    if exposure.dtype.kind not in "iu" or (exposure < 0).any():
        raise LendingError("an exposure at default is a whole number of minor units, 0 or more")
    discount = (1.0 + float(exact_rate(rate))) ** -when
    terms = marginal_pd(conditional) * _share(lgd, "an LGD") * exposure * discount
    if horizon is not None:
        terms = np.where(when <= horizon, terms, 0.0)
    return _rounded(terms.sum(axis=-1))


def weighted_loss(losses: Sequence[Any], weights: Sequence[Rate]) -> Amounts:
    """The probability-weighted loss of scenarios, each with PDs and LGDs of its own (5.5.17 (a)), rounded half up.

    Raises `LendingError` where the weights are not one in all.
    """
    shares = [exact_rate(weight, "a weight") for weight in weights]
    if len(shares) != len(losses) or sum(shares) != 1:
        raise LendingError(f"{len(losses)} scenarios need as many weights that add up to 1, not to {sum(shares)}")
    columns = [np.atleast_1d(np.asarray(loss)).tolist() for loss in losses]

    def mean(row: tuple[int, ...]) -> int:
        return half_up(sum((share * loss for share, loss in zip(shares, row, strict=True)), Fraction(0)))

    found = [mean(row) for row in zip(*columns, strict=True)]
    return np.array(found, np.int64).reshape(np.shape(losses[0]))


def impaired_loss(gross: int, recoveries: Any, years: Any, rate: Rate) -> int:
    """The loss of a credit-impaired claim: gross carrying amount less the recoveries expected, at the original rate."""
    amounts([gross], "the gross amount")
    cash, when = np.asarray(recoveries), np.asarray(years, np.float64)
    if cash.shape != when.shape or (cash < 0).any() or (when < 0).any():
        raise LendingError("every recovery is 0 or more and has one time, in years from today")
    worth = int(_rounded(np.asarray((cash * (1.0 + float(exact_rate(rate))) ** -when).sum())))
    return max(gross - worth, 0)


def interest_revenue(stage: int, gross: int, allowance: int, rate: Rate) -> int:
    """A year's interest in minor units: on the gross amount in stages 1 and 2, on the net one in stage 3 (5.4.1)."""
    amounts([gross, allowance], "the gross amount and the allowance")
    if stage not in {1, 2, 3}:
        raise LendingError(f"there are stages 1, 2 and 3, not {stage}")
    return half_up((max(gross - allowance, 0) if stage == 3 else gross) * exact_rate(rate))


def _share(values: Any, what: str) -> _Floats:
    found = np.asarray(values, np.float64)
    inside = (found >= 0.0) & (found <= 1.0)
    if not inside.all():
        raise LendingError(f"{what} lies between 0 and 1, so {found[~inside][0]} is none")
    return found


def _rounded(values: Any) -> Amounts:
    """Half up to whole units; what lies within 1e-6 of a half, a float's last digits, counts as the half."""
    return np.asarray(np.floor(np.asarray(values) + 0.5 + 1e-6), np.int64)
