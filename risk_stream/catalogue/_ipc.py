"""A batch as bytes between processes: an Arrow IPC stream that a worker with another catalogue reads right or refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from risk_stream.catalogue.types import Catalogue

__all__ = ["MessageError", "read_message", "write_message"]

#: Event type names in the order of the writer's codes, and decimals of its columns: what numbers in columns mean.
_TYPES, _DECIMALS = "risk.types", "risk.decimals"
_OURS = "risk."


class MessageError(ValueError):
    """Raised when bytes are no batch, or one that means something else under this catalogue."""


def write_message(catalogue: Catalogue, table: pa.RecordBatch, meta: Mapping[str, str | int]) -> bytes:
    """One message of one record batch; `meta` and what is needed to understand the columns go into its schema."""
    if any(name.startswith(_OURS) for name in meta):
        raise ValueError(f"meta names beginning with {_OURS} are the format's own")
    said = {name: str(value) for name, value in meta.items()}
    said[_TYPES] = "\n".join(t.name for t in catalogue.types)
    said[_DECIMALS] = _decimals(catalogue, table.schema.names)
    schema = table.schema.with_metadata(said)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(table.replace_schema_metadata(said))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_message(catalogue: Catalogue, data: bytes) -> tuple[pa.RecordBatch, dict[str, str]]:
    """The record batch, its codes those of `catalogue`, and the writer's meta. Raises MessageError."""
    try:
        with pa.ipc.open_stream(data) as reader:
            table = reader.read_next_batch()
        table.validate(full=True)  # kernels follow the offsets in it
    except (pa.ArrowException, StopIteration, OSError, ValueError) as error:
        raise MessageError(f"these bytes are no batch of events: {error or 'they end too soon'}") from None
    meta = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
    if _TYPES not in meta or _DECIMALS not in meta:
        raise MessageError("this Arrow message was not written by risk-stream")
    names = table.schema.names
    _check_columns(catalogue, table)
    if meta[_DECIMALS] != _decimals(catalogue, names):
        raise MessageError(f"its columns have decimals {meta[_DECIMALS]}; here they are {_decimals(catalogue, names)}")
    table = _with_own_codes(catalogue, table, meta[_TYPES])
    return table, {name: value for name, value in meta.items() if not name.startswith(_OURS)}


def _decimals(catalogue: Catalogue, names: list[str]) -> str:
    known = catalogue.fields
    return ",".join(f"{n}:{known[n].decimals}" for n in names if n in known and known[n].decimals)


def _check_columns(catalogue: Catalogue, table: pa.RecordBatch) -> None:
    for name in ("id", "type", "time"):
        if name not in table.schema.names:
            raise MessageError(f'it lacks the column "{name}"')
    for field, column in zip(table.schema, table.columns, strict=True):
        declared = catalogue.fields.get(field.name)
        wanted: Any = pa.int64()
        if field.name == "type":
            wanted = pa.int16()
        elif field.name.startswith("f."):
            wanted = pa.float64()
        elif declared is None and "." not in field.name and not field.name.startswith("_"):
            wanted = field.type if field.type == pa.utf8() else wanted  # a field only the writer knows
        elif declared is not None and declared.type.is_text:
            wanted = pa.utf8()
        if field.type != wanted or (wanted != pa.utf8() and column.null_count):
            raise MessageError(f'column "{field.name}" is {field.type}, not {wanted}')


def _with_own_codes(catalogue: Catalogue, table: pa.RecordBatch, written: str) -> pa.RecordBatch:
    """The same table with the writer's type codes replaced by this catalogue's."""
    names = written.split("\n")
    at = table.schema.names.index("type")
    codes = table.column(at).to_numpy()
    if len(codes) and not (codes.min() >= 0 and codes.max() < len(names)):
        raise MessageError("an event has a type code that its writer does not name")
    if names == [t.name for t in catalogue.types]:
        return table
    own = np.array([catalogue.code(n) if n in catalogue else -1 for n in names], np.int16)
    mapped = own[codes]
    if (mapped < 0).any():
        unknown = sorted({names[c] for c in codes[mapped < 0].tolist()})
        raise MessageError(f'event type "{unknown[0]}" is not in this catalogue; give all workers the same files')
    return table.set_column(at, table.schema.field(at), pa.array(mapped, pa.int16()))
