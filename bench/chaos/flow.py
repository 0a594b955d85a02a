"""The feeder and the watch, in a thread of their own: what is sent, and how far the workers have come, all the time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from bench.chaos.house import House
from bench.chaos.stream import make

__all__ = ["Flow"]

T = TypeVar("T")

#: How often records are sent and progress is looked at, s.
TICK, LOOK = 0.02, 0.1

#: Share of the full pace at which the stream goes on while a blow is not yet got over.
HELD = 0.2

#: Seconds of the stream that may wait in the house topics before the feeder waits for the workers.
BACKLOG = 8.0


class Flow:
    """Feeds the stream and watches the group. Read its fields from any thread; `gate` says how far it runs freely."""

    def __init__(self, house: House) -> None:
        self.house, self.partitions = house, house.partitions()
        self.sent, self.gate, self.done = 0, 0, False
        self.committed: dict[TopicPartition, int] = {}
        self.ends: dict[TopicPartition, int] = {}
        self.looked = 0.0  # when these were true, monotonic seconds
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flow", daemon=True)

    def start(self) -> None:
        """Begin to feed and to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End both."""
        self._stop.set()
        self._thread.join(30)

    def progress(self) -> dict[TopicPartition, int]:
        """Committed offsets by partition, 0 where there is none."""
        return {tp: self.committed.get(tp, 0) for tp in self.partitions}

    def lag(self) -> int:
        """Records that wait, in all partitions."""
        return sum(max(0, self.ends.get(tp, 0) - n) for tp, n in self.progress().items())

    def stuck(self, was: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        """Partitions that hold records beyond `was` and have not moved since."""
        now, ends = self.progress(), self.ends
        return [tp for tp in self.partitions if now[tp] <= was[tp] < ends.get(tp, 0)]

    def _run(self) -> None:
        try:
            asyncio.run(self._both())
        except BaseException as exc:  # noqa: BLE001  it is raised again by who reads it
            self.error = exc

    async def _both(self) -> None:
        watch = asyncio.create_task(self._watch())
        feed = asyncio.create_task(self._feed())
        while not self._stop.is_set():
            await asyncio.sleep(LOOK)
            for task in (watch, feed):
                if task.done() and (exc := task.exception()) is not None:
                    raise exc
        for task in (watch, feed):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _feed(self) -> None:
        """Send the stream at its pace; slower beyond the gate, and not at all where too much waits."""
        shape = self.house.shape
        producer = AIOKafkaProducer(
            bootstrap_servers=self.house.settings.broker,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=180_000,
            linger_ms=5,
        )
        await producer.start()
        origins = [self.house.origin(i) for i in range(7)]
        budget, last = 0.0, time.monotonic()
        try:
            for origin, value in make(shape):
                while budget < 1:
                    await asyncio.sleep(TICK)
                    now = time.monotonic()
                    pace = 1.0 if self.sent < self.gate else HELD
                    if self._waiting() > BACKLOG * shape.per_second:
                        pace = 0.0
                    budget, last = min(budget + (now - last) * shape.per_second * pace, shape.per_second), now
                budget -= 1
                topic, partition = origins[origin]
                await producer.send(topic, value, partition=partition)
                self.sent += 1
            await producer.flush()
            self.done = True
        finally:
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 10)

    def _waiting(self) -> int:
        """House records the workers have not done."""
        house = self.partitions[:7]
        return sum(max(0, self.ends.get(tp, 0) - self.committed.get(tp, 0)) for tp in house)

    async def _watch(self) -> None:
        """Ask the broker again and again; where it is away, what was known stays."""
        while True:
            with contextlib.suppress(KafkaError, OSError, TimeoutError, AssertionError):
                await self._look()
            await asyncio.sleep(5 * LOOK)

    async def _look(self) -> None:
        broker = self.house.settings.broker
        admin = AIOKafkaAdminClient(bootstrap_servers=broker, request_timeout_ms=3000)
        consumer = AIOKafkaConsumer(bootstrap_servers=broker, request_timeout_ms=3000)
        try:
            await _within(admin.start(), 10)
            await _within(consumer.start(), 10)
            while True:
                ends = await _within(consumer.end_offsets(self.partitions), 4)
                group = await _within(admin.list_consumer_group_offsets(self.house.settings.group), 4)
                # A coordinator that has just begun knows no offsets yet, and says so by saying none.
                self.committed |= {TopicPartition(*tp): o.offset for tp, o in group.items() if o.offset >= 0}
                self.ends, self.looked = ends, time.monotonic()
                await asyncio.sleep(LOOK)
        finally:
            for client in (admin.close(), consumer.stop()):
                with contextlib.suppress(Exception):
                    await _within(client, 3)


async def _within(asked: Coroutine[Any, Any, T], seconds: float) -> T:
    """The answer of a client. Raises `TimeoutError`, also where the client does not let itself be interrupted."""
    task = asyncio.ensure_future(asked)
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        task.cancel()
        raise TimeoutError
    return task.result()
