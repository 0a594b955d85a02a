"""Schedules of repayment: who owes what on which date, to the last minor unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

import numpy as np

from risk_stream.calendars import Calendar
from risk_stream.lending.business_days import Adjustment, adjust
from risk_stream.lending.day_count import Dates, DayCount, add_months, dates, year_fractions
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import MAX_MINOR, Amounts, Rate, amounts, exact_rate, half_up

__all__ = [
    "MAX_INSTALMENTS",
    "MAX_MONTHS",
    "MAX_RATE",
    "Accrual",
    "Method",
    "Periods",
    "Prepayment",
    "Schedule",
    "Terms",
    "check_schedule",
    "check_terms",
    "level_factor",
    "periods",
    "prepay",
    "schedule",
]

#: Instalments of the longest contract, months between two, and the highest rate (1,000 % a year): more is a mistake,
#: and less keeps every sum of a schedule inside an int64.
MAX_INSTALMENTS, MAX_MONTHS, MAX_RATE = 1_200, 120, 10


class Method(Enum):
    """How principal is repaid."""

    EQUAL_INSTALMENTS = "annuity"  # 等额本息: interest and principal together are level
    FORMULA_INSTALMENTS = "annuity_fixed_formula"  # level by r/12, interest by days; the last instalment takes the rest
    EQUAL_PRINCIPAL = "equal_principal"  # 等额本金
    INTEREST_ONLY = "interest_only"  # 先息后本: principal with the last interest
    BULLET = "bullet"  # 到期还本付息: one date for all


class Accrual(Enum):
    """What interest is counted on."""

    MONTHS = "months"  # annual rate x months / 12, whatever the days
    UNADJUSTED = "unadjusted"  # days between the dates of the contract, before holidays move them
    ADJUSTED = "adjusted"  # days between the dates on which it is paid


class Prepayment(Enum):
    """What becomes of the schedule after money paid early."""

    SMALLER_INSTALMENT = "reduce_instalment"
    SHORTER_TERM = "shorten_term"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a contract says. `principal` is in minor units, `annual_rate` a fraction of one a year (`exact_rate`)."""

    principal: int
    annual_rate: Rate
    instalments: int
    start: str | np.datetime64
    first_due: str | np.datetime64
    months: int = 1  # between two instalments
    method: Method = Method.EQUAL_INSTALMENTS
    accrual: Accrual = Accrual.MONTHS
    day_count: DayCount = DayCount.ACT_360
    adjustment: Adjustment = Adjustment.UNADJUSTED
    calendar: Calendar | None = None
    end_of_month: bool = False  # from the last day of a month, every due date is one


@dataclass(frozen=True, slots=True)
class Schedule:
    """Lines of a schedule as columns, money in minor units; `closing` is the principal after each line."""

    start: Dates  # of the accrual
    unadjusted: Dates  # the due date before holidays move it
    due: Dates
    opening: Amounts
    interest: Amounts
    principal: Amounts

    def __len__(self) -> int:
        return len(self.due)

    @property
    def payment(self) -> Amounts:
        """Interest and principal of each line."""
        return self.interest + self.principal

    @property
    def closing(self) -> Amounts:
        """The principal after each line."""
        return self.opening - self.principal


def schedule(terms: Terms) -> Schedule:
    """The lines of a contract.

    Level instalment A = P r / (1 - (1 + r)^-n) with the period's rate r, P / n where r is 0; where interest follows
    the days, A is solved so that the last balance is 0. Interest is balance x r, rounded half up in each line; the
    last line takes the rest of the principal. Raises `LendingError` for terms that make no schedule.
    """
    return periods(terms).spread(terms)


def prepay(terms: Terms, after: int, amount: int, mode: Prepayment) -> Schedule:
    """The schedule from the line after number `after` on, when `amount` is paid with that line beside its instalment.

    Either the rest is spread anew over the remaining dates by the same method, or what is repaid with each line stays
    and the loan ends sooner; where principal is due at the end, both are the same. Raises `LendingError` for an amount
    over the balance.
    """
    made = periods(terms)
    principal_of = _principal(terms, made.rates, made.nominal)
    before = made.lines(terms.principal, principal_of)
    if not 1 <= after < len(before):
        raise LendingError(f"there is no instalment {after} with others behind it: the schedule has {len(before)}")
    left = int(before.closing[after - 1]) - int(amounts([amount], "a prepayment")[0])
    if left < 0:
        raise LendingError(f"{amount} is more than the principal of {before.closing[after - 1]} that is left")
    if mode is Prepayment.SMALLER_INSTALMENT:
        return made.spread(replace(terms, principal=left, instalments=terms.instalments - after), after)
    return made.lines(left, principal_of, slice(after, None))


def check_schedule(lines: Schedule, principal: int, start: str | np.datetime64) -> None:
    """Raise `LendingError` where a schedule that a house sent does not add up: which line, and by how much."""
    for name in ("opening", "interest", "principal"):
        amounts(getattr(lines, name), name)
    if not len(lines):
        raise LendingError("the schedule has no line")
    days = np.concatenate((dates(start)[None], lines.due))
    backward = np.diff(days).astype(np.int64) <= 0
    if backward.any():
        at = int(np.argmax(backward))
        raise LendingError(f"line {at + 1} is due on {days[at + 1]}, not after {days[at]}")
    opening = np.concatenate((np.array([principal], np.int64), lines.closing[:-1]))
    wrong = opening != lines.opening
    if wrong.any():
        at = int(np.argmax(wrong))
        raise LendingError(f"line {at + 1} begins with {lines.opening[at]}, but {opening[at]} is left before it")
    if total := int(lines.principal.sum()) - principal:
        raise LendingError(
            f"the principal of the lines is {abs(total)} {'over' if total > 0 else 'under'}"
            f" {principal}: make them add up"
        )


@dataclass(frozen=True, slots=True)
class Periods:
    """The dates of a contract and the rate of each period between them; `nominal` is that of months / 12."""

    start: Dates  # of the accrual
    end: Dates
    unadjusted: Dates  # the due date before holidays move it
    due: Dates
    rates: list[Fraction]
    nominal: Fraction

    def passed(self, number: int, day: np.datetime64) -> Fraction:
        """The part of a period's days that has passed by a day, from 0 to 1."""
        days, whole = (int((end - self.start[number]).astype(np.int64)) for end in (day, self.end[number]))
        return Fraction(min(max(days, 0), whole), whole) if whole > 0 else Fraction(0)

    def spread(self, terms: Terms, after: int = 0) -> Schedule:
        """The lines that repay the principal of some terms in as many of these periods behind number `after`."""
        which = slice(after, after + terms.instalments)
        return self.lines(terms.principal, _principal(terms, self.rates[which], self.nominal), which)

    def lines(
        self, principal: int, principal_of: Callable[[int, int, int], int], which: slice = slice(None)
    ) -> Schedule:
        """The lines that repay a principal in some of the periods, one behind the other, until nothing is left."""
        opening, interest, repaid = _lines(principal, self.rates[which] if principal else [], principal_of)
        start, unadjusted, due = (days[which][: len(opening)] for days in (self.start, self.unadjusted, self.due))
        return Schedule(start, unadjusted, due, opening, interest, repaid)


def periods(terms: Terms) -> Periods:
    """The periods of a contract. Raises `LendingError` for terms that make no schedule."""
    rate = check_terms(terms)
    start, first = dates(terms.start), dates(terms.first_due)
    after = terms.months * np.arange(terms.instalments)
    unadjusted = add_months(first, after, end_of_month=terms.end_of_month)
    due = unadjusted if terms.calendar is None else adjust(unadjusted, terms.calendar, terms.adjustment)
    ends = due if terms.accrual is Accrual.ADJUSTED else unadjusted
    begins, nominal = np.concatenate((start[None], ends[:-1])), rate * terms.months / 12
    if terms.accrual is Accrual.MONTHS:
        rates = [nominal] * terms.instalments
    else:
        numerators, denominator = year_fractions(begins, ends, terms.day_count)
        rates = [rate * Fraction(int(part), denominator) for part in numerators]
    return Periods(begins, ends, unadjusted, due, rates, nominal)


def check_terms(terms: Terms) -> Fraction:
    """The yearly rate of terms that can be; raises `LendingError` for those that make no schedule."""
    rate = exact_rate(terms.annual_rate, "the annual rate")
    if not 0 < terms.principal <= MAX_MINOR:
        raise LendingError(f"a principal of {terms.principal} minor units is not between 1 and {MAX_MINOR:,}")
    if rate > MAX_RATE:
        raise LendingError(f"an annual rate of {terms.annual_rate} is over {MAX_RATE}: 4.35 % is written '0.0435'")
    if not 1 <= terms.instalments <= MAX_INSTALMENTS or not 1 <= terms.months <= MAX_MONTHS:
        raise LendingError(f"a contract has 1 to {MAX_INSTALMENTS:,} instalments, 1 to {MAX_MONTHS} months apart")
    if terms.method is Method.BULLET and terms.instalments != 1:
        raise LendingError(f"a bullet loan is repaid on one date, not on {terms.instalments}")
    if terms.adjustment is not Adjustment.UNADJUSTED and terms.calendar is None:
        raise LendingError(f"to move due dates ({terms.adjustment.value}), a calendar must say which days are open")
    start, first = dates(terms.start), dates(terms.first_due)
    if first <= start:
        raise LendingError(f"the first instalment is due on {first}, not after the start on {start}")
    return rate


def _level(principal: int, rates: list[Fraction]) -> int:
    """The level instalment that leaves nothing after the last period: P over the sum of the discount factors."""
    scale, annuity = level_factor(rates)
    return half_up(Fraction(principal * scale, annuity))


def level_factor(rates: Sequence[Fraction]) -> tuple[int, int]:
    """A scale, and the sum of the discount factors of periods with these rates in parts of it.

    The factors are of 60 decimals: exact fractions of a long contract have as many digits as its lines, and no half of
    a minor unit is decided beyond the 60th.
    """
    scale = 10**60
    factor, annuity = scale, 0
    for rate in rates:
        factor = factor * rate.denominator // (rate.denominator + rate.numerator)
        annuity += factor
    return scale, annuity


def _principal(terms: Terms, rates: list[Fraction], nominal: Fraction) -> Callable[[int, int, int], int]:
    """What line number (from 0), balance and interest make the principal of a line; the last line is not asked."""
    if terms.method in {Method.INTEREST_ONLY, Method.BULLET}:
        return lambda _line, _balance, _interest: 0
    if terms.method is Method.EQUAL_PRINCIPAL:
        share = half_up(Fraction(terms.principal, terms.instalments))
        return lambda _line, balance, _interest: min(share, balance)
    by_formula = terms.method is Method.FORMULA_INSTALMENTS
    level = _level(terms.principal, [nominal] * terms.instalments if by_formula else rates)
    return lambda _line, balance, interest: min(max(level - interest, 0), balance)


def _lines(
    principal: int, rates: list[Fraction], principal_of: Callable[[int, int, int], int]
) -> tuple[Amounts, Amounts, Amounts]:
    """Opening balance, interest and principal of each line, until nothing is left; the last takes the rest."""
    rows, balance = [], principal
    for line, rate in enumerate(rates):
        interest = half_up(balance * rate)
        repaid = balance if line == len(rates) - 1 else principal_of(line, balance, interest)
        rows.append((balance, interest, repaid))
        balance -= repaid
        if balance == 0:
            break
    columns = np.array(rows, np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]
