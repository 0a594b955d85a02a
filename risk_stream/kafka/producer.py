"""A process's own Kafka producer: every send has a future that is awaited, and nothing is sent twice or out of order.

On a broker that has idempotent producers (Kafka) a send is retried for as long as the broker is away. On one that has
not (the embedded one) every send is acknowledged by all replicas and one request is in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from risk_stream.kafka.clients import ProducerClient
from risk_stream.settings import kafka_options

if TYPE_CHECKING:
    from aiokafka.structs import RecordMetadata

__all__ = ["DELIVERY_TIMEOUT", "MAX_MESSAGE_BYTES", "Outgoing", "Producer"]

log = logging.getLogger(__name__)

#: No message of ours is larger; below the broker's default limit of 1,048,588 with headers.
MAX_MESSAGE_BYTES = 950_000

#: A send that was not acknowledged for so long has failed, s.
DELIVERY_TIMEOUT = 120.0

#: A broker that is there says within this time whether it has idempotent producers, s.
PROBE_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send; without a partition the key decides."""

    topic: str
    value: bytes
    key: bytes | None = None
    partition: int | None = None


class Producer:
    """Sends to explicit partitions; `await start()` before, `await stop()` after.

    A `quiet` one does not say that the broker has no idempotent producers: of a command nobody needs to know. Where the
    client has ended unasked, what was on its way has failed, and so does every send from then on; one that `reconnects`
    connects anew, for those whose messages do not hang together.
    """

    def __init__(
        self,
        broker: str,
        *,
        client_id: str = "risk-stream",
        linger_ms: int = 0,
        quiet: bool = False,
        reconnects: bool = False,
    ) -> None:
        self.broker, self.client_id, self.linger_ms, self._quiet = broker, client_id, linger_ms, quiet
        self.idempotent = False
        self._producer: ProducerClient | None = None
        self._connecting = asyncio.Lock() if reconnects else None

    def _new(self, *, idempotent: bool) -> ProducerClient:
        return ProducerClient(
            **kafka_options(self.broker),
            client_id=self.client_id,
            acks="all",
            enable_idempotence=idempotent,
            linger_ms=self.linger_ms,
            max_batch_size=1_000_000,
            max_request_size=16_000_000,
            request_timeout_ms=int(DELIVERY_TIMEOUT * 1000),
            retry_backoff_ms=50,
        )

    async def start(self) -> None:
        """Connect, as an idempotent producer where the broker has them. Raises `KafkaError` if it is away."""
        producer = self._new(idempotent=True)
        client = logging.getLogger("aiokafka")
        level = client.level
        client.setLevel(logging.CRITICAL)  # it calls unexpected what is only asked here
        try:
            await asyncio.wait_for(producer.start(), PROBE_TIMEOUT)
        except (KafkaConnectionError, KafkaTimeoutError, TimeoutError) as exc:
            raise KafkaTimeoutError(
                f"Kafka does not answer at {self.broker}: start it, or set RISK_STREAM_BROKER"
            ) from exc
        except KafkaError as exc:
            log.debug("no idempotent producer: %r", exc)
        else:
            self._producer, self.idempotent = producer, True
            return
        finally:
            client.setLevel(level)
        producer = self._new(idempotent=False)
        await producer.start()
        log.log(
            logging.DEBUG if self._quiet else logging.WARNING,
            "the broker at %s has no idempotent producers: a send that is repeated may be stored twice (rows and alerts"
            " said twice are dropped by name)",
            self.broker,
        )
        self._producer = producer

    async def stop(self) -> None:
        """Send what is waiting and close the connection."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def send(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None = None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> asyncio.Future[RecordMetadata]:
        """Hand a message over; the future is done when the broker has stored it, and raises if it has not."""
        assert self._producer is not None, "start() first"
        if self._connecting is not None and self._producer.has_ended:
            await self._reconnect(self._connecting)
        sent: asyncio.Future[RecordMetadata] = await self._producer.send(
            topic, value, key=key, partition=partition, headers=list(headers)
        )
        return sent

    async def _reconnect(self, connecting: asyncio.Lock) -> None:
        async with connecting:
            ended = self._producer
            if ended is None or not ended.has_ended:
                return  # another send was first
            await self.start()
            with contextlib.suppress(KafkaError):
                await ended.stop()
