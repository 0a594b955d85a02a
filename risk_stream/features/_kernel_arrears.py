"""Kernels: how long and how much a key is past due, from the instalments and payments among the rows of a window.

Payments settle instalments the oldest first, so all that counts of them is their sum: no row is changed, and an event
that comes late finds the truth by being in its place. One pass says what is past due; where nothing is, that is all.
"""

from __future__ import annotations

import numpy as np

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_heap import peek
from risk_stream.features._words import (
    D_DAYS,
    D_DUE,
    D_PAID,
    D_RETURNED,
    D_WHEN,
    DAY_MS,
    MISSING,
    NEVER,
    P_ROW,
    R_MASK,
    R_TIME,
)

__all__ = ["past_due"]


@inner
def _day_of(plan: Ints, table: int, time: int) -> tuple[Word, Word]:
    """(number, first ms) of the day that `time` lies in; days outside the table have 24 hours.

    At plan[table] stand the number of days, the ms of the longest and when each begins.
    """
    low: Word = table + 2
    last: Word = low + plan[table] - 1
    if time < peek(plan, low) or time >= peek(plan, last):
        edge: Word = low if time < peek(plan, low) else last
        days = (time - peek(plan, edge)) // DAY_MS
        return edge + days, peek(plan, edge) + days * DAY_MS
    high = last
    while high - low > 1:
        middle = (low + high) >> 1
        if peek(plan, middle) <= time:
            low = middle
        else:
            high = middle
    return low, peek(plan, low)


@inner
def _due_at(heap: Ints, r: int, when: int) -> Word:
    """When the instalment of the row at heap[r] is due: what its column `when` says, or its own time."""
    said = peek(heap, r + when)
    return peek(heap, r + R_TIME) if said == MISSING else said


@inner
def _divided(
    heap: Ints, base: int, start: int, stop: int, plan: Ints, table: int, column: int, limit: int
) -> tuple[Word, Word, Word]:
    """(the sum of the instalments due up to a limit, the last due date among these, the first behind it)."""
    row = plan[P_ROW]
    owed = 0
    under = NEVER
    over = -NEVER
    for j in range(start, stop):
        r = base + j * row
        v = peek(heap, r + column)
        if peek(heap, r + R_MASK) & plan[table + D_DUE] != 0 and v > 0:
            due = _due_at(heap, r, plan[table + D_WHEN])
            if due <= limit:
                owed += v
                under = max(under, due)
            else:
                over = min(over, due)
    return owed, under, over


@inner
def past_due(
    heap: Ints, base: int, start: int, stop: int, time: int, plan: Ints, table: int, column: int
) -> tuple[Word, Word]:
    """(days past due, amount past due) as of `time`, by the rows [start, stop), whose `column` holds the amounts.

    What stands at plan[table] is described with its words. An amount that is missing counts for nothing, and an
    instalment of nothing or less is none; where more was returned than paid, nothing was paid.
    """
    row = plan[P_ROW]
    today, begins = _day_of(plan, plan[table + D_DAYS], time)
    paid = owed = 0
    first = last = NEVER
    in_order = True
    for j in range(start, stop):
        r = base + j * row
        v = peek(heap, r + column)
        if v == MISSING:
            continue
        mask = peek(heap, r + R_MASK)
        paid += v if mask & plan[table + D_PAID] != 0 else 0
        paid -= v if mask & plan[table + D_RETURNED] != 0 else 0
        if mask & plan[table + D_DUE] != 0 and v > 0:
            due = _due_at(heap, r, plan[table + D_WHEN])
            if due < begins:
                owed += v
                in_order = in_order and due >= last
                first = due if first == NEVER else min(first, due)
                last = max(last, due)
    paid = max(paid, 0)
    if owed <= paid:
        return np.int64(0), np.int64(0)
    oldest = _oldest(heap, base, start, stop, plan, table, column, paid, first, last, in_order)
    return today - _day_of(plan, plan[table + D_DAYS], oldest)[0], owed - paid


@inner
def _oldest(
    heap: Ints,
    base: int,
    start: int,
    stop: int,
    plan: Ints,
    table: int,
    column: int,
    paid: int,
    first: int,
    last: int,
    in_order: bool,
) -> Word:
    """When the oldest instalment is due that `paid` does not settle, of those due from `first` to `last`.

    Rows are in the order of their due dates but where some instalment came late or was dated back.
    """
    row = plan[P_ROW]
    if in_order:
        covered = 0
        for j in range(start, stop):
            r = base + j * row
            v = peek(heap, r + column)
            due = _due_at(heap, r, plan[table + D_WHEN])
            if peek(heap, r + R_MASK) & plan[table + D_DUE] != 0 and v > 0 and due <= last:
                covered += v
                if covered > paid:
                    return due
    while first < last:
        owed, under, over = _divided(heap, base, start, stop, plan, table, column, (first + last) >> 1)
        if owed > paid:
            last = under
        else:
            first = over
    return first
