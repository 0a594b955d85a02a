"""Sends a soak's stream at its rate, in the batches in which a busy sender would."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import defaultdict

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bench.chaos.flow import BACKLOG, Flow
from bench.chaos.house import House
from bench.soak.stream import Maker

__all__ = ["Feed"]

#: How often records are sent, s.
TICK = 0.05

#: What was held back is made up for as long as it is less than this, s of the stream.
MADE_UP = 0.5


class Feed(Flow):
    """Sends until told to `finish`; no more than the workers can do: `sent` says how many events it were."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self.maker = Maker(house.shape)
        self._finish = threading.Event()

    def finish(self) -> None:
        """Send no more."""
        self._finish.set()

    async def _feed(self) -> None:
        rate = self.house.shape.per_second
        producer = AIOKafkaProducer(
            bootstrap_servers=self.house.settings.broker,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=180_000,
            max_batch_size=1 << 18,
        )
        await producer.start()
        owed, last = 0.0, time.monotonic()
        try:
            while not self._finish.is_set():
                await asyncio.sleep(TICK)
                now = time.monotonic()
                held = self._waiting() > BACKLOG * rate
                owed, last = min(owed + (0.0 if held else (now - last) * rate), MADE_UP * rate), now
                if owed >= 1:
                    await self._send(producer, int(owed))
                    self.sent, owed = self.sent + int(owed), owed % 1
            await producer.flush()
            self.done = True
        finally:
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 10)

    async def _send(self, producer: AIOKafkaProducer, n: int) -> None:
        now = int(time.time() * 1000)
        by_origin: dict[int, list[bytes]] = defaultdict(list)
        for origin, value in self.maker.block(n, now):
            by_origin[origin].append(value)
        for origin, values in by_origin.items():
            topic, partition = self.house.origin(origin)
            batch = producer.create_batch()
            for value in values:
                if batch.append(key=None, value=value, timestamp=now) is None:  # it is full
                    await producer.send_batch(batch, topic, partition=partition)
                    batch = producer.create_batch()
                    batch.append(key=None, value=value, timestamp=now)
            await producer.send_batch(batch, topic, partition=partition)
