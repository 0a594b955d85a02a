"""Kernels: outputs that look at the rows of their window at each event, because no running figure would give them.

Each costs time in proportion to the rows of its window: some nanoseconds a row. They need nothing of the cells but
the starts of windows, so a row may come from anywhere, and cells may come from a scan, an accel or a cursor.
"""

from __future__ import annotations

import numpy as np

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_arrears import past_due
from risk_stream.features._kernel_heap import below, mul_high, peek
from risk_stream.features._kernel_moments import standing
from risk_stream.features._kernel_scan import mix
from risk_stream.features._words import (
    A_WINDOWS,
    C_COLUMN,
    C_MASK,
    C_WINDOW,
    C_WORDS,
    CELL,
    D_BEFORE,
    F_CELL,
    F_GIVEN,
    F_OP,
    F_SCALE,
    GUESS,
    MISSING,
    NEVER,
    OP_AMOUNT_PAST_DUE,
    OP_COMPLETED,
    OP_DAYS_PAST_DUE,
    OP_QUANTILE,
    OP_SEEN,
    OP_SEQUENCE,
    OP_ZSCORE,
    P_CELL_LINES,
    P_CELLS_AT,
    P_ROW,
    P_SCRATCH_STARTS,
    P_SOURCES,
    P_WINDOWS,
    R_MASK,
    R_TIME,
    R_VALUES,
    SQ_HIGH,
    SQ_LOW,
    SUM_,
    VALUES,
)

__all__ = ["look"]

#: Passes over the rows from a guess to its neighbours, before values are sorted out anew.
STRIDES = 3
#: Millionths in a whole: a quantile's share is so exact.
WHOLE = 1_000_000


@inner
def look(
    heap: Ints, base: int, stop: int, present: int, time: int, plan: Ints, line: int, at: int, columns: Ints, i: int
) -> float:
    """The value of the output at plan[line] as of event i, whose row is `present` or would be there; NaN for missing.

    The cells at `at` are as of the event, and of the rows before `stop`.
    """
    op = plan[line + F_OP]
    given = plan[line + F_GIVEN]
    scale = np.float64(plan[line + F_SCALE])
    of = plan[P_CELL_LINES] + plan[line + F_CELL] * C_WORDS
    start = heap[at + A_WINDOWS + plan[of + C_WINDOW]]
    if op == OP_SEQUENCE:
        count, _ = _completed(heap, base, start, stop, plan, given)
        return np.float64(count)
    if op == OP_COMPLETED:
        _, last = _completed(heap, base, start, min(stop, present), plan, given)
        return (time - last) / 1000.0 if last != NEVER else np.nan
    mask = plan[of + C_MASK]
    column = plan[of + C_COLUMN]
    if op == OP_SEEN:
        return np.float64(_seen(heap, base, start, min(stop, present), plan, mask, column, given))
    if OP_DAYS_PAST_DUE <= op <= OP_AMOUNT_PAST_DUE:
        end = min(stop, present) if plan[given + D_BEFORE] != 0 else stop
        days, amount = past_due(heap, base, start, end, time, plan, given, column)
        return np.float64(days) if op == OP_DAYS_PAST_DUE else np.float64(amount) / scale
    cell = at + plan[P_CELLS_AT] + plan[line + F_CELL] * CELL
    n = heap[cell + VALUES]
    if op == OP_QUANTILE:
        if n == 0:
            return np.nan
        rank = (n * given + WHOLE - 1) // WHOLE
        found, value = _near(heap, base, start, stop, plan, mask, column, rank - 1, heap[cell + GUESS])
        if not found:
            value = _ranked(heap, base, start, stop, plan, mask, column, rank - 1)
        heap[cell + GUESS] = value
        return np.float64(value) / scale
    own = _own(plan, column, columns, i)
    return _baseline(heap, base, start, stop, present, plan, line, of, cell, own)


@inner
def _baseline(
    heap: Ints,
    base: int,
    start: int,
    stop: int,
    present: int,
    plan: Ints,
    line: int,
    of: int,
    cell: int,
    own: int,
) -> float:
    """Where the value `own` stands among those before the present event, in a cell described at plan[of]."""
    mask = plan[of + C_MASK]
    column = plan[of + C_COLUMN]
    n = heap[cell + VALUES]
    r = base + present * plan[P_ROW]
    inside = start <= present < stop and heap[r + R_MASK] & mask != 0 and heap[r + column] != MISSING
    if inside:
        n -= 1
    if own == MISSING or n < plan[line + F_GIVEN]:
        return np.nan
    if plan[line + F_OP] != OP_ZSCORE:
        share = 100 * _count_below(heap, base, start, min(stop, present), plan, mask, column, own) / n
        return np.float64(share)
    total = heap[cell + SUM_]
    low = heap[cell + SQ_LOW]
    high = heap[cell + SQ_HIGH]
    if inside:
        v = heap[r + column]
        total -= v
        high -= mul_high(v, v) + below(low, v * v)
        low -= v * v
    return standing(own, total, low, high, n)


@inner
def _own(plan: Ints, column: int, columns: Ints, i: int) -> Word:
    """Event i's own value of a column of the rows, MISSING for none."""
    source = plan[plan[P_SOURCES] + column - R_VALUES]
    return columns[source, i] if source >= 0 else MISSING


@inner
def _completed(heap: Ints, base: int, start: int, stop: int, plan: Ints, table: int) -> tuple[Word, Word]:
    """(how many sequences the rows [start, stop) complete, when the last was or NEVER).

    At plan[table] stand the number of steps, the ms within which they come and the mask of each. Of the beginnings of
    each step the latest is kept, since what it leads to is complete no later than what any earlier one leads to; with
    a completion all are given up, as the next sequence begins behind it.
    """
    row = plan[P_ROW]
    within = plan[table + 1]
    last_step = plan[table] - 1
    masks = table + 2
    began = plan[P_SCRATCH_STARTS] + plan[P_WINDOWS]
    for k in range(last_step):
        heap[began + k] = NEVER
    count = 0
    last = NEVER
    for j in range(start, stop):
        mask = peek(heap, base + j * row + R_MASK)
        time = peek(heap, base + j * row + R_TIME)
        if mask & plan[masks + last_step] != 0 and heap[began + last_step - 1] > time - within:
            count += 1
            last = time
            for k in range(last_step):
                heap[began + k] = NEVER
            continue
        for k in range(last_step - 1, 0, -1):
            if mask & plan[masks + k] != 0 and heap[began + k - 1] != NEVER:
                heap[began + k] = heap[began + k - 1]
        if mask & plan[masks] != 0:
            heap[began] = time
    return count, last


@inner
def _seen(heap: Ints, base: int, start: int, stop: int, plan: Ints, mask: int, column: int, table: int) -> Word:
    """Which of some values rows [start, stop) that match have: bit b is set for the b-th of them.

    At plan[table] stand how many they are, they in ascending order, and of each which it is.
    """
    row = plan[P_ROW]
    n = plan[table]
    first = table + 1
    bits = 0
    for j in range(start, stop):
        r = base + j * row
        if peek(heap, r + R_MASK) & mask == 0:
            continue
        v = peek(heap, r + column)
        low = first
        high = first + n
        while low < high:
            middle = (low + high) >> 1
            if plan[middle] < v:
                low = middle + 1
            else:
                high = middle
        if low < first + n and plan[low] == v:
            bits |= 1 << plan[low + n]
    return bits


@inner
def _count_below(heap: Ints, base: int, start: int, stop: int, plan: Ints, mask: int, column: int, value: int) -> Word:
    """How many values of the rows [start, stop) that match are below a value."""
    row = plan[P_ROW]
    count = 0
    for j in range(start, stop):
        r = base + j * row
        v = peek(heap, r + column)
        count += 1 if peek(heap, r + R_MASK) & mask != 0 and v != MISSING and v < value else 0
    return count


@inner
def _near(
    heap: Ints, base: int, start: int, stop: int, plan: Ints, mask: int, column: int, rank: int, guess: int
) -> tuple[bool, Word]:
    """(whether the value with so many before it is a guess, or among its next neighbours; that value).

    From event to event a quantile moves by a place or none. A pass over the rows says where the guess stands.
    """
    row = plan[P_ROW]
    for _ in range(STRIDES):
        below_it = upto_it = 0
        under = MISSING
        over = -(MISSING + 1)
        for j in range(start, stop):
            r = base + j * row
            v = peek(heap, r + column)
            if peek(heap, r + R_MASK) & mask != 0 and v != MISSING:
                below_it += 1 if v < guess else 0
                upto_it += 1 if v <= guess else 0
                under = max(under, v if v < guess else MISSING)
                over = min(over, v if v > guess else -(MISSING + 1))
        if below_it <= rank < upto_it:
            return True, guess
        if rank < below_it - STRIDES or rank >= upto_it + STRIDES:
            break
        guess = under if rank < below_it else over
    return False, guess


@inner
def _ranked(heap: Ints, base: int, start: int, stop: int, plan: Ints, mask: int, column: int, rank: int) -> Word:
    """The value with so many before it, of the rows [start, stop) that match, in ascending order: by quickselect."""
    row = plan[P_ROW]
    low = plan[P_SCRATCH_STARTS] + plan[P_WINDOWS]
    wanted = low + rank
    end = low
    for j in range(start, stop):
        r = base + j * row
        v = peek(heap, r + column)
        heap[end] = v
        end += 1 if peek(heap, r + R_MASK) & mask != 0 and v != MISSING else 0
    while True:
        # Any place will do; one that nobody can foresee from the order of values keeps each round near half.
        pivot = heap[low + (mix(low ^ end) & 0x7FFFFFFF) % (end - low)]
        middle = _divide(heap, low, end, pivot)
        if wanted < middle:
            end = middle
            continue
        low = _divide(heap, middle, end, pivot + 1)
        if wanted < low:
            return pivot


@inner
def _divide(heap: Ints, low: int, end: int, limit: int) -> Word:
    """Put the values of [low, end) that are below a limit before the others; -> where the others begin.

    Without a branch on the values, which no processor could foresee.
    """
    middle = low
    for j in range(low, end):
        v = peek(heap, j)
        heap[j] = peek(heap, middle)
        heap[middle] = v
        middle += 1 if v < limit else 0
    return middle
