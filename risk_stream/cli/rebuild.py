"""`risk-stream rebuild`: Redis filled again from what Kafka keeps of alerts and profiles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from risk_stream.cli.broker import enter
from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, errors, examples, output

if TYPE_CHECKING:
    from risk_stream.stream.past import Rebuilt

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream rebuild", "risk-stream rebuild --redis redis://new-redis:6379/0"))(rebuild)


def rebuild(
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    redis: Annotated[str | None, typer.Option(help="The Redis to fill: redis://host:port/number.")] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove alerts from Redis that the log does not have.")
    ] = False,
) -> None:
    """Fill Redis again from risk.alerts, risk.life and risk.profiles, whatever happened to it; workers may go on.

    What is there is mended in place, what people made of alerts too. Followers of the stream hear of alerts that
    were missing, some for the second time: an entry's id and revision say which.
    """
    from risk_stream.sinks import without_password
    from risk_stream.stream.past import RebuildError
    from risk_stream.stream.past import rebuild as run

    settings = settings_with(broker=broker, redis=redis)
    enter(settings)
    columns = (TextColumn(settings.alerts_topic), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = errors()
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=None)
            rebuilt = asyncio.run(
                run(settings, prune=prune, progress=lambda done, of: bar.update(task, completed=done, total=of))
            )
    except RebuildError as error:
        raise CommandError(f"{error}.") from error
    _say(rebuilt, without_password(settings.redis), settings.alerts_topic)


def _say(rebuilt: Rebuilt, redis: str, topic: str) -> None:
    written = rebuilt.written
    changed = written.new + written.revised + written.withdrawn
    output().print(
        f"{rebuilt.alerts:,} alerts in {redis} from {rebuilt.revisions:,} revisions in {topic}, in"
        f" {rebuilt.seconds:.1f} s: {changed:,} were missing or old there",
        markup=False,
    )
    if rebuilt.profiles or rebuilt.contributions:
        output().print(
            f"{rebuilt.profiles:,} records of profiles and {rebuilt.contributions:,} contributions to them were missing"
            " or old there"
        )
    if rebuilt.worked:
        output().print(f"{rebuilt.worked:,} of them stand as people left them")
    if rebuilt.wrong:
        output().print(f"{rebuilt.wrong:,} records of {topic} are no alerts: they were passed over")
    for span in rebuilt.cut:
        output().print(
            f"{span.topic} partition {span.partition} begins at {span.start:,}: earlier records are past its retention",
            markup=False,
        )
    if rebuilt.removed:
        output().print(f"{rebuilt.removed:,} alerts that {topic} does not have were removed")
    elif rebuilt.strange:
        why = "they may be from before it begins" if rebuilt.cut else "--prune removes them"
        output().print(f"{rebuilt.strange:,} alerts in Redis are not in {topic} and were left: {why}")
