"""Margin accounts 融资融券: maintenance ratio, lines, what cures a call, and the margin that is available."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Amounts, Rate, amounts, exact_rate

__all__ = [
    "BANDS",
    "Financed",
    "MarginLines",
    "Short",
    "available_margin",
    "cash_to_line",
    "maintenance_ratio",
    "margin_band",
    "sale_to_line",
    "withdrawable",
]

#: From the best to the worst; an account on a line is not below it.
BANDS = ("normal", "warning", "call", "forced_sale")


@dataclass(frozen=True, slots=True)
class MarginLines:
    """Ratios below which an account is warned, called and sold, and above which money may leave it.

    Defaults, what many brokers agree on: the exchanges' own minimum of 130 % fell away in August 2019, the lines are
    the contract's. That 300 % must be left after a withdrawal is the exchanges' rule.
    """

    warning: Rate = "1.5"
    call: Rate = "1.4"
    forced_sale: Rate = "1.3"
    withdrawal: Rate = 3


@dataclass(frozen=True, slots=True)
class Financed:
    """Shares bought with the broker's money; minor units, and their haircut 折算率."""

    value: int
    amount: int
    haircut: Rate


@dataclass(frozen=True, slots=True)
class Short:
    """Shares sold short; minor units, and their haircut."""

    sold_for: int
    value: int
    haircut: Rate


def maintenance_ratio(assets: Any, debts: Any) -> NDArray[np.float64]:
    """(cash + securities + other collateral) / (financed + short quantity x price + interest and fees).

    SSE implementing rules on margin trading 2019, Art. 42; cash includes the proceeds of short sales; without
    debt it is infinite. To compare with a line use `margin_band`, which is exact.
    """
    owned, owed = np.asarray(assets, np.float64), np.asarray(debts, np.float64)
    ratios: NDArray[np.float64] = np.full(np.broadcast(owned, owed).shape, np.inf)
    return np.asarray(np.divide(owned, owed, out=ratios, where=owed > 0))


def margin_band(assets: Amounts, debts: Amounts, lines: MarginLines | None = None) -> NDArray[np.int64]:
    """The position in `BANDS` of each account. Raises `LendingError` for lines that do not fall."""
    agreed = lines or MarginLines()
    steps = [exact_rate(line, "a line") for line in (agreed.warning, agreed.call, agreed.forced_sale)]
    if steps != sorted(steps, reverse=True):
        raise LendingError("the lines fall from warning to call to forced sale")
    owned, owed = amounts(assets, "assets"), amounts(debts, "debts")
    below = [owned * line.denominator < owed * line.numerator for line in steps]
    return np.asarray(np.sum(below, axis=0))


def cash_to_line(assets: Amounts, debts: Amounts, line: Rate) -> Amounts:
    """Cash in minor units that lifts each account to a line: t D - A, rounded up; 0 where it is there."""
    return _rounded_up(_missing(assets, debts, exact_rate(line, "a line")))


def sale_to_line(assets: Amounts, debts: Amounts, line: Rate) -> Amounts:
    """What must be sold to repay debt, in minor units, to reach a line: (t D - A) / (t - 1), rounded up.

    Where it is more than the debt or the assets, no sale reaches the line.
    """
    t = exact_rate(line, "a line")
    if t <= 1:
        raise LendingError(f"a line of {float(t):.0%} is reached by no sale: it is over 100 %")
    return _rounded_up([missing / (t - 1) for missing in _missing(assets, debts, t)])


def available_margin(
    cash: int,
    collateral: Sequence[tuple[int, Rate]],
    financed: Sequence[Financed] = (),
    short: Sequence[Short] = (),
    *,
    interest: int = 0,
    financing_ratio: Rate = 1,
    short_ratio: Rate = 1,
) -> int:
    """The margin available 保证金可用余额, in minor units, rounded down; negative where margin is missing.

    Cash + collateral x haircut + gains x haircut - losses in full - proceeds of short sales - financed x ratio - short
    value x ratio - interest and fees (SSE implementing rules on margin trading 2019). Financed shares are not
    also collateral. Ratios are those of the contract's day: 100 % for financing from 19 January 2026, 80 % before.
    """
    amounts([cash, interest, *(value for value, _ in collateral)], "cash, interest and collateral")
    amounts([money for one in financed for money in (one.value, one.amount)], "what is financed")
    amounts([money for one in short for money in (one.sold_for, one.value)], "what is sold short")
    margin = Fraction(cash - interest)
    margin += sum((value * _haircut(haircut) for value, haircut in collateral), Fraction(0))
    for bought in financed:
        gain = bought.value - bought.amount
        margin += gain * (_haircut(bought.haircut) if gain > 0 else 1)
        margin -= bought.amount * exact_rate(financing_ratio)
    for sold in short:
        gain = sold.sold_for - sold.value
        margin += gain * (_haircut(sold.haircut) if gain > 0 else 1)
        margin -= sold.sold_for + sold.value * exact_rate(short_ratio)
    return floor(margin)


def withdrawable(assets: int, debts: int, available: int, lines: MarginLines | None = None) -> int:
    """What may leave an account, in minor units: min(A - 3 D, available margin), where the ratio is over 300 %."""
    amounts([assets, debts], "assets and debts")
    least = exact_rate((lines or MarginLines()).withdrawal, "a line")
    return max(min(floor(assets - least * debts), available), 0)


def _missing(assets: Amounts, debts: Amounts, line: Fraction) -> list[Fraction]:
    pairs = zip(amounts(assets, "assets").tolist(), amounts(debts, "debts").tolist(), strict=True)
    return [line * owed - owned for owned, owed in pairs]


def _rounded_up(money: list[Fraction]) -> Amounts:
    return np.array([max(ceil(one), 0) for one in money], np.int64)


def _haircut(rate: Rate) -> Fraction:
    found = exact_rate(rate, "a haircut")
    if found > 1:
        raise LendingError(f"a haircut of {rate} is over 1: it is the share of the value that counts")
    return found
