"""`risk-stream profile`: how a customer or a group stands, why, and how that came about."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import orjson
import typer

from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, counted, examples, minute, output, table

if TYPE_CHECKING:
    from risk_stream.profiles import Past, Profile, Record
    from risk_stream.settings import Settings

__all__ = ["register"]

#: Reasons and changes that are shown; with --format json all.
SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream profile C000647",
            "risk-stream profile G0007 --group",
            "risk-stream profile C000647 --at 2026-12-31 --format json",
        )
    )(profile)


def profile(
    key: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer; with --group the group.")],
    group: Annotated[bool, typer.Option("--group", help="Of a group of customers.")] = False,
    at: Annotated[
        str | None, typer.Option(help="As of this time, such as 2026-12-31; if left out, of the latest event.")
    ] = None,
    redis: Annotated[str | None, typer.Option(help="Where profiles are: redis://host:port/number.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say how a customer stands: grade, score, labels, the largest reasons, and the last changes.

    Points fade with time: the score is what is left of it as of the time that is asked for, where no alert comes until
    then.
    """
    from risk_stream.profiles import at as as_of

    settings = settings_with(redis=redis)
    record, history, members, clock = asyncio.run(_read(settings, "group" if group else "customer", key))
    if record is None:
        raise CommandError(
            f"There is no profile of the {'group' if group else 'customer'} {key!r}: no alert of it counts, or it is "
            f"{'a customer: leave out --group' if group else 'a group: --group'}; where Redis lost what it had,"
            " risk-stream rebuild brings it back."
        )
    now = as_of(record, max(record.as_of, clock if at is None else _time(at)))
    if format == "json":
        said = {**msgspec.to_builtins(record), **msgspec.to_builtins(now), "members": members}
        typer.echo(orjson.dumps({**said, "history": msgspec.to_builtins(history)}))
        return
    _say(now, record, members)
    _say_history(history)


async def _read(settings: Settings, kind: str, key: str) -> tuple[Record | None, list[Past], list[str], int]:
    """The profile, its history, the members of a group, and the latest event time that is known, ms."""
    from redis.exceptions import RedisError

    from risk_stream.sinks import ProfileSink, away

    sink = ProfileSink(settings.redis, prefix=settings.redis_prefix)
    subject = f"{kind}:{key}"
    try:
        (state,) = await sink.read([subject])
        members = await sink.members(key) if kind == "group" else []
        return state.record, await sink.history(subject), members, await sink.clock()
    except (RedisError, OSError, TimeoutError) as error:
        raise CommandError(away(settings.redis, error)) from error
    finally:
        await sink.close()


def _time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--at {text!r} is no time: write 2026-12-31 or 2026-12-31T15:00:00+08:00.") from error
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def _say(now: Profile, record: Record, members: Sequence[str]) -> None:
    from risk_stream.profiles import in_words

    say = output()
    say.print(f"{now.kind} {now.key}: grade {now.grade}, {now.score:,.1f} points", style="bold", markup=False)
    say.print(f"as of {minute(now.as_of)} UTC, last changed {minute(record.as_of)}", markup=False)
    if now.kind == "customer" and record.group:
        say.print(f"of group {record.group}", markup=False)
    if members:
        more = f" and {len(members) - SHOWN:,} more" if len(members) > SHOWN else ""
        say.print(f"{counted(len(members), 'customer')}: {', '.join(members[:SHOWN])}{more}", markup=False)
    for label in now.labels:
        say.print(f"{label.name} until {minute(label.until)}", markup=False)
    for floor in now.floors:
        why = f": {floor.why}" if floor.why else ""
        say.print(f"no better than {floor.grade} until {minute(floor.until)}{why}", markup=False)
    for reason in now.reasons[:SHOWN]:
        whose = f"{reason.customer}: " if now.kind == "group" else ""
        say.print(f"  {whose}{in_words(reason)}", markup=False)
    hidden = len(now.reasons) - SHOWN
    if hidden > 0:
        say.print(f"  and {counted(hidden, 'smaller reason')}: --format json has them", markup=False)
    if len(now.by_entity) > 1:
        shares = ", ".join(f"{name or 'no entity'} {points:,.1f}" for name, points in now.by_entity.items())
        say.print(f"by legal entity: {shares}", markup=False)


def _say_history(history: Sequence[Past]) -> None:
    rows = [
        (past.revision, minute(past.time), past.grade, f"{past.score:,.1f}", "; ".join(past.changed))
        for past in history[:SHOWN]
    ]
    output().print(table(("change", "when", "grade", "points", "what changed"), rows, right=("change", "points")))
