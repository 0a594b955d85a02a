"""Whose turn it is, of several processes of a house of which one works and the others stand by.

It is that to which Kafka's group gives the one partition of a topic, and stays so when others join. One that was paused
may not know yet that another took over: what it writes must do no harm then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.kafka.clients import ConsumerClient
from risk_stream.kafka.holder import HolderAssignor
from risk_stream.kafka.reader import Reader
from risk_stream.kafka.topics import BrokerError
from risk_stream.kafka.transactions import FencedError
from risk_stream.settings import kafka_options

__all__ = ["SESSION_MS", "WAIT_MS", "Turn"]

log = logging.getLogger(__name__)

#: How long until the broker is asked again where it was away, s.
AGAIN = 1.0

#: How long the broker may hold a fetch that finds nothing, ms.
WAIT_MS = 200

#: A process silent for so long has lost its place, ms: what brokers allow unless told otherwise.
SESSION_MS = 10_000


class Turn:
    """A place in a group over a topic of one partition; `await join()` before, `await leave()` after.

    `work` does both, and is what a process does that works when it is its turn.
    """

    def __init__(self, broker: str, topic: str, group: str) -> None:
        self._broker = broker
        self._place = TopicPartition(topic, 0)
        self._consumer = ConsumerClient(
            topic,
            **kafka_options(broker),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 4,
            partition_assignment_strategy=(HolderAssignor(topic),),
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

    async def work(
        self,
        once: Callable[[], Awaitable[None]],
        *,
        topics: Sequence[str],
        name: str,
        told: Callable[[str], None],
        waits: str,
        fenced: str = "another took over",
        rests: Callable[[], None] = lambda: None,
        passes: tuple[type[Exception], ...] = (),
    ) -> None:
        """Stand by, then do `once` as long as it is this process's turn, and again; until cancelled.

        Where the broker is away, or one of `passes` is raised, it begins again after a while: the log says so of
        `name`. `told` hears `waits` where others are before it, and `fenced` where another took over while this one
        was paused. `rests()` is called whenever `once` has ended, however.

        Raises:
            BrokerError: the broker was never there, or one of `topics` is not; a sentence says which.
        """
        try:
            async with Reader(self._broker) as reader:
                await reader.spans(topics)
            await self.join()
            while True:
                try:
                    await self.come(lambda: told(waits))
                    await once()
                except FencedError:
                    told(fenced)
                except (KafkaError, BrokerError, OSError, *passes) as exc:
                    log.warning("%s begins again: %s", name, exc)
                except asyncio.CancelledError:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    log.warning("%s begins again: the Kafka client gave up what it was asked", name)
                finally:
                    rests()
                await asyncio.sleep(AGAIN)
        finally:
            await self.leave()
