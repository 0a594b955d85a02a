"""`risk.plans` on Kafka: followed by every worker, written to before a plan is named, and to publish one for all."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import orjson
from aiokafka import TopicPartition

from risk_stream.catalogue import Catalogue
from risk_stream.kafka import ConsumerClient, LogFollower, Producer
from risk_stream.rules import Plan
from risk_stream.stream.plans.book import CURRENT
from risk_stream.stream.plans.parts import UnknownPlanError, is_part, pack_plan, read_manifest, text_of, unpack_plan

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["PlanLog", "current_record", "publish_plan", "published_plan", "store_plan"]

log = logging.getLogger(__name__)

#: Records between two that are wanted that are read along, not sought past.
NEAR = 500


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
        self._log = LogFollower(
            broker, self._partitions, self._take, client_id="risk-stream-plans", name="the log of plans"
        )

    async def start(self) -> None:
        """Read what is there. Raises `KafkaError`."""
        await self._log.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._log.stop()

    async def follow(self) -> None:
        """Go on reading until cancelled."""
        await self._log.follow()

    async def reach_end(self) -> None:
        """Return when all is heard that was in the log as this was called, while `follow` goes on."""
        await self._log.reach_end()

    def _take(self, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        before = self.current
        for record in records:
            self._heard(record)
        if self.current != before:
            self.moved()

    def _heard(self, record: ConsumerRecord[bytes, bytes]) -> None:
        if record.key != CURRENT:
            key = (record.key or b"").decode(errors="replace")
            if self._log.is_following and key not in self._places and not is_part(key):
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
        consumer = self._log.consumer()
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
        consumer: ConsumerClient,
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
    producer = Producer(broker, client_id="risk-stream-publish", quiet=True)
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
