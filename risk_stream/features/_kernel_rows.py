"""Kernels: the rows of one key: made room for, put in their place in time, dropped by the cap."""

from __future__ import annotations

from typing import Final

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_heap import (
    accel_of,
    allocate,
    block_class,
    class_for,
    class_words,
    copy,
    end_row,
    first_row,
    give_back,
    panes_of,
    release,
    row_words,
    set_caches,
)
from risk_stream.features._kernel_index import moved
from risk_stream.features._kernel_panes import add_to_panes
from risk_stream.features._words import (
    A_CLASS,
    B_SHAPE,
    B_SPAN,
    B_TRUNC,
    H_DROPPED,
    H_EARLY,
    H_LAGGING,
    H_LIVE,
    H_ROWS,
    H_RUNNING,
    HEADER,
    MISSING,
    P_BLOCK,
    P_COLUMNS,
    P_KEEP,
    P_ROW,
    P_SOURCES,
    P_TEXTS,
    R_ID,
    R_MASK,
    R_TIME,
    R_VALUES,
)

__all__ = [
    "drop_accel",
    "drop_caches",
    "drop_oldest",
    "halve",
    "is_full",
    "is_row",
    "make_room",
    "open_row",
    "place_of",
    "write_row",
]

#: Rows from the newest that are looked at one by one for an event's place, before the rest is halved.
NEAR: Final = 16


@inner
def drop_accel(heap: Ints, block: int) -> None:
    """Forget a key's accel; it is rebuilt when it is next worth it."""
    accel = accel_of(heap, block)
    if accel != 0:
        release(heap, accel, heap[accel + A_CLASS])
        set_caches(heap, block, panes_of(heap, block), 0)


@inner
def drop_caches(heap: Ints, block: int) -> None:
    """Forget a key's accel and the cursors on its log: its rows are about to get other places."""
    drop_accel(heap, block)
    if heap[H_LAGGING] == block:
        heap[H_LAGGING] = 0
    if heap[H_RUNNING] == block:
        heap[H_RUNNING] = 0


@inner
def is_full(heap: Ints, block: int, row: int) -> bool:
    """Whether there is no room behind the newest row, or the rows are narrower than the plan's."""
    if row_words(heap, block) != row:
        return True
    room = class_words(block_class(heap, block)) - HEADER
    return bool((end_row(heap, block) + 1) * row > room)


@inner
def _trim(heap: Ints, block: int, keep_from: int) -> Word:
    """Drop rows that no window can reach any more; -> index of the first that stays."""
    row = row_words(heap, block)
    first = first_row(heap, block)
    end = end_row(heap, block)
    start = first
    while first < end and heap[block + HEADER + first * row + R_TIME] <= keep_from:
        first += 1
    if first > start:
        last_time = heap[block + HEADER + (first - 1) * row + R_TIME]
        heap[block + B_TRUNC] = max(heap[block + B_TRUNC], last_time)
        heap[H_ROWS] -= first - start
        heap[block + B_SPAN] = (first << 32) | end
    return first


@inner
def make_room(heap: Ints, chunks: Ints, plan: Ints, chunk: int, slot: int, block: int, now: int, forced: int) -> Word:
    """Trim a key's log, slide it down, and move it to a larger block if less than a quarter came free.

    To a smaller one that half as many rows again would still fit: a key has the room that its rows need now, not that
    of its busiest time. Returns its block, with rows as wide as the plan's (columns they did not have are missing).
    Where memory lacks, 0; if `forced`, the oldest rows give way, and 0 is for a block too small for even one row.
    """
    drop_caches(heap, block)
    width = plan[P_ROW]
    old_width = row_words(heap, block)
    first = _trim(heap, block, now - plan[P_KEEP])
    rows = end_row(heap, block) - first
    size_class = block_class(heap, block)
    room = (class_words(size_class) - HEADER) // width
    target = size_class
    if width != old_width or rows > room - max(1, room >> 2):
        target = class_for(HEADER + width * (rows + max(2, rows >> 2)))
    else:
        target = min(target, max(plan[P_BLOCK], class_for(HEADER + width * (rows + max(2, rows >> 1)))))
    new = block
    if target != size_class or width != old_width:
        new = allocate(heap, target)
        if new == 0 and target < size_class and width == old_width:
            new = block  # it is cut where it is
        elif new == 0:
            return _shrink(heap, plan, block) if forced else 0
    if new != block:
        copy(heap, block, new, HEADER)
        heap[new + B_SHAPE] = (width << 32) | target
    source = block + HEADER + first * old_width
    to = new + HEADER
    if width == old_width:
        for i in range(rows * width):
            heap[to + i] = heap[source + i]
    else:
        for r in range(rows):
            for i in range(old_width):
                heap[to + r * width + i] = heap[source + r * old_width + i]
            for i in range(old_width, width):
                heap[to + r * width + i] = MISSING
    heap[new + B_SPAN] = rows
    if new != block:
        moved(heap, chunks, chunk, slot, new)
        release(heap, block, size_class)
    elif target < size_class:
        _cut(heap, block, target)
    return new


@inner
def _cut(heap: Ints, block: int, size_class: int) -> None:
    """Give back what of a block is behind the size of a smaller class."""
    spare = class_words(block_class(heap, block)) - class_words(size_class)
    heap[block + B_SHAPE] = (row_words(heap, block) << 32) | size_class
    heap[H_LIVE] -= spare
    give_back(heap, block + class_words(size_class), spare)


@inner
def _shrink(heap: Ints, plan: Ints, block: int) -> Word:
    """Let a key's oldest rows give way, as at a cap, until its block has room; -> the block, 0 where it never has."""
    width = plan[P_ROW]
    old_width = row_words(heap, block)
    first = first_row(heap, block)
    rows = end_row(heap, block) - first
    room = (class_words(block_class(heap, block)) - HEADER) // width
    stay = max(0, min(rows, room - max(1, room >> 3)))
    for _ in range(rows - stay):
        drop_oldest(heap, block, plan)
        heap[H_EARLY] += 1
    if room == 0:
        return 0
    rows_at = block + HEADER
    copy(heap, rows_at + (first + rows - stay) * old_width, rows_at, stay * old_width)
    if width != old_width:
        for r in range(stay - 1, -1, -1):
            for i in range(width - 1, -1, -1):
                heap[rows_at + r * width + i] = heap[rows_at + r * old_width + i] if i < old_width else MISSING
        heap[block + B_SHAPE] = (width << 32) | block_class(heap, block)
    heap[block + B_SPAN] = stay
    return block


@inner
def halve(heap: Ints, plan: Ints, block: int) -> None:
    """Let the older half of a long log give way, and give back what its block no longer needs."""
    drop_caches(heap, block)
    row = plan[P_ROW]
    stay = (end_row(heap, block) - first_row(heap, block)) >> 1
    while end_row(heap, block) - first_row(heap, block) > stay:
        drop_oldest(heap, block, plan)
        heap[H_EARLY] += 1
    rows_at = block + HEADER
    copy(heap, rows_at + first_row(heap, block) * row, rows_at, stay * row)
    heap[block + B_SPAN] = stay
    target = class_for(HEADER + row * (stay + (stay >> 2)))
    if target < block_class(heap, block):
        _cut(heap, block, target)


@inner
def drop_oldest(heap: Ints, block: int, plan: Ints) -> None:
    """The oldest row goes into the panes."""
    width = row_words(heap, block)
    r = block + HEADER + first_row(heap, block) * width
    add_to_panes(heap, block, r, width, plan)
    heap[block + B_TRUNC] = max(heap[block + B_TRUNC], heap[r + R_TIME])
    heap[block + B_SPAN] += 1 << 32
    heap[H_DROPPED] += 1
    heap[H_ROWS] -= 1


@inner
def place_of(heap: Ints, block: int, time: int, id_hash: int) -> Word:
    """The index where a row of this (time, id) belongs: behind all rows up to it, one of the same included."""
    row = row_words(heap, block)
    rows = block + HEADER
    low = first_row(heap, block)
    high = end_row(heap, block)
    stop = max(low, high - NEAR)
    while high > stop and not _is_up_to(heap, rows + (high - 1) * row, time, id_hash):
        high -= 1
    if high > stop or high == low:
        return high
    while low < high:
        middle = (low + high) >> 1
        if _is_up_to(heap, rows + middle * row, time, id_hash):
            low = middle + 1
        else:
            high = middle
    return low


@inner
def _is_up_to(heap: Ints, r: int, time: int, id_hash: int) -> bool:
    """Whether the row at heap[r ...] is not behind (time, id)."""
    at = heap[r + R_TIME]
    return bool(at < time or (at == time and heap[r + R_ID] <= id_hash))


@inner
def is_row(heap: Ints, r: int, time: int, id_hash: int) -> bool:
    """Whether the row at heap[r ...] is of this very event."""
    return bool(heap[r + R_TIME] == time and heap[r + R_ID] == id_hash)


@inner
def open_row(heap: Ints, block: int, at: int) -> Word:
    """Shift the rows from `at` on by one; -> where the new row's words are."""
    row = row_words(heap, block)
    end = end_row(heap, block)
    rows = block + HEADER
    for i in range(end * row - 1, at * row - 1, -1):
        heap[rows + i + row] = heap[rows + i]
    heap[block + B_SPAN] += 1
    heap[H_ROWS] += 1
    return rows + at * row


@inner
def write_row(heap: Ints, at: int, time: int, mask: int, id_hash: int, plan: Ints, columns: Ints, i: int) -> None:
    """Write event i as a row; in a text column 0 is missing."""
    heap[at + R_TIME] = time
    heap[at + R_MASK] = mask
    heap[at + R_ID] = id_hash
    for v in range(plan[P_COLUMNS]):
        source = plan[plan[P_SOURCES] + v]
        value = columns[source, i] if source >= 0 else MISSING
        if value == 0 and plan[plan[P_TEXTS] + v] != 0:
            value = MISSING
        heap[at + R_VALUES + v] = value
