"""Kernels: from cells to the values a rule sees, in natural units, and which of them are not exact."""

from __future__ import annotations

import math

import numpy as np

from risk_stream.features._jit import Ints, inner
from risk_stream.features._kernel_heap import below, mul_high
from risk_stream.features._kernel_panes import fold_panes
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
    OP_SINCE,
    OP_STD,
    OP_SUM,
    P_CELLS_AT,
    P_KNOWN,
    P_LONGEST,
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
def _deviation(total: int, low: int, high: int, n: int) -> float:
    """The standard deviation of n integers from their sum and 128-bit sum of squares.

    With k the mean to the nearest integer, sum((v - k)**2) = Q - k (2 S - n k) is exact in 128 bits, and what is left,
    (mean - k)**2, is at most half of its n-th: nothing cancels.
    """
    k = np.int64(np.rint(total / n))
    rest = total - n * k
    k += np.int64(np.rint(rest / n))
    rest = total - n * k
    product = k * (total + rest)
    d_low = low - product
    d_high = high - mul_high(k, total + rest) - below(low, product)
    squares = np.float64(d_high) * 18446744073709551616.0 + np.float64(np.uint64(d_low))
    return math.sqrt(max(squares / n - (rest / n) * (rest / n), 0.0))


@inner
def emit(heap: Ints, base: int, time: int, plan: Ints, at: int, panes: int, trunc: int, out: Ints, i: int) -> int:
    """Write the outputs of event i, as the bits of float64 or a text's hash; -> flags, bit f set where output f is not exact."""
    row = plan[P_ROW]
    flags = 0
    doubtful = time - plan[P_LONGEST] < max(trunc, plan[P_KNOWN])
    for f in range(plan[P_OUTPUTS]):
        line = plan[P_OUTPUT_LINES] + f * F_WORDS
        op = plan[line + F_OP]
        cell = at + plan[P_CELLS_AT] + plan[line + F_CELL] * CELL
        column = plan[line + F_COLUMN]
        scale = np.float64(plan[line + F_SCALE])
        after = time - plan[line + F_MS]
        count = heap[cell + COUNT_]
        values = heap[cell + VALUES]
        total = heap[cell + SUM_]
        more = least = most = 0
        if doubtful and after < max(trunc, plan[line + F_KNOWN]):
            flags |= 1 << f
            if panes != 0 and plan[line + F_SLOT] >= 0:
                extra, more, added, least, most = fold_panes(heap, panes, plan[line + F_SLOT], after, time)
                count += extra
                total += added
        result = np.nan
        found = -1
        if op == OP_COUNT:
            result = np.float64(count)
        elif op == OP_SUM:
            result = total / scale
        elif op == OP_DISTINCT:
            result = np.float64(heap[cell + DISTINCT_])
        elif op == OP_SINCE:
            if heap[cell + MATCH_AT] >= 0:
                result = (time - heap[base + heap[cell + MATCH_AT] * row + R_TIME]) / 1000.0
        elif op == OP_LAST:
            found = heap[cell + LAST_AT]
        elif values + more == 0:
            pass
        elif op == OP_MEAN:
            result = total / ((values + more) * scale)
        elif op == OP_STD:
            if values != 0:
                result = _deviation(total, heap[cell + SQ_LOW], heap[cell + SQ_HIGH], values) / scale
        elif op == OP_FIRST:
            found = heap[cell + FIRST_AT]
        else:
            v = least if op == OP_MIN else most
            if values != 0:
                kept = heap[base + heap[cell + (MIN_AT if op == OP_MIN else MAX_AT)] * row + column]
                v = kept if more == 0 else (min(v, kept) if op == OP_MIN else max(v, kept))
            result = v / scale
        if op == OP_FIRST or op == OP_LAST:
            if plan[line + F_TEXT] != 0:
                out[i, f] = heap[base + found * row + column] if found >= 0 else 0
                continue
            if found >= 0:
                result = heap[base + found * row + column] / scale
        out[i, f] = np.float64(result).view(np.int64)
    return flags


@inner
def no_outputs(plan: Ints, out: Ints, i: int) -> None:
    """Write that all outputs of event i are missing."""
    for f in range(plan[P_OUTPUTS]):
        text = plan[plan[P_OUTPUT_LINES] + f * F_WORDS + F_TEXT] != 0
        out[i, f] = 0 if text else np.float64(np.nan).view(np.int64)
