"""The log of plans where rules are changed by four eyes: which plan is in force is what was approved last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.alerts import Approvals, read_entry
from risk_stream.kafka import BrokerError, LogFollower
from risk_stream.stream.plans.log import PlanLog

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["ApprovedPlans", "UnapprovedError", "await_approval", "read_approvals"]

log = logging.getLogger(__name__)

_NONE = (
    "rules are changed by four eyes (access.yaml) and no plan was approved yet: risk-stream rules propose, and somebody"
    " else risk-stream rules approve"
)


class UnapprovedError(Exception):
    """Raised where no plan was ever approved; the text is one sentence."""


class _Life:
    """What `risk.life` says of approvals; `moved` is called when another plan is approved."""

    def __init__(self, broker: str, topic: str) -> None:
        self.approvals = Approvals()
        self.moved: Callable[[], None] = lambda: None
        self.log = LogFollower(
            broker,
            [TopicPartition(topic, 0)],
            self._take,
            client_id="risk-stream-approvals",
            name="the log of people's acts",
            committed=True,
        )

    def _take(self, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        before = self.approvals.current
        for record in records:
            try:
                entry = read_entry(record.value or b"")
            except (msgspec.ValidationError, msgspec.DecodeError):
                log.warning("entry %d of %s cannot be read: only the desk may write there", record.offset, record.topic)
                continue
            self.approvals.apply(entry)
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
            await self._life.log.start()
        except BaseException:
            await self._plans.stop()
            raise
        if self.current is None:
            await self.stop()
            raise UnapprovedError(_NONE)

    async def stop(self) -> None:
        """Disconnect."""
        await self._life.log.stop()
        await self._plans.stop()

    async def follow(self) -> None:
        """Go on reading until cancelled."""
        await asyncio.gather(self._plans.follow(), self._life.log.follow())

    async def reach_end(self) -> None:
        """Return when all is heard that was in both logs as this was called, while `follow` goes on."""
        await asyncio.gather(self._plans.reach_end(), self._life.log.reach_end())

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
        await life.log.start()
    finally:
        await life.log.stop()
    return life.approvals


async def await_approval(broker: str, topic: str) -> None:
    """Return when some plan was approved; where none was, say so once and wait. Raises `BrokerError`."""
    life = _Life(broker, topic)
    approved = asyncio.Event()
    life.moved = approved.set
    try:
        await life.log.start()
        if life.approvals.current is None:
            log.warning("waiting: %s", _NONE)
            following = asyncio.create_task(life.log.follow())
            await approved.wait()
            following.cancel()
    except KafkaError as exc:
        raise BrokerError(f"the log of people's acts at {broker} cannot be read ({exc!r}): is Kafka running?") from exc
    finally:
        await life.log.stop()
