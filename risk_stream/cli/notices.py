"""`risk-stream notices run|check|try|list|again|open|key`: tell people of alerts, and what became of what was told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from risk_stream.cli.acting import who
from risk_stream.cli.broker import enter, must_answer
from risk_stream.cli.house import catalogue_of, plan_of, settings_with
from risk_stream.cli.output import CommandError, errors, examples, number, output, table
from risk_stream.cli.serving import serve_metrics, tell, until_told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from risk_stream.notices import House, Tellings
    from risk_stream.post import HouseSource
    from risk_stream.settings import Settings

__all__ = ["app"]

app = typer.Typer(name="notices", no_args_is_help=True, help="Tell people of alerts: by mail, web hook, chat.")

KeyFile = Annotated[Path, typer.Option("--key", help="File of your private key, as notices key wrote it.")]


@app.callback()
def _root() -> None:
    """Tell people of alerts: by mail, web hook, chat."""


@app.command(epilog=examples("risk-stream notices run"))
def run(
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics; 0 for none.")] = None,
) -> None:
    """Tell people of alerts as people/*.yaml say, until SIGTERM or Ctrl-C; of several processes one is active."""
    from risk_stream.post import NOTICE_METRICS, PostOffice
    from risk_stream.sinks import Metrics

    settings = settings_with(broker=broker, notices_port=metrics_port)
    source, catalogue = _source(settings), catalogue_of(settings)
    must_answer(settings.broker)
    metrics = Metrics(of=NOTICE_METRICS)
    serve_metrics(metrics, settings.metrics_host, settings.notices_port, "notices_port")

    until_told(settings, lambda: PostOffice(settings, source, catalogue, tell, metrics).run())


@app.command(epilog=examples("risk-stream notices check"))
def check() -> None:
    """Check receivers, levels, on-call calendars and templates: every fault with its place, and who has the watch."""
    from risk_stream.desk import read_policy
    from risk_stream.post import AddressError, address_of, target_of

    settings = settings_with()
    read_policy(settings.people_folder, catalogue_of(settings))  # the minutes of desk.yaml, which the desk counts
    house, faults = _source(settings).current(), 0
    for receiver in house.receivers.values():
        try:
            target_of(receiver, address_of(receiver))
        except AddressError as error:
            faults += 1
            errors().print(f"{error}", markup=False)
    for sentence in _unknown_rules(settings, house):
        faults += 1
        errors().print(sentence, markup=False)
    if faults:
        raise CommandError(f"{number(faults)} to mend in {settings.people_folder}: look at the lines above.")
    now = int(time.time() * 1000)
    told = house.levels_of(now)
    rows = (
        (one.name, _when_told(told.get(one.name, ())), one.language, "yes" if one.key else "no")
        for one in house.receivers.values()
    )
    output().print(table(("receiver", "told", "language", "sealed"), rows))
    for rota in house.rotas.values():
        output().print(f"rota {rota.name}: {', '.join(sorted(rota.on(now)))} has the watch", markup=False)
    output().print(
        f"ok {number(len(house.receivers))} receivers, {len(house.levels)} levels, "
        f"{len(house.rotas)} rotas, {len(house.templates)} templates",
        markup=False,
    )
    for what in [name for name, few in (("receiver", house.receivers), ("level", house.levels)) if not few]:
        output().print(f"nobody is told of any alert: there is no {what} yet", markup=False)


def _when_told(levels: Sequence[int]) -> str:
    """When somebody who stands at some levels, counted from 0, hears of an alert."""
    return ", ".join("at once" if level == 0 else f"escalated {level}x" for level in levels) or "never"


@app.command("try", epilog=examples("risk-stream notices try wang-mail"))
def try_(receiver: Annotated[str, typer.Argument(help="A receiver of people/receivers.yaml.")]) -> None:
    """Send a receiver a test, at once and once, and say what its server answered."""
    import msgspec

    from risk_stream.catalogue import did_you_mean
    from risk_stream.notices import Notice, Planned, Sight, compose, notice_id
    from risk_stream.post import deliver, seal_text

    house, now = _source(settings_with()).current(), int(time.time() * 1000)
    to = house.receivers.get(receiver)
    if to is None:
        raise CommandError(f"There is no receiver {receiver}{did_you_mean(receiver, house.receivers) or '.'}")
    named = notice_id(receiver, "test", 1, now)
    plain = Notice(id=named, receiver=receiver, thread="test", step="test", count=1, at=now)
    title, text = compose(Planned(plain, to, Sight()), lambda _: None, "", lambda _, key: key)
    if to.key:
        title, text = f"risk-stream {named}", seal_text(title, text, to.key)
    notice = msgspec.structs.replace(plain, title=title, text=text)
    tried = deliver(to, notice)
    if not tried.taken:
        raise CommandError(f"{receiver} was not reached ({tried.why}): look at its address in receivers.yaml.")
    typer.echo(f"ok {named} was taken by {receiver}'s server")


@app.command("list", epilog=examples("risk-stream notices list", "risk-stream notices list --waiting"))
def list_(
    waiting: Annotated[bool, typer.Option("--waiting", help="Those that are yet to be sent instead.")] = False,
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
) -> None:
    """List dead letters: notices that no server took, and why."""
    settings = settings_with(broker=broker)
    who(settings, "see")
    told = _told(settings)
    rows = (
        [(one.id, one.receiver, _when(one.at), one.step, one.title, "") for one in told.waiting.values()]
        if waiting
        else [
            (one.id, one.receiver, _when(one.at), one.step, one.title, f"{became.why} ({became.attempts} attempts)")
            for one, became in told.dead.values()
        ]
    )
    output().print(table(("id", "receiver", "planned", "step", "title", "why"), iter(rows)))


@app.command(epilog=examples("risk-stream notices again 4f1c09aa52be77d10c3b98aa"))
def again(
    id: Annotated[str, typer.Argument(help="A dead letter, by the id that the list shows.")],
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
) -> None:
    """Have a dead letter sent once more, under its own id, by the process that sends."""
    import msgspec

    from risk_stream.notices import Again
    from risk_stream.stream.past import send_all

    settings = settings_with(broker=broker)
    person = who(settings, "work")
    if id not in _told(settings).dead:
        raise CommandError(f"There is no dead letter {id}: risk-stream notices list names them.")
    record = msgspec.json.encode(Again(id=id, by=person.name, at=int(time.time() * 1000)))
    asyncio.run(send_all(settings.broker, [(settings.notices_topic, None, record, 0)]))
    typer.echo(f"ok {id} is sent again")


@app.command("open", epilog=examples("risk-stream notices open mail.eml --key wang.key"))
def open_(
    file: Annotated[Path, typer.Argument(help="A message with a sealed notice in it; - for stdin.")],
    key: KeyFile,
) -> None:
    """Open a sealed notice with your private key."""
    from risk_stream.post import SealError, open_text

    try:
        message = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8", errors="replace")
        title, text = open_text(message, key.read_text(encoding="utf-8"))
    except SealError as error:
        raise CommandError(f"{file}: {error}.") from error
    typer.echo(f"{title}\n\n{text}")


@app.command("key", epilog=examples("risk-stream notices key wang.key"))
def key_(file: Annotated[Path, typer.Argument(help="Where the private key goes; it must not be there yet.")]) -> None:
    """Make a pair of keys: the private one into a file of its owner's, the public one is printed for receivers.yaml."""
    from risk_stream.post import make_keys

    private, public = make_keys()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        said = f"{file} is there already, and what is sealed to that key could be read no more: name another file."
        raise CommandError(said) from error
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(private + "\n")
    typer.echo(f"key: {public}")


def _source(settings: Settings) -> HouseSource:
    from risk_stream.calendars import load_calendars
    from risk_stream.post import HouseSource

    return HouseSource(settings.people_folder, load_calendars(settings.calendars))


def _told(settings: Settings) -> Tellings:
    from risk_stream.post import read_tellings

    enter(settings)
    return asyncio.run(read_tellings(settings))


def _unknown_rules(settings: Settings, house: House) -> list[str]:
    """Templates of rules that the house has not: nobody would ever get them."""
    from risk_stream.catalogue import ProblemsError, did_you_mean

    if not house.templates:
        return []
    with contextlib.suppress(ProblemsError):  # rules that are wrong are for risk-stream rules check
        known = {rule.id for rule in plan_of(settings).rules}
        return [
            f"template {template.name}: there is no rule {rule}{did_you_mean(rule, known)}"
            for template in house.templates
            for rule in sorted(template.rules - known)
        ]
    return []


def _when(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at / 1000))
