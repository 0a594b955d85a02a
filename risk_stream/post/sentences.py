"""The sentence of an alert, from the record that raised it: masked, but where it is sealed to who may see it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Mapping

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.access import Masking
from risk_stream.alerts import Cause
from risk_stream.kafka import ConsumerClient
from risk_stream.post.telling import CLIENT
from risk_stream.settings import kafka_options

__all__ = ["Sentences"]

log = logging.getLogger("risk_stream.post")

#: Sentences that are remembered, and how long one may take to read, s.
MOST, PATIENCE = 2_000, 2.0

#: The newest records that are kept as they come: most of what is told of. Reading one that is not takes 0.1 s.
NEWEST = 20_000


class Sentences:
    """Follows a topic of alerts, and reads single older records; `await start()` before, `await stop()` after."""

    def __init__(self, broker: str, topic: str, masking: Masking) -> None:
        self._masking, self._topic = masking, topic
        self._newest: OrderedDict[Cause, bytes] = OrderedDict()
        self._following: asyncio.Task[None] | None = None
        self._follower = ConsumerClient(
            topic,
            **kafka_options(broker),
            client_id=CLIENT,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="latest",
        )
        self._known: OrderedDict[tuple[Cause, bool], str | None] = OrderedDict()
        self._consumer = ConsumerClient(
            **kafka_options(broker),
            client_id=CLIENT,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="none",
            max_partition_fetch_bytes=1 << 16,  # a record, not the log; one that is larger comes all the same
            fetch_max_wait_ms=100,
        )

    async def start(self) -> None:
        """Connect. Raises `KafkaError`."""
        await self._consumer.start()
        await self._follower.start()
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Disconnect."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        for consumer in (self._consumer, self._follower):
            with contextlib.suppress(KafkaError, OSError):
                await consumer.stop()

    async def _follow(self) -> None:
        while True:
            try:
                got = await self._follower.getmany(timeout_ms=1000)
            except KafkaError as error:
                log.info("alerts cannot be followed now: %r", error)
                await asyncio.sleep(1)
                continue
            for records in got.values():
                for record in records:
                    self._newest[Cause(record.topic, record.partition, record.offset)] = record.value or b""
            while len(self._newest) > NEWEST:
                self._newest.popitem(last=False)

    async def of(self, cause: Cause, *, revealed: bool = False) -> str | None:
        """The sentence; None where its record is gone, or is not to be had now."""
        key = (cause, revealed)
        if key not in self._known:
            try:
                self._known[key] = self._sentence(await self._record(cause), revealed=revealed)
            except (KafkaError, TimeoutError, msgspec.DecodeError, ValueError) as error:
                log.info(
                    "the sentence of %s/%d/%d cannot be read: %r", cause.topic, cause.partition, cause.offset, error
                )
                return None
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return self._known[key]

    async def _record(self, cause: Cause) -> bytes:
        known = self._newest.get(cause)
        if known is not None:
            return known
        place = TopicPartition(cause.topic, cause.partition)
        self._consumer.assign([place])
        self._consumer.seek(place, cause.offset)
        record = await asyncio.wait_for(self._consumer.getone(place), PATIENCE)
        if record.offset != cause.offset:
            raise ValueError("it is gone")
        return record.value or b""

    def _sentence(self, value: bytes, *, revealed: bool) -> str | None:
        alert: Mapping[str, object] = msgspec.json.decode(value)
        said = alert if revealed else self._masking.alert(alert)
        return str(said["summary"]) if said.get("summary") else None
