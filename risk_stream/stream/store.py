"""From `risk.alerts` to Redis: waits while Redis is away, says so once, and loses nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

import msgspec
from redis.exceptions import RedisError

from risk_stream.engine import Alert
from risk_stream.sinks import AlertSink, Metrics
from risk_stream.stream.admission import Record

__all__ = ["AlertStore"]

log = logging.getLogger(__name__)

#: First and longest wait before Redis is tried again, s.
FIRST_WAIT, LONGEST_WAIT = 0.05, 2.0

#: How often what is too old or too many is removed from Redis, s.
TRIM_EVERY = 30.0


class AlertStore:
    """Writes runs of alert records; `write` returns when they are in Redis, however long that takes."""

    def __init__(self, sink: AlertSink, metrics: Metrics) -> None:
        self.sink, self.metrics = sink, metrics
        self.away = False
        self._decode = msgspec.json.Decoder(Alert).decode
        self._trimmed = time.monotonic()

    async def write(self, records: Sequence[Record]) -> list[tuple[Record, str]]:
        """Store what is an alert; what is none is returned with the reason."""
        alerts: list[Alert] = []
        wrong: list[tuple[Record, str]] = []
        for record in records:
            try:
                alerts.append(self._decode(record.value or b""))
            except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
                wrong.append((record, str(exc)))
        wait = FIRST_WAIT
        while True:
            try:
                written = await self.sink.write(alerts)
                await self._trim()
            except (RedisError, OSError, TimeoutError) as exc:
                self._failed(exc)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                break
        self.metrics.add("risk_stream_alerts_stored_total", written.new)
        self.metrics.add("risk_stream_alerts_repeated_total", written.repeated)
        if self.away:
            self.away = False
            log.warning("Redis at %s answers again: %d alerts stored", self.sink.url, written.new)
        self.metrics.set("risk_stream_redis_up", 1)
        return wrong

    async def _trim(self) -> None:
        now = time.monotonic()
        if now - self._trimmed >= TRIM_EVERY:
            self._trimmed = now
            await self.sink.trim()

    def _failed(self, error: Exception) -> None:
        self.metrics.set("risk_stream_redis_up", 0)
        self.metrics.add("risk_stream_redis_failures_total")
        if not self.away:
            self.away = True
            log.warning(
                "Redis at %s does not take alerts (%s): they wait in Kafka, judging goes on",
                self.sink.url,
                str(error) or repr(error),
            )
