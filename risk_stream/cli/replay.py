"""`risk-stream replay FILE`: yesterday's events through today's rules, without a broker."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

import orjson
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from risk_stream.cli.house import plan_of, settings_with
from risk_stream.cli.output import SEVERITIES, CommandError, errors, examples, number, output, severity_style, table
from risk_stream.cli.reading import Records, open_records

if TYPE_CHECKING:
    from risk_stream.catalogue import Reject
    from risk_stream.engine import Alert, Result

__all__ = ["Tally", "register", "results_of", "say_refused"]

#: Rows of `--format table`; the rest is counted.
MOST_ROWS = 1_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream replay events.jsonl > alerts.jsonl",
            "risk-stream replay cards.csv.gz --mapping cards.yaml --rules rules/cards.yaml --format table",
        )
    )(replay)


@dataclass(slots=True)
class Tally:
    """What was counted of a file."""

    events: int = 0
    alerts: Counter[tuple[str, str]] = field(default_factory=Counter)  # (rule, severity)
    decisions: Counter[str] = field(default_factory=Counter)  # by verdict, as each was said first
    rejects: Counter[str] = field(default_factory=Counter)
    first_reject: str = ""


def replay(
    file: Annotated[
        Path, typer.Argument(help="JSON lines or CSV, gzipped or not, in the order of arrival; - for stdin.")
    ],
    rules: Annotated[list[Path] | None, typer.Option(help="A rule file or folder; may be given again.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="For CSV: which column is which field.")] = None,
    format: Annotated[
        Literal["jsonl", "table"], typer.Option(help="JSON lines for programs, a table for people.")
    ] = "jsonl",
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the alerts here instead of to stdout.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Write what was refused here: JSON lines with line and reason.")
    ] = None,
) -> None:
    """Judge a file of events by the rules: the same engine as a worker's, the same alerts, no broker.

    What tables decide is counted; `risk-stream decide` shows it.
    """
    settings = settings_with()
    plan = plan_of(settings, rules or ())
    records = open_records(file, mapping, plan.catalogue)
    tally, started = Tally(), time.perf_counter()
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(rejects.open("wb")) if rejects is not None else None
        lateness_ms = round(settings.lateness_seconds * 1000)
        alerts = _alerts(results_of(plan, records, tally, kept, lateness_ms), tally)
        if format == "table":
            _as_table(alerts, stack.enter_context(out.open("w")) if out is not None else None)
        else:
            _as_lines(alerts, stack.enter_context(out.open("wb")) if out is not None else None)
    _say(tally, time.perf_counter() - started)
    if tally.rejects and not tally.events:
        raise CommandError(f"no record of {records.name} is an event: {tally.first_reject}")


def _alerts(results: Iterator[Result], tally: Tally) -> Iterator[Alert]:
    """The alerts of a file in its order, and what later events change of them."""
    for result in results:
        tally.decisions.update(decided.verdict for decided in result.decisions if not decided.revises)
        for alert in result.alerts:
            tally.alerts[alert.rule, alert.severity] += {"raised": 1, "withdrawn": -1}.get(alert.status, 0)
            yield alert


def results_of(plan: Any, records: Records, tally: Tally, kept: IO[bytes] | None, lateness_ms: int) -> Iterator[Result]:
    """What the engine says of each part of a file, in its order; what is refused is counted, progress on stderr."""
    from risk_stream.catalogue import Decoder
    from risk_stream.engine import Engine

    engine, decoder = Engine(plan, lateness_ms=lateness_ms), Decoder(plan.catalogue)
    with _progress() as progress:
        task = progress.add_task(records.name, total=records.size or None)
        for lines, values in records.batches():
            batch, rows, refused = decoder.decode(values, records.ids(lines))
            result = engine.apply(batch)
            refused += [_late(int(rows[row]), lateness_ms) for row in result.late.tolist()]
            for reject in refused:
                _refuse(reject, records.name, lines[reject.index], values[reject.index], tally, kept)
            tally.events += len(batch) - len(result.late)
            yield result
            progress.update(task, completed=records.position)


def _late(index: int, lateness_ms: int) -> Reject:
    """Why an event is not judged that comes too far behind others."""
    from risk_stream.catalogue import Reject

    seconds = f"{lateness_ms / 1000:g} s"
    message = f"time is more than {seconds} behind an event before it: raise RISK_STREAM_LATENESS_SECONDS to judge it"
    return Reject(index, "late", message)


def _progress() -> Progress:
    console = errors()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _refuse(reject: Reject, name: str, line: int, value: bytes, tally: Tally, kept: IO[bytes] | None) -> None:
    tally.rejects[reject.reason] += 1
    tally.first_reject = tally.first_reject or f"line {line}: {reject.message}"
    if kept is not None:
        record = value.decode(errors="replace")
        said = {"file": name, "line": line, "reason": reject.reason, "message": reject.message, "record": record}
        kept.write(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))


def _as_lines(alerts: Iterator[Alert], file: IO[bytes] | None) -> None:
    stream = typer.get_binary_stream("stdout") if file is None else file
    for alert in alerts:
        stream.write(alert.to_json() + b"\n")
    stream.flush()


def _as_table(alerts: Iterator[Alert], file: IO[str] | None) -> None:
    rows: dict[str, tuple[str, ...]] = {}
    left: set[str] = set()
    for alert in alerts:
        if alert.status == "withdrawn":
            rows.pop(alert.id, None)
            left.discard(alert.id)
        elif len(rows) < MOST_ROWS or alert.id in rows:
            at = datetime.fromtimestamp(alert.time / 1000, UTC)
            rows[alert.id] = (f"{at:%Y-%m-%d %H:%M:%S}", alert.severity, alert.stage, alert.rule, alert.summary)
        else:
            left.add(alert.id)
    console = output()
    if file is not None:
        console.file, console.width = file, 200
    console.print(table(("time (UTC)", "severity", "stage", "rule", "what happened"), list(rows.values())))
    if left:
        console.print(f"and {number(len(left))} more: --format jsonl has them all")


def _say(tally: Tally, seconds: float) -> None:
    console = errors()
    order = sorted(tally.alerts.items(), key=lambda item: (SEVERITIES.index(item[0][1]), -item[1]))
    if order:
        console.print(
            table(("rule", "severity", "alerts"), [(r, s, number(n)) for (r, s), n in order], right=["alerts"])
        )
    if tally.decisions:
        verdicts = ", ".join(f"{number(count)} {verdict}" for verdict, count in tally.decisions.most_common())
        console.print(f"[bold]{number(tally.decisions.total())}[/] decisions: {verdicts}")
    say_refused(tally)
    console.print(
        f"[bold]{number(tally.events)}[/] events, [bold]{number(tally.alerts.total())}[/] alerts "
        f"in {seconds:.1f} s ({number(tally.events / max(seconds, 1e-9))} events/s)"
    )


def say_refused(tally: Tally) -> None:
    """What was no event, and why."""
    console = errors()
    if tally.rejects:
        reasons = ", ".join(f"{number(count)} {reason}" for reason, count in tally.rejects.most_common())
        console.print(f"[{severity_style('medium')}]{number(tally.rejects.total())} refused[/]: {reasons}")
        console.print(f"  the first: {tally.first_reject}", markup=False)
