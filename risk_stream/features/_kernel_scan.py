"""Kernels: all cells of a key as of one moment, from its log alone: the definition that every cache must equal."""

from __future__ import annotations

from risk_stream.features._jit import Ints, inner
from risk_stream.features._kernel_heap import below, mul_high
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
    LAST_AT,
    MATCH_AT,
    MAX_AT,
    MIN_AT,
    MISSING,
    NEED_SET,
    NEED_SQUARES,
    P_CELL_LINES,
    P_CELLS,
    P_CELLS_AT,
    P_ROW,
    P_SCRATCH_SET,
    P_WINDOW_LINES,
    P_WINDOWS,
    R_MASK,
    R_TIME,
    S_EPOCH,
    SQ_HIGH,
    SQ_LOW,
    SUM_,
    VALUES,
)

__all__ = ["count_whole", "mix", "scan"]


@inner
def mix(value: int) -> int:
    """Spread a value over all bits, for the tables of distinct values."""
    h = value * -7046029254386353131
    return h ^ ((h >> 32) & 0xFFFFFFFF)


@inner
def count_whole(cells: Ints, cell: int, start: int, stop: int, present: int) -> None:
    """A cell of a group that every row belongs to and that only counts: no row need be looked at."""
    cells[cell + COUNT_] = stop - start
    cells[cell + MATCH_AT] = present - 1 if present - 1 >= start else -1


@inner
def scan(
    rows: Ints,
    base: int,
    first: int,
    stop: int,
    present: int,
    time: int,
    plan: Ints,
    cells: Ints,
    at: int,
    scratch: Ints,
) -> None:
    """Fill cells[at ...] as of `time` from rows [first, stop), backward, the shortest window first.

    `present` is the index of the present event's row, or where it would be: last and since look below it.
    """
    row = plan[P_ROW]
    j = stop
    for w in range(plan[P_WINDOWS]):
        limit = time - plan[plan[P_WINDOW_LINES] + w]
        while j > first and rows[base + (j - 1) * row + R_TIME] > limit:
            j -= 1
        cells[at + A_WINDOWS + w] = j
    cell = at + plan[P_CELLS_AT]
    line = plan[P_CELL_LINES]
    stop_line = line + plan[P_CELLS] * C_WORDS
    while line < stop_line:
        next_line = line + plan[line + C_SPAN] * C_WORDS
        if plan[line + C_WHOLE] != 0:
            for at_line in range(line, next_line, C_WORDS):
                count_whole(cells, cell, cells[at + A_WINDOWS + plan[at_line + C_WINDOW]], stop, present)
                cell += CELL
        elif plan[line + C_ALL] & NEED_SET != 0:
            cell = _scan_distinct(rows, base, first, stop, present, plan, line, next_line, cells, at, cell, scratch)
        else:
            cell = _scan_group(rows, base, stop, present, plan, line, next_line, cells, at, cell)
        line = next_line


@inner
def _scan_group(
    rows: Ints, base: int, stop: int, present: int, plan: Ints, line: int, end: int, cells: Ints, at: int, cell: int
) -> int:
    """The cells of one group, lines [line, end): counts, sums, squares, and the rows of extremes, first and last; -> what follows."""
    row = plan[P_ROW]
    mask = plan[line + C_MASK]
    column = plan[line + C_COLUMN]
    squares = plan[line + C_ALL] & NEED_SQUARES
    count = values = total = low = high = 0
    least = most = 0
    min_at = max_at = first_at = last_at = match_at = -1
    j = stop - 1
    for at_line in range(line, end, C_WORDS):
        start = cells[at + A_WINDOWS + plan[at_line + C_WINDOW]]
        while j >= start:
            r = base + j * row
            if rows[r + R_MASK] & mask != 0:
                count += 1
                if match_at < 0 and j < present:
                    match_at = j
                v = rows[r + column]
                if v != MISSING:
                    values += 1
                    total += v
                    first_at = j
                    if last_at < 0 and j < present:
                        last_at = j
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
        cells[cell + COUNT_] = count
        cells[cell + VALUES] = values
        cells[cell + SUM_] = total
        cells[cell + SQ_LOW] = low
        cells[cell + SQ_HIGH] = high
        cells[cell + MIN_AT] = min_at
        cells[cell + MAX_AT] = max_at
        cells[cell + FIRST_AT] = first_at
        cells[cell + LAST_AT] = last_at
        cells[cell + MATCH_AT] = match_at
        cell += CELL
    return cell


@inner
def _scan_distinct(
    rows: Ints,
    base: int,
    first: int,
    stop: int,
    present: int,
    plan: Ints,
    line: int,
    end: int,
    cells: Ints,
    at: int,
    cell: int,
    scratch: Ints,
) -> int:
    """The cells of one group that counts distinct values, with a set in scratch that is emptied by a new epoch; -> what follows."""
    row = plan[P_ROW]
    mask = plan[line + C_MASK]
    column = plan[line + C_COLUMN]
    table = plan[P_SCRATCH_SET]
    slots = 16
    while slots < 2 * (stop - first + 1):
        slots <<= 1
    scratch[S_EPOCH] += 1
    epoch = scratch[S_EPOCH]
    count = values = distinct = 0
    match_at = -1
    j = stop - 1
    for at_line in range(line, end, C_WORDS):
        start = cells[at + A_WINDOWS + plan[at_line + C_WINDOW]]
        while j >= start:
            r = base + j * row
            if rows[r + R_MASK] & mask != 0:
                count += 1
                if match_at < 0 and j < present:
                    match_at = j
                v = rows[r + column]
                if v != MISSING:
                    values += 1
                    x = table + 2 * (mix(v) & (slots - 1))
                    while scratch[x] == epoch and scratch[x + 1] != v:
                        x += 2
                        if x == table + 2 * slots:
                            x = table
                    if scratch[x] != epoch:
                        scratch[x] = epoch
                        scratch[x + 1] = v
                        distinct += 1
            j -= 1
        cells[cell + COUNT_] = count
        cells[cell + VALUES] = values
        cells[cell + MATCH_AT] = match_at
        cells[cell + DISTINCT_] = distinct
        cell += CELL
    return cell
