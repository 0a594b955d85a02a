"""Events of a loan book as columns: those that the ledger is made of, by type, each said once, with dates and codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.calendars import Calendar, local_time
from risk_stream.catalogue import MISSING, Catalogue, EventBatch, text_hash
from risk_stream.lending.day_count import Dates
from risk_stream.lending.ledger.faults import Faults

__all__ = ["FIELDS", "Events", "coded", "collect", "dates_of", "days_of", "flagged"]

_DAY_MS = 86_400_000
_TERMS = (
    *("principal", "annual_rate", "instalments", "first_due", "start_date", "period_months", "method", "accrual"),
    "instalment_amount",
    *("day_count", "adjustment", "calendar", "end_of_month", "payment_order", "currency", "debtor_kind", "class_lines"),
    *("pd_origin", "lgd", "customer", "product"),
)
#: What is read of each type beside its id, time, entity and loan; all other events are no part of the ledger.
FIELDS: dict[str, tuple[str, ...]] = {
    "loan": _TERMS,
    "loan_opening": (
        *_TERMS,
        *("business_date", "outstanding", "accrued_from", "days_past_due", "amount_past_due", "principal_past_due"),
        *("classification", "ifrs9_stage", "clean_from", "restructured_on", "observed_from"),
    ),
    "instalment_due": ("instalment", "amount"),
    "repayment": ("amount", "currency", "value_date", "prepays"),
    "repayment_reversal": ("repayment", "amount", "currency"),
    "restructuring": (
        *("effective_date", "in_difficulty", "first_due", "instalments", "principal", "annual_rate", "period_months"),
        *("method", "currency"),
    ),
    "write_off": ("effective_date", "amount", "currency"),
    "recovery": ("amount", "currency"),
    "loan_review": ("class_at_least", "risk_increased", "difficulty_unsolved", "not_able"),
    "bureau_report": ("customer", "debt_elsewhere", "late_elsewhere"),
}


@dataclass(frozen=True)
class Events:
    """The events of a book by type, each type in the order of (time, id); `read` is how many events there were."""

    catalogue: Catalogue
    calendar: Calendar
    by_type: dict[str, EventBatch]
    read: int

    def of(self, name: str) -> EventBatch:
        """The events of a type."""
        return self.by_type.get(name) or EventBatch.empty(self.catalogue)

    def dates(self, batch: EventBatch, name: str) -> Dates:
        """The dates of a field, as `dates_of` reads them."""
        return dates_of(batch, name, self.calendar)


def collect(batches: Iterable[EventBatch], catalogue: Catalogue, calendar: Calendar, faults: Faults) -> Events:
    """Sort events by type; one that came twice counts once, and of two that differ under one id the first.

    `calendar` is the one whose days the house counts: the day of an event is that of its time there.
    """
    parts: dict[str, list[EventBatch]] = {name: [] for name in FIELDS}
    wanted = {catalogue.code(name): name for name in FIELDS if name in catalogue}
    read = 0
    for batch in batches:
        read += len(batch)
        for code in np.unique(batch.types).tolist():
            if (name := wanted.get(code)) is not None:
                rows = np.flatnonzero(batch.types == code)
                parts[name].append(batch.take(rows).only(("id", "type", "time", "entity", "loan", *FIELDS[name])))
    whole = {name: _once(EventBatch.concat(some), name, faults) for name, some in parts.items() if some}
    return Events(catalogue, calendar, whole, read)


def _once(batch: EventBatch, name: str, faults: Faults) -> EventBatch:
    """A type's events in the order of (time, id), each id once."""
    ids = batch.hashes("id")
    batch = batch.take(np.lexsort((ids, batch.times)))
    ids = batch.hashes("id")
    order = np.argsort(ids, kind="stable")
    again = np.zeros(len(batch), np.bool_)
    again[order[1:]] = (ids[order[1:]] == ids[order[:-1]]) & (ids[order[1:]] != 0)
    if not again.any():
        return batch
    first = order[np.searchsorted(ids[order], ids[again])]
    later = np.flatnonzero(again)
    same = np.ones(len(later), np.bool_)
    said_when = () if name == "loan_opening" else ("time",)  # of an opening that is only when it was sent
    for field in (*said_when, "loan", *FIELDS[name]):
        column = _comparable(batch, field)
        same &= column[later] == column[first]
    faults.say("twice", batch, later[same], lambda row: f"{name} {batch.text('id', row)} came twice and counts once")
    faults.say(
        "differs",
        batch,
        later[~same],
        lambda row: f"there are two events {batch.text('id', row)} ({name}) that differ; the first one counts",
    )
    return batch.take(np.flatnonzero(~again))


def _comparable(batch: EventBatch, name: str) -> NDArray[np.int64]:
    field = batch.catalogue.field(name)
    return batch.hashes(name) if field is not None and field.type.is_text else batch.fixed(name)


def days_of(times: NDArray[np.int64], calendar: Calendar) -> Dates:
    """The day of each time (ms since 1970 UTC) in the calendar's zone; in UTC before 1990 and after 2100."""
    local = local_time(calendar, times)
    known = np.where(np.isnan(local), times, local)
    return np.floor_divide(known, _DAY_MS).astype(np.int64).astype("datetime64[D]")


def dates_of(batch: EventBatch, name: str, calendar: Calendar) -> Dates:
    """The dates of a field of time, NaT where an event has none: a day as it is written, or the day of a moment.

    A day without a time of day (2026-11-27) is midnight in UTC: it is that day wherever the house is.
    """
    times = batch.fixed(name)
    given = times != MISSING
    safe = np.where(given, times, 0)
    found = np.where(safe % _DAY_MS == 0, (safe // _DAY_MS).astype("datetime64[D]"), days_of(safe, calendar))
    return np.where(given, found, np.datetime64("NaT"))


def coded(batch: EventBatch, name: str, choices: Iterable[str], otherwise: int) -> NDArray[np.int64]:
    """Each event's position of a text in `choices`; `otherwise` where it has none, -1 where it is none of them."""
    hashes = batch.hashes(name)
    found = np.full(len(batch), -1, np.int64)
    for at, choice in enumerate(choices):
        found[hashes == text_hash(choice)] = at
    found[hashes == 0] = otherwise
    return found


def flagged(batch: EventBatch, name: str) -> NDArray[np.bool_]:
    """Whether a yes-or-no field says yes."""
    said: Any = batch.fixed(name) == 1
    return np.asarray(said)
