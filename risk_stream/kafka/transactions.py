"""A producer of transactions that fences whoever wrote under its name before, and never waits for ever.

aiokafka's `transaction()` does where the client's sender has ended without a word (`ProducerClient`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError, KafkaTimeoutError, ProducerFenced

from risk_stream.kafka.clients import ProducerClient
from risk_stream.kafka.producer import DELIVERY_TIMEOUT
from risk_stream.settings import kafka_options

if TYPE_CHECKING:
    from aiokafka.structs import RecordMetadata

__all__ = ["FencedError", "FencedProducer"]

#: How long who gives a transaction up waits for its end, and who closes the connection for what is on its way, s.
PATIENCE = 5.0


class FencedError(Exception):
    """Raised when another process has begun to write under the same name: what this one says is stored no more."""


class FencedProducer:
    """`await start()` before: whoever had the same `name` writes nothing any more; `await close()` after.

    A transaction is ended by whoever starts under the name next, and by the broker once it has been open for
    `transaction_s`.
    """

    def __init__(self, broker: str, *, name: str, client_id: str, transaction_s: float) -> None:
        self.broker, self._longest = broker, transaction_s
        self._producer = ProducerClient(
            **kafka_options(broker),
            client_id=client_id,
            transactional_id=name,
            transaction_timeout_ms=int(transaction_s * 1000),
            acks="all",
            max_batch_size=1_000_000,
            max_request_size=16_000_000,
            request_timeout_ms=int(DELIVERY_TIMEOUT * 1000),
            retry_backoff_ms=20,
        )

    async def start(self) -> None:
        """Raises `KafkaError`; where it does, or is cancelled meanwhile, no connection is left."""
        await self._producer.start()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Store what is sent meanwhile, all or none.

        Raises `FencedError` where another took over, and `KafkaError` where nobody knows whether it was stored.
        """
        async with self._in_time():
            await self._producer.begin_transaction()
            try:
                yield
                await self._producer.commit_transaction()
            except ProducerFenced:
                raise
            except BaseException:
                await self._abort()
                raise

    async def clear(self, topic: str, partition: int) -> None:
        """Have nothing count that was left open under this name in a partition, whether the broker knows of it or not.

        Who begins under a name has the broker end the transaction that was open. A broker that was restarted meanwhile
        was seen to leave the mark out: what was said there counts with the next transaction of that name that is
        stored. One that says nothing and is given up marks it.

        Raises as `transaction`.
        """
        async with self._in_time():
            await self._producer.begin_transaction()
            await (await self.send(topic, b"", partition=partition))
            await self._producer.abort_transaction()

    @contextlib.asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._longest):
                yield
        except ProducerFenced as exc:
            raise FencedError from exc
        except TimeoutError as exc:
            raise KafkaTimeoutError(
                f"Kafka at {self.broker} ended no transaction within {self._longest:.0f} s: it is tried again; see"
                " whether the broker is well"
            ) from exc

    async def _abort(self) -> None:
        if self._producer.has_ended:
            return  # nobody would do it
        # An AssertionError is aiokafka's word for a transaction that it has given up itself.
        with contextlib.suppress(KafkaError, TimeoutError, AssertionError):
            async with asyncio.timeout(PATIENCE):
                await self._producer.abort_transaction()

    async def send(
        self, topic: str, value: bytes, *, key: bytes | None = None, partition: int | None = None
    ) -> asyncio.Future[RecordMetadata]:
        """Hand a message of this transaction over; the future is done when the broker has it."""
        sent: asyncio.Future[RecordMetadata] = await self._producer.send(topic, value, key=key, partition=partition)
        return sent

    async def close(self) -> None:
        """Disconnect; one that was fenced has nothing to say any more."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._producer.stop()
