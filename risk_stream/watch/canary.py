"""Sends an event through every hop again and again, and says how long ago one came back: the proof that all is at work.

A canary has the same name as its key of every kind, so it goes through one and the same partition of every hop; there
are as many names as partitions. Its topic is an origin of its own, whose clock makes nobody else's events late. At its
last hop a rule in shadow (`rules/portfolio/canary.yaml`) fires on it, and the worker says so on another topic. Several
canaries of a house may run: each counts all that come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import orjson
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.catalogue import Catalogue, text_hash
from risk_stream.kafka import CANARY, BrokerError, ConsumerClient, Producer, Reader, partition_counts
from risk_stream.settings import Settings, kafka_options
from risk_stream.sinks import Metrics
from risk_stream.watch.metrics import CANARY_METRICS

__all__ = ["Canary", "names"]

log = logging.getLogger(__name__)

#: One of the kinds of key whose hops it goes through; all have as many partitions.
KEY = "loan"

#: The longest from one canary to the next, s: its topic is never quiet for so long that its clock would be lifted.
BETWEEN = 1.0

#: A canary that has not come back after so long is said to be missed once, s.
MISSED = 60.0


def names(partitions: int) -> list[str]:
    """Of each partition the canary that goes through it."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        name = f"canary-{number}"
        found.setdefault(text_hash(name) % partitions, name)
        number += 1
    return [found[partition] for partition in range(partitions)]


class Canary:
    """Runs until cancelled. `told` hears a sentence of what it does now.

    `metrics`, of `CANARY_METRICS`, are kept up to date; whoever made them serves them.
    """

    def __init__(
        self, settings: Settings, catalogue: Catalogue, told: Callable[[str], None], metrics: Metrics | None = None
    ) -> None:
        self.settings, self._told = settings, told
        self.metrics = metrics or Metrics(of=CANARY_METRICS)
        self._fields = [field.name for field in catalogue.type(CANARY).all_fields if field.key is not None]
        self._names: list[str] = []
        self._newest: dict[str, float] = {}  # name -> when the newest that came back was sent, s since 1970
        self._missed = False

    async def run(self) -> None:
        """Send and listen; where the broker is away, begin again once it answers.

        Raises:
            BrokerError: the broker was never there, or a topic is not.
        """
        settings = self.settings
        async with Reader(settings.broker) as reader:  # says in a sentence what is missing
            await reader.spans([settings.canary_topic, settings.canary_back_topic])
        counts = await asyncio.to_thread(partition_counts, settings.broker)
        self.begin(counts[settings.hop_topic(KEY)], time.time())
        self.metrics.before_scrape(self._ages)
        self._told(f"a canary goes through each of {len(self._names)} partitions of every hop")
        while True:
            try:
                await self._work()
            except (KafkaError, BrokerError, OSError) as exc:
                log.warning("the canary begins again: %s", exc)
            await asyncio.sleep(BETWEEN)

    def begin(self, partitions: int, now: float) -> None:
        """So many partitions have hops, and none came back before now, s since 1970."""
        self._names = names(partitions)
        self._newest = dict.fromkeys(self._names, now)

    async def _work(self) -> None:
        place = TopicPartition(self.settings.canary_back_topic, 0)
        consumer = ConsumerClient(
            **kafka_options(self.settings.broker),
            client_id="risk-stream-canary",
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        producer = Producer(self.settings.broker, client_id="risk-stream-canary")
        listening: asyncio.Task[None] | None = None
        try:
            await producer.start()
            await consumer.start()
            consumer.assign([place])
            await consumer.seek_to_end(place)
            await consumer.position(place)  # what is sent from now on is heard of
            listening = asyncio.create_task(self._listen(consumer))
            await self._send(producer, listening)
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            with contextlib.suppress(KafkaError, OSError):
                await consumer.stop()
            with contextlib.suppress(KafkaError, OSError):
                await producer.stop()

    async def _send(self, producer: Producer, listening: asyncio.Task[None]) -> None:
        wait = min(BETWEEN, self.settings.canary_seconds / len(self._names))
        while True:
            for name in self._names:
                if listening.done():
                    listening.result()
                await (await producer.send(self.settings.canary_topic, self._event(name), partition=0))
                self.metrics.add("risk_stream_canary_sent_total")
                self.look(time.time())
                await asyncio.sleep(wait)

    def _event(self, name: str) -> bytes:
        now = int(time.time() * 1000)
        event: dict[str, Any] = {"id": f"{name}-{now}", "type": CANARY, "time": now}
        return orjson.dumps(event | dict.fromkeys(self._fields, name))

    async def _listen(self, consumer: ConsumerClient) -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    self.heard(record.value or b"", time.time())

    def heard(self, record: bytes, now: float) -> None:
        """Take what a worker says of a canary, at a time, s since 1970; what is no such thing is passed over."""
        try:
            said = orjson.loads(record)
            name, sent = said["keys"][KEY], said["time"] / 1000
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return
        if name not in self._newest:
            return  # of a canary that had other partitions
        self._newest[name] = max(self._newest[name], sent)
        self.metrics.add("risk_stream_canary_back_total")
        self.metrics.observe("risk_stream_canary_seconds", max(now - sent, 0.0))

    def _ages(self) -> None:
        now = time.time()
        for partition, name in enumerate(self._names):
            self.metrics.set("risk_stream_canary_age_seconds", max(now - self._newest[name], 0.0), str(partition))

    def look(self, now: float) -> None:
        """Say once when none comes back from somewhere at a time, s since 1970, and once when all do again."""
        missed = [str(i) for i, name in enumerate(self._names) if now - self._newest[name] > MISSED]
        if bool(missed) == self._missed:
            return
        self._missed = bool(missed)
        self._told(
            f"for {MISSED:g} s no canary came back through partition {', '.join(missed)}: is a worker running, with"
            " rules/portfolio/canary.yaml among its rules?"
            if missed
            else "canaries come back through every partition"
        )
