"""The schedule of one loan as its events make it: what each instalment asks, and what was paid of it and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, EventBatch
from risk_stream.lending import Due, Kind, LendingError, allocate, one_date
from risk_stream.lending.ledger import Ledger, close, ledger, statuses

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Instalment", "Schedule", "schedule_of", "settled"]

#: What a loan's `status` says, of what a `loan_status` event says.
_STATUS = (
    *("days_past_due", "bucket", "classification", "ifrs9_stage", "outstanding", "amount_past_due"),
    *("expected_loss", "written_off", "restructured", "since_opening"),
)
_CENTS = 100


@dataclass(frozen=True, slots=True)
class Instalment:
    """What falls due on one day, in major units; of a loan that was taken over the first is what was due or next then.

    `state`: paid, paid_late, late, due (today), or open (later).
    """

    number: int
    due: str  # YYYY-MM-DD
    principal: float
    interest: float
    other: float  # costs and penalties
    amount: float
    unpaid: float
    state: str
    paid_on: str | None = None
    days_late: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """A loan's instalments and its standing at the end of a day; `why` says in a sentence why there are none."""

    day: str
    lines: tuple[Instalment, ...] = ()
    paid: tuple[tuple[str, float], ...] = ()  # payments that count: their days and amounts
    credit: float = 0.0  # paid and not yet needed
    status: Mapping[str, Any] | None = None  # None: nothing is owed any more, or nothing is known
    currency: str = "CNY"
    faults: tuple[str, ...] = ()
    why: str = ""
    reason: str = ""  # the same as a word: no_contract, no_schedule, not_begun


def schedule_of(
    events: Sequence[EventBatch], catalogue: Catalogue, day: object, calendars: Mapping[str, Calendar]
) -> Schedule:
    """The schedule of the one loan whose events these are, at the end of a day."""
    as_of = one_date(day)
    currency = _currency(events)
    made = ledger(events, catalogue, calendar=calendars["china"], calendars=calendars, currency=currency)
    faults = tuple(fault.message for fault in made.faults.told[:20])
    if not len(made):
        reason = _reason(events)
        return Schedule(str(as_of), currency=currency, faults=faults, why=_WHY[reason], reason=reason)
    begun = made.contracts.opened[0] if made.contracts.is_opened[0] else made.contracts.start[0]
    if begun > as_of:
        why = f"it begins on {begun}"
        return Schedule(str(as_of), currency=currency, faults=faults, why=why, reason="not_begun")
    lines, paid, credit = _lines(made, as_of)
    try:
        status = next(statuses(close(made, as_of), calendars["china"]), None)
    except LendingError as error:
        return Schedule(str(as_of), lines, paid, credit, None, currency, (*faults, str(error)))
    kept = None if status is None else {name: status[name] for name in _STATUS if name in status}
    return Schedule(str(as_of), lines, paid, credit, kept, currency, faults)


def settled(
    items: Due, by: NDArray[np.int64], paid: tuple[NDArray[Any], NDArray[np.int64]], until: np.datetime64
) -> tuple[NDArray[np.int64], NDArray[Any], int]:
    """(what is unpaid of each amount, the day on which it was paid in full, what is left over), at the end of a day.

    The day of one that is not is NaT. Money settles what is due on its value date; the rest waits for the next.
    """
    unpaid, done = items.amount.copy(), np.full(len(items), np.datetime64("NaT"), "datetime64[D]")
    value, amount = paid
    credit = 0
    for when in np.unique(np.concatenate((items.due[items.due <= until], value[value <= until]))):
        credit += int(amount[value == when].sum())
        taken, credit = allocate(credit, np.where(items.due <= when, unpaid, 0), by)
        unpaid -= taken
        done[(taken > 0) & (unpaid == 0)] = when
    return unpaid, done, credit


def _lines(made: Ledger, day: np.datetime64) -> tuple[tuple[Instalment, ...], tuple[tuple[str, float], ...], float]:
    book = made.book(day)
    items = Due(book.due.astype("datetime64[D]"), book.kind.astype(np.int8), book.amount)
    value, amount = book.value.astype("datetime64[D]"), book.paid
    unpaid, done, credit = settled(items, book.by, (value, amount), day)
    lines = list[Instalment]()
    for due in np.unique(items.due[items.amount > 0]):
        mine = items.due == due
        left, days = int(unpaid[mine].sum()), done[mine & (items.amount > 0)]
        lines.append(_line(len(lines) + 1, due, day, items, mine, left, days))
    seen = value <= day
    payments = zip(value[seen].tolist(), amount[seen].tolist(), strict=True)
    return tuple(lines), tuple((str(when), money / _CENTS) for when, money in payments), credit / _CENTS


def _line(
    number: int, due: np.datetime64, day: np.datetime64, items: Due, mine: NDArray[Any], left: int, done: NDArray[Any]
) -> Instalment:
    parts = {kind: int(items.amount[mine & (items.kind == kind)].sum()) for kind in Kind}
    asked = sum(parts.values())
    paid_on = done.max() if left == 0 and not np.isnat(done).any() else None
    late = int((min(day, day if paid_on is None else paid_on) - due).astype(int))
    if paid_on is not None:
        state = "paid_late" if paid_on > due else "paid"
    else:
        state = "late" if due < day else "due" if due == day else "open"
    return Instalment(
        number,
        str(due),
        parts[Kind.PRINCIPAL] / _CENTS,
        parts[Kind.INTEREST] / _CENTS,
        (parts[Kind.COSTS] + parts[Kind.PENALTY]) / _CENTS,
        asked / _CENTS,
        left / _CENTS,
        state,
        None if paid_on is None else str(paid_on),
        max(0, late) if state in {"late", "paid_late"} else 0,
    )


def _currency(events: Sequence[EventBatch]) -> str:
    """The currency of the contract; the house's, CNY, where none says one."""
    for batch in events:
        for row in range(len(batch)):
            if batch.text("type", row) in {"loan", "loan_opening"} and (said := batch.text("currency", row)):
                return said
    return "CNY"


def _reason(events: Sequence[EventBatch]) -> str:
    types = {batch.text("type", row) for batch in events for row in range(len(batch))}
    return "no_schedule" if types & {"loan", "loan_opening"} else "no_contract"


_WHY = {
    "no_schedule": "its contract makes no schedule",
    "no_contract": "there is no contract of it in the logs: an event loan or loan_opening",
}
