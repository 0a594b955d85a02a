"""`risk-stream topics …`: the topics a house needs on its broker."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
import typer

from risk_stream.cli.broker import must_answer
from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.output import CommandError, examples, output, table

__all__ = ["app"]

app = typer.Typer(help="Create and describe the topics on the broker.")

_Broker = Annotated[str | None, typer.Option(help="Kafka's address, host:port.")]


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(epilog=examples("risk-stream topics create", "risk-stream topics create --partitions 12 --replication 3"))
def create(
    broker: _Broker = None,
    partitions: Annotated[int | None, typer.Option(help="Of each new topic: two or three times the workers.")] = None,
    replication: Annotated[int | None, typer.Option(help="Copies of each new topic; 3 where it matters.")] = None,
) -> None:
    """Create the topics that are not there yet; those that are there stay as they are."""
    from risk_stream.stream.topics import create_topics, wanted_topics

    settings = settings_with(broker=broker, partitions=partitions, replication=replication)
    must_answer(settings.broker)
    wanted = wanted_topics(settings, catalogue_of(settings))
    made = create_topics(settings.broker, wanted)
    for name in made:
        output().print(f"created {name}")
    output().print(f"{len(made)} topics created at {settings.broker}, {len(wanted) - len(made)} were there")


@app.command(epilog=examples("risk-stream topics describe", "risk-stream topics describe --format json"))
def describe(
    broker: _Broker = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say which topics there are, which are missing, and how each is kept. Exit code 1 if one is missing."""
    from risk_stream.stream.topics import describe_topics, wanted_topics

    settings = settings_with(broker=broker)
    must_answer(settings.broker)
    states = describe_topics(settings.broker, wanted_topics(settings, catalogue_of(settings)))
    if format == "json":
        typer.echo(orjson.dumps(states, option=orjson.OPT_INDENT_2))
    else:
        rows = [
            (s.name, s.partitions or "missing", s.replication or "", _kept(s.retention_hours), s.meaning)
            for s in states
        ]
        output().print(
            table(("topic", "partitions", "replicas", "kept", "what it holds"), rows, right=["partitions", "replicas"])
        )
    if missing := [state.name for state in states if not state.exists]:
        raise CommandError(f"{len(missing)} of {len(states)} topics are not there: risk-stream topics create")


def _kept(hours: float | None) -> str:
    if hours is None:
        return ""
    return f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h"
