"""The log of lives, `risk.life`, read from its beginning to where it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from risk_stream.kafka.follower import LogFollower
from risk_stream.settings import Settings

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["read_lives"]


async def read_lives(settings: Settings, take: Callable[[bytes], object]) -> None:
    """Have `take` get each record of the log, up to where it ends now. Raises `KafkaError`."""

    def of_fetch(records: list[ConsumerRecord]) -> None:
        for record in records:
            take(record.value or b"")

    place = TopicPartition(settings.life_topic, 0)
    lives = LogFollower(
        settings.broker, [place], of_fetch, client_id="risk-stream-desk", name="the log of lives", committed=True
    )
    try:
        await lives.start()
    finally:
        await lives.stop()
