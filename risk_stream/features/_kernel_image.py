"""Kernels: chunks of the index copied out with all their keys' rows and panes, and put back; rows put in unjudged.

An image is read only: rows that no window can reach any more are left out, and keys that have nothing else. Rows of
all keys stand one behind the other, one plane per word of the row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from risk_stream.features._jit import SOURCES, Ints, Word, entry, inner
from risk_stream.features._kernel_event import put_event
from risk_stream.features._kernel_heap import (
    allocate,
    block_class,
    class_for,
    class_words,
    copy,
    end_row,
    first_row,
    hash_key,
    panes_of,
    prefetch,
    release,
    row_words,
)
from risk_stream.features._kernel_index import chunk_of, find, insert_key, moved, slot_of
from risk_stream.features._kernel_panes import free_panes, panes_for
from risk_stream.features._kernel_rows import drop_caches
from risk_stream.features._words import (
    B_SHAPE,
    B_SPAN,
    B_TRUNC,
    H_KEYS,
    H_REFUSED,
    H_ROWS,
    HEADER,
    K_BASE,
    K_MASK,
    K_POSITION,
    K_SERIAL,
    K_TRUNC,
    K_USED,
    LOW32,
    MISSING,
    N_TAG,
    NEVER,
    P_ROW,
    P_SHIFT,
    P_SLOTS,
    PANE,
    PANES,
    PANES_HEAD,
    PANES_RINGS,
    R_TIME,
    RG_HEAD,
    RG_LOW,
    RG_NEWEST,
    RING,
)

__all__ = ["HEADS", "PANE_WORDS", "clear_chunks", "copy_chunks", "load_keys", "measure_chunks", "replay_rows"]

#: Words of a key in an image: its own three, trunc, rows, panes.
HEADS = 6
#: Words of a pane in an image: its ring, then the pane.
PANE_WORDS = 1 + PANE
#: Events whose cache lines are asked for before the first of them is put in.
GROUP = 64


@inner
def _live_from(heap: Ints, block: int, keep_from: int) -> Word:
    """Index of a key's oldest row that a window may still reach; -1 where the key has nothing to keep."""
    row = row_words(heap, block)
    first = first_row(heap, block)
    end = end_row(heap, block)
    while first < end and heap[block + HEADER + first * row + R_TIME] <= keep_from:
        first += 1
    if first == end and heap[block + B_TRUNC] <= keep_from:
        return -1
    return first


@inner
def _used_panes(heap: Ints, panes: int) -> Word:
    """How many panes of a key hold something."""
    used = 0
    for ring in range(heap[panes + PANES_RINGS]):
        at = panes + PANES_HEAD + ring * RING + RG_HEAD
        for pane in range(at, at + PANE * PANES, PANE):
            if heap[pane + N_TAG] != NEVER:
                used += 1
    return used


@inner
def _measure(heap: Ints, chunks: Ints, start: int, stop: int, keep_from: int, out: Ints) -> None:
    """out[:3]: keys, rows and panes that an image of chunks [start, stop) holds."""
    out[:] = 0
    for chunk in range(start, stop):
        base = chunks[chunk, K_BASE]
        for slot in range(base, base + chunks[chunk, K_MASK] + 1):
            if heap[slot] != 0:
                block = (heap[slot] & LOW32) << 3
                first = _live_from(heap, block, keep_from)
                if first >= 0:
                    out[0] += 1
                    out[1] += end_row(heap, block) - first
                    panes = panes_of(heap, block)
                    if panes != 0:
                        out[2] += _used_panes(heap, panes)


@inner
def _copy_panes(heap: Ints, panes: int, out: Ints, to: int) -> Word:
    """Copy the panes that hold something to out[:, to ...]; -> what follows."""
    for ring in range(heap[panes + PANES_RINGS]):
        at = panes + PANES_HEAD + ring * RING + RG_HEAD
        for pane in range(at, at + PANE * PANES, PANE):
            if heap[pane + N_TAG] != NEVER:
                out[0, to] = ring
                for word in range(PANE):
                    out[1 + word, to] = heap[pane + word]
                to += 1
    return to


@inner
def _copy_out(
    heap: Ints, chunks: Ints, start: int, stop: int, keep_from: int, heads: Ints, rows: Ints, panes_out: Ints
) -> None:
    """Fill heads [HEADS, keys], rows [words per row, rows] and panes [PANE_WORDS, panes] of chunks [start, stop)."""
    key = to = pane_to = 0
    for chunk in range(start, stop):
        base = chunks[chunk, K_BASE]
        for slot in range(base, base + chunks[chunk, K_MASK] + 1):
            if heap[slot] == 0:
                continue
            block = (heap[slot] & LOW32) << 3
            first = _live_from(heap, block, keep_from)
            if first < 0:
                continue
            row = row_words(heap, block)
            end = end_row(heap, block)
            trunc = heap[block + B_TRUNC]
            if first > first_row(heap, block):
                trunc = max(trunc, heap[block + HEADER + (first - 1) * row + R_TIME])
            for word in range(3):
                heads[word, key] = heap[block + word]
            heads[3, key] = trunc
            heads[4, key] = end - first
            at = block + HEADER + first * row
            for r in range(to, to + end - first):
                for word in range(row):
                    rows[word, r] = heap[at + word]
                for word in range(row, len(rows)):
                    rows[word, r] = MISSING
                at += row
            to += end - first
            before = pane_to
            panes = panes_of(heap, block)
            if panes != 0:
                pane_to = _copy_panes(heap, panes, panes_out, pane_to)
            heads[5, key] = pane_to - before
            key += 1


@inner
def _clear_chunks(heap: Ints, chunks: Ints, start: int, stop: int) -> None:
    """Take all keys out of chunks [start, stop)."""
    for chunk in range(start, stop):
        base = chunks[chunk, K_BASE]
        for slot in range(base, base + chunks[chunk, K_MASK] + 1):
            if heap[slot] != 0:
                block = (heap[slot] & LOW32) << 3
                drop_caches(heap, block)
                panes = panes_of(heap, block)
                if panes != 0:
                    free_panes(heap, panes)
                heap[H_ROWS] -= end_row(heap, block) - first_row(heap, block)
                heap[H_KEYS] -= 1
                release(heap, block, block_class(heap, block))
                heap[slot] = 0
        chunks[chunk, K_USED] = 0


@inner
def _block_with_room(heap: Ints, chunks: Ints, plan: Ints, key_hash: int, k0: int, k1: int, k2: int, rows: int) -> Word:
    """The block of a key, new or with rows already, with room for so many more; 0 where memory lacks."""
    row = plan[P_ROW]
    chunk = chunk_of(key_hash, plan[P_SHIFT])
    block, slot = find(heap, chunks, chunk, key_hash, k0, k1, k2)
    end = 0 if block == 0 else end_row(heap, block)
    target = class_for(HEADER + row * (end + rows + max(2, (end + rows) >> 2)))
    if block == 0:
        return insert_key(heap, chunks, chunk, key_hash, k0, k1, k2, target, row)
    old = block_class(heap, block)
    if HEADER + row * (end + rows) <= class_words(old):
        return block
    drop_caches(heap, block)
    new = allocate(heap, target)
    if new != 0:
        copy(heap, block, new, HEADER + row * end)
        heap[new + B_SHAPE] = (row << 32) | target
        moved(heap, chunks, chunk, slot, new)
        release(heap, block, old)
    return new


@inner
def _load_panes(heap: Ints, block: int, plan: Ints, panes_in: Ints, start: int, stop: int) -> None:
    """Give a key its panes [start, stop) of an image."""
    panes = panes_for(heap, block, plan[P_SLOTS])
    if panes == 0:
        return
    for p in range(start, stop):
        if panes_in[0, p] < heap[panes + PANES_RINGS]:
            ring = panes + PANES_HEAD + panes_in[0, p] * RING
            tag = panes_in[1 + N_TAG, p]
            pane = ring + RG_HEAD + (tag % PANES) * PANE
            for word in range(PANE):
                heap[pane + word] = panes_in[1 + word, p]
            heap[ring + RG_NEWEST] = max(heap[ring + RG_NEWEST], tag)
            heap[ring + RG_LOW] = NEVER


@inner
def _load(heap: Ints, chunks: Ints, plan: Ints, serial: int, heads: Ints, rows: Ints, panes_in: Ints) -> None:
    """Put the keys of an image in: behind the rows they already have, where they were cut in two.

    Keys of chunks that hold another image are left out.
    """
    row = plan[P_ROW]
    r = pane = 0
    for key in range(heads.shape[1]):
        k0, k1, k2 = heads[0, key], heads[1, key], heads[2, key]
        count = heads[4, key]
        key_hash = hash_key(k0, k1, k2)
        chunk = chunk_of(key_hash, plan[P_SHIFT])
        block = 0
        wanted = chunks[chunk, K_SERIAL] == serial
        if wanted:
            block = _block_with_room(heap, chunks, plan, key_hash, k0, k1, k2, count)
        if wanted and block == 0:
            heap[H_REFUSED] += count
            newest = rows[R_TIME, r + count - 1] if count > 0 else NEVER
            chunks[chunk, K_TRUNC] = max(chunks[chunk, K_TRUNC], heads[3, key], newest)
        elif wanted:
            heap[block + B_TRUNC] = max(heap[block + B_TRUNC], heads[3, key])
            at = block + HEADER + end_row(heap, block) * row
            for j in range(r, r + count):
                for word in range(len(rows)):
                    heap[at + word] = rows[word, j]
                for word in range(len(rows), row):
                    heap[at + word] = MISSING
                at += row
            heap[block + B_SPAN] += count
            heap[H_ROWS] += count
            if heads[5, key] != 0:
                _load_panes(heap, block, plan, panes_in, pane, pane + heads[5, key])
        r += count
        pane += heads[5, key]


@inner
def _replay(
    heap: Ints,
    chunks: Ints,
    plan: Ints,
    keys: Ints,
    positions: Ints,
    times: Ints,
    masks: Ints,
    ids: Ints,
    columns: Ints,
    hashes: Ints,
) -> Word:
    """Put in the rows that are newer than their chunk's image, in order; -> how many."""
    shift = plan[P_SHIFT]
    n = len(times)
    done = 0
    for begin in range(0, n, GROUP):
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
            newest: Word = block + HEADER + end_row(heap, block) * plan[P_ROW]
            prefetch(heap, newest)
            prefetch(heap, max(block, newest - 8))
        for i in range(begin, end):
            h = hashes[i - begin]
            if positions[i] > chunks[chunk_of(h, shift), K_POSITION]:
                put_event(heap, chunks, plan, h, keys, times[i], masks[i], ids[i], columns, i)
                done += 1
    return done


def _entries(sources: int) -> tuple[Any, Any, Any, Any, Any]:
    """The functions Python calls, compiled anew where `sources` differs (see `_jit.entry`)."""

    @entry
    def measure_chunks(heap: Ints, chunks: Ints, start: int, stop: int, keep_from: int, out: Ints) -> None:
        if sources >= 0:
            _measure(heap, chunks, start, stop, keep_from, out)

    @entry
    def copy_chunks(
        heap: Ints, chunks: Ints, start: int, stop: int, keep_from: int, heads: Ints, rows: Ints, panes: Ints
    ) -> None:
        if sources >= 0:
            _copy_out(heap, chunks, start, stop, keep_from, heads, rows, panes)

    @entry
    def clear_chunks(heap: Ints, chunks: Ints, start: int, stop: int) -> None:
        if sources >= 0:
            _clear_chunks(heap, chunks, start, stop)

    @entry
    def load_keys(heap: Ints, chunks: Ints, plan: Ints, serial: int, heads: Ints, rows: Ints, panes: Ints) -> None:
        if sources >= 0:
            _load(heap, chunks, plan, serial, heads, rows, panes)

    @entry
    def replay_rows(
        heap: Ints,
        chunks: Ints,
        plan: Ints,
        keys: Ints,
        positions: Ints,
        times: Ints,
        masks: Ints,
        ids: Ints,
        columns: Ints,
    ) -> Word:
        if sources < 0:
            return 0
        return _replay(heap, chunks, plan, keys, positions, times, masks, ids, columns, np.empty(GROUP, np.int64))

    return measure_chunks, copy_chunks, clear_chunks, load_keys, replay_rows


measure_chunks, copy_chunks, clear_chunks, load_keys, replay_rows = _entries(SOURCES)
