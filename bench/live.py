"""What `worker` and `latency` share: servers, a worker process of the bench plan, a filled topic, its metrics."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from bench.plans import write_plan
from risk_stream.catalogue import load_catalogue
from risk_stream.embedded import free_port
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.settings import Settings, load_settings
from tests.live.servers import ROOT, Kafka, RedisServer

__all__ = [
    "Worker",
    "alerts",
    "cpu_seconds",
    "environment_of",
    "exposition",
    "fill",
    "pin",
    "scrape",
    "servers",
    "worker",
    "write_rules",
]

#: The worker has this core for itself where there are two; everything else shares the others.
CORE = 1


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """(address of a Kafka, URL of a Redis), real ones on free loopback ports, for the time of a benchmark.

    They, this process and all it starts keep off the worker's core, which `pin` gives to the worker alone.
    """
    others = [core for core in psutil.Process().cpu_affinity() or [] if core != CORE]
    if others:
        psutil.Process().cpu_affinity(others)
    with Kafka(peak=True) as broker, RedisServer() as redis:
        yield broker.address, redis.url


def pin(pid: int, *cores: int) -> None:
    """Leave a process some cores, or the worker's alone: all threads that it has, one by one, and those to come."""
    if (os.cpu_count() or 1) > 1:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), cores or [CORE])


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used, all its threads."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def exposition(port: int) -> str:
    """A worker's /metrics as text."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def scrape(port: int) -> dict[str, float]:
    """Every sample of a worker's /metrics summed over its labels: name -> sum."""
    sums: dict[str, float] = {}
    for line in exposition(port).splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0]
            sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which a command of this code has these settings."""
    said = settings.model_dump(mode="json", exclude_defaults=True)
    given = {n: v if isinstance(v, str) else orjson.dumps(v).decode() for n, v in said.items()}
    return {**os.environ, "PYTHONPATH": str(ROOT), **{f"RISK_STREAM_{n.upper()}": v for n, v in given.items()}}


class Worker:
    """A running worker of the bench plan: the process that judges, and where its metrics are."""

    def __init__(self, supervisor: subprocess.Popen[bytes], settings: Settings, log: Path) -> None:
        self.supervisor, self.settings, self.log = supervisor, settings, log
        self.port = settings.metrics_port

    def ready(self, seconds: float = 90.0) -> int:
        """Wait until it serves metrics and is assigned partitions; -> the judging process's id."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if scrape(self.port).get("risk_stream_consumer_lag_records") is not None:
                    return psutil.Process(self.supervisor.pid).children()[0].pid
            except (OSError, IndexError):
                pass
            if self.supervisor.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"the worker did not start:\n{self.log.read_text()[-2000:]}")


def write_rules(folder: Path, **plan: float) -> Path:
    """Write the bench plan, its rules into a folder `rules`; -> the file of its event types."""
    (folder / "rules").mkdir()
    events, rules = write_plan(folder, **plan)  # type: ignore[arg-type]
    rules.rename(folder / "rules" / rules.name)
    return events


@contextmanager
def worker(
    broker: str,
    redis: str,
    name: str,
    partitions: int = 2,
    before: Callable[[Settings], None] | None = None,
    write: Callable[..., Path] = write_rules,
    more: Mapping[str, object] | None = None,
    **plan: float,
) -> Iterator[Worker]:
    """A worker of the bench plan on topics of its own, created first; `before` may fill them before it starts.

    `write` may write another plan, as `write_rules` does; `more` are settings above those of a benchmark.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        events = write(folder, **plan)
        usual: dict[str, object] = {
            "broker": broker,
            "redis": redis,
            "rules": [folder / "rules"],
            "events": [events],
            "group": name,
            "prefix": f"{name}.",
            "house_topics": {f: f"{name}.{f}" for f in ("trades", "loans", "reference")},
            "partitions": partitions,
            "metrics_port": free_port(),
            "redis_prefix": f"{name}:",
            "clock": "simulated",
            "log_level": "warning",
            "spare": False,  # it would start in the midst of what is measured
        }
        settings = load_settings(**usual | dict(more or {}))
        create_topics(broker, wanted_topics(settings, load_catalogue(events)))
        if before is not None:
            before(settings)
        log = folder / "worker.log"
        with log.open("wb") as out:
            command = [sys.executable, "-m", "risk_stream", "worker"]
            process = subprocess.Popen(command, env=environment_of(settings), stdout=out, stderr=out)
            try:
                yield Worker(process, settings, log)
            finally:
                process.terminate()
                process.wait(30)


async def _fill(broker: str, topic: str, records: Iterable[bytes], partitions: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20, max_batch_size=1 << 18, acks=1)
    await producer.start()
    for i, record in enumerate(records):
        await producer.send(topic, record, partition=i % partitions)
    await producer.stop()


def fill(broker: str, topic: str, records: Iterable[bytes], partitions: int) -> None:
    """Write records to a topic, evenly over its partitions."""
    asyncio.run(_fill(broker, topic, records, partitions))


async def alerts(settings: Settings) -> AsyncIterator[tuple[float, dict[str, Any]]]:
    """The stream of alerts as a console reads it, from its beginning and without an end: each and when it came."""
    redis: Any = Redis.from_url(settings.redis)
    key, last = f"{settings.redis_prefix}alerts:stream", "0"
    try:
        while True:
            for _, entries in await redis.xread({key: last}, block=200) or []:
                now = time.perf_counter()
                for last, fields in entries:  # noqa: B007 - the last one read is where the next read begins
                    yield now, orjson.loads(fields[b"json"])
    finally:
        await redis.aclose()
