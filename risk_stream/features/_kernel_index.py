"""Kernels: the index from a key's 24 bytes to its block, in chunks small enough that a rehash is never felt.

A chunk is chosen by the top bits of the key's hash. It is an open-addressing table; an entry is 32 bits of the hash
and the block's place in the heap, so that a wrong key is almost never looked at. At most half of the slots are used.
"""

from __future__ import annotations

import numpy as np

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._kernel_heap import allocate, class_for, clear, release
from risk_stream.features._words import (
    B_CACHE,
    B_HASH,
    B_SHAPE,
    B_SPAN,
    B_TRUNC,
    H_KEYS,
    K_BASE,
    K_MASK,
    K_TRUNC,
    K_USED,
    LOW32,
)

__all__ = ["chunk_of", "find", "insert_key", "moved", "reindex", "remove", "slot_of"]


@inner
def chunk_of(key_hash: int, shift: int) -> Word:
    """The chunk of a key."""
    return np.int64(np.uint64(key_hash) >> np.uint64(shift))


@inner
def slot_of(chunks: Ints, chunk: int, key_hash: int) -> Word:
    """Where in the heap a key's search begins."""
    return chunks[chunk, K_BASE] + (key_hash & chunks[chunk, K_MASK])


@inner
def find(heap: Ints, chunks: Ints, chunk: int, key_hash: int, k0: int, k1: int, k2: int) -> tuple[Word, Word]:
    """(block or 0, its slot in the chunk or the free one where it belongs)."""
    base = chunks[chunk, K_BASE]
    mask = chunks[chunk, K_MASK]
    tag = (key_hash >> 20) & LOW32
    slot = key_hash & mask
    while True:
        entry = heap[base + slot]
        if entry == 0:
            return 0, slot
        if (entry >> 32) & LOW32 == tag:
            block = (entry & LOW32) << 3
            if heap[block] == k0 and heap[block + 1] == k1 and heap[block + 2] == k2:
                return block, slot
        slot = (slot + 1) & mask


@inner
def reindex(heap: Ints, chunks: Ints, chunk: int, slots: int) -> bool:
    """Rebuild one chunk's table with so many slots (a power of two); False, and no change, where memory lacks."""
    base = chunks[chunk, K_BASE]
    old = chunks[chunk, K_MASK] + 1
    new = allocate(heap, class_for(slots))
    if new == 0:
        return False
    clear(heap, new, slots)
    for i in range(old):
        entry = heap[base + i]
        if entry != 0:
            slot = heap[((entry & LOW32) << 3) + B_HASH] & (slots - 1)
            while heap[new + slot] != 0:
                slot = (slot + 1) & (slots - 1)
            heap[new + slot] = entry
    release(heap, base, class_for(old))
    chunks[chunk, K_BASE] = new
    chunks[chunk, K_MASK] = slots - 1
    return True


@inner
def insert_key(
    heap: Ints, chunks: Ints, chunk: int, key_hash: int, k0: int, k1: int, k2: int, size_class: int, row: int
) -> Word:
    """The block of a new key without rows; 0 where memory lacks."""
    slots = chunks[chunk, K_MASK] + 1
    if (chunks[chunk, K_USED] + 1) * 2 > slots and not reindex(heap, chunks, chunk, 2 * slots):
        return 0
    block = allocate(heap, size_class)
    if block == 0:
        return 0
    _, slot = find(heap, chunks, chunk, key_hash, k0, k1, k2)
    heap[block] = k0
    heap[block + 1] = k1
    heap[block + 2] = k2
    heap[block + B_HASH] = key_hash
    heap[block + B_SPAN] = 0
    heap[block + B_SHAPE] = (row << 32) | size_class
    heap[block + B_TRUNC] = chunks[chunk, K_TRUNC]
    heap[block + B_CACHE] = 0
    heap[chunks[chunk, K_BASE] + slot] = (((key_hash >> 20) & LOW32) << 32) | (block >> 3)
    chunks[chunk, K_USED] += 1
    heap[H_KEYS] += 1
    return block


@inner
def moved(heap: Ints, chunks: Ints, chunk: int, slot: int, block: int) -> None:
    """Let a slot's entry point to where its block now is."""
    at = chunks[chunk, K_BASE] + slot
    heap[at] = (heap[at] & ~LOW32) | (block >> 3)


@inner
def remove(heap: Ints, chunks: Ints, chunk: int, slot: int) -> None:
    """Take a slot's entry out and close the gap, so that every search still ends where it should."""
    base = chunks[chunk, K_BASE]
    mask = chunks[chunk, K_MASK]
    chunks[chunk, K_USED] -= 1
    gap = slot
    slot = (slot + 1) & mask
    while heap[base + slot] != 0:
        home = heap[((heap[base + slot] & LOW32) << 3) + B_HASH] & mask
        if (slot - home) & mask >= (slot - gap) & mask:
            heap[base + gap] = heap[base + slot]
            gap = slot
        slot = (slot + 1) & mask
    heap[base + gap] = 0
