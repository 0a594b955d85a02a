"""A house for tests: its topics on a Kafka, its rules in a folder, its workers, and what arrives in its Redis."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from risk_stream.catalogue import load_catalogue
from risk_stream.embedded import ChildProcess, free_port
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.settings import Settings, load_settings

__all__ = ["RULES", "House", "Worker", "eventually", "transfer"]

RUN = """
import sys
from risk_stream.settings import load_settings
from risk_stream.stream import run_worker
sys.exit(run_worker(load_settings()))
"""

RULES = """
stage: trading
features:
  count_10m: {count: transfer, by: account, window: 10m}
  devices_10m: {distinct: account, of: transfer, by: device, window: 10m}
  paid_10m: {count: transfer, by: counterparty, window: 10m}
rules:
  - id: third
    on: transfer
    when: count_10m == 3
    severity: high
    score: 40
    action: review
    owner: desk
    summary: "{account} moved money {count_10m} times"
    why: "A burst."
  - id: large
    on: transfer
    when: amount > 9000 and devices_10m >= 1 and paid_10m >= 1
    severity: critical
    score: 90
    action: block
    owner: desk
    summary: "{account} moved {amount}"
    why: "Large."
"""


def eventually(what: Callable[[], Any], *, within: float = 30.0, every: float = 0.1) -> Any:
    """The first true answer; the last answer where none came in time."""
    end = time.monotonic() + within
    while not (answer := what()) and time.monotonic() < end:
        time.sleep(every)
    return answer


def wait_until(holds: Callable[[], Any], *logs: Path) -> None:
    """Return once it holds; else say what processes have logged."""
    assert eventually(holds, within=60), [log.read_text() for log in logs]


_last = 0


def _now() -> int:
    """The time, ms, a later one each time: events of one millisecond stand in the order of their ids."""
    global _last
    _last = max(int(time.time() * 1000), _last + 1)
    return _last


def transfer(id: str, account: str, amount: float = 100.0, **more: Any) -> dict[str, Any]:
    """An event that visits four hops."""
    event = {
        "id": id,
        "type": "transfer",
        "time": _now(),
        "account": account,
        "customer": f"C{account[1:]}",
        "device": "D1",
        "counterparty": "P1",
        "direction": "out",
        "amount": amount,
        "entity": "Alpha",
    }
    return {**event, **more}


class Worker:
    """`risk-stream worker` as a process."""

    def __init__(self, house: House, **settings: Any) -> None:
        self.metrics_port = free_port()
        given = {**house.environment, "METRICS_PORT": self.metrics_port, **settings}
        environment = {**os.environ, **{f"RISK_STREAM_{name}": str(value) for name, value in given.items()}}
        self.process = ChildProcess(
            f"worker-{self.metrics_port}",
            [sys.executable, "-c", RUN],
            environment=environment,
            patience=25,
            death_signal=signal.SIGTERM,
        )

    def start(self) -> Worker:
        self.process.start()
        return self

    def ready(self, *, within: float = 100.0) -> Worker:
        """Wait until it reads partitions."""
        assert eventually(lambda: self.metric("risk_stream_partitions") > 0, within=within), self.log
        return self

    @property
    def log(self) -> str:
        """All it said."""
        return self.process.log.read_text(errors="replace")

    @property
    def child(self) -> int:
        """Process id of the one that is at work, 0 for none."""
        return next(iter(self.children), 0)

    @property
    def children(self) -> list[int]:
        """Process ids of what the supervisor started: the one at work, and then its spare."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(p) for p in found.split()]

    def kill(self) -> None:
        """Kill the one that is at work with SIGKILL; where none is, the next one."""
        child = eventually(lambda: self.child, within=60)
        assert child, self.log  # 0 would be this process and all beside it
        os.kill(child, signal.SIGKILL)

    def stop(self) -> float:
        """Stop with SIGTERM; seconds it took."""
        began = time.monotonic()
        self.process.stop()
        return time.monotonic() - began

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series with these labels; 0 where it is not said or nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return 0.0
        total = 0.0
        for shown, value in re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE):
            if dict(re.findall(r'(\w+)="([^"]*)"', shown)).items() >= labels.items():
                total += float(value)
        return total


class House:
    """One consumer group with topics of its own."""

    def __init__(self, name: str, broker: str, redis_url: str, folder: Path) -> None:
        self.name, self.broker = name, broker
        self.rules = folder / "rules"
        self.rules.mkdir(parents=True)
        self.write_rules(RULES)
        self.environment: dict[str, Any] = {
            "BROKER": broker,
            "REDIS": redis_url,
            "GROUP": name,
            "PREFIX": f"{name}.",
            "HOUSE_TOPICS": json.dumps({f: f"{name}.{f}" for f in ("trades", "loans", "reference")}),
            "RULES": json.dumps([str(self.rules)]),
            "REDIS_PREFIX": f"{name}:",
            "SESSION_SECONDS": 2,
            "PARTITIONS": 2,
            "RELOAD_SECONDS": 0.2,
            "SPARE": False,  # it costs seconds of a core, and few tests are about it
        }
        self.redis = redis.Redis.from_url(redis_url, decode_responses=True)

    @property
    def settings(self) -> Settings:
        """As a worker has them."""
        values = {n.lower(): v for n, v in self.environment.items()}
        values |= {n: json.loads(values[n]) for n in ("house_topics", "rules")}
        return load_settings(**values)

    def write_rules(self, text: str) -> None:
        """Replace the rules at once, as an editor does."""
        draft = self.rules / ".draft"
        draft.write_text(text)
        draft.rename(self.rules / "rules.yaml")

    def create_topics(self) -> None:
        """All of them; a worker does it too."""
        create_topics(self.broker, wanted_topics(self.settings, load_catalogue()))

    def send(
        self, events: Iterable[Mapping[str, Any] | bytes], topic: str = "trades", *, partition: int | None = None
    ) -> None:
        """Produce; returns when the broker has them all. Events with an account keep their account's order."""

        async def run() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.broker, acks="all", enable_idempotence=True)
            await producer.start()
            try:
                sends = []
                for event in events:
                    value = event if isinstance(event, bytes) else orjson.dumps(event)
                    key = None if isinstance(event, bytes) else str(event.get("account", "")).encode()
                    sends.append(await producer.send(f"{self.name}.{topic}", value, key=key, partition=partition))
                for sent in sends:
                    await sent
            finally:
                await producer.stop()

        asyncio.run(run())

    def read(self, topic: str) -> list[Any]:
        """All JSON records of one of its topics, from the beginning."""

        async def run() -> list[Any]:
            consumer = AIOKafkaConsumer(bootstrap_servers=self.broker, auto_offset_reset="earliest")
            await consumer.start()
            try:
                name = f"{self.name}.{topic}"
                partitions = [TopicPartition(name, p) for p in range(2)]
                consumer.assign(partitions)
                ends = await consumer.end_offsets(partitions)
                found = []
                for tp in partitions:
                    while await consumer.position(tp) < ends[tp]:
                        for records in (await consumer.getmany(tp, timeout_ms=1000)).values():
                            found += [orjson.loads(r.value) for r in records]
                return found
            finally:
                await consumer.stop()

        return asyncio.run(run())

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Every alert in Redis by id."""
        ids = self.redis.zrange(f"{self.name}:alerts:status:open", 0, -1)
        return {i: json.loads(self.redis.hget(f"{self.name}:alert:{i}", "json") or "{}") for i in ids}

    def said(self, rule: str) -> set[str]:
        """The events a rule has alerts on."""
        return {a["event"] for a in self.alerts().values() if a["rule"] == rule}
