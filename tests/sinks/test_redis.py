"""Alerts in a real Redis: whole or not at all, once however often said, and bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import redis
from redis.exceptions import RedisError

from risk_stream.engine import Alert
from risk_stream.sinks import AlertSink, Keep, Written
from tests.live.servers import RedisServer

pytestmark = pytest.mark.live
DAY = 86_400_000


def alert(n: int, *, severity: str = "high", time: int | None = None) -> Alert:
    return Alert(
        id=f"id{n}",
        rule="r",
        rule_version="1",
        plan="p",
        hop="account",
        stage="trading",
        severity=severity,
        score=40.0,
        action="review",
        owner="desk",
        mode="live",
        entity="Alpha",
        channel="app",
        time=1000 + n if time is None else time,
        type="transfer",
        event=f"e{n}",
        keys={"account": "A1"},
        features={"n": 3},
        inexact=[],
        summary="说明",
        why="w",
    )


@pytest.fixture
def seen(redis_server: RedisServer) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_server.url, decode_responses=True)
    for key in client.scan_iter("risk:*"):  # houses of other tests have prefixes of their own
        client.delete(key)
    yield client
    client.close()


def with_sink(redis_server: RedisServer, work: Callable[[AlertSink], Coroutine[Any, Any, Any]], **keep: Any) -> Any:
    async def run() -> Any:
        sink = AlertSink(redis_server.url, keep=Keep(**keep))
        try:
            return await work(sink)
        finally:
            await sink.close()

    return asyncio.run(run())


def write(redis_server: RedisServer, *alerts: Alert, **keep: Any) -> Written:
    written: Written = with_sink(redis_server, lambda sink: sink.write(alerts), **keep)
    return written


def test_an_alert_is_found_by_status_and_severity_and_followed(redis_server: RedisServer, seen: redis.Redis) -> None:
    """Hash, two sorted sets by event time, stream."""
    assert write(redis_server, alert(1), alert(2, severity="low")) == Written(new=2, repeated=0)
    kept = seen.hgetall("risk:alert:id1")
    assert json.loads(kept["json"])["summary"] == "说明"
    assert (kept["rule"], kept["status"], kept["time"]) == ("r", "open", "1001")
    assert seen.zrange("risk:alerts:status:open", 0, -1, withscores=True) == [("id1", 1001.0), ("id2", 1002.0)]
    assert seen.zrange("risk:alerts:severity:low", 0, -1) == ["id2"]
    assert [fields["id"] for _, fields in seen.xrange("risk:alerts:stream")] == ["id1", "id2"]


def test_an_alert_said_twice_is_one(redis_server: RedisServer, seen: redis.Redis) -> None:
    """In one batch or later; what people made of it meanwhile stays."""
    assert write(redis_server, alert(1), alert(1)) == Written(new=1, repeated=1)
    seen.hset("risk:alert:id1", "status", "closed")
    assert write(redis_server, alert(1)) == Written(new=0, repeated=1)
    assert seen.hget("risk:alert:id1", "status") == "closed"
    assert seen.xlen("risk:alerts:stream") == 1


def test_nothing_to_write_is_no_round_trip() -> None:
    """An empty batch."""
    away = AlertSink("redis://127.0.0.1:1/0")
    assert asyncio.run(away.write([])) == Written(0, 0)


def test_a_redis_that_is_away_is_an_error_at_once() -> None:
    """Waiting and trying again is the caller's."""
    with pytest.raises(RedisError):
        asyncio.run(AlertSink("redis://127.0.0.1:1/0").write([alert(1)]))


def test_what_is_too_old_goes_from_everywhere(redis_server: RedisServer, seen: redis.Redis) -> None:
    """By event time."""
    now = 100 * DAY
    write(redis_server, alert(1, time=now - 8 * DAY), alert(2, time=now - 6 * DAY))
    assert with_sink(redis_server, lambda sink: sink.trim(now_ms=now), days=7) == 1
    assert seen.exists("risk:alert:id1") == 0
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id2"]
    assert seen.zrange("risk:alerts:severity:high", 0, -1) == ["id2"]


def test_what_is_too_much_goes_least_severe_and_oldest_first(redis_server: RedisServer, seen: redis.Redis) -> None:
    """Ten alerts where six may stay."""
    severities = ["low"] * 3 + ["critical"] * 4 + ["low"] * 3
    write(redis_server, *(alert(n, severity=s) for n, s in enumerate(severities)))
    assert with_sink(redis_server, lambda sink: sink.trim(now_ms=0), alerts=6) == 4
    assert set(seen.zrange("risk:alerts:status:open", 0, -1)) == {"id3", "id4", "id5", "id6", "id8", "id9"}
    assert with_sink(redis_server, lambda sink: sink.trim(now_ms=0), alerts=6) == 0


def test_the_stream_is_bounded(redis_server: RedisServer, seen: redis.Redis) -> None:
    """About as many entries as the setting says: Redis trims by whole nodes."""
    write(redis_server, *(alert(n) for n in range(2000)), stream=300)
    assert 300 <= seen.xlen("risk:alerts:stream") <= 500
