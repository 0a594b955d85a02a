"""Where a simulated stream goes: a file of JSON lines, or the house's topics on Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from pathlib import Path

from aiokafka import AIOKafkaProducer

from risk_stream.simulate.emit import Slice

__all__ = ["TOPICS", "to_file", "to_kafka"]

#: Kind of topic -> the topic of that kind a house has by default.
TOPICS: Mapping[str, str] = {"trades": "risk.trades", "loans": "risk.loans", "reference": "risk.reference"}

#: How much of the queue may be on its way at once: bounds memory when a broker is slow.
_WINDOW = 20_000


def to_file(path: Path, slices: Iterable[Slice], *, limit: int | None = None) -> int:
    """Write a stream as JSON lines; returns how many events. `limit` ends it after that many.

    Raises:
        OSError: If the file cannot be written.
    """
    written = 0
    with path.open("wb") as file:
        for part in slices:
            if limit is not None and written + len(part) >= limit:
                part = part.part(0, limit - written)
                file.write(part.lines())
                return written + len(part)
            file.write(part.lines())
            written += len(part)
    return written


async def to_kafka(
    bootstrap: str,
    slices: AsyncIterable[Slice] | Iterable[Slice],
    *,
    topics: Mapping[str, str] = TOPICS,
    rate: float | None = None,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Send a stream to Kafka and wait until the broker has all of it; returns how many events.

    Args:
        bootstrap: host:port of a broker.
        slices: From `Market.slices`, or from `paced` to keep to a clock.
        topics: Kind of topic (trades, loans, reference) -> name.
        rate: Events a second at most; None as fast as the broker takes them.
        limit: Ends the stream after that many events.
        progress: Called after each slice with the events sent so far and the last event's time (ms).

    Raises:
        aiokafka.errors.KafkaError: If the broker cannot be reached or does not take an event.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, max_batch_size=256 * 1024, acks="all")
    await producer.start()
    sent, started = 0, time.monotonic()
    waiting: list[asyncio.Future[object]] = []
    try:
        async for part in _each(slices):
            if limit is not None:
                part = part.part(0, limit - sent)
            # Without a timestamp: the broker's own time counts for its retention, not the simulated one.
            for topic, key, value in zip(part.topics, part.keys, part.values, strict=True):
                waiting.append(await producer.send(topics[topic], value, key))
            sent += len(part)
            if len(waiting) > _WINDOW:
                await asyncio.gather(*waiting)
                waiting.clear()
            if progress is not None and len(part):
                progress(sent, int(part.times[-1]))
            if limit is not None and sent >= limit:
                break
            if rate is not None:
                await asyncio.sleep(max(0.0, sent / rate - (time.monotonic() - started)))
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return sent


async def _each(slices: AsyncIterable[Slice] | Iterable[Slice]) -> AsyncIterable[Slice]:
    """The slices, whichever way they come."""
    if isinstance(slices, AsyncIterable):
        async for part in slices:
            yield part
    else:
        for part in slices:
            yield part
