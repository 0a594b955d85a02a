"""How rules see events: rows of a batch with the aggregates as of them, by name, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from risk_stream.catalogue import EventBatch, EventType
from risk_stream.engine.lists import Lists

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "DUE",
    "Features",
    "Floats",
    "Mask",
    "Rows",
    "View",
    "broadcast_rows",
    "entry_hops",
    "has_key",
    "is_broadcast",
    "rows_of_types",
]

Rows: TypeAlias = "NDArray[np.intp]"
Floats: TypeAlias = "NDArray[np.float64]"
Mask: TypeAlias = "NDArray[np.bool_]"

#: The column of events that are judged later, with the time as of which they are, ms.
DUE = "_due"


@dataclass(slots=True)
class Features:
    """Aggregates of n events by id: values [n], a text's hash in the same eight bytes, and where they are inexact.

    `warming` is where they are so because the window reaches back behind a change of rules.
    """

    values: dict[str, Floats] = field(default_factory=dict)
    flags: dict[str, Mask] = field(default_factory=dict)
    warming: dict[str, Mask] = field(default_factory=dict)
    lists: Lists = field(default_factory=Lists)

    def take(self, rows: Rows) -> Features:
        """Those of some of the events."""
        return Features(
            {id: column[rows] for id, column in self.values.items()},
            {id: column[rows] for id, column in self.flags.items()},
            {id: column[rows] for id, column in self.warming.items()},
            self.lists,
        )


class View:
    """What rules see of some rows of a batch at one hop: fields by name and aggregates by id, as arrays of n rows."""

    __slots__ = ("_batch", "_cache", "_features", "_rows", "_texts", "n")

    def __init__(self, batch: EventBatch, rows: Rows, features: Features, texts: Mapping[int, str]) -> None:
        self._batch, self._features, self._texts = batch, features, texts
        self._rows = None if len(rows) == len(batch) else rows
        self.n = len(rows)
        self._cache: dict[tuple[str, str], NDArray[Any]] = {}

    def _cut(self, space: str, name: str, whole: NDArray[Any]) -> NDArray[Any]:
        if self._rows is None:
            return whole
        cut = self._cache.get((space, name))
        if cut is None:
            cut = self._cache[space, name] = whole[self._rows]
        return cut

    def _at(self, row: int) -> int:
        return row if self._rows is None else int(self._rows[row])

    def number(self, name: str) -> Floats:
        """A field in natural units, NaN where missing."""
        return self._cut("number", name, self._batch.number(name))

    def hashes(self, name: str) -> NDArray[np.int64]:
        """A text field's hashes, 0 where missing."""
        return self._cut("hashes", name, self._batch.hashes(name))

    def aggregate(self, id: str) -> Floats:
        """An aggregate; NaN where it is unknown, as it is here for an event without the key."""
        whole = self._features.values.get(id)
        return np.full(self.n, np.nan) if whole is None else self._cut("aggregate", id, whole)

    def inexact(self, id: str) -> Mask | None:
        """Where an aggregate is only a bound; None where it is exact everywhere."""
        whole = self._features.flags.get(id)
        return None if whole is None else self._cut("inexact", id, whole)

    def warming(self, id: str, row: int) -> bool:
        """Whether an aggregate is a bound on one row as its window reaches back behind a change of rules."""
        whole = self._features.warming.get(id)
        return whole is not None and bool(whole[self._at(row)])

    def text_of(self, hashed: int) -> str | None:
        """The text behind a hash that an aggregate gave."""
        return self._texts.get(hashed)

    def texts(self, name: str, rows: Sequence[int]) -> list[str | None]:
        """A text field of some rows, None where missing."""
        return self._batch.texts(name, [self._at(row) for row in rows])

    def listed(self, list_name: str, members: NDArray[np.int64]) -> Floats:
        """1 where a text is on a list of the house as of the event, 0 where it is not, NaN where there is no text."""
        return self._features.lists.holds(list_name, members, self._judged_at())

    def closest(self, list_name: str, names: Sequence[str | None]) -> list[tuple[float, str] | None]:
        """(how alike, the member) of whoever on a list as of the event is most like each row's name, if anybody."""
        times, lists = self._judged_at().tolist(), self._features.lists
        return [
            None if name is None else lists.closest(list_name, name, time)
            for name, time in zip(names, times, strict=True)
        ]

    def _judged_at(self) -> NDArray[np.int64]:
        """The time as of which each row is judged: its own, or that for which it waited."""
        when = DUE if self._batch.has(DUE) else "time"
        return self._cut("fixed", when, self._batch.fixed(when))

    def value(self, name: str, row: int) -> Any:
        """A field of one row in natural units, None where missing."""
        return self._batch.value(name, self._at(row))


def has_key(batch: EventBatch, kind: str) -> Mask:
    """bool[n]: the events that have a key of this kind."""
    return batch.keys(kind)[1] if batch.has(kind) else np.zeros(len(batch), np.bool_)


def is_broadcast(batch: EventBatch) -> bool:
    """Whether a batch is of changes that every hop partition is told of; such a batch holds nothing else."""
    return batch.catalogue.types[int(batch.types[0])].broadcast


def broadcast_rows(batch: EventBatch) -> Mask:
    """bool[n]: the events of types that every hop partition is told of."""
    broadcast: Mask = np.array([t.broadcast for t in batch.catalogue.types])[batch.types]
    return broadcast


def entry_hops(batch: EventBatch) -> dict[str, Rows]:
    """The first hop of each event: the first key it has in the catalogue's order of kinds, whatever the plan."""
    left = np.ones(len(batch), np.bool_)
    found: dict[str, Rows] = {}
    for kind in batch.catalogue.kinds:
        here = left & has_key(batch, kind.name)
        if here.any():
            found[kind.name] = np.flatnonzero(here)
            left &= ~here
            if not left.any():
                break
    return found


def rows_of_types(batch: EventBatch) -> Iterator[tuple[EventType, Rows]]:
    """Each event type in a batch with its rows, in the order of type codes."""
    types = batch.types
    every = np.arange(len(batch))
    if (types == types[0]).all():
        yield batch.catalogue.types[int(types[0])], every
        return
    for code in np.unique(types):
        yield batch.catalogue.types[int(code)], every[types == code]
