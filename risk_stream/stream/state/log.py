"""The state topic on Kafka: written in transactions by one fenced producer per lane, read back committed.

Fencing comes before reading: once `fence` has returned, no earlier owner of the lane writes to it any more, and what it
had begun is undone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from risk_stream.kafka import ConsumerClient, FencedProducer
from risk_stream.settings import kafka_options

if TYPE_CHECKING:
    from aiokafka.structs import RecordMetadata

__all__ = ["KafkaReader", "KafkaStateLog", "KafkaWriter", "Reader", "StateLog", "StoredPart", "Writer"]

log = logging.getLogger(__name__)

#: (offset, key, value) of a committed record.
StoredPart: TypeAlias = tuple[int, bytes, bytes]

#: The broker ends a transaction that has been open for so long, s. A dead owner's is ended by the next one's fence, so
#: this only has to be longer than an outage of the broker that a worker should survive.
TRANSACTION_TIMEOUT = 600.0

#: Bytes of one partition that are fetched at once.
FETCH_BYTES = 8 << 20

#: How often old parts are deleted, s.
TRIM_EVERY = 10.0


class Writer(Protocol):
    """Writes one lane's checkpoints."""

    end: int  # the log's end after what was written last

    async def write(self, parts: Sequence[tuple[bytes, bytes]], header: Callable[[int], tuple[bytes, bytes]]) -> int:
        """Write parts (key, value), then `header(first offset)`, all or nothing; -> the header's bytes.

        Raises `FencedError`, and `KafkaError` where nobody knows whether it was written.
        """

    async def close(self) -> None:
        """Give up the connection."""


class Reader(Protocol):
    """Reads one lane's checkpoints."""

    async def bounds(self) -> tuple[int, int]:
        """(first offset, end) of what is committed."""

    def read(self, start: int, end: int) -> AsyncIterator[list[StoredPart]]:
        """What is committed from `start` and before `end`, in order."""


class StateLog(Protocol):
    """The state topic, as lanes need it."""

    async def fence(self, lane: int) -> Writer:
        """Take the lane: nobody else writes to it from now on."""

    def reader(self, lane: int) -> AbstractAsyncContextManager[Reader]:
        """Read the lane's checkpoints."""

    async def trim(self, before: Mapping[int, int]) -> None:
        """Parts of lanes before these offsets are no longer needed."""

    async def stop(self) -> None:
        """Give up what is open for all lanes."""


class KafkaWriter:
    """A lane's transactional producer."""

    def __init__(self, producer: FencedProducer, topic: str, lane: int) -> None:
        self._producer, self._topic, self._lane = producer, topic, lane
        self.end = -1

    async def write(self, parts: Sequence[tuple[bytes, bytes]], header: Callable[[int], tuple[bytes, bytes]]) -> int:
        """One transaction; every send's own future is awaited."""
        async with self._producer.transaction():
            sends = [await self._send(*part) for part in parts]
            stored = [await send for send in sends]
            # The header says where its own transaction begins: with parts that is known, else it is the header.
            key, value = header(stored[0].offset if stored else max(self.end, 0))
            last = (await (await self._send(key, value))).offset
        self.end = last + 2  # the header, and the mark that the transaction is complete
        return len(value)

    async def _send(self, key: bytes, value: bytes) -> asyncio.Future[RecordMetadata]:
        return await self._producer.send(self._topic, value, key=key, partition=self._lane)

    async def close(self) -> None:
        """Close the connection."""
        await self._producer.close()


class KafkaReader:
    """Reads one lane's partition of the state topic."""

    def __init__(self, consumer: ConsumerClient, tp: TopicPartition) -> None:
        self._consumer, self._tp = consumer, tp

    async def bounds(self) -> tuple[int, int]:
        """(first offset, end) of what is committed. Raises `KafkaError`."""
        first = (await self._consumer.beginning_offsets([self._tp]))[self._tp]
        return first, (await self._consumer.end_offsets([self._tp]))[self._tp]

    async def read(self, start: int, end: int) -> AsyncIterator[list[StoredPart]]:
        """What is committed, in order. Raises `KafkaError`."""
        consumer, tp = self._consumer, self._tp
        consumer.seek(tp, start)
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(tp, timeout_ms=200)).values():
                yield [(r.offset, r.key, r.value) for r in records if r.offset < end]


class KafkaStateLog:
    """The state topic of a group on Kafka."""

    def __init__(self, broker: str, topic: str, group: str) -> None:
        self.broker, self.topic, self.group = broker, topic, group
        self._admin: AIOKafkaAdminClient | None = None
        self._trimmed: dict[int, int] = {}
        self._next_trim = 0.0

    async def fence(self, lane: int) -> KafkaWriter:
        """Start the lane's transactional producer. Raises `KafkaError`."""
        producer = FencedProducer(
            self.broker,
            name=f"{self.group}-{lane}",
            client_id=f"risk-stream-state-{lane}",
            transaction_s=TRANSACTION_TIMEOUT,
        )
        await producer.start()
        return KafkaWriter(producer, self.topic, lane)

    @contextlib.asynccontextmanager
    async def reader(self, lane: int) -> AsyncIterator[KafkaReader]:
        """A connection of its own to read by. Raises `KafkaError`."""
        consumer = ConsumerClient(
            **kafka_options(self.broker),
            client_id=f"risk-stream-restore-{lane}",
            isolation_level="read_committed",
            enable_auto_commit=False,
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=50,
        )
        try:
            await consumer.start()
            tp = TopicPartition(self.topic, lane)
            consumer.assign([tp])
            yield KafkaReader(consumer, tp)
        finally:
            await consumer.stop()

    async def trim(self, before: Mapping[int, int]) -> None:
        """Delete what is not needed, now and then; what fails is deleted the next time."""
        self._trimmed.update(before)
        if time.monotonic() < self._next_trim:
            return
        self._next_trim = time.monotonic() + TRIM_EVERY
        wanted, self._trimmed = self._trimmed, {}
        try:
            if self._admin is None:
                admin = AIOKafkaAdminClient(**kafka_options(self.broker), client_id="risk-stream-trim")
                await admin.start()
                self._admin = admin
            places = {TopicPartition(self.topic, lane): RecordsToDelete(offset) for lane, offset in wanted.items()}
            await self._admin.delete_records(places)
        except (KafkaError, OSError) as exc:
            log.debug("old parts of the state were not deleted, next time: %r", exc)
            self._trimmed = {**wanted, **self._trimmed}

    async def stop(self) -> None:
        """Close the connection."""
        if self._admin is not None:
            await self._admin.close()
            self._admin = None
