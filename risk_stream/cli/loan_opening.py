"""The file of a book that is taken over: read, checked loan by loan, and held against its control totals."""

from __future__ import annotations

import csv
from collections.abc import Mapping as Named
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from risk_stream.cli.output import CommandError, counted
from risk_stream.cli.reading import Column, Mapping, Records, open_records

if TYPE_CHECKING:
    from risk_stream.calendars import Calendar
    from risk_stream.catalogue import Catalogue, EventBatch
    from risk_stream.lending.ledger import Controls

__all__ = ["read_openings"]

#: Faults and differences that one refusal names.
MOST_NAMED = 10


def read_openings(
    path: Path,
    control: Path,
    mapping: Path | None,
    catalogue: Catalogue,
    calendar: Calendar,
    calendars: Named[str, Calendar],
    currency: str,
) -> list[dict[str, Any]]:
    """The `loan_opening` events of a file, once each loan adds up and all of them are the control totals.

    Raises:
        CommandError: they are not; says in which lines, or by how much of which entity and product.
        TableError: the control totals cannot be read.
    """
    from risk_stream.lending.ledger import differences, ledger, load_controls

    controls = load_controls(control)
    lines, events = _events(path, mapping, catalogue, controls, calendar)
    batch = _decoded(catalogue, path, lines, events)
    found = ledger([batch], catalogue, calendar=calendar, calendars=calendars, currency=currency)
    if found.faults.total:
        said = [fault.message for fault in found.faults.told]
        raise CommandError(_refusal(f"{counted(found.faults.total, 'loan')} cannot be taken over", said))
    if said := differences(batch, controls):
        raise CommandError(_refusal("the book does not fit its control totals", said))
    return events


def _events(
    path: Path, mapping: Path | None, catalogue: Catalogue, controls: Controls, calendar: Calendar
) -> tuple[list[int], list[dict[str, Any]]]:
    """Each line's number and event, with an id and a time where the file gives none."""
    from risk_stream.calendars import midnight
    from risk_stream.lending import one_date

    if mapping is None and path.suffix == ".csv" and path.exists():
        records = Records(path, _by_header(path, catalogue))
    else:
        records = open_records(path, mapping, catalogue)
    day = controls.business_date
    end = int(midnight(calendar, (one_date(day) + 1).astype(object))) - 1
    numbers, events = [], []
    for lines, values in records.batches():
        for line, value in zip(lines, values, strict=True):
            event = {"id": None, "type": "loan_opening", "time": end, "business_date": day} | orjson.loads(value)
            if event["business_date"] != day:
                said = f"line {line} is of {event['business_date']}, but the control totals are of {day}"
                raise CommandError(_refusal("a book is taken over at one day", [said]))
            event["id"] = event["id"] or f"loan_opening/{event.get('loan')}/{day}"
            numbers.append(line)
            events.append(event)
    return numbers, events


def _by_header(path: Path, catalogue: Catalogue) -> Mapping:
    """A mapping by which each column is the field of its name; all columns must be fields of a loan_opening."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    known = {field.name: field for field in catalogue.type("loan_opening").all_fields}
    for name in header:
        if name not in known:
            raise CommandError(
                f"{path} has a column {name!r}, which no loan_opening has: risk-stream events loan_opening lists its "
                f"fields, and --mapping FILE says which column is which."
            )
    columns = {name: Column(column=name) for name in header if name != "type"}
    text = frozenset(name for name in header if known[name].type.is_text)
    return Mapping(Column(value="loan_opening"), columns, text)


def _decoded(catalogue: Catalogue, path: Path, lines: list[int], events: list[dict[str, Any]]) -> EventBatch:
    from risk_stream.catalogue import Decoder

    values = [orjson.dumps(event) for event in events]
    batch, _, rejects = Decoder(catalogue).decode(values, lambda at: f"{path.name}/{lines[at]}")
    if rejects:
        said = [f"line {lines[one.index]}: {one.message}" for one in rejects]
        raise CommandError(_refusal(f"{counted(len(rejects), 'line')} of {path} can be no opening", said))
    return batch


def _refusal(what: str, said: list[str]) -> str:
    more = len(said) - MOST_NAMED
    rest = [f"and {more:,} more"] if more > 0 else []
    return f"Nothing was imported: {what}: {'; '.join([*said[:MOST_NAMED], *rest])}."
