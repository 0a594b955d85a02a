"""Whose turn it is, of several processes of a house of which one works and the others stand by.

It is that to which Kafka's group gives the one partition of a topic. One that was paused may not know yet that another
took over: what it writes must do no harm then.
"""

from __future__ import annotations

from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition

from risk_stream.connect import kafka_options

__all__ = ["SESSION_MS", "WAIT_MS", "Turn"]

#: How long the broker may hold a fetch that finds nothing, ms.
WAIT_MS = 200

#: A process silent for so long has lost its place, ms: what brokers allow unless told otherwise.
SESSION_MS = 10_000


class Turn:
    """A place in a group over a topic of one partition; `await join()` before, `await leave()` after."""

    def __init__(self, broker: str, topic: str, group: str) -> None:
        self._place = TopicPartition(topic, 0)
        self._consumer = AIOKafkaConsumer(
            topic,
            **kafka_options(broker),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 4,
        )

    async def join(self) -> None:
        """Take a place. Raises `KafkaError` where the broker is away."""
        await self._consumer.start()

    async def mine(self, wait_ms: int = 0) -> bool:
        """Whether it is this process's turn; asked often enough, it keeps its place."""
        await self._consumer.getmany(timeout_ms=wait_ms)
        return self._place in self._consumer.assignment()

    async def come(self, waits: Callable[[], None]) -> None:
        """Return when it is this process's turn; `waits` is called once where it is not at first."""
        if await self.mine(WAIT_MS):
            return
        waits()
        while not await self.mine(WAIT_MS):
            pass

    async def leave(self) -> None:
        """Give the place up."""
        await self._consumer.stop()
