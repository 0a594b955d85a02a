"""`risk-stream doctor`: what is reachable, what is not, and what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import resource
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import orjson
import typer

from risk_stream.cli.broker import BrokerView, look_at
from risk_stream.cli.checkup import Finding, State
from risk_stream.cli.house import catalogue_of, plan_of, rule_paths, settings_with
from risk_stream.cli.output import counted, examples, output
from risk_stream.cli.variables import unknown_variables

if TYPE_CHECKING:
    from risk_stream.rules import Plan
    from risk_stream.settings import Settings

__all__ = ["register"]

#: Less free disk than this is too little for logs and caches, bytes; and than this, worth a word.
DISK_FAIL, DISK_WARN = 200 << 20, 2 << 30
#: Fewer open files than this are too few for a broker's connections and a Redis.
FILES_WARN = 1024
#: Clocks further apart than this make latencies and late events look wrong, seconds.
CLOCK_WARN = 1.0


_SIGNS: Final = {State.OK: "[green]ok[/]  ", State.WARN: "[yellow]warn[/]", State.FAIL: "[bold red]FAIL[/]"}
#: How the text ends, without and with something to mend.
_WORKER: Final = ("A worker would run.", "A worker would not run: {n} to mend.")
_SECURITY: Final = ("Nothing has to be mended before others may reach it.", "{n} to mend before others may reach it.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream doctor",
            "risk-stream doctor --security",
            "RISK_STREAM_BROKER=kafka-1:9092 risk-stream doctor --format json",
        )
    )(doctor)


def doctor(
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
    security: Annotated[
        bool, typer.Option("--security", help="Say instead what of the settings lets in, or shows, more than is meant.")
    ] = False,
) -> None:
    """Say what a worker would find here, and what to do where it would not run. Exit code 1 if it would not."""
    settings = settings_with()
    if security:
        from risk_stream.cli.security import look_at_security

        findings = list(look_at_security(settings))
    else:
        findings = list(look(settings))
    worst = State.FAIL in {finding.state for finding in findings}
    if format == "json":
        typer.echo(orjson.dumps({"ok": not worst, "findings": [asdict(finding) for finding in findings]}))
    else:
        _say(findings)
        bad = sum(finding.state is State.FAIL for finding in findings)
        ending = _SECURITY if security else _WORKER
        output().print(ending[bool(bad)].format(n=counted(bad, "thing")))
    raise typer.Exit(1 if worst else 0)


def look(settings: Settings) -> Iterator[Finding]:
    """Everything there is to find, cheapest first where it does not matter."""
    yield _python()
    yield _variables()
    yield _files()
    yield from _disk()
    yield from _rules(settings)
    view = look_at(settings.broker)
    yield from _broker(settings, view)
    yield from _redis(settings)
    yield _metrics(settings)


def _say(findings: list[Finding]) -> None:
    console = output()
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        console.print(f"{_SIGNS[finding.state]}  [bold]{finding.what:{width}}[/]  ", end="")
        console.print(finding.seen, markup=False)
        if finding.do:
            console.print(f"{'':{width + 6}}  -> {finding.do}", markup=False)


def _python() -> Finding:
    return Finding(
        "Python",
        State.OK,
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )


def _variables() -> Finding:
    unknown = unknown_variables(os.environ)
    if unknown:
        return Finding(
            "settings", State.WARN, "; ".join(unknown), "take them away, or spell them as docs/operations.md"
        )
    ours = sum(name.startswith("RISK_STREAM_") for name in os.environ)
    return Finding(
        "settings", State.OK, f"{counted(ours, 'variable')} RISK_STREAM_ in the environment, the rest as shipped"
    )


def _files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES_WARN:
        return Finding(
            "open files",
            State.WARN,
            f"at most {soft}",
            f"raise it in the shell that starts the worker: ulimit -n {FILES_WARN}",
        )
    return Finding("open files", State.OK, f"at most {soft}")


def _disk() -> Iterator[Finding]:
    for what, folder in (("disk here", Path.cwd()), ("disk for caches", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        seen = f"{free / (1 << 30):.1f} GiB free at {folder}"
        if free < DISK_FAIL:
            yield Finding(what, State.FAIL, seen, "make room: logs and compiled kernels are written there")
        else:
            yield Finding(what, State.WARN if free < DISK_WARN else State.OK, seen)


def _rules(settings: Settings) -> Iterator[Finding]:
    from risk_stream.catalogue import ProblemsError

    try:
        catalogue = catalogue_of(settings)
    except ProblemsError as error:
        yield Finding("events", State.FAIL, str(error.problems[0]), "mend the files of RISK_STREAM_EVENTS")
        return
    yield Finding("events", State.OK, f"{len(catalogue)} event types, {len(catalogue.kinds)} kinds of key")
    where = ", ".join(str(path) for path in rule_paths(settings))
    try:
        plan = plan_of(settings)
    except ProblemsError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        yield Finding("rules", State.FAIL, f"{error.problems[0]}{more}", "risk-stream rules check names every problem")
    else:
        yield Finding("rules", State.OK, f"{len(plan.rules)} rules of {where}, plan {plan.version}")
        yield from _models(settings, plan)


def _models(settings: Settings, plan: Plan) -> Iterator[Finding]:
    if not plan.scoring:
        return
    pickled = sorted(model.id for model in plan.scoring if model.is_pickled)
    seen = f"{counted(len(plan.scoring), 'model')}: {', '.join(model.id for model in plan.scoring)}"
    if pickled and not settings.models_key.get_secret_value():
        do = "set RISK_STREAM_MODELS_KEY to a secret, the same for all workers and each start"
        yield Finding("models", State.WARN, f"{', '.join(pickled)} will begin anew at each restart", do)
    else:
        yield Finding("models", State.OK, seen)


def _broker(settings: Settings, view: BrokerView) -> Iterator[Finding]:
    if view.error:
        yield Finding(
            "broker", State.FAIL, view.error, "start Kafka (docker compose up kafka), or set RISK_STREAM_BROKER"
        )
        return
    yield Finding(
        "broker",
        State.OK,
        f"{settings.broker}: {view.version}, {view.brokers} broker{'s' if view.brokers != 1 else ''}",
    )
    yield _session(settings, view)
    yield _transactions(view)
    yield from _topics(settings, view)
    yield from _later(settings)


def _session(settings: Settings, view: BrokerView) -> Finding:
    wanted = settings.session_seconds
    least = view.min_session_seconds
    if least is None:
        return Finding(
            "session",
            State.WARN,
            "the broker does not say its group.min.session.timeout.ms",
            "nothing, if it is an embedded one",
        )
    if least > wanted:
        do = f"set group.min.session.timeout.ms={wanted * 1000:.0f} on the broker for {wanted:g} s"
        return Finding("session", State.WARN, f"a killed worker's partitions wait {least:g} s, the broker's least", do)
    return Finding("session", State.OK, f"a killed worker's partitions wait {wanted:g} s")


def _transactions(view: BrokerView) -> Finding:
    if view.transactions:
        return Finding("transactions", State.OK, "the broker has them: several workers may run")
    return Finding("transactions", State.WARN, "the broker has none", "run one worker only on it: it is for demos")


def _topics(settings: Settings, view: BrokerView) -> Iterator[Finding]:
    from risk_stream.catalogue import ProblemsError
    from risk_stream.kafka import wanted_topics

    try:
        wanted = [topic.name for topic in wanted_topics(settings, catalogue_of(settings))]
    except ProblemsError:  # said above, as events
        return
    missing = sorted(topic for topic in wanted if topic not in view.topics)
    if missing:
        named = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        yield Finding("topics", State.FAIL, f"not there: {named}", "risk-stream topics create")
    else:
        parts = sum(view.topics[topic] for topic in wanted)
        yield Finding("topics", State.OK, f"all {len(wanted)} are there, {parts} partitions")


def _later(settings: Settings) -> Iterator[Finding]:
    """Whether a later release works in this house, which this one could not go on from."""
    from risk_stream.catalogue.formats import LaterFormatError
    from risk_stream.kafka.releases import check_release

    try:
        asyncio.run(check_release(settings))
    except LaterFormatError as error:
        seen, _, do = str(error).partition(": ")
        yield Finding("release", State.FAIL, seen, do)


def _redis(settings: Settings) -> Iterator[Finding]:
    import redis

    from risk_stream.settings import redis_options
    from risk_stream.sinks import away, without_password

    where, options = without_password(settings.redis), redis_options(settings.redis)
    try:
        client = redis.Redis.from_url(settings.redis, **options, socket_timeout=3, socket_connect_timeout=3)
        with contextlib.closing(client):
            info = dict(client.info())
            seconds, micros = client.time()
            now = time.time()
    except (redis.RedisError, OSError, ValueError) as error:
        seen, _, do = away(settings.redis, error).partition(": ")
        yield Finding("Redis", State.FAIL, seen, do)
        return
    policy = str(info.get("maxmemory_policy", "noeviction"))
    seen = f"{where}: {info.get('redis_version')}, {info.get('used_memory_human')} used"
    if policy != "noeviction":
        yield Finding("Redis", State.WARN, f"{seen}, may evict alerts ({policy})", "set maxmemory-policy noeviction")
    else:
        yield Finding("Redis", State.OK, seen)
    apart = now - (seconds + micros / 1e6)
    if abs(apart) > CLOCK_WARN:
        yield Finding("clock", State.WARN, f"{apart:+.1f} s from Redis's", "let NTP set the clocks of both machines")
    else:
        yield Finding(
            "clock",
            State.OK,
            f"within {max(abs(apart), 0.001):.3f} s of Redis's, {time.strftime('%H:%M:%S UTC', time.gmtime(now))}",
        )


def _metrics(settings: Settings) -> Finding:
    if not settings.metrics_port:
        return Finding("metrics", State.WARN, "no worker serves them: RISK_STREAM_METRICS_PORT is 0")
    host = "127.0.0.1" if settings.metrics_host in {"0.0.0.0", "::"} else settings.metrics_host  # noqa: S104
    url = f"http://{host}:{settings.metrics_port}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            ours = b"risk_stream_" in answer.read()
    except urllib.error.URLError:
        return Finding("metrics", State.OK, f"nobody serves {url}: no worker runs here yet, and the port is free")
    except OSError as error:
        return Finding("metrics", State.WARN, f"{url}: {_reason(error)}")
    if ours:
        return Finding("metrics", State.OK, f"a worker serves {url}")
    return Finding("metrics", State.FAIL, f"{url} is another program's", "set RISK_STREAM_METRICS_PORT to a free port")


def _reason(error: Exception) -> str:
    """The short of an error of the network."""
    said = str(error).rstrip(".")
    for short in ("Connection refused", "timed out", "Name or service not known", "authentication"):
        if short.lower() in said.lower():
            return short.lower()
    return said or type(error).__name__
