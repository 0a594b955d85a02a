"""aiokafka's clients, which begin and end wholly here: where either fails nothing of them stays at work.

aiokafka's own `stop` gives up half way where what it waits for was cancelled, as is a fetch that rests because the
broker is away: its connections stay, and the task that asks for metadata, and who stopped it seems to be cancelled
himself. So does its `start` where it fails once it is connected.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

__all__ = ["ConsumerClient", "ProducerClient"]


class ConsumerClient(AIOKafkaConsumer):
    """A consumer; `await start()` before, `await stop()` after."""

    async def start(self) -> None:
        """Connect. Raises `KafkaError` and `OSError`; no connection is left then."""
        async with _stopped_where_it_fails(self):
            await super().start()

    async def stop(self) -> None:
        """Disconnect. Raises `KafkaError` and `OSError`."""
        async with _wholly(self._client):
            await super().stop()


class ProducerClient(AIOKafkaProducer):
    """A producer; `await start()` before, `await stop()` after.

    Where its sender ends though nobody stops it all that waits for it fails. aiokafka's ends so where a future that it
    waits for is cancelled as a connection breaks, and says nothing: whoever waits for a send, or for the end of a
    transaction, would wait for ever (https://github.com/aio-libs/aiokafka/issues/1039). Nothing can be sent by such a
    producer any more: it `has_ended`.
    """

    @property
    def has_ended(self) -> bool:
        """Whether the sender of a started producer has ended: nothing is sent by it any more."""
        ended: bool = self._sender.sender_task.done()
        return ended

    async def start(self) -> None:
        """Connect. Raises `KafkaError` and `OSError`; no connection is left then."""
        async with _stopped_where_it_fails(self):
            await super().start()
        self._sender.sender_task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Send what is waiting and disconnect; what was not sent when this is cancelled has failed."""
        async with _wholly(self.client):
            try:
                await super().stop()
            finally:
                if self._sender.sender_task is not None:
                    self._sender.sender_task.cancel()  # ends once its requests have failed, as the connections do
                self._fail()

    async def send(self, *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
        """As aiokafka's; that a message has failed is no news where nobody waits for it any more."""
        sent: asyncio.Future[Any] = await super().send(*args, **kwargs)
        sent.add_done_callback(_heard)
        return sent

    def _ended(self, _: asyncio.Task[None]) -> None:
        if not self._closed:
            self._fail()

    def _fail(self) -> None:
        """Have all that waits for it fail, whether anybody waits for it or not."""
        failure = KafkaConnectionError("the Kafka client stopped sending; it connects anew")
        messages = self._sender._message_accumulator  # noqa: SLF001
        waiting = [*chain.from_iterable(messages._batches.values()), *messages._pending_batches]  # noqa: SLF001
        messages.fail_all(failure)
        for batch in waiting:
            batch._drain_waiter.exception()  # noqa: SLF001
        transactions = self._sender._txn_manager  # noqa: SLF001
        end = None if transactions is None else transactions._transaction_waiter  # noqa: SLF001
        if end is not None and not end.done():
            transactions.fatal_error(failure)
            end.exception()


def _heard(sent: asyncio.Future[Any]) -> None:
    if not sent.cancelled():
        sent.exception()


@contextlib.asynccontextmanager
async def _stopped_where_it_fails(one: ConsumerClient | ProducerClient) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await one.stop()
        raise


@contextlib.asynccontextmanager
async def _wholly(client: AIOKafkaClient) -> AsyncIterator[None]:
    """Close the connections whatever happens before; who stops a client is cancelled only where somebody does so."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
    finally:
        await client.close()
