"""Where a simulated stream goes: a file of JSON lines, or the house's topics on Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from risk_stream.settings import kafka_options
from risk_stream.simulate.emit import Slice

__all__ = ["TOPICS", "to_file", "to_kafka"]

#: Kind of topic -> the topic of that kind a house has by default.
TOPICS: Mapping[str, str] = {"trades": "risk.trades", "loans": "risk.loans", "reference": "risk.reference"}

#: Batches that may be on their way at once, and keys whose partition is remembered: they bound memory.
_WINDOW = 64
_PLACES = 1_000_000


def to_file(path: Path, slices: Iterable[Slice], *, limit: int | None = None) -> int:
    """Write a stream as JSON lines; returns how many events. `limit` ends it after that many.

    Raises:
        OSError: If the file cannot be written.
    """
    written = 0
    with path.open("wb") as file:
        for part in slices:
            if limit is not None and written + len(part) >= limit:
                part = part.part(0, limit - written)
                file.write(part.lines())
                return written + len(part)
            file.write(part.lines())
            written += len(part)
    return written


async def to_kafka(
    bootstrap: str,
    slices: AsyncIterable[Slice] | Iterable[Slice],
    *,
    topics: Mapping[str, str] = TOPICS,
    rate: float | None = None,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Send a stream to Kafka and wait until the broker has all of it; returns how many events.

    Args:
        bootstrap: host:port of a broker.
        slices: From `Market.slices`, or from `paced` to keep to a clock.
        topics: Kind of topic (trades, loans, reference) -> name.
        rate: Events a second at most; None as fast as the broker takes them.
        limit: Ends the stream after that many events.
        progress: Called after each slice with the events sent so far and the last event's time (ms).

    Raises:
        aiokafka.errors.KafkaError: If the broker cannot be reached or does not take an event.
    """
    producer = AIOKafkaProducer(**kafka_options(bootstrap), linger_ms=5, max_batch_size=256 * 1024, acks="all")
    await producer.start()
    sent, started = 0, time.monotonic()
    sender = _Sender(producer, topics)
    try:
        async for part in _each(slices):
            if limit is not None:
                part = part.part(0, limit - sent)
            await sender.send(part)
            sent += len(part)
            if progress is not None and len(part):
                progress(sent, int(part.times[-1]))
            if limit is not None and sent >= limit:
                break
            if rate is not None:
                await asyncio.sleep(max(0.0, sent / rate - (time.monotonic() - started)))
        await sender.settle()
    finally:
        await producer.stop()
    return sent


class _Sender:
    """Sends slices as whole batches, one of each partition: a record at a time costs aiokafka five times as much."""

    def __init__(self, producer: AIOKafkaProducer, topics: Mapping[str, str]) -> None:
        self._producer, self._topics = producer, topics
        self._choose = DefaultPartitioner()
        self._partitions: dict[str, list[int]] = {}  # topic -> its partitions
        self._places: dict[tuple[str, bytes], tuple[str, int]] = {}  # kind of topic and key -> topic, partition
        self._waiting: list[asyncio.Future[object]] = []

    async def send(self, part: Slice) -> None:
        """Hand a slice to the producer; records of a partition keep their order."""
        for kind in set(part.topics) & set(self._topics):
            topic = self._topics[kind]
            if topic not in self._partitions:
                self._partitions[topic] = sorted(await self._producer.partitions_for(topic))
        batches: dict[tuple[str, int], Any] = {}
        # The broker's retention goes by these, so they are of the wall, not of the simulation.
        now = int(time.time() * 1000)
        for kind, key, value in zip(part.topics, part.keys, part.values, strict=True):
            place = self._place(kind, key)
            batch = batches.get(place)
            if batch is None or batch.append(timestamp=now, key=key, value=value) is None:
                if batch is not None:
                    await self._ship(place, batch)
                batch = batches[place] = self._producer.create_batch()
                batch.append(timestamp=now, key=key, value=value)
        for place, batch in batches.items():
            await self._ship(place, batch)
        if len(self._waiting) > _WINDOW:
            await self.settle()

    async def settle(self) -> None:
        """Wait until the broker has whatever was sent."""
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*waiting)

    async def _ship(self, place: tuple[str, int], batch: Any) -> None:
        topic, partition = place
        self._waiting.append(await self._producer.send_batch(batch, topic, partition=partition))

    def _place(self, kind: str, key: bytes) -> tuple[str, int]:
        """Topic and partition of a key: the partition any other Kafka client would choose."""
        place = self._places.get((kind, key))
        if place is None:
            if len(self._places) > _PLACES:
                self._places.clear()
            topic = self._topics[kind]
            partitions = self._partitions[topic]
            place = self._places[kind, key] = (topic, self._choose(key, partitions, partitions))
        return place


async def _each(slices: AsyncIterable[Slice] | Iterable[Slice]) -> AsyncIterable[Slice]:
    """The slices, whichever way they come."""
    if isinstance(slices, AsyncIterable):
        async for part in slices:
            yield part
    else:
        for part in slices:
            yield part
