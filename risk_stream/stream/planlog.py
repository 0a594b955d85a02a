"""`risk.plans` on Kafka: followed by every worker, written to before a plan is named, and to publish one for all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.catalogue import Catalogue
from risk_stream.connect import kafka_options
from risk_stream.rules import Plan
from risk_stream.stream.planbook import CURRENT
from risk_stream.stream.planparts import UnknownPlanError, is_part, pack_plan, read_manifest, text_of, unpack_plan
from risk_stream.stream.producer import Producer

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["PlanLog", "current_record", "publish_plan", "published_plan", "store_plan"]

log = logging.getLogger(__name__)

#: Wait before a broker that failed is asked again, s.
AGAIN = 1.0

#: Records between two that are wanted that are read along, not sought past.
NEAR = 500

#: How often it is looked whether the log is read far enough, s.
STEP = 0.02


def current_record(version: str | None) -> bytes:
    """The value under `current`: the version of the plan that all workers are to take, or that there is none."""
    return orjson.dumps({"plan": version})


class PlanLog:
    """Where the records of each plan are in the log, and which plan was published.

    `moved()` is called when another is, `added(version)` when another worker has stored a plan.
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
            **kafka_options(self.broker),
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
            key = (record.key or b"").decode(errors="replace")
            if self._consumer is not None and key not in self._places and not is_part(key):
                self.added(key)
            self._places[key] = (TopicPartition(record.topic, record.partition), record.offset)
            return
        try:
            said = orjson.loads(record.value or b"{}").get("plan")
        except (orjson.JSONDecodeError, AttributeError):
            log.warning("which plan is in force cannot be read in %s: only risk-stream may write there", self.topic)
            return
        self.current = said if isinstance(said, str) else None

    # As a `PlanStore`

    def has(self, key: str) -> bool:
        """Whether a record was seen in the log, or stored by this worker."""
        return key in self._places

    async def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The records under some keys; those that the log has, as of now."""
        wanted, found = set(keys), dict[str, bytes]()
        consumer = self._new()
        await consumer.start()
        try:
            consumer.assign(self._partitions)
            for tp in self._partitions:
                at = sorted(place[1] for key in wanted if (place := self._places.get(key)) and place[0] == tp)
                for first, last in _stretches(at):
                    consumer.seek(tp, first)
                    await self._search(consumer, [tp], wanted, found, last + 1)
            if wanted - found.keys():  # nobody has said where, or compaction took it and a later one holds the same
                await consumer.seek_to_beginning()
                await self._search(consumer, self._partitions, wanted, found)
        finally:
            await consumer.stop()
        return found

    async def _search(
        self,
        consumer: AIOKafkaConsumer,
        partitions: list[TopicPartition],
        wanted: set[str],
        found: dict[str, bytes],
        until: int | None = None,
    ) -> None:
        """Read on to the ends, or to an offset, and take what is wanted."""
        ends = await consumer.end_offsets(partitions)
        if until is not None:
            ends = {tp: min(end, until) for tp, end in ends.items()}
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(*partitions, timeout_ms=200)).values():
                for record in records:
                    key = (record.key or b"").decode(errors="replace")
                    if key in wanted and record.value is not None:
                        found[key] = record.value

    async def put(self, records: Mapping[str, bytes]) -> None:
        """Store records in this order; returns when all are."""
        sends = [
            (key, await self.producer.send(self.topic, value, key=key.encode(), partition=0))
            for key, value in records.items()
        ]
        for key, stored in sends:
            sent = await stored
            self._places[key] = (TopicPartition(sent.topic, sent.partition), sent.offset)

    async def publish(self, version: str | None) -> None:
        """Say which plan all workers are to take; None: each its own folder's again."""
        await (await self.producer.send(self.topic, current_record(version), key=CURRENT, partition=0))


def _stretches(offsets: list[int]) -> list[tuple[int, int]]:
    """(first, last) of offsets, ascending, that are so near to each other that all between are read at one go."""
    found: list[tuple[int, int]] = []
    for offset in offsets:
        if found and offset - found[-1][1] <= NEAR:
            found[-1] = found[-1][0], offset
        else:
            found.append((offset, offset))
    return found


async def publish_plan(broker: str, topic: str, plan: Plan | None, events: Mapping[str, str]) -> None:
    """Have all workers take a plan, or with None go by their own rule files; returns when the broker has stored it.

    What is stored already of its files is not stored again. Raises `UnknownPlanError` for a file that is too large and
    `KafkaError`.
    """
    async with _writing(broker, topic) as plans:
        if plan is not None:
            await plans.start()
            await plans.put(pack_plan(plan, events, plans.has))
        await plans.publish(None if plan is None else plan.version)


async def store_plan(broker: str, topic: str, plan: Plan, events: Mapping[str, str]) -> None:
    """Keep a plan in the log without anybody taking it. Raises as `publish_plan`."""
    async with _writing(broker, topic) as plans:
        await plans.start()
        await plans.put(pack_plan(plan, events, plans.has))


@contextlib.asynccontextmanager
async def _writing(broker: str, topic: str) -> AsyncIterator[PlanLog]:
    producer = Producer(broker, client_id="risk-stream-publish")
    await producer.start()
    plans = PlanLog(broker, topic, producer)
    try:
        yield plans
    finally:
        await plans.stop()
        await producer.stop()


async def published_plan(broker: str, topic: str, catalogue: Catalogue) -> Plan | None:
    """The plan that was published for all workers; None where they go by their own rule files.

    Raises `UnknownPlanError` where it is not whole in the log, and `KafkaError`.
    """
    plans = PlanLog(broker, topic, Producer(broker, client_id="risk-stream-published"))  # nothing is sent
    try:
        await plans.start()
        if plans.current is None:
            return None
        found = await plans.get([plans.current])
        if plans.current not in found:
            raise UnknownPlanError(f"plan {plans.current} is not in the log of plans: publish it again")
        manifest = read_manifest(found[plans.current])
        parts = await plans.get(manifest.missing({}))
        return unpack_plan(manifest, {key: text_of(key, value) for key, value in parts.items()}, catalogue)
    finally:
        await plans.stop()
