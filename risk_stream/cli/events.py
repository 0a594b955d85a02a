"""`risk-stream events`: what an event may say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.output import CommandError, examples, output, table

if TYPE_CHECKING:
    from risk_stream.catalogue import Catalogue, EventType, Field

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream events", "risk-stream events transfer", "risk-stream events --schema > events.schema.json"
        )
    )(events)


def events(
    type: Annotated[str | None, typer.Argument(help="Only this event type, with all its fields.")] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="As JSON Schema (draft 2020-12), for producers to check by.")
    ] = False,
) -> None:
    """List the event types a worker understands, the core's and the house's own."""
    catalogue = catalogue_of(settings_with())
    if type is not None and type not in catalogue:
        meant = catalogue.suggest(type)
        hint = f"did you mean {meant}?" if meant else "risk-stream events lists them."
        raise CommandError(f"There is no event type {type!r}: {hint}")
    if schema:
        from risk_stream.catalogue import json_schema

        made = json_schema(catalogue) if type is None else json_schema(catalogue, type)
        typer.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    elif type is None:
        _list(catalogue)
    else:
        _show(catalogue.type(type))


def _list(catalogue: Catalogue) -> None:
    rows = [(t.name, t.topic, ", ".join(t.keys), len(t.fields), t.meaning) for t in catalogue.types]
    output().print(table(("event", "topic", "keys", "fields", "meaning"), rows, right=["fields"]))
    output().print(f"{len(rows)} event types; risk-stream events NAME shows one, --schema shows all as JSON Schema")


def _show(event: EventType) -> None:
    output().print(f"[bold]{event.name}[/]  topic family {event.topic}, declared in {event.source or 'the core'}")
    output().print(event.meaning, markup=False)
    rows = [(f.name, _kind(f), f.unit, _marks(f), f.meaning) for f in event.all_fields]
    output().print(table(("field", "type", "unit", "", "meaning"), rows))


def _kind(field: Field) -> str:
    return f"{field.type.value}: {' | '.join(field.choices)}" if field.choices else field.type.value


def _marks(field: Field) -> str:
    marks = ["must"] if field.required else []
    marks += [f"key: {field.key}"] if field.key else []
    marks += ["personal"] if field.personal else []
    return ", ".join(marks)
