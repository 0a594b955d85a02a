"""`risk-stream models`: how good models are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.output import CommandError, errors, examples, output
from risk_stream.cli.past import Asked, FromOption, MappingOption, UntilOption, span_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from risk_stream.catalogue import Catalogue, EventBatch
    from risk_stream.settings import Settings

__all__ = ["app"]

app = typer.Typer(help="How good models are.", no_args_is_help=True)


@app.command(
    epilog=examples(
        "risk-stream models evaluate models/card_fraud.yaml --events june.jsonl.gz --outcomes outcomes.jsonl",
        "risk-stream models evaluate models --events june.jsonl.gz --from 2026-06-15 --format json",
    )
)
def evaluate(
    models: Annotated[list[Path], typer.Argument(help="The models: files or folders.")],
    events: Annotated[
        list[Path], typer.Option(help="A file of events in the order of time; may be given again, in order of time.")
    ],
    outcomes: Annotated[
        Path | None, typer.Option(help="Outcome events (of_event, label, time), if they are not among the events.")
    ] = None,
    start: FromOption = None,
    until: UntilOption = None,
    mapping: MappingOption = None,
    k: Annotated[int, typer.Option(min=1, help="Precision among so many highest scores of each day.")] = 100,
    window: Annotated[int, typer.Option(min=1, help="Days of outcomes that the model fitted anew learns from.")] = 30,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Replay a history through models: each event is scored first, and learnt when its outcome was known.

    Figures are of the events between --from and --until; what came before warms models up. Beside each stands
    scikit-learn's gradient boosting on the same inputs, fitted anew every day, where that is installed.
    """
    from risk_stream.calendars import load_calendars
    from risk_stream.rules import load_plan
    from risk_stream.workbench.evaluate import evaluate as measure
    from risk_stream.workbench.evaluate.words import as_text

    settings = settings_with()
    plan = load_plan(models, catalogue_of(settings), load_calendars(settings.calendars))
    if not plan.models:
        raise CommandError("There is no model in these files: a model's file begins with its name, model: NAME.")
    history = _history(settings, plan.catalogue, events, outcomes, mapping)
    found = measure(plan, history, span=span_of(start, until), k=k, window_days=window)
    if format == "json":
        typer.echo(msgspec.json.encode(found))
        return
    for one in found:
        for line in as_text(one, k):
            output().print(line, markup=False)


def _history(
    settings: Settings, catalogue: Catalogue, events: list[Path], outcomes: Path | None, mapping: Path | None
) -> Iterator[EventBatch]:
    """Events with the outcomes put in where they were known; what is refused is said."""
    from risk_stream.workbench.evaluate import with_outcomes

    told = [] if outcomes is None else list(_read(settings, catalogue, [outcomes], None))
    return with_outcomes(_read(settings, catalogue, events, mapping), told, catalogue)


def _read(settings: Settings, catalogue: Catalogue, files: list[Path], mapping: Path | None) -> Iterator[EventBatch]:
    refused = 0
    for batch, rejected in Asked(files, mapping, None, None, None, 1).read(settings, catalogue):
        if rejected and not refused:
            first = rejected[0]
            errors().print(f"{first.name}:{first.line} is no event: {first.message}", markup=False)
        refused += len(rejected)
        yield batch
    if refused > 1:
        errors().print(f"{refused:,} records are no events", markup=False)
