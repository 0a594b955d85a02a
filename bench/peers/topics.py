"""Topics of the benchmark: created, filled quickly and in order, and read while a peer writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from kafka import KafkaAdminClient, KafkaConsumer
from kafka import TopicPartition as Place
from kafka.admin import NewTopic

__all__ = ["create", "fill", "follow", "records_in"]

#: The records of one partition that go to the broker at once, bytes.
BATCH_BYTES = 1 << 18

#: A peer that has said all there is to say, or has ended, and is quiet for so long is done, s.
QUIET = 2.0

#: A peer that says nothing for so long is given up, s.
PATIENCE = 120.0


def create(broker: str, name: str, partitions: int) -> None:
    """A topic whose records bear the time the broker took them: what every peer's speed is measured by."""
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.create_topics([NewTopic(name, partitions, 1, topic_configs={"message.timestamp.type": "LogAppendTime"})])
    admin.close()


def records_in(broker: str, topic: str) -> int:
    """How many records were ever written to a topic."""
    consumer = KafkaConsumer(bootstrap_servers=broker)
    places = [Place(topic, partition) for partition in consumer.partitions_for_topic(topic) or ()]
    written = sum(consumer.end_offsets(places).values())
    consumer.close()
    return int(written)


def fill(broker: str, topic: str, records: Iterable[tuple[int, bytes, bytes]], partitions: int) -> None:
    """Write (customer's number, key, value) records; the number decides the partition, its order is kept."""
    asyncio.run(_fill(broker, topic, records, partitions))


async def _fill(broker: str, topic: str, records: Iterable[tuple[int, bytes, bytes]], partitions: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker, enable_idempotence=True, max_batch_size=BATCH_BYTES)
    await producer.start()
    batches = [producer.create_batch() for _ in range(partitions)]
    for number, key, value in records:
        partition = number % partitions
        if batches[partition].append(key=key, value=value, timestamp=None) is None:
            await producer.send_batch(batches[partition], topic, partition=partition)
            batches[partition] = producer.create_batch()
            batches[partition].append(key=key, value=value, timestamp=None)
    for partition, batch in enumerate(batches):
        await producer.send_batch(batch, topic, partition=partition)
    await producer.stop()


def follow(
    broker: str, topic: str, wanted: int, alive: Callable[[], bool], sample: Callable[[], None]
) -> list[tuple[int, bytes]]:
    """(append time in ms, value) of what is committed to a topic, until `wanted` records are there and no more come.

    `sample` is called ten times a second; the end comes sooner where `alive` no longer holds or nothing more is said.
    """
    return asyncio.run(_follow(broker, topic, wanted, alive, sample))


async def _follow(
    broker: str, topic: str, wanted: int, alive: Callable[[], bool], sample: Callable[[], None]
) -> list[tuple[int, bytes]]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker,
        group_id=None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    sampler = asyncio.create_task(_repeat(sample))
    try:
        found: list[tuple[int, bytes]] = []
        heard = time.monotonic()
        while True:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += [(record.timestamp, record.value) for record in records]
                heard = time.monotonic()
            quiet = time.monotonic() - heard
            if quiet > PATIENCE or (quiet > QUIET and (len(found) >= wanted or not alive())):
                return found
    finally:
        sampler.cancel()
        await consumer.stop()


async def _repeat(sample: Callable[[], None]) -> None:
    while True:
        sample()
        await asyncio.sleep(0.1)
