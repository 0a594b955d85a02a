"""The contracts of a book, a row each: from `loan` events, and from the openings that take their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.calendars import Calendar
from risk_stream.catalogue import MISSING, EventBatch, text_hash
from risk_stream.lending.business_days import Adjustment
from risk_stream.lending.classification import ClassRules
from risk_stream.lending.day_count import Dates, DayCount, add_months, dates
from risk_stream.lending.ledger.events import Events, coded, days_of, flagged
from risk_stream.lending.ledger.faults import Faults
from risk_stream.lending.ledger.lines import Lines, lines_of, starts
from risk_stream.lending.ledger.openings import Openings, check_openings
from risk_stream.lending.money import MAX_MINOR, Amounts
from risk_stream.lending.payments import ORDERS
from risk_stream.lending.schedules import Accrual, Method, Terms

__all__ = ["FAR", "Contracts", "contracts_of"]

#: Of what does not happen.
FAR = np.datetime64("9999-12-31", "D")
_METHODS, _ACCRUALS, _COUNTS, _ADJUSTMENTS = (tuple(kind) for kind in (Method, Accrual, DayCount, Adjustment))


@dataclass(frozen=True)
class Contracts:
    """Contracts that can be used, in the order of `key`; texts are those of `batch`, row by row."""

    batch: EventBatch
    key: NDArray[np.int64]  # hash of the loan's name, ascending
    terms: list[Terms]  # of an opening, those of what is not yet due
    lines: Lines  # what was due and unpaid at an opening, and what the contract makes due
    start: Dates
    opened: Dates  # the day at whose end the opening stands, far away where there is none
    openings: Openings
    order: NDArray[np.int64]  # position in ORDERS
    debtor: NDArray[np.int64]  # customers numbered from 0
    customer: NDArray[np.int64]  # hash of the name of each debtor
    retail: NDArray[np.bool_]
    product: NDArray[np.int64]  # position in `ClassRules.products`
    currency: NDArray[np.int64]  # hash of its code
    pd_origin: NDArray[np.float64]  # NaN where it is not known
    lgd: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.key)

    def find(self, loans: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row of each loan by the hash of its name, -1 where there is none."""
        if not len(self.key):
            return np.full(len(loans), -1, np.int64)
        at = np.minimum(np.searchsorted(self.key, loans), len(self.key) - 1)
        return np.where(self.key[at] == loans, at, -1)

    @property
    def is_opened(self) -> NDArray[np.bool_]:
        """Which loans are known from an opening on only."""
        return np.asarray(self.opened < FAR)


def contracts_of(
    events: Events, rules: ClassRules, calendars: Mapping[str, Calendar], currency: str, faults: Faults
) -> Contracts:
    """The contract of every loan: its opening if there is one, else its first `loan` event."""
    batch, is_opening = _one_each(events, faults)
    fit, why = _usable(batch, is_opening, rules, calendars)
    faults.say("terms", batch, np.flatnonzero(~fit), lambda row: f"loan {batch.text('loan', row)}: {why(row)}")
    batch, is_opening = batch.take(np.flatnonzero(fit)), is_opening[fit]
    sound, wrong = check_openings(events, batch, is_opening)
    faults.say("opening", batch, np.flatnonzero(~sound), lambda row: f"loan {batch.text('loan', row)}: {wrong[row]}")
    batch, is_opening = batch.take(np.flatnonzero(sound)), is_opening[sound]

    terms = _terms(events, batch, is_opening, calendars)
    places = np.flatnonzero(~is_opening | (batch.fixed("principal") > 0))
    lines, told = lines_of([terms[place] for place in places.tolist()], _agreed(batch)[places].tolist())
    bad = {int(places[number]): said for number, said in told.items()}
    rows = np.array(sorted(bad), np.int64)
    faults.say("terms", batch, rows, lambda row: f"loan {batch.text('loan', row)}: {bad[row]}")
    good = np.setdiff1d(np.arange(len(batch)), rows)
    at = np.zeros(len(batch) + 1, np.int64)
    at[1:][places] = np.diff(lines.at)
    lines = Lines(np.cumsum(at)[np.concatenate((np.zeros(1, np.int64), good + 1))], *_columns(lines))
    batch, is_opening, terms = batch.take(good), is_opening[good], [terms[i] for i in good.tolist()]
    return _made(events, batch, is_opening, terms, lines, rules, currency)


def _columns(lines: Lines) -> tuple[Dates, Amounts, Amounts]:
    return lines.due, lines.interest, lines.principal


def _one_each(events: Events, faults: Faults) -> tuple[EventBatch, NDArray[np.bool_]]:
    """One contract for each loan in the order of the hash of its name, and which of them are openings."""
    openings, loans = events.of("loan_opening"), events.of("loan")
    batch = EventBatch.concat([openings, loans])
    is_opening = np.arange(len(batch)) < len(openings)
    key = batch.hashes("loan")
    order = np.lexsort((np.arange(len(batch)), key))
    first = np.ones(len(batch), np.bool_)
    first[1:] = key[order[1:]] != key[order[:-1]]
    begins = order[np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))] if len(order) else order
    more = order[~first]
    explained = is_opening[begins[~first]] & ~is_opening[more]  # what it was before its opening
    rows = np.sort(more[~explained])
    faults.say(
        "contract",
        batch,
        rows,
        lambda row: f"loan {batch.text('loan', row)} has a contract or an opening already; the first one counts",
    )
    chosen = order[first]
    return batch.take(chosen), is_opening[chosen]


def _usable(
    batch: EventBatch, is_opening: NDArray[np.bool_], rules: ClassRules, calendars: Mapping[str, Calendar]
) -> tuple[NDArray[np.bool_], Callable[[int], str]]:
    """Which contracts name tables and calendars that there are and a principal that can be; why another does not."""
    principal = batch.fixed("principal")
    possible = (principal >= np.where(is_opening, 0, 1)) & (principal <= MAX_MINOR)
    known = coded(batch, "calendar", tuple(calendars), 0) >= 0
    lined = coded(batch, "class_lines", rules.products, 0) >= 0

    def why(row: int) -> str:
        if not known[row]:
            return f"there is no calendar {batch.text('calendar', row)}: there are {', '.join(calendars)}"
        if not lined[row]:
            return f"the table of classes has no lines {batch.text('class_lines', row)}: {', '.join(rules.products)}"
        return f"a principal of {batch.value('principal', row)} cannot be lent"

    return possible & known & lined, why


def _terms(
    events: Events, batch: EventBatch, is_opening: NDArray[np.bool_], calendars: Mapping[str, Calendar]
) -> list[Terms]:
    """What each contract says; an opening's are those of what is not yet due."""
    day = events.dates
    said = np.where(np.isnat(start := day(batch, "start_date")), _booked(events, batch), start)
    first = day(batch, "first_due")
    months = _whole(batch, "period_months", 1)
    before = np.where(np.isnat(first), said, first)
    run = np.where(
        np.isnat(accrued := day(batch, "accrued_from")), add_months(before, -months) if len(batch) else before, accrued
    )
    begin = np.where(is_opening, run, said)
    names = tuple(calendars)
    columns = zip(
        batch.fixed("principal").tolist(),
        batch.fixed("annual_rate").tolist(),
        _whole(batch, "instalments", 1).tolist(),
        begin,
        first,
        months.tolist(),
        coded(batch, "method", [m.value for m in _METHODS], 0).tolist(),
        coded(batch, "accrual", [m.value for m in _ACCRUALS], 0).tolist(),
        coded(batch, "day_count", [m.value for m in _COUNTS], _COUNTS.index(DayCount.ACT_360)).tolist(),
        coded(batch, "adjustment", [m.value for m in _ADJUSTMENTS], 0).tolist(),
        np.where(batch.hashes("calendar") == 0, -1, coded(batch, "calendar", names, -1)).tolist(),
        flagged(batch, "end_of_month").tolist(),
        strict=True,
    )
    rates: dict[int, Fraction] = {}
    found: list[Terms] = []
    for principal, rate, count, start, due, step, method, accrual, basis, moves, calendar, last in columns:
        exact = rates.get(rate)
        if exact is None:
            exact = rates[rate] = Fraction(rate, 10**9)
        found.append(
            Terms(
                principal=principal,
                annual_rate=exact,
                instalments=count,
                start=start,
                first_due=due,
                months=step,
                method=_METHODS[method],
                accrual=_ACCRUALS[accrual],
                day_count=_COUNTS[basis],
                adjustment=_ADJUSTMENTS[moves],
                calendar=calendars[names[calendar]] if calendar >= 0 else None,
                end_of_month=last,
            )
        )
    return found


def _made(
    events: Events,
    batch: EventBatch,
    is_opening: NDArray[np.bool_],
    terms: list[Terms],
    lines: Lines,
    rules: ClassRules,
    currency: str,
) -> Contracts:
    """The columns of contracts that can be used."""
    said = events.dates(batch, "start_date")
    openings = Openings.of(events, batch, is_opening)
    customers, debtor = np.unique(batch.hashes("customer"), return_inverse=True)
    own = batch.hashes("currency")
    return Contracts(
        batch=batch,
        key=batch.hashes("loan"),
        terms=terms,
        lines=_with_history(lines, openings, batch),
        start=np.where(np.isnat(said), _booked(events, batch), said),
        opened=np.where(is_opening, openings.day, FAR),
        openings=openings,
        order=coded(batch, "payment_order", tuple(ORDERS), 0),
        debtor=debtor.reshape(-1),
        customer=customers,
        retail=coded(batch, "debtor_kind", ("retail", "non_retail"), 0) == 0,
        product=coded(batch, "class_lines", rules.products, 0),
        currency=np.where(own == 0, text_hash(currency), own),
        pd_origin=batch.number("pd_origin"),
        lgd=batch.number("lgd"),
    )


def _with_history(lines: Lines, openings: Openings, batch: EventBatch) -> Lines:
    """Lines with those that an opening has in front: what is past due, or dates of the past on which all was paid."""
    count, due, interest, principal = openings.history(_whole(batch, "period_months", 1))
    if not len(due):
        return lines
    after = np.diff(lines.at)
    at = starts(count + after)
    front = np.repeat(at[:-1] - starts(count)[:-1], count) + np.arange(len(due))
    behind = np.repeat(at[:-1] + count - lines.at[:-1], after) + np.arange(len(lines.due))
    whole: list[Any] = [np.zeros(int(at[-1]), column.dtype) for column in (due, interest, principal)]
    for column, old, new in zip(whole, (due, interest, principal), _columns(lines), strict=True):
        column[front], column[behind] = old, new
    return Lines(at, dates(whole[0]), whole[1], whole[2])


def _agreed(batch: EventBatch) -> NDArray[np.int64]:
    """The instalment that each contract names itself, -1 where it does not."""
    return _whole(batch, "instalment_amount", -1)


def _booked(events: Events, batch: EventBatch) -> Dates:
    return days_of(batch.times, events.calendar)


def _whole(batch: EventBatch, name: str, otherwise: int) -> NDArray[np.int64]:
    found: Any = batch.fixed(name)
    return np.where(found == MISSING, otherwise, found)
