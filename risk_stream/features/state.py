"""The windows of all keys of one kind: per-key logs in one reserve, and every aggregate as of each event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from risk_stream.catalogue.formats import WINDOWS
from risk_stream.features import restore
from risk_stream.features._jit import Bools, Floats, Ints
from risk_stream.features._kernel import apply_batch, forget_bits, translate_masks
from risk_stream.features._words import (
    H_BEHIND,
    H_DROPPED,
    H_EARLY,
    H_KEYS,
    H_NEWEST,
    H_NEXT,
    H_REFUSED,
    H_ROWS,
    NEVER,
    P_STARTS,
)
from risk_stream.features.images import ImageOf, make_image
from risk_stream.features.journal import Forget, Journal, Rows
from risk_stream.features.layout import KindLayout
from risk_stream.features.schema import Schema, compile_plan
from risk_stream.features.store import ALWAYS, Store

__all__ = ["KeyState"]

#: Logs below this many rows are scanned at each event; longer ones keep their cells (measured, see bench).
SCAN_BELOW: Final = 48
#: How far behind a key's newest event another may come and still find every row of its windows.
LATENESS_MS: Final = 60_000
#: What a key's words are multiplied by to tell most keys apart by one word.
_SPREAD: Final = np.array([-7046029254386353131, 4354685564936845355, 1609587929392839161], np.int64)


class KeyState:
    """The windows of all keys of one kind.

    `reserve_mib` bounds its memory, of which only what is used is ever taken from the system. Where it is full, what
    has expired is forgotten; after that a key that needs room gives up its oldest rows, as at the cap, and an event of
    a new key is judged by itself: both are flagged and counted. `chunks` is the number of parts of the index, a power
    of two. `lateness_ms` is how late an event can be and still have exact values; later ones are flagged. With
    `journal` it keeps what it is given until `take_journal`. No clock, no threads, no randomness: the same events give
    the same values, however they are cut into batches and, asked for again when all are in, whatever order they came
    in.
    """

    _plan: Ints
    _recorded: Ints

    def __init__(
        self,
        layout: KindLayout,
        *,
        reserve_mib: int = 256,
        chunks: int = 256,
        lateness_ms: int = LATENESS_MS,
        scan_below: int = SCAN_BELOW,
        journal: bool = False,
    ) -> None:
        self.reserve_mib = reserve_mib
        self._lateness_ms, self._scan_below = lateness_ms, scan_below
        self._store = Store(reserve_mib, chunks)
        self._schema = Schema()
        self._journal = Journal(layout.kind) if journal else None
        self._epoch = 0
        self._position = -1
        self._serial = 1
        self._use(layout, NEVER)

    # Layouts.

    @property
    def layout(self) -> KindLayout:
        """The layout in force."""
        return self._layout

    def set_layout(self, layout: KindLayout, now_ms: int | None = None) -> None:
        """Work by another layout of the same kind from the next event on; takes milliseconds, however many keys.

        Rows stay. An aggregate over events and fields that the old layout had too goes on as if nothing had happened,
        a new window over them included. What needs an event, condition or field that was not kept so far starts empty
        and is flagged until its window no longer reaches back to `now_ms` (else the latest time seen). Where the
        longest window becomes longer, what the old one may have let go counts no more, though it may still be there.
        """
        if layout.kind != self._layout.kind:
            raise ValueError(f'a state of "{self._layout.kind}" cannot take a layout of "{layout.kind}"')
        self._use(layout, max(self._clock, self._store.swept) if now_ms is None else now_ms)

    def _use(self, layout: KindLayout, since: int) -> None:
        retired = self._schema.retired(layout)
        if retired:
            bits = sum(1 << self._schema.bits[bit] for bit in retired)
            signed = bits - (1 << 64) if bits >> 63 else bits
            self._schema.forget(retired)
            stays = self._schema.stays()
            forget_bits(self._store.heap, self._store.chunks, ALWAYS, signed, stays)
            if self._journal is not None:
                self._journal.add(Forget(self._position, self._plan, signed, stays.astype(np.int64)))
        let_go_at = self._clock if self._store.swept == NEVER else self._store.swept
        self._schema.take(layout, since, self._lateness_ms, let_go_at)
        self._epoch += 1
        self._layout = layout
        self._plan = compile_plan(
            self._schema,
            layout,
            epoch=self._epoch,
            scan_below=self._scan_below,
            keep_ms=layout.longest_ms + 2 * self._lateness_ms,
            gone_until=self._schema.gone_until,
            shift=self._store.shift,
        )
        self._bit_map = self._schema.bit_map(layout)
        self._columns_at = self._schema.columns_at(layout)
        self._store.place_scratch(self._plan, self._schema.most_cap)
        # To put rows in again no window is looked at, so what goes on record is without the tables of periods.
        self._recorded = self._plan[: self._plan[P_STARTS]]

    def warming(self, now_ms: int) -> dict[str, int]:
        """Aggregates that as of `now_ms` reach back to what was not all seen, and the ms at which that ends.

        Until then every value of theirs is flagged, but for last and since of an event that was seen. Caps
        and lack of memory flag too, key by key: those are counted.
        """
        ends = self._schema.known_until(self._layout)
        return {id: until for id, until in ends.items() if until > now_ms}

    # Events.

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
        Bit f of an event's flags is set where output f is not exact. With a journal, the arrays are kept: they must
        not be changed, and positions must not fall.
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
        keys, times, columns, ids = (np.ascontiguousarray(a, np.int64) for a in (keys, times, columns, ids))
        present = np.ascontiguousarray(present, np.bool_)
        put_in = np.count_nonzero(masks) > 0
        (self._apply if put_in else self._ask)(keys, present, times, masks, columns, ids, out, flags)
        if self._journal is not None and put_in:
            rows = Rows(position, self._recorded, self._columns_at, keys, present, times, masks, columns, ids)
            self._journal.add(rows)
        self._position = max(self._position, position)
        return out, flags

    def _apply(
        self,
        keys: Ints,
        present: Bools,
        times: Ints,
        masks: Ints,
        columns: Ints,
        ids: Ints,
        out: Floats,
        flags: Ints,
    ) -> None:
        """Fill `out` and `flags`."""
        store, plan, bits, n = self._store, self._plan, out.view(np.int64), len(times)
        store.set_clock(plan)
        store.put_together()
        done = forced = 0
        while done < n:
            done = apply_batch(
                store.heap, store.chunks, plan, keys, present, times, masks, columns, ids, done, forced, bits, flags
            )
            forced = int(done < n and not store.find_room(plan))

    def _ask(
        self,
        keys: Ints,
        present: Bools,
        times: Ints,
        masks: Ints,
        columns: Ints,
        ids: Ints,
        out: Floats,
        flags: Ints,
    ) -> None:
        """The same for events that are not put in: key by key, since a key's answers are made one from another."""
        by_key = (keys * _SPREAD).sum(axis=1)
        if (by_key == by_key[0]).all():
            self._apply(keys, present, times, masks, columns, ids, out, flags)
            return
        order = np.argsort(by_key, kind="stable")
        values, inexact = np.empty_like(out), np.zeros_like(flags)
        given = keys[order], present[order], times[order], masks[order], columns.take(order, axis=1), ids[order]
        self._apply(*given, values, inexact)
        out[order], flags[order] = values, inexact

    def sweep(self, now_ms: int, budget_keys: int = 1 << 62) -> int:
        """Forget keys of which every window is empty at `now_ms`; -> how many.

        Goes through the index a few chunks at a time, so that every call looks at about `budget_keys` keys and goes on
        where the last one stopped. Rows of living keys are let go as of the latest `now_ms` too. Values do not change
        by it, unless an event comes later than `lateness_ms` behind that.
        """
        return self._store.sweep(self._plan, now_ms, budget_keys)

    # On record.

    @property
    def chunks(self) -> int:
        """Parts of the index, each with an image of its own."""
        return len(self._store.chunks)

    def take_journal(self, upto: int) -> list[bytes]:
        """Parts (see `_parts`) with all that was done at positions up to `upto` and not taken yet, in order."""
        return [] if self._journal is None else self._journal.take(upto)

    def image(self, chunk: int, position: int, *, stop: int | None = None) -> list[bytes]:
        """Parts with all keys of the chunks [chunk, stop), one chunk if no stop is given; nothing is changed.

        `position` is that of the last `apply`.
        """
        of = ImageOf(self._layout.kind, chunk, chunk + 1 if stop is None else stop, position, self._serial)
        self._serial += 1
        store = self._store
        keep_from = store.keep_from(self._plan)
        return make_image(store.heap, store.chunks, of, keep_from=keep_from, row_words=self._schema.row_words)

    def schema_state(self) -> dict[str, Any]:
        """What rows mean and since when, and the clocks: all of a state that is not in parts, for JSON."""
        return {
            "format": WINDOWS.newest,
            "kind": self._layout.kind,
            "schema": self._schema.to_json(),
            "clock": self._clock,
            "swept": self._store.swept,
            "serial": self._serial,
        }

    def restore(self, schema_state: dict[str, Any], parts: Iterable[bytes] = ()) -> int:
        """Put an empty state where another was: what that said of its schema, and its parts in any order; -> position.

        Needed are an image of every chunk and the journal behind each, or the whole journal. Then every value and flag
        is the other's, lack of memory aside. The layout may be another than the other's; if it is the same, parts can
        also be given to `load_image` and `replay` afterwards. Raises `PartError` where a part cannot be read.
        """
        if self.keys or self._position >= 0:
            raise ValueError("only a state that has seen nothing yet can be put where another was")
        self._schema = restore.schema_from(schema_state, self._layout.kind)
        self._store.heap[H_NEWEST], self._serial = schema_state["clock"], schema_state["serial"]
        self._store.swept = schema_state["swept"]
        self._plan = restore.base_plan(self._plan, self._schema, self._store)
        images, journals = restore.in_order(self._layout.kind, parts)
        for part in images:
            self.load_image(part)
        for part in journals:
            self.replay(part)
        self._use(self._layout, self._clock)
        return self._position

    def load_image(self, part: bytes) -> int:
        """Put the keys of an image's part in, unless a newer image of their chunk is; -> its position.

        The parts of one image go in their order.
        """
        position, serial = restore.load(self._store, self._plan, part)
        self._serial = max(self._serial, serial + 1)
        self._position = max(self._position, position)
        return position

    def replay(self, part: bytes) -> int:
        """Put in the rows of a journal's part that are newer than their chunk's image; -> how many. Images go first."""
        stop, rows = restore.replay(self._store, self._plan, self._schema, part)
        self._position = max(self._position, stop)
        return rows

    # Figures.

    @property
    def _clock(self) -> int:
        return self._figure(H_NEWEST)

    def _figure(self, word: int) -> int:
        return int(self._store.heap[word])

    @property
    def keys(self) -> int:
        """Keys that have state."""
        return self._figure(H_KEYS)

    @property
    def rows(self) -> int:
        """Rows kept."""
        return self._figure(H_ROWS)

    @property
    def bytes(self) -> int:
        """Memory taken from the reserve so far; what keys gave back is in it, and is used again."""
        return self._figure(H_NEXT) * 8

    @property
    def dropped(self) -> int:
        """Rows that a cap or lack of memory dropped into the panes."""
        return self._figure(H_DROPPED)

    @property
    def early(self) -> int:
        """The part of `dropped` that was dropped before the cap because the reserve was full."""
        return self._figure(H_EARLY)

    @property
    def refused(self) -> int:
        """Events of keys for which the full reserve had no room: judged by themselves, and flagged."""
        return self._figure(H_REFUSED)

    @property
    def behind(self) -> int:
        """Events older than the rows their key still kept: judged by themselves, and flagged."""
        return self._figure(H_BEHIND)
