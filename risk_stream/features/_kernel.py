"""Kernels: a batch of events put into the windows of their keys, one by one in order; and the sweep of expired keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from risk_stream.features._jit import SOURCES, Bools, Floats, Ints, entry, inner
from risk_stream.features._kernel_accel import build, step
from risk_stream.features._kernel_emit import emit
from risk_stream.features._kernel_heap import (
    accel_of,
    block_class,
    end_row,
    first_row,
    hash_key,
    panes_of,
    prefetch,
    release,
    row_words,
)
from risk_stream.features._kernel_index import chunk_of, find, insert_key, reindex, remove, slot_of
from risk_stream.features._kernel_panes import add_to_panes
from risk_stream.features._kernel_rows import drop_accel, is_full, make_room, open_row, place_of, write_row
from risk_stream.features._kernel_scan import scan
from risk_stream.features._words import (
    A_EPOCH,
    A_TIME,
    B_SPAN,
    B_TRUNC,
    F_TEXT,
    F_WORDS,
    FIRST_SLOTS,
    H_BEHIND,
    H_DROPPED,
    H_EVICTED,
    H_KEYS,
    H_ROWS,
    HEADER,
    K_BASE,
    K_MASK,
    K_USED,
    LOW32,
    NEVER,
    P_BLOCK,
    P_CAP,
    P_EPOCH,
    P_KEEP,
    P_OUTPUT_LINES,
    P_ROW,
    P_SCAN,
    P_SCRATCH_CELLS,
    P_SCRATCH_ROW,
    P_SHIFT,
    R_MASK,
    R_TIME,
)

__all__ = ["apply_batch", "forget_bits", "sweep_keys", "translate_masks"]

#: Events whose keys are hashed and whose cache lines are asked for before the first of them is applied.
GROUP = 64
#: Cache lines of a block asked for: its header and the oldest dozen rows.
LINES = 12
#: What `_apply_event` returns where memory lacks; flags are never negative.
FULL = -1


@inner
def _alone(
    heap: Ints,
    chunks: Ints,
    scratch: Ints,
    plan: Ints,
    block: int,
    time: int,
    stop: int,
    out: Floats,
    texts: Ints,
    i: int,
) -> int:
    """Outputs of an event without its key's log: of nothing (stop 0) or of its own row in scratch (stop 1)."""
    base = plan[P_SCRATCH_ROW]
    at = plan[P_SCRATCH_CELLS]
    scan(scratch, base, 0, stop, 0, time, plan, scratch, at, scratch)
    trunc = heap[block + B_TRUNC] if block != 0 else NEVER
    panes = panes_of(heap, block) if block != 0 else 0
    return emit(scratch, base, time, plan, scratch, at, heap, panes, trunc, out, texts, i)


@inner
def _behind(
    heap: Ints,
    chunks: Ints,
    scratch: Ints,
    plan: Ints,
    block: int,
    time: int,
    mask: int,
    seq: int,
    columns: Ints,
    out: Floats,
    texts: Ints,
    i: int,
) -> int:
    """An event older than the rows its key still keeps: judged by itself, counted, kept in panes only."""
    at = plan[P_SCRATCH_ROW]
    write_row(scratch, at, time, mask, seq, plan, columns, i)
    heap[block + B_TRUNC] = max(heap[block + B_TRUNC], time)
    flags = _alone(heap, chunks, scratch, plan, block, time, 1, out, texts, i)
    add_to_panes(heap, block, scratch, at, plan)
    heap[H_BEHIND] += 1
    return flags


@inner
def _drop_oldest(heap: Ints, block: int, plan: Ints) -> None:
    """The cap: the oldest row goes into the panes."""
    first = first_row(heap, block)
    r = block + HEADER + first * plan[P_ROW]
    add_to_panes(heap, block, heap, r, plan)
    heap[block + B_TRUNC] = max(heap[block + B_TRUNC], heap[r + R_TIME])
    heap[block + B_SPAN] += 1 << 32
    heap[H_DROPPED] += 1
    heap[H_ROWS] -= 1


@inner
def _cells_of(
    heap: Ints, chunks: Ints, scratch: Ints, plan: Ints, block: int, place: int, stop: int, time: int, inserted: bool
) -> int:
    """Bring the cells of a key up to `time`; -> its accel, or 0 where they are in scratch."""
    accel = accel_of(heap, block)
    in_order = place == (end_row(heap, block) - 1 if inserted else end_row(heap, block))
    if accel != 0 and (
        heap[accel + A_EPOCH] != plan[P_EPOCH]
        or (inserted and not in_order)
        or (in_order and time < heap[accel + A_TIME])
    ):
        drop_accel(heap, block)
        accel = 0
    if in_order:
        if accel != 0:
            step(heap, block, stop, place, time, plan, accel, scratch)
            return accel
        if end_row(heap, block) - first_row(heap, block) >= plan[P_SCAN]:
            accel = build(heap, block, stop, place, time, plan, scratch)
            if accel != 0:
                return accel
    first = first_row(heap, block)
    scan(heap, block + HEADER, first, stop, place, time, plan, scratch, plan[P_SCRATCH_CELLS], scratch)
    return 0


@inner
def _apply_event(
    heap: Ints,
    chunks: Ints,
    scratch: Ints,
    plan: Ints,
    key_hash: int,
    keys: Ints,
    time: int,
    mask: int,
    seq: int,
    columns: Ints,
    out: Floats,
    texts: Ints,
    i: int,
) -> int:
    """Insert event i, if it counts for anything, and write its outputs; -> flags, or FULL with nothing changed."""
    row = plan[P_ROW]
    chunk = chunk_of(key_hash, plan[P_SHIFT])
    k0, k1, k2 = keys[i, 0], keys[i, 1], keys[i, 2]
    block, slot = find(heap, chunks, chunk, key_hash, k0, k1, k2)
    if block == 0:
        if mask == 0:
            return _alone(heap, chunks, scratch, plan, 0, time, 0, out, texts, i)
        block, slot = insert_key(heap, chunks, chunk, key_hash, k0, k1, k2, plan[P_BLOCK], row)
        if block == 0:
            return FULL
    elif is_full(heap, block, row) and (mask != 0 or row_words(heap, block) != row):
        block = make_room(heap, chunks, plan, chunk, slot, block, time)
        if block == 0:
            return FULL
    place = place_of(heap, block, time)
    stop = place
    if mask != 0:
        first = first_row(heap, block)
        full = end_row(heap, block) - first >= plan[P_CAP]
        if time < heap[block + B_TRUNC] or (full and place == first):
            return _behind(heap, chunks, scratch, plan, block, time, mask, seq, columns, out, texts, i)
        write_row(heap, open_row(heap, block, place), time, mask, seq, plan, columns, i)
        if full:
            _drop_oldest(heap, block, plan)
        stop = place + 1
    accel = _cells_of(heap, chunks, scratch, plan, block, place, stop, time, mask != 0)
    panes = panes_of(heap, block)
    trunc = heap[block + B_TRUNC]
    if accel != 0:
        return emit(heap, block + HEADER, time, plan, heap, accel, heap, panes, trunc, out, texts, i)
    at = plan[P_SCRATCH_CELLS]
    return emit(heap, block + HEADER, time, plan, scratch, at, heap, panes, trunc, out, texts, i)


@inner
def _apply(
    heap: Ints,
    chunks: Ints,
    scratch: Ints,
    plan: Ints,
    keys: Ints,
    present: Bools,
    times: Ints,
    masks: Ints,
    columns: Ints,
    seq: int,
    start: int,
    out: Floats,
    texts: Ints,
    flags: Ints,
) -> int:
    """Apply events [start, n) in order; -> n, or the index of the event for which memory lacks."""
    shift = plan[P_SHIFT]
    hashes = np.empty(GROUP, np.int64)
    n = len(times)
    for begin in range(start, n, GROUP):
        end = min(n, begin + GROUP)
        for i in range(begin, end):
            h = hash_key(keys[i, 0], keys[i, 1], keys[i, 2])
            hashes[i - begin] = h
            prefetch(heap, slot_of(chunks, chunk_of(h, shift), h))
        for i in range(begin, end):
            h = hashes[i - begin]
            block = (heap[slot_of(chunks, chunk_of(h, shift), h)] & LOW32) << 3
            for line in range(LINES):
                prefetch(heap, block + 8 * line)
        for i in range(begin, end):
            if present[i]:
                h = hashes[i - begin]
                found = _apply_event(
                    heap, chunks, scratch, plan, h, keys, times[i], masks[i], seq + i, columns, out, texts, i
                )
                if found == FULL:
                    return i
                flags[i] = found
            else:
                for f in range(out.shape[1]):
                    out[i, f] = np.nan
                    if plan[plan[P_OUTPUT_LINES] + f * F_WORDS + F_TEXT] != 0:
                        texts[i, f] = 0
    return n


@inner
def _evict(heap: Ints, chunks: Ints, chunk: int, slot: int, block: int) -> None:
    """Forget a key whose rows have all expired."""
    drop_accel(heap, block)
    panes = panes_of(heap, block)
    if panes != 0:
        release(heap, panes, heap[panes])
    remove(heap, chunks, chunk, slot)
    heap[H_ROWS] -= end_row(heap, block) - first_row(heap, block)
    heap[H_KEYS] -= 1
    heap[H_EVICTED] += 1
    release(heap, block, block_class(heap, block))


@inner
def _sweep(heap: Ints, chunks: Ints, plan: Ints, start: int, budget: int, now: int) -> int:
    """Evict expired keys chunk by chunk from chunk `start` on until `budget` slots were seen; -> the next chunk."""
    seen = 0
    done = 0
    chunk = start
    while seen < budget and done < len(chunks):
        slots = chunks[chunk, K_MASK] + 1
        base = chunks[chunk, K_BASE]
        slot = slots - 1
        while slot >= 0:
            entry_word = heap[base + slot]
            if entry_word == 0:
                slot -= 1
                continue
            block = (entry_word & LOW32) << 3
            end = end_row(heap, block)
            newest = NEVER
            if end > first_row(heap, block):
                newest = heap[block + HEADER + (end - 1) * row_words(heap, block) + R_TIME]
            if max(newest, heap[block + B_TRUNC]) <= now - plan[P_KEEP]:
                _evict(heap, chunks, chunk, slot, block)
                if heap[base + slot] == 0:
                    slot -= 1
            else:
                slot -= 1
        smaller = slots
        while smaller > FIRST_SLOTS and chunks[chunk, K_USED] * 8 < smaller:
            smaller >>= 1
        if smaller < slots:
            reindex(heap, chunks, chunk, smaller)
        seen += slots
        done += 1
        chunk = (chunk + 1) % len(chunks)
    return chunk


@inner
def _forget(heap: Ints, chunks: Ints, bits: int) -> None:
    """Take `bits` out of the mask of every row."""
    for chunk in range(len(chunks)):
        for slot in range(chunks[chunk, K_MASK] + 1):
            entry_word = heap[chunks[chunk, K_BASE] + slot]
            if entry_word != 0:
                block = (entry_word & LOW32) << 3
                row = row_words(heap, block)
                for r in range(first_row(heap, block), end_row(heap, block)):
                    heap[block + HEADER + r * row + R_MASK] &= ~bits


@inner
def _translate(masks: Ints, bits: Ints, out: Ints) -> None:
    """Masks with bit b moved to bits[b]."""
    for i in range(len(masks)):
        mask = masks[i]
        moved = 0
        for b in range(len(bits)):
            if (mask >> b) & 1:
                moved |= np.int64(1) << bits[b]
        out[i] = moved


def _entries(sources: int) -> tuple[Any, Any, Any, Any]:
    """The functions Python calls, compiled anew where `sources` differs (see `_jit.entry`)."""

    @entry
    def apply_batch(
        heap: Ints,
        chunks: Ints,
        scratch: Ints,
        plan: Ints,
        keys: Ints,
        present: Bools,
        times: Ints,
        masks: Ints,
        columns: Ints,
        seq: int,
        start: int,
        out: Floats,
        texts: Ints,
        flags: Ints,
    ) -> int:
        if sources < 0:
            return start
        return _apply(heap, chunks, scratch, plan, keys, present, times, masks, columns, seq, start, out, texts, flags)

    @entry
    def sweep_keys(heap: Ints, chunks: Ints, plan: Ints, start: int, budget: int, now: int) -> int:
        return _sweep(heap, chunks, plan, start, budget, now) if sources >= 0 else start

    @entry
    def forget_bits(heap: Ints, chunks: Ints, bits: int) -> None:
        if sources >= 0:
            _forget(heap, chunks, bits)

    @entry
    def translate_masks(masks: Ints, bits: Ints, out: Ints) -> None:
        if sources >= 0:
            _translate(masks, bits, out)

    return apply_batch, sweep_keys, forget_bits, translate_masks


apply_batch, sweep_keys, forget_bits, translate_masks = _entries(SOURCES)
