"""Reads `risk.notices` from its beginning: what was told, and what waits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from aiokafka import TopicPartition

from risk_stream.kafka import LogFollower
from risk_stream.notices import Record, Tellings, read_record
from risk_stream.settings import Settings

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["CLIENT", "follower_of", "read_tellings"]

log = logging.getLogger("risk_stream.post")

#: What the broker's log calls us.
CLIENT = "risk-stream-notices"


def follower_of(settings: Settings, take: Callable[[Record], object]) -> LogFollower:
    """A follower of the log of notices; what is none is left out, and said."""

    def of_fetch(records: list[ConsumerRecord]) -> None:
        for record in records:
            try:
                take(read_record(record.value or b""))
            except (msgspec.ValidationError, msgspec.DecodeError) as error:
                log.warning("%s/%d is no record of a notice: %s", record.topic, record.offset, error)

    place = TopicPartition(settings.notices_topic, 0)
    return LogFollower(settings.broker, [place], of_fetch, client_id=CLIENT, name="the log of notices", committed=True)


async def read_tellings(settings: Settings) -> Tellings:
    """What was told up to now. Raises `KafkaError`."""
    tellings = Tellings()
    follower = follower_of(settings, tellings.take)
    try:
        await follower.start()
    finally:
        await follower.stop()
    return tellings
