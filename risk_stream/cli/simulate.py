"""`risk-stream simulate`: a market and a loan book with planted, labelled episodes, to Kafka or to a file."""

from __future__ import annotations

import asyncio
import time
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, duration, errors, examples, number

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from risk_stream.settings import Settings
    from risk_stream.simulate import Clock, Market, Slice

__all__ = ["register"]

#: Customers of a market when nobody says how many, and days of one that goes to a file.
CUSTOMERS, FILE_DAYS = 5_000, 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream simulate --output market.jsonl --days 60 --truth episodes.jsonl",
            "RISK_STREAM_CLOCK=simulated risk-stream simulate --rate 2000 --for 10m",
            "RISK_STREAM_CLOCK=simulated risk-stream simulate --factor 3600",
        )
    )(simulate)


def simulate(
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write JSON lines here instead of to Kafka.")
    ] = None,
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    seed: Annotated[int, typer.Option(help="What decides everything that happens.")] = 1,
    customers: Annotated[int, typer.Option(help="How many people; each makes three or four events a day.")] = CUSTOMERS,
    days: Annotated[int | None, typer.Option(help="Days to simulate; without an end on Kafka, 30 in a file.")] = None,
    start: Annotated[str | None, typer.Option(help="The first day, 2026-03-02; today if left out.")] = None,
    events: Annotated[int | None, typer.Option(help="End after that many events.")] = None,
    for_: Annotated[float | None, typer.Option("--for", parser=duration, help="End after 30s, 10m, 1h.")] = None,
    rate: Annotated[float | None, typer.Option(help="Events a second, whatever their times say.")] = None,
    factor: Annotated[
        float | None, typer.Option(help="Simulated seconds in a second: 3600 for an hour a second.")
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="Write what was planted here: one JSON line per episode.")] = None,
) -> None:
    """Make a market that looks calm, with frauds planted in it: the same seed gives the same events."""
    from risk_stream.simulate import Market, to_file

    if rate is not None and factor is not None:
        raise CommandError("--rate and --factor are two ways of saying how fast: give one.")
    if rate is not None and rate <= 0:
        raise CommandError(f"--rate must be above 0 events a second, not {rate:g}.")
    try:
        market = Market(seed, customers=customers, days=days or (FILE_DAYS if out else None), start=_first_day(start))
    except ValueError as error:
        raise CommandError(f"{error}.") from error
    began = time.perf_counter()
    if out is not None:
        if broker is not None or rate is not None or factor is not None or for_ is not None:
            raise CommandError("--output writes as fast as it can: --broker, --rate, --factor and --for are for Kafka.")
        written = to_file(out, market.slices(), limit=events)
    else:
        settings = settings_with(broker=broker)
        clock = _clock(settings, market, factor, rate)
        written = asyncio.run(_send(settings, market, clock, rate=rate, limit=events, seconds=for_))
    seconds = time.perf_counter() - began
    if truth is not None:
        _write_truth(truth, market)
    planted = sum(episode.complete for episode in market.episodes)
    errors().print(
        f"[bold]{number(written)}[/] events in {seconds:.1f} s ({number(written / max(seconds, 1e-9))}/s) "
        f"to {out or settings.broker}, {planted} episodes told to their end"
    )


def _first_day(given: str | None) -> date:
    if given is None:
        return datetime.now().astimezone().date()
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise CommandError(f"--start {given} is no day: write 2026-03-02.") from error


def _clock(settings: Settings, market: Market, factor: float | None, rate: float | None) -> Clock | None:
    """The clock that lets the stream out; None where `rate` does.

    Raises:
        CommandError: time would pass at another pace than on the wall, and the settings do not declare it.
    """
    from risk_stream.simulate import Clock

    if settings.clock != "simulated":
        raise CommandError(
            "Simulated events carry times of their own, so a worker must be told: start it and this with "
            "RISK_STREAM_CLOCK=simulated (for demos and tests, never beside real events)."
        )
    if rate is not None:
        return None
    try:
        return Clock(market.start_ms, factor or 1.0, declared=True)
    except ValueError as error:
        raise CommandError(f"--factor {factor:g} must be above 0.") from error


async def _send(
    settings: Settings,
    market: Market,
    clock: Clock | None,
    *,
    rate: float | None,
    limit: int | None,
    seconds: float | None,
) -> int:
    from aiokafka.errors import KafkaError

    from risk_stream.cli.broker import must_answer
    from risk_stream.simulate import paced, to_kafka

    must_answer(settings.broker)
    parts = market.slices(max(1, min(2_000, int((rate or 2_000) / 10))))
    slices: Iterator[Slice] | AsyncIterator[Slice] = parts if clock is None else paced(parts, clock)
    sent = 0

    def progress(count: int, _: int) -> None:
        nonlocal sent
        sent = count

    try:
        async with asyncio.timeout(seconds):
            return await to_kafka(
                settings.broker, slices, topics=settings.house_topics, rate=rate, limit=limit, progress=progress
            )
    except TimeoutError:
        return sent
    except KafkaError as error:
        raise CommandError(f"{settings.broker} did not take the events: {type(error).__name__}: {error}.") from error


def _write_truth(path: Path, market: Market) -> None:
    with path.open("wb") as file:
        for episode in market.episodes:
            said = {
                "id": episode.id,
                "kind": episode.kind,
                "complete": episode.complete,
                "start": episode.start,
                "end": episode.end,
                "keys": episode.keys,
                "events": episode.events,
            }
            file.write(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))
