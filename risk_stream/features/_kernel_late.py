"""Kernels: an event that comes behind the newest rows of a long log, judged without looking at the whole log.

The accel stays at the key's newest row. `make_way` renumbers what it knows around a row that was put between others,
after which `step` takes the row in; `rewind` works out from it the cells as of an earlier moment: the few rows behind
that moment are taken out, the few that had expired since are put back. Per distinct group a ring says of each recent
row where its value was seen before: so it is known whether a value is still there without that row.
"""

from __future__ import annotations

from risk_stream.features._jit import Ints, inner
from risk_stream.features._kernel_accel import add, extremes_in, is_value, place_in, subtract
from risk_stream.features._kernel_scan import count_whole, limit_of, mix, scan_distinct, scan_group
from risk_stream.features._words import (
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
    LAST_AT,
    MATCH_AT,
    MAX_AT,
    MIN_AT,
    MISSING,
    NEED_EXTREMES,
    NEED_ROWS,
    NEED_SET,
    P_CELL_LINES,
    P_CELLS,
    P_CELLS_AT,
    P_GROUPS_AT,
    P_ROW,
    P_WINDOWS,
    R_MASK,
    R_TIME,
    RECENT,
    VALUES,
)

__all__ = ["make_way", "rewind"]


@inner
def make_way(heap: Ints, base: int, place: int, stop: int, plan: Ints, accel: int) -> None:
    """A row has just been put at `place`, and those behind it, up to `stop`, stand one further on: renumber them."""
    row = plan[P_ROW]
    time = heap[base + place * row + R_TIME]
    for w in range(plan[P_WINDOWS]):
        at = accel + A_WINDOWS + w
        expired = time <= limit_of(plan, w, heap[accel + A_TIME])
        if heap[at] > place or (heap[at] == place and expired):
            heap[at] += 1
    cell = accel + plan[P_CELLS_AT]
    for c in range(plan[P_CELLS]):
        line = plan[P_CELL_LINES] + c * C_WORDS
        for word in (MIN_AT, MAX_AT, FIRST_AT):
            if heap[cell + word] >= place:
                heap[cell + word] += 1
        cell += CELL
        if plan[line + C_WHOLE] == 0 and plan[line + C_SPAN] == 1:
            group = accel + plan[P_GROUPS_AT] + plan[line + C_GROUP] * G_WORDS
            for word in (G_MATCH, G_VALUE):
                if heap[group + word] >= place:
                    heap[group + word] += 1
            if plan[line + C_ALL] & NEED_SET:
                _renumber_values(heap, base, place, stop, plan, line, heap[group + G_TABLE], heap[accel + A_TABLE])


@inner
def _renumber_values(
    heap: Ints, base: int, place: int, stop: int, plan: Ints, line: int, table: int, slots: int
) -> None:
    """In a distinct group's table and ring: rows from `place` on are one further on."""
    row = plan[P_ROW]
    column = plan[line + C_COLUMN]
    ring = table - RECENT
    oldest = heap[ring + (stop - 1) % RECENT]  # of the row that leaves the ring, unless it is one further on
    for j in range(stop - 1, place, -1):
        if is_value(heap, base + j * row, plan, line):
            # Down from the newest: entries above j are renumbered already, those in [place, j) are not yet.
            v = heap[base + j * row + column]
            slot = mix(v) & slots
            while heap[table + slot] != 0:
                at = heap[table + slot] - 1
                if place <= at < j:
                    at += 1
                if heap[base + at * row + column] == v:
                    break
                slot = (slot + 1) & slots
            if heap[table + slot] == j:
                heap[table + slot] = j + 1
        if j >= stop - RECENT:
            before = heap[ring + (j - 1) % RECENT] if j > stop - RECENT else oldest
            heap[ring + j % RECENT] = before + 1 if before > place else before


@inner
def rewind(
    heap: Ints,
    base: int,
    first: int,
    stop: int,
    end: int,
    present: int,
    time: int,
    plan: Ints,
    accel: int,
    at: int,
) -> None:
    """Fill the cells at `at` as of `time` and the rows before `stop` from an accel that stands at the row before `end`.

    A group is gone back from where that is less work than to scan it; distinct values can be for RECENT rows only.
    """
    row = plan[P_ROW]
    for w in range(plan[P_WINDOWS]):
        limit = limit_of(plan, w, time)
        j = min(heap[accel + A_WINDOWS + w], stop)
        while j > first and heap[base + (j - 1) * row + R_TIME] > limit:
            j -= 1
        heap[at + A_WINDOWS + w] = j
    line = plan[P_CELL_LINES]
    stop_line = line + plan[P_CELLS] * C_WORDS
    cell = at + plan[P_CELLS_AT]
    while line < stop_line:
        next_line = line + plan[line + C_SPAN] * C_WORDS
        longest = heap[at + A_WINDOWS + plan[next_line - C_WORDS + C_WINDOW]]
        distinct = plan[line + C_ALL] & NEED_SET != 0
        far = end - stop > RECENT and (distinct or 2 * (end - stop) > stop - longest)
        if far and plan[line + C_WHOLE] == 0:
            if distinct:
                cell = scan_distinct(heap, base, first, stop, present, plan, line, next_line, at, cell)
            else:
                cell = scan_group(heap, base, stop, present, plan, line, next_line, at, cell)
        else:
            for at_line in range(line, next_line, C_WORDS):
                _rewind_cell(heap, base, first, stop, end, present, plan, at_line, accel, at, cell)
                cell += CELL
        line = next_line


@inner
def _rewind_cell(
    heap: Ints,
    base: int,
    first: int,
    stop: int,
    end: int,
    present: int,
    plan: Ints,
    line: int,
    accel: int,
    at: int,
    cell: int,
) -> None:
    """One cell, where the starts of windows at `at` are right already."""
    now = accel + cell - at
    start = heap[at + A_WINDOWS + plan[line + C_WINDOW]]
    was = heap[accel + A_WINDOWS + plan[line + C_WINDOW]]
    if plan[line + C_WHOLE] != 0:
        count_whole(heap, cell, start, stop, present)
    elif was < stop:
        group = accel + plan[P_GROUPS_AT] + plan[line + C_GROUP] * G_WORDS
        for word in range(CELL):
            heap[cell + word] = heap[now + word]
        _rewind_sums(heap, base, start, was, stop, end, plan, line, cell, group, heap[accel + A_TABLE])
        if plan[line + C_NEED] & NEED_EXTREMES:
            _rewind_extremes(heap, base, start, was, stop, plan, line, cell)
        _rewind_rows(heap, base, start, was, stop, present, plan, line, cell, group)
    elif plan[line + C_ALL] & NEED_SET:  # a window so short that all it knows lies behind `time`
        scan_distinct(heap, base, first, stop, present, plan, line, line + C_WORDS, at, cell)
    else:
        scan_group(heap, base, stop, present, plan, line, line + C_WORDS, at, cell)


@inner
def _rewind_sums(
    heap: Ints,
    base: int,
    start: int,
    was: int,
    stop: int,
    end: int,
    plan: Ints,
    line: int,
    cell: int,
    group: int,
    slots: int,
) -> None:
    """Counts and sums: without the rows [stop, end), with the rows [start, was)."""
    row = plan[P_ROW]
    mask = plan[line + C_MASK]
    column = plan[line + C_COLUMN]
    need = plan[line + C_NEED]
    table = heap[group + G_TABLE] if need & NEED_SET else 0
    for j in range(stop, end):
        r = base + j * row
        if heap[r + R_MASK] & mask != 0:
            heap[cell + COUNT_] -= 1
            v = heap[r + column]
            if v != MISSING:
                subtract(heap, cell, need, v)
                if need & NEED_SET and heap[table - RECENT + j % RECENT] - 1 < start:
                    heap[cell + DISTINCT_] -= 1  # the first row with this value behind `stop`, and none before it
    for j in range(start, was):
        r = base + j * row
        if heap[r + R_MASK] & mask != 0:
            heap[cell + COUNT_] += 1
            v = heap[r + column]
            if v != MISSING:
                add(heap, cell, need, v)
                if need & NEED_SET and heap[place_in(heap, base, row, table, slots, v, column)] == j + 1:
                    heap[cell + DISTINCT_] += 1


@inner
def _rewind_extremes(heap: Ints, base: int, start: int, was: int, stop: int, plan: Ints, line: int, cell: int) -> None:
    """The rows of the extremes: looked for anew only where one of them lies behind `stop`."""
    row = plan[P_ROW]
    column = plan[line + C_COLUMN]
    least = heap[cell + MIN_AT]
    most = heap[cell + MAX_AT]
    if least >= stop or most >= stop:
        extremes_in(heap, base, start, stop, plan, line, cell)
        return
    for j in range(start, was):
        if is_value(heap, base + j * row, plan, line):
            v = heap[base + j * row + column]
            if least < 0 or v < heap[base + least * row + column]:
                least = j
            if most < 0 or v > heap[base + most * row + column]:
                most = j
    heap[cell + MIN_AT] = least
    heap[cell + MAX_AT] = most


@inner
def _rewind_rows(
    heap: Ints, base: int, start: int, was: int, stop: int, present: int, plan: Ints, line: int, cell: int, group: int
) -> None:
    """The first value, and the latest match and value before the present event, from counts that are right already."""
    row = plan[P_ROW]
    mask = plan[line + C_MASK]
    matches = heap[cell + COUNT_]
    values = heap[cell + VALUES]
    if present < stop and heap[base + present * row + R_MASK] & mask != 0:
        matches -= 1
        if is_value(heap, base + present * row, plan, line):
            values -= 1
    j = -1
    if matches > 0:
        j = min(heap[group + G_MATCH], present - 1)
        while heap[base + j * row + R_MASK] & mask == 0:
            j -= 1
    heap[cell + MATCH_AT] = j
    if plan[line + C_NEED] & NEED_ROWS == 0:
        return
    j = -1
    if values > 0:
        j = min(heap[group + G_VALUE], present - 1)
        while not is_value(heap, base + j * row, plan, line):
            j -= 1
    heap[cell + LAST_AT] = j
    for k in range(start, was):
        if is_value(heap, base + k * row, plan, line):
            heap[cell + FIRST_AT] = k
            return
    if heap[cell + VALUES] == 0:
        heap[cell + FIRST_AT] = -1
