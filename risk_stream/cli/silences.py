"""`risk-stream silences list|add|end`: have nobody told of certain alerts for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer

from risk_stream.cli.acting import act_of, decided, who
from risk_stream.cli.broker import enter
from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, duration, examples, moment, output, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from risk_stream.alerts import Silence

__all__ = ["app"]

app = typer.Typer(
    name="silences", no_args_is_help=True, help="Have nobody told of certain alerts for a while; they are shown."
)


@app.command("list", epilog=examples("risk-stream silences list", "risk-stream silences list --all"))
def list_silences(
    all_: Annotated[bool, typer.Option("--all", help="Those too that are over and remembered.")] = False,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """List silences that are in force or to come: what of, until when, who and why."""
    from risk_stream.cli.alerts import memory_of

    settings = settings_with()
    scope = who(settings, "see").scope
    memory, now = memory_of(settings), time.time() * 1000
    silences = [
        one
        for one in memory.silences.values()
        if (all_ or one.ends > now) and (not one.entities or any(scope.sees(entity) for entity in one.entities))
    ]
    silences.sort(key=lambda one: one.ends)
    if format == "json":
        import msgspec

        typer.echo(orjson.dumps(msgspec.to_builtins(silences)))
        return
    rows = ((one.id, what(one), moment(one.begins), moment(one.ends), one.by, one.reason) for one in silences)
    output().print(table(("id", "of", "begins", "ends", "by", "why"), rows))


@app.command(
    epilog=examples(
        'risk-stream silences add --rule transfer-burst --for 2h --reason "the clearing house sends twice"',
        'risk-stream silences add --key customer=C000197 --severity low --for 3d --reason "known, see c12"',
    )
)
def add(
    for_: Annotated[str, typer.Option("--for", help="How long: 30m, 4h, 2d; thirty days at most.")],
    reason: Annotated[str, typer.Option(help="Why; everybody sees it beside what is silenced.")],
    rule: Annotated[list[str] | None, typer.Option(help="Alerts of this rule; more than one may be said.")] = None,
    stage: Annotated[list[str] | None, typer.Option(help="Alerts of this stage.")] = None,
    severity: Annotated[list[str] | None, typer.Option(help="Alerts of this severity.")] = None,
    entity: Annotated[list[str] | None, typer.Option(help="Alerts of this legal entity.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="Alerts of this subject: customer=C000197.")] = None,
) -> None:
    """Silence alerts that match all that is said. One that would match everything is refused."""
    from risk_stream.alerts import Silence

    settings = settings_with()
    person = who(settings, "silence")
    enter(settings)
    now = int(time.time() * 1000)
    silence = Silence(
        id="",
        by="",
        reason=reason,
        begins=now,
        ends=now + int(duration(for_) * 1000),
        rules=rule or [],
        stages=stage or [],
        severities=severity or [],
        entities=entity or [],
        keys=_keys(key or ()),
    )
    entry = decided(settings, act_of(person, "silence", silence=silence))
    made = entry.silences[0]
    output().print(f"[bold green]ok[/] {made.id} until {moment(made.ends)}")


@app.command(epilog=examples("risk-stream silences end 9f1c22aa30b1d4e7"))
def end(id: Annotated[str, typer.Argument(help="The silence, by the id that the list shows.")]) -> None:
    """End a silence before its time."""
    settings = settings_with()
    person = who(settings, "silence")
    enter(settings)
    decided(settings, act_of(person, "unsilence", subject=id))
    output().print(f"[bold green]ok[/] {id}")


def what(silence: Silence) -> str:
    """What a silence matches, in a line."""
    parts = (
        ("rule", silence.rules),
        ("stage", silence.stages),
        ("severity", silence.severities),
        ("entity", silence.entities),
        *((kind, [key]) for kind, key in silence.keys.items()),
    )
    return "; ".join(f"{name} {' or '.join(values)}" for name, values in parts if values)


def _keys(given: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        kind, equals, key = one.partition("=")
        if not (kind and equals and key):
            raise CommandError(f"--key {one} says no kind and key: write customer=C000197.")
        found[kind] = key
    return found
