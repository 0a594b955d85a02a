"""`risk-stream rules backtest|diff`: the past through changed rules beside those in force, and what a change does."""

from __future__ import annotations

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
from risk_stream.cli.sides import plan_named

if TYPE_CHECKING:
    from risk_stream.rules import Plan
    from risk_stream.settings import Settings
    from risk_stream.workbench.backtest import Edited, Report

__all__ = ["register"]

Format = Literal["text", "json", "markdown"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=examples(
            "risk-stream rules backtest june.jsonl.gz july.jsonl.gz --against HEAD",
            "risk-stream rules backtest --from 2026-01-01 --outcomes cases.jsonl --html report.html",
        )
    )(backtest)
    app.command(
        epilog=examples(
            "risk-stream rules diff HEAD",
            "risk-stream rules diff main house/rules --events july.jsonl.gz --format markdown",
        )
    )(diff)


def backtest(
    events: FilesArgument = None,
    rules: Annotated[list[Path] | None, typer.Option(help="The rules to try: files or folders.")] = None,
    against: Annotated[
        str | None, typer.Option(help="Those in force: a file, a folder, a revision of git such as HEAD, or published.")
    ] = None,
    start: FromOption = None,
    until: UntilOption = None,
    outcomes: OutcomesOption = None,
    mapping: MappingOption = None,
    broker: BrokerOption = None,
    processes: ProcessesOption = None,
    html: Annotated[Path | None, typer.Option(help="Write the report here too, as a page.")] = None,
    format: Annotated[Format, typer.Option(help="How to say it.")] = "text",
) -> None:
    """Judge the past by rules, beside others if asked: alerts per day, precision and recall, what differs, overlaps.

    Both are judged in one pass by the engine that judges live events; shadow rules are judged and counted apart.
    """
    settings = settings_with(broker=broker)
    plans = {} if against is None else {"before": plan_named(settings, against, rules or ())}
    plans["after" if plans else "rules"] = plan_of(settings, rules or ())
    report = _judge(Asked(events or [], mapping, start, until, outcomes, processes), settings, plans)
    _write_page(html, report)
    _say(report, format)


def diff(
    before: Annotated[str, typer.Argument(help="A file or folder of rules, a revision of git, or published.")],
    after: Annotated[
        str | None, typer.Argument(help="The same; the rule files of the settings, as they are, if left out.")
    ] = None,
    events: Annotated[
        list[Path] | None, typer.Option(help="A file of events to try both on; may be given again, in order of time.")
    ] = None,
    from_kafka: Annotated[bool, typer.Option("--kafka", help="Try both on what the house's topics hold.")] = False,
    start: FromOption = None,
    until: UntilOption = None,
    outcomes: OutcomesOption = None,
    mapping: MappingOption = None,
    broker: BrokerOption = None,
    processes: ProcessesOption = None,
    html: Annotated[Path | None, typer.Option(help="Write the report here too, as a page.")] = None,
    format: Annotated[Format, typer.Option(help="How to say it; markdown is a comment for a pull request.")] = "text",
) -> None:
    """Say what changed between two versions of the rules and, on a history, what the change does to the alerts."""
    from risk_stream.workbench.backtest import edits
    from risk_stream.workbench.backtest.figures import of_edited

    settings = settings_with(broker=broker)
    old = plan_named(settings, before, ())
    new = plan_of(settings) if after is None else plan_named(settings, after, ())
    if events or from_kafka:
        asked = Asked(events or [], mapping, start, until, outcomes, processes)
        report = _judge(asked, settings, {"before": old, "after": new})
        _write_page(html, report)
        _say(report, format)
        return
    if html is not None:
        raise CommandError("A page needs a history: give --events FILE or --kafka.")
    changed = edits(old, new)
    if format == "json":
        typer.echo(msgspec.json.encode({"plans": [old.version, new.version], "edited": changed}))
    elif format == "markdown":
        _say_markdown(None, changed)
    else:
        for one in changed:
            output().print(f"{one.rule}: {one.status}", markup=False)
            for line in of_edited(one):
                output().print(f"  {line}", markup=False)
        errors().print(f"[bold]{len(changed)}[/] rule{'s' * (len(changed) != 1)} differ")


def _judge(asked: Asked, settings: Settings, plans: dict[str, Plan]) -> Report:
    """The report of some plans on a history."""
    from risk_stream.workbench.backtest import backtest as judge

    return asked.judge(settings, next(iter(plans.values())).catalogue, partial(judge, plans))


def _write_page(path: Path | None, report: Report) -> None:
    if path is None:
        return
    from risk_stream.workbench.backtest.page import as_page

    path.write_text(as_page(report), encoding="utf-8")
    errors().print(f"the report is in {path}", markup=False)


def _say(report: Report, format: Format) -> None:
    from risk_stream.workbench.backtest.words import as_text

    if format == "json":
        typer.echo(msgspec.json.encode(report))
    elif format == "markdown":
        _say_markdown(report, report.edited)
    else:
        for line in as_text(report):
            output().print(line, markup=False)
    counted = report.counted
    rate = counted.events / max(counted.seconds, 1e-9)
    shared = f" in {counted.processes} processes" if counted.processes > 1 else ""
    errors().print(f"[bold]{counted.events:,}[/] events in {counted.seconds:.1f} s{shared} ({rate:,.0f} events/s)")


def _say_markdown(report: Report | None, changed: list[Edited]) -> None:
    from risk_stream.workbench.backtest.words import as_markdown

    for line in as_markdown(report, changed):
        typer.echo(line)
