"""Kernels: from cells to the values a rule sees, in natural units, and which of them are not exact."""

from __future__ import annotations

import numpy as np

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_look import look
from risk_stream.features._kernel_moments import deviation
from risk_stream.features._kernel_panes import fold_panes
from risk_stream.features._kernel_scan import start_of
from risk_stream.features._words import (
    CELL,
    COUNT_,
    DISTINCT_,
    F_CELL,
    F_COLUMN,
    F_KNOWN,
    F_MS,
    F_OP,
    F_SCALE,
    F_SLOT,
    F_STARTS,
    F_TEXT,
    F_WORDS,
    FIRST_AT,
    LAST_AT,
    MATCH_AT,
    MAX_AT,
    MIN_AT,
    OP_COUNT,
    OP_DISTINCT,
    OP_FIRST,
    OP_LAST,
    OP_MEAN,
    OP_MIN,
    OP_SEQUENCE,
    OP_SINCE,
    OP_STD,
    OP_SUM,
    P_CELLS_AT,
    P_GONE,
    P_OUTPUT_LINES,
    P_OUTPUTS,
    P_ROW,
    R_TIME,
    SQ_HIGH,
    SQ_LOW,
    SUM_,
    VALUES,
)

__all__ = ["emit", "no_outputs"]


@inner
def _with_panes(op: int, kept: int, values: int, least: int, most: int) -> Word:
    """The smallest or largest value of the rows kept, if there are values, and of panes that hold some."""
    if op == OP_MIN:
        return least if values == 0 else min(kept, least)
    return most if values == 0 else max(kept, most)


@inner
def _row_asked(heap: Ints, cell: int, op: int) -> Word:
    """The row whose value is the output, -1 for none."""
    if op == OP_LAST:
        return heap[cell + LAST_AT]
    if heap[cell + VALUES] == 0:
        return -1
    if op == OP_FIRST:
        return heap[cell + FIRST_AT]
    return heap[cell + (MIN_AT if op == OP_MIN else MAX_AT)]


@inner
def _window_after(plan: Ints, line: int, time: int) -> Word:
    """The time after which rows are in an output's window as of `time`."""
    periods = plan[line + F_STARTS]
    return time - plan[line + F_MS] if periods == 0 else start_of(plan, periods, time) - 1


@inner
def _is_bound(heap: Ints, base: int, row: int, cell: int, op: int, unseen: int) -> Word:
    """1 where a window reaches back behind what is there, but 0 where the newest row is asked for and there."""
    if op == OP_LAST:
        at = heap[cell + LAST_AT]
    elif op == OP_SINCE:
        at = heap[cell + MATCH_AT]
    else:
        return 1
    return 0 if at >= 0 and heap[base + at * row + R_TIME] > unseen else 1


@inner
def _since(heap: Ints, base: int, row: int, cell: int, time: int) -> float:
    """The seconds since the latest match before the present event."""
    at = heap[cell + MATCH_AT]
    return (time - heap[base + at * row + R_TIME]) / 1000.0 if at >= 0 else np.nan


@inner
def emit(
    heap: Ints,
    base: int,
    stop: int,
    present: int,
    time: int,
    plan: Ints,
    at: int,
    panes: int,
    upto: int,
    trunc: int,
    columns: Ints,
    out: Ints,
    i: int,
) -> Word:
    """Write the outputs of event i, a float64's bits or a text's hash; -> flags, bit f where f is not exact.

    The cells at `at` are as of the event, whose row is `present` or would be there, and of the rows before `stop`. Of
    the panes, those with nothing behind the time `upto` are taken in.
    """
    row = plan[P_ROW]
    flags = 0
    for f in range(plan[P_OUTPUTS]):
        line = plan[P_OUTPUT_LINES] + f * F_WORDS
        op = plan[line + F_OP]
        cell = at + plan[P_CELLS_AT] + plan[line + F_CELL] * CELL
        scale = np.float64(plan[line + F_SCALE])
        after = _window_after(plan, line, time)
        values = heap[cell + VALUES]
        extra = more = added = least = most = 0
        unseen = max(trunc, plan[line + F_KNOWN])
        if after < unseen:
            flags |= _is_bound(heap, base, row, cell, op, unseen) << f
            if panes != 0 and plan[line + F_SLOT] >= 0:
                extra, more, added, least, most = fold_panes(
                    heap, panes, plan[line + F_SLOT], plan[line + F_MS], max(after, plan[P_GONE]), upto
                )
        result = np.nan
        if op == OP_COUNT:
            result = np.float64(heap[cell + COUNT_] + extra)
        elif op == OP_SUM:
            result = (heap[cell + SUM_] + added) / scale
        elif op == OP_MEAN:
            result = (heap[cell + SUM_] + added) / ((values + more) * scale)  # 0 / 0 is missing
        elif op == OP_DISTINCT:
            result = np.float64(heap[cell + DISTINCT_])
        elif op == OP_SINCE:
            result = _since(heap, base, row, cell, time)
        elif op == OP_STD:
            result = deviation(heap[cell + SUM_], heap[cell + SQ_LOW], heap[cell + SQ_HIGH], values) / scale
        elif op >= OP_SEQUENCE:
            result = look(heap, base, stop, present, time, plan, line, at, columns, i)
        else:
            asked = _row_asked(heap, cell, op)
            v = heap[base + asked * row + plan[line + F_COLUMN]] if asked >= 0 else 0
            if plan[line + F_TEXT] != 0:
                out[i, f] = v
                continue
            if more != 0:
                v = _with_panes(op, v, values, least, most)
            if asked >= 0 or more != 0:
                result = v / scale
        out[i, f] = np.float64(result).view(np.int64)
    return flags


@inner
def no_outputs(plan: Ints, out: Ints, i: int) -> None:
    """Write that all outputs of event i are missing."""
    for f in range(plan[P_OUTPUTS]):
        text = plan[plan[P_OUTPUT_LINES] + f * F_WORDS + F_TEXT] != 0
        out[i, f] = 0 if text else np.float64(np.nan).view(np.int64)
