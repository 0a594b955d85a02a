"""The log of lives on Kafka, written by one desk at a time.

Where the broker has transactions the writer's name fences a desk that was paused and does not know that another took
over: nothing of it is stored any more. The embedded broker has none; there one desk runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from risk_stream.connect import kafka_options
from risk_stream.settings import Settings
from risk_stream.stream.messages import Outgoing
from risk_stream.stream.producer import Producer
from risk_stream.stream.statelog import FencedError

__all__ = ["LifeLog"]

#: The broker ends a transaction that has been open for so long, ms.
TRANSACTION_MS = 60_000


class LifeLog:
    """The writer; `await open()` fences whoever wrote before, `await close()` after."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._plain = Producer(settings.broker, client_id="risk-stream-desk")
        self._fenced: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Raises `KafkaError` where the broker is away."""
        await self._plain.start()
        if not self._plain.idempotent:
            return
        producer = AIOKafkaProducer(
            **kafka_options(self.settings.broker),
            client_id="risk-stream-desk",
            transactional_id=f"{self.settings.group}-desk",
            transaction_timeout_ms=TRANSACTION_MS,
            acks="all",
            max_batch_size=1_000_000,
            max_request_size=16_000_000,
            retry_backoff_ms=20,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._fenced = producer

    async def write(self, messages: Sequence[Outgoing]) -> None:
        """Store messages, all or none where the broker has transactions; returns when they are.

        Raises `FencedError` where another desk took over, and `KafkaError`.
        """
        if self._fenced is None:
            sends = [await self._plain.send(m.topic, m.value, key=m.key, partition=m.partition) for m in messages]
            for sent in sends:
                await sent
            return
        try:
            async with self._fenced.transaction():
                sends = [await self._fenced.send(m.topic, m.value, key=m.key, partition=m.partition) for m in messages]
                for sent in sends:
                    await sent
        except ProducerFenced as exc:
            raise FencedError from exc

    async def close(self) -> None:
        """Disconnect; one that was fenced has nothing to say any more."""
        if self._fenced is not None:
            with contextlib.suppress(KafkaError):
                await self._fenced.stop()
        await self._plain.stop()
