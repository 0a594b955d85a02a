"""A log of ours that one process of a house writes at a time.

Where the broker has transactions the writer's name fences one that was paused and does not know that another took over:
nothing of it is stored any more. The embedded broker has none; there one process runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from risk_stream.kafka.producer import Outgoing, Producer
from risk_stream.kafka.transactions import FencedProducer

__all__ = ["FencedLog"]

#: The broker ends a transaction that has been open for so long, s.
TRANSACTION = 60.0


class FencedLog:
    """The writer; `await open()` fences whoever wrote under its name before, `await close()` after.

    The log is the first partition of `topic`; what is written may have messages for others beside it.
    """

    def __init__(self, broker: str, topic: str, *, name: str, client_id: str) -> None:
        self.broker, self.topic, self.name, self.client_id = broker, topic, name, client_id
        self._plain = Producer(broker, client_id=client_id)
        self._fenced: FencedProducer | None = None

    async def open(self) -> None:
        """Nothing of who wrote before comes into the log from now on, nor counts that was not stored when it ended.

        Raises `FencedError` where another opens it too, and `KafkaError` where the broker is away.
        """
        await self._plain.start()
        if not self._plain.idempotent:
            return
        fenced = FencedProducer(self.broker, name=self.name, client_id=self.client_id, transaction_s=TRANSACTION)
        await fenced.start()
        self._fenced = fenced
        await fenced.clear(self.topic, 0)

    async def write(self, messages: Sequence[Outgoing]) -> None:
        """Store messages, all or none where the broker has transactions; returns when they are.

        Raises `FencedError` where another took over, and `KafkaError`; also where nothing was heard for `TRANSACTION`.
        """
        if self._fenced is None:
            await _stored(self._plain, messages)
            return
        async with self._fenced.transaction():
            await _stored(self._fenced, messages)

    async def close(self) -> None:
        """Disconnect."""
        if self._fenced is not None:
            await self._fenced.close()
        await self._plain.stop()


async def _stored(producer: Producer | FencedProducer, messages: Sequence[Outgoing]) -> None:
    sends = [await producer.send(m.topic, m.value, key=m.key, partition=m.partition) for m in messages]
    for sent in sends:
        await sent
