"""`risk-stream margin`: the clerk of margin accounts, live on the house's topics or over a file of events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from risk_stream.cli.broker import enter
from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.output import CommandError, errors, examples, number
from risk_stream.cli.reading import Records, open_records
from risk_stream.cli.serving import serve_metrics, tell, until_told

if TYPE_CHECKING:
    from risk_stream.lending import MarginDesk
    from risk_stream.settings import Settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream margin", "risk-stream margin --from history.jsonl > statuses.jsonl"))(
        margin
    )


def margin(
    file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Say it of a file instead: JSON lines or CSV, gzipped or not, in the order of time; - for stdin.",
        ),
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="For CSV: which column is which field.")] = None,
    table: Annotated[
        Path | None, typer.Option(help="The house's own table of lines and haircuts; else the shipped one.")
    ] = None,
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics; 0 for none.")] = None,
) -> None:
    """Say how margin accounts stand as prices tick: a margin_status event for each that crosses a line.

    Follows the house's topics and writes the statuses among its loan events until Ctrl-C or SIGTERM; of several clerks
    one is active. With --from it reads a file, and JSON lines come out.
    """
    settings = settings_with(broker=broker, margin_port=metrics_port)
    desk = _desk(settings, table)
    if file is None:
        _live(settings, lambda: _desk(settings, table))
        return
    records = open_records(file, mapping, desk.catalogue)
    events, said = _over(desk, records)
    _say(desk, events, said)


def _live(settings: Settings, make_desk: Callable[[], MarginDesk]) -> None:
    from risk_stream.sinks import CLERK_METRICS, Metrics
    from risk_stream.stream.margin import MarginClerk

    enter(settings)
    metrics = Metrics(of=CLERK_METRICS, entities=settings.metrics_entities)
    serve_metrics(metrics, settings.metrics_host, settings.margin_port, "margin_port")

    until_told(settings, lambda: MarginClerk(settings, make_desk, tell, metrics).run())


def _desk(settings: Settings, table: Path | None) -> MarginDesk:
    from risk_stream.calendars import load_calendars
    from risk_stream.lending import LendingError, MarginDesk, load_margin_rules

    rules = load_margin_rules() if table is None else load_margin_rules(table)
    try:
        return MarginDesk(rules, catalogue_of(settings), load_calendars(settings.calendars))
    except LendingError as error:
        raise CommandError(f"{table or rules.name}: {error}.") from error


def _over(desk: MarginDesk, records: Records) -> tuple[int, int]:
    """Write the statuses of a file's events to stdout; (events read, statuses said)."""

    from risk_stream.catalogue import Decoder

    decoder, stream = Decoder(desk.catalogue), typer.get_binary_stream("stdout")
    events = said = 0
    for lines, values in records.batches():
        batch, _, refused = decoder.decode(values, records.ids(lines))
        events += len(batch)
        desk.refused.update(reject.message for reject in refused)
        for status in desk.apply(batch):
            stream.write(orjson.dumps(status.event(), option=orjson.OPT_APPEND_NEWLINE))
            said += 1
    stream.flush()
    return events, said


def _say(desk: MarginDesk, events: int, said: int) -> None:
    console = errors()
    console.print(
        f"[bold]{number(events)}[/] events, {number(desk.book.accounts)} margin accounts, {number(said)} statuses"
    )
    if desk.unpriced:
        named = ", ".join(sorted(desk.unpriced)[:5])
        console.print(f"without a price, so that nobody can tell how their holders stand: {named}", markup=False)
    for sentence, count in desk.refused.most_common(5):
        console.print(f"{number(count)} refused: {sentence}", markup=False)
