"""Kernels: the accel, a long log's cells kept from event to event and moved in O(rows that expired).

It holds what `scan` would return as of the key's latest event, and per distinct group a table value -> latest row.
It is volatile: dropped when the block is compacted, when the plan changes and when a row comes far behind others.
"""

from __future__ import annotations

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_heap import (
    allocate,
    below,
    block_class,
    class_for,
    class_words,
    clear,
    mul_high,
    panes_of,
    release,
    set_caches,
)
from risk_stream.features._kernel_scan import count_whole, limit_of, mix
from risk_stream.features._words import (
    A_CLASS,
    A_EPOCH,
    A_TABLE,
    A_TIME,
    A_WINDOWS,
    C_ALL,
    C_COLUMN,
    C_GROUP,
    C_MASK,
    C_NEED,
    C_SPAN,
    C_WHOLE,
    C_WINDOW,
    C_WORDS,
    CELL,
    COUNT_,
    DISTINCT_,
    FIRST_AT,
    G_MATCH,
    G_TABLE,
    G_VALUE,
    G_WORDS,
    HEADER,
    LAST_AT,
    MATCH_AT,
    MAX_AT,
    MIN_AT,
    MISSING,
    NEED_EXTREMES,
    NEED_ROWS,
    NEED_SET,
    NEED_SQUARES,
    NEED_SUM,
    P_CELL_LINES,
    P_CELLS,
    P_CELLS_AT,
    P_EPOCH,
    P_GROUPS_AT,
    P_ROW,
    P_SCRATCH_STARTS,
    P_TABLES,
    P_TABLES_AT,
    P_WINDOWS,
    R_MASK,
    R_TIME,
    RECENT,
    SQ_HIGH,
    SQ_LOW,
    SUM_,
    VALUES,
)

__all__ = [
    "add",
    "extremes_in",
    "finish",
    "has_room_for_accel",
    "is_value",
    "new_accel",
    "place_in",
    "step",
    "subtract",
    "table_slots",
]


@inner
def is_value(heap: Ints, r: int, plan: Ints, line: int) -> bool:
    """Whether the row at heap[r ...] matches a cell's mask and has a value in its column."""
    return bool(heap[r + R_MASK] & plan[line + C_MASK] != 0 and heap[r + plan[line + C_COLUMN]] != MISSING)


@inner
def place_in(heap: Ints, base: int, row: int, table: int, mask: int, value: int, column: int) -> Word:
    """Where in a distinct table a value's latest row is, or would be."""
    slot = mix(value) & mask
    while heap[table + slot] != 0 and heap[base + (heap[table + slot] - 1) * row + column] != value:
        slot = (slot + 1) & mask
    return table + slot


@inner
def table_slots(heap: Ints, block: int, plan: Ints) -> Word:
    """Slots of a distinct table for as many rows as a key's block has room for."""
    slots = 16
    while slots < 2 * ((class_words(block_class(heap, block)) - HEADER) // plan[P_ROW]):
        slots <<= 1
    return slots


@inner
def _accel_class(heap: Ints, block: int, plan: Ints) -> Word:
    """The size class of a key's accel."""
    return class_for(plan[P_TABLES_AT] + plan[P_TABLES] * (RECENT + table_slots(heap, block, plan)))


@inner
def has_room_for_accel(heap: Ints, block: int, plan: Ints) -> bool:
    """Whether a key's accel could be had now."""
    size_class = _accel_class(heap, block, plan)
    accel = allocate(heap, size_class)
    if accel == 0:
        return False
    release(heap, accel, size_class)
    return True


@inner
def new_accel(heap: Ints, block: int, plan: Ints) -> Word:
    """A key's accel, its cells still to be filled; 0 where memory lacks."""
    size_class = _accel_class(heap, block, plan)
    accel = allocate(heap, size_class)
    if accel != 0:
        set_caches(heap, block, panes_of(heap, block), accel)
        heap[accel + A_EPOCH] = plan[P_EPOCH]
        heap[accel + A_CLASS] = size_class
        heap[accel + A_TABLE] = table_slots(heap, block, plan) - 1
    return accel


@inner
def finish(heap: Ints, base: int, first: int, stop: int, time: int, plan: Ints, accel: int) -> None:
    """Add to an accel's cells, just scanned, what `step` needs besides: each group's latest rows and distinct table."""
    row = plan[P_ROW]
    slots = heap[accel + A_TABLE] + 1
    heap[accel + A_TIME] = time
    table = accel + plan[P_TABLES_AT]
    line = plan[P_CELL_LINES]
    stop_line = line + plan[P_CELLS] * C_WORDS
    while line < stop_line:
        next_line = line + plan[line + C_SPAN] * C_WORDS
        if plan[line + C_WHOLE] != 0:
            line = next_line
            continue
        group = accel + plan[P_GROUPS_AT] + plan[line + C_GROUP] * G_WORDS
        mask = plan[line + C_MASK]
        column = plan[line + C_COLUMN]
        last_match = last_value = -1
        j = stop - 1
        while j >= first and last_value < 0:
            r = base + j * row
            if heap[r + R_MASK] & mask != 0:
                last_match = max(last_match, j)
                if heap[r + column] != MISSING:
                    last_value = j
            j -= 1
        heap[group + G_MATCH] = last_match
        heap[group + G_VALUE] = last_value
        if plan[line + C_ALL] & NEED_SET:
            table += RECENT
            heap[group + G_TABLE] = table
            clear(heap, table, slots)
            for k in range(first, last_value + 1):
                if is_value(heap, base + k * row, plan, line):
                    at = place_in(heap, base, row, table, slots - 1, heap[base + k * row + column], column)
                    heap[table - RECENT + k % RECENT] = heap[at]
                    heap[at] = k + 1
            table += slots
        line = next_line


@inner
def step(heap: Ints, base: int, first: int, stop: int, present: int, time: int, plan: Ints, accel: int) -> None:
    """Move an accel on to `time` and, where the present event has a row (present < stop), to that row."""
    row = plan[P_ROW]
    heap[accel + A_TIME] = time
    for w in range(plan[P_WINDOWS]):
        start = heap[accel + A_WINDOWS + w]
        limit = limit_of(plan, w, time)
        heap[plan[P_SCRATCH_STARTS] + w] = start
        while start < stop and (start < first or heap[base + start * row + R_TIME] <= limit):
            start += 1
        heap[accel + A_WINDOWS + w] = start
    cell = accel + plan[P_CELLS_AT]
    for c in range(plan[P_CELLS]):
        line = plan[P_CELL_LINES] + c * C_WORDS
        old = heap[plan[P_SCRATCH_STARTS] + plan[line + C_WINDOW]]
        start = heap[accel + A_WINDOWS + plan[line + C_WINDOW]]
        if plan[line + C_WHOLE] != 0:
            count_whole(heap, cell, start, stop, present)
            cell += CELL
            continue
        group = accel + plan[P_GROUPS_AT] + plan[line + C_GROUP] * G_WORDS
        _step_cell(heap, base, old, start, stop, present, plan, line, cell, group, heap[accel + A_TABLE])
        cell += CELL
        if present < stop and plan[line + C_SPAN] == 1:
            _publish(heap, base, stop, present, plan, line, group, heap[accel + A_TABLE])


@inner
def _publish(heap: Ints, base: int, stop: int, present: int, plan: Ints, line: int, group: int, slots: int) -> None:
    """After a group's last cell: the present row is known to it, most often as its latest."""
    row = plan[P_ROW]
    r = base + present * row
    if heap[r + R_MASK] & plan[line + C_MASK] == 0:
        return
    heap[group + G_MATCH] = max(heap[group + G_MATCH], present)
    column = plan[line + C_COLUMN]
    v = heap[r + column]
    if v == MISSING:
        return
    heap[group + G_VALUE] = max(heap[group + G_VALUE], present)
    if plan[line + C_ALL] & NEED_SET:
        ring = heap[group + G_TABLE] - RECENT
        at = place_in(heap, base, row, heap[group + G_TABLE], slots, v, column)
        if heap[at] - 1 < present:
            if stop - present <= RECENT:
                heap[ring + present % RECENT] = heap[at]
            heap[at] = present + 1
        else:  # seen behind it already: put between
            j = present + 1
            while not (is_value(heap, base + j * row, plan, line) and heap[base + j * row + column] == v):
                j += 1
            if stop - present <= RECENT:
                heap[ring + present % RECENT] = heap[ring + j % RECENT]
            if stop - j <= RECENT:
                heap[ring + j % RECENT] = present + 1


@inner
def add(heap: Ints, cell: int, need: int, v: int) -> None:
    """Take a value into a cell's sums."""
    heap[cell + VALUES] += 1
    if need & NEED_SUM:
        heap[cell + SUM_] += v
    if need & NEED_SQUARES:
        heap[cell + SQ_LOW] += v * v
        heap[cell + SQ_HIGH] += mul_high(v, v) + below(heap[cell + SQ_LOW], v * v)


@inner
def subtract(heap: Ints, cell: int, need: int, v: int) -> None:
    """Take a value out of a cell's sums."""
    heap[cell + VALUES] -= 1
    if need & NEED_SUM:
        heap[cell + SUM_] -= v
    if need & NEED_SQUARES:
        heap[cell + SQ_HIGH] -= mul_high(v, v) + below(heap[cell + SQ_LOW], v * v)
        heap[cell + SQ_LOW] -= v * v


@inner
def _step_cell(
    heap: Ints,
    base: int,
    old: int,
    start: int,
    stop: int,
    present: int,
    plan: Ints,
    line: int,
    cell: int,
    group: int,
    slots: int,
) -> None:
    """One cell: take the rows [old, start) out, put the present row in, if the window reaches back to it."""
    row = plan[P_ROW]
    mask = plan[line + C_MASK]
    column = plan[line + C_COLUMN]
    need = plan[line + C_NEED]
    table = heap[group + G_TABLE] if need & NEED_SET else 0
    gone = present if old <= present < start else start  # a row so old that it is in no window never was in the cell
    for j in range(old, gone):
        r = base + j * row
        if heap[r + R_MASK] & mask != 0:
            heap[cell + COUNT_] -= 1
            v = heap[r + column]
            if v != MISSING:
                subtract(heap, cell, need, v)
                if need & NEED_SET and heap[place_in(heap, base, row, table, slots, v, column)] == j + 1:
                    heap[cell + DISTINCT_] -= 1
    joins = False
    r = base + present * row
    if start <= present < stop and heap[r + R_MASK] & mask != 0:
        heap[cell + COUNT_] += 1
        v = heap[r + column]
        joins = v != MISSING
        if joins:
            add(heap, cell, need, v)
            if need & NEED_SET and heap[place_in(heap, base, row, table, slots, v, column)] - 1 < start:
                heap[cell + DISTINCT_] += 1
    if need & NEED_EXTREMES:
        _step_extremes(heap, base, start, stop, present, joins, plan, line, cell)
    last = heap[group + G_MATCH]
    heap[cell + MATCH_AT] = last if last >= start else -1
    if need & NEED_ROWS:
        last = heap[group + G_VALUE]
        heap[cell + LAST_AT] = last if last >= start else -1
        at = max(heap[cell + FIRST_AT], start)
        if joins:
            at = min(at, present)
        if heap[cell + VALUES] == 0:
            at = -1
        while at >= 0 and not is_value(heap, base + at * row, plan, line):
            at += 1
        heap[cell + FIRST_AT] = at


@inner
def _step_extremes(
    heap: Ints, base: int, start: int, stop: int, present: int, joins: bool, plan: Ints, line: int, cell: int
) -> None:
    """The rows of the smallest and largest value: looked for anew only when one of them has expired."""
    row = plan[P_ROW]
    column = plan[line + C_COLUMN]
    least = heap[cell + MIN_AT]
    most = heap[cell + MAX_AT]
    if (0 <= least < start) or (0 <= most < start):
        extremes_in(heap, base, start, stop, plan, line, cell)
    elif joins:
        v = heap[base + present * row + column]
        if least < 0 or v <= heap[base + least * row + column]:
            heap[cell + MIN_AT] = present
        if most < 0 or v >= heap[base + most * row + column]:
            heap[cell + MAX_AT] = present


@inner
def extremes_in(heap: Ints, base: int, start: int, stop: int, plan: Ints, line: int, cell: int) -> None:
    """Look for the rows of the smallest and largest value in [start, stop)."""
    row = plan[P_ROW]
    column = plan[line + C_COLUMN]
    least = most = -1
    for j in range(start, stop):
        if is_value(heap, base + j * row, plan, line):
            v = heap[base + j * row + column]
            if least < 0 or v <= heap[base + least * row + column]:
                least = j
            if most < 0 or v >= heap[base + most * row + column]:
                most = j
    heap[cell + MIN_AT] = least
    heap[cell + MAX_AT] = most
