"""Event files for `replay`: JSON lines, or CSV with a mapping that says which column is which field; gzipped or not."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from risk_stream.cli.output import CommandError

if TYPE_CHECKING:
    from risk_stream.catalogue import Catalogue

__all__ = ["Mapping", "Records", "open_records", "read_mapping"]

#: Records handed over at a time.
BATCH = 2_000
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Column:
    """Where one field of an event comes from.

    Exactly one of `column` and `value` is given. `values` translates what the column holds, `scale` multiplies it,
    `format` (strptime's, or `s` and `ms` for numbers since 1970) and `zone` read a time.
    """

    column: str = ""
    value: Any = None
    values: dict[str, Any] | None = None
    scale: float | None = None
    format: str = ""
    zone: ZoneInfo | None = None

    def read(self, row: dict[str, str]) -> Any:
        """The field's value in one row; None where the cell is empty or holds what no event can say."""
        if not self.column:
            return self.value
        cell = row.get(self.column) or ""
        if cell == "":
            return None
        if self.values is not None:
            return self.values.get(cell)
        if self.format:
            return _time(cell, self.format, self.zone)
        number = _number(cell)
        return number * self.scale if self.scale is not None and isinstance(number, int | float) else number


def _number(cell: str) -> int | float | str:
    """A number where the cell is one, and is not a name that looks like one (007, +1)."""
    if cell[0] in "0+" and cell not in {"0", "0.0"} and not cell.startswith("0."):
        return cell
    try:
        return int(cell)
    except ValueError:
        try:
            return float(cell)
        except ValueError:
            return cell


def _time(cell: str, format: str, zone: ZoneInfo | None) -> int | str:
    """Milliseconds since 1970 UTC; the cell itself, for the decoder to refuse, where it is no such time."""
    try:
        if format in {"s", "ms"}:
            return round(float(cell) * (1000 if format == "s" else 1))
        at = datetime.strptime(cell, format)  # noqa: DTZ007 - the zone is the mapping's
        return round((at if at.tzinfo else at.replace(tzinfo=zone or ZoneInfo("UTC"))).timestamp() * 1000)
    except (ValueError, OverflowError):
        return cell


@dataclass(frozen=True, slots=True)
class Mapping:
    """How a row of a table becomes an event."""

    type: Column
    fields: dict[str, Column]
    text: frozenset[str]  # fields whose cells stay text, whatever they look like

    def event(self, row: dict[str, str]) -> bytes:
        """The event of one row, as the JSON a house would have sent."""
        made = {"type": self.type.read(row)}
        for name, column in self.fields.items():
            value = column.read(row)
            if value is not None:
                made[name] = (
                    str(row[column.column]) if name in self.text and column.values is None and column.column else value
                )
        return orjson.dumps(made)


def read_mapping(path: Path, text_fields: frozenset[str]) -> Mapping:
    """A mapping file: `type:` an event type or a column, `fields:` a column name or description for each field.

    Raises:
        CommandError: it is no such file; says what is wrong.
        ProblemsError: it is no YAML; says where.
    """
    from risk_stream.catalogue import read_yaml

    given = read_yaml(path, str(path)).plain()
    if not isinstance(given, dict) or set(given) != {"type", "fields"} or not isinstance(given["fields"], dict):
        raise CommandError(f"{path} must hold `type` and `fields`, and nothing else: see docs/replay.md.")
    kind = given["type"]
    as_type = Column(value=kind) if isinstance(kind, str) else _column(path, "type", kind)
    return Mapping(as_type, {str(n): _column(path, str(n), c) for n, c in given["fields"].items()}, text_fields)


def _column(path: Path, name: str, given: object) -> Column:
    if isinstance(given, str):
        return Column(column=given)
    known = {"column", "value", "values", "scale", "format", "zone"}
    if not isinstance(given, dict) or set(given) - known or ("column" in given) == ("value" in given):
        raise CommandError(
            f"{path}: {name} must be a column's name, or a map of `column` or `value`, values, scale, format, zone."
        )
    zone = given.get("zone")
    try:
        zone = None if zone is None else ZoneInfo(str(zone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CommandError(
            f"{path}: {name}: there is no time zone {given['zone']!r}: write one as Asia/Shanghai."
        ) from error
    values = given.get("values")
    if values is not None:
        if not isinstance(values, dict):
            raise CommandError(
                f"{path}: {name}: values must be a map from what the column holds to what the event says."
            )
        values = {str(held): said for held, said in values.items()}
    return Column(**{**given, "zone": zone, "values": values})


def open_records(file: Path, mapping: Path | None, catalogue: Catalogue) -> Records:
    """The records of a file of events, as a command is given it; `mapping` goes with CSV.

    Raises:
        CommandError: a file is not there, or cannot be read as what it is.
    """
    for given in (file, mapping):
        if given is not None and str(given) != "-" and not given.exists():
            raise CommandError(f"{given}: no such file or directory: look whether the name is right.")
    text_fields = frozenset(name for name, known in catalogue.fields.items() if known.type.is_text)
    return Records(file, None if mapping is None else read_mapping(mapping, text_fields))


class Records:
    """The records of one file in its order, in batches, with how much of it was read.

    Args:
        path: the file; `-` is stdin.
        mapping: given for CSV.
    """

    def __init__(self, path: Path, mapping: Mapping | None = None) -> None:
        self.name = "stdin" if str(path) == "-" else path.name
        self._path = "stdin" if str(path) == "-" else path
        self._mapping = mapping
        if str(path) != "-" and path.is_dir():
            raise CommandError(f"{path} is a folder: name one file of JSON lines or CSV.")
        self._raw: IO[bytes] = sys.stdin.buffer if str(path) == "-" else path.open("rb")
        self.size = 0 if str(path) == "-" else path.stat().st_size
        packed = self.size > 0 and self._raw.read(2) == _GZIP
        if self.size:
            self._raw.seek(0)
        self.plain = self.size > 0 and not packed and mapping is None  # a file of JSON lines as they are
        self._file: Any = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        if mapping is None and path.suffixes[:1] == [".csv"]:
            raise CommandError(f"{path} is CSV: say with --mapping FILE which column is which field (docs/replay.md).")

    @property
    def position(self) -> int:
        """Bytes of the file read so far."""
        return self._raw.tell() if self.size and not self._raw.closed else self.size

    def ids(self, lines: Sequence[int]) -> Callable[[int], str]:
        """The ids of events on some lines that have none: their places in the file."""
        return lambda index: f"{self.name}/{lines[index]}"

    def batches(self) -> Iterator[tuple[list[int], list[bytes]]]:
        """(line numbers, records) of up to 2,000 records each. Blank lines are no records.

        Raises:
            CommandError: the file ends in the middle of its compression, or is no text.
        """
        lines = self._rows() if self._mapping is not None else self._lines()
        try:
            while batch := list(itertools.islice(lines, BATCH)):
                yield [number for number, _ in batch], [record for _, record in batch]
        except (EOFError, gzip.BadGzipFile) as error:
            raise CommandError(
                f"{self._path} is damaged: its compression ends too soon; copy it again, whole."
            ) from error
        except UnicodeDecodeError as error:
            raise CommandError(
                f"{self._path} is no UTF-8 text (byte {error.start} of a block): save it as UTF-8."
            ) from error
        except csv.Error as error:
            raise CommandError(f"{self._path} is no CSV: {error}; mend that line, or save it as CSV anew.") from error

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        for number, line in enumerate(self._file, 1):
            if record := line.strip():
                yield number, record

    def _rows(self) -> Iterator[tuple[int, bytes]]:
        assert self._mapping is not None
        table = csv.DictReader(io.TextIOWrapper(self._file, "utf-8-sig", newline=""))
        wanted = {c.column for c in [self._mapping.type, *self._mapping.fields.values()] if c.column}
        missing = sorted(wanted - set(table.fieldnames or ()))
        if missing:
            columns = ", ".join(table.fieldnames or ()) or "none"
            raise CommandError(
                f"{self._path} has no column {missing[0]!r}, which the mapping names: its columns are"
                f" {columns}; name one of these."
            )
        for row in table:
            yield table.line_num, self._mapping.event(row)
