"""The instalments of many contracts as columns: what `schedule` makes of each, at the speed of a whole book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.business_days import Adjustment, adjust
from risk_stream.lending.day_count import Dates, add_months
from risk_stream.lending.errors import LendingError
from risk_stream.lending.ledger import _lines_kernel as kernel
from risk_stream.lending.money import MAX_MINOR, Amounts, Rate, exact_rate
from risk_stream.lending.schedules import (
    MAX_INSTALMENTS,
    MAX_MONTHS,
    MAX_RATE,
    Accrual,
    Method,
    Terms,
    check_terms,
    level_factor,
    schedule,
)

__all__ = ["Lines", "lines_of", "starts"]

#: Twice a balance times the numerator of a rate stays below this in the kernel.
_MOST = 1 << 61


@dataclass(frozen=True)
class Lines:
    """Instalments as columns: `at[i]` to `at[i + 1]` are those of contract i; money in minor units."""

    at: NDArray[np.int64]
    due: Dates
    interest: Amounts
    principal: Amounts


def starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of some runs begins in one column, and where the last ends."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))


def lines_of(terms: Sequence[Terms], agreed: Sequence[int] | None = None) -> tuple[Lines, dict[int, str]]:
    """The instalments of each contract, and for each that makes no schedule (it has no line) why.

    `agreed` is the level instalment, or the equal principal, that a contract names itself in minor units, -1 where it
    does not: the last line takes what it leaves.

    Contracts whose interest is counted by months are made by the kernel, others one by one; both are what `schedule`
    gives, to the last minor unit.
    """
    faults: dict[int, str] = {}
    count = np.zeros(len(terms), np.int64)
    fast: list[tuple[int, Fraction]] = []
    made: dict[int, tuple[Dates, Amounts, Amounts]] = {}
    rates: dict[tuple[Rate, int], Fraction] = {}
    for number, (one, sound) in enumerate(zip(terms, _sound(terms).tolist(), strict=True)):
        try:
            if not sound:
                check_terms(one)
            rate = rates.get((one.annual_rate, one.months))
            if rate is None:
                rate = rates[one.annual_rate, one.months] = exact_rate(one.annual_rate) * one.months / 12
            if agreed is not None and agreed[number] >= 0:
                _check_agreed(one, rate, agreed[number])
            if one.accrual is Accrual.MONTHS and 2 * one.principal * rate.numerator + rate.denominator < _MOST:
                fast.append((number, rate))
                count[number] = one.instalments
            else:
                lines = schedule(one)
                made[number] = lines.due, lines.interest, lines.principal
                count[number] = len(lines)
        except LendingError as error:
            faults[number] = str(error)
    at = starts(count)
    total = int(at[-1])
    due = np.zeros(total, "datetime64[D]")
    interest, principal, used = np.zeros(total, np.int64), np.zeros(total, np.int64), np.zeros(total, np.bool_)
    for number, (days, of_interest, of_principal) in made.items():
        place = slice(at[number], at[number + 1])
        due[place], interest[place], principal[place], used[place] = days, of_interest, of_principal, True
    _by_kernel(terms, agreed, fast, at, (due, interest, principal, used))
    kept = starts(used.astype(np.int64))[at]
    return Lines(kept, due[used], interest[used], principal[used]), faults


def _sound(terms: Sequence[Terms]) -> NDArray[np.bool_]:
    """Which terms hold what `check_terms` asks, all at once; of the others it says what they do not."""
    principal = np.array([one.principal for one in terms], np.float64)
    rate = np.array([float(one.annual_rate) for one in terms])
    count = np.array([one.instalments for one in terms], np.int64)
    months = np.array([one.months for one in terms], np.int64)
    start = np.array([one.start for one in terms], "datetime64[D]")
    first = np.array([one.first_due for one in terms], "datetime64[D]")
    many = np.array([one.method is Method.BULLET for one in terms], np.bool_) & (count != 1)
    homeless = np.array([one.calendar is None and one.adjustment is not _STAYS for one in terms], np.bool_)
    sound = (principal > 0) & (principal <= MAX_MINOR) & (rate >= 0) & (rate <= MAX_RATE) & (first > start)
    sound &= (count >= 1) & (count <= MAX_INSTALMENTS) & (months >= 1) & (months <= MAX_MONTHS)
    return np.asarray(sound & ~many & ~homeless)


def _check_agreed(terms: Terms, rate: Fraction, agreed: int) -> None:
    """Raise `LendingError` where an instalment that a contract names cannot be used."""
    if terms.accrual is not Accrual.MONTHS or terms.method not in {Method.EQUAL_INSTALMENTS, Method.EQUAL_PRINCIPAL}:
        raise LendingError("an instalment is named only where interest is counted by months, and is level or principal")
    if terms.method is Method.EQUAL_INSTALMENTS and terms.instalments > 1 and agreed <= terms.principal * rate:
        raise LendingError(
            f"an instalment of {agreed / 100:,.2f} does not pay the interest of the first period: agree on more"
        )


def _by_kernel(
    terms: Sequence[Terms],
    agreed: Sequence[int] | None,
    chosen: Sequence[tuple[int, Fraction]],
    at: NDArray[np.int64],
    columns: tuple[Dates, Amounts, Amounts, NDArray[np.bool_]],
) -> None:
    """Make the lines of the chosen contracts in their places of the columns."""
    if not chosen:
        return
    due, interest, principal, used = columns
    numbers = np.array([number for number, _ in chosen], np.int64)
    some = [terms[number] for number, _ in chosen]
    rates = [rate for _, rate in chosen]
    count = np.array([one.instalments for one in some], np.int64)
    mine = starts(count)
    into = np.repeat(at[numbers] - mine[:-1], count) + np.arange(mine[-1])
    level = [_level(one, rate) for one, rate in zip(some, rates, strict=True)]
    share = [_share(one) for one in some]
    out = np.zeros(int(mine[-1]), np.int64), np.zeros(int(mine[-1]), np.int64), np.zeros(int(mine[-1]), np.bool_)
    if agreed is not None:
        for place, (number, _) in enumerate(chosen):
            if agreed[number] >= 0:
                of = share if share[place] >= 0 else level
                of[place] = agreed[number]
    kernel.fill(
        mine,
        np.array([one.principal for one in some], np.int64),
        np.array([rate.numerator for rate in rates], np.int64),
        np.array([rate.denominator for rate in rates], np.int64),
        np.array(level, np.int64),
        np.array(share, np.int64),
        *out,
    )
    interest[into], principal[into], used[into] = out
    due[into] = _due_dates(some, count, mine)


def _level(terms: Terms, rate: Fraction) -> int:
    """The level instalment, of the methods that have one."""
    if terms.method is not Method.EQUAL_INSTALMENTS and terms.method is not Method.FORMULA_INSTALMENTS:
        return 0
    scale, annuity = _factor(rate, terms.instalments)
    return _nearest(terms.principal * scale, annuity)


def _nearest(numerator: int, denominator: int) -> int:
    """A quotient of what is not negative, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def _share(terms: Terms) -> int:
    """The principal of each line but the last where that is given, else -1: what the level instalment leaves."""
    if terms.method is Method.EQUAL_PRINCIPAL:
        return _nearest(terms.principal, terms.instalments)
    return 0 if terms.method is Method.INTEREST_ONLY or terms.method is Method.BULLET else -1


@lru_cache(maxsize=100_000)
def _factor(rate: Fraction, instalments: int) -> tuple[int, int]:
    return level_factor([rate] * instalments)


def _due_dates(terms: Sequence[Terms], count: NDArray[np.int64], at: NDArray[np.int64]) -> Dates:
    """The due date of every line, moved to business days where the contract says so."""
    first = np.repeat(np.array([one.first_due for one in terms], "datetime64[D]"), count)
    months = np.repeat(np.array([one.months for one in terms], np.int64), count)
    number = np.arange(int(at[-1])) - np.repeat(at[:-1], count)
    last = np.repeat(np.array([one.end_of_month for one in terms], np.bool_), count)
    due = add_months(first, months * number)
    if last.any():
        due[last] = add_months(first[last], (months * number)[last], end_of_month=True)
    ways = {(one.calendar.name, one.adjustment) for one in terms if one.calendar and one.adjustment is not _STAYS}
    for name, how in ways:
        at_it = [one.calendar is not None and one.calendar.name == name and one.adjustment is how for one in terms]
        calendar = terms[at_it.index(True)].calendar
        assert calendar is not None
        moved = np.repeat(np.array(at_it), count)
        due[moved] = adjust(due[moved], calendar, how)
    return due


_STAYS = Adjustment.UNADJUSTED
