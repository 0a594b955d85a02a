"""Kernels: blocks of size classes in one int64 heap, and the few machine instructions numba has no name for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from risk_stream.features._jit import Ints, Word, inner
from risk_stream.features._words import (
    B_CACHE,
    B_SHAPE,
    B_SPAN,
    H_CRUMBS,
    H_FREE,
    H_LIMIT,
    H_LIVE,
    H_NEXT,
    LOW32,
)

__all__ = [
    "accel_of",
    "allocate",
    "below",
    "block_class",
    "class_for",
    "class_words",
    "clear",
    "copy",
    "end_row",
    "first_row",
    "give_back",
    "hash_key",
    "mul_high",
    "panes_of",
    "prefetch",
    "release",
    "row_words",
    "set_aside",
    "set_caches",
    "take_free",
]

#: Size classes end here: 2**34 words.
LARGEST: Final = 60


@intrinsic
def _prefetch(_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Ask the processor for the cache line of array[index]; only a hint, any index is allowed."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32])
        function = cast(Any, cgutils).get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, i32(0), i32(3), i32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), build


@intrinsic
def _mul_high(_context: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """The upper 64 bits of the signed 128-bit product of two int64."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        i128 = ir.IntType(128)
        product = builder.mul(builder.sext(args[0], i128), builder.sext(args[1], i128))
        return builder.trunc(builder.ashr(product, i128(64)), ir.IntType(64))

    return types.int64(types.int64, types.int64), build


@intrinsic
def _peek(_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """array[index] for an index that is not negative: without the look whether it is."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load(builder.gep(data, [args[1]]))

    return types.int64(array, types.int64), build


peek: Callable[[Ints, int], Word] = cast(Any, _peek)
#: (array, index) -> nothing.
prefetch: Callable[[Ints, int], None] = cast(Any, _prefetch)
#: (a, b) -> the upper word of a * b.
mul_high: Callable[[int, int], Word] = cast(Any, _mul_high)


@inner
def below(a: int, b: int) -> Word:
    """1 if a < b as unsigned words, else 0: the carry or borrow of a 128-bit sum."""
    return 1 if np.uint64(a) < np.uint64(b) else 0


@inner
def hash_key(a: int, b: int, c: int) -> Word:
    """A 64-bit hash of a key's three words."""
    h = np.uint64(0x51ED270B7A3B11C5)
    for word in (np.uint64(a), np.uint64(b), np.uint64(c)):
        h = (h ^ word) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(32)
    h *= np.uint64(0xD6E8FEB86659FD93)
    h ^= h >> np.uint64(32)
    return np.int64(h)


@inner
def class_words(size_class: int) -> Word:
    """Words of a block: 24, 32, 48, 64, 96, 128 ..."""
    return (24 << (size_class >> 1)) if size_class & 1 == 0 else (32 << (size_class >> 1))


@inner
def class_for(words: int) -> Word:
    """The smallest size class that holds so many words."""
    size_class = 0
    while class_words(size_class) < words:
        size_class += 1
    return size_class


@inner
def allocate(heap: Ints, size_class: int) -> Word:
    """A block, its words as they were left: a free one, else new; 0 where the reserve is exhausted."""
    block = take_free(heap, size_class)
    if block == 0:
        words = class_words(size_class)
        block = heap[H_NEXT]
        if block + words > heap[H_LIMIT]:
            return 0
        heap[H_NEXT] = block + words
        heap[H_LIVE] += words
    return block


@inner
def take_free(heap: Ints, size_class: int) -> Word:
    """The free block that fits best, its words as they were left; 0 where there is none."""
    block = heap[H_FREE + size_class]
    if block != 0:
        heap[H_FREE + size_class] = heap[block]
    else:
        block = _cut_from_larger(heap, size_class)
    if block != 0:
        heap[H_LIVE] += class_words(size_class)
    return block


@inner
def _cut_from_larger(heap: Ints, size_class: int) -> Word:
    """The front of a free block of a larger class, what is left of it given back; 0 where there is none."""
    larger = size_class + 1
    while larger < LARGEST and heap[H_FREE + larger] == 0:
        larger += 1
    if larger == LARGEST:
        return 0
    block = heap[H_FREE + larger]
    heap[H_FREE + larger] = heap[block]
    words = class_words(size_class)
    give_back(heap, block + words, class_words(larger) - words)
    return block


@inner
def give_back(heap: Ints, at: int, words: int) -> None:
    """Put unused words into the free lists, as the largest blocks they make; less than a block is a crumb."""
    while words >= class_words(0):
        size_class = 0
        while class_words(size_class + 1) <= words:
            size_class += 1
        heap[at] = heap[H_FREE + size_class]
        heap[H_FREE + size_class] = at
        at += class_words(size_class)
        words -= class_words(size_class)
    if words > 0:
        set_aside(heap, at, words)


@inner
def set_aside(heap: Ints, at: int, words: int) -> None:
    """Keep unused words, two at least, for when free pieces are put together, and from everybody until then."""
    heap[at] = heap[H_CRUMBS]
    heap[at + 1] = words
    heap[H_CRUMBS] = at


@inner
def release(heap: Ints, block: int, size_class: int) -> None:
    """Give a block back to its class."""
    heap[block] = heap[H_FREE + size_class]
    heap[H_FREE + size_class] = block
    heap[H_LIVE] -= class_words(size_class)


@inner
def clear(heap: Ints, at: int, words: int) -> None:
    """Fill with zeros."""
    for i in range(at, at + words):
        heap[i] = 0


@inner
def copy(heap: Ints, source: int, to: int, words: int) -> None:
    """Copy words to another place, or down to a lower one."""
    for i in range(words):
        heap[to + i] = heap[source + i]


@inner
def block_class(heap: Ints, block: int) -> Word:
    """The size class of a key's block."""
    return heap[block + B_SHAPE] & LOW32


@inner
def row_words(heap: Ints, block: int) -> Word:
    """Words per row in a key's block; fewer than the plan's if the block is older than the plan's newest column."""
    return heap[block + B_SHAPE] >> 32


@inner
def first_row(heap: Ints, block: int) -> Word:
    """Index of a key's oldest row."""
    return heap[block + B_SPAN] >> 32


@inner
def end_row(heap: Ints, block: int) -> Word:
    """One past the index of a key's newest row."""
    return heap[block + B_SPAN] & LOW32


@inner
def accel_of(heap: Ints, block: int) -> Word:
    """A key's accel, 0 for none."""
    return (heap[block + B_CACHE] & LOW32) << 3


@inner
def panes_of(heap: Ints, block: int) -> Word:
    """A key's panes, 0 for none."""
    return (heap[block + B_CACHE] >> 32) << 3


@inner
def set_caches(heap: Ints, block: int, panes: int, accel: int) -> None:
    """Remember a key's panes and accel."""
    heap[block + B_CACHE] = ((panes >> 3) << 32) | (accel >> 3)
