"""From records of the house's topics to batches: JSON to checked columns, and for each refused record a sentence.

The fast path decodes with msgspec Structs made from the catalogue, turns them into columns and checks whole columns.
Whatever it cannot accept, one record at a time, goes to the slow path (`explain`), which decides and explains. A bad
record never affects its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

import msgspec
import numpy as np
import pyarrow as pa

from risk_stream.catalogue._fixed import to_fixed
from risk_stream.catalogue.batch import EventBatch
from risk_stream.catalogue.explain import REASONS, Limits, Refusal, Stored, parse_time, read_record
from risk_stream.catalogue.hashing import text_sizes
from risk_stream.catalogue.types import MISSING, Catalogue, EventType, Field, FieldType

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REASONS", "Decoder", "Reject"]

#: What decoding one record can raise for what is in it.
_UNDECODABLE = (msgspec.DecodeError, UnicodeError, RecursionError, TypeError, OverflowError, ValueError)
#: What turning values into a column can raise for what is in them.
_UNFIT = (pa.ArrowException, UnicodeError, TypeError, ValueError, OverflowError)

_DEFAULTS = Limits()

Rows: TypeAlias = "NDArray[np.intp]"
Mask: TypeAlias = "NDArray[np.bool_]"
#: A column before it is one: a value for each event, None where it has none; or numbers with NaN for None.
Values: TypeAlias = "list[Any] | NDArray[np.float64]"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that was refused: its place in what was given, why (one of REASONS), and what to do about it."""

    index: int
    reason: str
    message: str


class Decoder:
    """Decodes and checks records of any event type of a catalogue. Not for two threads at once.

    An event's `time` must lie within `earliest` and `latest` (ms since 1970 UTC), a record within `max_bytes`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        earliest: int = _DEFAULTS.earliest,
        latest: int = _DEFAULTS.latest,
        max_bytes: int = _DEFAULTS.max_bytes,
    ) -> None:
        self.catalogue = catalogue
        self.limits = Limits(earliest=earliest, latest=latest, max_bytes=max_bytes)
        self._structs = [_struct(t) for t in catalogue.types]
        self._codes = {struct: code for code, struct in enumerate(self._structs)}
        union: Any = self._structs[0]
        for struct in self._structs[1:]:
            union |= struct
        self._decode = msgspec.json.Decoder(union).decode
        self._any_key = [code for code, t in enumerate(catalogue.types) if t.any_key]
        self._fields = {f.name: f for f in catalogue.fields.values() if f.name not in {"type", "id"}}
        self._texts = {name for name, f in self._fields.items() if f.type.is_text}
        #: Decoded to numbers and None only; a timestamp may be text still.
        self._numeric = {
            name for name, f in self._fields.items() if not f.type.is_text and f.type is not FieldType.TIMESTAMP
        }

    def decode(
        self, values: Sequence[bytes | None], ids: Callable[[int], str]
    ) -> tuple[EventBatch, Rows, list[Reject]]:
        """(accepted events, the index in `values` of each, refused records). `ids(i)` names an event that has no id."""
        structs, index, bad = self._structs_of(values)
        batch, wrong = self._columns(structs, index, ids)
        if wrong is not None:
            bad += index[wrong].tolist()
            good = np.flatnonzero(~wrong)
            batch, index = batch.take(good), index[good]
        if not bad:
            return batch, index, []
        return self._slowly(values, ids, sorted(bad), batch, index)

    # Records to structs.

    def _structs_of(self, values: Sequence[bytes | None]) -> tuple[list[Any], Rows, list[int]]:
        """(structs, index of each, indices of what would not decode)."""
        decode, max_bytes = self._decode, self.limits.max_bytes
        try:
            given = cast("Sequence[bytes]", values)  # None raises TypeError
            if max(map(len, given), default=0) <= max_bytes:
                return list(map(decode, given)), np.arange(len(given)), []
        except _UNDECODABLE:
            pass
        structs: list[Any] = []
        index: list[int] = []
        bad: list[int] = []
        for i, value in enumerate(values):
            try:
                if value is None or len(value) > max_bytes:
                    bad.append(i)
                    continue
                structs.append(decode(value))
                index.append(i)
            except _UNDECODABLE:
                bad.append(i)
        return structs, np.array(index, np.intp), bad

    # Structs to columns.

    def _columns(self, structs: list[Any], index: Rows, ids: Callable[[int], str]) -> tuple[EventBatch, Mask | None]:
        """(a batch of all structs, which of them are wrong or None)."""
        n = len(structs)
        if n == 0:
            return EventBatch.empty(self.catalogue), None
        codes, values = self._by_field(structs)
        checked = _Columns(self.catalogue, self.limits, codes)
        checked.ids(values["id"], index, ids)
        checked.columns["type"] = pa.array(codes)
        for name, column in values.items():
            if name in self._texts:
                checked.text(self._fields[name], column)
            elif name != "id":
                checked.numbers(self._fields[name], column)
        for code in self._any_key:
            checked.any_key(code)
        return checked.batch(), checked.wrong

    def _by_field(self, structs: list[Any]) -> tuple[NDArray[np.int16], dict[str, Values]]:
        """(type codes, values by field name): the events of each type taken apart together, then put back in order."""
        n = len(structs)
        kinds = list(map(type, structs))
        if kinds.count(kinds[0]) == n:
            return np.full(n, self._codes[kinds[0]], np.int16), _take_apart(structs)
        codes = np.fromiter(map(self._codes.__getitem__, kinds), np.int16, n)
        order = np.argsort(codes, kind="stable")
        places = order.tolist()
        ends = np.searchsorted(codes[order], np.arange(len(self._structs)), side="right").tolist()
        wide: dict[str, NDArray[Any]] = {}
        start = 0
        for end in ends:
            if end == start:
                continue
            rows = order[start:end]
            for name, column in _take_apart([structs[i] for i in places[start:end]]).items():
                if name in self._numeric:
                    if name not in wide:
                        wide[name] = np.full(n, np.nan)
                    wide[name][rows] = np.fromiter(column, np.float64, len(column))
                else:
                    if name not in wide:
                        wide[name] = np.full(n, None, object)
                    wide[name][rows] = column
            start = end
        return codes, {name: a if name in self._numeric else a.tolist() for name, a in wide.items()}

    # What the fast path left.

    def _slowly(
        self, values: Sequence[bytes | None], ids: Callable[[int], str], bad: list[int], batch: EventBatch, index: Rows
    ) -> tuple[EventBatch, Rows, list[Reject]]:
        """Decide on each record in `bad` alone, and put those accepted after all back in their places."""
        rejects: list[Reject] = []
        parts, places = [batch], [index]
        for i in bad:
            try:
                stored = read_record(self.catalogue, self.limits, values[i])
            except Refusal as refusal:
                rejects.append(Reject(i, refusal.reason, refusal.message))
                continue
            stored.setdefault("id", ids(i))
            parts.append(self._one(stored))
            places.append(np.array([i], np.intp))
        if len(parts) > 1:
            rows = np.concatenate(places)
            order = np.argsort(rows)
            batch, index = EventBatch.concat([p for p in parts if len(p)]).take(order), rows[order]
        return batch, index, rejects

    def _one(self, stored: Stored) -> EventBatch:
        columns = {name: [value] for name, value in stored.items()}
        columns["type"] = [self.catalogue.code(str(stored["type"]))]
        return EventBatch.of_columns(self.catalogue, columns)


class _Columns:
    """Columns of n events as they pass the checks; `wrong` marks events that the slow path shall look at."""

    def __init__(self, catalogue: Catalogue, limits: Limits, codes: NDArray[np.int16]) -> None:
        self.catalogue, self.limits, self.codes = catalogue, limits, codes
        self.columns: dict[str, pa.Array] = {}
        self.wrong: Mask | None = None

    def batch(self) -> EventBatch:
        return EventBatch(self.catalogue, pa.RecordBatch.from_arrays(list(self.columns.values()), list(self.columns)))

    def mark(self, wrong: Mask) -> None:
        self.wrong = wrong if self.wrong is None else self.wrong | wrong

    def ids(self, values: Values, index: Rows, ids: Callable[[int], str]) -> None:
        """The column `id`, with a name for each event that brought none."""
        column = self._text(self.catalogue.fields["id"], values)
        if column.null_count:
            lacking = column.is_null().to_numpy(zero_copy_only=False)
            named = column.to_pylist()
            for row in np.flatnonzero(lacking).tolist():
                named[row] = ids(int(index[row]))
            column = pa.array(named, pa.utf8())
        self.columns["id"] = column

    def text(self, field: Field, values: Values) -> None:
        """A text field's column; none where no event has it."""
        column = self._text(field, values)
        if column.null_count < len(column):
            self.columns[field.name] = column

    def numbers(self, field: Field, values: Values) -> None:
        """Another field's column; none where no event has it."""
        if isinstance(values, np.ndarray):
            floats = values
        elif field.type is FieldType.TIMESTAMP:
            floats = self._times(values)
        else:
            floats = np.fromiter(values, np.float64, len(values))  # None becomes NaN
        fixed, present, wrong = to_fixed(floats, field)
        if not present:
            return
        if wrong is not None:
            self.mark(wrong)
        if field.type is FieldType.TIMESTAMP:
            earliest, latest = self.limits.times_of(field)
            if not (fixed.min() >= earliest and fixed.max() <= latest):
                self.mark((fixed != MISSING) & ((fixed < earliest) | (fixed > latest)))
        self.columns[field.name] = pa.array(fixed)

    def any_key(self, code: int) -> None:
        """Events of this type must have one of its keys, whichever."""
        rows = self.codes == code
        if rows.any():
            for name in self.catalogue.types[code].keys.values():
                if name in self.columns:
                    rows &= ~self.columns[name].is_valid().to_numpy(zero_copy_only=False)
            if rows.any():
                self.mark(rows)

    def _text(self, field: Field, values: Values) -> pa.Array:
        try:
            column = pa.array(values, pa.utf8())
        except _UNFIT:
            column, unfit = _one_by_one(values, pa.utf8())
            self.mark(unfit)
        longest, empty = text_sizes(column)
        if longest > self.limits.text_of(field):
            sizes = np.diff(np.frombuffer(column.buffers()[1], np.int32, len(column) + 1))
            self.mark(sizes > self.limits.text_of(field))
        if empty > column.null_count:
            # Empty text is missing. Where it must not be, the slow path says so.
            there = np.array([value == "" for value in values])
            column = pa.array([value or None for value in values], pa.utf8())
            self.mark(there & self._required(field))
        return column

    def _required(self, field: Field) -> Mask:
        """bool[n]: the events whose type requires the field."""
        declared = [t.field(field.name) for t in self.catalogue.types]
        return np.array([f is not None and f.required for f in declared], np.bool_)[self.codes]

    def _times(self, values: Values) -> NDArray[np.float64]:
        """Timestamps, numbers or ISO 8601 text, as numbers; NaN for what is missing, and what is no time is marked."""
        try:
            column = pa.array(values, pa.float64())
        except _UNFIT:
            values = [_ms_or_text(value) if isinstance(value, str) else value for value in values]
            column, unfit = _one_by_one(values, pa.float64())
            self.mark(unfit)
        floats: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
        return floats


def _take_apart(structs: list[Any]) -> dict[str, Values]:
    """Structs of one type as a list of values for `id` and for each field that some of them have.

    One flat list, then strides: no tuple outlives its turn, so the garbage collector is not called in the midst of it.
    """
    names, n = structs[0].__struct_fields__, len(structs)
    flat = list(chain.from_iterable(map(msgspec.structs.astuple, structs)))
    found = {name: flat[i :: len(names)] for i, name in enumerate(names)}
    # Most fields are optional, and a column costs 20 us however few values are in it. The first event has most of them.
    return {
        name: values
        for name, values in found.items()
        if name == "id" or values[0] is not None or values.count(None) < n
    }


def _ms_or_text(text: str) -> float | str | None:
    """ISO 8601 text as ms; text that is none as it is, so that it fits no column."""
    try:
        return float(parse_time(text))
    except (ValueError, OverflowError):
        return text


def _one_by_one(values: Values, of: pa.DataType) -> tuple[pa.Array, Mask]:
    """(a column with null for what does not fit it, which that is)."""
    fitting: list[Any] = []
    unfit = np.zeros(len(values), np.bool_)
    for i, value in enumerate(values):
        try:
            fitting.append(pa.scalar(value, of).as_py())
        except _UNFIT:
            fitting.append(None)
            unfit[i] = True
    return pa.array(fitting, of), unfit


def _struct(event_type: EventType) -> type[msgspec.Struct]:
    """The Struct an event type is decoded to; its fields are in catalogue order, `type` is its tag."""
    declared = []
    for field in event_type.all_fields:
        if field.name == "type":
            continue
        of = _annotation(field)
        declared.append((field.name, of) if field.required else (field.name, of | None, None))
    return msgspec.defstruct(
        f"Event_{event_type.name}", declared, tag=event_type.name, tag_field="type", kw_only=True, gc=False
    )


def _annotation(field: Field) -> Any:
    if field.type is FieldType.STRING:
        return str
    if field.type is FieldType.CHOICE:
        return Literal[field.choices]
    if field.type is FieldType.BOOLEAN:
        return bool
    if field.type is FieldType.TIMESTAMP:
        return float | str
    if field.minimum is None and field.maximum is None:
        return float
    bounds: dict[str, Any] = {"ge": field.minimum, "le": field.maximum}
    return Annotated[float, msgspec.Meta(**{name: bound for name, bound in bounds.items() if bound is not None})]
