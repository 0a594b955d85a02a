"""What loans stood at when a running book was taken over: their past due amounts, classes, stages and probations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.lending.classification import Class, ClassState
from risk_stream.lending.day_count import Dates, add_months
from risk_stream.lending.ledger.events import Events, coded
from risk_stream.lending.money import Amounts
from risk_stream.lending.past_due import NEVER
from risk_stream.lending.stages import StageState

__all__ = ["CLASSES", "Openings", "check_openings"]

#: The classes by the names that events have for them.
CLASSES = tuple(one.name.lower() for one in Class)
#: Due dates of the past that an opening is given, so that periods of good conduct can be counted: two years of months.
_MOST_HISTORY = 24
_NAT = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Openings:
    """A row per loan of the book; rows of loans that were not opened say nothing."""

    is_opening: NDArray[np.bool_]
    day: Dates  # at whose end it stands so
    late: NDArray[np.int64]  # days past due
    past_due: Amounts
    principal_past_due: Amounts
    clean_from: Dates
    first_due: Dates
    start: Dates
    reported: NDArray[np.int64]  # `Class`
    stage: NDArray[np.int64]
    restructured: Dates
    observed_from: Dates

    @staticmethod
    def of(events: Events, batch: EventBatch, is_opening: NDArray[np.bool_]) -> Openings:
        """What the openings among some contracts say."""
        day = days_written(batch)
        amount = _money(batch, "amount_past_due")
        principal = batch.fixed("principal_past_due")
        late = np.where(batch.fixed("days_past_due") == MISSING, 0, batch.fixed("days_past_due"))
        clean = events.dates(batch, "clean_from")
        never = np.full(len(batch), NEVER)
        restructured, observed = (events.dates(batch, name) for name in ("restructured_on", "observed_from"))
        return Openings(
            is_opening,
            day,
            late,
            amount,
            np.where(principal == MISSING, amount, principal),
            np.where(np.isnat(clean) | (late > 0), day, clean),
            events.dates(batch, "first_due"),
            events.dates(batch, "start_date"),
            coded(batch, "classification", CLASSES, 0),
            np.where(batch.fixed("ifrs9_stage") == MISSING, 1, batch.fixed("ifrs9_stage")),
            np.where(np.isnat(restructured), never, restructured),
            np.where(np.isnat(observed), never, observed),
        )

    def history(self, months: NDArray[np.int64]) -> tuple[NDArray[np.int64], Dates, Amounts, Amounts]:
        """Lines in front of a loan's schedule: how many each loan has, their due dates, interest and principal.

        A loan that is late has one, due so many days before; one that is not has the due dates since it is clean, with
        nothing to pay, so that they count as periods.
        """
        owing = self.is_opening & (self.late > 0)
        clean = self.is_opening & ~owing & ~np.isnat(self.first_due)
        rows, due = [np.flatnonzero(owing)], [self.day[owing] - self.late[owing]]
        interest = [(self.past_due - self.principal_past_due)[owing]]
        principal = [self.principal_past_due[owing]]
        for back in range(1, _MOST_HISTORY + 1):
            if not clean.any():
                break
            day = np.full(len(clean), _NAT)
            day[clean] = add_months(self.first_due[clean], -months[clean] * back)
            clean &= (day >= self.clean_from) & (day > self.start)
            rows.append(np.flatnonzero(clean))
            due.append(day[clean])
            interest.append(np.zeros(len(rows[-1]), np.int64))
            principal.append(interest[-1])
        row, when = np.concatenate(rows), np.concatenate(due)
        order = np.lexsort((when, row))
        count = np.bincount(row, minlength=len(clean)).astype(np.int64)
        return count, when[order], np.concatenate(interest)[order], np.concatenate(principal)[order]

    def classes(self, state: ClassState, opened: NDArray[np.bool_]) -> ClassState:
        """A state of classes with that of the loans that were opened."""
        bad = self.reported >= Class.SUBSTANDARD
        return ClassState(
            state.judged,
            np.where(opened, self.reported, state.reported),
            np.where(opened, self.reported, state.own),
            np.where(opened, bad, state.non_performing),
            np.where(opened, False, state.drawn_in),
            np.where(opened, self.observed_from != NEVER, state.observing),
            np.where(opened, self.observed_from, state.observed_from),
            np.where(opened, self.restructured, state.restructured),
        )

    def stages(self, state: StageState, opened: NDArray[np.bool_]) -> StageState:
        """A state of stages with that of the loans that were opened; probations begin with the opening."""
        return StageState(
            state.judged,
            np.where(opened, self.stage, state.stage),
            np.where(opened, np.where(self.stage == 3, self.day, NEVER), state.impaired_on),
            np.where(opened, np.where(self.stage == 2, self.day, NEVER), state.increased_on),
        )


def days_written(batch: EventBatch) -> Dates:
    """`business_date` of each event as a day; NaT where it is none."""
    texts = batch.texts("business_date", range(len(batch)))
    found = np.full(len(batch), _NAT)
    known: dict[str | None, np.datetime64] = {None: _NAT}
    for row, text in enumerate(texts):
        if text not in known:
            assert text is not None
            try:
                known[text] = np.datetime64(text, "D")
            except ValueError:
                known[text] = _NAT
        found[row] = known[text]
    return found


def check_openings(
    events: Events, batch: EventBatch, is_opening: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], dict[int, str]]:
    """Which contracts add up (those that are no openings do), and what is wrong with each other one."""
    day, late = days_written(batch), batch.fixed("days_past_due")
    past, principal = _money(batch, "amount_past_due"), batch.fixed("principal")
    part, owed = _money(batch, "principal_past_due"), batch.fixed("outstanding")
    first, start, clean = (events.dates(batch, name) for name in ("first_due", "start_date", "clean_from"))
    no_rest = np.isnat(first) | (batch.fixed("instalments") == MISSING)
    said: dict[int, str] = {}
    checks = (
        (np.isnat(day), "business_date is no day such as 2026-11-27"),
        (start > day, "its start is after the day of the opening"),
        ((clean > day) & (late <= 0), "clean_from is after the day of the opening"),
        ((past > 0) != (late > 0), "days past due and an amount past due go together"),
        (part > past, "more principal is past due than there is past due"),
        (owed != principal + past, "outstanding is not the principal not yet due and what is past due"),
        ((principal > 0) & no_rest, "principal that is not yet due needs instalments and first_due"),
        (~np.isnat(first) & (first < day), "first_due is before the day of the opening: that is past due"),
        ((late > 0) & (day - np.where(late > 0, late, 0) <= start), "it cannot be late since before it began"),
    )
    for wrong, sentence in checks:
        for row in np.flatnonzero(wrong & is_opening).tolist():
            said.setdefault(row, sentence)
    sound = np.ones(len(batch), np.bool_)
    sound[list(said)] = False
    return sound, said


def _money(batch: EventBatch, name: str) -> Amounts:
    found = batch.fixed(name)
    return np.where(found == MISSING, 0, found)
