"""`risk-stream rules health`: whether each rule is well, as the workers that run say at /rules."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import orjson
import typer

from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, counted, errors, examples, moment, number, output, table

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
    desk: Annotated[
        str | None,
        typer.Option(help="host:port of the desk's /metrics. That of the settings if none."),
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say of each rule whether it is well: judged, fired live and in shadow, failed, its share of the time, precision.

    It asks the workers that run; figures are since each of them began. Precision is of what people closed since the log
    of lives began: confirmed / (confirmed + false alarms), as the desk has it. Exit code 1 if a rule fails.
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
    closed = _closed(desk)
    if format == "json":
        typer.echo(orjson.dumps(_as_json(asked, workers, shown, total, closed)))
        raise typer.Exit(1 if failing else 0)
    if rule is not None:
        for line in _lines_of(shown[0], total, closed):
            output().print(line, markup=False)
    else:
        _say_table(shown, total, closed)
    plans = sorted({one.plan for one in workers})
    differ = "; [bold red]they judge by different plans[/]" if len(plans) > 1 else ""
    since = moment(min(one.since_ms for one in workers))
    errors().print(f"{counted(len(workers), 'worker')}, plan {', '.join(plans)}, since {since}{differ}")
    raise typer.Exit(1 if failing else 0)


def _own_worker() -> str:
    """host:port of the worker that the settings speak of."""
    settings = settings_with()
    if not settings.metrics_port:
        raise CommandError("RISK_STREAM_METRICS_PORT is 0, so no worker speaks: name one with --worker host:port.")
    return _local(settings.metrics_host, settings.metrics_port)


def _local(host: str, port: int) -> str:
    """host:port at which this machine reaches what listens there."""
    return f"{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{port}"  # noqa: S104


def _ask(address: str) -> WorkerHealth:
    """What a worker says of its rules. Raises `CommandError` where none answers there."""
    from risk_stream.sinks import WorkerHealth

    url = f"http://{address}/rules"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return msgspec.json.decode(answer.read(), type=WorkerHealth)
    except (urllib.error.HTTPError, msgspec.MsgspecError) as error:
        raise CommandError(
            f"{url} does not speak of rules: another program is there, or an older worker; name one with --worker."
        ) from error
    except (OSError, ValueError, HTTPException) as error:
        raise CommandError(f"No worker answers at {url}: start one, or name one with --worker host:port.") from error


def _closed(desk: str | None) -> dict[str, dict[str, int]] | None:
    """How people closed the alerts of each rule, as the desk says; None where none was named and none answers.

    Raises:
        CommandError: the one that was named does not answer.
    """
    settings = settings_with()
    if desk is None and not settings.desk_port:
        return None
    url = f"http://{desk or _local(settings.metrics_host, settings.desk_port)}/dispositions"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return msgspec.json.decode(answer.read(), type=dict[str, dict[str, int]])
    except (OSError, ValueError, HTTPException, msgspec.MsgspecError) as error:
        if desk is not None:
            raise CommandError(f"No desk answers at {url}: start one, or name it with --desk host:port.") from error
        return None


def precision(closed: Mapping[str, int]) -> float | None:
    """Of what people confirmed or refuted, the share that was right; None where they did neither."""
    right, wrong = closed.get("confirmed", 0), closed.get("false_alarm", 0)
    return right / (right + wrong) if right + wrong else None


def _as_json(
    addresses: Sequence[str],
    workers: Sequence[WorkerHealth],
    rules: Sequence[RuleHealth],
    total: float,
    closed: Mapping[str, Mapping[str, int]] | None,
) -> dict[str, object]:
    return {
        "ok": not any(rule.errors for rule in rules),
        "workers": [
            {"worker": address, "plan": one.plan, "since_ms": one.since_ms}
            for address, one in zip(addresses, workers, strict=True)
        ],
        "rules": [
            {
                "state": rule.state,
                "share": _share(rule, total),
                "closed": None if closed is None else closed.get(rule.rule, {}),
                "precision": None if closed is None else precision(closed.get(rule.rule, {})),
                **msgspec.to_builtins(rule),
            }
            for rule in rules
        ],
    }


def _share(rule: RuleHealth, total: float) -> float | None:
    """Of the time of all rules; None where the rule was never measured."""
    return rule.seconds / total if rule.samples and total else None


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _say_table(rules: Sequence[RuleHealth], total: float, closed: Mapping[str, Mapping[str, int]] | None) -> None:
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
            *([] if closed is None else [_percent(precision(closed.get(rule.rule, {})))]),
        )
        for rule in rules
    ]
    columns: tuple[str, ...] = (
        "rule",
        "state",
        "mode",
        "judged",
        "live",
        "shadow",
        "last fired",
        "errors",
        "of the time",
    )
    columns = columns if closed is None else (*columns, "precision")
    output().print(table(columns, rows, right=(*columns[3:6], *columns[7:])))


def _lines_of(rule: RuleHealth, total: float, closed: Mapping[str, Mapping[str, int]] | None) -> Iterator[str]:
    """Everything about one rule."""
    from risk_stream.sinks import STATES

    yield f"{rule.rule}: {rule.state}: {STATES[rule.state]}"
    yield f"  mode    {rule.mode}"
    yield f"  judged  {counted(rule.judged, 'event')}"
    for name, fired in (("live", rule.live), ("shadow", rule.shadow)):
        last = ""
        if fired.event_time_ms is not None:
            last = f", last on an event of {moment(fired.event_time_ms)}, said {_ago(fired.wall_time_ms)}"
        yield f"  {name:<6}  fired {counted(fired.count, 'time')}{last}"
    share = _percent(_share(rule, total))
    measured = f"{share} of all rules', {rule.seconds:,.3g} s by {counted(rule.samples, 'sample')}"
    yield f"  time    {measured if share else 'not measured yet'}"
    of = (closed or {}).get(rule.rule, {})
    if any(of.values()):
        how = ", ".join(f"{many:,} as {what.replace('_', ' ')}" for what, many in of.items() if many)
        yield f"  closed  {how}; precision {_percent(precision(of)) or 'not known yet'}"
    if rule.errors:
        yield f"  errors  {number(rule.errors)}, last {_ago(rule.error_time_ms)}: {rule.last_error}"


def _ago(time_ms: int | None) -> str:
    """How long ago the wall clock showed a time."""
    if time_ms is None:
        return ""
    seconds = max(0, int(time.time() - time_ms / 1000))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
