"""Kernels: cursors, cells that stand at an earlier place of one key's long log and are moved on from event to event.

Events that are judged again are asked for in order, as before a block and then as after it: each run begins at about
the same place. Two cursors serve that. The *lagging* one stays where runs begin, and moves on when the next begins
further on; the *running* one starts from it as a copy and follows a run. A cursor is like the accel, but of the rows
before its stop. Both stand in scratch, and are of one key each.
"""

from __future__ import annotations

from typing import Final

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_accel import finish, step, table_slots
from risk_stream.features._kernel_heap import copy
from risk_stream.features._kernel_late import make_way, rewind
from risk_stream.features._kernel_scan import scan
from risk_stream.features._words import (
    A_FIRST,
    A_STOP,
    A_TABLE,
    A_TABLES,
    A_TIME,
    G_TABLE,
    G_WORDS,
    H_LAGGING,
    H_RUNNING,
    P_CELLS_AT,
    P_CURSORS,
    P_GROUPS_AT,
    P_ROW,
    P_SCAN,
    P_SCRATCH_CELLS,
    P_TABLES,
    P_TABLES_AT,
    R_TIME,
    RECENT,
)

__all__ = ["cells_behind", "take_in"]

#: Rows that a running cursor is moved on rather than that the accel is gone back from.
STRIDE: Final = 16


@inner
def take_in(heap: Ints, block: int, base: int, first: int, place: int, time: int, plan: Ints) -> None:
    """A row has just been put at `place` of a key's log: the cursors behind it take it in too, or are given up."""
    lagging = plan[P_CURSORS]
    if heap[H_LAGGING] == block and not _take_in(heap, base, first, place, time, plan, lagging):
        heap[H_LAGGING] = 0
    if heap[H_RUNNING] == block and not _take_in(heap, base, first, place, time, plan, _running(heap, plan)):
        heap[H_RUNNING] = 0


@inner
def _take_in(heap: Ints, base: int, first: int, place: int, time: int, plan: Ints, cursor: int) -> bool:
    """The same of one cursor; False where it is given up."""
    stop = heap[cursor + A_STOP]
    if place > stop or (place == stop and time >= heap[cursor + A_TIME]):
        return True
    if stop - place >= RECENT or heap[cursor + A_TABLES] == 0:
        return False
    make_way(heap, base, place, stop + 1, plan, cursor)
    step(heap, base, first, stop + 1, place, heap[cursor + A_TIME], plan, cursor)
    heap[cursor + A_STOP] = stop + 1
    heap[cursor + A_FIRST] = first
    return True


@inner
def cells_behind(
    heap: Ints, block: int, base: int, first: int, stop: int, end: int, place: int, time: int, plan: Ints, accel: int
) -> Word:
    """Where the cells are as of `time` and the rows before `stop`, of a log with rows up to `end`; 0 for no accel.

    Of what is there the nearest is moved on or gone back from; without any, the log is scanned.
    """
    cells: Word = plan[P_SCRATCH_CELLS]
    near = accel != 0 and end - stop <= RECENT
    reach = STRIDE if near else max(RECENT, (stop - first) >> 4)
    running = _running(heap, plan)
    if heap[H_RUNNING] == block and 0 <= stop - heap[running + A_STOP] <= reach:
        at = _as_of(heap, base, first, stop, place, time, plan, running)
        if at != 0:
            return at
    if near:
        rewind(heap, base, first, stop, end, place, time, plan, accel, cells)
        return cells
    if stop - first < plan[P_SCAN] or _words(heap, block, plan) > running - plan[P_CURSORS]:
        scan(heap, base, first, stop, place, time, plan, cells)
        return cells
    lagging: Word = plan[P_CURSORS]
    if heap[H_LAGGING] == block and -RECENT <= stop - heap[lagging + A_STOP] <= reach:
        at = _from_lagging(heap, block, base, first, stop, place, time, plan)
        if at != 0:
            return at
    if accel != 0:
        rewind(heap, base, first, stop, end, place, time, plan, accel, lagging)
    else:
        scan(heap, base, first, stop, place, time, plan, lagging)
    heap[lagging + A_TIME] = time
    heap[lagging + A_STOP] = stop
    heap[lagging + A_FIRST] = first
    heap[lagging + A_TABLES] = 0
    heap[H_LAGGING] = block
    if heap[H_RUNNING] == block:
        heap[H_RUNNING] = 0
    return lagging


@inner
def _running(heap: Ints, plan: Ints) -> Word:
    """Where the running cursor is: it has the second half of what is left of scratch."""
    return plan[P_CURSORS] + ((len(heap) - plan[P_CURSORS]) >> 1)


@inner
def _words(heap: Ints, block: int, plan: Ints) -> Word:
    """Of a cursor of this key."""
    return plan[P_TABLES_AT] + plan[P_TABLES] * (RECENT + table_slots(heap, block, plan))


@inner
def _from_lagging(heap: Ints, block: int, base: int, first: int, stop: int, place: int, time: int, plan: Ints) -> Word:
    """The cells by way of the lagging cursor, which is not far; 0 where that cannot be."""
    lagging = plan[P_CURSORS]
    if heap[lagging + A_TABLES] == 0:
        if heap[lagging + A_FIRST] != first:
            return 0
        heap[lagging + A_TABLE] = table_slots(heap, block, plan) - 1
        finish(heap, base, first, heap[lagging + A_STOP], heap[lagging + A_TIME], plan, lagging)
        heap[lagging + A_TABLES] = 1
    if stop <= heap[lagging + A_STOP] or heap[H_RUNNING] == block:
        # Another run begins, if the last one had gone further on: only then may this cursor move.
        moves = stop > heap[lagging + A_STOP]
        at = _as_of(heap, base, first, stop, place, time, plan, lagging)
        if moves:
            heap[H_RUNNING] = 0
        return at
    _copy_cursor(heap, plan, lagging, _running(heap, plan))
    heap[H_RUNNING] = block
    return _as_of(heap, base, first, stop, place, time, plan, _running(heap, plan))


@inner
def _copy_cursor(heap: Ints, plan: Ints, source: int, to: int) -> None:
    copy(heap, source, to, plan[P_TABLES_AT] + plan[P_TABLES] * (RECENT + heap[source + A_TABLE] + 1))
    for group in range(to + plan[P_GROUPS_AT], to + plan[P_CELLS_AT], G_WORDS):
        heap[group + G_TABLE] += to - source


@inner
def _as_of(heap: Ints, base: int, first: int, stop: int, place: int, time: int, plan: Ints, cursor: int) -> Word:
    """Move a cursor on to an event, or go back from it in scratch; -> where the cells are, 0 where it is of no use.

    It stands at most RECENT rows behind `stop`.
    """
    row = plan[P_ROW]
    stood = heap[cursor + A_STOP]
    if stood < stop:
        if heap[base + stood * row + R_TIME] < heap[cursor + A_TIME]:
            return 0  # of rows that came after it was asked for a later time
        for j in range(stood, stop):
            step(heap, base, first, j + 1, j, heap[base + j * row + R_TIME], plan, cursor)
        heap[cursor + A_STOP] = stop
        heap[cursor + A_FIRST] = first
        if place < stop:
            return cursor
    if place == stop == heap[cursor + A_STOP] and time >= heap[cursor + A_TIME]:
        step(heap, base, first, stop, stop, time, plan, cursor)
        heap[cursor + A_FIRST] = first
        return cursor
    if heap[cursor + A_FIRST] != first:
        stood = heap[cursor + A_STOP]
        step(heap, base, first, stood, stood, heap[cursor + A_TIME], plan, cursor)
        heap[cursor + A_FIRST] = first
    cells = plan[P_SCRATCH_CELLS]
    rewind(heap, base, first, stop, heap[cursor + A_STOP], place, time, plan, cursor, cells)
    return cells
