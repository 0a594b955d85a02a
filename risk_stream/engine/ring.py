"""The ring: every event that something to come may still change or be a copy of, by key in order of (time, id).

It knows of each event where its facts are (rows of retained batches) and under which plan it came. Events leave it in
the order in which they arrived, once they are older than anything that can still come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine import _ring_kernel as kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Facts", "Placed", "Ring"]

_FIRST_LINES = 1024
#: Below an entry's plan stands its event's type, in so many bits.
_TYPE_BITS = 16
#: Batches of which rows are gathered one by one; where they lie in more, small neighbours are made one first.
_MANY_BATCHES, _SMALL_BATCH = 8, 4096
#: Rows of batches that are put together whole where few of them are gathered.
_WHOLE = 8192


@dataclass(frozen=True, slots=True)
class Placed:
    """What each of n rows is to the ring: one of the kernel's kinds, and its entry, or -1."""

    kinds: NDArray[np.int8]
    entries: Longs
    firsts: Longs  # per block the entry that was the next one before it


class Ring:
    """At most `most` events (0: as many as memory holds). `lost` counts those that had to go before their time."""

    def __init__(self, most: int = 0) -> None:
        self.most, self.lost = most, 0
        self._entries = np.zeros((_FIRST_LINES, kernel.ENTRY_WORDS), np.int64)
        self._table = np.zeros((2 * _FIRST_LINES, 2), np.int64)
        self._words = np.zeros(8, np.int64)
        self._mark = 0

    def __len__(self) -> int:
        return int(self._words[0] - self._words[1])

    @property
    def next(self) -> int:
        """The number of the next entry."""
        return int(self._words[0])

    @property
    def oldest(self) -> int:
        """The number of the oldest entry that is still there."""
        return int(self._words[1])

    def has_room(self, n: int) -> bool:
        """Whether n more events fit without others having to go before their time."""
        return not self.most or len(self) + n <= self.most

    def insert(
        self,
        keys: Longs,
        times: Longs,
        ids: Longs,
        *,
        starts: Longs,
        floors: Longs,
        ref: int,
        plan: int,
        types: NDArray[np.int16],
    ) -> Placed:
        """Put the rows of some blocks in; block b has those in starts[b]:starts[b + 1].

        `keys` [n, 3], `times` and `ids` [n] of the rows; what is below floors[b] is gone to block b. Row i's facts are
        `ref` + i, its plan `plan`, its type types[i].
        """
        n = len(times)
        plans = (plan << _TYPE_BITS) | types.astype(np.int64)
        self._make_room(n, int(floors[0]))
        kinds, found = np.empty(n, np.int8), np.empty(n, np.int64)
        firsts = np.empty(len(floors), np.int64)
        kernel.insert_rows(
            self._entries, self._table, self._words, keys, times, ids, starts, floors, ref, plans, kinds, found, firsts
        )
        return Placed(kinds, found, firsts)

    def later(self, entries: Longs, before: int) -> Longs:
        """Entries above any of these in the chain of its key that are older arrivals than entry `before`, each once."""
        if len(entries) == 0:
            return np.zeros(0, np.int64)
        self._mark += 1
        out = np.empty(len(self), np.int64)
        return out[: kernel.collect_later(self._entries, entries, before, self._mark, out)]

    def since(self, time: int) -> Longs:
        """Entries of events at a time or later, ms, whichever their keys."""
        every = np.arange(self.oldest, self.next)
        return every[self._column(every, kernel.E_TIME) >= time]

    def refs(self, entries: Longs) -> Longs:
        """Where the facts of some entries are."""
        return self._column(entries, kernel.E_REF)

    def set_refs(self, entries: Longs, refs: Longs) -> None:
        """Their facts are others from now on."""
        self._entries[entries & (len(self._entries) - 1), kernel.E_REF] = refs

    def plans(self, entries: Longs) -> Longs:
        """The plans under which some entries came, as numbers given with them."""
        return self._column(entries, kernel.E_PLAN) >> _TYPE_BITS

    def types(self, entries: Longs) -> Longs:
        """The types of some entries' events, as codes."""
        return self._column(entries, kernel.E_PLAN) & ((1 << _TYPE_BITS) - 1)

    def in_order(self, entries: Longs) -> Longs:
        """The same entries in order of (time, id)."""
        return entries[np.lexsort((self._column(entries, kernel.E_ID), self._column(entries, kernel.E_TIME)))]

    def _column(self, entries: Longs, word: int) -> Longs:
        column: Longs = self._entries[entries & (len(self._entries) - 1), word]
        return column

    def _make_room(self, n: int, floor: int) -> None:
        words = self._words
        kernel.prune(self._entries, words, floor)
        if self.most:
            lost = len(self) + n - max(self.most, n)
            if lost > 0:
                self.lost += lost
                words[1] += lost
        lines = len(self._entries)
        if len(self) + n > lines:
            while len(self) + n > lines:
                lines *= 2
            larger = np.empty((lines, kernel.ENTRY_WORDS), np.int64)
            kernel.move(self._entries, words, larger)
            self._entries = larger
        if 2 * (words[2] + n) > len(self._table):
            slots = 2 * _FIRST_LINES
            while slots < 4 * (min(len(self), int(words[2])) + n):
                slots *= 2
            table = np.zeros((slots, 2), np.int64)
            kernel.rebuild_table(self._table, words, table)
            self._table = table


class Facts:
    """Rows of events, kept as long as entries of a ring refer to them; a reference is a row's number in all."""

    def __init__(self) -> None:
        self.next = 0
        self._starts: deque[int] = deque()
        self._batches: deque[EventBatch] = deque()
        self._until: deque[int] = deque()  # a batch goes when the ring's oldest entry is this one

    def append(self, batch: EventBatch, until: int) -> int:
        """Keep a batch until entry `until` is the oldest; -> the reference to its first row."""
        at = self.next
        if len(batch):
            self._starts.append(at)
            self._batches.append(batch)
            self._until.append(until)
            self.next += len(batch)
        return at

    def free(self, oldest: int) -> None:
        """Let go what only entries below `oldest` refer to."""
        while self._until and self._until[0] <= oldest:
            self._until.popleft()
            self._starts.popleft()
            self._batches.popleft()

    def gather(self, refs: Longs, names: Collection[str] | None = None) -> EventBatch:
        """The rows with these references, in this order; with those of the columns that are named, or all."""
        starts = np.fromiter(self._starts, np.int64, len(self._starts))
        places = np.searchsorted(starts, refs, side="right") - 1
        touched = np.unique(places)
        if len(touched) > _MANY_BATCHES and self._merge():
            return self.gather(refs, names)
        if len(touched) == 1:
            at = int(touched[0])
            return _cut(self._batches[at], names).take(refs - starts[at])
        batches = [_cut(self._batches[at], names) for at in touched.tolist()]
        sizes = np.array([len(batch) for batch in batches], np.int64)
        if int(sizes.sum()) <= max(_WHOLE, 4 * len(refs)):  # cheaper than a few rows of each
            begins = np.zeros(len(self._batches), np.int64)
            begins[touched] = np.cumsum(sizes) - sizes
            return EventBatch.concat(batches).take(refs - starts[places] + begins[places])
        order = np.argsort(refs, kind="stable")
        ends = np.searchsorted(places[order], touched, side="right")
        parts, begin = [], 0
        for at, batch, end in zip(touched.tolist(), batches, ends.tolist(), strict=True):
            parts.append(batch.take(refs[order[begin:end]] - starts[at]))
            begin = end
        back = np.empty(len(refs), np.int64)
        back[order] = np.arange(len(refs))
        return EventBatch.concat(parts).take(back)

    def _merge(self) -> bool:
        """Make one of neighbouring small batches; whether there were any."""
        runs: list[list[int]] = []
        rows = 0
        for i, batch in enumerate(self._batches):
            if runs and len(batch) < _SMALL_BATCH and rows < _SMALL_BATCH:
                runs[-1].append(i)
                rows += len(batch)
            else:
                runs.append([i])
                rows = len(batch)
        if len(runs) == len(self._batches):
            return False
        batches, starts, until = list(self._batches), list(self._starts), list(self._until)
        self._batches = deque(EventBatch.concat([batches[i] for i in run]) for run in runs)
        self._starts = deque(starts[run[0]] for run in runs)
        self._until = deque(until[run[-1]] for run in runs)
        return True


def _cut(batch: EventBatch, names: Collection[str] | None) -> EventBatch:
    return batch if names is None else batch.narrow(names)
