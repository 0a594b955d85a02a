"""`risk-stream alerts list|show|acknowledge|assign|escalate|snooze|wake|close|reopen|comment|verify`: work alerts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
import typer

from risk_stream.cli.acting import act_of, ruled, who
from risk_stream.cli.alert_words import history_of, say_alert, stands
from risk_stream.cli.broker import enter, life_records
from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.output import SEVERITIES, CommandError, duration, errors, examples, output, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from risk_stream.alerts import Memory
    from risk_stream.settings import Settings

__all__ = ["app", "memory_of"]

app = typer.Typer(name="alerts", no_args_is_help=True, help="Work alerts: see which are open, take them, close them.")

Ids = Annotated[list[str] | None, typer.Argument(help="Alerts, by the id that the list shows.")]
OfCase = Annotated[str | None, typer.Option("--case", help="All of this case that are not closed, instead.")]
Comment = Annotated[str, typer.Option(help="What there is to say; it is kept with the alert.")]


@app.command("list", epilog=examples("risk-stream alerts list", "risk-stream alerts list --standing closed"))
def list_alerts(
    standing: Annotated[Literal["open", "acknowledged", "closed", "all"], typer.Option(help="Only these.")] = "open",
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """List alerts, the most severe first and of these the newest; no personal data but what summaries say."""
    settings = settings_with()
    scope = who(settings, "see").scope
    lives = [
        life
        for life in memory_of(settings).lives.values()
        if standing in (life.standing, "all") and scope.sees(life.entity)
    ]
    lives.sort(key=lambda life: (SEVERITIES.index(life.severity), -life.time))
    if format == "json":
        import msgspec

        typer.echo(orjson.dumps(msgspec.to_builtins(lives)))
        return
    rows = ((one.id, one.severity, one.stage, one.rule, stands(one), one.case, one.summary) for one in lives)
    output().print(table(("id", "severity", "stage", "rule", "stands", "case", "summary"), rows))


@app.command(epilog=examples("risk-stream alerts show 5f0c21d3a9e4b7c60812"))
def show(
    id: Annotated[str, typer.Argument(help="The alert, by the id that the list shows.")],
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Show one alert: why it was raised, its figures, and what became of it; personal data are masked."""
    import msgspec

    from risk_stream.alerts import read_entry

    settings = settings_with()
    scope = who(settings, "see").scope
    entries = [read_entry(record) for record in life_records(settings)]
    lives = [life for entry in entries for life in entry.lives if life.id == id and scope.sees(life.entity)]
    if not lives:
        raise CommandError(f"There is no alert {id!r}: risk-stream alerts list --standing all shows those that are.")
    life, history = lives[-1], list(history_of(id, entries))
    alert = _alert(settings, life.alert)
    if format == "json":
        said = {"life": msgspec.to_builtins(life), "alert": alert, "history": history}
        typer.echo(orjson.dumps(said))
    else:
        say_alert(output(), life, alert, history)


@app.command(
    epilog=examples("risk-stream alerts acknowledge 5f0c21d3a9e4b7c60812", "risk-stream alerts acknowledge --case c12")
)
def acknowledge(ids: Ids = None, case: OfCase = None, comment: Comment = "") -> None:
    """Say that you look at alerts: they are yours, unless they were assigned to somebody."""
    _do("acknowledge", ids, case, comment=comment)


@app.command(epilog=examples("risk-stream alerts assign 5f0c21d3a9e4b7c60812 --to wang"))
def assign(
    to: Annotated[str, typer.Option(help="Who is to have them.")],
    ids: Ids = None,
    case: OfCase = None,
    comment: Comment = "",
) -> None:
    """Give alerts to somebody."""
    _do("assign", ids, case, to=to, comment=comment)


@app.command(epilog=examples("risk-stream alerts escalate 5f0c21d3a9e4b7c60812 --to li"))
def escalate(
    ids: Ids = None,
    case: OfCase = None,
    to: Annotated[str | None, typer.Option(help="Who is to have them.")] = None,
    comment: Comment = "",
) -> None:
    """Raise alerts one level."""
    _do("escalate", ids, case, to=to, comment=comment)


@app.command(epilog=examples("risk-stream alerts snooze 5f0c21d3a9e4b7c60812 --for 4h"))
def snooze(
    for_: Annotated[str, typer.Option("--for", help="How long: 30m, 4h, 2d.")],
    ids: Ids = None,
    case: OfCase = None,
    comment: Comment = "",
) -> None:
    """Put alerts off for a while; they wake by themselves."""
    _do("snooze", ids, case, until=int((time.time() + duration(for_)) * 1000), comment=comment)


@app.command(epilog=examples("risk-stream alerts wake 5f0c21d3a9e4b7c60812"))
def wake(ids: Ids = None, case: OfCase = None) -> None:
    """Wake alerts that were put off."""
    _do("wake", ids, case)


@app.command(
    epilog=examples(
        "risk-stream alerts close 5f0c21d3a9e4b7c60812 --as false_alarm",
        "risk-stream alerts close --case c12 --as confirmed",
    )
)
def close(
    disposition: Annotated[
        str, typer.Option("--as", help="What they turned out to be: confirmed, false_alarm, known, other.")
    ],
    ids: Ids = None,
    case: OfCase = None,
    comment: Comment = "",
) -> None:
    """Close alerts, and say what they turned out to be."""
    _do("close", ids, case, disposition=disposition, comment=comment)


@app.command(epilog=examples("risk-stream alerts reopen 5f0c21d3a9e4b7c60812"))
def reopen(
    ids: Annotated[list[str], typer.Argument(help="Alerts, by the id that the list shows.")], comment: Comment = ""
) -> None:
    """Open closed alerts again."""
    _do("reopen", ids, comment=comment)


@app.command(epilog=examples('risk-stream alerts comment 5f0c21d3a9e4b7c60812 "asked the branch"'))
def comment(
    id: Annotated[str, typer.Argument(help="The alert, by the id that the list shows.")],
    text: Annotated[str, typer.Argument(help="What there is to say.")],
) -> None:
    """Say something of an alert."""
    _do("comment", [id], comment=text)


@app.command(epilog=examples("risk-stream alerts verify"))
def verify() -> None:
    """Say whether the log of what people did is as it was written. Exit code 1 if it is not."""
    from risk_stream.alerts import broken

    settings = settings_with()
    who(settings, "audit")
    records = life_records(settings)
    if why := broken(records):
        raise CommandError(
            f"{settings.life_topic} is not as it was written: {why}. Keep it as it is, and see docs/security.md."
        )
    output().print(f"[bold green]ok[/] {settings.life_topic}, entries: {len(records):,}; none changed, none left out")


def _do(kind: str, ids: Iterable[str] | None, case: str | None = None, **more: object) -> None:
    """Send an act, and say what became of it; exit code 1 where a part of it was refused."""
    alerts = list(ids or ())
    if bool(alerts) == bool(case):
        raise CommandError(f"Name the alerts to {kind}, or a case with --case: one of both.")
    settings = settings_with()
    person = who(settings, "work")
    enter(settings)
    entry = ruled(settings, act_of(person, kind, alerts=alerts, case=case, **more))
    for ruling in entry.rulings:
        if ruling.done:
            output().print(f"[bold green]ok[/] {ruling.alert or kind}")
        else:
            errors().print(f"{ruling.alert or kind}: {ruling.why}", markup=False)
    if not all(ruling.done for ruling in entry.rulings):
        raise typer.Exit(1)


def memory_of(settings: Settings) -> Memory:
    """What is remembered of alerts, cases and silences."""
    from risk_stream.alerts import Memory, Policy

    memory = Memory(Policy(remember_ms=int(settings.desk_days * 86_400_000)))
    for record in life_records(settings):
        memory.take(record)
    return memory


def _alert(settings: Settings, id: str) -> dict[str, Any] | None:
    """An alert as Redis has it, masked; None where it has not, or is away."""
    from redis import Redis, RedisError

    from risk_stream.access import Masking
    from risk_stream.settings import redis_options

    with Redis.from_url(settings.redis, **redis_options(settings.redis), socket_timeout=5.0) as client:
        try:
            found: Any = client.hget(f"{settings.redis_prefix}alert:{id}", "json")
        except (RedisError, OSError):
            return None
    return None if found is None else Masking(catalogue_of(settings)).alert(orjson.loads(found))
