"""A Faust worker on real Kafka: 30 features over 4 keys, 200 rules, alerts out; a bare consumer in the same run."""

from __future__ import annotations

import subprocess
import sys
import time

from bench.live import cpu_seconds, fill, pin, scrape, servers, worker
from bench.plans import make_events
from bench.report import table
from risk_stream.settings import Settings

__all__ = ["run"]

KEYS = 33_000
PARTITIONS = 2

#: Seconds between two looks at the worker's metrics: each costs it a few milliseconds.
SAMPLE = 0.5

#: What the worker is held against: the fastest way to read JSON from Kafka in Python, doing nothing with it.
BARE = """
import asyncio, sys, time
import orjson
from aiokafka import AIOKafkaConsumer

async def main(broker, topic, n):
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker, auto_offset_reset="earliest", max_partition_fetch_bytes=1 << 20
    )
    await consumer.start()
    seen, began = 0, None
    while seen < n:
        for records in (await consumer.getmany(timeout_ms=100, max_records=4000)).values():
            for record in records:
                orjson.loads(record.value)
            seen += len(records)
            if began is None:
                began, skip = time.perf_counter(), seen
    print((seen - skip) / (time.perf_counter() - began))
    await consumer.stop()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def _bare(broker: str, topic: str, events: int) -> float:
    """Events a second of the bare loop, on the same core the worker had."""
    command = [sys.executable, "-c", BARE, broker, topic, str(events)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    pin(process.pid)
    out, _ = process.communicate(timeout=300)
    return float(out)


def _judged(port: int) -> float:
    return scrape(port).get("risk_stream_judged_latency_seconds_count", 0.0)


def _measure(port: int, pid: int, start: int, end: int) -> tuple[float, float, dict[str, float]]:
    """(events a second, events a second of processor time, metrics) while the judged events go from start to end."""
    while (first := _judged(port)) < start:
        time.sleep(SAMPLE)
    began, cpu = time.perf_counter(), cpu_seconds(pid)
    seen, deadline = first, time.monotonic() + 240
    while seen < end and time.monotonic() < deadline:
        time.sleep(SAMPLE)
        seen = _judged(port)
    done = seen - first
    return done / (time.perf_counter() - began), done / (cpu_seconds(pid) - cpu), scrape(port)


def run(quick: bool) -> dict[str, float]:
    """A million events that wait in Kafka, or fewer, through one worker on one core."""
    events = 200_000 if quick else 1_000_000
    turns = []
    with servers() as (broker, redis):
        for turn in range(1 if quick else 2):

            def filled(settings: Settings) -> None:
                fill(broker, settings.house_topics["trades"], make_events(events, keys=KEYS), PARTITIONS)

            with worker(broker, redis, f"bench-worker-{turn}", PARTITIONS, filled) as running:
                pid = running.ready()
                pin(pid)
                turns.append(_measure(running.port, pid, events // 6, events))
        bare = max(_bare(broker, running.settings.house_topics["trades"], events) for _ in range(2))
    wall, cpu = max(t[0] for t in turns), max(t[1] for t in turns)
    table(
        (f"{events:,} events waiting in Kafka, one core", "events/s", "events/cpu-second"),
        [(f"worker, turn {i}", t[0], t[1]) for i, t in enumerate(turns, 1)]
        + [("bare aiokafka loop with orjson", bare, bare)],
    )
    sums = turns[-1][2]
    alerts, batches = sums.get("risk_stream_alerts_total", 0.0), sums["risk_stream_batch_events_count"]
    sent = sums["risk_stream_sent_bytes_total"] / sums["risk_stream_judged_latency_seconds_count"]
    print(
        f"{alerts:,.0f} alerts; {sent:,.0f} bytes sent for an event;"
        f" {sums['risk_stream_batch_events_sum'] / batches:,.0f} events a batch;"
        f" ratio to the bare loop {wall / bare:.2f}\n"
    )
    return {
        "events_per_second_per_core": round(wall),
        "events_per_cpu_second": round(cpu),
        "bare_events_per_second": round(bare),
        "ratio_to_bare_consumer": round(wall / bare, 3),
        "sent_bytes_per_event": round(sent),
        "alerts": round(alerts),
    }
