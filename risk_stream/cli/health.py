"""`risk-stream rules health`: whether each rule is well, as the workers that run say at /rules."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import orjson
import typer

from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, counted, errors, examples, number, output, table

if TYPE_CHECKING:
    from risk_stream.sinks import RuleHealth, WorkerHealth

__all__ = ["register"]

#: How long a worker may take to answer, s.
TIMEOUT = 5.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "health",
        epilog=examples(
            "risk-stream rules health",
            "risk-stream rules health transfer-burst",
            "risk-stream rules health --worker risk-1:9464 --worker risk-2:9464 --format json",
        ),
    )(health)


def health(
    rule: Annotated[str | None, typer.Argument(help="Only this rule, with its last error.")] = None,
    worker: Annotated[
        list[str] | None,
        typer.Option(help="host:port of a worker's /metrics; may be given again. That of the settings if none."),
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say of each rule whether it is well: judged, fired live and in shadow, failed, its share of the time.

    It asks the workers that run; figures are since each of them began. Exit code 1 if a rule fails.
    """
    from risk_stream.sinks import STATES, together

    asked = worker or [_own_worker()]
    workers = [_ask(address) for address in asked]
    found = together(workers)
    if rule is not None and rule not in {one.rule for one in found}:
        from risk_stream.catalogue import did_you_mean

        meant = did_you_mean(rule, [one.rule for one in found])
        raise CommandError(f"No worker that was asked judges by a rule {rule!r}{meant or '.'}")
    total = sum(one.seconds for one in found)
    shown = sorted(
        (one for one in found if rule in (None, one.rule)),
        key=lambda one: (list(STATES).index(one.state), -one.seconds, one.rule),
    )
    failing = any(one.errors for one in shown)
    if format == "json":
        typer.echo(orjson.dumps(_as_json(asked, workers, shown, total)))
        raise typer.Exit(1 if failing else 0)
    if rule is not None:
        for line in _lines_of(shown[0], total):
            output().print(line, markup=False)
    else:
        _say_table(shown, total)
    plans = sorted({one.plan for one in workers})
    differ = "; [bold red]they judge by different plans[/]" if len(plans) > 1 else ""
    since = _moment(min(one.since_ms for one in workers))
    errors().print(f"{counted(len(workers), 'worker')}, plan {', '.join(plans)}, since {since}{differ}")
    raise typer.Exit(1 if failing else 0)


def _own_worker() -> str:
    """host:port of the worker that the settings speak of."""
    settings = settings_with()
    if not settings.metrics_port:
        raise CommandError("RISK_STREAM_METRICS_PORT is 0, so no worker speaks: name one with --worker host:port.")
    host = "127.0.0.1" if settings.metrics_host in {"0.0.0.0", "::"} else settings.metrics_host  # noqa: S104
    return f"{host}:{settings.metrics_port}"


def _ask(address: str) -> WorkerHealth:
    """What a worker says of its rules. Raises `CommandError` where none answers there."""
    from risk_stream.sinks import WorkerHealth

    url = f"http://{address}/rules"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return msgspec.json.decode(answer.read(), type=WorkerHealth)
    except (urllib.error.HTTPError, msgspec.MsgspecError) as error:
        raise CommandError(f"{url} does not speak of rules: another program is there, or an older worker.") from error
    except (OSError, ValueError, HTTPException) as error:
        raise CommandError(f"No worker answers at {url}: start one, or name one with --worker host:port.") from error


def _as_json(
    addresses: Sequence[str], workers: Sequence[WorkerHealth], rules: Sequence[RuleHealth], total: float
) -> dict[str, object]:
    return {
        "ok": not any(rule.errors for rule in rules),
        "workers": [
            {"worker": address, "plan": one.plan, "since_ms": one.since_ms}
            for address, one in zip(addresses, workers, strict=True)
        ],
        "rules": [{"state": rule.state, "share": _share(rule, total), **msgspec.to_builtins(rule)} for rule in rules],
    }


def _share(rule: RuleHealth, total: float) -> float | None:
    """Of the time of all rules; None where the rule was never measured."""
    return rule.seconds / total if rule.samples and total else None


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _say_table(rules: Sequence[RuleHealth], total: float) -> None:
    rows = [
        (
            rule.rule,
            rule.state,
            rule.mode,
            number(rule.judged),
            number(rule.live.count),
            number(rule.shadow.count),
            _ago(rule.fired_ms),
            number(rule.errors) if rule.errors else "",
            _percent(_share(rule, total)),
        )
        for rule in rules
    ]
    columns = ("rule", "state", "mode", "judged", "live", "shadow", "last fired", "errors", "of the time")
    output().print(table(columns, rows, right=(*columns[3:6], *columns[7:])))


def _lines_of(rule: RuleHealth, total: float) -> Iterator[str]:
    """Everything about one rule."""
    from risk_stream.sinks import STATES

    yield f"{rule.rule}: {rule.state}: {STATES[rule.state]}"
    yield f"  mode    {rule.mode}"
    yield f"  judged  {counted(rule.judged, 'event')}"
    for name, fired in (("live", rule.live), ("shadow", rule.shadow)):
        last = ""
        if fired.event_time_ms is not None:
            last = f", last on an event of {_moment(fired.event_time_ms)}, said {_ago(fired.wall_time_ms)}"
        yield f"  {name:<6}  fired {counted(fired.count, 'time')}{last}"
    share = _percent(_share(rule, total))
    measured = f"{share} of all rules', {rule.seconds:,.3g} s by {counted(rule.samples, 'sample')}"
    yield f"  time    {measured if share else 'not measured yet'}"
    if rule.errors:
        yield f"  errors  {number(rule.errors)}, last {_ago(rule.error_time_ms)}: {rule.last_error}"


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ago(time_ms: int | None) -> str:
    """How long ago the wall clock showed a time."""
    if time_ms is None:
        return ""
    seconds = max(0, int(time.time() - time_ms / 1000))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
