"""What it costs that state survives: throughput with checkpoints and without, pauses, two workers, a million keys."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer

from bench.live import Worker, cpu_seconds, environment_of, exposition, fill, pin, scrape, servers, write_rules
from bench.plans import make_events
from bench.report import table
from risk_stream.catalogue import load_catalogue
from risk_stream.embedded import free_port
from risk_stream.kafka import Topic, create_topics, wanted_topics
from risk_stream.settings import load_settings

__all__ = ["run"]

PARTITIONS = 4
KEYS = 33_000
JUDGED, PAUSE = "risk_stream_judged_latency_seconds_count", "risk_stream_loop_pause_seconds"

#: Rows of a key, and keys of each of the four kinds, where memory is measured.
ROWS_A_KEY, KEYS_A_KIND = 16, 250_000

#: Load under which pauses are measured, events/s: batches are small, so what stands still is not a batch.
LOAD = 5_000

#: Event time of the first event, ms.
START = 1_767_225_600_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each part is."""

    events: int
    rounds: int
    keys: int
    seconds: float  # under LOAD


FULL, QUICK = Plan(800_000, 3, KEYS_A_KIND, 120.0), Plan(150_000, 1, KEYS_A_KIND // 20, 15.0)


@contextmanager
def _workers(
    broker: str, redis: str, name: str, trades: str, count: int = 1, **settings: Any
) -> Iterator[list[Worker]]:
    """`count` workers of the bench plan that read the topic `trades`; all else is their own."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder = Path(place)
        events = write_rules(folder)
        running = []
        for number in range(count):
            made = load_settings(
                broker=broker,
                redis=redis,
                rules=[folder / "rules"],
                events=[events],
                group=name,
                prefix=f"{name}.",
                house_topics={"trades": trades, "loans": f"{name}.loans", "reference": f"{name}.reference"},
                partitions=PARTITIONS,
                metrics_port=free_port(),
                redis_prefix=f"{name}:",
                clock="simulated",
                log_level="warning",
                **settings,
            )
            create_topics(broker, wanted_topics(made, load_catalogue(events)))
            log = folder / f"worker-{number}.log"
            out = stack.enter_context(log.open("wb"))
            command = [sys.executable, "-m", "risk_stream", "worker"]
            process = subprocess.Popen(command, env=environment_of(made), stdout=out, stderr=out)
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
            running.append(Worker(process, made, log))
        yield running


def _judged(running: Sequence[Worker]) -> float:
    return sum(scrape(worker.port).get(JUDGED, 0.0) for worker in running)


def _until(running: Sequence[Worker], judged: float, patience: float) -> float:
    """Wait until so many are judged, or for want of patience; how many are.

    Asked seldom: a worker takes milliseconds to say all its metrics, and two take twice as many.
    """
    end = time.monotonic() + patience
    while (seen := _judged(running)) < judged and time.monotonic() < end:
        time.sleep(2.0)
    return seen


@dataclass(frozen=True, slots=True)
class Turn:
    """One way through the topic."""

    per_second: float
    per_cpu_second: float


def _turn(broker: str, redis: str, name: str, trades: str, events: int, count: int = 1, *, durable: bool) -> Turn:
    """Workers that share one core read the topic from its beginning: measured from a quarter of it to its end."""
    # A spare would start in the midst of it, on the core that Kafka needs.
    with _workers(broker, redis, name, trades, count, durable=durable, spare=False) as running:
        return _measured(running, events)


def _two_houses(broker: str, redis: str, name: str, trades: str, events: int) -> Turn:
    """Two houses of one worker each, which know nothing of each other, on one core; each reads the topic for itself.

    What two processes on one core take from each other, in its caches and by changing places, is in this and in what
    two workers of one house take; what these have to do for being two is in theirs alone.
    """
    with (
        _workers(broker, redis, f"{name}-a", trades, durable=True, spare=False) as one,
        _workers(broker, redis, f"{name}-b", trades, durable=True, spare=False) as other,
    ):
        return _measured([*one, *other], events)


def _measured(running: Sequence[Worker], events: int) -> Turn:
    pids = [worker.ready() for worker in running]
    for pid in pids:
        pin(pid)
    first = _until(running, events / 4, 120)
    began, before = time.perf_counter(), sum(map(cpu_seconds, pids))
    last = _until(running, events, 300)
    took, used = time.perf_counter() - began, sum(map(cpu_seconds, pids)) - before
    return Turn((last - first) / took, (last - first) / used)


# Memory and pauses: many keys, then a steady load upon them


def _lean(n: int, keys: int, seed: int, start: int, per_second: int) -> Iterator[bytes]:
    """`n` events over `keys` keys of each kind, each key equally often; `per_second` of event time."""
    rng = random.Random(seed)
    below = rng.randrange
    for i in range(n):
        a, b, c, d = ((i * step + seed) % keys for step in (1, 7, 11, 13))
        read, paid = ("chip", "online", "swipe")[below(3)], ("HK", "CN")[below(2)]
        yield (
            f'{{"id":"k{seed}-{i}","type":"card_payment","time":{start + i * 1000 // per_second},"account":"A{a:06d}",'
            f'"customer":"C{b:06d}","device":"D{c:06d}","instrument":"I{d:06d}","amount":{below(1, 1_000_000) / 100},'
            f'"merchant":"M{below(2000):05d}","read_by":"{read}","issued_in":"CN","paid_in":"{paid}"}}'
        ).encode()


def _pauses(port: int) -> dict[float, float]:
    """The pause histogram: upper bound, s -> seconds of the run whose longest pause was not above it."""
    found = re.findall(rf'^{PAUSE}_bucket{{le="(.*?)"}} (\S+)$', exposition(port), re.MULTILINE)
    return {float(bound.replace("+Inf", "inf")): float(n) for bound, n in found}


def _least_walked(port: int) -> float:
    """Rounds through the windows of the kind of key, among those that have any, of which there were fewest."""
    text = exposition(port)
    keys, cycles = (
        dict(re.findall(rf'^risk_stream_{name}{{kind="(.*?)"}} (\S+)$', text, re.MULTILINE))
        for name in ("state_keys", "image_cycles_total")
    )
    return min((float(cycles.get(kind, 0)) for kind, n in keys.items() if float(n) > 0), default=0.0)


def _quantile(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """A quantile of what came between, linear inside a bucket, ms."""
    counts = {bound: after[bound] - before.get(bound, 0.0) for bound in sorted(after)}
    wanted, below, low = share * max(counts.values()), 0.0, 0.0
    for bound, n in counts.items():
        if n >= wanted and n > below:
            return 1000 * (low if bound == float("inf") else low + (bound - low) * (wanted - below) / (n - below))
        below, low = n, bound
    return float("nan")


class _Load(threading.Thread):
    """A steady stream of events, until stopped."""

    def __init__(self, broker: str, topic: str, keys: int, start: int) -> None:
        super().__init__(daemon=True)
        self.broker, self.topic, self.keys, self.begin_at, self.going = broker, topic, keys, start, True

    def run(self) -> None:
        """Send until `going` is false."""
        asyncio.run(self._send())

    async def _send(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.broker, acks=1, linger_ms=5)
        await producer.start()
        began = time.monotonic()
        for sent, event in enumerate(_lean(10**9, self.keys, 2, self.begin_at, LOAD)):
            while sent > (time.monotonic() - began) * LOAD:
                await asyncio.sleep(0.01)
            if not self.going:
                break
            await producer.send(self.topic, event, partition=sent % PARTITIONS)
        await producer.stop()

    def stop(self) -> None:
        """End it."""
        self.going = False
        self.join(20)


@dataclass(frozen=True, slots=True)
class Held:
    """A worker that holds many keys."""

    rss_mib: float
    rss_before_mib: float
    keys: float
    pause_p99_ms: float
    pause_max_ms: float
    cycles: float  # rounds through all windows of the kind that had fewest, a mean over its partitions
    recovery_s: float  # from kill -9 of the process to the first event that is judged again; NaN without checkpoints


def _recovery(worker: Worker, process: psutil.Process) -> float:
    """Kill the process; -> seconds until its successor has taken in all keys and judges what still comes.

    The successor may use every core: what takes long is reading, which Kafka does on another one.
    """
    spares = [child.pid for child in psutil.Process(worker.supervisor.pid).children() if child.pid != process.pid]
    process.kill()
    process.wait(10)
    began = time.monotonic()
    for pid in spares:
        pin(pid, *range(os.cpu_count() or 1))
    while time.monotonic() < began + 120:
        with contextlib.suppress(OSError):
            if scrape(worker.port).get(JUDGED, 0.0) > 0:
                break
        time.sleep(0.05)
    return time.monotonic() - began


def _held(broker: str, redis: str, plan: Plan, *, durable: bool) -> Held:
    """Fill a worker with keys, then put a steady load upon it and look at its pauses and its memory."""
    name, n = f"bench-keys-{durable:d}", plan.keys * ROWS_A_KEY
    trades = f"{name}.trades"
    create_topics(broker, [Topic(trades, PARTITIONS, 1, {"cleanup.policy": "delete"})])
    with _workers(broker, redis, name, trades, durable=durable) as (worker,):
        process = psutil.Process(worker.ready())
        pin(process.pid)
        empty, most = process.memory_info().rss, 0
        fill(broker, trades, _lean(n, plan.keys, 1, START, LOAD), PARTITIONS)
        _until([worker], n, 600)
        load = _Load(broker, trades, plan.keys, START + n * 1000 // LOAD)
        load.start()
        try:
            time.sleep(5)
            before, end = _pauses(worker.port), time.monotonic() + plan.seconds
            while time.monotonic() < end:
                most = max(most, process.memory_info().rss)
                time.sleep(0.5)
            after, seen, cycles = _pauses(worker.port), scrape(worker.port), _least_walked(worker.port)
            back = _recovery(worker, process) if durable else float("nan")
        finally:
            load.stop()
    return Held(
        rss_mib=most / 2**20,
        rss_before_mib=empty / 2**20,
        keys=seen.get("risk_stream_state_keys", 0.0),
        pause_p99_ms=_quantile(before, after, 0.99),
        pause_max_ms=_quantile(before, after, 1.0),
        cycles=cycles / PARTITIONS,
        recovery_s=back,
    )


def run(quick: bool) -> dict[str, float]:
    """Turns with and without checkpoints and with two workers, one after the other; and a million keys under load."""
    plan = QUICK if quick else FULL
    trades = "bench-durability.trades"
    rounds: list[tuple[Turn, Turn, Turn, Turn]] = []
    with servers() as (broker, redis):
        create_topics(broker, [Topic(trades, PARTITIONS, 1, {"cleanup.policy": "delete"})])
        fill(broker, trades, make_events(plan.events, keys=KEYS), PARTITIONS)
        for number in range(plan.rounds):
            on = _turn(broker, redis, f"bench-on-{number}", trades, plan.events, durable=True)
            two = _turn(broker, redis, f"bench-two-{number}", trades, plan.events, 2, durable=True)
            off = _turn(broker, redis, f"bench-off-{number}", trades, plan.events, durable=False)
            houses = _two_houses(broker, redis, f"bench-houses-{number}", trades, plan.events)
            rounds.append((on, two, off, houses))
            names = ("with checkpoints", "by two workers", "without", "by two houses")
            what = zip(names, rounds[-1], strict=True)
            said = ", ".join(f"{turn.per_cpu_second:,.0f} {name}" for name, turn in what)
            print(f"round {number + 1}, events/cpu-second: {said}", flush=True)
        held, without = _held(broker, redis, plan, durable=True), _held(broker, redis, plan, durable=False)
    rows = [
        (f"{what}, round {i}", turn.per_second, turn.per_cpu_second)
        for i, turns in enumerate(rounds, 1)
        for what, turn in zip(
            ("with checkpoints", "two workers, with them", "without", "two houses"), turns, strict=True
        )
    ]
    head = (f"{plan.events:,} events waiting in Kafka, one core", "events/s", "events/cpu-second")
    table(head, rows)
    table(
        (f"{LOAD:,} events/s on many keys", "keys", "RSS MiB", "empty MiB", "pause p99 ms", "longest ms", "recovery s"),
        [
            (what, round(h.keys), h.rss_mib, h.rss_before_mib, h.pause_p99_ms, h.pause_max_ms, h.recovery_s)
            for what, h in (("with checkpoints", held), ("without", without))
        ],
    )
    return {
        "ratio": round(statistics.median(on.per_second / off.per_second for on, _, off, _ in rounds), 3),
        "ratio_by_cpu": round(statistics.median(on.per_cpu_second / off.per_cpu_second for on, _, off, _ in rounds), 3),
        "events_per_second_durable": round(statistics.median(on.per_second for on, _, _, _ in rounds)),
        "pause_p99_ms": round(held.pause_p99_ms, 1),
        "pause_p99_ms_without": round(without.pause_p99_ms, 1),
        "cpu_ratio_two_workers": round(
            statistics.median(on.per_cpu_second / two.per_cpu_second for on, two, _, _ in rounds), 3
        ),
        "cpu_ratio_two_houses": round(
            statistics.median(on.per_cpu_second / houses.per_cpu_second for on, _, _, houses in rounds), 3
        ),
        "rss_mib": round(held.rss_mib),
        "keys": round(held.keys),
        "image_cycles": round(held.cycles, 1),
        "recovery_s": round(held.recovery_s, 1),
    }
