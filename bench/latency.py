"""From produce to the alert in Redis, on real Kafka and Redis, at a steady 2,000 events a second."""

from __future__ import annotations

import asyncio
import contextlib
import time

import numpy as np
import orjson
from aiokafka import AIOKafkaProducer

from bench.live import Worker, alerts, pin, servers, worker
from bench.plans import make_events
from bench.report import table

__all__ = ["run"]

RATE = 2000
TICKS = 200  # sends a second, each of RATE / TICKS events
WARM = 6.0  # seconds that are not counted
PARTITIONS = 1


async def _produce(running: Worker, seconds: float, sent: dict[str, float]) -> None:
    """Send at the rate; note when each event was handed over."""
    settings = running.settings
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, linger_ms=0, acks=1)
    await producer.start()
    topic, each = settings.house_topics["trades"], RATE // TICKS
    events = list(make_events(int(RATE * seconds), keys=33_000, per_second=RATE))
    names = [orjson.loads(e)["id"] for e in events]
    began = time.perf_counter()
    for at in range(0, len(events), each):
        late = began + at / RATE - time.perf_counter()
        if late > 0:
            await asyncio.sleep(late)
        now = time.perf_counter()
        for i in range(at, min(at + each, len(events))):
            sent[names[i]] = now
            await producer.send(topic, events[i], partition=i % PARTITIONS)
    await producer.stop()


async def _follow(running: Worker, arrived: dict[str, float]) -> None:
    """Note when each event's first alert came, until cancelled."""
    async for now, alert in alerts(running.settings):
        arrived.setdefault(alert["event"], now)


async def _measure(running: Worker, seconds: float) -> tuple[np.ndarray, int]:
    """(seconds from produce to alert of every alerted event after the warm-up, events sent)."""
    sent: dict[str, float] = {}
    arrived: dict[str, float] = {}
    follower = asyncio.create_task(_follow(running, arrived))
    await _produce(running, WARM + seconds, sent)
    await asyncio.sleep(2.0)  # the last alerts; counted below, so one that is missing shows
    follower.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await follower
    counted = min(sent.values()) + WARM
    waits = [arrived[e] - at for e, at in sent.items() if at >= counted and e in arrived]
    return np.array(waits) * 1000, len(sent)


def run(quick: bool) -> dict[str, float]:
    """A minute at the rate, or ten seconds."""
    with servers() as (broker, redis), worker(broker, redis, "bench-latency", PARTITIONS, firing=0.05) as running:
        pin(running.ready())
        waits, sent = asyncio.run(_measure(running, 10 if quick else 60))
    p50, p99, most = np.percentile(waits, [50, 99, 100])
    table(
        (f"{RATE:,} events/s, produce to alert in Redis", "p50 ms", "p90 ms", "p99 ms", "max ms"),
        [(f"{len(waits):,} alerts of {sent:,} events", p50, float(np.percentile(waits, 90)), p99, most)],
    )
    return {
        "p50_ms": round(float(p50), 1),
        "p99_ms": round(float(p99), 1),
        "max_ms": round(float(most), 1),
        "alerts": len(waits),
    }
