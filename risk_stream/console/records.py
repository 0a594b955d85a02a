"""Single records of logs, read by their place: what an index names and does not hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.kafka import ConsumerClient
from risk_stream.settings import kafka_options

__all__ = ["Records"]

#: How long a record may take, s; and how many are read for one request.
PATIENCE, MOST = 5.0, 200


class Records:
    """One at a time reads; `await stop()` after."""

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._consumer: ConsumerClient | None = None
        self._turn = asyncio.Lock()

    async def read(self, topic: str, partition: int, offsets: Sequence[int]) -> dict[int, bytes]:
        """offset -> value of the records that the log still has; of more than MOST the last. Raises `KafkaError`."""
        wanted, found = sorted(set(offsets))[-MOST:], dict[int, bytes]()
        place = TopicPartition(topic, partition)
        async with self._turn:
            consumer = await self._ready()
            try:
                consumer.assign([place])
                begin = (await consumer.beginning_offsets([place]))[place]
                end = (await consumer.end_offsets([place]))[place]
                for offset in wanted:
                    if begin <= offset < end and offset not in found:
                        consumer.seek(place, offset)
                        await self._take(consumer, place, set(wanted), found, offset)
            except BaseException:
                self._consumer = None
                with contextlib.suppress(KafkaError, OSError):
                    await consumer.stop()
                raise
        return found

    async def stop(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _take(
        self, consumer: ConsumerClient, place: TopicPartition, wanted: set[int], found: dict[int, bytes], first: int
    ) -> None:
        """The record at `first`, and of what comes with it those that are wanted too."""
        until = asyncio.get_running_loop().time() + PATIENCE
        while first not in found and asyncio.get_running_loop().time() < until:
            records = (await consumer.getmany(place, timeout_ms=500)).get(place, [])
            found |= {record.offset: record.value or b"" for record in records if record.offset in wanted}
            if records and records[-1].offset >= first:
                return  # what is not there now was compacted away, or is the mark of a transaction

    async def _ready(self) -> ConsumerClient:
        if self._consumer is None:
            consumer = ConsumerClient(
                **kafka_options(self._broker),
                client_id="risk-stream-console",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                max_partition_fetch_bytes=256 << 10,
                fetch_max_wait_ms=100,
            )
            await consumer.start()
            self._consumer = consumer
        return self._consumer
