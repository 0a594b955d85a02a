"""`risk-stream book close|import`: the month end of a loan book from its events, and the take-over of a running one."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import orjson
import typer

from risk_stream.cli.broker import enter
from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.loan_opening import read_openings
from risk_stream.cli.output import CommandError, counted, errors, examples, help_alone, output
from risk_stream.cli.past import BrokerOption, FilesArgument, MappingOption, chunks_of_files

if TYPE_CHECKING:
    from risk_stream.calendars import Calendar
    from risk_stream.catalogue import Catalogue, EventBatch
    from risk_stream.lending.ledger import Closing, Tables
    from risk_stream.settings import Settings
    from risk_stream.workbench.backtest import Refused

__all__ = ["app"]

app = typer.Typer(help="Close the loan book on a day, and take over a running one.")

#: Refused records that are shown, and events that go to Kafka in one piece.
SHOWN, PIECE = 10, 5_000

_CalendarOption = Annotated[str, typer.Option("--calendar", help="The calendar whose days the house counts.")]
_CurrencyOption = Annotated[str, typer.Option(help="The currency of amounts that name none, and of the figures.")]
_PublishOption = Annotated[bool, typer.Option("--publish", help="Send them to the house's topic of loan events.")]

app.callback(invoke_without_command=True)(help_alone)


@app.command(
    epilog=examples(
        "risk-stream book close 2026-10-31",
        "risk-stream book close 2026-10-31 october.jsonl.gz --known 2026-10-31 --format json",
        "risk-stream book close 2026-10-31 --publish --metrics /var/lib/node_exporter/book.prom",
    )
)
def close(
    day: Annotated[str, typer.Argument(help="The day at whose end the book is closed, such as 2026-10-31.")],
    events: FilesArgument = None,
    known: Annotated[
        str | None, typer.Option(help="Leave out what happened after this day; else all that there is is known.")
    ] = None,
    mapping: MappingOption = None,
    calendar: _CalendarOption = "china",
    currency: _CurrencyOption = "CNY",
    classes: Annotated[Path | None, typer.Option(help="A table of the five classes in the place of ours.")] = None,
    stages: Annotated[Path | None, typer.Option(help="A table of the stages of IFRS 9 in the place of ours.")] = None,
    losses: Annotated[Path | None, typer.Option(help="The house's PD and LGD: ours are examples.")] = None,
    status_to: Annotated[
        Path | None, typer.Option("--status-to", help="Write how each loan stands, as loan_status events, here.")
    ] = None,
    publish: _PublishOption = False,
    metrics: Annotated[
        Path | None, typer.Option(help="Write the figures for Prometheus here, for node_exporter's textfile collector.")
    ] = None,
    broker: BrokerOption = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Close the loan book: days past due, five classes, IFRS 9 stages and expected losses at the end of a day.

    Every month's end up to the day is judged from the events of the house's topics or of files, in whatever order they
    came; what cannot be used is counted and said.
    """
    from risk_stream.cli.loan_words import as_text
    from risk_stream.lending.ledger import figures
    from risk_stream.lending.ledger.gauges import as_metrics

    settings = settings_with(broker=broker)
    catalogue = catalogue_of(settings)
    clock, calendars = _calendars(settings, calendar)
    tables = _tables(classes, stages, losses)
    closing, refused = _closing(
        settings, catalogue, events or (), mapping, day, known, currency, tables, (clock, calendars)
    )
    found = figures(closing, currency)
    if metrics is not None:
        _write(metrics, as_metrics(found).encode())
    _tell_standings(settings, closing, clock, status_to, publish)
    if format == "json":
        typer.echo(msgspec.json.encode({"refused": len(refused), "figures": found}))
        return
    for line in as_text(found):
        output().print(line, markup=False)
    _say_refused(refused)


@app.command(
    "import",
    epilog=examples(
        "risk-stream book import opening.csv --control totals.yaml --to opening.jsonl",
        "risk-stream book import opening.csv --control totals.yaml --publish",
    ),
)
def import_(
    opening: Annotated[Path, typer.Argument(help="The loans of the book: CSV with the fields of loan_opening.")],
    control: Annotated[Path, typer.Option(help="What they must add up to: YAML, docs/lending.md.")],
    mapping: MappingOption = None,
    calendar: _CalendarOption = "china",
    currency: _CurrencyOption = "CNY",
    to: Annotated[Path | None, typer.Option("--to", help="Write the loan_opening events here, as JSON lines.")] = None,
    publish: _PublishOption = False,
    broker: BrokerOption = None,
) -> None:
    """Take over a running book: each loan's balances and standing become a loan_opening event.

    The sums by entity and product must be the control totals: with a difference, or a loan that does not add up, no
    event is written.
    """
    settings = settings_with(broker=broker)
    catalogue = catalogue_of(settings)
    clock, calendars = _calendars(settings, calendar)
    found = read_openings(opening, control, mapping, catalogue, clock, calendars, currency)
    if to is None and not publish:
        raise CommandError("The book fits its control totals; say --to FILE or --publish to have its events.")
    if to is not None:
        _write(to, b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in found))
    if publish:
        _publish(settings, found)
    errors().print(f"[bold]{len(found):,}[/] loans were taken over; the control totals fit")


def _calendars(settings: Settings, name: str) -> tuple[Calendar, dict[str, Calendar]]:
    from risk_stream.calendars import load_calendars

    calendars = load_calendars(settings.calendars)
    if name not in calendars:
        raise CommandError(f"There is no calendar {name}: there are {', '.join(sorted(calendars))}; name one of them.")
    return calendars[name], calendars


def _tables(classes: Path | None, stages: Path | None, losses: Path | None) -> Tables:
    from risk_stream.lending import load_class_rules, load_stage_rules
    from risk_stream.lending.ledger import Tables, load_loss_rules

    return Tables(
        load_class_rules(classes or "china_2023"),
        load_stage_rules(stages or "ifrs9"),
        load_loss_rules(losses or "losses"),
    )


def _closing(
    settings: Settings,
    catalogue: Catalogue,
    files: Sequence[Path],
    mapping: Path | None,
    day: str,
    known: str | None,
    currency: str,
    tables: Tables,
    calendars: tuple[Calendar, dict[str, Calendar]],
) -> tuple[Closing, list[Refused]]:
    from risk_stream.lending import LendingError, one_date
    from risk_stream.lending.ledger import close as close_book
    from risk_stream.lending.ledger import ledger

    refused: list[Refused] = []
    try:
        one_date(day), one_date(known or day)
        with _batches(settings, catalogue, files, mapping, refused) as batches:
            found = ledger(
                batches,
                catalogue,
                calendar=calendars[0],
                calendars=calendars[1],
                rules=tables.classes,
                currency=currency,
                known=known,
            )
        return close_book(found, day, tables), refused
    except LendingError as error:
        said = str(error)
        raise CommandError(f"{said[0].upper()}{said[1:]}.") from error


@contextlib.contextmanager
def _batches(
    settings: Settings, catalogue: Catalogue, files: Sequence[Path], mapping: Path | None, refused: list[Refused]
) -> Iterator[Iterator[EventBatch]]:
    """The events of files, or of the house's topics where none is named; `refused` grows by what is no event."""
    if files:
        yield _decoded(catalogue, files, mapping, refused)
        return
    enter(settings)
    import asyncio

    from risk_stream.stream.past import merged, spool

    with tempfile.TemporaryDirectory(prefix="risk-stream-") as folder:
        spooled = asyncio.run(spool(settings, catalogue, Path(folder)))
        yield merged(spooled, round(settings.lateness_seconds * 1000))


def _decoded(
    catalogue: Catalogue, files: Sequence[Path], mapping: Path | None, refused: list[Refused]
) -> Iterator[EventBatch]:
    from risk_stream.workbench.backtest import Reader

    reader = Reader(catalogue)
    for chunk in chunks_of_files(catalogue, files, mapping):
        batch, wrong = reader.read(chunk)
        refused += wrong
        yield batch


def _say_refused(refused: Sequence[Refused]) -> None:
    for one in refused[:SHOWN]:
        errors().print(f"{one.name}, line {one.line}: {one.message}", markup=False)
    if refused:
        errors().print(f"[bold]{counted(len(refused), 'record')}[/] of the files are no events")


def _tell_standings(settings: Settings, closing: Closing, calendar: Calendar, path: Path | None, publish: bool) -> None:
    """Write how each loan stands, or send it, as asked."""
    if path is None and not publish:
        return
    from risk_stream.lending.ledger import statuses

    found = list(statuses(closing, calendar))
    if path is not None:
        _write(path, b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in found))
    if publish:
        _publish(settings, found)


def _write(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds all of it, or what was there before."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)


def _publish(settings: Settings, events: Sequence[dict[str, Any]]) -> None:
    """Send events to the house's topic of loan events, by loan.

    Their time is that of sending: a stream refuses as late what says a time that it has passed, and the day that they
    speak of is their `business_date`. Where time is simulated it stays the end of that day.
    """
    import asyncio

    import numpy as np
    from aiokafka.errors import KafkaError

    from risk_stream.simulate import Slice, to_kafka

    enter(settings)
    if settings.clock != "simulated":
        now = int(time.time() * 1000)
        events = [one | {"time": now} for one in events]
    pieces = (events[at : at + PIECE] for at in range(0, len(events), PIECE))
    slices = (
        Slice(
            np.array([one["time"] for one in piece], np.int64),
            ["loans"] * len(piece),
            [one["loan"].encode() for one in piece],
            [orjson.dumps(one) for one in piece],
        )
        for piece in pieces
    )
    try:
        sent = asyncio.run(to_kafka(settings.broker, slices, topics=settings.house_topics))
    except KafkaError as error:
        raise CommandError(f"{settings.broker} did not take the events: {type(error).__name__}: {error}.") from error
    errors().print(f"[bold]{sent:,}[/] events sent to {settings.house_topics['loans']}")
