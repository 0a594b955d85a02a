"""`risk-stream demo`: the whole product on one machine in one command, gone again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from risk_stream.cli.house import catalogue_of, plan_of, settings_with
from risk_stream.cli.metrics import Numbers, read_numbers
from risk_stream.cli.output import CommandError, duration, examples
from risk_stream.cli.screen import Progress, Screen
from risk_stream.cli.terminal import environment, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from risk_stream.embedded import ChildProcess
    from risk_stream.engine import Alert
    from risk_stream.settings import Settings
    from risk_stream.simulate import Demo, Market

__all__ = ["register"]

#: Partitions of each topic: more than one, so that the demo shows what a house will see.
PARTITIONS = 2
#: How long a worker may take to import, compile and join, s.
START_PATIENCE = 300.0
#: The console's port where nobody has it, and how long it may take to be there, s.
CONSOLE_PORT, CONSOLE_PATIENCE = 8088, 30.0
#: Of `--for`, what is kept for the last events to be judged, s; and how long a worker that is late may say nothing new.
DRAIN, DRAIN_PATIENCE = 3.0, 20.0
#: How often the terminal is brought up to date, s.
TICK = 0.25


@dataclass(slots=True)
class Run:
    """What a demo has seen so far."""

    started: float = field(default_factory=time.monotonic)
    sent: int = 0
    clock: int = 0  # simulated time, ms
    numbers: Numbers = field(default_factory=Numbers)
    rates: list[tuple[float, int]] = field(default_factory=list)  # (when, events judged) of the last seconds
    found: dict[str, Alert] = field(default_factory=dict)  # by id, as last said
    first_alert: float | None = None  # seconds after the first event was sent
    finished: bool = False  # the story is told
    over: bool = False  # whoever watches may stop

    @property
    def alerts(self) -> list[Alert]:
        """Those that stand."""
        return [alert for alert in self.found.values() if alert.status != "withdrawn"]

    def progress(self) -> Progress:
        """For the screen."""
        now = time.monotonic()
        self.rates = [*self.rates[-20:], (now, self.numbers.events)]
        (since, before), seconds = self.rates[0], now - self.started
        rate = (self.numbers.events - before) / (now - since) if now > since else 0.0
        lag = max(0, self.sent - self.numbers.events - self.numbers.rejects)
        return Progress(seconds, self.numbers.events, rate, len(self.found), self.numbers.rejects, lag, self.clock)


class Stop:
    """Ctrl-C or SIGTERM: ends the starting at once and the running at the next tick; once is enough."""

    def __init__(self) -> None:
        self.asked = False
        self.gently = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)

    def _hear(self, *_: object) -> None:
        if self.asked:
            return
        self.asked = True
        if not self.gently:
            raise KeyboardInterrupt


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream demo", "risk-stream demo --for 30s", "risk-stream demo --rules my/rules"))(
        demo
    )


def demo(
    for_: Annotated[float | None, typer.Option("--for", parser=duration, help="End by itself after 30s, 2m.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another market than the usual one.")] = None,
    port: Annotated[int, typer.Option(help="Port of the worker's /metrics; any free one if 0.")] = 0,
    rules: Annotated[list[Path] | None, typer.Option(help="Your own rules instead of the shipped ones.")] = None,
) -> None:
    """A simulated market with planted frauds, a worker, and its alerts in this terminal. Ctrl-C stops all of it.

    Needs nothing but this: broker and Redis come from wheels, live on 127.0.0.1 and in memory, and end with it.
    """
    if for_ is not None and for_ < 2 * DRAIN:
        raise CommandError(f"--for must be {2 * DRAIN:.0f}s or more: the story needs the time.")
    stop = Stop()
    folder = Path(tempfile.mkdtemp(prefix="risk-stream-demo-"))
    try:
        with Screen() as screen, _house(screen, folder, port, rules or []) as (settings, worker):
            stop.gently = True
            story, market = _story(for_, seed)
            after = "" if for_ else "; then it goes on calmly, a day in half a minute, until Ctrl-C"
            screen.say(
                f"simulator: {story.days} days of a market pass in {story.seconds:.0f} s, frauds planted in them{after}"
            )
            try:
                run = asyncio.run(_watch(screen, settings, worker, market, story, for_, stop))
            except ExceptionGroup as group:  # of what failed together the first is the cause
                raise group.exceptions[0] from group
            _conclude(screen, run, market, for_)
    except KeyboardInterrupt:
        typer.echo("stopped; nothing is left running", err=True)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _house(screen: Screen, folder: Path, port: int, given_rules: list[Path]) -> Iterator[tuple[Settings, ChildProcess]]:
    """Broker, Redis, topics, desk, console and a worker that is ready; all gone afterwards, in the opposite order."""
    from risk_stream.access import read_access
    from risk_stream.embedded import ChildProcess, EmbeddedBroker, EmbeddedRedis, broker_binary, free_port, redis_binary
    from risk_stream.kafka import create_topics, wanted_topics
    from risk_stream.settings import shipped

    broker_binary(), redis_binary()  # what is not installed is said before anything is promised
    rules = given_rules or [shipped("rules")]
    paths = [str(path.resolve()) for path in rules]
    plan = plan_of(settings_with(rules=paths))
    console = _console_port()
    screen.say(f"console: http://127.0.0.1:{console} shows it, from when the worker is ready")
    screen.say("risk-stream demo: everything below runs on 127.0.0.1 and in memory. Ctrl-C ends it and leaves nothing.")
    with contextlib.ExitStack() as stack:
        broker, redis = stack.enter_context(EmbeddedBroker()), stack.enter_context(EmbeddedRedis())
        screen.say(f"broker: Tansu at {broker.address}; no transactions, so one worker, without the fence of several")
        screen.say(f"redis: {redis.url}")
        given = {
            "broker": broker.address,
            "kafka_security": "plaintext",
            "redis": redis.url,
            "redis_password": "",
            "rules": paths,
            "metrics_port": free_port(port),
            "desk_port": 0,
            "console_port": console,
            "console_metrics_port": 0,
            # What somebody starts beside it: nobody scrapes it, and its usual port may be another house's.
            **dict.fromkeys(("notices_port", "mirror_port", "canary_port", "margin_port"), 0),
            "console_url": f"http://127.0.0.1:{console}",
            "console_zone": "Asia/Shanghai",  # the market's, which the terminal shows too
            "spare": False,
            "partitions": PARTITIONS,
            "clock": "simulated",
            "redis_days": 36_500,
            "log_level": "warning",
        }
        settings = settings_with(**given)
        where = ", ".join(str(path) for path in rules)
        by_four_eyes = read_access(settings.people_folder).four_eyes
        change = "propose an edit, and have somebody else approve it" if by_four_eyes else "edit one while this runs"
        screen.say(f"rules: {len(plan.rules)} of {where}; {change}, and it counts a second later")
        create_topics(settings.broker, wanted_topics(settings, catalogue_of(settings)))
        worker = stack.enter_context(_process(ChildProcess, "worker", folder, given))
        stack.enter_context(_process(ChildProcess, "desk", folder, given))
        page = stack.enter_context(_process(ChildProcess, "console", folder, given))
        shown = f"another terminal: `. {stack.enter_context(terminal(given))}` has its risk-stream work on this house"
        _await_worker(screen, settings, worker, shown)
        _await_console(screen, console, page)
        screen.say(f"{shown}: risk-stream alerts list")
        yield settings, worker


def _console_port() -> int:
    """The usual port where nobody has it, else any: two demos may run beside each other."""
    from risk_stream.embedded import EmbeddedError, free_port

    try:
        return free_port(CONSOLE_PORT)
    except EmbeddedError:
        return free_port()


def _process(process: type[ChildProcess], command: str, folder: Path, given: dict[str, Any]) -> ChildProcess:
    """A process of the house, by the command that it is."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("RISK_STREAM_")}
    argv = [sys.executable, "-m", "risk_stream", command]
    return process(
        command, argv, environment={**outer, **environment(given)}, folder=folder, death_signal=signal.SIGTERM
    )


def _await_worker(screen: Screen, settings: Settings, worker: ChildProcess, terminal: str) -> None:
    """Wait until the worker has its partitions; as long as it takes where people have yet to approve its rules."""
    began, waits = time.monotonic(), False
    screen.say("worker: starting (imports, kernels, joining the group); half a minute where nothing was compiled yet")
    while read_numbers(settings.metrics_port).partitions == 0:
        _check(worker)
        _, _, awaited = worker.log_tail(1).partition("WARNING waiting: ")
        if awaited and not waits:
            waits = True
            screen.say(terminal)
            screen.say(f"worker: waiting: {awaited}")
        if time.monotonic() - began > START_PATIENCE and not waits:
            raise CommandError(
                f"The worker did not join within {START_PATIENCE:.0f} s; try again when less runs"
                f" here: {worker.log_tail(3)}"
            )
        screen.progress(Progress(time.monotonic() - began))
        time.sleep(0.1)
    url = f"http://127.0.0.1:{settings.metrics_port}/metrics"
    screen.say(f"worker: ready after {time.monotonic() - began:.1f} s, metrics at {url}")


def _await_console(screen: Screen, port: int, console: ChildProcess) -> None:
    """Wait until the console answers; the demo goes on without one that does not."""
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + CONSOLE_PATIENCE
    while console.running and time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/healthz", timeout=2):  # noqa: S310
            screen.say(f"console: ready, open {url}")
            return
        time.sleep(0.1)
    screen.say(f"console: not there ({console.log_tail(1) or 'it takes too long'}); all else goes on")


def _check(worker: ChildProcess) -> None:
    """Raises CommandError where the worker has ended."""
    if not worker.running:
        kept = Path(tempfile.gettempdir()) / "risk-stream-demo-worker.log"
        with contextlib.suppress(OSError):
            shutil.copyfile(worker.log, kept)
        raise CommandError(
            f"The worker ended (exit code {worker.exit_code}); read its log, {kept}: {worker.log_tail(1)}"
        )


def _story(seconds: float | None, seed: int | None) -> tuple[Demo, Market]:
    """The demo's story at the pace that ends in time; an endless one where no end is asked for."""
    from risk_stream.simulate import DEMO

    story = DEMO if seed is None else replace(DEMO, seed=seed)
    if seconds is not None:
        story = replace(story, seconds=seconds - DRAIN)
    return story, story.market(endless=seconds is None)


async def _watch(
    screen: Screen,
    settings: Settings,
    worker: ChildProcess,
    market: Market,
    story: Demo,
    seconds: float | None,
    stop: Stop,
) -> Run:
    """Send the story, follow the alerts, count; until it is told and judged, or Ctrl-C."""
    run = Run()
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(_tell(run, settings, market, story))
        group.create_task(_follow(run, screen, settings))
        group.create_task(_count(run, settings))
        planned = run.started + (seconds or float("inf"))
        try:
            while not stop.asked and not _all_judged(run) and not _stalled(run, planned):
                _check(worker)
                screen.progress(run.progress())
                await asyncio.sleep(TICK)
        finally:
            # What a client cut off while it connected would complain of is no news to anybody here.
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            telling.cancel()
            run.over = True  # not left to a cancellation: a Redis client that is connecting may swallow it, for ever
    if stop.asked and seconds is not None:
        raise KeyboardInterrupt
    return run


def _all_judged(run: Run) -> bool:
    """Whether the story is told, every event of it admitted, and no alert has come for a second."""
    if not run.finished or run.numbers.events + run.numbers.rejects < run.sent:
        return False
    return run.numbers.lag == 0 and run.numbers.quiet_for >= 1.0


def _stalled(run: Run, planned: float) -> bool:
    """Whether it should have ended and nothing more is judged; a slow machine is waited for."""
    return min(run.numbers.quiet_for, time.monotonic() - planned) > DRAIN_PATIENCE


async def _tell(run: Run, settings: Settings, market: Market, story: Demo) -> None:
    from risk_stream.simulate import to_kafka

    def progress(sent: int, clock: int) -> None:
        run.sent, run.clock = sent, clock

    slices = story.told(market)
    run.sent = await to_kafka(settings.broker, slices, topics=settings.house_topics, progress=progress)
    run.finished = True


async def _follow(run: Run, screen: Screen, settings: Settings) -> None:
    """Show each alert as Redis has it."""
    import msgspec
    from redis.asyncio import Redis

    from risk_stream.engine import Alert
    from risk_stream.settings import redis_options

    decoder, last = msgspec.json.Decoder(Alert), "0"
    stream = f"{settings.redis_prefix}alerts:stream"
    async with Redis.from_url(settings.redis, **redis_options(settings.redis)) as client:
        while not run.over:
            answer: Any = await client.xread({stream: last}, block=500, count=500)
            for _, entries in answer:
                alerts = [decoder.decode(fields[b"json"]) for _, fields in entries]
                last = entries[-1][0]
                if run.first_alert is None:
                    run.first_alert = time.monotonic() - run.started
                run.found |= {alert.id: alert for alert in alerts}  # the stream says revisions in their order
                screen.alerts(alerts)
            await asyncio.sleep(TICK)


async def _count(run: Run, settings: Settings) -> None:
    """Keep the worker's own numbers at hand."""
    while not run.over:
        run.numbers = (await asyncio.to_thread(read_numbers, settings.metrics_port)).after(run.numbers)
        await asyncio.sleep(TICK)


def _conclude(screen: Screen, run: Run, market: Market, seconds: float | None) -> None:
    """The table of what was found and, where the demo ended by itself, the line for programs."""
    from risk_stream.simulate import EXPECTED, score

    alerts = run.alerts
    scores = score(market.episodes, alerts)
    rows = [(kind, of.planted, of.found, ", ".join(EXPECTED[kind])) for kind, of in scores.items()]
    planted, found = sum(of.planted for of in scores.values()), sum(of.found for of in scores.values())
    totals = {"events": run.numbers.events, "alerts": len(alerts), "refused": run.numbers.rejects}
    screen.summary(rows, {**totals, "planted": planted, "found": found})
    if seconds is None:
        return
    line = {
        "events": run.numbers.events,
        "alerts": len(alerts),
        "alerts_by_rule": dict(Counter(alert.rule for alert in alerts).most_common()),
        "planted": planted,
        "found": found,
        "by_kind": {kind: {"planted": of.planted, "found": of.found} for kind, of in scores.items()},
        "rejects": run.numbers.rejects,
        "seconds": round(time.monotonic() - run.started, 1),
        "first_alert_seconds": None if run.first_alert is None else round(run.first_alert, 2),
    }
    typer.echo(orjson.dumps(line))
