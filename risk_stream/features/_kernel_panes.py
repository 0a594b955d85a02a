"""Kernels: time panes, what is left of the rows that a cap dropped: count, sum, min and max per 31st of a window.

Each (group, window) that is asked for one of these has a ring of panes on a fixed grid of time: 31 cover
the window, the 32nd is being filled. A pane counts only where all that is in it lies inside the window: so a count
stays a lower bound, short of at most one pane. A key has panes from the moment its cap first drops a row.
"""

from __future__ import annotations

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_heap import accel_of, allocate, class_for, copy, panes_of, release, set_caches
from risk_stream.features._words import (
    C_COLUMN,
    C_MASK,
    C_MS,
    C_SLOT,
    C_WORDS,
    MISSING,
    N_COUNT,
    N_FROM,
    N_MAX,
    N_MIN,
    N_SUM,
    N_TAG,
    N_TO,
    N_VALUES,
    NEVER,
    P_CELL_LINES,
    P_CELLS,
    P_SLOTS,
    PANE,
    PANES,
    PANES_CLASS,
    PANES_HEAD,
    PANES_RINGS,
    R_MASK,
    R_TIME,
    RING,
)

__all__ = ["add_to_panes", "fold_panes", "free_panes"]


@inner
def free_panes(heap: Ints, panes: int) -> None:
    """Give a key's panes back."""
    size_class: Word = heap[panes + PANES_CLASS]
    release(heap, panes, size_class)


@inner
def _panes_for(heap: Ints, block: int, slots: int) -> Word:
    """A key's panes with at least so many rings, made or enlarged; 0 where memory lacks or none is needed."""
    panes = panes_of(heap, block)
    had = heap[panes + PANES_RINGS] if panes != 0 else 0
    if slots == 0 or (panes != 0 and had >= slots):
        return panes
    size_class = class_for(PANES_HEAD + slots * RING)
    new = allocate(heap, size_class)
    if new == 0:
        return panes
    heap[new + PANES_CLASS] = size_class
    heap[new + PANES_RINGS] = slots
    copy(heap, panes + PANES_HEAD, new + PANES_HEAD, had * RING)
    for pane in range(had * PANES, slots * PANES):
        heap[new + PANES_HEAD + pane * PANE + N_TAG] = NEVER
    if panes != 0:
        free_panes(heap, panes)
    set_caches(heap, block, new, accel_of(heap, block))
    return new


@inner
def add_to_panes(heap: Ints, block: int, r: int, plan: Ints) -> None:
    """Put the row at heap[r ...], which is no longer kept, into the key's panes."""
    panes = _panes_for(heap, block, plan[P_SLOTS])
    if panes == 0:
        return
    time = heap[r + R_TIME]
    for c in range(plan[P_CELLS]):
        line = plan[P_CELL_LINES] + c * C_WORDS
        slot = plan[line + C_SLOT]
        if slot < 0 or slot >= heap[panes + PANES_RINGS] or heap[r + R_MASK] & plan[line + C_MASK] == 0:
            continue
        tag = time // ((plan[line + C_MS] + PANES - 2) // (PANES - 1))
        pane = panes + PANES_HEAD + slot * RING + (tag % PANES) * PANE
        if tag < heap[pane + N_TAG]:
            continue
        if tag > heap[pane + N_TAG]:
            heap[pane + N_TAG] = tag
            heap[pane + N_FROM] = time
            heap[pane + N_TO] = time
            heap[pane + N_COUNT] = 0
            heap[pane + N_VALUES] = 0
            heap[pane + N_SUM] = 0
        heap[pane + N_FROM] = min(heap[pane + N_FROM], time)
        heap[pane + N_TO] = max(heap[pane + N_TO], time)
        heap[pane + N_COUNT] += 1
        v = heap[r + plan[line + C_COLUMN]]
        if v != MISSING:
            first = heap[pane + N_VALUES] == 0
            heap[pane + N_MIN] = v if first else min(v, heap[pane + N_MIN])
            heap[pane + N_MAX] = v if first else max(v, heap[pane + N_MAX])
            heap[pane + N_VALUES] += 1
            heap[pane + N_SUM] += v


@inner
def fold_panes(heap: Ints, panes: int, slot: int, after: int, time: int) -> tuple[Word, Word, Word, Word, Word]:
    """(count, values, sum, min, max) of the panes of one ring that lie wholly inside (after, time]."""
    count = values = total = least = most = 0
    if slot >= heap[panes + PANES_RINGS]:
        return count, values, total, least, most
    ring = panes + PANES_HEAD + slot * RING
    for pane in range(ring, ring + RING, PANE):
        if heap[pane + N_TAG] != NEVER and heap[pane + N_FROM] > after and heap[pane + N_TO] <= time:
            count += heap[pane + N_COUNT]
            if heap[pane + N_VALUES] != 0:
                least = heap[pane + N_MIN] if values == 0 else min(least, heap[pane + N_MIN])
                most = heap[pane + N_MAX] if values == 0 else max(most, heap[pane + N_MAX])
                values += heap[pane + N_VALUES]
                total += heap[pane + N_SUM]
    return count, values, total, least, most
