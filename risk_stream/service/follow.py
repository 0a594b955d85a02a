"""Follows a topic from a time on: every record of every partition, each partition in its order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.kafka import ConsumerClient
from risk_stream.settings import kafka_options

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["Follower"]

log = logging.getLogger(__name__)

#: Most records that are heard before others get their turn: a few milliseconds of work.
TOGETHER = 500

#: How long the broker may hold a fetch that finds nothing, and how long nothing may come before it is asked where the
#: topic ends, ms.
FETCH_WAIT_MS, QUIET_MS = 100, 200

#: What a fetch is to find where nobody waits for the records, bytes; it takes what there is after FETCH_WAIT_MS.
MUCH = 1 << 20


class Follower:
    """`heard(record)` gets each record; `ready` is set when all is heard that was there when it began.

    One that follows `at_leisure` hears of records a tenth of a second later, many at once.
    """

    def __init__(
        self,
        broker: str,
        topic: str,
        partitions: int,
        heard: Callable[[ConsumerRecord], None],
        *,
        at_leisure: bool = False,
    ) -> None:
        self.topic, self._heard = topic, heard
        self._tps = [TopicPartition(topic, p) for p in range(partitions)]
        self.ready = asyncio.Event()
        self._consumer = ConsumerClient(
            **kafka_options(broker),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_min_bytes=MUCH if at_leisure else 1,
            max_partition_fetch_bytes=4 << 20,
        )

    async def start(self, since_ms: int | None = None) -> None:
        """Connect, and begin with what the broker got from a time on; with all there is, without one.

        Raises `KafkaError` where the broker is away.
        """
        consumer = self._consumer
        await consumer.start()
        consumer.assign(self._tps)
        later = await consumer.offsets_for_times(dict.fromkeys(self._tps, since_ms)) if since_ms is not None else {}
        for tp in self._tps:
            if since_ms is None:
                await consumer.seek_to_beginning(tp)
            elif (at := later.get(tp)) is not None:
                consumer.seek(tp, at.offset)
            else:
                await consumer.seek_to_end(tp)

    async def run(self) -> None:
        """Hear records until cancelled."""
        consumer = self._consumer
        ends = await consumer.end_offsets(self._tps)
        while True:
            try:
                got = await consumer.getmany(timeout_ms=QUIET_MS, max_records=TOGETHER)
            except KafkaError as exc:
                log.warning("%s could not be read (%r): tried again", self.topic, exc)
                await asyncio.sleep(QUIET_MS / 1000)
                continue
            for records in got.values():
                for record in records:
                    self._heard(record)
            if not self.ready.is_set():
                ends = {tp: end for tp, end in ends.items() if await consumer.position(tp) < end}
                if not ends:
                    self.ready.set()
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()
