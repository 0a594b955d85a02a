"""`risk-stream rules tune RULE`: alerts per day against what is found, for other values of a rule's thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from risk_stream.cli.house import plan_of, settings_with
from risk_stream.cli.output import CommandError, errors, examples, output
from risk_stream.cli.past import (
    Asked,
    BrokerOption,
    FilesArgument,
    FromOption,
    MappingOption,
    OutcomesOption,
    ProcessesOption,
    UntilOption,
)

if TYPE_CHECKING:
    from risk_stream.workbench.backtest import Tuned

__all__ = ["register"]

#: Columns of the bar beside each value.
_BAR = 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream rules tune structuring july.jsonl.gz --outcomes cases.jsonl",
            "risk-stream rules tune structuring --low 0.8 --high 1.25 --steps 5 --format json",
        )
    )(tune)


def tune(
    rule: Annotated[str, typer.Argument(help="The id of a rule.")],
    events: FilesArgument = None,
    rules: Annotated[list[Path] | None, typer.Option(help="A rule file or folder; may be given again.")] = None,
    low: Annotated[float, typer.Option(min=0.01, help="From so many times each threshold's value …")] = 0.5,
    high: Annotated[float, typer.Option(max=100, help="… to so many times.")] = 2.0,
    steps: Annotated[int, typer.Option(min=2, max=50, help="Values to try of each threshold.")] = 9,
    start: FromOption = None,
    until: UntilOption = None,
    outcomes: OutcomesOption = None,
    mapping: MappingOption = None,
    broker: BrokerOption = None,
    processes: ProcessesOption = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Move each threshold of a rule and say what it would give on the past: alerts a day, precision, recall.

    All values are tried in one pass, each with the other thresholds as they are.
    """
    from risk_stream.workbench.backtest import tune as move

    settings = settings_with(broker=broker)
    plan = plan_of(settings, rules or ())
    found = next((one for one in plan.rules if one.id == rule), None)
    if found is None:
        raise CommandError(f"There is no rule {rule!r} in these files: risk-stream rules list names them.")
    if low >= high:
        raise CommandError("--low must be less than --high.")
    moved = partial(move, plan, found, low=low, high=high, steps=steps)
    asked = Asked(events or [], mapping, start, until, outcomes, processes)
    try:
        tuned = asked.judge(settings, plan.catalogue, moved)
    except ValueError as error:
        raise CommandError(f"{error}.") from error
    if format == "json":
        typer.echo(msgspec.json.encode(tuned))
    else:
        for line in lines_of(tuned):
            output().print(line, markup=False)
    errors().print(f"[bold]{tuned.counted.events:,}[/] events of {tuned.days} days in {tuned.counted.seconds:.1f} s")


def lines_of(tuned: Tuned) -> Iterator[str]:
    """The curves as text: a line for each value, with a bar for its alerts; the value in force is marked."""
    from risk_stream.workbench.backtest.figures import share

    for curve in tuned.curves:
        yield curve.text
        most = max(point.alerts for point in curve.points) or 1
        for point in curve.points:
            bar = "█" * round(_BAR * point.alerts / most)
            judged = f"  precision {share(point.judged.precision):>7}  recall {share(point.judged.recall):>7}"
            known = judged if point.judged.to_find or point.judged.precision is not None else ""
            mark = "*" if point.current else " "
            yield f" {mark}{point.value:>12,g}  {bar:{_BAR}} {point.alerts:>8,}  {point.per_day:>8,.2f} a day{known}"
        yield ""
