"""Closing a book: every month's end from its first to the day that is asked for, and the allowance on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.classification import ClassRules, load_class_rules
from risk_stream.lending.day_count import Dates, one_date
from risk_stream.lending.errors import LendingError
from risk_stream.lending.ledger.allowances import PRODUCTS, LossRules, allowances, load_loss_rules, risk_increased
from risk_stream.lending.ledger.events import coded
from risk_stream.lending.ledger.ledger import Ledger
from risk_stream.lending.money import Amounts
from risk_stream.lending.month_end import MonthEnd, before_first_month, month_end
from risk_stream.lending.past_due import Arrears, arrears
from risk_stream.lending.stages import StageRules, load_stage_rules

__all__ = ["BAD_DAYS", "Closing", "Tables", "close", "month_ends", "months_on_book"]

_DAY = np.timedelta64(1, "D")
#: Days past due beyond which a loan counts as bad in vintages.
BAD_DAYS = 90


@dataclass(frozen=True, slots=True)
class Tables:
    """What a house judges its book by."""

    classes: ClassRules
    stages: StageRules
    losses: LossRules

    @staticmethod
    def shipped() -> Tables:
        """The tables that come with the package."""
        return Tables(load_class_rules(), load_stage_rules(), load_loss_rules())


@dataclass(frozen=True)
class Closing:
    """A book at the end of a day; rows are loans, in the order of the ledger's contracts."""

    ledger: Ledger
    as_of: np.datetime64
    state: MonthEnd
    late: Arrears
    before: Arrears | None  # of the month's end before; None where this is the first
    product: NDArray[np.int64]  # position in PRODUCTS
    allowance: Amounts
    turned_bad: NDArray[np.int64]  # months on book at the first month's end over 90 days late, negative for never
    months: Dates  # the days that were judged

    @property
    def held(self) -> NDArray[np.bool_]:
        """Which loans are on the book: something is owed."""
        return self.late.outstanding > 0

    @property
    def since_opening(self) -> NDArray[np.bool_]:
        """Which loans are known from an opening on only."""
        return self.ledger.contracts.opened <= self.as_of


def month_ends(first: Any, as_of: Any) -> Dates:
    """The last day of every month from that of `first` to before `as_of`, and `as_of` itself."""
    begin, end = one_date(first), one_date(as_of)
    months = np.arange(begin.astype("datetime64[M]"), end.astype("datetime64[M]") + 1)
    last = (months + 1).astype("datetime64[D]") - _DAY
    return np.concatenate((last[last < end], np.array([end])))


def close(ledger: Ledger, as_of: Any, tables: Tables | None = None) -> Closing:
    """The book at the end of `as_of`, judged at every month's end before it, with all events of the ledger known.

    A loan that was opened is judged from its opening on, whose class and stage it begins with. Raises `LendingError`
    where no loan had begun by then.
    """
    day, by = one_date(as_of), tables or Tables.shipped()
    contracts = ledger.contracts
    begins = np.where(contracts.is_opened, contracts.opened, contracts.start)
    if not (begins <= day).any():
        raise LendingError(f"no loan of the book had begun by {day}")
    ends = month_ends(begins.min(), day)
    state, before = before_first_month(len(ledger)), None
    bad = np.full(len(ledger), -1, np.int64)
    previous = ends[0] - 1 - (ends[0] - ends[0].astype("datetime64[M]").astype("datetime64[D]"))
    for end in ends:
        state = _opened(ledger, state, (contracts.opened > previous) & (contracts.opened < end))
        before = state.arrears
        book, held = ledger.book(end), ledger.held(end)
        if not np.isnan(contracts.pd_origin).all():
            days = arrears(book, end, limits=())
            held = replace(held, increased=held.increased | risk_increased(contracts, days, by.losses))
        state = month_end(state, book, held, end, by.classes, by.stages)
        state = _opened(ledger, state, contracts.opened == end)
        assert state.arrears is not None
        now = (bad < 0) & (state.arrears.days > BAD_DAYS)
        bad[now] = months_on_book(contracts.start[now], end)
        previous = end
    late = state.arrears
    assert late is not None
    codes = coded(contracts.batch, "product", PRODUCTS, PRODUCTS.index("other"))
    product = np.where(codes < 0, PRODUCTS.index("other"), codes)
    allowance = allowances(contracts, book, late, state.stages.stage, by.losses, product)
    return Closing(ledger, day, state, late, before, product, allowance, bad, ends)


def _opened(ledger: Ledger, state: MonthEnd, opened: NDArray[np.bool_]) -> MonthEnd:
    """A state with the classes and stages of loans that were opened."""
    if not opened.any():
        return state
    openings = ledger.contracts.openings
    return replace(state, classes=openings.classes(state.classes, opened), stages=openings.stages(state.stages, opened))


def months_on_book(start: Dates, end: np.datetime64) -> NDArray[np.int64]:
    """Calendar months between the one in which each loan began and that of a day."""
    return np.asarray((end.astype("datetime64[M]") - start.astype("datetime64[M]")).astype(np.int64))
