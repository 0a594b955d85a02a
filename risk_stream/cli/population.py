"""`risk-stream population MONTH`: whether those who apply now are those who applied before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.output import CommandError, errors, examples, number, output, table
from risk_stream.cli.past import Asked, BrokerOption, FilesArgument, FromOption, MappingOption, UntilOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from risk_stream.catalogue import EventType
    from risk_stream.lending import Month, Shift

__all__ = ["register"]

_STYLES = {"stable": "", "watch": "yellow", "act": "bold red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream population 2026-07 applications.jsonl.gz",
            "risk-stream population 2026-07 --field amount --field declared_income --format json",
        )
    )(population)


def population(
    month: Annotated[str, typer.Argument(help="The first month to look at, such as 2026-07: beside all before it.")],
    events: FilesArgument = None,
    type: Annotated[str, typer.Option(help="The event type that is counted.")] = "application",
    field: Annotated[
        list[str] | None, typer.Option(help="A field to look at; may be given again. All that can be, if none.")
    ] = None,
    calendar: Annotated[str, typer.Option(help="In whose time zone a month begins.")] = "china",
    start: FromOption = None,
    until: UntilOption = None,
    mapping: MappingOption = None,
    broker: BrokerOption = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say how far applicants have moved from those before: the PSI of each characteristic, month by month.

    Below 0.1 is stable, up to 0.25 is to be watched; above it a scorecard made for those before is to be looked at.
    """
    import numpy as np

    from risk_stream.calendars import load_calendars
    from risk_stream.catalogue import did_you_mean
    from risk_stream.lending import LendingError, Population

    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise CommandError(f"{month} is no month: write 2026-07.")
    settings = settings_with(broker=broker)
    catalogue, calendars = catalogue_of(settings), load_calendars(settings.calendars)
    if type not in catalogue:
        names = [one.name for one in catalogue.types]
        raise CommandError(f"There is no event type {type!r}{did_you_mean(type, names) or '.'}")
    if calendar not in calendars:
        raise CommandError(f"There is no calendar {calendar!r}{did_you_mean(calendar, calendars) or '.'}")
    counted = catalogue.type(type)
    numbers, texts = _fields(counted, field or [])
    found, refused = Population(numbers, texts, calendars[calendar]), 0
    for batch, wrong in Asked(events or [], mapping, start, until, None, 1).read(settings, catalogue):
        found.add(batch.take(np.flatnonzero(batch.types == catalogue.code(type))))
        refused += len(wrong)
    try:
        months = found.since(month)
    except LendingError as error:
        raise CommandError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    if format == "json":
        typer.echo(msgspec.json.encode(months))
        return
    _print(months)
    if refused:
        errors().print(f"{number(refused)} records were refused: risk-stream replay says why")


def _fields(counted: EventType, asked: Sequence[str]) -> tuple[list[str], list[str]]:
    """(numbers, texts) to look at: those asked for, else all numbers and choices, and how the business came in."""
    from risk_stream.catalogue import FieldType, did_you_mean

    beside = {"id", "type", "time"}
    known = {one.name: one for one in counted.all_fields if one.name not in beside and not (one.key or one.personal)}
    for name in asked:
        if name not in known:
            meant = did_you_mean(name, known)
            raise CommandError(f"{counted.name} has no field {name!r} that is no key and not personal{meant or '.'}")
    usual = [
        name
        for name, one in known.items()
        if one.type in {FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY, FieldType.CHOICE}
        or name in {"entity", "channel"}
    ]
    names = list(dict.fromkeys(asked)) or usual
    texts = [name for name in names if known[name].type.is_text]
    return [name for name in names if name not in texts], texts


def _print(months: Sequence[Month]) -> None:
    from rich.text import Text

    names = [shift.characteristic for shift in months[0].shifts]
    made = table(("month", "applicants", *names), (), right=("applicants", *names))
    for one in months:
        cells = (Text(f"{shift.index:.3f}", _STYLES[shift.reading]) for shift in one.shifts)
        made.add_row(one.month, number(one.applicants), *cells)
    output().print(made)
    last = months[-1]
    for shift in sorted(last.shifts, key=lambda shift: -shift.index):
        if shift.reading != "stable":
            output().print(_moved(last.month, shift), markup=False)


def _moved(month: str, shift: Shift) -> str:
    """Which bins moved most, in a sentence."""
    most = sorted(shift.bins, key=lambda one: -abs(one.share - one.before))[:3]
    said = ", ".join(f"{one.name} {one.before:.0%} -> {one.share:.0%}" for one in most)
    return f"{month}: {shift.characteristic} is to be {'watched' if shift.reading == 'watch' else 'acted on'}: {said}"
