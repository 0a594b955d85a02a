"""A log of ours that one process of a house writes at a time.

Where the broker has transactions the writer's name fences one that was paused and does not know that another took over:
nothing of it is stored any more. The embedded broker has none; there one process runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, ProducerFenced

from risk_stream.kafka.producer import FencedError, Outgoing, Producer, start_fenced

__all__ = ["FencedLog"]

#: The broker ends a transaction that has been open for so long, s.
TRANSACTION = 60.0
#: How long who gives a transaction up waits for its end, s.
ABORT = 5.0


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

        Raises `FencedError` where another took over, and `KafkaError`; also where nothing was heard for `TRANSACTION`.
        """
        if self._fenced is None:
            sends = [await self._plain.send(m.topic, m.value, key=m.key, partition=m.partition) for m in messages]
            for sent in sends:
                await sent
            return
        try:
            async with asyncio.timeout(TRANSACTION):
                await self._transact(self._fenced, messages)
        except ProducerFenced as exc:
            raise FencedError from exc
        except TimeoutError as exc:
            raise KafkaTimeoutError(
                f"Kafka at {self.broker} ended no transaction within {TRANSACTION:.0f} s: it is tried again; see"
                " whether the broker is well"
            ) from exc

    async def _transact(self, producer: AIOKafkaProducer, messages: Sequence[Outgoing]) -> None:
        """Not by `producer.transaction()`: where aiokafka's sender has ended without a word, that waits for ever.

        It ends so where a future that it waits for is cancelled as a connection breaks. A transaction that cannot be
        aborted is ended by whoever opens the log next, or by the broker.
        """
        await producer.begin_transaction()
        try:
            sends = [await producer.send(m.topic, m.value, key=m.key, partition=m.partition) for m in messages]
            for sent in sends:
                await sent
            await producer.commit_transaction()
        except ProducerFenced:
            raise
        except BaseException:
            # An AssertionError is aiokafka's word for a transaction that it has given up itself.
            with contextlib.suppress(KafkaError, TimeoutError, AssertionError):
                async with asyncio.timeout(ABORT):
                    await producer.abort_transaction()
            raise

    async def close(self) -> None:
        """Disconnect; one that was fenced has nothing to say any more."""
        if self._fenced is not None:
            with contextlib.suppress(KafkaError):
                await self._fenced.stop()
        await self._plain.stop()
