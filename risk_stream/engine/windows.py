"""The features of one kind of key: its windows, filled from batches, and what earlier hops sent along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine.lexicon import Lexicon
from risk_stream.engine.plans import WhereMasks
from risk_stream.engine.view import Features, Floats
from risk_stream.features import Aggregate, KeyState, KindLayout
from risk_stream.rules.language.meaning import Condition

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Windows", "carried_in", "carry"]

#: A time before all events, ms.
_LONG_AGO = -(1 << 60)


class Windows:
    """The windows of one kind of key on one partition, by a layout that may change; none as long as there is none."""

    def __init__(self, kind: str, lexicon: Lexicon, *, reserve_mib: int, lateness_ms: int, journal: bool) -> None:
        self.kind = kind
        self.state: KeyState | None = None
        self._lexicon = lexicon
        self._given: dict[str, Any] = {"reserve_mib": reserve_mib, "lateness_ms": lateness_ms}
        if journal:
            self._given["journal"] = True
        self._outputs: tuple[Aggregate, ...] = ()
        self._whole_at: dict[str, int] = {}  # aggregate -> until when its window reaches back behind what was seen, ms
        self._masks: WhereMasks | None = None

    def use(
        self, layout: KindLayout | None, wheres: Mapping[tuple[str, str], Condition], since_ms: int | None = None
    ) -> None:
        """Keep what a layout asks. What was not kept so far is known after `since_ms`; None: from the beginning."""
        if layout is None and self.state is None:
            return
        layout = layout or KindLayout(self.kind, ())
        if self.state is None and since_ms is None:
            self.state = KeyState(layout, **self._given)
            self.state.sweep(_LONG_AGO, 0)  # rows stay until the hop has a clock
        else:
            if self.state is None:
                self.state = KeyState(KindLayout(self.kind, ()), **self._given)
                self.state.sweep(_LONG_AGO, 0)
            self.state.set_layout(layout, since_ms)
        self._outputs, self._masks = tuple(layout.aggregates), WhereMasks(layout, wheres)
        self._whole_at = self.state.warming(_LONG_AGO)

    def restore(
        self,
        layout: KindLayout | None,
        wheres: Mapping[tuple[str, str], Condition],
        schema: dict[str, Any],
        parts: Iterable[bytes],
    ) -> None:
        """Begin with the rows of a checkpoint, in its parts, and what they mean; the layout is the one it had."""
        layout = layout or KindLayout(self.kind, ())
        self.state = KeyState(layout, **self._given)
        self.state.restore(schema, parts)
        self._outputs, self._masks = tuple(layout.aggregates), WhereMasks(layout, wheres)
        self._whole_at = self.state.warming(_LONG_AGO)

    @property
    def reads(self) -> frozenset[str]:
        """The columns of events that `ask` looks at."""
        fields = () if self.state is None else self.state.layout.columns
        return frozenset(("id", "type", "time", self.kind, *fields))

    def masks(self, batch: EventBatch) -> Longs:
        """int64[n]: 0 where an event counts for nothing here."""
        return np.zeros(len(batch), np.int64) if self._masks is None else self._masks.of(batch)

    def insert(self, batch: EventBatch, masks: Longs, position: int, *, sort: bool) -> tuple[Floats, Longs]:
        """Put events into their keys' windows; -> values [n, F] and flags [n] as of each. `sort`: they are in disorder.

        The texts that `first` and `last` may give later are learnt.
        """
        for aggregate in self._outputs:
            if aggregate.text and aggregate.field is not None:
                name = aggregate.field
                self._lexicon.learn(batch.hashes(name), partial(batch.text, name), position)
        if not sort:
            return self._apply(batch, masks, None, position)
        return self._apply(batch, masks, np.lexsort((batch.hashes("id"), batch.times)), position)

    def ask(self, batch: EventBatch) -> tuple[Floats, Longs]:
        """Values and flags as of events that are there, or as if they were; nothing is put in."""
        return self._apply(batch, np.zeros(len(batch), np.int64), None, 0)

    def _apply(
        self, batch: EventBatch, masks: Longs, order: NDArray[np.intp] | None, position: int
    ) -> tuple[Floats, Longs]:
        state, n = self.state, len(batch)
        if state is None:
            return np.empty((n, 0)), np.zeros(n, np.int64)
        layout = state.layout
        columns = np.empty((len(layout.columns), n), np.int64)
        for j, name in enumerate(layout.columns):
            columns[j] = batch.hashes(name) if batch.catalogue.fields[name].type.is_text else batch.fixed(name)
        keys, present = batch.keys(layout.kind)
        if order is None:
            return state.apply(keys, present, batch.times, masks, columns, batch.hashes("id"), position=position)
        ids, times = batch.hashes("id")[order], batch.times[order]
        table, flags = state.apply(
            keys[order], present[order], times, masks[order], columns[:, order], ids, position=position
        )
        values, inexact = np.empty_like(table), np.empty_like(flags)
        values[order], inexact[order] = table, flags
        return values, inexact

    def add(self, features: Features, values: Floats, flags: Longs, times: Longs) -> None:
        """Put what `insert` or `ask` gave as of some times, ms, among the features."""
        by_output = np.ascontiguousarray(values.T)
        flagged = bool(flags.any())
        for f, aggregate in enumerate(self._outputs):
            features.values[aggregate.id] = by_output[f]
            if not flagged:
                continue
            bits = (flags >> f) & 1 != 0
            if bits.any():
                features.flags[aggregate.id] = bits
                if aggregate.id in self._whole_at:
                    features.warming[aggregate.id] = bits & (times < self._whole_at[aggregate.id])


def carried_in(batch: EventBatch, lexicon: Lexicon, position: int) -> Features:
    """Aggregates of earlier hops that came with the batch.

    Columns `f.ID` hold numbers, `h.ID` text hashes in the same eight bytes, `t.ID` the texts behind them, `x.ID` 1
    where the value is a bound, and 2 where it is so as its window reaches back behind a change of rules.
    """
    features = Features()
    for name in batch.table.schema.names:
        space, dot, id = name.partition(".")
        if not dot:
            continue
        if space == "t":
            lexicon.learn(batch.fixed(f"h.{id}"), batch.table.column(name).to_pylist().__getitem__, position)
            continue
        column = batch.table.column(name).to_numpy(zero_copy_only=False)
        if space == "x":
            features.flags[id], features.warming[id] = column != 0, column == 2
        else:
            features.values[id] = column.view(np.float64)
    return features


def carry(
    batch: EventBatch, aggregates: tuple[Aggregate, ...], features: Features, texts: Mapping[int, str]
) -> EventBatch:
    """The batch with the values that rules at later hops need of this one."""
    columns: dict[str, Any] = {}
    for aggregate in aggregates:
        if (value := features.values.get(aggregate.id)) is not None:
            if aggregate.text:
                hashes = columns[f"h.{aggregate.id}"] = value.view(np.int64)
                columns[f"t.{aggregate.id}"] = [texts.get(hashed) for hashed in hashes.tolist()]
            else:
                columns[f"f.{aggregate.id}"] = value
        if (inexact := features.flags.get(aggregate.id)) is not None:
            marks = columns[f"x.{aggregate.id}"] = inexact.astype(np.int64)
            if (warming := features.warming.get(aggregate.id)) is not None:
                marks += warming
    return batch.with_columns(columns) if columns else batch
