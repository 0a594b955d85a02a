"""Kernels: one event put into the windows of its key, and all outputs as of it."""

from __future__ import annotations

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_accel import finish, has_room_for_accel, new_accel, step
from risk_stream.features._kernel_cursor import cells_behind, take_in
from risk_stream.features._kernel_emit import emit
from risk_stream.features._kernel_heap import accel_of, end_row, first_row, panes_of, row_words
from risk_stream.features._kernel_index import chunk_of, find, insert_key
from risk_stream.features._kernel_late import make_way
from risk_stream.features._kernel_panes import add_to_panes
from risk_stream.features._kernel_rows import (
    drop_accel,
    drop_caches,
    drop_oldest,
    halve,
    is_full,
    is_row,
    make_room,
    open_row,
    place_of,
    write_row,
)
from risk_stream.features._kernel_scan import scan
from risk_stream.features._words import (
    A_EPOCH,
    A_TIME,
    B_HASH,
    B_TRUNC,
    H_BEHIND,
    H_REFUSED,
    H_STARVED,
    HEADER,
    K_TRUNC,
    P_BLOCK,
    P_CAP,
    P_CLOCK,
    P_EPOCH,
    P_ROW,
    P_SCAN,
    P_SCRATCH_CELLS,
    P_SCRATCH_ROW,
    P_SHIFT,
    RECENT,
)

__all__ = ["FULL", "apply_event", "put_event"]

#: What `apply_event` returns where memory lacks; flags are never negative.
FULL = -1
#: A log of so many rows is not scanned at event after event because memory lacks: rather it gives up half of them.
LONG = 1024


@inner
def apply_event(
    heap: Ints,
    chunks: Ints,
    plan: Ints,
    key_hash: int,
    keys: Ints,
    time: int,
    mask: int,
    id_hash: int,
    columns: Ints,
    forced: int,
    out: Ints,
    i: int,
) -> Word:
    """Insert event i, if it counts for anything and is not there yet, and write its outputs; -> flags.

    Where memory lacks: FULL, and nothing is changed; if `forced`, the key's oldest rows give way, and a key that has
    no room for one is not kept: the event is judged by itself, and so is flagged.
    """
    block = _block_for(heap, chunks, plan, key_hash, keys[i, 0], keys[i, 1], keys[i, 2], mask, time, forced)
    if block == FULL:
        if not forced:
            return FULL
        write_row(heap, plan[P_SCRATCH_ROW], time, mask, id_hash, plan, columns, i)
        _refuse(heap, chunks, plan, key_hash, keys[i, 0], keys[i, 1], keys[i, 2], mask, time)
        cells = plan[P_SCRATCH_CELLS]
        stop = 1 if mask != 0 else 0
        scan(heap, plan[P_SCRATCH_ROW], 0, stop, 0, time, plan, cells)
        return emit(heap, plan[P_SCRATCH_ROW], stop, 0, time, plan, cells, 0, time, time, columns, out, i)
    # Without a log: of a key that has no rows, or older than all that its key keeps, so judged by itself.
    base = plan[P_SCRATCH_ROW]
    first = place = stop = panes = 0
    trunc: Word = chunks[chunk_of(key_hash, plan[P_SHIFT]), K_TRUNC]
    upto = time
    alone = True
    inserted = False
    if block != 0:
        place = place_of(heap, block, time, id_hash)
        first = first_row(heap, block)
        known = place > first and is_row(heap, block + HEADER + (place - 1) * plan[P_ROW], time, id_hash)
        alone = not known and mask != 0 and _is_behind(heap, plan, block, place, time)
        if place == first:  # what the panes hold of this very millisecond may be behind the event
            upto -= 1
        if known:
            base = block + HEADER
            stop = place
            place -= 1
        elif alone:
            write_row(heap, base, time, mask, id_hash, plan, columns, i)
            heap[block + B_TRUNC] = max(heap[block + B_TRUNC], time)
            first = place = 0
            stop = 1
        else:
            base = block + HEADER
            stop = place
            inserted = mask != 0
            if inserted:
                write_row(heap, open_row(heap, block, place), time, mask, id_hash, plan, columns, i)
                stop += 1
                first = _hold_to_cap(heap, block, plan)
        panes = panes_of(heap, block)
        trunc = heap[block + B_TRUNC]
    cells = _cells_as_of(heap, plan, block, base, first, stop, place, time, alone, inserted)
    flags = emit(heap, base, stop, place, time, plan, cells, panes, upto, trunc, columns, out, i)
    if alone and block != 0:
        heap[H_BEHIND] += 1
        add_to_panes(heap, block, base, plan[P_ROW], plan)
    return flags


@inner
def put_event(
    heap: Ints,
    chunks: Ints,
    plan: Ints,
    key_hash: int,
    keys: Ints,
    time: int,
    mask: int,
    id_hash: int,
    columns: Ints,
    i: int,
) -> None:
    """Insert event i as a forced `apply_event` does, and answer nothing."""
    block = _block_for(heap, chunks, plan, key_hash, keys[i, 0], keys[i, 1], keys[i, 2], mask, time, 1)
    if block == FULL:
        _refuse(heap, chunks, plan, key_hash, keys[i, 0], keys[i, 1], keys[i, 2], mask, time)
        return
    place = place_of(heap, block, time, id_hash)
    if place > first_row(heap, block) and is_row(heap, block + HEADER + (place - 1) * plan[P_ROW], time, id_hash):
        return
    if _is_behind(heap, plan, block, place, time):
        base = plan[P_SCRATCH_ROW]
        write_row(heap, base, time, mask, id_hash, plan, columns, i)
        heap[block + B_TRUNC] = max(heap[block + B_TRUNC], time)
        heap[H_BEHIND] += 1
        add_to_panes(heap, block, base, plan[P_ROW], plan)
        return
    drop_caches(heap, block)
    write_row(heap, open_row(heap, block, place), time, mask, id_hash, plan, columns, i)
    _hold_to_cap(heap, block, plan)


@inner
def _is_behind(heap: Ints, plan: Ints, block: int, place: int, time: int) -> bool:
    """Whether a row of this time, for which `place` is the place, is older than all that its key keeps."""
    first = first_row(heap, block)
    too_many = end_row(heap, block) + 1 - first - plan[P_CAP]
    return bool(time < heap[block + B_TRUNC] or (too_many > 0 and place - first < too_many))


@inner
def _hold_to_cap(heap: Ints, block: int, plan: Ints) -> Word:
    """Drop a key's oldest rows beyond the cap; -> its first row."""
    while end_row(heap, block) - first_row(heap, block) > plan[P_CAP]:
        drop_oldest(heap, block, plan)
    return first_row(heap, block)


@inner
def _refuse(
    heap: Ints, chunks: Ints, plan: Ints, key_hash: int, k0: int, k1: int, k2: int, mask: int, time: int
) -> None:
    """Remember of an event for which there is no room that it is missing: in its key, or for all new keys beside it."""
    if mask == 0:
        return
    heap[H_REFUSED] += 1
    chunk = chunk_of(key_hash, plan[P_SHIFT])
    block, _ = find(heap, chunks, chunk, key_hash, k0, k1, k2)
    if block != 0:
        heap[block + B_TRUNC] = max(heap[block + B_TRUNC], time)
    else:
        chunks[chunk, K_TRUNC] = max(chunks[chunk, K_TRUNC], time)


@inner
def _block_for(
    heap: Ints, chunks: Ints, plan: Ints, key_hash: int, k0: int, k1: int, k2: int, mask: int, time: int, forced: int
) -> Word:
    """The block of a key, with room for one more row if the event has one; 0 if it has none and needs none, or FULL."""
    row = plan[P_ROW]
    chunk = chunk_of(key_hash, plan[P_SHIFT])
    block, slot = find(heap, chunks, chunk, key_hash, k0, k1, k2)
    if block == 0:
        if mask == 0:
            return 0
        block = insert_key(heap, chunks, chunk, key_hash, k0, k1, k2, plan[P_BLOCK], row)
    elif is_full(heap, block, row) and (mask != 0 or row_words(heap, block) != row):
        block = make_room(heap, chunks, plan, chunk, slot, block, min(time, plan[P_CLOCK]), forced)
    else:
        if mask != 0 and heap[H_STARVED] == key_hash and end_row(heap, block) - first_row(heap, block) >= LONG:
            if not has_room_for_accel(heap, block, plan):
                if not forced:
                    return FULL
                halve(heap, plan, block)
            heap[H_STARVED] = 0
        return block
    return block if block != 0 else FULL


@inner
def _true_accel(heap: Ints, plan: Ints, block: int, far_behind: bool) -> Word:
    """A key's accel, 0 for none; one that the event or the plan makes untrue is dropped."""
    accel = accel_of(heap, block)
    if accel != 0 and (far_behind or heap[accel + A_EPOCH] != plan[P_EPOCH]):
        drop_accel(heap, block)
        return 0
    return accel


@inner
def _cells_as_of(
    heap: Ints,
    plan: Ints,
    block: int,
    base: int,
    first: int,
    stop: int,
    place: int,
    time: int,
    alone: bool,
    inserted: bool,
) -> Word:
    """Bring the cells up to an event; -> where they are: in the key's accel, in a cursor, or in scratch."""
    if alone:
        scan(heap, base, first, stop, place, time, plan, plan[P_SCRATCH_CELLS])
        return plan[P_SCRATCH_CELLS]
    end = end_row(heap, block)
    accel = _true_accel(heap, plan, block, inserted and end - place > max(RECENT, (end - first) >> 1))
    if accel != 0 and stop == end and (inserted or place == stop) and time >= heap[accel + A_TIME]:
        step(heap, base, first, stop, place, time, plan, accel)
        return accel
    if inserted:
        if accel != 0:
            make_way(heap, base, place, end, plan, accel)
            step(heap, base, first, end, place, heap[accel + A_TIME], plan, accel)
        take_in(heap, block, base, first, place, time, plan)
    if accel == 0 and stop == end and stop - first >= plan[P_SCAN]:
        accel = new_accel(heap, block, plan)
        if accel != 0:
            scan(heap, base, first, stop, place, time, plan, accel)
            finish(heap, base, first, stop, time, plan, accel)
            return accel
        if stop - first >= LONG:
            heap[H_STARVED] = heap[block + B_HASH]
    return cells_behind(heap, block, base, first, stop, end, place, time, plan, accel)
