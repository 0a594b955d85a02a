"""The memory of one state: a bounded reserve with the keys' logs, the index over it, and working space beside it."""

from __future__ import annotations

import mmap
from typing import Final

import numpy as np

from risk_stream.features._jit import Ints
from risk_stream.features._kernel import sweep_keys
from risk_stream.features._kernel_reserve import merge_free
from risk_stream.features._words import (
    FIRST_SLOTS,
    H_EVICTED,
    H_LAGGING,
    H_LIMIT,
    H_LIVE,
    H_NEWEST,
    H_NEXT,
    H_RUNNING,
    H_WORDS,
    K_BASE,
    K_MASK,
    K_POSITION,
    K_TRUNC,
    K_WORDS,
    NEVER,
    P_CLOCK,
    P_CURSORS,
    P_KEEP,
    P_LONGEST,
    P_ROW,
    P_SCRATCH_CELLS,
    P_SCRATCH_ROW,
    P_SCRATCH_SET,
    P_SCRATCH_STARTS,
    P_TABLES_AT,
    P_WINDOWS,
)
from risk_stream.features.layout import MOST_STEPS

__all__ = ["ALWAYS", "Store"]

#: A time after all times.
ALWAYS: Final = -NEVER
#: MiB beside the reserve for the layout's working space, of which only what is used is taken from the system.
SCRATCH_MIB: Final = 80
#: ms of event time, at least, from one search for room in a full reserve to the next, and from one end cut off.
SEARCH_EVERY_MS: Final = 1000
#: Shares of the used part: how far it grows from one look at its free pieces to the next, and how much of it may be
#: free without being put together. Keys that grow side by side leave all their smaller blocks behind.
GROWTH: Final = 1 / 16
FREE: Final = 1 / 32
#: Share of the used part that is free when blocks at its end have moved into it: more of it is not left.
MUCH_FREE: Final = 1 / 8


def _reserve(mib: int) -> Ints:
    """So many MiB of zeros and `SCRATCH_MIB` behind them, given by the system page by page as they are first touched.

    In huge pages where it can, but for the working space: that is some KiB.
    """
    if not hasattr(mmap, "MAP_PRIVATE"):
        return np.zeros((mib + SCRATCH_MIB) << 17, np.int64)
    pages = mmap.mmap(-1, (mib + SCRATCH_MIB) << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE, 0, mib << 20)
    return np.frombuffer(pages, np.int64)


class Store:
    """A reserve of `mib` MiB and an index of `chunks` parts, a power of two, for keys whose rows a plan describes.

    Raises `ValueError` where the reserve is too little for the empty index.
    """

    def __init__(self, mib: int, chunks: int) -> None:
        if chunks < 2 or chunks & (chunks - 1):
            raise ValueError(f"chunks is {chunks} and must be a power of two, 2 or more")
        mib = max(1, mib)
        self.shift = 64 - (chunks.bit_length() - 1)
        self.heap = _reserve(mib)
        self.chunks = np.zeros((chunks, K_WORDS), np.int64)
        self.swept = NEVER
        self._next_chunk = 0
        self._searched: int | None = None
        self._shortened = NEVER
        self._looked_at = 0  # words in use when last looked for free pieces
        self._scratch = mib << 17
        size = FIRST_SLOTS  # itself a size class
        if H_WORDS + chunks * size > self._scratch:
            raise ValueError(f"{mib} MiB is too little for an index of {chunks} chunks: raise reserve_mib")
        self.chunks[:, K_BASE] = H_WORDS + size * np.arange(chunks)
        self.chunks[:, K_MASK] = size - 1
        self.chunks[:, [K_POSITION, K_TRUNC]] = NEVER
        self.heap[H_NEWEST] = NEVER
        self.heap[[H_NEXT, H_LIVE, H_LIMIT]] = H_WORDS + size * chunks, size * chunks, self._scratch

    def place_scratch(self, plan: Ints, cap: int) -> None:
        """Give a plan its working space: a row, window starts, cells, a set for the `cap` rows of a key, cursors.

        Behind the window starts there is a word for each row of a key, and one for each step of a sequence.
        """
        slots = 16
        while slots < 2 * (cap + 2):
            slots <<= 1
        sizes = [0, plan[P_ROW], plan[P_WINDOWS] + max(cap + 2, MOST_STEPS), plan[P_TABLES_AT], 2 * slots]
        places = np.cumsum(sizes) + self._scratch
        self.heap[self._scratch : places[4]] = 0  # the set knows its entries by a small tag
        plan[[P_SCRATCH_ROW, P_SCRATCH_STARTS, P_SCRATCH_CELLS, P_SCRATCH_SET, P_CURSORS]] = places
        self.heap[[H_LAGGING, H_RUNNING]] = 0

    def set_clock(self, plan: Ints) -> None:
        """Say in a plan as of when rows are let go: as last swept to; before any sweep as of their key's newest."""
        plan[P_CLOCK] = ALWAYS if self.swept == NEVER else self.swept

    def keep_from(self, plan: Ints) -> int:
        """No window reaches a row of this time or earlier."""
        return NEVER if self.swept == NEVER else self.swept - int(plan[P_KEEP])

    def sweep(self, plan: Ints, now_ms: int, budget: int) -> int:
        """Evict keys that had expired at `now_ms` from about `budget` index entries on; -> how many."""
        self.swept = max(self.swept, now_ms)
        before = int(self.heap[H_EVICTED])
        if budget > 0:
            begun = self._next_chunk
            self._next_chunk = sweep_keys(self.heap, self.chunks, plan, begun, budget, now_ms)
            if self._next_chunk <= begun:
                self._shorten()
        return int(self.heap[H_EVICTED]) - before

    def _shorten(self) -> None:
        """Every key was looked at: where much is free, put it together, and cut off what is free at the end."""
        if self._free() > MUCH_FREE and self.swept >= self._shortened + SEARCH_EVERY_MS:
            self._shortened = self.swept
            merge_free(self.heap)

    def _free(self) -> float:
        """The share of the used part that is free."""
        return 1 - int(self.heap[H_LIVE]) / int(self.heap[H_NEXT])

    def put_together(self) -> None:
        """Put free pieces together when the used part has grown: so what keys outgrew is used before new memory is.

        Amortised over the growth it costs next to nothing; a single time takes some 0.1 us a free piece.
        """
        used = int(self.heap[H_NEXT])
        if used < self._looked_at * (1 + GROWTH):
            return
        if self._free() > FREE:
            merge_free(self.heap)
        self._looked_at = int(self.heap[H_NEXT])

    def find_room(self, plan: Ints) -> bool:
        """The reserve is full: evict what had expired, put free pieces together; False if that was done lately."""
        wait = max(SEARCH_EVERY_MS, int(plan[P_LONGEST]) >> 6)
        if self._searched is not None and self.swept < self._searched + wait:
            return False
        self._searched = self.swept
        if self.swept != NEVER:
            self.sweep(plan, self.swept, 1 << 62)
        merge_free(self.heap)
        return True
