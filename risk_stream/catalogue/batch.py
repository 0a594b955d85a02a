"""The unit of work: n events in the order they arrived, as one wide Arrow table with views for windows and rules.

Columns, each there only if some event of the batch has it: `id` utf8, `type` int16 (code in the catalogue), `time`
int64 (ms since 1970 UTC), `entity` and `channel` utf8, then the fields. A text field is utf8 with nulls. Every other
field is int64 fixed-point, value * 10**decimals, MISSING where it is not there: sums are exact in any order. Names with
`_` in front are the stream's own (int64). Names with a dot carry aggregates of an earlier hop: `f.ID` float64 with NaN
for missing, `h.ID` int64 text hashes and `t.ID` the texts behind them, `x.ID` int64 flags.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from risk_stream.catalogue._ipc import column_type, read_message, write_message
from risk_stream.catalogue.hashing import hash_column, pack_column, text_hash
from risk_stream.catalogue.types import MISSING, Catalogue, Field, FieldType

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EventBatch", "Value"]

#: A field's value in natural units: money and numbers as float, timestamps as ms, None where missing.
Value: TypeAlias = float | int | str | bool | None
_Made = TypeVar("_Made")


class EventBatch:
    """n events in arrival order. Immutable: every method that changes something gives a new batch. Accessors cache."""

    __slots__ = ("_cache", "_names", "catalogue", "n", "table")

    def __init__(self, catalogue: Catalogue, table: pa.RecordBatch) -> None:
        self.catalogue, self.table = catalogue, table
        self.n: int = table.num_rows
        self._names: dict[str, int] = {name: i for i, name in enumerate(table.schema.names)}
        self._cache: dict[tuple[str, str], Any] = {}

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        return f"EventBatch({self.n} events, {', '.join(self._names)})"

    # What is in it.

    @property
    def types(self) -> NDArray[np.int16]:
        """int16[n]: each event's type, as its code in the catalogue."""
        codes: NDArray[np.int16] = self._numbers("type")
        return codes

    @property
    def times(self) -> NDArray[np.int64]:
        """int64[n]: each event's time, ms since 1970 UTC."""
        times: NDArray[np.int64] = self._numbers("time")
        return times

    @property
    def stamps(self) -> NDArray[np.int64]:
        """int64[n]: each event's place in the order of its log; MISSING before one was given."""
        return self.fixed("_stamp")

    def has(self, name: str) -> bool:
        """Whether the batch has a column of that name, that is, whether some event may have the field."""
        return name in self._names

    def fixed(self, name: str) -> NDArray[np.int64]:
        """int64[n]: a field that is not text, times 10**decimals; MISSING where an event has none."""
        kept: NDArray[np.int64] | None = self._cache.get(("fixed", name))
        if kept is not None and kept.dtype == np.int64:
            return kept
        if name in self._names:
            if self.table.schema.field(self._names[name]).type != pa.int64():
                raise TypeError(f'"{name}" is not a fixed-point column')
            column: NDArray[np.int64] = self._numbers(name)
            return column
        if name not in self.catalogue.fields and name[:1] != "_":
            raise KeyError(name)
        return self._keep("fixed", name, lambda: np.full(self.n, MISSING, np.int64))

    def number(self, name: str) -> NDArray[np.float64]:
        """float64[n]: a field that is not text, in natural units; NaN where an event has none."""
        return self._keep("number", name, lambda: self._natural(name))

    def hashes(self, name: str) -> NDArray[np.int64]:
        """int64[n]: `text_hash` of a text field; 0 where an event has none."""
        return self._keep("hashes", name, lambda: self._hashed(name))

    def keys(self, kind: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """(int64[n, 3], bool[n]): the keys of a kind as `pack_column` has them, and which events have one."""
        self.catalogue.kind(kind)
        return self._keep("keys", kind, lambda: self._packed(kind))

    def partition(self, kind: str, count: int) -> NDArray[np.int64]:
        """int64[n]: which of `count` partitions each event's key of a kind lives on, -1 where it has none.

        hash modulo count: the same in every process and release.
        """
        self.catalogue.kind(kind)
        hashes = self.hashes(kind)
        placed = (hashes.view(np.uint64) % np.uint64(count)).astype(np.int64)
        placed[hashes == 0] = -1
        return placed

    def text(self, name: str, row: int) -> str | None:
        """A text field of one event; of `type`, its name. None where it has none."""
        if name == "type":
            return self.catalogue.types[int(self.types[row])].name
        at = self._names.get(name)
        if at is None:
            return None
        text: str | None = self.table.column(at)[row].as_py()
        return text

    def texts(self, name: str, rows: Sequence[int]) -> list[str | None]:
        """A text field of some events; of `type`, their names. None where an event has none."""
        if name == "type":
            return [self.text(name, row) for row in rows]
        at = self._names.get(name)
        if at is None:
            return [None] * len(rows)
        texts: list[str | None] = self.table.column(at).take(pa.array(rows, pa.int64())).to_pylist()
        return texts

    def value(self, name: str, row: int) -> Value:
        """A field of one event in natural units: float, int (also ms), bool or str; None where it has none."""
        field = self.catalogue.fields.get(name)
        if name == "type" or (field is not None and field.type.is_text):
            return self.text(name, row)
        if name not in self._names:
            return None
        fixed = int(self.fixed(name)[row])
        return None if fixed == MISSING else _natural_value(field, fixed)

    def row(self, row: int) -> dict[str, Value]:
        """One event as a dict of the fields it has, in natural units; `time` in ms."""
        known = self.catalogue.fields
        values = {name: self.value(name, row) for name in self._names if name in known}
        return {name: value for name, value in values.items() if value is not None}

    # Other batches.

    def take(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> EventBatch:
        """The events at these places, in this order."""
        index = np.asarray(indices, np.int64)
        n = len(index)
        first = int(index[0]) if n else 0
        # A run of neighbours is a view of the same memory.
        if n == 0 or (int(index[-1]) - first == n - 1 and (n < 3 or bool((np.diff(index) == 1).all()))):
            return self if n == self.n and first == 0 else EventBatch(self.catalogue, self.table.slice(first, n))
        return EventBatch(self.catalogue, self.table.take(pa.array(index)))

    def with_columns(self, columns: Mapping[str, Any]) -> EventBatch:
        """With columns added or replaced: arrays of n values as they are stored, or lists of text for text fields."""
        table = self.table
        for name, values in columns.items():
            field = pa.field(name, column_type(self.catalogue, name))
            array = pa.array(values, field.type)
            if len(array) != self.n:
                raise ValueError(f'"{name}" has {len(array)} values for {self.n} events')
            at = self._names.get(name)
            table = table.append_column(field, array) if at is None else table.set_column(at, field, array)
        batch = EventBatch(self.catalogue, table)
        batch._cache = {key: kept for key, kept in self._cache.items() if key[1] not in columns}
        return batch

    def only(self, names: Collection[str]) -> EventBatch:
        """With those of its columns that are named, and those that carry aggregates; nothing computed is kept."""
        return self.narrow([name for name in self._names if name in names or "." in name])

    def narrow(self, names: Collection[str]) -> EventBatch:
        """With those of its columns that are named and no others; nothing computed is kept."""
        kept = [at for name, at in self._names.items() if name in names]
        return EventBatch(self.catalogue, self.table if len(kept) == len(self._names) else self.table.select(kept))

    def of_types(self, codes: Iterable[int]) -> EventBatch:
        """Without the fields that no event of these types has; the batch holds no others, or is about to be cut."""
        fields = _fields_of(self.catalogue, frozenset(codes))
        return self.only([name for name in self._names if name in fields or name not in self.catalogue.fields])

    def without(self, name: str) -> EventBatch:
        """Without a column."""
        at = self._names.get(name)
        if at is None:
            return self
        batch = EventBatch(self.catalogue, self.table.remove_column(at))
        batch._cache = {key: kept for key, kept in self._cache.items() if key[1] != name}
        return batch

    @staticmethod
    def concat(batches: Sequence[EventBatch]) -> EventBatch:
        """The events of several batches of one catalogue, one after another; what a batch has not, its events lack."""
        if len(batches) == 1:
            return batches[0]
        if not batches:
            raise ValueError("nothing to concatenate: give at least one batch")
        catalogue = batches[0].catalogue
        if any(b.catalogue is not catalogue and b.catalogue.version != catalogue.version for b in batches):
            raise ValueError("batches of different catalogues cannot be concatenated")
        if all(batch.table.schema.equals(batches[0].table.schema) for batch in batches):
            return EventBatch(catalogue, pa.concat_batches([batch.table for batch in batches]))
        tables = [pa.Table.from_batches([batch.table]) for batch in batches]
        together = pa.concat_tables(tables, promote_options="default").combine_chunks()
        if together.num_rows == 0:
            nothing = [pa.array([], of) for of in together.schema.types]
            return EventBatch(catalogue, pa.RecordBatch.from_arrays(nothing, together.schema.names))
        (whole,) = together.to_batches()
        names, columns = whole.schema.names, whole.columns
        for name in set(names) - set(names).intersection(*(batch.table.schema.names for batch in batches)):
            at = whole.schema.get_field_index(name)
            columns[at] = _filled(name, columns[at])
        return EventBatch(catalogue, pa.RecordBatch.from_arrays(columns, names))

    def to_ipc(self, **meta: str | int) -> bytes:
        """The batch as an Arrow IPC stream; `meta` travels in its schema."""
        return write_message(self.catalogue, self.table, meta)

    @staticmethod
    def from_ipc(catalogue: Catalogue, data: bytes) -> tuple[EventBatch, dict[str, str]]:
        """(batch, meta) of bytes that `to_ipc` wrote, perhaps under another catalogue. Raises MessageError."""
        table, meta = read_message(catalogue, data)
        return EventBatch(catalogue, table), meta

    @staticmethod
    def empty(catalogue: Catalogue) -> EventBatch:
        """A batch of no events."""
        return EventBatch.of_columns(catalogue, {"id": [], "type": [], "time": []})

    @staticmethod
    def of_columns(catalogue: Catalogue, columns: Mapping[str, Any]) -> EventBatch:
        """A batch of columns as they are stored; `id`, `type` (codes) and `time` must be among them."""
        arrays = [pa.array(values, column_type(catalogue, name)) for name, values in columns.items()]
        return EventBatch(catalogue, pa.RecordBatch.from_arrays(arrays, list(columns)))

    # Inside.

    def _keep(self, what: str, name: str, make: Callable[[], _Made]) -> _Made:
        kept: _Made | None = self._cache.get((what, name))
        if kept is None:
            kept = self._cache[what, name] = make()
        return kept

    def _numbers(self, name: str) -> Any:
        return self._keep("fixed", name, lambda: self.table.column(self._names[name]).to_numpy(zero_copy_only=True))

    def _natural(self, name: str) -> NDArray[np.float64]:
        fixed = self.fixed(name)
        field = self.catalogue.fields.get(name)
        natural = fixed.astype(np.float64)
        if field is not None and field.decimals:
            natural /= 10.0**field.decimals
        natural[fixed == MISSING] = np.nan
        return natural

    def _hashed(self, name: str) -> NDArray[np.int64]:
        if name == "type":
            return np.array([text_hash(t.name) for t in self.catalogue.types], np.int64)[self.types]
        at = self._names.get(name)
        if at is not None:
            column = self.table.column(at)
            if column.type != pa.utf8():
                raise TypeError(f'"{name}" is not a text column')
            return hash_column(column)
        if name not in self.catalogue.fields:
            raise KeyError(name)
        return np.zeros(self.n, np.int64)

    def _packed(self, kind: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        at = self._names.get(kind)
        if at is None:
            return np.zeros((self.n, 3), np.int64), np.zeros(self.n, np.bool_)
        return pack_column(self.table.column(at))


@lru_cache(maxsize=512)
def _fields_of(catalogue: Catalogue, codes: frozenset[int]) -> frozenset[str]:
    """The names of all fields of some types."""
    return frozenset(field.name for code in codes for field in catalogue.types[code].all_fields)


def _filled(name: str, column: pa.Array) -> pa.Array:
    """A column that some events have not: null text, MISSING numbers, and NaN or 0 for what is carried."""
    if pa.types.is_string(column.type) or column.null_count == 0:
        return column
    return pc.coalesce(column, _nothing(column.type, carried="." in name))


@cache
def _nothing(of: pa.DataType, *, carried: bool) -> pa.Scalar:
    return pa.scalar(np.nan if pa.types.is_floating(of) else 0 if carried else MISSING, of)


def _natural_value(field: Field | None, fixed: int) -> Value:
    if field is None or field.type in {FieldType.INTEGER, FieldType.TIMESTAMP}:
        return fixed
    if field.type is FieldType.BOOLEAN:
        return fixed != 0
    value: float = fixed / 10**field.decimals
    return value
