"""`risk-stream rules trace EVENT`: why rules fired on an event or did not, from a file or from the house's topics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer

from risk_stream.cli.broker import enter
from risk_stream.cli.house import plan_of, settings_with
from risk_stream.cli.output import CommandError, examples, output
from risk_stream.cli.reading import open_records

if TYPE_CHECKING:
    from risk_stream.catalogue import EventBatch
    from risk_stream.rules import Plan
    from risk_stream.settings import Settings
    from risk_stream.workbench import Traced

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream rules trace T-1093",
            "risk-stream rules trace T-1093 --rule transfer-burst --events yesterday.jsonl.gz --format json",
        )
    )(trace)


def trace(
    event: Annotated[str, typer.Argument(help="The id of an event.")],
    rule: Annotated[list[str] | None, typer.Option(help="Only this rule; may be given again.")] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="A rule file or folder; may be given again.")] = None,
    events: Annotated[
        Path | None, typer.Option(help="A file of events that holds it and its past; else the house's topics are read.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="For CSV: which column is which field.")] = None,
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say why each rule fired on an event or did not: every comparison, whether it held, and its values.

    The event and its past are judged again by the rules as they are now, so a rule can be changed and asked again.
    """
    from risk_stream.workbench import trace_event

    settings = settings_with(broker=broker)
    plan = plan_of(settings, rules or ())
    for name in rule or ():
        if all(one.id != name for one in plan.rules):
            raise CommandError(f"There is no rule {name!r} in these files: risk-stream rules list names them.")
    if events is not None:
        batches = _of_file(plan, events, mapping)
    else:
        enter(settings)
        batches = _of_topics(settings, plan, event)
    traced = trace_event(plan, event, batches, round(settings.lateness_seconds * 1000), rule)
    if not traced:
        where = f"in {events}" if events is not None else "in the house's topics"
        raise CommandError(
            f"No rule that was asked judges an event {event!r} {where}: it is not there, was refused"
            " (risk-stream rejects list), or no rule is on its type."
        )
    if format == "json":
        typer.echo(orjson.dumps({"plan": plan.version, "event": event, "rules": traced}))
        return
    for line in lines_of_all(traced):
        output().print(line, markup=False)


def lines_of_all(traced: list[Traced]) -> Iterator[str]:
    """The traces as text, those that fired first."""
    from risk_stream.workbench import lines_of

    for one in sorted(traced, key=lambda t: not t.fired):
        mode = "" if one.mode == "live" else f", {one.mode}"
        if one.verdict:
            yield f"{one.rule} (decides{mode}): {one.verdict}"
            yield from (f"  because {reason}" for reason in one.reasons)
        else:
            yield f"{one.rule} ({one.severity}{mode}): {'fires' if one.fired else 'is quiet'}"
        yield from lines_of(one.step, "  ")
        if one.warming:
            yield f"  still warming: {', '.join(one.warming)}"


def _of_file(plan: Plan, file: Path, mapping: Path | None) -> Iterator[EventBatch]:
    """The events of a file in its order; what is no event is left out."""
    from risk_stream.catalogue import Decoder

    records = open_records(file, mapping, plan.catalogue)
    decoder = Decoder(plan.catalogue)
    for lines, values in records.batches():
        batch, _, _ = decoder.decode(values, records.ids(lines))
        yield batch


def _of_topics(settings: Settings, plan: Plan, event: str) -> Iterator[EventBatch]:
    """The event and all that shares a key with it, in the order of their times."""
    import asyncio

    from risk_stream.kafka import BrokerError
    from risk_stream.stream.past import in_order, past_of

    try:
        batches = asyncio.run(past_of(settings, plan, event))
    except BrokerError as error:
        raise CommandError(str(error)) from error
    return in_order(batches)
