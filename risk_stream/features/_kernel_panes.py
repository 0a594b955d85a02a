"""Kernels: time panes, what is left of the rows that a cap dropped: count, sum, min and max per 31st of a window.

Each (group, window) that is asked for one of these has a ring of panes on a fixed grid of time: 31 cover
the window, the 32nd is being filled. A pane counts only where all that is in it lies inside the window: so a count
stays a lower bound, short of at most one pane. A key has panes from the moment its cap first drops a row.
"""

from __future__ import annotations

from risk_stream.features._jit import Bools, Ints, Word, inner
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
    P_GONE,
    P_SLOTS,
    PANE,
    PANES,
    PANES_CLASS,
    PANES_HEAD,
    PANES_RINGS,
    R_MASK,
    R_TIME,
    RG_COUNT,
    RG_HEAD,
    RG_LOW,
    RG_MAX,
    RG_MIN,
    RG_NEWEST,
    RG_SUM,
    RG_TO,
    RG_VALUES,
    RING,
)

__all__ = ["add_to_panes", "empty_rings", "fold_panes", "free_panes", "panes_for"]


@inner
def free_panes(heap: Ints, panes: int) -> None:
    """Give a key's panes back."""
    size_class: Word = heap[panes + PANES_CLASS]
    release(heap, panes, size_class)


@inner
def panes_for(heap: Ints, block: int, slots: int) -> Word:
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
    for ring in range(new + PANES_HEAD + had * RING, new + PANES_HEAD + slots * RING, RING):
        _empty_ring(heap, ring)
    if panes != 0:
        free_panes(heap, panes)
    set_caches(heap, block, new, accel_of(heap, block))
    return new


@inner
def empty_rings(heap: Ints, panes: int, stay: Bools) -> None:
    """Empty the rings that do not stay."""
    for ring in range(heap[panes + PANES_RINGS]):
        if ring >= len(stay) or not stay[ring]:
            _empty_ring(heap, panes + PANES_HEAD + ring * RING)


@inner
def _empty_ring(heap: Ints, ring: int) -> None:
    heap[ring + RG_NEWEST] = NEVER
    heap[ring + RG_LOW] = NEVER
    for pane in range(ring + RG_HEAD, ring + RING, PANE):
        heap[pane + N_TAG] = NEVER


@inner
def _width(window_ms: int) -> Word:
    """Of a window's panes, in ms."""
    return (window_ms + PANES - 2) // (PANES - 1)


@inner
def add_to_panes(heap: Ints, block: int, r: int, width: int, plan: Ints) -> None:
    """Put the row of `width` words at heap[r ...], which is no longer kept, into the key's panes."""
    time = heap[r + R_TIME]
    if time <= plan[P_GONE]:
        return
    panes = panes_for(heap, block, plan[P_SLOTS])
    if panes == 0:
        return
    for c in range(plan[P_CELLS]):
        line = plan[P_CELL_LINES] + c * C_WORDS
        slot = plan[line + C_SLOT]
        if slot < 0 or slot >= heap[panes + PANES_RINGS] or heap[r + R_MASK] & plan[line + C_MASK] == 0:
            continue
        tag = time // _width(plan[line + C_MS])
        ring = panes + PANES_HEAD + slot * RING
        pane = ring + RG_HEAD + (tag % PANES) * PANE
        if tag < heap[pane + N_TAG]:
            continue
        if tag != heap[ring + RG_NEWEST]:
            heap[ring + RG_LOW] = NEVER
            heap[ring + RG_NEWEST] = max(heap[ring + RG_NEWEST], tag)
        if tag > heap[pane + N_TAG] or heap[pane + N_FROM] <= plan[P_GONE]:
            heap[pane + N_TAG] = tag
            heap[pane + N_FROM] = time
            heap[pane + N_TO] = time
            heap[pane + N_COUNT] = 0
            heap[pane + N_VALUES] = 0
            heap[pane + N_SUM] = 0
        heap[pane + N_FROM] = min(heap[pane + N_FROM], time)
        heap[pane + N_TO] = max(heap[pane + N_TO], time)
        heap[pane + N_COUNT] += 1
        column = plan[line + C_COLUMN]
        v = heap[r + column] if column < width else MISSING
        if v != MISSING:
            first = heap[pane + N_VALUES] == 0
            heap[pane + N_MIN] = v if first else min(v, heap[pane + N_MIN])
            heap[pane + N_MAX] = v if first else max(v, heap[pane + N_MAX])
            heap[pane + N_VALUES] += 1
            heap[pane + N_SUM] += v


@inner
def fold_panes(
    heap: Ints, panes: int, slot: int, window_ms: int, after: int, upto: int
) -> tuple[Word, Word, Word, Word, Word]:
    """(count, values, sum, min, max) of the panes of one ring that lie wholly inside (after, upto]."""
    count = values = total = least = most = 0
    if slot >= heap[panes + PANES_RINGS]:
        return count, values, total, least, most
    ring = panes + PANES_HEAD + slot * RING
    low = after // _width(window_ms)
    pane = ring + RG_HEAD + (low % PANES) * PANE
    if heap[pane + N_TAG] != low or heap[pane + N_FROM] <= after:
        low += 1
    newest = heap[ring + RG_NEWEST]
    if newest < low:
        return count, values, total, least, most
    if heap[ring + RG_LOW] != low or heap[ring + RG_TO] > upto:
        _sum_up(heap, ring, low, upto)
    count = heap[ring + RG_COUNT]
    values = heap[ring + RG_VALUES]
    total = heap[ring + RG_SUM]
    least = heap[ring + RG_MIN]
    most = heap[ring + RG_MAX]
    pane = ring + RG_HEAD + (newest % PANES) * PANE
    if heap[pane + N_TO] <= upto:
        count += heap[pane + N_COUNT]
        if heap[pane + N_VALUES] != 0:
            least = heap[pane + N_MIN] if values == 0 else min(least, heap[pane + N_MIN])
            most = heap[pane + N_MAX] if values == 0 else max(most, heap[pane + N_MAX])
            values += heap[pane + N_VALUES]
            total += heap[pane + N_SUM]
    return count, values, total, least, most


@inner
def _sum_up(heap: Ints, ring: int, low: int, upto: int) -> None:
    """Put into a ring's head what its panes [low, newest) hold; it is good for later times until either end moves."""
    heap[ring + RG_LOW] = low
    heap[ring + RG_TO] = NEVER
    heap[ring + RG_COUNT] = 0
    heap[ring + RG_VALUES] = 0
    heap[ring + RG_SUM] = 0
    for pane in range(ring + RG_HEAD, ring + RING, PANE):
        if not (low <= heap[pane + N_TAG] < heap[ring + RG_NEWEST]):
            continue
        if heap[pane + N_TO] > upto:  # an event behind this pane: the sum is of use to it alone
            heap[ring + RG_LOW] = NEVER
            continue
        heap[ring + RG_TO] = max(heap[ring + RG_TO], heap[pane + N_TO])
        heap[ring + RG_COUNT] += heap[pane + N_COUNT]
        if heap[pane + N_VALUES] != 0:
            first = heap[ring + RG_VALUES] == 0
            heap[ring + RG_MIN] = heap[pane + N_MIN] if first else min(heap[ring + RG_MIN], heap[pane + N_MIN])
            heap[ring + RG_MAX] = heap[pane + N_MAX] if first else max(heap[ring + RG_MAX], heap[pane + N_MAX])
            heap[ring + RG_VALUES] += heap[pane + N_VALUES]
            heap[ring + RG_SUM] += heap[pane + N_SUM]
