"""What the console's handlers have: the view of the house, and the ways to ask it more."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from risk_stream.access import AccessSource, Masking
from risk_stream.catalogue import Catalogue
from risk_stream.console.acts import Acts
from risk_stream.console.backtests import Backtests, HouseTurn
from risk_stream.console.deskview import DeskView
from risk_stream.console.index import Index
from risk_stream.console.plans import Plans
from risk_stream.console.records import Records
from risk_stream.console.subjects.audit import AuditTable
from risk_stream.console.subjects.reading import Readings
from risk_stream.console.workers import Workers, addresses_of
from risk_stream.settings import Settings
from risk_stream.sinks import ProfileSink

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["House"]


@dataclass(slots=True, kw_only=True)
class House:
    """One console's. Nothing of it is kept elsewhere: it is read anew from the logs at each start."""

    settings: Settings
    catalogue: Catalogue
    masking: Masking
    index: Index
    view: DeskView
    plans: Plans
    records: Records
    acts: Acts
    redis: Redis
    access: AccessSource
    audit: AuditTable = field(default_factory=AuditTable)
    readings: Readings = field(default_factory=Readings)
    profiles: ProfileSink = field(init=False)
    workers: Workers = field(init=False)
    backtests: Backtests = field(init=False)

    def __post_init__(self) -> None:
        self.profiles = ProfileSink(self.settings.redis, prefix=self.settings.redis_prefix)
        self.workers = Workers(addresses_of(self.settings))
        self.backtests = Backtests(HouseTurn(self.redis, self.settings.redis_prefix))

    @staticmethod
    def now() -> int:
        """The wall clock, ms."""
        return int(time.time() * 1000)

    async def alert_at(self, partition: int, offset: int) -> dict[str, Any] | None:
        """The record of an alert as it stands in its log, not masked; None where the log has let it go.

        Raises `KafkaError`.
        """
        found = await self.records.read(self.settings.alerts_topic, partition, [offset])
        value = found.get(offset)
        if not value:
            return None
        said: dict[str, Any] = msgspec.json.decode(value)
        return said
