"""The windows of all keys of one kind: per-key logs in one heap, and every aggregate as of each event."""

from __future__ import annotations

import mmap
from typing import Final

import numpy as np

from risk_stream.features._jit import Bools, Floats, Ints
from risk_stream.features._kernel import apply_batch, forget_bits, sweep_keys, translate_masks
from risk_stream.features._words import (
    FIRST_SLOTS,
    H_BEHIND,
    H_DROPPED,
    H_EVICTED,
    H_KEYS,
    H_LIMIT,
    H_LIVE,
    H_NEXT,
    H_ROWS,
    H_WORDS,
    K_BASE,
    K_MASK,
    K_WORDS,
    NEVER,
    P_CLOCK,
    P_ROW,
    P_SCRATCH_CELLS,
    P_SCRATCH_ROW,
    P_SCRATCH_SET,
    P_SCRATCH_STARTS,
    P_TABLES_AT,
    P_WINDOWS,
)
from risk_stream.features.layout import KindLayout
from risk_stream.features.schema import Schema, compile_plan

__all__ = ["KeyState", "StateFull"]

#: Logs below this many rows are scanned at each event; longer ones keep their cells (measured, see bench).
SCAN_BELOW: Final = 48
#: A time after all times.
ALWAYS: Final = -NEVER
#: How far behind a key's newest event another may come and still find every row of its windows.
LATENESS_MS: Final = 60_000


class StateFull(Exception):  # noqa: N818 - says what is so, as StopIteration does
    """Raised when a state's reserve of memory is exhausted. Nothing of event `at` and those behind it was applied."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def _reserve(mib: int) -> Ints:
    """So many MiB of zeros, given by the system page by page as they are first touched; in huge pages where it can."""
    if not hasattr(mmap, "MAP_PRIVATE"):
        return np.zeros(mib << 17, np.int64)
    pages = mmap.mmap(-1, mib << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, np.int64)


class KeyState:
    """The windows of all keys of one kind.

    `reserve_mib` bounds its memory, of which only what is used is ever taken from the system. `chunks` is the number
    of parts of the index, a power of two. `lateness_ms` is how late an event can be and still have exact values;
    later ones are flagged. No clock, no threads, no randomness: the same events give the same values, however they
    are cut into batches and, asked for again when all are in, whatever order they came in.
    """

    def __init__(
        self,
        layout: KindLayout,
        *,
        reserve_mib: int = 256,
        chunks: int = 256,
        lateness_ms: int = LATENESS_MS,
        scan_below: int = SCAN_BELOW,
    ) -> None:
        if chunks < 2 or chunks & (chunks - 1):
            raise ValueError(f"chunks is {chunks} and must be a power of two, 2 or more")
        self.reserve_mib = reserve_mib
        self._lateness_ms, self._scan_below = lateness_ms, scan_below
        self._shift = 64 - (chunks.bit_length() - 1)
        self._heap = _reserve(max(1, reserve_mib))
        self._chunks = np.zeros((chunks, K_WORDS), np.int64)
        self._schema = Schema()
        self._epoch = 0
        self._clock = NEVER
        self._swept = NEVER
        self._position = -1
        self._next_chunk = 0
        self._scratch = self._scratch_words = 0
        self._lay_out_heap()
        self._use(layout, NEVER)

    def _lay_out_heap(self) -> None:
        heap, chunks = self._heap, self._chunks
        size = FIRST_SLOTS  # itself a size class
        heap[H_LIMIT] = len(heap)
        if H_WORDS + len(chunks) * size > len(heap):
            raise ValueError(
                f"{self.reserve_mib} MiB is too little for an index of {len(chunks)} chunks: raise reserve_mib"
            )
        chunks[:, K_BASE] = H_WORDS + size * np.arange(len(chunks))
        chunks[:, K_MASK] = size - 1
        heap[H_NEXT] = H_WORDS + size * len(chunks)
        heap[H_LIVE] = size * len(chunks)

    def _use(self, layout: KindLayout, since: int) -> None:
        retired = self._schema.retired(layout)
        if retired:
            bits = 0
            for bit in retired:
                bits |= 1 << self._schema.bits[bit]
            forget_bits(self._heap, self._chunks, np.int64(np.uint64(bits)))
            self._schema.forget(retired)
        self._schema.take(layout, since, self._lateness_ms)
        self._epoch += 1
        self._layout = layout
        self._plan = compile_plan(
            self._schema,
            layout,
            epoch=self._epoch,
            scan_below=self._scan_below,
            keep_ms=layout.longest_ms + 2 * self._lateness_ms,
            shift=self._shift,
        )
        self._bit_map = self._schema.bit_map(layout)
        self._place_scratch()

    def _place_scratch(self) -> None:
        """Give the plan its working space in the heap: a row, window starts, cells, and a set for all rows of a key."""
        plan, slots = self._plan, 16
        while slots < 2 * (self._layout.cap + 2):
            slots <<= 1
        places = np.cumsum([0, plan[P_ROW], plan[P_WINDOWS], plan[P_TABLES_AT], 2 * slots])
        if places[-1] > self._scratch_words:
            room = -(-int(places[-1]) * 3 // 16) * 8  # half as much again, for later layouts
            if self._heap[H_NEXT] + room > len(self._heap):
                raise StateFull(self._full_message(), 0)
            self._scratch, self._scratch_words = int(self._heap[H_NEXT]), room
            self._heap[H_NEXT] += room
            self._heap[H_LIVE] += room
        self._heap[self._scratch : self._scratch + self._scratch_words] = 0  # the set knows its entries by a small tag
        plan[[P_SCRATCH_ROW, P_SCRATCH_STARTS, P_SCRATCH_CELLS, P_SCRATCH_SET]] = places[:4] + self._scratch

    @property
    def layout(self) -> KindLayout:
        """The layout in force."""
        return self._layout

    def set_layout(self, layout: KindLayout, now_ms: int | None = None) -> None:
        """Work by another layout of the same kind from the next event on; takes milliseconds, however many keys.

        Rows stay. An aggregate over events and fields that the old layout had too goes on as if nothing had happened,
        a new window over them included. What needs an event, condition or field that was not kept so far starts empty
        and is flagged until its window no longer reaches back to `now_ms` (else the latest event's time).
        """
        if layout.kind != self._layout.kind:
            raise ValueError(f'a state of "{self._layout.kind}" cannot take a layout of "{layout.kind}"')
        self._use(layout, self._clock if now_ms is None else now_ms)

    def apply(
        self,
        keys: Ints,
        present: Bools,
        times: Ints,
        masks: Ints,
        columns: Ints,
        ids: Ints,
        *,
        position: int = 0,
    ) -> tuple[Floats, Ints]:
        """Put n events into their keys' windows, one after the other; -> values [n, F] and flags [n] as of each.

        Within a key events stand in order of (time, id), whatever order they come in: each is answered from those
        there by then that are not behind it. An event that is there already is answered as of its place and nothing
        is put in, so it can be asked for again when others have come before it.

        `keys` [n, 3] are packed keys, `present` [n] says which events have one, `masks` [n] the layout's bits that each
        counts for (0: it is not put in, only answered as of its place), `columns` [V, n] the layout's columns in fixed
        point, `ids` [n] hashes of the events' ids, `position` where in its log the batch stands. Values are in natural
        units, NaN where missing; a text's is its hash in the same eight bytes (`values.view(int64)`), 0 where missing.
        Bit f of an event's flags is set where output f is not exact. Raises `StateFull`.
        """
        n = len(times)
        out = np.empty((n, len(self._layout.aggregates)), np.float64)
        flags = np.zeros(n, np.int64)
        if n == 0:
            return out, flags
        masks = np.ascontiguousarray(masks, np.int64)
        if self._bit_map is not None:
            translated = np.empty(n, np.int64)
            translate_masks(masks, self._bit_map, translated)
            masks = translated
        args = (
            np.ascontiguousarray(keys, np.int64),
            np.ascontiguousarray(present, np.bool_),
            np.ascontiguousarray(times, np.int64),
            masks,
            np.ascontiguousarray(columns, np.int64),
            np.ascontiguousarray(ids, np.int64),
        )
        bits = out.view(np.int64)
        self._plan[P_CLOCK] = ALWAYS if self._swept == NEVER else self._swept
        done = apply_batch(self._heap, self._chunks, self._plan, *args, 0, bits, flags)
        while done < n:
            if not self._find_room():
                raise StateFull(self._full_message(), done)
            at, done = (
                done,
                apply_batch(self._heap, self._chunks, self._plan, *args, done, bits, flags),
            )
            if at == done:
                raise StateFull(self._full_message(), done)
        self._clock = max(self._clock, int(times.max()))
        self._position = max(self._position, position)
        return out, flags

    def _find_room(self) -> bool:
        """Evict what had expired when the caller last swept; whether anything had."""
        before = self.evicted
        if self._swept != NEVER:
            self._sweep(self._swept, 1 << 62)
        return self.evicted > before

    def _full_message(self) -> str:
        return (
            f'the windows by "{self._layout.kind}" have used up their {self.reserve_mib} MiB with {self.keys:,} keys'
            f" and {self.rows:,} rows: raise reserve_mib, shorten the longest window, or lower the cap on rows"
        )

    def sweep(self, now_ms: int, budget_keys: int = 1 << 62) -> int:
        """Forget keys of which every window is empty at `now_ms`; -> how many.

        Goes through the index a few chunks at a time, so that every call looks at about `budget_keys` keys and goes on
        where the last one stopped. Rows of living keys are let go as of the latest `now_ms` too. Values do not
        change by it, unless an event comes later than `lateness_ms` behind that.
        """
        self._swept = max(self._swept, now_ms)
        return self._sweep(now_ms, budget_keys)

    def _sweep(self, now_ms: int, budget_keys: int) -> int:
        before = self.evicted
        if budget_keys > 0:
            self._next_chunk = sweep_keys(self._heap, self._chunks, self._plan, self._next_chunk, budget_keys, now_ms)
        return self.evicted - before

    @property
    def keys(self) -> int:
        """Keys that have state."""
        return int(self._heap[H_KEYS])

    @property
    def rows(self) -> int:
        """Rows kept."""
        return int(self._heap[H_ROWS])

    @property
    def bytes(self) -> int:
        """Memory taken from the reserve so far; what keys gave back is in it, and is used again."""
        return int(self._heap[H_NEXT]) * 8

    @property
    def live_bytes(self) -> int:
        """The part of `bytes` that is in use now."""
        return int(self._heap[H_LIVE]) * 8

    @property
    def dropped(self) -> int:
        """Rows that a cap dropped into the panes."""
        return int(self._heap[H_DROPPED])

    @property
    def behind(self) -> int:
        """Events older than the rows their key still kept: judged by themselves, and flagged."""
        return int(self._heap[H_BEHIND])

    @property
    def evicted(self) -> int:
        """Keys forgotten because all their rows had expired."""
        return int(self._heap[H_EVICTED])
