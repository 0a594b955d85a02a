"""`risk-stream models`: which models there are, how good they are, and changes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from risk_stream.cli import model_changes, model_files
from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.model_history import EventsOption, OutcomesOption, history_of
from risk_stream.cli.output import CommandError, examples, output
from risk_stream.cli.past import FromOption, MappingOption, UntilOption, span_of

__all__ = ["app"]

app = typer.Typer(help="List, check, measure, compare and change models.", no_args_is_help=True)


@app.command(
    epilog=examples(
        "risk-stream models evaluate models/card_fraud.yaml --events june.jsonl.gz --outcomes outcomes.jsonl",
        "risk-stream models evaluate models --events june.jsonl.gz --from 2026-06-15 --format json",
    )
)
def evaluate(
    models: Annotated[list[Path], typer.Argument(help="The models: files or folders.")],
    events: EventsOption,
    outcomes: OutcomesOption = None,
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
    history = history_of(settings, plan.catalogue, events, outcomes, mapping)
    found = measure(plan, history, span=span_of(start, until), k=k, window_days=window)
    if format == "json":
        typer.echo(msgspec.json.encode(found))
        return
    for one in found:
        for line in as_text(one, k):
            output().print(line, markup=False)


model_files.register(app)
model_changes.register(app)
