"""Kernels: all cells of a key as of one moment, from its log alone: the definition that every cache must equal."""

from __future__ import annotations

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_heap import below, mul_high, peek
from risk_stream.features._words import (
    A_WINDOWS,
    C_ALL,
    C_COLUMN,
    C_MASK,
    C_SPAN,
    C_WHOLE,
    C_WINDOW,
    C_WORDS,
    CELL,
    COUNT_,
    DISTINCT_,
    FIRST_AT,
    H_SET_EPOCH,
    LAST_AT,
    MATCH_AT,
    MAX_AT,
    MIN_AT,
    MISSING,
    NEED_EXTREMES,
    NEED_SET,
    NEED_SQUARES,
    P_CELL_LINES,
    P_CELLS,
    P_CELLS_AT,
    P_GONE,
    P_ROW,
    P_SCRATCH_SET,
    P_WINDOW_LINES,
    P_WINDOWS,
    R_MASK,
    R_TIME,
    SQ_HIGH,
    SQ_LOW,
    SUM_,
    VALUES,
)

__all__ = ["count_whole", "limit_of", "mix", "scan", "scan_distinct", "scan_group", "start_of"]


@inner
def mix(value: int) -> Word:
    """Spread a value over all bits, for the tables of distinct values."""
    h = value * -7046029254386353131
    return h ^ ((h >> 32) & 0xFFFFFFFF)


@inner
def limit_of(plan: Ints, w: int, time: int) -> Word:
    """The time up to which rows are outside window w as of `time`: also those that some other run has let go."""
    ms = plan[plan[P_WINDOW_LINES] + w]
    after = time - ms if ms > 0 else start_of(plan, -ms, time) - 1
    return max(after, plan[P_GONE])


@inner
def start_of(plan: Ints, table: int, time: int) -> Word:
    """When the period of a calendar window began that `time` lies in.

    At plan[table] stand the number of periods, the ms of the longest and when each begins. A time before all of them,
    or longer than the longest behind the last beginning, is in a period of that many ms up to itself.
    """
    none: Word = table + 1
    low = none
    high = table + 2 + plan[table]
    while high - low > 1:
        middle = (low + high) >> 1
        if peek(plan, middle) <= time:
            low = middle
        else:
            high = middle
    earliest: Word = time - plan[table + 1] + 1
    return earliest if low == none else max(peek(plan, low), earliest)


@inner
def count_whole(heap: Ints, cell: int, start: int, stop: int, present: int) -> None:
    """A cell of a group that every row belongs to and that only counts: no row need be looked at."""
    heap[cell + COUNT_] = stop - start
    heap[cell + MATCH_AT] = present - 1 if present - 1 >= start else -1


@inner
def scan(heap: Ints, base: int, first: int, stop: int, present: int, time: int, plan: Ints, at: int) -> None:
    """Fill the cells at `at` as of `time` from rows [first, stop), backward, the shortest window first.

    `present` is the index of the present event's row, or where it would be: last and since look below it.
    """
    row = plan[P_ROW]
    j = stop
    for w in range(plan[P_WINDOWS]):
        limit = limit_of(plan, w, time)
        if plan[plan[P_WINDOW_LINES] + w] < 0:  # a calendar window: now shorter than the one before it, now longer
            j = stop
        while j > first and peek(heap, base + (j - 1) * row + R_TIME) > limit:
            j -= 1
        heap[at + A_WINDOWS + w] = j
    cell = at + plan[P_CELLS_AT]
    line = plan[P_CELL_LINES]
    stop_line = line + plan[P_CELLS] * C_WORDS
    while line < stop_line:
        next_line = line + plan[line + C_SPAN] * C_WORDS
        if plan[line + C_WHOLE] != 0:
            for at_line in range(line, next_line, C_WORDS):
                count_whole(heap, cell, heap[at + A_WINDOWS + plan[at_line + C_WINDOW]], stop, present)
                cell += CELL
        elif plan[line + C_ALL] & NEED_SET != 0:
            cell = scan_distinct(heap, base, first, stop, present, plan, line, next_line, at, cell)
        else:
            cell = scan_group(heap, base, stop, present, plan, line, next_line, at, cell)
        line = next_line


@inner
def scan_group(
    heap: Ints, base: int, stop: int, present: int, plan: Ints, line: int, end: int, at: int, cell: int
) -> Word:
    """The cells of one group, plan lines [line, end): counts, sums, squares, rows of extremes; -> what follows."""
    row = plan[P_ROW]
    mask = plan[line + C_MASK]
    column = plan[line + C_COLUMN]
    squares = plan[line + C_ALL] & NEED_SQUARES
    extremes = plan[line + C_ALL] & NEED_EXTREMES
    count = values = total = low = high = 0
    least = most = 0
    min_at = max_at = first_at = last_at = match_at = -1
    j = stop - 1
    for at_line in range(line, end, C_WORDS):
        start = heap[at + A_WINDOWS + plan[at_line + C_WINDOW]]
        while j >= start:
            r = base + j * row
            if peek(heap, r + R_MASK) & mask != 0:
                count += 1
                if match_at < 0 and j < present:
                    match_at = j
                v = peek(heap, r + column)
                if v != MISSING:
                    values += 1
                    total += v
                    first_at = j
                    if last_at < 0 and j < present:
                        last_at = j
                    if extremes != 0:
                        if min_at < 0 or v < least:
                            min_at = j
                            least = v
                        if max_at < 0 or v > most:
                            max_at = j
                            most = v
                    if squares != 0:
                        low += v * v
                        high += mul_high(v, v) + below(low, v * v)
            j -= 1
        heap[cell + COUNT_] = count
        heap[cell + VALUES] = values
        heap[cell + SUM_] = total
        heap[cell + SQ_LOW] = low
        heap[cell + SQ_HIGH] = high
        heap[cell + MIN_AT] = min_at
        heap[cell + MAX_AT] = max_at
        heap[cell + FIRST_AT] = first_at
        heap[cell + LAST_AT] = last_at
        heap[cell + MATCH_AT] = match_at
        cell += CELL
    return cell


@inner
def scan_distinct(
    heap: Ints,
    base: int,
    first: int,
    stop: int,
    present: int,
    plan: Ints,
    line: int,
    end: int,
    at: int,
    cell: int,
) -> Word:
    """The cells of one group that counts distinct values, with a set emptied by a new epoch; -> what follows."""
    row = plan[P_ROW]
    mask = plan[line + C_MASK]
    column = plan[line + C_COLUMN]
    table = plan[P_SCRATCH_SET]
    slots = 16
    while slots < 2 * (stop - first + 1):
        slots <<= 1
    heap[H_SET_EPOCH] += 1
    epoch = heap[H_SET_EPOCH]
    count = values = distinct = 0
    match_at = -1
    j = stop - 1
    for at_line in range(line, end, C_WORDS):
        start = heap[at + A_WINDOWS + plan[at_line + C_WINDOW]]
        while j >= start:
            r = base + j * row
            if peek(heap, r + R_MASK) & mask != 0:
                count += 1
                if match_at < 0 and j < present:
                    match_at = j
                v = peek(heap, r + column)
                if v != MISSING:
                    values += 1
                    x = table + 2 * (mix(v) & (slots - 1))
                    while heap[x] == epoch and heap[x + 1] != v:
                        x += 2
                        if x == table + 2 * slots:
                            x = table
                    if heap[x] != epoch:
                        heap[x] = epoch
                        heap[x + 1] = v
                        distinct += 1
            j -= 1
        heap[cell + COUNT_] = count
        heap[cell + VALUES] = values
        heap[cell + MATCH_AT] = match_at
        heap[cell + DISTINCT_] = distinct
        cell += CELL
    return cell
