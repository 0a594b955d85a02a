"""`risk.plans` on Kafka: followed by every worker, written to before a plan is named, and to publish one for all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.rules import Plan
from risk_stream.stream.planbook import CURRENT, pack_plan
from risk_stream.stream.producer import Producer

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["PlanLog", "current_record", "publish_plan"]

log = logging.getLogger(__name__)

#: How long one record is waited for that is known to be there, s.
PATIENCE = 10.0

#: Wait before a broker that failed is asked again, s.
AGAIN = 1.0

#: How often it is looked whether the log is read far enough, s.
STEP = 0.02


def current_record(version: str | None) -> bytes:
    """The value under `current`: the version of the plan that all workers are to take, or that there is none."""
    return orjson.dumps({"plan": version})


class PlanLog:
    """Where each plan's content is in the log, and which plan was published; `moved()` is called when that changes.

    `added(version)` is called when another worker has stored a plan.
    """

    def __init__(self, broker: str, topic: str, producer: Producer, *, partitions: int = 1) -> None:
        self.broker, self.topic, self.producer = broker, topic, producer
        self.current: str | None = None
        self.moved: Callable[[], None] = lambda: None
        self.added: Callable[[str], None] = lambda _: None
        self._partitions = [TopicPartition(topic, p) for p in range(partitions)]
        self._places: dict[str, tuple[TopicPartition, int]] = {}
        self._heard_to: dict[TopicPartition, int] = {}  # all below is in `current` and in the places
        self._consumer: AIOKafkaConsumer | None = None

    def _new(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self.broker,
            client_id="risk-stream-plans",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
        )

    async def start(self) -> None:
        """Read what is there. Raises `KafkaError`."""
        consumer = self._new()
        try:
            await consumer.start()
            consumer.assign(self._partitions)
            ends = await consumer.end_offsets(self._partitions)
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                await self._take(consumer, 200)
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
                await self._take(self._consumer, 1000)
            except KafkaError as exc:
                log.info("the log of plans cannot be read now: %r", exc)
                await asyncio.sleep(AGAIN)

    async def reach_end(self) -> None:
        """Return when all is heard that was in the log as this was called, while `follow` goes on."""
        while (consumer := self._consumer) is not None:
            try:
                ends = await consumer.end_offsets(self._partitions)
                break
            except KafkaError as exc:
                log.info("the end of the log of plans is not known now: %r", exc)
                await asyncio.sleep(AGAIN)
        else:
            return
        while self._consumer is not None and any(self._heard_to.get(tp, 0) < end for tp, end in ends.items()):
            await asyncio.sleep(STEP)

    async def _take(self, consumer: AIOKafkaConsumer, timeout_ms: int) -> None:
        before = self.current
        for records in (await consumer.getmany(timeout_ms=timeout_ms)).values():
            for record in records:
                self._heard(record)
        for tp in self._partitions:
            self._heard_to[tp] = await consumer.position(tp)
        if self.current != before:
            self.moved()

    def _heard(self, record: ConsumerRecord[bytes, bytes]) -> None:
        if record.key != CURRENT:
            version = (record.key or b"").decode(errors="replace")
            if self._consumer is not None and version not in self._places:
                self.added(version)
            self._places[version] = (TopicPartition(record.topic, record.partition), record.offset)
            return
        try:
            said = orjson.loads(record.value or b"{}").get("plan")
        except (orjson.JSONDecodeError, AttributeError):
            log.warning("which plan is in force cannot be read in %s: only risk-stream may write there", self.topic)
            return
        self.current = said if isinstance(said, str) else None

    # As a `PlanStore`

    def has(self, version: str) -> bool:
        """Whether a plan's content was seen in the log, or stored by this worker."""
        return version in self._places

    async def get(self, version: str) -> bytes | None:
        """A plan's content; None where the log has none, as of now."""
        consumer = self._new()
        await consumer.start()
        try:
            consumer.assign(self._partitions)
            place = self._places.get(version)
            if place is None:
                return await self._search(consumer, version.encode())
            consumer.seek(*place)
            record = await asyncio.wait_for(consumer.getone(place[0]), PATIENCE)
            if record.key == version.encode():
                content: bytes | None = record.value
                return content
            await consumer.seek_to_beginning()  # compaction took it, a later one holds the same
            return await self._search(consumer, version.encode())
        finally:
            await consumer.stop()

    async def _search(self, consumer: AIOKafkaConsumer, key: bytes) -> bytes | None:
        found: bytes | None = None
        ends = await consumer.end_offsets(self._partitions)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    if record.key == key:
                        found = record.value
        return found

    async def put(self, version: str, content: bytes) -> None:
        """Store a plan's content."""
        sent = await (await self.producer.send(self.topic, content, key=version.encode(), partition=0))
        self._places[version] = (TopicPartition(sent.topic, sent.partition), sent.offset)

    async def publish(self, version: str | None) -> None:
        """Say which plan all workers are to take; None: each its own folder's again."""
        await (await self.producer.send(self.topic, current_record(version), key=CURRENT, partition=0))


async def publish_plan(broker: str, topic: str, plan: Plan | None, events: Mapping[str, str]) -> None:
    """Have all workers take a plan, or with None go by their own rule files; returns when the broker has stored it.

    Raises `UnknownPlanError` for a plan that is too large and `KafkaError`.
    """
    content = None if plan is None else pack_plan(plan, events)
    producer = Producer(broker, client_id="risk-stream-publish")
    await producer.start()
    try:
        plans = PlanLog(broker, topic, producer)
        if plan is not None and content is not None:
            await plans.put(plan.version, content)
        await plans.publish(None if plan is None else plan.version)
    finally:
        await producer.stop()
