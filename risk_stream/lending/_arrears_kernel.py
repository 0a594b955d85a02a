"""The walk through a loan's days, from its first amount due to the day that is asked for, for many loans at once.

One file holds every function of it, as numba's cache looks at the file of the function that Python calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue.kernel import njit

__all__ = ["count_due_days", "walk"]

_Ints = NDArray[np.int64]
_F = TypeVar("_F", bound=Callable[..., Any])

_PRINCIPAL = 3
_FAR = 1 << 60

#: Words of a loan's state. _SEEN, _PAID: amounts that became due and payments that came; _OLDEST: the first amount that
#: is unpaid; _HEAD: the first in the order of payment; _PAST: unpaid and due; _CHARGES: of it, what is no principal;
#: _OWED: unpaid principal; _CREDIT: money that waits; _SINCE: the first day of a material amount; _MISSED: a due date.
_SEEN, _PAID, _OLDEST, _HEAD, _PAST, _CHARGES, _OWED, _CREDIT, _SINCE, _MISSED, _WORDS = range(11)


def _compiled(function: _F) -> _F:
    return cast("_F", njit(nogil=True, cache=True)(function))


@_compiled
def _next_day(state: _Ints, due: _Ints, value: _Ints) -> int:
    """The next day on which something becomes due or is paid."""
    day = _FAR
    if state[_SEEN] < len(due):
        day = due[state[_SEEN]]
    if state[_PAID] < len(value):
        day = min(day, value[state[_PAID]])
    return day


@_compiled
def _begin_day(state: _Ints, day: int, due: _Ints, kind: _Ints, unpaid: _Ints, value: _Ints, paid: _Ints) -> None:
    """What becomes due and what is paid on a day."""
    while state[_SEEN] < len(due) and due[state[_SEEN]] == day:
        item = state[_SEEN]
        state[_PAST] += unpaid[item]
        if kind[item] != _PRINCIPAL:
            state[_CHARGES] += unpaid[item]
        state[_SEEN] += 1
    while state[_PAID] < len(value) and value[state[_PAID]] == day:
        state[_CREDIT] += paid[state[_PAID]]
        state[_PAID] += 1


@_compiled
def _settle(state: _Ints, day: int, due: _Ints, kind: _Ints, unpaid: _Ints, by: _Ints) -> None:
    """The money there is settles what is due, in the order of payment."""
    while state[_HEAD] < len(by) and unpaid[by[state[_HEAD]]] == 0:
        state[_HEAD] += 1
    for at in range(state[_HEAD], len(by)):
        if state[_CREDIT] == 0 or state[_PAST] == 0:
            break
        item = by[at]
        if due[item] > day or unpaid[item] == 0:
            continue
        taken = min(state[_CREDIT], unpaid[item])
        unpaid[item] -= taken
        state[_CREDIT] -= taken
        state[_PAST] -= taken
        state[_OWED if kind[item] == _PRINCIPAL else _CHARGES] -= taken
    while state[_OLDEST] < state[_SEEN] and unpaid[state[_OLDEST]] == 0:
        state[_OLDEST] += 1


@_compiled
def _count(state: _Ints, first: int, past: int, thresholds: _Ints) -> None:
    """The counter with thresholds, from the day `first` on which `past` is past due."""
    absolute, share, whole = thresholds
    if past <= absolute or past * whole <= (state[_OWED] + state[_CHARGES]) * share:
        state[_SINCE] = -_FAR
    elif state[_SINCE] == -_FAR:
        state[_SINCE] = first


@_compiled
def _due_on(due: _Ints, unpaid: _Ints, state: _Ints, day: int) -> int:
    """What became due on the last day that was seen and is unpaid, where that is `day`."""
    found, item = 0, state[_SEEN] - 1
    while item >= 0 and due[item] == day:
        found += unpaid[item]
        item -= 1
    return found


@_compiled
def walk(
    item_at: _Ints,
    due: _Ints,
    kind: _Ints,
    amount: _Ints,
    by: _Ints,
    pay_at: _Ints,
    value: _Ints,
    paid: _Ints,
    as_of: int,
    limits: _Ints,
    thresholds: _Ints,
    out: _Ints,
    over: _Ints,
) -> None:
    """Fill `out` (a row per loan) and `over` (the last day with more days past due than each of `limits`).

    Columns of `out`: days past due, amount past due, principal unpaid, all unpaid that is due or principal, days of the
    counter with thresholds, last due date missed, money that waits. `item_at` and `pay_at` are where each loan's rows
    begin; `by` holds positions inside a loan's items; `thresholds` are an amount and a share as two whole numbers.
    """
    state = np.zeros(_WORDS, np.int64)
    for loan in range(len(item_at) - 1):
        items, payments = slice(item_at[loan], item_at[loan + 1]), slice(pay_at[loan], pay_at[loan + 1])
        my_due, my_kind, my_by = due[items], kind[items], by[items]
        my_value, my_paid = value[payments], paid[payments]
        unpaid = amount[items].copy()
        state[:] = 0
        state[_SINCE] = state[_MISSED] = -_FAR
        state[_OWED] = unpaid[my_kind == _PRINCIPAL].sum()
        day = _next_day(state, my_due, my_value)
        while day <= as_of:
            _begin_day(state, day, my_due, my_kind, unpaid, my_value, my_paid)
            _settle(state, day, my_due, my_kind, unpaid, my_by)
            new = _due_on(my_due, unpaid, state, day)
            if new > 0 and day < as_of:
                state[_MISSED] = day
            after = _next_day(state, my_due, my_value)
            last = min(after - 1, as_of)
            _count(state, day, state[_PAST] - new, thresholds)
            if last > day:
                _count(state, day + 1, state[_PAST], thresholds)
            if state[_OLDEST] < state[_SEEN]:
                over[loan][last - my_due[state[_OLDEST]] > limits] = last
            day = after
        if state[_OLDEST] < state[_SEEN]:
            out[loan, 0] = as_of - my_due[state[_OLDEST]]
        out[loan, 1] = state[_PAST] - _due_on(my_due, unpaid, state, as_of)
        out[loan, 2] = state[_OWED]
        out[loan, 3] = state[_OWED] + state[_CHARGES]
        out[loan, 4] = as_of - state[_SINCE] + 1 if state[_SINCE] > -_FAR else 0
        out[loan, 5] = state[_MISSED]
        out[loan, 6] = state[_CREDIT]


@_compiled
def count_due_days(item_at: _Ints, due: _Ints, start: _Ints, end: int) -> _Ints:
    """How many due dates of each loan lie from its `start` to before `end`."""
    found = np.zeros(len(start), np.int64)
    for loan in range(len(start)):
        before = -_FAR
        for i in range(item_at[loan], item_at[loan + 1]):
            if due[i] != before and start[loan] <= due[i] < end:
                found[loan] += 1
            before = due[i]
    return found
