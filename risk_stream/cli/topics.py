"""`risk-stream topics …`: the topics a house needs on its broker, and how many partitions of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer

from risk_stream.cli.broker import must_answer
from risk_stream.cli.house import catalogue_of, plan_of, settings_with
from risk_stream.cli.output import CommandError, counted, errors, examples, help_alone, output, table
from risk_stream.cli.sizing import MEASURED, Measured, size

if TYPE_CHECKING:
    from risk_stream.kafka import TopicState
    from risk_stream.rules import Plan

__all__ = ["app"]

app = typer.Typer(help="Create and describe the topics on the broker, and say how many partitions a rate needs.")

#: The setting's own bound.
MOST_PARTITIONS = 1024

_Broker = Annotated[str | None, typer.Option(help="Kafka's address, host:port.")]

app.callback(invoke_without_command=True)(help_alone)


@app.command(epilog=examples("risk-stream topics create", "risk-stream topics create --partitions 12 --replication 3"))
def create(
    broker: _Broker = None,
    partitions: Annotated[int | None, typer.Option(help="Of each new topic: two or three times the workers.")] = None,
    replication: Annotated[int | None, typer.Option(help="Copies of each new topic; 3 where it matters.")] = None,
) -> None:
    """Create the topics that are not there yet; those that are there stay as they are."""
    from risk_stream.kafka import create_topics, partition_counts, wanted_topics

    settings = settings_with(broker=broker, partitions=partitions, replication=replication)
    must_answer(settings.broker)
    wanted = wanted_topics(settings, catalogue_of(settings))
    made = create_topics(settings.broker, wanted)
    for name in made:
        output().print(f"created {name}")
    there = len(wanted) - len(made)
    output().print(
        f"{counted(len(made), 'topic')} created at {settings.broker}, {there} {'was' if there == 1 else 'were'} there"
    )
    counts = partition_counts(settings.broker)
    other = {
        name: counts[name]
        for name in (topic.name for topic in wanted if topic.partitions != counts.get(topic.name))
        if name in counts
    }
    if other:
        listed = ", ".join(f"{name} {count}" for name, count in other.items())
        errors().print(
            f"{counted(len(other), 'topic')} left with another number of partitions than is asked for: {listed}",
            markup=False,
        )


@app.command(epilog=examples("risk-stream topics describe", "risk-stream topics describe --format json"))
def describe(
    broker: _Broker = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say which topics there are, which are missing, and how each is kept. Exit code 1 if one is missing or wrong."""
    from risk_stream.kafka import describe_topics, disagreements, wanted_topics

    settings = settings_with(broker=broker)
    catalogue = catalogue_of(settings)
    must_answer(settings.broker)
    states = describe_topics(settings.broker, wanted_topics(settings, catalogue))
    if format == "json":
        typer.echo(orjson.dumps([{**asdict(s), "kept": _kept(s)} for s in states], option=orjson.OPT_INDENT_2))
    else:
        rows = [(s.name, s.partitions or "missing", s.replication or "", _kept(s), s.meaning) for s in states]
        output().print(
            table(("topic", "partitions", "replicas", "kept", "what it holds"), rows, right=["partitions", "replicas"])
        )
    if missing := [state.name for state in states if not state.exists]:
        raise CommandError(f"{len(missing)} of {len(states)} topics are not there: risk-stream topics create")
    if wrong := disagreements(settings, catalogue, states):
        raise CommandError("; ".join(wrong))


@app.command(
    epilog=examples(
        "risk-stream topics advise --rate 50000", "risk-stream topics advise --rate 1e6 --measured 38000 --load 0.5"
    )
)
def advise(
    rate: Annotated[float, typer.Option(help="Events a second that must be judged, all house topics together.")],
    measured: Annotated[
        float, typer.Option(help="Events a second of one worker on one core, as python -m bench worker says.")
    ] = MEASURED.rate,
    measured_keys: Annotated[int, typer.Option(help="Keys an event had there.")] = MEASURED.keys,
    measured_rules: Annotated[int, typer.Option(help="Rules on an event there.")] = MEASURED.rules,
    rule_us: Annotated[float, typer.Option(help="What one more rule on an event costs, microseconds.")] = (
        MEASURED.rule_us
    ),
    keys: Annotated[int | None, typer.Option(help="Keys of your events; left out, the most your rules ask.")] = None,
    on_event: Annotated[
        int | None, typer.Option("--rules-per-event", help="Rules on one event; left out, the most your rules ask.")
    ] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="A rule file or folder; may be given again.")] = None,
    load: Annotated[float, typer.Option(help="How busy a core may be, 0 to 1; the rest is for bursts.")] = 0.6,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say how many workers and partitions a rate needs, from a measured cost per event, with the arithmetic."""
    if keys is None or on_event is None:
        most_keys, most_rules = _asked_by(plan_of(settings_with(), rules or ()))
        keys, on_event = most_keys if keys is None else keys, most_rules if on_event is None else on_event
    try:
        found = size(
            rate, keys, on_event, measured=Measured(measured, measured_keys, measured_rules, rule_us), load=load
        )
    except ValueError as error:
        raise CommandError(f"{error}.") from error
    if format == "json":
        typer.echo(orjson.dumps({name: value for name, value in asdict(found).items() if name != "steps"}))
        return
    output().print(table(("what", "how it is found", "result"), found.steps, right=["result"]))
    output().print(
        f"{found.workers:,} worker{'s' * (found.workers > 1)} and {found.partitions:,} partitions: risk-stream topics"
        f" create --partitions {found.partitions}",
        markup=False,
    )
    if found.partitions > MOST_PARTITIONS:
        output().print(
            f"More than the {MOST_PARTITIONS:,} partitions of a topic: give each region or family of events a house"
            " of its own, with its own prefix and group."
        )


def _asked_by(plan: Plan) -> tuple[int, int]:
    """The most keys that events of one type visit, and the most rules on one type."""
    types = {name for rule in plan.judged for name in rule.on}
    keys = max((len(plan.itinerary(name)) for name in types), default=1)
    return keys, max((sum(name in rule.on for rule in plan.judged) for name in types), default=0)


def _kept(state: TopicState) -> str:
    """How long, in words; empty where the broker does not say."""
    if "compact" in state.cleanup:
        return "newest of each key"
    hours = state.retention_hours
    if hours is None:
        return ""
    if hours == float("inf"):
        return "for ever"
    return f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h"
