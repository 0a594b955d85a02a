"""`risk-stream rejects …`: what was refused, why, and judging it after all."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
import typer

from risk_stream.cli.broker import enter
from risk_stream.cli.house import catalogue_of, plan_of, settings_with
from risk_stream.cli.output import CommandError, duration, examples, help_alone, output, table

if TYPE_CHECKING:
    from risk_stream.catalogue import Catalogue
    from risk_stream.settings import Settings
    from risk_stream.stream.past import Choice, Mended, Recovered, Rejected

__all__ = ["app"]

app = typer.Typer(help="List and show what was refused, and judge it again once it is mended.")

_Broker = Annotated[str | None, typer.Option(help="Kafka's address, host:port.")]
_Reason = Annotated[list[str] | None, typer.Option(help="Only with this reason; may be given again.")]
_Topic = Annotated[list[str] | None, typer.Option(help="Only from this topic; may be given again.")]
_Since = Annotated[str, typer.Option(help="Only from then on: 2026-03-02T09:30 (UTC), or 2h ago.")]
_Until = Annotated[str, typer.Option(help="Only before then.")]
_Text = Annotated[str, typer.Option(help="Only where the reason's sentence or the record says this.")]

app.callback(invoke_without_command=True)(help_alone)


@app.command(
    "list",
    epilog=examples(
        "risk-stream rejects list", "risk-stream rejects list --reason missing --since 2h --format rows --last 50"
    ),
)
def list_(
    broker: _Broker = None,
    reason: _Reason = None,
    topic: _Topic = None,
    since: _Since = "",
    until: _Until = "",
    text: _Text = "",
    format: Annotated[
        Literal["counts", "rows", "json"], typer.Option(help="Counts by reason, a row for each, or JSON lines.")
    ] = "counts",
    last: Annotated[int, typer.Option(help="Most rows, the newest.")] = 100,
) -> None:
    """Say what was refused: how much for which reason, or each record."""
    settings = settings_with(broker=broker)
    enter(settings)
    catalogue = catalogue_of(settings)
    counts: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], Rejected] = {}
    choice = _choice(reason, topic, since, until, text)
    rows = asyncio.run(_read(settings, choice, max(1, last), counts, newest))
    if format == "json":
        for rejected in rows:
            typer.echo(orjson.dumps(_as_json(rejected, catalogue)))
    elif format == "rows":
        shown = [(r.id, _at(r.time), r.reason, r.message) for r in rows]
        output().print(table(("record", "time (UTC)", "reason", "what was wrong"), shown))
        if counts.total() > len(rows):
            output().print(f"and {counts.total() - len(rows):,} older: --last shows more")
    else:
        kinds = [
            (why, where, f"{count:,}", _at(newest[why, where].time), newest[why, where].message)
            for (why, where), count in counts.most_common()
        ]
        columns = ("reason", "topic", "records", "newest (UTC)", "what was wrong with it")
        output().print(table(columns, kinds, right=["records"]))
        output().print(f"{counts.total():,} refused")


async def _read(
    settings: Settings,
    choice: Choice,
    most: int,
    counts: Counter[tuple[str, str]],
    newest: dict[tuple[str, str], Rejected],
) -> list[Rejected]:
    """Count all that is chosen; the newest of it, at most `most`, in the order of their times."""
    from risk_stream.kafka import Reader
    from risk_stream.stream.past import read_rejects

    kept: list[Rejected] = []
    async with Reader(settings.broker) as reader:
        async for rejects in read_rejects(reader, settings, choice):
            for rejected in rejects:
                kind = (rejected.reason, rejected.topic)
                counts[kind] += 1
                if kind not in newest or rejected.time >= newest[kind].time:
                    newest[kind] = rejected
            kept = sorted([*kept, *rejects], key=lambda r: (r.time, r.topic, r.partition, r.offset))[-most:]
    return kept


@app.command(
    epilog=examples(
        "risk-stream rejects show risk.trades/0/1234", "risk-stream rejects show risk.trades/0/1234 --unmasked"
    )
)
def show(
    record: Annotated[str, typer.Argument(help="Its place, topic/partition/offset, as list says it.")],
    broker: _Broker = None,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show personal data too.")] = False,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Show one refused record: why, what to do, where it came from, what it says, and whether it was sent again."""
    settings = settings_with(broker=broker)
    catalogue = catalogue_of(settings)
    enter(settings)
    rejected, again = asyncio.run(_find(settings, record))
    if rejected is None:
        raise CommandError(f"There is no refused record {record}: risk-stream rejects list --format rows shows them.")
    said = _as_json(rejected, None if unmasked else catalogue)
    if format == "json":
        typer.echo(orjson.dumps({**said, "sent_again": again}, option=orjson.OPT_INDENT_2))
        return
    console = output()
    for name, value in (
        ("record", rejected.id),
        ("time", f"{_at(rejected.time)} UTC"),
        ("reason", rejected.reason),
        ("what was wrong", rejected.message),
        ("sent again", "yes" if again else "no"),
        ("bytes", f"{rejected.size:,}" + ("" if rejected.whole else f", of which {len(rejected.value):,} are kept")),
    ):
        console.print(f"[bold]{name:15}[/] ", end="")
        console.print(str(value), markup=False)
    value = said["value"]
    shown = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() if isinstance(value, dict) else str(value)
    console.print(shown, markup=False)


async def _find(settings: Settings, record: str) -> tuple[Rejected | None, bool]:
    from risk_stream.kafka import Reader
    from risk_stream.stream.past import Choice, names_in, read_rejects

    async with Reader(settings.broker) as reader:
        async for rejects in read_rejects(reader, settings, Choice(id=record)):
            return rejects[0], record in await names_in(reader, settings.mended_topic)
    return None, False


@app.command(
    epilog=examples(
        "risk-stream rejects replay --dry-run",
        "risk-stream rejects replay --reason missing --map mend.yaml",
        "risk-stream rejects replay --recover --since 1d",
    )
)
def replay(
    broker: _Broker = None,
    reason: _Reason = None,
    topic: _Topic = None,
    since: _Since = "",
    until: _Until = "",
    text: _Text = "",
    mapping: Annotated[
        Path | None, typer.Option("--map", help="YAML: fields to rename, set, drop or fill in, by reason and type.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; say what would be accepted.")] = False,
    recover: Annotated[
        bool, typer.Option("--recover", help="Judge what came too late; say its alerts and decisions.")
    ] = False,
    rules: Annotated[list[Path] | None, typer.Option(help="For --recover: a rule file or folder.")] = None,
    limit: Annotated[int, typer.Option(help="Most records in one run; run it again for the next.")] = 100_000,
) -> None:
    """Judge refused records again, after the catalogue or a map file has mended them: each once, however often you ask.

    They go to risk.mended, where workers read them as they read a house topic. Records that only came too late would be
    refused again: --recover judges them here and now over the history of their keys, and says what they mean as alerts
    and decisions marked recovered.
    """
    from risk_stream.stream.past import read_mends

    settings = settings_with(broker=broker)
    catalogue = catalogue_of(settings)
    mends = read_mends(mapping, catalogue, settings.origin_topics) if mapping is not None else []
    choice = _choice(reason, topic, since, until, text)
    if recover:
        from risk_stream.stream.past import recover as run_recover

        plan = plan_of(settings, rules or ())
        enter(settings)
        _say_recovered(
            asyncio.run(run_recover(settings, plan, choice, mends, limit=limit, dry_run=dry_run)), dry_run=dry_run
        )
        return
    from risk_stream.stream.past import replay as run_replay

    enter(settings)
    replayed = asyncio.run(run_replay(settings, catalogue, choice, mends, limit=limit, dry_run=dry_run))
    found = replayed.found
    _say_mended(found)
    if found.late:
        output().print(f"{found.late:,} came too late and would be refused again: --recover judges them")
    if dry_run:
        output().print(f"{len(found.accepted):,} would be accepted; nothing was sent")
    else:
        output().print(f"{replayed.sent:,} sent to {settings.mended_topic}", markup=False)


def _say_mended(found: Mended) -> None:
    console = output()
    if found.types:
        rows = [(name, f"{count:,}") for name, count in found.types.most_common()]
        console.print(table(("accepted now", "records"), rows, right=["records"]))
    if found.refused:
        why = ", ".join(f"{count:,} {reason}" for reason, count in found.refused.most_common())
        console.print(f"{found.refused.total():,} would be refused again: {why}")
        console.print(f"  the first: {found.first_refused}", markup=False)
    for count, what in (
        (found.done, "were sent before"),
        (found.cut, "are longer than what is kept of them, and cannot be sent"),
        (found.foreign, "are no records of a house topic"),
        (found.left, "are beyond --limit: run it again"),
    ):
        if count:
            console.print(f"{count:,} {what}")


def _say_recovered(recovered: Recovered, *, dry_run: bool) -> None:
    console = output()
    _say_mended(recovered.found)
    rows = [(_at(a.time), a.severity, a.rule, a.summary) for a in recovered.alerts[:1000]]
    if rows:
        console.print(table(("time (UTC)", "severity", "rule", "what happened"), rows))
    decided = [(_at(d.time), d.id, d.verdict, d.table, "; ".join(d.reasons)) for d in recovered.decisions[:1000]]
    if decided:
        console.print(table(("time (UTC)", "application", "verdict", "table", "because"), decided))
    would = "that would be said" if dry_run else "said"
    decisions = f", decisions {would}: {len(recovered.decisions):,}" if decided else ""
    console.print(
        f"too late and judged now: {recovered.events:,}, over {recovered.history:,} events of their keys; "
        f"alerts {would}: {len(recovered.alerts):,}{decisions}"
    )
    if recovered.waiting:
        console.print(
            f"{recovered.waiting:,} wait for a rule that judges later: run it again when these are due, from"
            f" {_at(recovered.due)} UTC on"
        )


def _choice(reason: list[str] | None, topic: list[str] | None, since: str, until: str, text: str) -> Choice:
    from risk_stream.stream.past import Choice

    return Choice(frozenset(reason or ()), frozenset(topic or ()), _time(since), _time(until), text)


def _time(text: str) -> int | None:
    """ms since 1970 UTC of a date, a time, or a duration ago; None where nothing is given."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            return int((time.time() - duration(text)) * 1000)
        except typer.BadParameter:
            raise typer.BadParameter(f"{text!r} is no time: write 2026-03-02, 2026-03-02T09:30 or 2h.") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _at(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _as_json(rejected: Rejected, masked_by: Catalogue | None) -> dict[str, Any]:
    """A refused record for a program; a record that is a JSON object as such, masked if a catalogue is given."""
    from risk_stream.catalogue import mask_personal

    try:
        value = orjson.loads(rejected.value)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        value = rejected.value.decode(errors="replace")
    elif masked_by is not None:
        value = mask_personal(masked_by, value)
    return {
        "record": rejected.id,
        "time": rejected.time,
        "reason": rejected.reason,
        "message": rejected.message,
        "bytes": rejected.size,
        "value": value,
    }
