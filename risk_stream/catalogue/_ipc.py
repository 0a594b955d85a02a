"""A batch as bytes between processes: an Arrow stream that a worker with another catalogue reads right or refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from risk_stream.catalogue.types import Catalogue

__all__ = ["MessageError", "column_type", "read_message", "write_message"]

#: Event type names in the order of the writer's codes, and decimals of its columns: what numbers in columns mean.
_TYPES, _DECIMALS = "risk.types", "risk.decimals"
_OURS = "risk."
_UTF8 = pa.utf8()
#: How an Arrow stream ends.
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class MessageError(ValueError):
    """Raised when bytes are no batch, or one that means something else under this catalogue."""


def write_message(catalogue: Catalogue, table: pa.RecordBatch, meta: Mapping[str, str | int]) -> bytes:
    """One message of one record batch; `meta` and what is needed to understand the columns go into its schema."""
    if any(name.startswith(_OURS) for name in meta):
        raise ValueError(f"meta names beginning with {_OURS} are the format's own")
    said = {name: str(value) for name, value in meta.items()}
    said[_TYPES] = _type_names(catalogue)
    said[_DECIMALS] = _expected(catalogue, tuple(table.schema.names)).decimals
    # The two messages of a stream as they are: a writer of streams takes twice as long to say them.
    return b"".join((table.schema.with_metadata(said).serialize(), table.serialize(), _END))


def read_message(catalogue: Catalogue, data: bytes) -> tuple[pa.RecordBatch, dict[str, str]]:
    """The record batch, its codes those of `catalogue`, and the writer's meta. Raises MessageError."""
    try:
        with pa.ipc.open_stream(data) as reader:
            table = reader.read_next_batch()
        table.validate(full=True)  # so offsets of texts rise within their bytes, and kernels can follow them
        schema = table.schema
        meta = {k.decode(): v.decode() for k, v in (schema.metadata or {}).items()}
        names = tuple(schema.names)
    except (pa.ArrowException, StopIteration, OSError, ValueError) as error:
        raise MessageError(f"these bytes are no batch of events: {error or 'they end too soon'}") from None
    if _TYPES not in meta or _DECIMALS not in meta:
        raise MessageError("this Arrow message was not written by risk-stream")
    if lacking := {"id", "type", "time"}.difference(names):
        raise MessageError(f"it lacks the column {min(lacking)}")
    expected = _expected(catalogue, names)
    numbers = expected.numbers
    if not schema.equals(expected.schema):
        _check_columns(catalogue, table)
        numbers = tuple(i for i, field in enumerate(schema) if field.type != _UTF8)
    if any(table.column(i).null_count for i in numbers):
        raise MessageError("a column of numbers has nulls")
    if meta[_DECIMALS] != expected.decimals:
        raise MessageError(f"its columns have decimals {meta[_DECIMALS]}; here they are {expected.decimals}")
    table = _with_own_codes(catalogue, table, meta[_TYPES])
    return table, {name: value for name, value in meta.items() if not name.startswith(_OURS)}


@dataclass(frozen=True, slots=True)
class _Expected:
    """What columns of these names are under a catalogue."""

    schema: pa.Schema
    decimals: str
    numbers: tuple[int, ...]  # places of the columns that are not texts


@lru_cache(maxsize=512)
def _expected(catalogue: Catalogue, names: tuple[str, ...]) -> _Expected:
    known = catalogue.fields
    decimals = ",".join(f"{n}:{known[n].decimals}" for n in names if n in known and known[n].decimals)
    types = [column_type(catalogue, n) for n in names]
    numbers = tuple(i for i, of in enumerate(types) if of != _UTF8)
    return _Expected(pa.schema(list(zip(names, types, strict=True))), decimals, numbers)


@lru_cache(maxsize=64)
def _type_names(catalogue: Catalogue) -> str:
    """The names of its types in the order of their codes, as a message says them."""
    return "\n".join(t.name for t in catalogue.types)


def column_type(catalogue: Catalogue, name: str) -> pa.DataType:
    """The Arrow type of a column, by its name."""
    if name == "type":
        return pa.int16()
    field = catalogue.fields.get(name)
    if (field is not None and field.type.is_text) or name.startswith("t."):
        return _UTF8
    return pa.float64() if name.startswith("f.") else pa.int64()


def _check_columns(catalogue: Catalogue, table: pa.RecordBatch) -> None:
    for field in table.schema:
        wanted = column_type(catalogue, field.name)
        # A field that only the writer's catalogue has travels on as it is.
        foreign = field.name[:1] != "_" and "." not in field.name and field.name not in catalogue.fields
        if field.type != wanted and not (foreign and field.type == _UTF8):
            raise MessageError(f'column "{field.name}" is {field.type}, not {wanted}')


def _with_own_codes(catalogue: Catalogue, table: pa.RecordBatch, written: str) -> pa.RecordBatch:
    """The same table with the writer's type codes replaced by this catalogue's."""
    is_own, at = written == _type_names(catalogue), table.schema.get_field_index("type")
    names = () if is_own else written.split("\n")
    codes, known = table.column(at).to_numpy(), len(catalogue.types) if is_own else len(names)
    if len(codes) and not (codes.min() >= 0 and codes.max() < known):
        raise MessageError("an event has a type code that its writer does not name")
    if is_own:
        return table
    own = np.array([catalogue.code(n) if n in catalogue else -1 for n in names], np.int16)
    mapped = own[codes]
    if (mapped < 0).any():
        unknown = sorted({names[c] for c in codes[mapped < 0].tolist()})
        raise MessageError(f'event type "{unknown[0]}" is not in this catalogue; give all workers the same files')
    return table.set_column(at, table.schema.field(at), pa.array(mapped, pa.int16()))
