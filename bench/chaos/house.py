"""The house that is hurt: a Kafka, a Redis, topics, rules, two workers and two desks, each with its logs kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import orjson
import redis
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.chaos.rules import PLANS, as_yaml
from bench.chaos.stream import ORIGINS, Shape
from bench.live import environment_of
from risk_stream.catalogue import load_catalogue
from risk_stream.embedded import ChildProcess, free_port
from risk_stream.kafka import Topic, create_topics, partition_counts, wanted_topics
from risk_stream.settings import Settings, load_settings
from tests.live.servers import Kafka, RedisServer

__all__ = ["DESK_SESSION", "SESSION", "DeskProcess", "House", "Read", "Worker", "of_release", "read_topic"]

#: Seconds after which a silent worker loses its partitions.
SESSION = 2.0

#: Seconds after which another desk takes over from a silent one.
DESK_SESSION = 10.0

#: Partitions of hop topics and of alerts.
LANES = 4

#: No more of an environment than there is.
NOTHING: Mapping[str, str] = {}


def of_release(code: Path) -> dict[str, str]:
    """What has a command be that of another release, whose code lies in a folder: more of its environment."""
    return {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}


class Read(NamedTuple):
    """A record of a topic, as it stands in its log."""

    partition: int
    offset: int
    timestamp: int
    value: bytes


class _Process:
    """A command of the house with a /metrics of its own, whose port the setting `port` says."""

    def __init__(
        self, name: str, command: str, port: str, settings: Settings, folder: Path, more: Mapping[str, str]
    ) -> None:
        self.name, self.port = name, free_port()
        folder = folder / name
        folder.mkdir()
        self.process = ChildProcess(
            name,
            [sys.executable, "-m", "risk_stream", command],
            environment={**environment_of(settings.model_copy(update={port: self.port})), **more},
            folder=folder,
            patience=30,
            death_signal=signal.SIGTERM,
        )

    def start(self) -> None:
        """Start it; returns at once."""
        self.process.start()

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self.process.stop()

    def lines(self) -> list[str]:
        """What /metrics says; nothing where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=2) as answer:
                text: str = answer.read().decode()
        except OSError:
            return []
        return text.splitlines()


class Worker(_Process):
    """`risk-stream worker`: a supervisor and its child, which can be ended and paused apart from each other."""

    def __init__(self, name: str, settings: Settings, folder: Path, more: Mapping[str, str] = NOTHING) -> None:
        super().__init__(name, "worker", "metrics_port", settings, folder, more)

    @property
    def supervisor(self) -> int | None:
        """Its process id."""
        return self.process.pid if self.process.running else None

    @property
    def child(self) -> int | None:
        """Process id of the child; None while there is none."""
        return next(iter(self.children), None)

    @property
    def children(self) -> list[int]:
        """Process ids of what the supervisor started: the child at work, and then its spare."""
        with contextlib.suppress(OSError, ValueError):
            said = Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children").read_text()
            return [int(pid) for pid in said.split()]
        return []

    def signal_child(self, number: signal.Signals, *, within: float = 10.0) -> int | None:
        """Send the child a signal, waiting until there is one; its process id, None where none came."""
        end = time.monotonic() + within
        while (child := self.child) is None:
            if time.monotonic() > end:
                return None
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
        return child

    def kill(self) -> None:
        """End supervisor and child at once, without a word."""
        child, supervisor = self.child, self.supervisor
        for pid in (supervisor, child):
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.stop()

    def owned(self) -> list[str]:
        """Partitions it reads, as topic/partition; empty where it does not answer."""
        found = []
        for line in self.lines():
            if line.startswith("risk_stream_consumer_lag_records{"):
                labels = dict(part.split("=") for part in line[line.index("{") + 1 : line.index("}")].split(","))
                found.append(f"{labels['topic']}/{labels['partition']}".replace('"', ""))
        return sorted(found)


class DeskProcess(_Process):
    """`risk-stream desk`, which can be ended and paused."""

    def __init__(self, name: str, settings: Settings, folder: Path, more: Mapping[str, str] = NOTHING) -> None:
        super().__init__(name, "desk", "desk_port", settings, folder, more)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, where it runs."""
        if self.process.running and self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def said(self, name: str) -> float | None:
        """A gauge without labels of its /metrics; None where it does not answer."""
        of = f"risk_stream_desk_{name} "
        return next((float(line.split()[1]) for line in self.lines() if line.startswith(of)), None)


class House:
    """Everything a run needs. `folder` outlives it: rules, the workers' logs, and Kafka's data where they are kept.

    It begins with these `rules`. `around` is more of the environment of its workers and of its desks, by their command;
    `settings` are set otherwise than they usually are here. Where `code` is given, it is a house of the release whose
    code lies there, which makes its topics and runs its workers and desks.
    """

    def __init__(
        self,
        shape: Shape,
        folder: Path,
        kafka: Kafka,
        redis_server: RedisServer,
        *,
        rules: str = "",
        workers: int = 2,
        desks: int = 2,
        around: Mapping[str, Mapping[str, str]] | None = None,
        code: Path | None = None,
        hop_bytes: int | None = None,
        **settings: object,
    ) -> None:
        self.shape, self.folder, self.kafka, self.redis_server = shape, folder, kafka, redis_server
        self.rules = folder / "rules"
        self.rules.mkdir(parents=True)
        (folder / "people").mkdir()  # what is shipped about desks may change; this is a house that agreed on nothing
        self.write_rules(rules or as_yaml(PLANS[0]))
        name = f"chaos-{shape.seed}"
        usual: dict[str, object] = {
            "broker": kafka.address,
            "redis": redis_server.url,
            "rules": [self.rules],
            "people": folder / "people",
            "group": name,
            "prefix": f"{name}.",
            "house_topics": {family: f"{name}.{family}" for family in ("trades", "loans", "reference")},
            "partitions": LANES,
            "session_seconds": SESSION,
            "lateness_seconds": shape.lateness_ms / 1000,
            "reload_seconds": 0.5,
            "clock": "simulated",
            "redis_prefix": f"{name}:",
            "redis_days": 36_500,
            "redis_alerts": 10_000_000,
        }
        self.settings = load_settings(**usual | settings)
        families = sorted({family for family, _ in ORIGINS})
        counts = {family: sum(f == family for f, _ in ORIGINS) for family in families}
        house = [Topic(self.settings.house_topics[f], n, 1, {"cleanup.policy": "delete"}) for f, n in counts.items()]
        create_topics(kafka.address, house)
        self.wanted = wanted_topics(self.settings, load_catalogue())
        if hop_bytes is not None:
            self.wanted = [self._bounded(topic, hop_bytes) for topic in self.wanted]
        release = NOTHING if code is None else of_release(code)
        if code is None:
            create_topics(kafka.address, self.wanted)
        else:
            self.command("topics", "create", release=release)
        around = around or {}
        self.workers = [
            Worker(f"worker-{which}", self.settings, folder, around.get("worker", release)) for which in "ab"[:workers]
        ]
        self.desks = [
            DeskProcess(f"desk-{which}", self.settings, folder, around.get("desk", release)) for which in "ab"[:desks]
        ]

    def _bounded(self, topic: Topic, most: int) -> Topic:
        """A hop topic whose partitions keep so many bytes, any other as it is."""
        if not topic.name.startswith(self.settings.hop_topic("")):
            return topic
        return replace(topic, config=topic.config | {"retention.bytes": str(most), "segment.bytes": str(most // 4)})

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Its workers and desks run, and have ended when the block does."""
        try:
            for process in (*self.workers, *self.desks):
                process.start()
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """End desks, then workers; those that were paused too. Safe to call twice."""
        for desk in self.desks:
            desk.signal(signal.SIGCONT)
            desk.stop()
        for worker in self.workers:
            worker.signal_child(signal.SIGCONT, within=0)  # a paused one could not end
            worker.stop()

    def environment(self) -> dict[str, str]:
        """For any command on this house."""
        return environment_of(self.settings)

    def command(self, *words: str, release: Mapping[str, str] = NOTHING) -> None:
        """Run a command on this house, of this release or another. Raises `CalledProcessError` where it fails."""
        argv = [sys.executable, "-m", "risk_stream", *words]
        subprocess.run(argv, env={**self.environment(), **release}, check=True, timeout=120)

    def use(self, plan: int) -> None:
        """Put one of the two plans in force."""
        self.write_rules(as_yaml(PLANS[plan]))

    def write_rules(self, text: str) -> None:
        """Replace the rules at once, as an editor does."""
        draft = self.rules / ".draft"
        draft.write_text(text)
        draft.rename(self.rules / "rules.yaml")

    def origin(self, index: int) -> tuple[str, int]:
        """(topic, partition) of an origin of the stream."""
        family, partition = ORIGINS[index]
        return self.settings.house_topics[family], partition

    def partitions(self) -> list[TopicPartition]:
        """All that workers read and commit, and that is there by now."""
        house = [TopicPartition(*self.origin(i)) for i in range(len(ORIGINS))]
        ours = [t.name for t in self.wanted if ".hop." in t.name]
        ours += [self.settings.mended_topic, self.settings.requests_topic, self.settings.alerts_topic]
        alone = [TopicPartition(self.settings.canary_topic, 0)]
        wanted = house + alone + [TopicPartition(t, p) for t in ours for p in range(LANES)]
        there = partition_counts(self.settings.broker)
        return [tp for tp in wanted if tp.topic in there]

    def read(self, topic: str) -> list[Read]:
        """A topic from its beginning to its end; empty where there is no such topic."""
        count = partition_counts(self.settings.broker).get(topic, 0)
        return asyncio.run(read_topic(self.settings.broker, topic, count)) if count else []

    def redis_alerts(self) -> dict[str, dict[str, object]]:
        """Every alert's JSON in Redis, by id."""
        return {id: orjson.loads(json or "{}") for id, (json,) in self._of_alerts("json").items()}

    def redis_standings(self) -> dict[str, dict[str, str | None]]:
        """Where people are with every alert, as Redis shows it, by id."""
        names = ("status", "assignee", "disposition")
        return {id: dict(zip(names, values, strict=True)) for id, values in self._of_alerts(*names).items()}

    def _of_alerts(self, *fields: str) -> dict[str, list[str | None]]:
        client = redis.Redis.from_url(self.settings.redis, decode_responses=True)
        found: dict[str, list[str | None]] = {}
        with contextlib.closing(client):
            prefix = f"{self.settings.redis_prefix}alert:"
            names = list(client.scan_iter(f"{prefix}*", count=5000))
            for at in range(0, len(names), 5000):
                pipe = client.pipeline(transaction=False)
                for name in names[at : at + 5000]:
                    pipe.hmget(name, fields)
                for name, value in zip(names[at : at + 5000], pipe.execute(), strict=True):
                    found[name.removeprefix(prefix)] = value
        return found


async def read_topic(broker: str, topic: str, count: int) -> list[Read]:
    """All committed records of a topic of `count` partitions, by partition and offset."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=1 << 22,
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, p) for p in range(count)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[Read] = []
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                found += [Read(tp.partition, r.offset, r.timestamp, r.value) for r in records]
        return sorted(found)
    finally:
        await consumer.stop()
