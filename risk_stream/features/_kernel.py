"""Kernels: a batch of events put into the windows of their keys, one by one in order; and the sweep of expired keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from risk_stream.features._jit import SOURCES, Bools, Ints, Word, entry, inner
from risk_stream.features._kernel_emit import no_outputs
from risk_stream.features._kernel_event import FULL, apply_event
from risk_stream.features._kernel_heap import (
    block_class,
    end_row,
    first_row,
    hash_key,
    panes_of,
    prefetch,
    release,
    row_words,
)
from risk_stream.features._kernel_index import chunk_of, reindex, remove, slot_of
from risk_stream.features._kernel_panes import empty_rings, free_panes
from risk_stream.features._kernel_reserve import move_down
from risk_stream.features._kernel_rows import drop_caches, make_room
from risk_stream.features._words import (
    B_TRUNC,
    FIRST_SLOTS,
    H_EVICTED,
    H_KEYS,
    H_LIVE,
    H_NEWEST,
    H_ROWS,
    H_WORDS,
    HEADER,
    K_BASE,
    K_MASK,
    K_POSITION,
    K_USED,
    LOW32,
    NEVER,
    P_BLOCK,
    P_KEEP,
    P_ROW,
    P_SHIFT,
    R_MASK,
    R_TIME,
)

__all__ = ["apply_batch", "forget_bits", "sweep_keys", "translate_masks"]

#: Events whose keys are hashed and whose cache lines are asked for before the first of them is applied.
GROUP = 64
#: Cache lines of a block asked for besides its header: those of its newest rows.
LINES = 12


@inner
def _apply(
    heap: Ints,
    chunks: Ints,
    plan: Ints,
    keys: Ints,
    present: Bools,
    times: Ints,
    masks: Ints,
    columns: Ints,
    ids: Ints,
    start: int,
    forced: int,
    out: Ints,
    flags: Ints,
    hashes: Ints,
) -> Word:
    """Apply events [start, n) in order; -> n, or the index of the event for which memory lacks."""
    shift = plan[P_SHIFT]
    n = len(times)
    row = plan[P_ROW]
    for begin in range(start, n, GROUP):
        end = min(n, begin + GROUP)
        for i in range(begin, end):
            h = hash_key(keys[i, 0], keys[i, 1], keys[i, 2])
            hashes[i - begin] = h
            prefetch(heap, slot_of(chunks, chunk_of(h, shift), h))
        for i in range(begin, end):
            h = hashes[i - begin]
            first_entry: Word = heap[slot_of(chunks, chunk_of(h, shift), h)]
            prefetch(heap, (first_entry & LOW32) << 3)
        for i in range(begin, end):
            h = hashes[i - begin]
            entry_word: Word = heap[slot_of(chunks, chunk_of(h, shift), h)]
            block = (entry_word & LOW32) << 3
            newest: Word = block + HEADER + end_row(heap, block) * row
            for line in range(LINES):
                prefetch(heap, max(block, newest - 8 * line))
        for i in range(begin, end):
            heap[H_NEWEST] = max(heap[H_NEWEST], times[i])
            if present[i]:
                h = hashes[i - begin]
                found = apply_event(heap, chunks, plan, h, keys, times[i], masks[i], ids[i], columns, forced, out, i)
                if found == FULL:
                    return i
                flags[i] = found
            else:
                no_outputs(plan, out, i)
    return n


@inner
def _evict(heap: Ints, chunks: Ints, chunk: int, slot: int, block: int) -> None:
    """Forget a key whose rows have all expired."""
    drop_caches(heap, block)
    panes = panes_of(heap, block)
    if panes != 0:
        free_panes(heap, panes)
    remove(heap, chunks, chunk, slot)
    heap[H_ROWS] -= end_row(heap, block) - first_row(heap, block)
    heap[H_KEYS] -= 1
    heap[H_EVICTED] += 1
    release(heap, block, block_class(heap, block))


@inner
def _is_half_expired(heap: Ints, plan: Ints, block: int, now: int) -> bool:
    """Whether no window reaches half of a key's rows any more: one that is quiet fills its block too seldom to see."""
    first = first_row(heap, block)
    end = end_row(heap, block)
    middle = block + HEADER + ((first + end) >> 1) * row_words(heap, block)
    return bool(
        block_class(heap, block) > plan[P_BLOCK] and (first == end or heap[middle + R_TIME] <= now - plan[P_KEEP])
    )


@inner
def _sweep(heap: Ints, chunks: Ints, plan: Ints, start: int, budget: int, now: int) -> Word:
    """Evict expired keys chunk by chunk from chunk `start` on until `budget` slots were seen; -> the next chunk.

    Of keys that stay, blocks are cut to what they need now, and those behind all that is in use and an eighth more move
    into what is free before them.
    """
    far = H_WORDS + heap[H_LIVE] + (heap[H_LIVE] >> 3)
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
                if _is_half_expired(heap, plan, block, now):
                    make_room(heap, chunks, plan, chunk, slot, block, now, 0)
                elif block > far:
                    move_down(heap, chunks, chunk, slot, block)
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
def _forget(heap: Ints, chunks: Ints, position: int, bits: int, rings: Bools) -> None:
    """Take `bits` out of the mask of every row and empty all rings but `rings` (true for those that stay).

    Chunks whose image is newer than `position` are left alone.
    """
    for chunk in range(len(chunks)):
        if chunks[chunk, K_POSITION] > position:
            continue
        for slot in range(chunks[chunk, K_MASK] + 1):
            entry_word = heap[chunks[chunk, K_BASE] + slot]
            if entry_word != 0:
                block = (entry_word & LOW32) << 3
                row = row_words(heap, block)
                for r in range(first_row(heap, block), end_row(heap, block)):
                    heap[block + HEADER + r * row + R_MASK] &= ~bits
                panes = panes_of(heap, block)
                if panes != 0:
                    empty_rings(heap, panes, rings)


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
        plan: Ints,
        keys: Ints,
        present: Bools,
        times: Ints,
        masks: Ints,
        columns: Ints,
        ids: Ints,
        start: int,
        forced: int,
        out: Ints,
        flags: Ints,
    ) -> Word:
        if sources < 0:
            return start
        return _apply(
            heap,
            chunks,
            plan,
            keys,
            present,
            times,
            masks,
            columns,
            ids,
            start,
            forced,
            out,
            flags,
            np.empty(GROUP, np.int64),
        )

    @entry
    def sweep_keys(heap: Ints, chunks: Ints, plan: Ints, start: int, budget: int, now: int) -> Word:
        return _sweep(heap, chunks, plan, start, budget, now) if sources >= 0 else start

    @entry
    def forget_bits(heap: Ints, chunks: Ints, position: int, bits: int, rings: Bools) -> None:
        if sources >= 0:
            _forget(heap, chunks, position, bits, rings)

    @entry
    def translate_masks(masks: Ints, bits: Ints, out: Ints) -> None:
        if sources >= 0:
            _translate(masks, bits, out)

    return apply_batch, sweep_keys, forget_bits, translate_masks


apply_batch, sweep_keys, forget_bits, translate_masks = _entries(SOURCES)
