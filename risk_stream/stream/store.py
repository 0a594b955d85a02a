"""From `risk.alerts` to Redis: waits while Redis is away or slow, says so once, and loses nothing.

Nothing else waits with it: this is the last step, its runs are read only as far as the partition's credits go, and what
is not read stays in Kafka.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
from redis.exceptions import RedisError

from risk_stream.engine import Alert
from risk_stream.kafka import Record
from risk_stream.sinks import AlertSink, Metrics, Written
from risk_stream.stream.keeper import Keeper

__all__ = ["AlertStore"]

log = logging.getLogger(__name__)

T = TypeVar("T")

#: First and longest wait before Redis is tried again, s.
FIRST_WAIT, LONGEST_WAIT = 0.05, 2.0

#: Alerts in one round trip: what is asked of Redis at once, and what is asked again where it did not answer.
ROUND_TRIP = 500

#: How often what is too old or too many is removed from Redis, s.
TRIM_EVERY = 30.0


class AlertStore:
    """Writes runs of alert records; `write` returns when they are in Redis, however long that takes."""

    def __init__(self, sink: AlertSink, metrics: Metrics, keeper: Keeper | None = None) -> None:
        self.sink, self.metrics, self.keeper = sink, metrics, keeper
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
        written = Written()
        for at in range(0, len(alerts), ROUND_TRIP):
            part = alerts[at : at + ROUND_TRIP]
            written += await self._until_it_answers(lambda part=part: self.sink.write(part))  # type: ignore[misc]
            await self._contribute(part)
        if time.monotonic() - self._trimmed >= TRIM_EVERY:
            while await self._until_it_answers(self.sink.trim):
                pass
            self._trimmed = time.monotonic()
        self.metrics.add("risk_stream_alerts_stored_total", written.new)
        self.metrics.add("risk_stream_alerts_repeated_total", written.repeated)
        self.metrics.add("risk_stream_alerts_revised_total", written.revised)
        self.metrics.add("risk_stream_alerts_withdrawn_total", written.withdrawn)
        for rule in written.suppressed:
            self.metrics.add("risk_stream_alerts_suppressed_total", 1, rule)
        return wrong

    async def _contribute(self, alerts: Sequence[Alert]) -> None:
        """What the alerts add to their customers' profiles: stored before the alerts count as read."""
        keeper = self.keeper
        if keeper is not None and keeper.policy is not None:
            await self._until_it_answers(lambda: keeper.sink.take(alerts))
            keeper.poke()

    async def _until_it_answers(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Redis' answer, asked as often as it takes: what is asked may be asked twice."""
        wait = FIRST_WAIT
        while True:
            try:
                answer = await ask()
            except (RedisError, OSError, TimeoutError) as exc:
                self._failed(exc)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                self._answered()
                return answer

    def _answered(self) -> None:
        self.metrics.set("risk_stream_redis_up", 1)
        if self.away:
            self.away = False
            log.warning("Redis at %s answers again: what waited in Kafka is stored now", self.sink.url)

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
