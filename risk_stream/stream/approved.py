"""The log of plans where rules are changed by four eyes: which plan is in force is what was approved last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.alerts import read_entry
from risk_stream.alerts.approvals import Approvals
from risk_stream.connect import kafka_options
from risk_stream.stream.planlog import PlanLog
from risk_stream.stream.topics import BrokerError

__all__ = ["ApprovedPlans", "UnapprovedError", "await_approval", "read_approvals"]

log = logging.getLogger(__name__)

#: Wait before a broker that failed is asked again, and how often it is looked whether enough is read, s.
AGAIN, STEP = 1.0, 0.02


_NONE = (
    "rules are changed by four eyes (access.yaml) and no plan was approved yet: risk-stream rules propose, and somebody"
    " else risk-stream rules approve"
)


class UnapprovedError(Exception):
    """Raised where no plan was ever approved; the text is one sentence."""


class _Life:
    """Follows `risk.life` for approvals alone."""

    def __init__(self, broker: str, topic: str) -> None:
        self.approvals = Approvals()
        self.moved: Callable[[], None] = lambda: None
        self._broker, self._tp = broker, TopicPartition(topic, 0)
        self._consumer: AIOKafkaConsumer | None = None
        self._heard_to = 0

    async def start(self) -> None:
        """Read what is there. Raises `KafkaError`."""
        consumer = AIOKafkaConsumer(
            **kafka_options(self._broker),
            client_id="risk-stream-approvals",
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
        )
        try:
            await consumer.start()
            consumer.assign([self._tp])
            end = (await consumer.end_offsets([self._tp]))[self._tp]
            while await consumer.position(self._tp) < end:
                await self._take(consumer, 200)
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer

    async def stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    async def follow(self) -> None:
        """Go on reading until cancelled."""
        while self._consumer is not None:
            try:
                await self._take(self._consumer, 1000)
            except KafkaError as exc:
                log.info("the log of people's acts cannot be read now: %r", exc)
                await asyncio.sleep(AGAIN)

    async def reach_end(self) -> None:
        """Return when all is heard that was in the log as this was called, while `follow` goes on."""
        while (consumer := self._consumer) is not None:
            with contextlib.suppress(KafkaError):
                end = (await consumer.end_offsets([self._tp]))[self._tp]
                break
            await asyncio.sleep(AGAIN)
        else:
            return
        while self._consumer is not None and self._heard_to < end:
            await asyncio.sleep(STEP)

    async def _take(self, consumer: AIOKafkaConsumer, timeout_ms: int) -> None:
        before = self.approvals.current
        for records in (await consumer.getmany(timeout_ms=timeout_ms)).values():
            for record in records:
                try:
                    entry = read_entry(record.value or b"")
                except (msgspec.ValidationError, msgspec.DecodeError):
                    log.warning(
                        "entry %d of %s cannot be read: only the desk may write there", record.offset, record.topic
                    )
                    continue
                self.approvals.apply(entry)
        self._heard_to = await consumer.position(self._tp)
        if self.approvals.current != before:
            self.moved()


class ApprovedPlans:
    """As `PlanLog`, for a `PlanWatcher`: `current` is the plan that was approved last, not the one published last."""

    def __init__(self, plans: PlanLog, broker: str, topic: str) -> None:
        self._plans, self._life = plans, _Life(broker, topic)

    @property
    def current(self) -> str | None:
        """The plan that all workers are to take."""
        return self._life.approvals.current

    @property
    def moved(self) -> Callable[[], None]:
        """Called when another is approved."""
        return self._life.moved

    @moved.setter
    def moved(self, call: Callable[[], None]) -> None:
        self._life.moved = call

    @property
    def added(self) -> Callable[[str], None]:
        """Called when another worker has stored a plan."""
        return self._plans.added

    @added.setter
    def added(self, call: Callable[[str], None]) -> None:
        self._plans.added = call

    async def start(self) -> None:
        """Read what is there. Raises `KafkaError`, and `UnapprovedError` where no plan was ever approved."""
        await self._plans.start()
        try:
            await self._life.start()
        except BaseException:
            await self._plans.stop()
            raise
        if self.current is None:
            await self.stop()
            raise UnapprovedError(_NONE)

    async def stop(self) -> None:
        """Disconnect."""
        await self._life.stop()
        await self._plans.stop()

    async def follow(self) -> None:
        """Go on reading until cancelled."""
        await asyncio.gather(self._plans.follow(), self._life.follow())

    async def reach_end(self) -> None:
        """Return when all is heard that was in both logs as this was called, while `follow` goes on."""
        await asyncio.gather(self._plans.reach_end(), self._life.reach_end())

    # As a `PlanStore`

    def has(self, key: str) -> bool:
        """Whether a record is known to be stored."""
        return self._plans.has(key)

    async def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The records under some keys, those that there are."""
        return await self._plans.get(keys)

    async def put(self, records: Mapping[str, bytes]) -> None:
        """Keep records in this order; returns when all are stored."""
        await self._plans.put(records)


async def read_approvals(broker: str, topic: str) -> Approvals:
    """What was proposed and approved until now. Raises `KafkaError`."""
    life = _Life(broker, topic)
    try:
        await life.start()
    finally:
        await life.stop()
    return life.approvals


async def await_approval(broker: str, topic: str) -> None:
    """Return when some plan was approved; where none was, say so once and wait. Raises `BrokerError`."""
    life = _Life(broker, topic)
    approved = asyncio.Event()
    life.moved = approved.set
    try:
        await life.start()
        if life.approvals.current is None:
            log.warning("waiting: %s", _NONE)
            following = asyncio.create_task(life.follow())
            await approved.wait()
            following.cancel()
    except KafkaError as exc:
        raise BrokerError(f"the log of people's acts at {broker} cannot be read ({exc!r}): is Kafka running?") from exc
    finally:
        await life.stop()
