"""Kernels: free pieces of the reserve put together again, so that what one size of block gave back serves another.

Blocks that stand far behind move into free places before them meanwhile, so that the used part becomes shorter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from risk_stream.features._jit import SOURCES, Ints, Word, entry, inner
from risk_stream.features._kernel_heap import (
    LARGEST,
    block_class,
    class_words,
    copy,
    end_row,
    give_back,
    release,
    row_words,
    set_aside,
    take_free,
)
from risk_stream.features._kernel_index import moved
from risk_stream.features._kernel_rows import drop_caches
from risk_stream.features._words import H_CRUMBS, H_FREE, H_LIVE, H_NEXT, HEADER

__all__ = ["merge_free", "move_down"]


@inner
def move_down(heap: Ints, chunks: Ints, chunk: int, slot: int, block: int) -> None:
    """Move a key's block to a free place before it, if there is one.

    Its old place is used again when free pieces are next put together, and not before: else others would move there.
    """
    size_class = block_class(heap, block)
    new = take_free(heap, size_class)
    if new > block:
        release(heap, new, size_class)
    elif new != 0:
        drop_caches(heap, block)
        copy(heap, block, new, HEADER + end_row(heap, block) * row_words(heap, block))
        moved(heap, chunks, chunk, slot, new)
        heap[H_LIVE] -= class_words(size_class)
        set_aside(heap, block, class_words(size_class))


@inner
def _take_free(heap: Ints, runs: Ints) -> Word:
    """Take the free pieces out of their lists into runs [n, 2]: place, words. Without runs only count them; -> n."""
    taking = len(runs) > 0
    found = 0
    for size_class in range(LARGEST):
        piece = heap[H_FREE + size_class]
        while piece != 0:
            if taking:
                runs[found, 0] = piece
                runs[found, 1] = class_words(size_class)
            found += 1
            piece = heap[piece]
        if taking:
            heap[H_FREE + size_class] = 0
    piece = heap[H_CRUMBS]
    while piece != 0:
        if taking:
            runs[found, 0] = piece
            runs[found, 1] = heap[piece + 1]
        found += 1
        piece = heap[piece]
    if taking:
        heap[H_CRUMBS] = 0
    return found


@inner
def _give_back_runs(heap: Ints, runs: Ints, order: Ints) -> None:
    """Give pieces back, neighbours as one; what reaches the end of the used part makes that shorter."""
    at = words = 0
    for i in order:
        if runs[i, 0] != at + words:
            give_back(heap, at, words)
            at = runs[i, 0]
            words = 0
        words += runs[i, 1]
    if words > 0 and at + words == heap[H_NEXT]:
        heap[H_NEXT] = at
    else:
        give_back(heap, at, words)


def _entries(sources: int) -> Any:
    """The function Python calls, compiled anew where `sources` differs (see `_jit.entry`)."""

    @entry
    def merge_free(heap: Ints) -> None:
        runs = np.empty((0, 2), np.int64)
        found = _take_free(heap, runs) if sources >= 0 else 0
        if found > 0:
            runs = np.empty((found, 2), np.int64)
            _take_free(heap, runs)
            _give_back_runs(heap, runs, np.argsort(runs[:, 0]))

    return merge_free


merge_free = _entries(SOURCES)
