"""A Redis that is paused or slow slows nothing but itself: judging goes on, memory is bounded, alerts come after."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
import redis

from tests.live.house import House, Worker, eventually, transfer
from tests.live.servers import MissingServerError, RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.timeout(240)]

#: Alerts while Redis stands still: some first, to have everything in memory that is needed once, then many.
FIRST, MANY = 6_000, 54_000
#: What those may add to the worker's memory, bytes; their records alone are more than twice as much.
BOUND = 60 << 20

#: Every transfer is an alert, at its first hop.
RULES = """
stage: trading
owner: desk
features:
  count_10m: {count: transfer, by: account, window: 10m}
rules:
  - {id: large, on: transfer, when: amount > 9000 and count_10m >= 1, severity: critical, summary: "{account} {amount}"}
"""


@pytest.fixture
def slow_redis() -> Iterator[RedisServer]:
    """A Redis of this test's own."""
    try:
        server = RedisServer()
    except MissingServerError as exc:
        pytest.skip(str(exc))
    with server:
        try:
            yield server
        finally:
            tell(server, signal.SIGCONT)


def tell(server: RedisServer, number: signal.Signals) -> None:
    assert server.process is not None
    assert server.process.pid is not None
    os.kill(server.process.pid, number)


def large(start: int, count: int) -> list[dict[str, Any]]:
    """Transfers that are each an alert, a second apart, so that no window and no ring grows with them."""
    return [
        transfer(f"slow-{i}", f"A{i % 500:06d}", 9400, time=1_700_000_000_000 + i * 1000, device=f"D{i % 500}")
        for i in range(start, start + count)
    ]


def test_a_redis_that_stands_still_or_crawls_slows_only_itself(
    new_house: Callable[[str], House], slow_redis: RedisServer
) -> None:
    """Paused: all is judged, what waits stays in Kafka. Slow: alerts still arrive, all of them, once."""
    house = new_house("slow")
    house.write_rules(RULES)
    worker = Worker(
        house, REDIS=slow_redis.url, CLOCK="simulated", BATCH_RECORDS=500, FETCH_BYTES=1 << 18, REDIS_DAYS=36_500
    )
    try:
        worker.start().ready()
        memory = psutil.Process(worker.child).memory_info
        tell(slow_redis, signal.SIGSTOP)

        def judged() -> float:
            return worker.metric("risk_stream_judged_latency_seconds_count")

        house.send(large(0, FIRST), partition=0)
        assert eventually(lambda: judged() >= FIRST, within=60), worker.log
        before = memory().rss
        house.send(large(FIRST, MANY), partition=0)
        assert eventually(lambda: judged() >= FIRST + MANY, within=90), worker.log
        assert worker.metric("risk_stream_alerts_stored_total") == 0
        grown = memory().rss - before
        assert grown < BOUND, f"{grown >> 20} MiB more"

        over = threading.Event()
        crawl = threading.Thread(target=_crawl, args=(slow_redis, over))
        crawl.start()
        try:
            house.send(large(FIRST + MANY, 1000), partition=0)
            assert eventually(lambda: judged() >= FIRST + MANY + 1000, within=30), worker.log
            assert eventually(lambda: worker.metric("risk_stream_alerts_stored_total") > 0), worker.log
        finally:
            over.set()
            crawl.join()
        everything = FIRST + MANY + 1000
        with redis.Redis(port=slow_redis.port) as client:
            arrived = lambda: int(client.zcard("slow:alerts:status:open"))  # noqa: E731
            assert eventually(lambda: arrived() == everything, within=90), f"{arrived():,} arrived\n{worker.log}"
            assert eventually(lambda: client.zcard("slow:alerts:severity:critical") == everything)
        assert worker.log.count("does not take alerts") >= 1
    finally:
        tell(slow_redis, signal.SIGCONT)
        worker.stop()


def _crawl(server: RedisServer, over: threading.Event) -> None:
    """Let Redis run for a twentieth of the time."""
    while not over.is_set():
        tell(server, signal.SIGCONT)
        over.wait(0.02)
        tell(server, signal.SIGSTOP)
        over.wait(0.4)
    tell(server, signal.SIGCONT)
