"""A log of ours, read to where it ends and then followed: what it says is known before work begins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.kafka.clients import ConsumerClient
from risk_stream.settings import kafka_options

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["LogFollower"]

log = logging.getLogger(__name__)

#: Wait before a broker that failed is asked again, and how often it is looked whether the log is read far enough, s.
AGAIN, STEP = 1.0, 0.02


class LogFollower:
    """`take(records)` gets the records of each fetch, each partition's in their order.

    `name` is what the log is called in sentences. With `committed` what a transaction wrote is read when it is done.
    """

    def __init__(
        self,
        broker: str,
        partitions: Sequence[TopicPartition],
        take: Callable[[list[ConsumerRecord]], None],
        *,
        client_id: str,
        name: str,
        committed: bool = False,
    ) -> None:
        self.broker, self.partitions, self.client_id, self.name = broker, list(partitions), client_id, name
        self._take, self._isolation = take, "read_committed" if committed else "read_uncommitted"
        self._heard_to: dict[TopicPartition, int] = {}  # all below was taken
        self._consumer: ConsumerClient | None = None

    def consumer(self) -> ConsumerClient:
        """Another consumer like its own, not started."""
        return ConsumerClient(
            **kafka_options(self.broker),
            client_id=self.client_id,
            isolation_level=self._isolation,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
        )

    @property
    def is_following(self) -> bool:
        """Whether what comes now was not there at the start."""
        return self._consumer is not None

    async def start(self) -> None:
        """Read what is there. Raises `KafkaError`."""
        consumer = self.consumer()
        try:
            await consumer.start()
            consumer.assign(self.partitions)
            ends = await consumer.end_offsets(self.partitions)
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                await self._fetch(consumer, 200)
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    async def follow(self) -> None:
        """Go on reading until cancelled."""
        while self._consumer is not None:
            try:
                await self._fetch(self._consumer, 1000)
            except KafkaError as exc:
                log.info("%s cannot be read now: %r", self.name, exc)
                await asyncio.sleep(AGAIN)

    async def reach_end(self) -> None:
        """Return when all is taken that was in the log as this was called, while `follow` goes on."""
        while (consumer := self._consumer) is not None:
            try:
                ends = await consumer.end_offsets(self.partitions)
                break
            except KafkaError as exc:
                log.info("the end of %s is not known now: %r", self.name, exc)
                await asyncio.sleep(AGAIN)
        else:
            return
        while self._consumer is not None and any(self._heard_to.get(tp, 0) < end for tp, end in ends.items()):
            await asyncio.sleep(STEP)

    async def _fetch(self, consumer: ConsumerClient, timeout_ms: int) -> None:
        got = await consumer.getmany(timeout_ms=timeout_ms)
        reached = {tp: await consumer.position(tp) for tp in self.partitions}
        self._take([record for records in got.values() for record in records])
        self._heard_to = reached
