"""A log of ours that one process of a house writes at a time.

Where the broker has transactions the writer's name fences one that was paused and does not know that another took over:
nothing of it is stored any more. The embedded broker has none; there one process runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from risk_stream.kafka.producer import FencedError, Outgoing, Producer, start_fenced

__all__ = ["FencedLog"]

#: The broker ends a transaction that has been open for so long, s.
TRANSACTION = 60.0


class FencedLog:
    """The writer; `await open()` fences whoever wrote under its name before, `await close()` after."""

    def __init__(self, broker: str, *, name: str, client_id: str) -> None:
        self.broker, self.name, self.client_id = broker, name, client_id
        self._plain = Producer(broker, client_id=client_id)
        self._fenced: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Raises `KafkaError` where the broker is away."""
        await self._plain.start()
        if not self._plain.idempotent:
            return
        self._fenced = await start_fenced(
            self.broker, name=self.name, client_id=self.client_id, transaction_s=TRANSACTION
        )

    async def write(self, messages: Sequence[Outgoing]) -> None:
        """Store messages, all or none where the broker has transactions; returns when they are.

        Raises `FencedError` where another took over, and `KafkaError`.
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
