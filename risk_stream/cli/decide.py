"""`risk-stream decide FILE`: what the decision tables say of each application of a file, without a broker."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from risk_stream.cli.house import plan_of, settings_with
from risk_stream.cli.output import CommandError, examples, number, output, table
from risk_stream.cli.reading import open_records
from risk_stream.cli.replay import Tally, results_of, say_refused

if TYPE_CHECKING:
    from risk_stream.decisions import Decision

__all__ = ["register"]

#: Rows of `--format text`; the rest is counted.
MOST_ROWS = 1_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream decide history.jsonl",
            "risk-stream decide history.jsonl.gz --rules house/rules --format json > decisions.jsonl",
        )
    )(decide)


def decide(
    file: Annotated[
        Path, typer.Argument(help="JSON lines or CSV, gzipped or not, in the order of arrival; - for stdin.")
    ],
    rules: Annotated[list[Path] | None, typer.Option(help="A rule file or folder; may be given again.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="For CSV: which column is which field.")] = None,
    format: Annotated[
        Literal["text", "json"], typer.Option(help="A table for people, or JSON lines for programs.")
    ] = "text",
    rejects: Annotated[
        Path | None, typer.Option(help="Write what was refused here: JSON lines with line and reason.")
    ] = None,
) -> None:
    """Say what the decision tables decide about each application of a file, with the past that the file holds.

    It is what holds in the end: where a late event changed a decision, the changed one.
    """
    settings = settings_with()
    plan = plan_of(settings, rules or ())
    if not any(rule.table is not None and rule.mode == "live" for rule in plan.rules):
        raise CommandError("No rule file holds a decision table that is live: write one, which begins with table:.")
    records, tally = open_records(file, mapping, plan.catalogue), Tally()
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(rejects.open("wb")) if rejects is not None else None
        results = results_of(plan, records, tally, kept, round(settings.lateness_seconds * 1000))
        said = [decided for result in results for decided in result.decisions]
    from risk_stream.decisions import decision_of
    from risk_stream.engine import Decided, final

    decisions = [decision_of(decided) for decided in final(said) if isinstance(decided, Decided)]
    say_refused(tally)
    if not decisions:
        raise CommandError(
            f"{records.name} holds no application that a table decides: send one of the type its table is on."
        )
    if format == "json":
        for decision in decisions:
            typer.echo(decision.to_json())
        return
    _as_table(decisions)


def _as_table(decisions: list[Decision]) -> None:
    """A row for each decision."""
    rows = []
    for one in decisions[:MOST_ROWS]:
        at = datetime.fromtimestamp(one.time / 1000, UTC)
        rate = "" if one.rate_from is None or one.rate_to is None else f"{one.rate_from:.2%} to {one.rate_to:.2%}"
        limit = "" if one.limit is None else f"{one.limit:,.2f}"
        points = "" if one.score is None else f"{one.score:g}"
        reasons = "; ".join(one.reasons)
        rows.append((f"{at:%Y-%m-%d %H:%M:%S}", one.id, one.verdict, limit, rate, points, reasons))
    heads = ("time (UTC)", "application", "verdict", "limit", "rate", "score", "because")
    output().print(table(heads, rows, right=["limit", "score"]))
    if len(decisions) > MOST_ROWS:
        output().print(f"and {number(len(decisions) - MOST_ROWS)} more: --format json has them all")
