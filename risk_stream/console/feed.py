"""Keeps the console's view: follows what the engine says of alerts and what the desk writes, from the beginning.

Both logs are read before the first page is answered, and followed from then on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from aiokafka import TopicPartition

from risk_stream.alerts import Entry, read_entry
from risk_stream.console.deskview import DeskView
from risk_stream.console.index import Index
from risk_stream.console.subjects.audit import AuditTable
from risk_stream.engine import Alert
from risk_stream.kafka import BrokerError, LogFollower, partition_counts
from risk_stream.settings import Settings

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["Feed"]

log = logging.getLogger("risk_stream.console")


class Feed:
    """`await start()`, then `await run()` until it is cancelled, then `await stop()`. `heard` gets each entry too."""

    def __init__(
        self,
        settings: Settings,
        index: Index,
        view: DeskView,
        heard: Callable[[Entry], None] = lambda _: None,
        audit: AuditTable | None = None,
    ) -> None:
        counts = partition_counts(settings.broker)
        missing = [topic for topic in (settings.alerts_topic, settings.life_topic) if topic not in counts]
        if missing:
            raise BrokerError(f"there is no topic {', '.join(missing)} at {settings.broker}: risk-stream topics create")
        self.index, self.view, self._heard, self._audit = index, view, heard, audit
        self.unreadable = 0  # records of ours that are none
        alerts = [TopicPartition(settings.alerts_topic, p) for p in range(counts[settings.alerts_topic])]
        self._alerts = LogFollower(
            settings.broker, alerts, self._take_alerts, client_id="risk-stream-console", name="the log of alerts"
        )
        self._lives = LogFollower(
            settings.broker,
            [TopicPartition(settings.life_topic, 0)],
            self._take_entries,
            client_id="risk-stream-console",
            name="the log of lives",
            committed=True,
        )

    async def start(self) -> None:
        """Read both. Raises `KafkaError`."""
        await self._alerts.start()
        await self._lives.start()

    async def run(self) -> None:
        """Follow both until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._alerts.follow())
            group.create_task(self._lives.follow())

    async def stop(self) -> None:
        """Disconnect."""
        await self._alerts.stop()
        await self._lives.stop()

    def _take_alerts(self, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        for record in records:
            try:
                alert = _ALERTS.decode(record.value or b"")
            except (msgspec.DecodeError, msgspec.ValidationError):
                self._strange(record)
                continue
            self.index.alert(alert, (record.partition, record.offset), record.timestamp)

    def _take_entries(self, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        for record in records:
            try:
                entry = read_entry(record.value or b"")
            except (msgspec.DecodeError, msgspec.ValidationError):
                self._strange(record)
                continue
            self.view.take(entry, record.offset)
            if self._audit is not None:
                self._audit.take(entry, record.offset, record.value or b"")
            for life in entry.lives:
                self.index.life(life, record.offset)
            self._heard(entry)

    def _strange(self, record: ConsumerRecord[bytes, bytes]) -> None:
        self.unreadable += 1
        if self.unreadable <= 10:
            log.warning(
                "record %d of %s/%d is none of ours and is passed over: only risk-stream may write there",
                record.offset,
                record.topic,
                record.partition,
            )


_ALERTS = msgspec.json.Decoder(Alert)
