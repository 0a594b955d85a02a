"""Days past due, counted in both ways: from the oldest unpaid amount, and with thresholds of materiality."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending import _arrears_kernel as kernel
from risk_stream.lending.day_count import Dates, Days, dates, one_date
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Amounts, Rate, exact_rate
from risk_stream.lending.payments import Due, sequence

__all__ = ["BUCKETS", "NEVER", "Arrears", "Book", "Loan", "Materiality", "arrears", "book", "bucket", "days_past_due"]

#: Of a date that never came: it is before all others, and adding months to it leaves it there.
NEVER = np.datetime64("0001-01-01", "D")
_NEVER = int(NEVER.astype(np.int64))

#: The names of delinquency buckets, and the most days past due of each but the last.
BUCKETS = ("current", "1-30", "31-60", "61-90", "90+")
_BUCKET_DAYS = np.array([0, 30, 60, 90])


@dataclass(frozen=True, slots=True)
class Materiality:
    """When an amount past due is material: over both the amount in minor units and the share of what is outstanding.

    Delegated Regulation (EU) 2018/171, Art. 1 and 2: at most 100 EUR for retail and 500 EUR for other claims, and 1 %.
    """

    absolute: int = 10_000
    relative: Rate = "0.01"


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan of a book."""

    start: np.datetime64  # of the contract
    due: Due
    paid: tuple[Dates, Amounts]  # as `counted` gives them
    by: NDArray[np.int64] | None = None  # the order of payment, of `sequence`; if left out, that of Art. 561


@dataclass(frozen=True)
class Book:
    """Loans as columns: `item_at[i]` to `item_at[i + 1]` are the amounts due of loan i, `pay_at` its payments."""

    start: Dates
    item_at: NDArray[np.int64]
    due: Days  # days since 1970
    kind: NDArray[np.int64]  # `Kind`
    amount: Amounts
    by: NDArray[np.int64]  # positions inside a loan's amounts, in the order of payment
    pay_at: NDArray[np.int64]
    value: Days
    paid: Amounts
    #: Days with amounts due that end no period, as money was paid early on them: the loan, and the day since 1970.
    early_loan: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    early: Days = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.item_at) - 1

    def due_days(self, start: Dates, end: Any) -> Days:
        """How many due dates of each loan lie from its `start` to before `end`: the repayment periods that passed."""
        begin, last = start.astype(np.int64), _day(end)
        found: Days = kernel.count_due_days(self.item_at, self.due, begin, last)
        inside = (begin[self.early_loan] <= self.early) & (self.early < last)
        np.subtract.at(found, self.early_loan[inside], 1)
        return found


@dataclass(frozen=True)
class Arrears:
    """How late each loan of a book is at the end of a day; money in minor units."""

    as_of: np.datetime64
    days: Days  # past due: from the day after the due date of the oldest amount unpaid
    amount: Amounts  # past due: what was due before the day and is unpaid
    principal: Amounts  # unpaid, due or not; 0 before the contract
    outstanding: Amounts  # principal, and what else is due
    material_days: Days  # consecutive days on which the amount past due was material
    missed: Dates  # the last due date before the day whose amounts were not paid in full on it, or NEVER
    credit: Amounts  # paid and not yet needed
    start: Dates  # of the contract
    limits: tuple[int, ...]
    last_over: Dates  # [loans, limits]: the last day with more days past due than each limit, or NEVER

    def last_day_over(self, limit: int) -> Dates:
        """The last day up to `as_of` on which a loan was more than `limit` days past due, or NEVER."""
        if limit not in self.limits:
            raise LendingError(f"days over {limit} were not asked for: only those over {self.limits} are known")
        return np.asarray(self.last_over[:, self.limits.index(limit)])

    @cached_property
    def clean_from(self) -> Dates:
        """The first day since which nothing is past due, the contract's at the earliest; tomorrow if something is."""
        return np.maximum(self.last_day_over(0) + np.timedelta64(1, "D"), self.start)


def _day(when: Any) -> int:
    return int(one_date(when).astype(np.int64))


def bucket(days: Any) -> Days:
    """The position in `BUCKETS` of days past due."""
    return np.asarray(np.searchsorted(_BUCKET_DAYS, days))


def days_past_due(items: Due, unpaid: Amounts, as_of: Any) -> int:
    """Days past due of one account: `as_of` less the due date of the oldest amount unpaid; the due date itself is 0."""
    late = items.due[(unpaid > 0) & (items.due <= dates(as_of))]
    return int((dates(as_of) - late.min()).astype(np.int64)) if len(late) else 0


def book(loans: Iterable[Loan]) -> Book:
    """Loans as columns."""
    rows = list(loans)
    return Book(
        start=dates([loan.start for loan in rows]).reshape(-1),
        item_at=_begins([len(loan.due) for loan in rows]),
        due=_joined([loan.due.due.astype(np.int64) for loan in rows]),
        kind=_joined([loan.due.kind for loan in rows]).astype(np.int64),
        amount=_joined([loan.due.amount for loan in rows]),
        by=_joined([sequence(loan.due) if loan.by is None else loan.by for loan in rows]),
        pay_at=_begins([len(loan.paid[0]) for loan in rows]),
        value=_joined([loan.paid[0].astype(np.int64) for loan in rows]),
        paid=_joined([loan.paid[1] for loan in rows]),
    )


def _begins(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(np.array(lengths, np.int64))))


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def arrears(
    loans: Book, as_of: Any, *, limits: Sequence[int] = (0, 30, 90), materiality: Materiality | None = None
) -> Arrears:
    """How late every loan is at the end of `as_of`, by both counters, with the payments up to that day.

    The counter with thresholds runs on consecutive days while the amount past due is material; it begins anew after a
    day on which it is not, and a partial payment that leaves a material amount does not stop it (EBA guidelines on the
    definition of default, as the PRA's supervisory statement 2.1 and 2.2 has them).
    """
    material = materiality or Materiality()
    share = exact_rate(material.relative, "the relative threshold")
    if material.absolute < 0 or share.denominator > 1_000:
        raise LendingError("a threshold is an amount of 0 or more, and a share with at most three decimals")
    day = _day(as_of)
    out = np.zeros((len(loans), 7), np.int64)
    over = np.full((len(loans), len(limits)), _NEVER, np.int64)
    columns = (loans.item_at, loans.due, loans.kind, loans.amount, loans.by, loans.pay_at, loans.value, loans.paid)
    thresholds = (material.absolute, share.numerator, share.denominator)
    begun = loans.start <= one_date(as_of)
    kernel.walk(*columns, day, np.array(limits, np.int64), np.array(thresholds, np.int64), out, over)
    out[~begun] = 0
    return Arrears(
        one_date(as_of),
        days=out[:, 0],
        amount=out[:, 1],
        principal=out[:, 2],
        outstanding=out[:, 3],
        material_days=out[:, 4],
        missed=np.where(begun, np.maximum(out[:, 5], _NEVER), _NEVER).astype("datetime64[D]"),
        credit=out[:, 6],
        start=loans.start,
        limits=tuple(limits),
        last_over=over.astype("datetime64[D]"),
    )
